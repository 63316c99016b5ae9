/* SPDX-License-Identifier: MIT */
/* Calls on numbers that were closed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include "base/buf.h"
#include "base/clock.h"
#include "rules/facts.h"
#include "rules/families.h"

static const struct rule rules[] = {
    {
	.id = "bad-fd",
	.severity = SEVERITY_WARNING,
	.doc = "a call is made on a descriptor that the target had closed already",
	.why = "EBADF is the lucky outcome. Between the close and the second use any thread, and any "
	       "library, may "
	       "be given the same number; then the second close ends a stranger's connection or file, the "
	       "second write goes into it. It cannot be reproduced, and it is found years later as "
	       "corruption somewhere else.",
	.how =
	    "The rule is broken when close, epoll_ctl, a read, a write, accept or shutdown gives EBADF for a "
	    "number that the same process had opened and closed before, or when EPOLL_CTL_DEL gives ENOENT "
	    "because the descriptor that was registered under the number was closed and the number has been "
	    "given out again. It is an error when the number had been taken over meanwhile by another "
	    "thread: one closed it twice, the second time the other's, which then got the EBADF. Not judged: "
	    "loops that close a range of numbers, known or not; numbers closed before the trace or before an "
	    "exec; 0, 1 and 2; fcntl (it may be asking); injected errors; a stopping target.",
	.mend =
	    "Give every descriptor one owner that closes it once and forgets the number in the same place. "
	    "Deregister before the close. Treat EBADF as a bug: log it, never ignore it.",
	.seen = "libuv 3ecce9141",
    },
};

/* A number of a process's table: how it was closed last, and who has it now. */
struct number {
	struct file *file; /* that was closed last; held */
	bool closed;
	uint64_t closed_at;
	int32_t closer, opener; /* threads */
	bool handled;		/* the closer did something with what it leads to now */
	bool stolen;  /* closed by the closer of the one before, though another thread had opened it */
	uint64_t set; /* the epoll (file id) it stands in, 0 none */
	uint64_t set_at_close; /* the one it stood in when it was closed */
};

/* Closes of neighbouring numbers in a row by one thread. */
struct run {
	int32_t last;
	bool unknown; /* one of them was never open as far as we know: it closes whatever there may be */
	struct finding *held;
	size_t count, capacity;
};

struct badfd {
	const struct facts *facts; /* first: facts_begin */
	struct map numbers;	   /* pid and number -> struct number */
	struct map runs;	   /* tid -> struct run */
};

static uint64_t key_of(int32_t pid, int32_t fd)
{
	return (uint64_t)(uint32_t)pid << 32 | (uint32_t)fd;
}

static struct number *number_of(struct badfd *badfd, int32_t pid, int32_t fd)
{
	struct number *number = map_get(&badfd->numbers, key_of(pid, fd));

	if (number)
		return number;
	number = calloc(1, sizeof(*number));
	if (!number || map_put(&badfd->numbers, key_of(pid, fd), number) < 0) {
		free(number);
		return NULL;
	}
	return number;
}

static int note_open(struct badfd *badfd, const struct event *event, int32_t fd)
{
	struct number *number = fd >= 0 ? number_of(badfd, event->pid, fd) : NULL;

	if (!number)
		return fd >= 0 ? -ENOMEM : 0;
	number->closed = number->handled = number->stolen = false;
	number->opener = event->tid;
	number->set = 0;
	return 0;
}

static int note_close(struct badfd *badfd, struct file *file, const struct event *event)
{
	struct number *number = number_of(badfd, event->pid, event->fd);

	if (!number)
		return -ENOMEM;
	number->stolen = number->closed_at && number->closer == event->tid && number->opener &&
			 number->opener != event->tid && !number->handled;
	file_drop(number->file);
	number->file = file;
	if (file)
		file_hold(file);
	number->closed = true;
	number->closed_at = event->at;
	number->closer = event->tid;
	number->set_at_close = number->set;
	number->set = 0;
	return 0;
}

static void note_set(struct number *number, const struct world *world, const struct event *event)
{
	const struct file *epoll = world_file(world, event->pid, (int32_t)event->arg[0]);

	if (event->ret == 0)
		number->set = event->arg[1] == EPOLL_CTL_DEL || !epoll ? 0 : epoll->id;
}

/* A new program begins with numbers of its own. */
static void forget(struct badfd *badfd, int32_t pid)
{
	size_t at = 0;
	uint64_t key;
	struct number *number;

	while ((number = map_next(&badfd->numbers, &at, &key)))
		if ((int32_t)(key >> 32) == pid) {
			file_drop(number->file);
			*number = (struct number){0};
		}
}

static int run_end(struct judge *judge, struct run *run)
{
	int r = 0;

	for (size_t i = 0; i < run->count && !run->unknown && r == 0; i++)
		r = judge_report(judge, &run->held[i]);
	run->count = 0;
	run->unknown = false;
	run->last = -1;
	return r;
}

static struct run *run_of(struct badfd *badfd, int32_t tid)
{
	struct run *run = map_get(&badfd->runs, (uint32_t)tid);

	if (run)
		return run;
	run = calloc(1, sizeof(*run));
	if (!run || map_put(&badfd->runs, (uint32_t)tid, run) < 0) {
		free(run);
		return NULL;
	}
	run->last = -1;
	return run;
}

/* Ends the thread's run of closes, or carries it on when this is one of a neighbour. */
static int follow_run(struct judge *judge, struct badfd *badfd, const struct event *event)
{
	struct run *run = map_get(&badfd->runs, (uint32_t)event->tid);
	bool closes = event->kind == EV_CALL && event->what == CALL_close;
	int r = 0;

	if (run && !(closes && (event->fd == run->last + 1 || event->fd == run->last - 1)))
		r = run_end(judge, run);
	if (r < 0 || !closes)
		return r;
	if (!run && !(run = run_of(badfd, event->tid)))
		return -ENOMEM;
	run->last = event->fd;
	return 0;
}

static int hold(struct run *run, const struct finding *finding)
{
	struct finding *grown = array_grow(run->held, run->count, &run->capacity, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	run->held = grown;
	grown[run->count++] = *finding;
	return 0;
}

static int convict(struct judge *judge, struct badfd *badfd, const struct number *number,
		   const struct event *event)
{
	struct finding finding = finding_make(judge, &rules[0]);
	bool others = number->stolen && number->closer != event->tid;

	if (number->file)
		finding_about(&finding, judge, number->file);
	finding.fd = event->fd;
	finding.pid = event->pid;
	finding.from = number->closed_at;
	if (others) {
		finding.severity = SEVERITY_ERROR;
		(void)snprintf(
		    finding.message, sizeof(finding.message),
		    "%s(%d) gave EBADF: thread %d had closed the number twice, the second time, %.3f ms "
		    "ago, when thread %d had been given it",
		    call_name((enum call)event->what), event->fd, number->closer,
		    clock_seconds(event->at - number->closed_at) * 1e3, number->opener);
	} else {
		(void)snprintf(finding.message, sizeof(finding.message),
			       "%s%s(%d) gave EBADF: the fd had been closed %.3f ms before%s",
			       call_name((enum call)event->what),
			       event->what == CALL_epoll_ctl && event->arg[1] == EPOLL_CTL_DEL ? " DEL" : "",
			       event->fd, clock_seconds(event->at - number->closed_at) * 1e3,
			       number->closer != event->tid ? " by another thread" : "");
	}
	if (event->what != CALL_close)
		return judge_report(judge, &finding);
	return hold(map_get(&badfd->runs, (uint32_t)event->tid), &finding);
}

static int convict_del(struct judge *judge, const struct number *number, const struct event *event)
{
	struct finding finding = finding_make(judge, &rules[0]);

	finding_about(&finding, judge, world_touch(judge_world(judge))->file);
	finding.fd = event->fd;
	finding.from = number->closed_at;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "epoll_ctl DEL of fd %d gave ENOENT: what was registered under the number was closed "
		       "%.3f ms before, and it has been given out again",
		       event->fd, clock_seconds(event->at - number->closed_at) * 1e3);
	return judge_report(judge, &finding);
}

static bool is_use(const struct event *event)
{
	switch (call_class((enum call)event->what)) {
	case CLASS_ACCEPT:
	case CLASS_READ:
	case CLASS_WRITE:
	case CLASS_SHUTDOWN:
	case CLASS_CTL:
		return true;
	case CLASS_CLOSE:
		return event->what == CALL_close;
	default:
		return false;
	}
}

static bool may_blame(const struct badfd *badfd, const struct event *event)
{
	const struct hand *hand = &badfd->facts->hand;

	return !(event->flags & EVF_INJECTED) && !hand->stop_asked && !hand_told(hand, event->pid);
}

static int judge_bad(struct judge *judge, struct badfd *badfd, const struct event *event)
{
	const struct number *number = map_get(&badfd->numbers, key_of(event->pid, event->fd));
	struct run *run = map_get(&badfd->runs, (uint32_t)event->tid);

	if (event->fd <= 2 || !is_use(event) || !may_blame(badfd, event))
		return 0;
	if (number && number->closed)
		return convict(judge, badfd, number, event);
	if (run && event->what == CALL_close)
		run->unknown = true;
	return 0;
}

/* DEL of a number that leads to something else by now. */
static int judge_del(struct judge *judge, struct badfd *badfd, const struct event *event)
{
	const struct number *number = map_get(&badfd->numbers, key_of(event->pid, event->fd));
	const struct world *world = judge_world(judge);
	const struct file *epoll = world_file(world, event->pid, (int32_t)event->arg[0]);

	if (!number || number->closed || !number->closed_at || number->set || !epoll ||
	    !world_touch(world)->file || number->set_at_close != epoll->id || !may_blame(badfd, event))
		return 0;
	return convict_del(judge, number, event);
}

static int follow_made(struct badfd *badfd, const struct event *event)
{
	bool pair = event->what == CALL_pipe || event->what == CALL_pipe2 || event->what == CALL_socketpair;
	int r;

	if (!pair)
		return note_open(badfd, event, (int32_t)event->ret);
	r = note_open(badfd, event, (int32_t)event->arg[2]);
	return r ? r : note_open(badfd, event, (int32_t)event->arg[3]);
}

static int follow_call(struct judge *judge, struct badfd *badfd, const struct event *event)
{
	const struct world *world = judge_world(judge);
	struct number *number = map_get(&badfd->numbers, key_of(event->pid, event->fd));

	if (event->ret == -EBADF)
		return judge_bad(judge, badfd, event);
	if (event->what == CALL_epoll_ctl && event->arg[1] == EPOLL_CTL_DEL && event->ret == -ENOENT)
		return judge_del(judge, badfd, event);
	if (event->what == CALL_close)
		return event->ret == 0 && event->fd >= 0 ? note_close(badfd, world_touch(world)->file, event)
							 : 0;
	if (number && !number->closed) {
		number->handled = number->handled || number->closer == event->tid;
		if (event->what == CALL_epoll_ctl)
			note_set(number, world, event);
	}
	return world_touch(world)->made ? follow_made(badfd, event) : 0;
}

static int badfd_event(struct judge *judge, void *state, const struct event *event)
{
	struct badfd *badfd = state;
	int r = follow_run(judge, badfd, event);

	if (event->kind == EV_PROC && event->what == PROC_EXEC)
		forget(badfd, event->pid);
	return r == 0 && event->kind == EV_CALL ? follow_call(judge, badfd, event) : r;
}

static int badfd_finish(struct judge *judge, void *state)
{
	struct badfd *badfd = state;
	size_t at = 0;
	struct run *run;
	int r = 0;

	while (r == 0 && (run = map_next(&badfd->runs, &at, NULL)))
		r = run_end(judge, run);
	return r;
}

static void badfd_release(void *state)
{
	struct badfd *badfd = state;
	struct run *run;
	size_t at = 0;

	map_free_all(&badfd->numbers);
	while ((run = map_next(&badfd->runs, &at, NULL))) {
		free(run->held);
		free(run);
	}
	map_free(&badfd->runs);
}

static bool badfd_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->bad;
}

const struct rule_family badfd_family = {
    .name = "badfd",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct badfd),
    .silent = badfd_silent,
    .begin = facts_begin,
    .kinds = KIND(EV_CALL) | KIND(EV_ENTER) | KIND(EV_PROC),
    .event = badfd_event,
    .finish = badfd_finish,
    .release = badfd_release,
};
