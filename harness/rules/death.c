/* SPDX-License-Identifier: MIT */
/*
 * Servers that die of what should have cost one connection. One death is one finding, of the most specific
 * rule: SIGPIPE, then EINTR, then a transient error of accept, then anything else that one peer did.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/names.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"
#include "rules/omen.h"
#include "rules/orphan.h"
#include "rules/role.h"

enum { SIGPIPE_DEATH, PEER_KILLS, EINTR_FATAL, ACCEPT_FATAL };

static const struct rule rules[] = {
    [SIGPIPE_DEATH] =
	{
	    .id = "sigpipe-death",
	    .severity = SEVERITY_ERROR,
	    .doc = "the server was killed by SIGPIPE",
	    .why = "Writing to a connection that the peer has reset raises SIGPIPE, and its default action "
		   "ends the process: one client that leaves at the wrong moment takes the service away "
		   "from all others. It leaves no core and no line in the log.",
	    .how = "The rule is broken when a process that serves (the first one, or one that listens or "
		   "accepts) ends by SIGPIPE after it was ready and before anybody asked it to stop. A "
		   "child that serves one connection may die of it: that costs its own connection only.",
	    .mend = "signal(SIGPIPE, SIG_IGN) at the start, or MSG_NOSIGNAL on every send, and treat EPIPE "
		    "as the end of that one connection. Mind sendfile, splice, writev and io_uring's write, "
		    "which take no MSG_NOSIGNAL.",
	    .seen = "iperf #550; pistache #1007",
	},
    [PEER_KILLS] =
	{
	    .id = "peer-kills-server",
	    .severity = SEVERITY_ERROR,
	    .doc = "the server exits, aborts or crashes right after something happened on one connection",
	    .why = "What one client does, or what one call on its connection returns, must not end the "
		   "service for the others. An error passed up to main, an assertion on an errno nobody "
		   "thought of, a use after free in the path that cleans up: all of them are a way to "
		   "switch the server off from outside.",
	    .how = "The rule is broken when a serving process ends by itself (by any exit status or signal) "
		   "while the scenario runs, nobody having asked it to. The message names the last thing "
		   "before it: an error of a call on a connection, ERR or HUP reported, the end of a "
		   "connection, what a peer did. Under `wringer watch` a crash must lie less than 1 s "
		   "behind such a thing in the same process; an exit must follow it with the thread that "
		   "saw it doing no other work in between, and status 0, or that of a process that connects "
		   "to itself (a test), is the user's affair. Helpers that do not listen or "
		   "accept, children that end with status 0, and processes that were sent SIGTERM, SIGINT, "
		   "SIGQUIT, SIGHUP or SIGKILL do not count.",
	    .mend = "Run it again with `wringer replay` and a core dump or a sanitizer. Whatever errno a "
		    "call on a connection returns, close that connection and go on with the loop; keep exit "
		    "and assert for the server's own state.",
	    .seen = "tiny-http #283",
	},
    [EINTR_FATAL] =
	{
	    .id = "eintr-fatal",
	    .severity = SEVERITY_ERROR,
	    .doc = "EINTR ended the process, or its loop",
	    .why = "epoll_wait is interrupted by every signal with a handler, by SIGSTOP and SIGCONT, by a "
		   "debugger that attaches; SA_RESTART does not help there. A server that takes EINTR for a "
		   "failure dies when somebody resizes a terminal, a child ends or a profiler looks at it.",
	    .how = "The rule is broken when the last call of note in a thread (a wait, accept, read, write "
		   "or connect) gave EINTR, and the process ended by itself within 1 s without waiting "
		   "again; or when the thread of a loop has not gone back to its wait for 2 s since, "
		   "sleeping elsewhere, and the canary has not been served since either. Calls that the "
		   "kernel restarts by itself do not count, nor does a process that was sent a signal to "
		   "stop.",
	    .mend = "Treat EINTR from epoll_wait as no events, and repeat the other calls. Check for a stop "
		    "request there, not for the errno.",
	    .seen = "keepalived #1883; h2o 88ebefa09",
	},
    [ACCEPT_FATAL] =
	{
	    .id = "accept-error-fatal",
	    .severity = SEVERITY_ERROR,
	    .doc = "a passing error of accept ended the process",
	    .why = "accept hands on errors of the connection that was to be accepted (ECONNABORTED, EPROTO, "
		   "and on Linux the network errors that accept(2) lists), and shortages that pass (EMFILE, "
		   "ENFILE, ENOBUFS, ENOMEM). None says that the listener is broken. A server that ends for "
		   "them is switched off by a client that hangs up early, or by its own success.",
	    .how = "The rule is broken when the last call of note in a thread was an accept that gave one "
		   "of ECONNABORTED, EPROTO, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH, ENONET, "
		   "ENOPROTOOPT, EOPNOTSUPP, EPERM, EMFILE, ENFILE, ENOBUFS or ENOMEM, and the process "
		   "ended by itself within 1 s without waiting again (however late, if that was the first "
		   "thread "
		   "and the process exited: it may have joined others before). Or when the first process "
		   "ended by itself "
		   "with nobody left who serves, and the last accept of any worker gave such an error: a "
		   "supervisor that gives up because its workers retired one after another.",
	    .mend = "Go on accepting after errors of one connection. After a shortage stop accepting for a "
		    "moment (a timer, or until a connection is closed), so as not to spin. Only EBADF, "
		    "EINVAL, ENOTSOCK and EFAULT are the server's own mistakes.",
	    .seen = "gRPC #29308; deno #10148; hickory-dns #3725",
	},
};

struct death {
	const struct facts *facts; /* first: facts_begin */
	struct roles roles;
	struct omens omens;
	uint64_t last; /* the last death found */
	int32_t last_pid;
};

/* A scenario of ours is under way, or over but the target not yet asked to stop. */
static bool in_scenario(const struct world *world)
{
	enum mark phase = world_phase(world);

	return phase >= MARK_FAULT && phase <= MARK_RECOVERY;
}

static bool serves(const struct death *death, const struct world *world, const struct process *process)
{
	unsigned role = role_of(&death->roles, process->pid);

	if (role & ROLE_ACCEPTS)
		return true;
	/* What the user runs may be a whole test suite. */
	if (death->roles.child_accepts && !in_scenario(world))
		return false;
	/* The first process may be a shell around the server; one that nobody could watch is taken for the
	 * server. */
	return process->first && (!(role & ROLE_SEEN) || (role & ROLE_WAITS));
}

static bool others_serve(const struct death *death, const struct world *world)
{
	const struct process *process;
	size_t at = 0;

	while ((process = world_next_process(world, &at)))
		if (process->alive && (role_of(&death->roles, process->pid) & (ROLE_ACCEPTS | ROLE_WAITS)))
			return true;
	return false;
}

static bool is_death(const struct death *death, const struct world *world, const struct process *process,
		     int status)
{
	const struct hand *hand = &death->facts->hand;

	if (hand->stop_asked || hand_told(hand, process->pid) || !world_mark_time(world, MARK_READY))
		return false;
	if (!serves(death, world, process))
		return false;
	if (WIFSIGNALED(status)) {
		int signo = WTERMSIG(status);

		return signo != SIGKILL && signo != SIGTERM && signo != SIGINT && signo != SIGQUIT &&
		       signo != SIGHUP;
	}
	if (WEXITSTATUS(status) != 0)
		return true;
	/* Status 0: a daemon's parent, a worker that retires, a watched server whose user is done with it. */
	return process->first && in_scenario(world) && !others_serve(death, world);
}

static void how_it_ended(int status, char *out, size_t size)
{
	char name[24];

	if (WIFSIGNALED(status))
		(void)snprintf(out, size, "was killed by %s",
			       signal_name(WTERMSIG(status), name, sizeof(name)));
	else
		(void)snprintf(out, size, "exited with status %d", WEXITSTATUS(status));
}

static bool is_ctl_error(const struct omen *omen)
{
	return omen && omen->kind == OMEN_ERROR && omen->call == CALL_epoll_ctl;
}

/*
 * Without a scenario, among processes that nobody introduced: a crash is put down to what the process itself
 * saw shortly before, an exit only to what was the last word of one of its threads.
 */
static const struct rule *rule_watched(const struct death *death, const struct process *process, int status,
				       uint64_t since, const struct omen **ret_omen)
{
	bool crashed = WIFSIGNALED(status);

	if (!crashed && (WEXITSTATUS(status) == 0 || role_of(&death->roles, process->pid) & ROLE_ASKS))
		return NULL;
	*ret_omen = omens_of(&death->omens, process->pid, since, !crashed);
	return *ret_omen ? &rules[PEER_KILLS] : NULL;
}

/*
 * A supervisor that ends after its workers did: they retired one after another because of accept's error, and
 * that is what ended the service, however long ago.
 */
static bool gave_up(const struct judge *judge, const struct death *death, const struct process *process,
		    const struct omen **ret_omen)
{
	const struct world *world = judge_world(judge);
	const struct omen *omen = omens_shut(&death->omens, process->pid);

	if (!omen || !process->first || !in_scenario(world) || others_serve(death, world))
		return false;
	*ret_omen = omen;
	return true;
}

/*
 * Whether accept's error was the last word of a thread. If it was the first thread's, and the process exited,
 * the time between is that of an orderly end: other threads are joined, connections served to their end.
 */
static bool left_accepting(const struct judge *judge, const struct death *death,
			   const struct process *process, int status, uint64_t since,
			   const struct omen **ret_omen)
{
	const struct omen *omen;

	if (omens_pending(&death->omens, process->pid, OMEN_ACCEPT, since, ret_omen))
		return true;
	if (!in_scenario(judge_world(judge)) || !WIFEXITED(status) ||
	    !omens_pending(&death->omens, process->pid, OMEN_ACCEPT, 0, &omen) || omen->tid != process->pid)
		return false;
	*ret_omen = omen;
	return true;
}

/* The rule that this death breaks, and the omen that says so (NULL for none); NULL when it breaks none. */
static const struct rule *rule_for(const struct judge *judge, const struct death *death,
				   const struct process *process, int status, const struct omen **ret_omen)
{
	uint64_t now = process->ended, window = judge_window(judge, LIMIT_DEATH_WINDOW);
	uint64_t since = now > window ? now - window : 0;

	*ret_omen = omens_recent(&death->omens, since);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		return &rules[SIGPIPE_DEATH];
	if (omens_pending(&death->omens, process->pid, OMEN_EINTR, since, ret_omen))
		return &rules[EINTR_FATAL];
	if (left_accepting(judge, death, process, status, since, ret_omen))
		return &rules[ACCEPT_FATAL];
	if (gave_up(judge, death, process, ret_omen))
		return &rules[ACCEPT_FATAL];
	if (in_scenario(judge_world(judge)))
		return is_ctl_error(*ret_omen) ? &orphan_rules[CTL_ERROR_ORPHAN] : &rules[PEER_KILLS];
	return world_phase(judge_world(judge)) == MARK_READY
		   ? rule_watched(death, process, status, since, ret_omen)
		   : NULL;
}

static void put_worker(struct finding *finding, int32_t pid)
{
	size_t used = strlen(finding->message);

	(void)snprintf(finding->message + used, sizeof(finding->message) - used,
		       " in process %d; nobody has accepted since", pid);
}

static void put_omen(struct finding *finding, const struct omen *omen)
{
	char after[160];
	size_t used = strlen(finding->message);

	if (!omen)
		return;
	finding->fd = omen->fd;
	finding->peer = omen->peer;
	memcpy(finding->name, omen->name, sizeof(finding->name));
	finding->file = omen->file;
	finding->from = omen->at;
	(void)snprintf(finding->message + used, sizeof(finding->message) - used, ", %.3f s after %s",
		       clock_seconds(finding->at - omen->at), omen_text(omen, after, sizeof(after)));
	if (omen->kind == OMEN_ACCEPT && omen->pid != finding->pid)
		put_worker(finding, omen->pid);
}

static int judge_exit(struct judge *judge, struct death *death, const struct event *event)
{
	const struct world *world = judge_world(judge);
	const struct process *process = world_touch(world)->process;
	const struct omen *omen;
	struct finding finding;
	char how[64];
	const struct rule *rule;
	int status = (int)event->ret;

	if (!event->arg[0] || !process || !is_death(death, world, process, status))
		return 0;
	/* Those that follow at once, a wrapper or the siblings, died of the first. */
	if (death->last && death->last_pid != process->pid &&
	    death->last + judge_window(judge, LIMIT_DEATH_WINDOW) > event->at)
		return 0;
	rule = rule_for(judge, death, process, status, &omen);
	if (!rule)
		return 0;
	death->last = event->at;
	death->last_pid = process->pid;
	finding = finding_make(judge, rule);
	finding.pid = process->pid;
	how_it_ended(status, how, sizeof(how));
	(void)snprintf(finding.message, sizeof(finding.message), "process %d %s", process->pid, how);
	put_omen(&finding, omen ? omen : omens_recent(&death->omens, 0));
	return judge_report(judge, &finding);
}

/* The process lives, but its loop was left at EINTR. */
static int judge_loop(struct judge *judge, const struct death *death, const struct omen *omen)
{
	const struct world *world = judge_world(judge);
	const struct diary *diary = &death->facts->diary;
	const struct thread *thread = world_thread(world, omen->tid);
	struct finding finding;
	char after[160], letter;

	(void)ground_call(&death->facts->ground, omen->tid, &letter);
	if (!thread || !thread->alive || thread->waiting != CALL_unknown || thread->waits < 2 ||
	    letter != 'S' || call_class(omen->call) != CLASS_WAIT)
		return 0;
	if (omen->at + judge_window(judge, LIMIT_UNSERVED_WINDOW) > death->facts->ground.began ||
	    diary->canary_answer_at > omen->at || diary->canary_request_at <= omen->at)
		return 0;
	finding = finding_make(judge, &rules[EINTR_FATAL]);
	finding.pid = thread->process->pid;
	finding.tid = thread->tid;
	finding.from = omen->at;
	(void)snprintf(finding.message, sizeof(finding.message),
		       "thread %d has not waited again for %.2f s after %s, and nobody is served",
		       thread->tid, clock_seconds(finding.at - omen->at),
		       omen_text(omen, after, sizeof(after)));
	return judge_report(judge, &finding);
}

static int judge_round(struct judge *judge, struct death *death)
{
	const struct omen *omen;
	size_t at = 0;
	int r = 0;

	if (!facts_at_rest(death->facts, judge) || death->last)
		return 0;
	while (r == 0 && (omen = omens_next(&death->omens, &at)))
		if (omen->kind == OMEN_EINTR)
			r = judge_loop(judge, death, omen);
	return r;
}

static int death_round(struct judge *judge, void *state)
{
	return judge_round(judge, state);
}

static int death_event(struct judge *judge, void *state, const struct event *event)
{
	struct death *death = state;
	int r = omens_follow(&death->omens, judge_world(judge), event);

	if (r == 0 && event->kind == EV_PROC && event->what == PROC_EXIT)
		r = judge_exit(judge, death, event);
	return r == 0 ? roles_follow(&death->roles, judge_world(judge), event) : r;
}

static void death_release(void *state)
{
	struct death *death = state;

	roles_release(&death->roles);
	omens_release(&death->omens);
}

/* Nobody died, and no loop can have been left at EINTR. */
static bool death_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->exits && !contents->interrupted;
}

const struct rule_family death_family = {
    .name = "death",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct death),
    .silent = death_silent,
    .begin = facts_begin,
    .round = death_round,
    .kinds = KIND(EV_CALL) | KIND(EV_ENTER) | KIND(EV_PROC) | KIND(EV_PEER),
    .event = death_event,
    .release = death_release,
};
