/* SPDX-License-Identifier: MIT */
/* Connections that the target makes itself: a non-blocking connect ends later, and somebody has to ask how.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/names.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "connect-unchecked",
	.severity = SEVERITY_WARNING,
	.by_absence = true,
	.doc = "a non-blocking connect failed, and the connection was used or kept as if it had worked",
	.why =
	    "A non-blocking connect gives EINPROGRESS, and epoll reports OUT when it is over, whether it "
	    "worked "
	    "or not. How it ended stands in SO_ERROR, or in the result of the first read or write. A proxy "
	    "or a "
	    "client of a database that does not look takes a refused connection for a good one: requests are "
	    "sent into nothing, the errno that says why is lost (it is told only once), and what is written "
	    "next gives EPIPE.",
	.how =
	    "Followed is every connect that gave EINPROGRESS. getsockopt(SO_ERROR) and a second connect "
	    "count as "
	    "asking, and so does the first read or write: it is told the error. The rule is broken when "
	    "nobody "
	    "asked in either of the first two ways and the target went on writing after a read or write had "
	    "been told the error; or kept the fd open for 2 s after the failure was reported (ERR) or told. "
	    "A "
	    "connect that worked breaks nothing, however it was used. Injected errors do not count, nor does "
	    "what comes after the target was told to stop.",
	.mend = "On the first OUT, ERR or HUP of a connect under way read SO_ERROR: 0 is connected, anything "
		"else ends "
		"the attempt (close the fd; try the next address). A failed first write ends it as well.",
	.seen = "libuv 0971598d0",
    },
};

/* A connect that gave EINPROGRESS. */
struct attempt {
	struct file *file;
	uint64_t began, failed; /* failed: when that was reported or told, 0 not yet */
	int told;		/* the errno a read or write was told, 0 none */
	bool asked;
	bool over;	 /* it is known to work, or was judged */
	uint64_t writes; /* after it was told */
};

struct connect {
	const struct facts *facts; /* first: facts_begin */
	struct map attempts;	   /* file id -> struct attempt */
};

static int begin(struct connect *connect, struct file *file, const struct event *event)
{
	struct attempt *attempt = map_get(&connect->attempts, file->id);

	if (attempt) { /* asked again: the result is the answer */
		attempt->asked = true;
		return 0;
	}
	if (event->ret != -EINPROGRESS || (event->flags & EVF_INJECTED))
		return 0;
	attempt = calloc(1, sizeof(*attempt));
	if (!attempt || map_put(&connect->attempts, file->id, attempt) < 0) {
		free(attempt);
		return -ENOMEM;
	}
	attempt->file = file;
	attempt->began = event->at;
	return 0;
}

static int report(struct judge *judge, struct attempt *attempt, uint64_t now)
{
	struct finding finding = finding_make(judge, &rules[0]);
	const char *code = attempt->told ? errno_name(attempt->told) : NULL;
	char what[64];

	attempt->over = true;
	finding_about(&finding, judge, attempt->file);
	finding.at = attempt->failed;
	finding.from = attempt->began;
	finding.to = now;
	finding.count = attempt->writes;
	if (attempt->writes)
		(void)snprintf(what, sizeof(what), "it was written to all the same");
	else
		(void)snprintf(what, sizeof(what), "the fd was kept open for %.2f s",
			       clock_seconds(now - attempt->failed));
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "fd %d (to port %u): the non-blocking connect failed (%s), nobody asked (SO_ERROR), and %s",
	    finding.fd, attempt->file->port, code ? code : "ERR reported", what);
	return judge_report(judge, &finding);
}

static bool is_soft(int64_t ret)
{
	return ret == -EAGAIN || ret == -EINTR || ret == -ENOTCONN;
}

static int follow_data(struct judge *judge, struct attempt *attempt, const struct event *event)
{
	bool writes = call_class((enum call)event->what) == CLASS_WRITE;

	if (attempt->told) {
		attempt->writes += writes;
		return writes ? report(judge, attempt, event->at) : 0;
	}
	if (event->flags & EVF_INJECTED)
		attempt->over = true; /* what it was told is ours */
	else if (event->ret >= 0)
		attempt->over = true; /* it works */
	else if (!is_soft(event->ret)) {
		attempt->told = (int)-event->ret;
		attempt->failed = attempt->failed ? attempt->failed : event->at;
	}
	return 0;
}

static int follow_call(struct connect *connect, struct judge *judge, const struct event *event)
{
	const struct touch *touch = world_touch(judge_world(judge));
	enum call_class class = call_class((enum call)event->what);
	struct attempt *attempt = touch->file ? map_get(&connect->attempts, touch->file->id) : NULL;

	if (touch->file && class == CLASS_CONNECT)
		return begin(connect, touch->file, event);
	if (!attempt || attempt->over)
		return 0;
	if (event->what == CALL_getsockopt && event->arg[0] == SOL_SOCKET && event->arg[1] == SO_ERROR)
		attempt->asked = true;
	if (touch->last_close || attempt->asked)
		attempt->over = true;
	else if (class == CLASS_READ || class == CLASS_WRITE)
		return follow_data(judge, attempt, event);
	return 0;
}

static void follow_reports(struct connect *connect, const struct touch *touch, uint64_t now)
{
	for (uint32_t i = 0; i < touch->report_count; i++) {
		const struct report *said = &touch->reports[i];
		struct attempt *attempt = said->file ? map_get(&connect->attempts, said->file->id) : NULL;

		if (attempt && !attempt->failed && (said->events & EPOLLERR))
			attempt->failed = now;
	}
}

/* Failed attempts that are open still. */
static int judge_round(struct judge *judge, struct connect *connect)
{
	const struct ground *ground = &connect->facts->ground;
	uint64_t patience = judge_window(judge, LIMIT_LEAK_WINDOW);
	struct attempt *attempt;
	size_t at = 0;
	int r = 0;

	if (!facts_at_rest(connect->facts, judge))
		return 0;
	while (r == 0 && (attempt = map_next(&connect->attempts, &at, NULL))) {
		const struct ground_fd *fd = ground_find(ground, attempt->file);

		if (!attempt->over && !attempt->asked && attempt->failed && !attempt->file->closed &&
		    attempt->failed + patience <= ground->began && (!fd || fd->state == TCP_CLOSE))
			r = report(judge, attempt, ground->began);
	}
	return r;
}

static int connect_round(struct judge *judge, void *state)
{
	return judge_round(judge, state);
}

static int connect_event(struct judge *judge, void *state, const struct event *event)
{
	struct connect *connect = state;

	if (connect->facts->hand.stop_asked || hand_told(&connect->facts->hand, event->pid))
		return 0;
	follow_reports(connect, world_touch(judge_world(judge)), event->at);
	return follow_call(connect, judge, event);
}

static int connect_finish(struct judge *judge, void *state)
{
	struct connect *connect = state;

	return connect->facts->ground.open ? judge_round(judge, connect) : 0;
}

static void connect_farewell(struct judge *judge, void *state, const struct file *file)
{
	struct connect *connect = state;

	(void)judge;
	free(map_remove(&connect->attempts, file->id));
}

static void connect_release(void *state)
{
	struct connect *connect = state;

	map_free_all(&connect->attempts);
}

static bool connect_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->classes[CLASS_CONNECT];
}

const struct rule_family connect_family = {
    .name = "connect",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct connect),
    .silent = connect_silent,
    .farewell = connect_farewell,
    .begin = facts_begin,
    .round = connect_round,
    .kinds = KIND(EV_CALL),
    .event = connect_event,
    .finish = connect_finish,
    .release = connect_release,
};
