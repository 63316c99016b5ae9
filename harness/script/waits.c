/* SPDX-License-Identifier: MIT */
#include "script/waits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "script/peer_api.h"
#include "script/sockets.h"
#include "target/target.h"

#define GRACE_BLIND                                                                                          \
	(50 * NS_PER_MS) /* the kernel's list says so, the journal does not: it must go on saying so */
#define GRACE_BLOCKED (20 * NS_PER_MS) /* no write went any further for this long */
#define GRACE_FULL    (150 * NS_PER_MS)
#define POLL_LIST     (2 * NS_PER_MS)

int wait_never(struct play *play, struct wait *wait)
{
	(void)play;
	(void)wait;
	return 0;
}

/* Whether accepted connections show in the world at all: by now the canary's own would. */
static bool sees_conns(struct play *play)
{
	size_t at = 0;

	if (!play->sees_conns && stage_watched(play->stage))
		for (struct file *file; (file = world_next_file(stage_world(play->stage), &at));)
			if (file->kind == FILE_CONN || (file->kind == FILE_LISTENER && file->accepted)) {
				play->sees_conns = true;
				break;
			}
	return play->sees_conns;
}

/* The target's end in the kernel's list; and asks the scheduler to look again soon. */
static int target_end(struct play *play, struct wait *wait, struct socket_row *ret_row)
{
	wait->poll = POLL_LIST;
	return socket_find(world_port(stage_world(play->stage)), peer_port(wait->peer->peer), ret_row);
}

static struct file *target_file(struct play *play, const struct wait *wait)
{
	return stage_conn(play->stage, wait->peer->peer);
}

/* True once `now` held at every look for that long. */
static bool lasts(struct wait *wait, bool now, uint64_t long_enough)
{
	if (!now)
		wait->since = 0;
	else if (!wait->since)
		wait->since = clock_now();
	return now && clock_now() - wait->since >= long_enough;
}

int wait_accepted(struct play *play, struct wait *wait)
{
	struct socket_row row;

	if (target_file(play, wait))
		return 1;
	if (sees_conns(play))
		return 0;
	return target_end(play, wait, &row) == 0 && row.owned;
}

int wait_read(struct play *play, struct wait *wait)
{
	const struct peer *peer = wait->peer->peer;
	const struct file *file = target_file(play, wait);
	struct socket_row row;

	if (peer_unsent(peer))
		return 0;
	if (file && file->bytes_in >= peer_sent(peer))
		return 1;
	if (file && file->closed)
		return -ENOTCONN;
	/* An end that is not in the list any more has nothing left to read. */
	bool empty = !peer_unacked(peer) && (target_end(play, wait, &row) < 0 || (row.owned && !row.unread));
	return lasts(wait, empty, stage_watched(play->stage) ? GRACE_BLIND : 0);
}

/* A write in a ring does not say EAGAIN: it stays in flight until there is room. */
static bool write_stuck(const struct file *file)
{
	return file_is_sending(file) || file->last_write == -EAGAIN ||
	       (file->last_write >= 0 && (uint64_t)file->last_write < file->last_write_asked);
}

/* The target's socket itself says so; bytes on their way to the peer block nobody. */
static bool has_room(const struct play *play, const struct file *file)
{
	struct event socket;
	int32_t pid, fd;

	return file && world_locate(stage_world(play->stage), file, &pid, &fd) == 0 &&
	       target_probe_socket(stage_target(play->stage), pid, fd, &socket) == 0 &&
	       (socket.arg[2] & EPOLLOUT);
}

/*
 * Stuck for good, not between two pieces: no write attempt for a while after one that did not go through. A
 * target whose writes cannot be seen, who sleeps inside of one, or waits for OUT before it tries, has unsent
 * bytes whose number stands still, and no room.
 */
int wait_blocked(struct play *play, struct wait *wait)
{
	const struct file *file = target_file(play, wait);
	struct socket_row row = {0};

	if (file && file->closed)
		return -ENOTCONN;
	if (target_end(play, wait, &row) < 0)
		return 0;
	uint64_t position = row.unsent + (file ? file->writes << 32 : 0);
	bool stuck = file && write_stuck(file);
	bool still = row.unsent > 0 && position == wait->seen && (stuck || !has_room(play, file));
	wait->seen = position;
	return lasts(wait, still, stuck ? GRACE_BLOCKED : GRACE_FULL);
}

int wait_closed(struct play *play, struct wait *wait)
{
	const struct file *file = target_file(play, wait);
	struct socket_row row;

	if (file && file->closed)
		return 1;
	if (file || sees_conns(play))
		return 0;
	return target_end(play, wait, &row) < 0 || !row.owned;
}

int wait_reported(struct play *play, struct wait *wait)
{
	const struct file *file = target_file(play, wait);

	if (!stage_watched(play->stage))
		return -EOPNOTSUPP;
	if (file && (file->reported_ever & wait->mask) == wait->mask)
		return 1;
	return file && file->closed ? -ENOTCONN : 0;
}

uint32_t mask_possible(const struct file *file, uint32_t wanted)
{
	uint32_t asked = EPOLLERR | EPOLLHUP;

	for (const struct reg *reg = file->regs; reg; reg = reg->file_next)
		asked |= reg->events;
	return wanted & asked;
}

int wait_mask(struct play *play, struct wait *wait)
{
	const struct file *file = target_file(play, wait);

	if (!file || !file->regs)
		return sees_conns(play) && !file ? 0 : -ENOMSG;
	uint32_t wanted = mask_possible(file, wait->mask);
	if (!wanted)
		return -ENOMSG;
	if ((file->reported & wanted) == wanted)
		return 1;
	return file->closed ? -ENOMSG : 0;
}

static bool process_sleeps(pid_t pid)
{
	char path[64], text[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	size_t size = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[size] = '\0';
	const char *name_end = strrchr(text, ')');
	return name_end && name_end[1] == ' ' && name_end[2] == 'S';
}

int wait_asleep(struct play *play, struct wait *wait)
{
	wait->poll = POLL_LIST;
	if (stage_watched(play->stage))
		return stage_asleep(play->stage);
	return lasts(wait, process_sleeps(target_pid(stage_target(play->stage))), 3 * POLL_LIST);
}

int wait_settled(struct play *play, struct wait *wait)
{
	wait->poll = stage_settled_poll(play->stage);
	return stage_settled(play->stage);
}

int wait_served(struct play *play, struct wait *wait)
{
	return canary_figures(stage_canary(play->stage)).served >= wait->number;
}

int wait_resting(struct play *play, struct wait *wait)
{
	(void)wait;
	return canary_resting(stage_canary(play->stage));
}

int wait_gone(struct play *play, struct wait *wait)
{
	wait->poll = POLL_LIST;
	return !target_alive(stage_target(play->stage));
}

int wait_joined(struct play *play, struct wait *wait)
{
	return play_alone(play, wait);
}
