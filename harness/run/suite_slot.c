/* SPDX-License-Identifier: MIT */
/* A case's process as the front sees it: started, heard, ended. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/names.h"
#include "run/suite_impl.h"
#include "target/target.h"

/* Beyond the case's own limit: to stop the target, to judge. */
#define SLOT_GRACE	 (20 * NS_PER_S)
#define SLOT_GRACE_LEAST (2 * NS_PER_S)
#define SLOT_INDULGENCE	 3 /* times its limit, at the most, for what its process waited for a CPU */
#define SLOT_JSON_MOST	 (64u << 20)

uint64_t suite_limit(const struct suite_case *item)
{
	double scale = item->options.time_scale > 0 ? item->options.time_scale : 1;
	uint64_t limit = item->options.timeout, grace = (uint64_t)((double)SLOT_GRACE * scale);

	if (limit == 0)
		limit = (uint64_t)((double)(30 * NS_PER_S) * scale);
	return limit + (grace > SLOT_GRACE_LEAST ? grace : SLOT_GRACE_LEAST);
}

static int pidfd_open_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0u);
}

/* Between fork and prctl the front may have died: then nobody waits for us. */
static void child_begin(const struct slot *slot, int pipe, pid_t front)
{
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != front)
		_exit(3);
	suite_child(slot, pipe);
}

int slot_start(struct slot *slot, struct error *error)
{
	pid_t front = getpid();
	int channel[2], rc;

	if (pipe2(channel, O_CLOEXEC) < 0)
		return error_set(error, -errno, "the case's pipe: %s", strerror(errno));
	slot->pid = fork();
	if (slot->pid == 0)
		child_begin(slot, channel[1], front);
	rc = slot->pid < 0 ? error_set(error, -errno, "the case's process: %s", strerror(errno)) : 0;
	(void)close(channel[1]);
	slot->pipe = channel[0];
	if (rc == 0) {
		(void)setpgid(slot->pid, slot->pid);
		(void)fcntl(slot->pipe, F_SETFL, O_NONBLOCK);
		slot->pidfd = pidfd_open_of(slot->pid);
		if (slot->pidfd < 0)
			rc = error_set(error, -errno, "the case's process: %s", strerror(errno));
	}
	if (rc < 0) {
		slot_kill(slot, SIGKILL);
		if (slot->pid > 0)
			(void)waitpid(slot->pid, NULL, 0);
		slot_close(slot);
		return rc;
	}
	slot->began = clock_now();
	slot->deadline = slot->began + suite_limit(slot->item);
	return 0;
}

void slot_read(struct slot *slot)
{
	char chunk[16384];
	ssize_t got;

	while (slot->pipe >= 0 && (got = read(slot->pipe, chunk, sizeof(chunk))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return; /* more may come */
		if (slot->json.size > SLOT_JSON_MOST || buf_append(&slot->json, chunk, (size_t)got) < 0)
			break;
	}
	if (slot->pipe >= 0)
		(void)close(slot->pipe);
	slot->pipe = -1;
}

static int parse(const struct slot *slot, struct result *result, struct error *error)
{
	cJSON *json = slot->json.size > 0 ? cJSON_ParseWithLength(slot->json.data, slot->json.size) : NULL;
	int rc;

	if (!json)
		return error_set(error, -EBADMSG, "the case's process sent no whole result");
	rc = result_from_json(json, result, error);
	cJSON_Delete(json);
	return rc;
}

static void explain(const struct slot *slot, int status, const struct error *error, struct result *result)
{
	char name[32];

	if (slot->killed)
		(void)snprintf(result->reason, sizeof(result->reason),
			       "the case did not end within %.0f s and was killed",
			       clock_seconds(slot->deadline - slot->began));
	else if (WIFSIGNALED(status))
		(void)snprintf(result->reason, sizeof(result->reason), "the case's process died by %s",
			       signal_name(WTERMSIG(status), name, sizeof(name)));
	else if (WEXITSTATUS(status) != 0)
		(void)snprintf(result->reason, sizeof(result->reason),
			       "the case's process ended with status %d", WEXITSTATUS(status));
	else
		result_text(result->reason, sizeof(result->reason), error->text);
}

int slot_result(struct slot *slot, struct result *ret_result)
{
	struct error error = {0};
	int status = 0;

	while (waitpid(slot->pid, &status, 0) < 0 && errno == EINTR)
		;
	slot->ended = true;
	slot_read(slot);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !slot->killed &&
	    parse(slot, ret_result, &error) == 0)
		return 0;
	result_init(ret_result, slot->item->scenario->name, slot->item->options.target_name);
	ret_result->round = slot->item->round;
	ret_result->seconds = clock_seconds(clock_now() - slot->began);
	explain(slot, status, &error, ret_result);
	return 0;
}

/* On a machine that lets nobody run, judging alone has taken forty seconds, two of them on a CPU. */
bool slot_indulge(struct slot *slot, uint64_t now)
{
	uint64_t limit = suite_limit(slot->item), most = SLOT_INDULGENCE * limit;
	uint64_t waited = target_waited(slot->pid);

	slot->deadline = slot->began + limit + (waited < most ? waited : most);
	return now < slot->deadline;
}

void slot_kill(struct slot *slot, int signo)
{
	if (slot->pid <= 0 || slot->ended)
		return;
	(void)kill(slot->pid, signo);
	if (signo == SIGKILL)
		(void)kill(-slot->pid, signo);
}

void slot_close(struct slot *slot)
{
	if (slot->pipe >= 0)
		(void)close(slot->pipe);
	if (slot->pidfd >= 0)
		(void)close(slot->pidfd);
	slot->pipe = slot->pidfd = -1;
	slot->pid = 0;
	buf_free(&slot->json);
}
