/* SPDX-License-Identifier: MIT */
/* What a target does about being asked to stop. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/names.h"
#include "rules/deed.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "shutdown-stuck",
	.severity = SEVERITY_WARNING,
	.doc = "the target is alive long after it was asked to stop, or spins meanwhile",
	.why = "Whoever restarts it waits, then kills it in the middle of whatever it was doing. One idle or "
	       "silent client is enough to keep every deployment waiting.",
	.how =
	    "SIGTERM, SIGINT or SIGQUIT was delivered while peers were connected. The rule is broken when "
	    "the "
	    "process lives 2.5 s later; or when it lives for half a second and its waits return 1000 times "
	    "without anything being moved. One that has closed its listeners and waits with a time-out or "
	    "has a timer is draining, and may take the time it set itself. At the end of a case only the "
	    "spin is judged, for then it has just a second.",
	.mend =
	    "Stop accepting, finish the answers that are under way, close idle connections at once, and "
	    "set a moment after which the rest is closed too. Take what is finished out of the epoll set, "
	    "or it spins.",
	.seen = "nginx c650b3ec5",
    },
};

/* A process that was asked. */
struct asked {
	int32_t pid;
	int64_t signo;
	uint64_t at, vain; /* waits that led to nothing since */
	uint64_t vain_last;
	bool waited, moved;
	bool draining, late; /* in its last sleep; in one that began past the window: the verdict */
};

struct stop {
	struct map asked; /* pid -> struct asked */
};

static int ask(struct stop *stop, const struct event *event)
{
	struct asked *asked = map_get(&stop->asked, (uint32_t)event->pid);

	if (event->ret != SIGTERM && event->ret != SIGINT && event->ret != SIGQUIT)
		return 0;
	if (asked || !event->pid)
		return 0;
	asked = calloc(1, sizeof(*asked));
	if (!asked || map_put(&stop->asked, (uint32_t)event->pid, asked) < 0) {
		free(asked);
		return -ENOMEM;
	}
	asked->pid = event->pid;
	asked->signo = event->ret;
	asked->at = event->at;
	return 0;
}

static void follow_call(struct stop *stop, const struct event *event)
{
	struct asked *asked = map_get(&stop->asked, (uint32_t)event->pid);

	if (!asked)
		return;
	asked->moved |= deed_moves(event) != 0;
	if (call_class((enum call)event->what) != CLASS_WAIT)
		return;
	if (asked->waited && !asked->moved) {
		asked->vain++;
		asked->vain_last = event->at;
	}
	asked->waited = true;
	asked->moved = false;
}

/* Whether it holds a listener, waits with a time-out, has a timer. */
static bool is_draining(const struct world *world, const struct asked *asked)
{
	const struct thread *thread;
	const struct file *file;
	bool timed = false;
	int32_t pid, fd;
	size_t at = 0;

	while ((file = world_next_file(world, &at))) {
		if (file->closed || world_locate(world, file, &pid, &fd) < 0)
			continue;
		if (file->kind == FILE_LISTENER && file->tcp)
			return false;
		timed |= file->kind == FILE_TIMERFD || file->kind == FILE_RING;
	}
	for (at = 0; (thread = world_next_thread(world, &at));) {
		if (thread->process->pid == asked->pid && thread->alive &&
		    (thread->waiting == CALL_unknown || thread->wait_timeout != UINT64_MAX))
			timed = true;
	}
	return timed;
}

/* It goes to sleep: how, for whoever has ended by himself has no thread left to look at. */
static void look(struct judge *judge, const struct stop *stop, const struct event *event)
{
	struct asked *asked = map_get(&stop->asked, (uint32_t)event->pid);

	if (!asked || asked->late || call_class((enum call)event->what) != CLASS_WAIT)
		return;
	asked->draining = is_draining(judge_world(judge), asked);
	asked->late = event->at >= asked->at + judge_window(judge, LIMIT_STOP_WINDOW);
}

static int stop_event(struct judge *judge, void *state, const struct event *event)
{
	if (event->kind == EV_ENTER)
		look(judge, state, event);
	if ((event->kind == EV_FAULT && event->what == FAULT_SIGNAL) ||
	    (event->kind == EV_PROC && event->what == PROC_SIGNAL))
		return ask(state, event);
	if (event->kind == EV_CALL)
		follow_call(state, event);
	return 0;
}

static int judge_asked(struct judge *judge, const struct asked *asked)
{
	const struct world *world = judge_world(judge);
	const struct process *process = world_process(world, asked->pid);
	uint64_t ended = !process || process->alive ? world_now(world) : process->ended;
	uint64_t lived = ended > asked->at ? ended - asked->at : 0;
	uint64_t spun = asked->vain ? asked->vain_last - asked->at : 0;
	bool spins = asked->vain >= LIMIT_STOP_WAITS && spun >= judge_window(judge, LIMIT_STOP_SPIN) &&
		     asked->vain >= LIMIT_STOP_WAITS * (spun / NS_PER_S);
	bool draining = process && process->alive ? is_draining(world, asked) : asked->draining;
	struct finding finding;
	char name[32], what[96];

	if (!spins && (lived < judge_window(judge, LIMIT_STOP_WINDOW) || draining))
		return 0;
	finding = finding_make(judge, &rules[0]);
	finding.pid = asked->pid;
	finding.tid = 0;
	finding.at = asked->at + (spins ? spun : judge_window(judge, LIMIT_STOP_WINDOW));
	finding.from = asked->at;
	finding.to = ended;
	finding.count = asked->vain;
	(void)snprintf(what, sizeof(what), "its waits returned %llu times and nothing moved",
		       (unsigned long long)asked->vain);
	(void)snprintf(finding.message, sizeof(finding.message), "process %d is alive %.2f s after %s; %s",
		       asked->pid, clock_seconds(lived), signal_name((int)asked->signo, name, sizeof(name)),
		       spins ? what : "it has no timer that would end it, or still listens");
	return judge_report(judge, &finding);
}

static int stop_finish(struct judge *judge, void *state)
{
	struct stop *stop = state;
	const struct asked *asked;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (asked = map_next(&stop->asked, &at, NULL)))
		r = judge_asked(judge, asked);
	return r;
}

static void stop_release(void *state)
{
	struct stop *stop = state;

	map_free_all(&stop->asked);
}

static bool stop_silent(const struct judge *judge, const struct contents *contents)
{
	bool ended_in_time =
	    contents->ended_at >= contents->told_at &&
	    contents->ended_at - contents->told_at < judge_window(judge, LIMIT_STOP_WINDOW) &&
	    contents->classes[CLASS_WAIT] < LIMIT_STOP_WAITS;

	return !contents->crowd && (!contents->told_at || ended_in_time);
}

const struct rule_family stop_family = {
    .name = "stop",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct stop),
    .silent = stop_silent,
    .kinds = KIND(EV_FAULT) | KIND(EV_PROC) | KIND(EV_CALL) | KIND(EV_ENTER),
    .event = stop_event,
    .finish = stop_finish,
    .release = stop_release,
};
