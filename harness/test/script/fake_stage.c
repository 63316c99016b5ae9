/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * A stage without a case: real peers, loop, journal and world; the target is an echo in this process on a listener of
 * its own, and its "calls" are journalled as a watcher would.
 *
 *     scenario ── struct peer ──TCP── listener ── echo_ready ── journal (accept4, read, write, close) ── world
 *
 * Included by the test that plays on it: its stage_, target_ and canary_ functions take the place of the real ones.
 */
/* clang-format on */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "run/stage.h"

#define FAKE_PID 4242

struct fake {
	bool deaf;	/* accepts and never answers */
	bool garbles;	/* answers something else */
	bool closes;	/* closes after the first byte */
	bool dies;	/* is gone once something was read */
	uint64_t limit; /* ns for the whole play */
};

struct stage {
	struct fake fake;
	struct journal *journal;
	struct world *world;
	struct loop *loop;
	struct rng rng;
	struct protocol protocol;
	struct sockaddr_in address;
	int listener;
	int conns[64];
	struct peer *peers[64];
	size_t peer_count;
	uint64_t deadline;
	int32_t names;
	bool dead;
	uint64_t lifted;
	unsigned acts[PEER_ACTS];
	char verdict[600], notes[4096];
};

static int echo_request(const struct protocol *protocol, enum request_kind kind, const char *token,
			uint64_t bytes, struct buf *out)
{
	(void)protocol;
	if (kind != REQUEST_BIG)
		return buf_printf(out, "%s\n", token);
	while (out->size + 1 < bytes)
		if (buf_append(out, "x", 1) < 0)
			return -ENOMEM;
	return buf_append(out, "\n", 1);
}

static int64_t echo_answer(const struct protocol *protocol, enum request_kind kind, const char *token,
			   uint64_t bytes, const char *data, size_t size, bool closed,
			   uint64_t *ret_announced, struct buf *why)
{
	struct buf wanted = {0};
	int64_t result = 0;

	(void)closed;
	(void)echo_request(protocol, kind, token, bytes, &wanted);
	size_t common = size < wanted.size ? size : wanted.size;
	if (memcmp(data, wanted.data, common) != 0) {
		(void)buf_puts(why, "expected an echo,\nreceived another");
		result = -EBADMSG;
	} else if (common == wanted.size) {
		result = (int64_t)common;
	}
	if (ret_announced)
		*ret_announced = wanted.size;
	buf_free(&wanted);
	return result;
}

static void tell(struct stage *stage, enum call call, int fd, int64_t ret, const void *data, size_t size)
{
	struct event event = event_make(EV_CALL, call);

	event.pid = event.tid = FAKE_PID;
	event.fd = fd;
	event.ret = ret;
	event.data = data;
	event.size = (uint32_t)size;
	(void)journal_append(stage->journal, &event);
}

/* loop callbacks have room for one argument, the fd's slot */
static struct stage *echo_stage;

static void echo_close(struct stage *stage, int *slot)
{
	loop_unwatch(stage->loop, *slot);
	tell(stage, CALL_close, *slot, 0, NULL, 0);
	(void)close(*slot);
	*slot = -1;
}

static void echo_ready(void *arg, uint32_t events)
{
	struct stage *stage = echo_stage;
	int *slot = arg;
	char bytes[4096];

	(void)events;
	ssize_t got = read(*slot, bytes, sizeof(bytes));
	tell(stage, CALL_read, *slot, got < 0 ? -errno : got, NULL, 0);
	if (got <= 0 || stage->fake.closes) {
		echo_close(stage, slot);
		return;
	}
	if (stage->fake.dies)
		stage->dead = true;
	if (stage->fake.deaf || stage->dead)
		return;
	if (stage->fake.garbles)
		memset(bytes, '?', (size_t)got);
	ssize_t put = write(*slot, bytes, (size_t)got);
	tell(stage, CALL_write, *slot, put < 0 ? -errno : put, NULL, 0);
}

static void echo_accept(void *arg, uint32_t events)
{
	struct stage *stage = arg;
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	int fd = accept4(stage->listener, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	tell(stage, CALL_accept4, stage->listener, fd < 0 ? -errno : fd, &from, size);
	for (size_t i = 0; fd >= 0 && i < 64; i++)
		if (stage->conns[i] < 0) {
			stage->conns[i] = fd;
			(void)loop_watch(stage->loop, fd, EPOLLIN, echo_ready, &stage->conns[i]);
			return;
		}
}

static int listen_here(struct stage *stage)
{
	struct event ready = event_make(EV_MARK, MARK_READY);
	socklen_t size = sizeof(stage->address);

	stage->address =
	    (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	stage->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (stage->listener < 0 || bind(stage->listener, (struct sockaddr *)&stage->address, size) < 0 ||
	    listen(stage->listener, 64) < 0 ||
	    getsockname(stage->listener, (struct sockaddr *)&stage->address, &size) < 0)
		return -errno;
	ready.arg[0] = ntohs(stage->address.sin_port);
	(void)journal_append(stage->journal, &ready);
	return loop_watch(stage->loop, stage->listener, EPOLLIN, echo_accept, stage);
}

static int follow(void *arg, const struct event *event)
{
	struct stage *stage = arg;

	if (event->kind == EV_PEER)
		stage->acts[event->what]++;
	if (event->kind == EV_MARK && event->what == MARK_NOTE) {
		strncat(stage->notes, event->data, sizeof(stage->notes) - strlen(stage->notes) - 2);
		strcat(stage->notes, "\n");
	}
	return world_apply(stage->world, event);
}

/* A target with these manners. */
static struct stage *fake_stage_new(const struct fake *fake)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	struct event start = event_make(EV_PROC, PROC_START);

	stage->fake = *fake;
	stage->deadline = clock_now() + (fake->limit ? fake->limit : 10 * NS_PER_S);
	stage->protocol = (struct protocol){.name = "echo",
					    .offers = PROTOCOL_REQUEST | PROTOCOL_BIG | PROTOCOL_PIPELINE |
						      PROTOCOL_PARTIAL,
					    .request = echo_request,
					    .answer = echo_answer};
	for (size_t i = 0; i < 64; i++)
		stage->conns[i] = -1;
	rng_init(&stage->rng, 42, "test");
	stage->world = world_new();
	echo_stage = stage;
	if (journal_create(NULL, &stage->journal, NULL) < 0 || loop_new(&stage->loop, NULL) < 0 ||
	    listen_here(stage) < 0)
		abort();
	start.pid = start.tid = FAKE_PID;
	(void)journal_append(stage->journal, &start);
	return stage;
}

static void fake_stage_free(struct stage *stage)
{
	for (size_t i = 0; i < stage->peer_count; i++)
		peer_free(stage->peers[i]);
	for (size_t i = 0; i < 64; i++)
		if (stage->conns[i] >= 0)
			echo_close(stage, &stage->conns[i]);
	loop_unwatch(stage->loop, stage->listener);
	(void)close(stage->listener);
	journal_free(stage->journal);
	loop_free(stage->loop);
	world_free(stage->world);
	free(stage);
}

/* "", or "fail: why", "broken: why", "skip: why". */
static const char *fake_verdict(const struct stage *stage)
{
	return stage->verdict;
}

/* How often the peers did that. */
static unsigned fake_acts(const struct stage *stage, enum peer_act act)
{
	return stage->acts[act];
}

/* All notes, joined by newlines. */
static const char *fake_notes(const struct stage *stage)
{
	return stage->notes;
}

/* run/stage.h, as far as scripts use it. */

const struct protocol *stage_protocol(const struct stage *stage)
{
	return &stage->protocol;
}

const struct world *stage_world(const struct stage *stage)
{
	return stage->world;
}

struct journal *stage_journal(struct stage *stage)
{
	return stage->journal;
}

struct canary *stage_canary(struct stage *stage)
{
	return (struct canary *)stage;
}

struct target *stage_target(struct stage *stage)
{
	return (struct target *)stage;
}

struct rng *stage_rng(struct stage *stage)
{
	return &stage->rng;
}

bool stage_watched(const struct stage *stage)
{
	(void)stage;
	return true;
}

const char *stage_setting(const struct stage *stage, const char *name)
{
	(void)stage;
	return strcmp(name, "colour") == 0 ? "red" : NULL;
}

bool stage_asleep(const struct stage *stage)
{
	return world_asleep(stage->world);
}

uint64_t stage_delayed(struct stage *stage)
{
	(void)stage;
	return 0;
}

bool stage_settled(struct stage *stage)
{
	(void)stage;
	return true;
}

uint64_t stage_settled_poll(const struct stage *stage)
{
	(void)stage;
	return NS_PER_MS;
}

uint64_t stage_window(const struct stage *stage, uint64_t ns)
{
	(void)stage;
	return ns;
}

int stage_step(struct stage *stage, uint64_t until)
{
	uint64_t slice = clock_now() + 20 * NS_PER_MS;

	if (clock_now() >= stage->deadline)
		return -ETIME;
	int code = loop_step(stage->loop, until < slice ? until : slice);
	if (code == 0)
		code = journal_drain(stage->journal, follow, stage);
	return code ? code : stage->dead ? -ESRCH : 0;
}

int stage_connect(struct stage *stage, const struct peer_options *options, struct peer **ret_peer,
		  struct error *error)
{
	struct peer_options own = *options;
	char name[16];

	own.id = stage->names++;
	(void)snprintf(name, sizeof(name), "c%d", own.id + 1);
	own.name = own.name ? own.name : name;
	if (stage->peer_count == 64)
		return error_set(error, -EMFILE, "too many peers for a test");
	int code = peer_new(stage->loop, stage->journal, (struct sockaddr *)&stage->address,
			    sizeof(stage->address), &own, ret_peer, error);
	if (code == 0)
		stage->peers[stage->peer_count++] = *ret_peer;
	return code;
}

void stage_drop(struct stage *stage, struct peer *peer)
{
	for (size_t i = 0; i < stage->peer_count; i++)
		if (stage->peers[i] == peer) {
			stage->peers[i] = stage->peers[--stage->peer_count];
			peer_free(peer);
			return;
		}
}

struct file *stage_conn(const struct stage *stage, const struct peer *peer)
{
	const struct peer_view *view = world_peer(stage->world, peer_id(peer));

	return view ? view->conn : NULL;
}

int stage_hoard(struct stage *stage, const struct hoard_options *options, struct hoard **ret_hoard,
		struct error *error)
{
	(void)stage;
	(void)options;
	(void)ret_hoard;
	return error_set(error, -ENOTSUP, "no hoard on this stage");
}

int stage_arm(struct stage *stage, const struct fault *fault, uint32_t *ret_id, struct error *error)
{
	(void)error;
	stage->lifted = fault->last;
	*ret_id = 1;
	return 0;
}

bool stage_out_of_reach(const struct stage *stage, uint32_t id)
{
	(void)stage;
	(void)id;
	return false;
}

int stage_lift(struct stage *stage, uint32_t id, uint64_t *ret_delivered)
{
	(void)id;
	*ret_delivered = stage->lifted > 5 ? 5 : 0;
	return 0;
}

uint64_t stage_delivered(const struct stage *stage, uint32_t id)
{
	(void)id;
	return stage->lifted > 5 ? 5 : 0;
}

int stage_limit_fds(struct stage *stage, uint32_t spare, struct error *error)
{
	(void)stage;
	return spare ? 0 : error_set(error, -EPERM, "no such limit");
}

int stage_limit_restore(struct stage *stage)
{
	(void)stage;
	return 0;
}

int stage_signal(struct stage *stage, int signo, bool all)
{
	(void)stage;
	(void)all;
	return signo == 10 ? -ESRCH : 0;
}

#define SAY(word, code)                                                                                      \
	do {                                                                                                 \
		char text[512];                                                                              \
		va_list args;                                                                                \
		va_start(args, format);                                                                      \
		(void)vsnprintf(text, sizeof(text), format, args);                                           \
		va_end(args);                                                                                \
		if (!*stage->verdict)                                                                        \
			(void)snprintf(stage->verdict, sizeof(stage->verdict), word ": %s", text);           \
		return code;                                                                                 \
	} while (0)

int stage_fail(struct stage *stage, const char *format, ...)
{
	SAY("fail", -EPROTO);
}

int stage_broken(struct stage *stage, const char *format, ...)
{
	SAY("broken", -EIO);
}

int stage_skip(struct stage *stage, const char *format, ...)
{
	SAY("skip", -ENOTSUP);
}

/* Target and canary, as far as scripts ask them. */

bool target_alive(const struct target *target)
{
	return !((const struct stage *)target)->dead;
}

pid_t target_pid(const struct target *target)
{
	(void)target;
	return getpid();
}

int64_t target_fds(const struct target *target, const struct world *world)
{
	(void)target;
	(void)world;
	return 7;
}

int64_t target_fds_most(const struct target *target, const struct world *world)
{
	(void)target;
	(void)world;
	return 1024;
}

int64_t target_fd_limit(const struct target *target, pid_t pid)
{
	(void)target;
	(void)pid;
	return 64;
}

struct canary_figures canary_figures(const struct canary *canary)
{
	static uint64_t served; /* one more at every look */

	(void)canary;
	return (struct canary_figures){.served = served++};
}

void canary_keep_only(struct canary *canary, bool keep_only)
{
	(void)canary;
	(void)keep_only;
}

void canary_pause(struct canary *canary)
{
	(void)canary;
}

void canary_run(struct canary *canary)
{
	(void)canary;
}

bool canary_resting(const struct canary *canary)
{
	(void)canary;
	return true;
}
