/* SPDX-License-Identifier: MIT */
#include "run/truth_play.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/names.h"
#include "run/truth_ask.h"

static const struct truth_story *find(const char *name)
{
	const struct truth_story *const lists[] = {truth_stories, truth_calls, truth_beliefs};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (const struct truth_story *story = lists[i]; story->name; story++)
			if (strcmp(story->name, name) == 0)
				return story;
	return NULL;
}

int truth_play(const char *name, struct buf *ret_observed)
{
	const struct truth_story *story = find(name);
	struct play_state play = {.told = ret_observed};

	if (!story)
		return -ENOENT;
	stand_init(&play.stand);
	story->play(&play);
	stand_free(&play.stand);
	return play.rc;
}

bool must(struct play_state *play, long result)
{
	if (play->rc == 0 && result < 0)
		play->rc = (int)result;
	return play->rc == 0;
}

void told(struct play_state *play, const char *label, const char *format, ...)
{
	char text[MASK_TEXT];
	va_list args;

	if (play->rc < 0)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	must(play, buf_printf(play->told, "%s%s%s%s", play->told->size ? ", " : "", label, *label ? ": " : "",
			      text));
}

void told_call(struct play_state *play, const char *label, long result)
{
	const char *name = result < 0 ? errno_name(errno) : NULL;

	if (name)
		told(play, label, "%s", name);
	else
		told(play, label, "%ld", result);
}

void told_wait(struct play_state *play, const char *label, int epoll)
{
	uint32_t mask = 0;
	char text[MASK_TEXT];

	if (play->rc == 0 && must(play, truth_wait(epoll, &mask)))
		told(play, label, "%s", mask ? mask_short(mask, text, sizeof text) : "-");
}

void told_read(struct play_state *play, const char *label, int fd, size_t size)
{
	char bytes[16];

	if (play->rc == 0)
		told_call(play, label, read(fd, bytes, size < sizeof bytes ? size : sizeof bytes));
}

long play_ctl(int epoll, int operation, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(epoll, operation, fd, &event);
}

int play_counter(struct play_state *play, unsigned count)
{
	int fd = play->rc < 0 ? -1 : stand_hold(&play->stand, eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK));

	return play->rc == 0 && must(play, fd) ? fd : -1;
}

int play_epoll(struct play_state *play)
{
	int fd = play->rc < 0 ? -1 : stand_epoll(&play->stand);

	return play->rc == 0 && must(play, fd) ? fd : -1;
}

void play_add(struct play_state *play, int epoll, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (play->rc == 0)
		must(play, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0);
}

void play_pair(struct play_state *play, int ret_pair[2])
{
	ret_pair[0] = ret_pair[1] = -1;
	if (play->rc == 0)
		must(play, stand_tcp_pair(&play->stand, ret_pair));
}

void play_unix_pair(struct play_state *play, int ret_pair[2])
{
	ret_pair[0] = ret_pair[1] = -1;
	if (play->rc == 0)
		must(play, stand_unix_pair(&play->stand, ret_pair));
}

void play_send(struct play_state *play, int fd, int receiver, int queued)
{
	if (play->rc == 0 && must(play, send_bytes(fd, 3)))
		must(play, until_queued(receiver, queued));
}

void play_fin(struct play_state *play, int pair[2])
{
	if (play->rc < 0)
		return;
	stand_close(&play->stand, pair[1]);
	must(play, until_tcp(pair[0], TCP_CLOSE_WAIT));
}

void play_reset(struct play_state *play, int pair[2])
{
	if (play->rc < 0 || !must(play, arm_reset(pair[1])))
		return;
	stand_close(&play->stand, pair[1]);
	must(play, until_tcp(pair[0], TCP_CLOSE));
}
