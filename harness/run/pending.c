/* SPDX-License-Identifier: MIT */
#include "run/pending.h"

#include <errno.h>
#include "base/clock.h"
#include "rules/limits.h"
#include "run/stage_impl.h"

/* A rule's window must be over, and then some, before its probe can convict. */
#define PENDING_MARGIN (200 * NS_PER_MS)

static bool conn_open(const struct peer_view *view)
{
	return view->conn && !view->conn->closed;
}

static bool ended(const struct peer_view *view)
{
	return (view->fin || view->reset || view->gone) && !view->vanished;
}

static bool any_peer(const struct stage *stage, bool (*fits)(const struct peer_view *view))
{
	struct peer_view *view;
	size_t at = 0;

	while ((view = world_next_peer(stage->world, &at))) {
		if (fits(view))
			return true;
	}
	return false;
}

static bool left_open(const struct peer_view *view)
{
	return ended(view) && conn_open(view);
}

/* Its FIN arrived, and nothing is owed to it any more. */
static bool half_left_open(const struct peer_view *view)
{
	return view->half_closed && view->answers >= view->requests && conn_open(view);
}

/* The last write did not take everything, and the peer is there and reads. */
static bool write_owed(const struct peer_view *view)
{
	const struct file *conn = view->conn;

	if (!conn_open(view) || ended(view) || view->vanished || view->stalled || conn->writes == 0)
		return false;
	return conn->last_write < 0 ? conn->write_error == 0
				    : (uint64_t)conn->last_write < conn->last_write_asked;
}

/* An answer is owed to a peer that is there and reads. */
static bool answer_owed(const struct peer_view *view)
{
	return conn_open(view) && !ended(view) && !view->vanished && !view->stalled &&
	       view->requests > view->answers;
}

bool pending_ended_closed(struct stage *stage)
{
	return stage->gone || !any_peer(stage, left_open);
}

/* Its end has not reached the target yet. */
static bool left_unread(const struct peer_view *view)
{
	return left_open(view) && !view->conn->eof_read && !view->conn->read_error;
}

bool pending_ended_known(struct stage *stage)
{
	if (stage->gone || !stage_watched(stage))
		return true;
	return !any_peer(stage, left_unread) && stage_asleep(stage);
}

bool pending_rests(struct stage *stage, uint64_t quiet)
{
	uint64_t now = clock_now(), began = journal_start(stage->journal);

	if (stage->gone || !stage_watched(stage))
		return true;
	return stage->target_event + quiet <= now && world_asleep_at(stage->world, now - began) &&
	       (stage->paused || target_waits(stage->world));
}

/* Untraced, only the number of fds tells whether the ended peers were let go. */
static bool fds_left(struct stage *stage)
{
	int64_t open = stage->gone || stage->fds_before < 0 ? -1 : target_fds(stage->target, stage->world);

	return open > stage->fds_before + (int64_t)stage->peer_count;
}

uint32_t pending_look(struct stage *stage, uint64_t quiet)
{
	uint32_t pending = 0;

	if (stage->gone)
		return 0;
	if (!pending_rests(stage, quiet))
		pending |= PENDING_BUSY;
	if (any_peer(stage, left_open) || any_peer(stage, half_left_open))
		pending |= PENDING_LEAK;
	if (!stage_watched(stage) && fds_left(stage))
		pending |= PENDING_LEAK;
	if (any_peer(stage, write_owed) || any_peer(stage, answer_owed))
		pending |= PENDING_WRITE;
	return pending;
}

bool pending_waiting(struct stage *stage)
{
	struct file *file;
	size_t at = 0;

	while (!stage->gone && (file = world_next_file(stage->world, &at))) {
		struct event event;
		int32_t pid, fd;

		if (file->closed || !file->tcp || (file->kind != FILE_CONN && file->kind != FILE_LISTENER))
			continue;
		if (world_locate(stage->world, file, &pid, &fd) == 0 &&
		    target_probe_socket(stage->target, pid, fd, &event) == 0 && event.arg[0] > 0)
			return true;
	}
	return false;
}

/* How the target waits decides how long it may still come back by itself; the rules about lost events reckon
 * alike. */
enum patience { PATIENCE_CERTAIN, PATIENCE_SHORT, PATIENCE_LONG };

static enum patience patience_of(const struct stage *stage)
{
	enum patience patience = PATIENCE_CERTAIN;
	const struct thread *thread;
	const struct file *file;
	size_t at = 0;

	while ((thread = world_next_thread(stage->world, &at))) {
		if (!thread->alive || (thread->waiting != CALL_unknown && thread->wait_timeout == UINT64_MAX))
			continue;
		if (thread->waiting == CALL_unknown || thread->wait_timeout <= LIMIT_LOST_WINDOW)
			patience = patience > PATIENCE_SHORT ? patience : PATIENCE_SHORT;
		else
			return PATIENCE_LONG;
	}
	for (at = 0; (file = world_next_file(stage->world, &at));) {
		if (!file->closed && (file->kind == FILE_TIMERFD ||
				      (file->kind == FILE_LISTENER &&
				       (file->last_accept == -EMFILE || file->last_accept == -ENFILE))))
			return PATIENCE_LONG;
	}
	return patience;
}

uint64_t pending_window(const struct stage *stage, uint32_t pending)
{
	static const uint64_t waiting[] = {LIMIT_CERTAIN_WINDOW, LIMIT_LOST_WINDOW, LIMIT_WRITE_WINDOW};
	static const uint64_t writing[] = {LIMIT_CERTAIN_WINDOW, LIMIT_WRITE_WINDOW, LIMIT_WRITE_WINDOW};
	enum patience patience =
	    pending & (PENDING_WAITING | PENDING_WRITE) ? patience_of(stage) : PATIENCE_CERTAIN;
	const struct {
		uint32_t pending;
		uint64_t window;
	} rows[] = {
	    {PENDING_BUSY, LIMIT_SPIN_WINDOW},
	    {PENDING_LEAK, LIMIT_LEAK_WINDOW},
	    {PENDING_WRITE, writing[patience]},
	    {PENDING_WAITING, waiting[patience]},
	};
	uint64_t longest = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((pending & rows[i].pending) && rows[i].window > longest)
			longest = rows[i].window;
	}
	return longest ? stage_window(stage, longest) + PENDING_MARGIN : 0;
}
