/* SPDX-License-Identifier: MIT */
/*
 * One-shot registrations that were not armed again. The kernel reported the fd once and has been silent
 * since, about ERR and HUP too; whoever does not arm it with EPOLL_CTL_MOD hears nothing of it any more.
 * Decided on the ground truth: there is work in the socket, and nobody is at it.
 */
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "model/promise.h"
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "oneshot-lost",
	.severity = SEVERITY_ERROR,
	.by_absence = true,
	.doc = "a one-shot registration was delivered and not armed again, and work waits on its fd",
	.why = "EPOLLONESHOT keeps two threads from serving one connection at the same time: after one event "
	       "the registration is silent until EPOLL_CTL_MOD arms it again. Every path of a handler has to "
	       "end there, or by closing. A path that does not (an early return, an unfinished request, an "
	       "error that was only logged) leaves a connection that nobody will ever be told about: neither "
	       "its bytes, nor its end, nor even a reset.",
	.how =
	    "When the case is quiet every socket is asked. The rule is broken when a registration with "
	    "EPOLLONESHOT was delivered and not armed since (by the trace and by /proc/PID/fdinfo), no other "
	    "one watches the fd, and work waits: bytes in an accepted connection, its end unread, room to "
	    "write the rest of a short write, or connections in a listener's queue. Every thread must sleep, "
	    "none inside a call that is no wait (a long handler in a worker is innocent), and nobody touched "
	    "the fd for 0.3 s (no thread has a time-out), 1 s (short time-outs, worker threads) or 3 s (a "
	    "timer may still come). A target with output pending may leave input waiting, reads that wringer "
	    "cut short or made to fail do not count, nor do listeners while fds are short, or with 8 "
	    "connections or more (that may be a limit). What was delivered before wringer attached is left "
	    "out.",
	.mend =
	    "Arm again at the one place where every handler ends, not in the branches; EPOLL_CTL_MOD reports "
	    "the present state anew, so nothing that came meanwhile is missed. Arm last: from then on "
	    "another "
	    "thread may have the connection.",
	.seen = "pjproject PR #2747; 389-ds PR #7846",
    },
};

struct oneshot {
	const struct facts *facts; /* first: facts_begin */
};

/* The registration that was spent and not armed again; NULL when there is none, or something else watches the
 * file. One that was delivered before anybody looked is left: what its handler did then is not known. */
static const struct reg *spent(const struct ground *ground, const struct file *file)
{
	struct ground_armed armed = ground_armed(ground, file);

	if (!armed.disarmed || (armed.events & (EPOLLIN | EPOLLOUT)))
		return NULL;
	for (const struct reg *reg = file->regs; reg; reg = reg->file_next)
		if (reg->disarmed && reg->reports &&
		    !reg->zombie) /* one whose number was closed cannot be armed again */
			return reg;
	return NULL;
}

/* What waits, in words; NULL when nothing does that anybody would have to care about. */
static const char *work(const struct oneshot *oneshot, const struct ground_fd *fd, char *out, size_t size)
{
	const struct file *file = fd->file;

	if (file->write_error || file->read_error)
		return NULL;
	if (promise_met_full(file->last_write, file->last_write_asked))
		return fd->mask & EPOLLOUT ? "there is room for the rest of its answer" : NULL;
	if (fd->unacked || file->shut_read || hand_bent_read(&oneshot->facts->hand, file))
		return NULL;
	if (fd->waiting)
		(void)snprintf(out, size, "%llu bytes wait in it", (unsigned long long)fd->waiting);
	else if (fd->state == TCP_CLOSE_WAIT && !file->eof_read)
		(void)snprintf(out, size, "its end waits to be read");
	else
		return NULL;
	return out;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t still_since(const struct oneshot *oneshot, const struct world *world,
			    const struct ground_fd *fd)
{
	const struct file *file = fd->file;
	const struct peer_view *peer = world_peer(world, file->peer);
	uint64_t since = later(file->touched, file->reported_at);

	if (!peer)
		return later(since, fd->waiting_since);
	since = later(since, diary_page(&oneshot->facts->diary, file->peer)->sent_at);
	return later(since, peer->ended_at);
}

static int report(struct judge *judge, const struct ground_fd *fd, const struct reg *reg, uint64_t since,
		  const char *what)
{
	struct finding finding = finding_make(judge, &rules[0]);
	char who[FACTS_WHO];

	finding_about(&finding, judge, fd->file);
	finding.at = finding.from = reg->reported_at;
	finding.to = fd->at;
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "%s%s: reported once at %.3f s (EPOLLONESHOT) and not armed again; %s for %.2f s while the "
	    "target sleeps",
	    fd->listener ? "listener " : "", facts_who(&finding, who, sizeof(who)),
	    clock_seconds(reg->reported_at), what, clock_seconds(fd->at - since));
	return judge_report(judge, &finding);
}

static int judge_conn(struct judge *judge, const struct oneshot *oneshot, const struct ground_fd *fd,
		      uint64_t patience)
{
	const struct file *file = fd->file;
	const struct peer_view *peer = world_peer(judge_world(judge), file->peer);
	const struct reg *reg = spent(&oneshot->facts->ground, file);
	uint64_t since = still_since(oneshot, judge_world(judge), fd);
	char text[48];
	const char *what;

	if (!reg || file->kind != FILE_CONN || file->closed || since + patience > fd->at ||
	    (peer && (peer->reset || peer->vanished)))
		return 0;
	what = work(oneshot, fd, text, sizeof(text));
	return what ? report(judge, fd, reg, since, what) : 0;
}

static size_t open_conns(const struct world *world)
{
	const struct file *file;
	size_t at = 0, conns = 0;

	while ((file = world_next_file(world, &at)))
		conns += file->kind == FILE_CONN && !file->closed;
	return conns;
}

static int judge_listener(struct judge *judge, const struct oneshot *oneshot, const struct ground_fd *fd,
			  uint64_t patience)
{
	const struct ground_process *process = ground_process(&oneshot->facts->ground, fd->pid);
	const struct reg *reg = spent(&oneshot->facts->ground, fd->file);
	uint64_t since = later(later(fd->file->touched, fd->file->reported_at), fd->waiting_since);
	char what[64];

	if (!reg || fd->file->closed || !fd->waiting || since + patience > fd->at ||
	    oneshot->facts->hand.limits || promise_is_shortage(fd->file->last_accept) ||
	    open_conns(judge_world(judge)) >= LIMIT_CROWD)
		return 0;
	if (process && process->limit && process->fds >= process->limit)
		return 0;
	(void)snprintf(what, sizeof(what), "%llu connections wait to be accepted",
		       (unsigned long long)fd->waiting);
	return report(judge, fd, reg, since, what);
}

static int judge_round(struct judge *judge, const struct oneshot *oneshot)
{
	const struct ground *ground = &oneshot->facts->ground;
	uint64_t patience = facts_at_rest(oneshot->facts, judge) ? ground_patience(ground, judge, NULL) : 0;
	int r = 0;

	if (!patience || ground_busy(ground, judge_world(judge)))
		return 0;
	for (size_t i = 0; i < ground->fd_count && r == 0; i++)
		r = ground->fds[i].listener ? judge_listener(judge, oneshot, &ground->fds[i], patience)
					    : judge_conn(judge, oneshot, &ground->fds[i], patience);
	return r;
}

static int oneshot_round(struct judge *judge, void *state)
{
	return judge_round(judge, state);
}

static int oneshot_finish(struct judge *judge, void *state)
{
	struct oneshot *oneshot = state;

	return oneshot->facts->ground.open ? judge_round(judge, oneshot) : 0;
}

const struct rule_family oneshot_family = {
    .name = "oneshot",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct oneshot),
    .begin = facts_begin,
    .round = oneshot_round,
    .finish = oneshot_finish,
};
