/* SPDX-License-Identifier: MIT */
/* The first phases of a case: the target comes to listen, then answers while nothing is wrong. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/names.h"
#include "rules/limits.h"
#include "run/stage_impl.h"
#include "run/pending.h"

#define START_PATIENCE	(10 * NS_PER_S)
#define START_LOOK	(10 * NS_PER_MS) /* how often the tables are searched when no event tells */
#define BASE_REQUESTS	3
#define CANARY_INTERVAL (20 * NS_PER_MS)
#define KNOWN_PATIENCE                                                                                       \
	(300 * NS_PER_MS) /* for the end of the first to be read, and the target to sleep again */
#define TIDY_PATIENCE (100 * NS_PER_MS) /* for the closes of the base requests to be followed */

static bool listens(struct stage *stage)
{
	if (stage->gone)
		return true;
	return target_address(stage->target, stage->world, stage->options->port, &stage->address,
			      &stage->address_size) == 0;
}

/* How the first process ended, for people. */
char *status_text(int status, char *out, size_t size)
{
	char name[32];

	if (WIFSIGNALED(status))
		(void)snprintf(out, size, "killed by %s", signal_name(WTERMSIG(status), name, sizeof(name)));
	else
		(void)snprintf(out, size, "exit status %d", WEXITSTATUS(status));
	return out;
}

/* The last thing it printed belongs to the reason: that is where servers say what they miss. */
static int not_started(struct stage *stage)
{
	char output[300], how[64] = "it runs";
	const char *colon = ": ";
	int status;

	if (stage->gone && watcher_status(target_watcher(stage->target), &status) == 0)
		(void)status_text(status, how, sizeof(how));
	(void)target_output(stage->target, output, sizeof(output));
	if (output[0] == '\0')
		colon = "";
	if (stage->scenario->fd_limit != 0)
		return stage_skip(stage, "the target does not start with %llu fds (%s)%s%s",
				  (unsigned long long)stage->scenario->fd_limit, how, colon, output);
	stage->unready = true;
	if (stage->gone)
		return stage_broken(stage, "the target ended before it listened on TCP (%s)%s%s", how, colon,
				    output);
	if (stage->options->port != 0)
		return stage_broken(stage, "the target does not listen on port %u%s%s", stage->options->port,
				    colon, output);
	return stage_broken(stage, "the target does not listen on TCP%s%s", colon, output);
}

static int wait_listening(struct stage *stage)
{
	uint64_t until = clock_now() + stage_window(stage, START_PATIENCE);

	while (!listens(stage)) {
		uint64_t now = clock_now();
		int rc = now < until ? stage_step(stage, now + START_LOOK) : -ETIMEDOUT;

		if (rc == -ETIMEDOUT)
			return not_started(stage);
		if (rc < 0 && rc != -ESRCH)
			return rc;
	}
	return stage->gone ? not_started(stage) : 0;
}

static int mark_ready(struct stage *stage)
{
	const struct sockaddr_in *in4 = (struct sockaddr_in *)&stage->address;
	const struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&stage->address;
	char host[INET6_ADDRSTRLEN] = "?", text[INET6_ADDRSTRLEN + 16];
	uint16_t port = ntohs(in4->sin_port);

	if (stage->address.ss_family == AF_INET) {
		(void)inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host));
		(void)snprintf(text, sizeof(text), "%s:%u", host, port);
	} else {
		(void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		(void)snprintf(text, sizeof(text), "[%s]:%u", host, port);
	}
	return stage_mark(stage, MARK_READY, port, text);
}

/* For protocols without requests: being accepted is being served. */
static bool canary_accepted(void *arg, uint16_t port)
{
	const struct stage *stage = arg;
	struct peer_view *view;
	size_t at = 0;

	while ((view = world_next_peer(stage->world, &at))) {
		if (view->canary && view->port == port && view->conn)
			return true;
	}
	return false;
}

static int32_t canary_id(void *arg)
{
	return ((struct stage *)arg)->next_id++;
}

/* A request takes less time than reading this of all threads, so not each one looks. */
uint64_t stage_delayed(struct stage *stage)
{
	uint64_t now = clock_now();

	if (!stage->delay.at || now - stage->delay.at >= DELAY_LOOK) {
		stage->delay.total = target_delay(stage->target, stage->world);
		stage->delay.at = now;
	}
	return stage->delay.total;
}

static uint64_t canary_delayed(void *arg)
{
	return stage_delayed(arg);
}

static int make_canary(struct stage *stage)
{
	const struct canary_options options = {
	    .protocol = stage->options->protocol,
	    .address = (struct sockaddr *)&stage->address,
	    .address_size = stage->address_size,
	    .interval = CANARY_INTERVAL,
	    .patience = stage_window(stage, LIMIT_UNSERVED_WINDOW),
	    .seed = stage->options->seed,
	    .accepted = stage_watched(stage) ? canary_accepted : NULL,
	    .delayed = canary_delayed,
	    .indulgence = stage_window(stage, LIMIT_UNSERVED_BUSY),
	    .arg = stage,
	    .next_id = canary_id,
	};
	struct error error = {0};

	if (canary_new(stage->loop, stage->journal, &options, &stage->canary, &error) < 0)
		return stage_broken(stage, "the canary: %s", error.text);
	return 0;
}

bool stage_fresh_over(struct stage *stage)
{
	return stage->gone || canary_fresh_result(stage->canary) != -EAGAIN;
}

static bool base_over(struct stage *stage)
{
	struct canary_figures figures = canary_figures(stage->canary);

	return stage->gone || figures.served >= BASE_REQUESTS || figures.wrong > 0 || figures.missed > 0;
}

bool stage_canary_rests(struct stage *stage)
{
	return canary_resting(stage->canary);
}

/* Where it listens on several ports and nobody said which, the one that was taken may have been another's: "
 * (…)", else "". */
static char *other_ports(const struct stage *stage, char *out, size_t size)
{
	uint16_t taken = ntohs(((const struct sockaddr_in *)&stage->address)->sin_port);
	const struct file *file;
	size_t at = 0;

	out[0] = '\0';
	while (stage->options->port == 0 && (file = world_next_file(stage->world, &at))) {
		if (file->kind != FILE_LISTENER || file->closed || !file->tcp || !file->port ||
		    file->port == taken)
			continue;
		(void)snprintf(out, size, " (port %u; it listens on port %u too: --port says which is meant)",
			       taken, file->port);
		break;
	}
	return out;
}

/* Nothing is wrong yet, so a request that fails now is a target we do not understand: ours to say, not its
 * fault. */
static int base_failed(struct stage *stage)
{
	const char *complaint = canary_complaint(stage->canary), *name = stage->options->protocol->name;
	char how[64], output[300], ports[96];
	int status;

	stage->unready = true;
	if (stage->gone && watcher_status(target_watcher(stage->target), &status) == 0)
		return stage_broken(stage, "the target ended during its first requests (%s) %s",
				    status_text(status, how, sizeof(how)),
				    target_output(stage->target, output, sizeof(output)));
	if (complaint[0] != '\0')
		return stage_broken(stage, "the target does not speak %s%s: %s", name,
				    other_ports(stage, ports, sizeof(ports)), complaint);
	return stage_broken(stage, "the target does not speak %s%s: no answer within %.1f s", name,
			    other_ports(stage, ports, sizeof(ports)),
			    clock_seconds(stage_window(stage, LIMIT_UNSERVED_WINDOW)));
}

static int base_requests(struct stage *stage)
{
	/* the canary gives up by itself; this only bounds a canary that does not */
	uint64_t until = clock_now() + stage_window(stage, 2 * (LIMIT_UNSERVED_WINDOW + LIMIT_UNSERVED_BUSY));
	struct canary_figures figures;
	int rc = canary_fresh(stage->canary);

	rc = rc < 0 ? rc : stage_until(stage, stage_fresh_over, until);
	if (rc < 0 && rc != -ESRCH)
		return rc;
	if (stage->gone || canary_fresh_result(stage->canary) != 0)
		return base_failed(stage);
	/* one after the other: nothing is to happen in the batch in which a connection ends */
	rc = stage_until(stage, pending_ended_known, clock_now() + KNOWN_PATIENCE);
	if (rc < 0 && rc != -ESRCH)
		return rc;
	canary_run(stage->canary);
	rc = stage_until(stage, base_over, until);
	if (rc < 0 && rc != -ESRCH)
		return rc;
	figures = canary_figures(stage->canary);
	if (rc != 1 || stage->gone || figures.wrong > 0 || figures.missed > 0)
		return base_failed(stage);
	return 0;
}

/* A probe at both ends of the base run: what the target uses, and how busy it is, when nothing is wrong. */
static int base_probe(struct stage *stage)
{
	int rc = target_probe(stage->target, stage->world);

	return rc < 0 ? stage_broken(stage, "probing the target: %s", strerror(-rc)) : 0;
}

/* The fds before the fault are counted with only the canary's kept connection open. */
static int base_rest(struct stage *stage)
{
	uint64_t until = clock_now() + stage_window(stage, LIMIT_UNSERVED_WINDOW + LIMIT_UNSERVED_BUSY);
	int rc;

	canary_pause(stage->canary);
	rc = stage_until(stage, stage_canary_rests, until);
	rc = rc < 0 ? rc : stage_until(stage, pending_ended_closed, clock_now() + TIDY_PATIENCE);
	if (rc < 0)
		return rc;
	stage->fds_before = target_fds(stage->target, stage->world);
	return base_probe(stage);
}

int case_ready(struct stage *stage)
{
	int rc = wait_listening(stage);

	rc = rc ? rc : mark_ready(stage);
	rc = rc ? rc : make_canary(stage);
	rc = rc ? rc : stage_mark(stage, MARK_BASE, 0, NULL);
	rc = rc ? rc : base_probe(stage);
	rc = rc ? rc : base_requests(stage);
	rc = rc ? rc : base_rest(stage);
	if (rc < 0)
		return rc;
	canary_reset_figures(stage->canary);
	stage->ready = true;
	return 0;
}
