/* SPDX-License-Identifier: MIT */
/*
 * A story: a journal written by hand, a line a happening, told to a judge.
 *
 *     struct story s = story_new(NULL);            // a target of one process, listening on fd 4, its epoll
 * is fd 5 story_peer(&s, 3, PEER_CONNECT);             // peer c3, from port 40003 story_accept(&s, 4, 9,
 * story_port(3));       // fd 9 is c3's connection story_add(&s, 9, EPOLLIN); story_peer(&s, 3, PEER_RST);
 *     story_loop(&s, 200, 1000, 9, EPOLLIN | EPOLLERR | EPOLLHUP);   // 200 waits, 1000 us apart
 *     assert_broken(&s, "hup-spin");
 *     story_free(&s);
 *
 * Time goes on by STORY_STEP with every event; story_at and story_later move it. Everything is done by s.pid,
 * s.tid, and epoll calls go to s.epfd: set them for other processes, threads and epolls. A file name given to
 * story_record makes the story write a real journal file beside it. Each story is judged three times: as it
 * is told, and when it is over by those families alone that may find something in it (rule_family.silent),
 * and by a judge that forgets at once what is over (world_forgets), which must find the same.
 */
#ifndef WRINGER_TEST_RULES_STORY_H
#define WRINGER_TEST_RULES_STORY_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "journal/journal.h"
#include "journal/ring.h"
#include "journal/tape.h"
#include "rules/judge.h"

#define STORY_PID      100
#define STORY_LISTENER 4
#define STORY_EPOLL    5
#define STORY_RING     6
#define STORY_PORT     8080
#define STORY_STEP     1000ULL /* ns */
#define STORY_FOREVER  UINT64_MAX

struct story {
	struct judge *judge;
	struct journal *journal; /* NULL unless recorded */
	uint64_t now;		 /* ns, of the next event */
	int32_t pid, tid, epfd;
	bool ended;
	bool by_hand; /* the test reported findings of its own: the story does not tell them again */
	bool untaped; /* nothing is kept to tell it again: for long stories */
	struct judge_options options;
	struct tape tape;
	struct contents contents;
};

static inline struct story story_judged(const char *rules, double time_scale);
static inline void story_ready(struct story *s);

/* A judge for these rules (NULL: all) and a target that is ready: process 100, listener fd 4, epoll fd 5 with
 * the listener in it. */
static inline struct story story_new(const char *rules)
{
	struct story s = story_judged(rules, 1);

	story_ready(&s);
	return s;
}

/* The same without any event yet. */
static inline struct story story_judged(const char *rules, double time_scale)
{
	struct story s = {.now = NS_PER_MS, .pid = STORY_PID, .tid = STORY_PID, .epfd = STORY_EPOLL};
	struct error error = {0};

	s.options = (struct judge_options){.rules = rules, .time_scale = time_scale};
	if (judge_new(&s.options, &s.judge, &error) != 0)
		fail_msg("judge_new: %s", error.text);
	return s;
}

/* From here on the events also go to a journal file; before story_ready, for a whole one. */
static inline void story_record(struct story *s, const char *path)
{
	struct error error = {0};

	if (journal_create(path, &s->journal, &error) != 0)
		fail_msg("journal_create: %s", error.text);
}

/* Time: an absolute one in ms (never backwards), or some µs later. */
static inline void story_at(struct story *s, uint64_t ms)
{
	assert_true(ms * NS_PER_MS >= s->now);
	s->now = ms * NS_PER_MS;
}

static inline void story_later(struct story *s, uint64_t us)
{
	s->now += us * NS_PER_US;
}

static inline int story_kept(void *arg, const struct event *event)
{
	(void)arg;
	(void)event;
	return 0;
}

/* Tells one event, stamped now. */
static inline void story_tell(struct story *s, struct event event)
{
	event.at = s->now;
	s->now += STORY_STEP;
	assert_int_equal(judge_event(s->judge, &event), 0);
	if (!s->untaped)
		assert_int_equal(tape_add(&s->tape, &event), 0);
	contents_count(&s->contents, &event);
	if (!s->journal)
		return;
	assert_int_equal(journal_append(s->journal, &event), 0);
	assert_int_equal(journal_drain(s->journal, story_kept, NULL), 0);
}

/* An event of the target with its pid and tid, to be filled further. */
static inline struct event story_event(const struct story *s, enum event_kind kind, uint32_t what, int32_t fd,
				       int64_t ret)
{
	struct event event = event_make(kind, what);

	event.pid = s->pid;
	event.tid = s->tid;
	event.fd = fd;
	event.ret = ret;
	return event;
}

/* Any call with an fd, a result and nothing else. */
static inline void story_call(struct story *s, enum call call, int32_t fd, int64_t ret)
{
	story_tell(s, story_event(s, EV_CALL, call, fd, ret));
}

/* The same, its result made by wringer. */
static inline void story_injected(struct story *s, enum call call, int32_t fd, int64_t ret)
{
	struct event event = story_event(s, EV_CALL, call, fd, ret);

	event.flags = EVF_INJECTED;
	story_tell(s, event);
}

static inline void story_mark_args(struct story *s, enum mark mark, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct event event = event_make(EV_MARK, mark);

	event.arg[0] = a0;
	event.arg[1] = a1;
	event.arg[2] = a2;
	story_tell(s, event);
}

static inline void story_mark(struct story *s, enum mark mark)
{
	story_mark_args(s, mark, mark == MARK_READY ? STORY_PORT : 0, 0, 0);
}

static inline void story_meta(struct story *s, const char *text)
{
	struct event event = event_make(EV_META, 0);

	event.data = text;
	event.size = (uint32_t)strlen(text) + 1;
	story_tell(s, event);
}

/* The port peer n connects from. */
static inline uint16_t story_port(int32_t peer)
{
	return (uint16_t)(40000 + peer);
}

static inline struct sockaddr_in story_address(uint16_t port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* socket, bind, listen. */
static inline void story_listen(struct story *s, int32_t fd, uint16_t port, uint64_t backlog)
{
	struct sockaddr_in address = story_address(port);
	struct event event = story_event(s, EV_CALL, CALL_socket, -1, fd);

	event.arg[0] = AF_INET;
	event.arg[1] = SOCK_STREAM | SOCK_NONBLOCK;
	story_tell(s, event);
	event = story_event(s, EV_CALL, CALL_bind, fd, 0);
	event.data = &address;
	event.size = sizeof(address);
	story_tell(s, event);
	event = story_event(s, EV_CALL, CALL_listen, fd, 0);
	event.arg[0] = backlog;
	event.data = &address;
	event.size = sizeof(address);
	story_tell(s, event);
}

/* accept4(listener) = ret, from that port (0: the address is not known). */
static inline void story_accept(struct story *s, int32_t listener, int64_t ret, uint16_t port)
{
	struct sockaddr_in address = story_address(port);
	struct event event = story_event(s, EV_CALL, CALL_accept4, listener, ret);

	event.arg[0] = SOCK_NONBLOCK;
	event.data = port ? &address : NULL;
	event.size = port ? sizeof(address) : 0;
	story_tell(s, event);
}

static inline void story_asking(struct story *s, enum call call, int32_t fd, int64_t ret, uint64_t size,
				uint64_t flags)
{
	struct event event = story_event(s, EV_CALL, call, fd, ret);

	event.arg[0] = size;
	event.arg[1] = flags;
	story_tell(s, event);
}

static inline void story_read(struct story *s, int32_t fd, int64_t ret)
{
	story_asking(s, CALL_read, fd, ret, 4096, 0);
}

static inline void story_peek(struct story *s, int32_t fd, int64_t ret)
{
	story_asking(s, CALL_recvfrom, fd, ret, 1, MSG_PEEK);
}

/* Offers `size` bytes. */
static inline void story_write(struct story *s, int32_t fd, int64_t ret, uint64_t size)
{
	story_asking(s, CALL_write, fd, ret, size, 0);
}

static inline void story_close(struct story *s, int32_t fd)
{
	story_call(s, CALL_close, fd, 0);
}

static inline void story_shutdown(struct story *s, int32_t fd, int how)
{
	struct event event = story_event(s, EV_CALL, CALL_shutdown, fd, 0);

	event.arg[0] = (uint64_t)how;
	story_tell(s, event);
}

static inline void story_epoll(struct story *s, int32_t epfd)
{
	story_call(s, CALL_epoll_create1, -1, epfd);
}

/* epoll_ctl on s->epfd, data = fd, with any result. */
static inline void story_ctl(struct story *s, int op, int32_t fd, uint32_t mask, int64_t ret)
{
	struct event event = story_event(s, EV_CALL, CALL_epoll_ctl, fd, ret);

	event.arg[0] = (uint64_t)s->epfd;
	event.arg[1] = (uint64_t)op;
	event.arg[2] = mask;
	event.arg[3] = (uint64_t)fd;
	story_tell(s, event);
}

static inline void story_add(struct story *s, int32_t fd, uint32_t mask)
{
	story_ctl(s, EPOLL_CTL_ADD, fd, mask, 0);
}

static inline void story_mod(struct story *s, int32_t fd, uint32_t mask)
{
	story_ctl(s, EPOLL_CTL_MOD, fd, mask, 0);
}

static inline void story_del(struct story *s, int32_t fd)
{
	story_ctl(s, EPOLL_CTL_DEL, fd, 0, 0);
}

/* The thread goes to sleep in epoll_wait (timeout in ns, STORY_FOREVER). */
static inline void story_sleep(struct story *s, uint64_t timeout)
{
	struct event event = story_event(s, EV_ENTER, CALL_epoll_wait, s->epfd, 0);

	event.arg[0] = 64;
	event.arg[1] = timeout;
	story_tell(s, event);
}

/* … and wakes up with these. */
static inline void story_wake(struct story *s, uint64_t timeout, const struct ready *ready, uint32_t count)
{
	struct event event = story_event(s, EV_CALL, CALL_epoll_wait, s->epfd, count);

	event.arg[0] = 64;
	event.arg[1] = timeout;
	event.data = count ? ready : NULL;
	event.size = count * (uint32_t)sizeof(*ready);
	story_tell(s, event);
}

/* A whole epoll_wait for ever that reports one fd. */
static inline void story_wait(struct story *s, int32_t fd, uint32_t mask)
{
	const struct ready ready = {.data = (uint64_t)fd, .events = mask, .fd = -1};

	story_sleep(s, STORY_FOREVER);
	story_wake(s, STORY_FOREVER, &ready, 1);
}

/* A whole epoll_wait that reports two. */
static inline void story_wait2(struct story *s, int32_t fd, uint32_t mask, int32_t fd2, uint32_t mask2)
{
	const struct ready ready[] = {
	    {.data = (uint64_t)fd, .events = mask, .fd = -1},
	    {.data = (uint64_t)fd2, .events = mask2, .fd = -1},
	};

	story_sleep(s, STORY_FOREVER);
	story_wake(s, STORY_FOREVER, ready, 2);
}

/* Any happening in a ring, what stands behind the entry included. */
static inline void story_entry(struct story *s, enum ring_what what, int32_t fd, int64_t ret,
			       const struct ring_entry *entry, const void *rest, uint32_t size)
{
	_Alignas(8) char data[1024];
	struct event event = story_event(s, EV_RING, what, fd, ret);

	assert_true(sizeof(*entry) + size <= sizeof(data));
	memcpy(data, entry, sizeof(*entry));
	if (size)
		memcpy(data + sizeof(*entry), rest, size);
	event.data = data;
	event.size = (uint32_t)sizeof(*entry) + size;
	story_tell(s, event);
}

/* A request of ring STORY_RING, to be filled further; its user_data is its number. */
static inline struct ring_entry story_request(enum ring_op op, uint64_t request)
{
	return (struct ring_entry){
	    .op = (uint8_t)op, .request = request, .user_data = request, .ring = STORY_RING, .index = -1};
}

static inline void story_submit(struct story *s, int32_t fd, const struct ring_entry *entry)
{
	story_entry(s, RING_SUBMIT, fd, 0, entry, NULL, 0);
}

static inline void story_complete(struct story *s, int32_t fd, struct ring_entry entry, int64_t ret,
				  uint32_t cqe_flags)
{
	entry.cqe_flags = cqe_flags;
	story_entry(s, RING_COMPLETE, fd, ret, &entry, NULL, 0);
}

/* A whole epoll_wait with that timeout (ns) that reports nothing. */
static inline void story_wait_none(struct story *s, uint64_t timeout)
{
	story_sleep(s, timeout);
	if (timeout != STORY_FOREVER)
		s->now += timeout;
	story_wake(s, timeout, NULL, 0);
}

/* poll (or select) about so many fds: `asked` of this one, `mask` reported (0: nothing, it timed out at
 * once). */
static inline void story_poll_of(struct story *s, enum call call, unsigned fds, int32_t fd, uint32_t asked,
				 uint32_t mask)
{
	const struct ready ready = {.data = asked, .events = mask, .fd = fd};
	struct event event = story_event(s, EV_ENTER, call, -1, 0);

	event.arg[0] = fds;
	event.arg[1] = mask ? STORY_FOREVER : 0;
	story_tell(s, event);
	event = story_event(s, EV_CALL, call, -1, mask ? 1 : 0);
	event.arg[0] = fds;
	event.arg[1] = mask ? STORY_FOREVER : 0;
	event.data = mask ? &ready : NULL;
	event.size = mask ? sizeof(ready) : 0;
	story_tell(s, event);
}

static inline void story_poll(struct story *s, enum call call, int32_t fd, uint32_t asked, uint32_t mask)
{
	story_poll_of(s, call, 1, fd, asked, mask);
}

/* `count` waits that report the same, `us` apart. */
static inline void story_loop(struct story *s, unsigned count, uint64_t us, int32_t fd, uint32_t mask)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t began = s->now;

		story_wait(s, fd, mask);
		if (s->now < began + us * NS_PER_US)
			s->now = began + us * NS_PER_US;
	}
}

/* A peer's act with its numbers. PEER_CONNECT names it "c<n>" and gives it story_port(n). */
static inline void story_peer_args(struct story *s, int32_t peer, enum peer_act act, int64_t ret, uint64_t a0,
				   uint64_t a1, uint64_t a2)
{
	struct event event = event_make(EV_PEER, act);
	char name[16];

	event.peer = peer;
	event.ret = ret;
	event.arg[0] = a0;
	event.arg[1] = a1;
	event.arg[2] = a2;
	if (act == PEER_CONNECT) {
		event.arg[0] = a0 ? a0 : story_port(peer);
		event.size = (uint32_t)snprintf(name, sizeof(name), "c%d", peer) + 1;
		event.data = name;
	}
	story_tell(s, event);
}

static inline void story_peer(struct story *s, int32_t peer, enum peer_act act)
{
	story_peer_args(s, peer, act, 0, 0, 0, 0);
}

/* The canary's acts (PEER_CONNECT, PEER_REQUEST, PEER_ANSWER with latency …); its peer number is the caller's
 * choice. */
static inline void story_canary(struct story *s, int32_t peer, enum peer_act act, uint64_t ordinal,
				uint64_t latency)
{
	struct event event = event_make(EV_PEER, act);

	event.peer = peer;
	event.flags = EVF_CANARY;
	event.arg[0] = act == PEER_CONNECT ? story_port(peer) : ordinal;
	event.arg[2] = act == PEER_ANSWER ? latency : 0;
	event.data = act == PEER_CONNECT ? "canary" : NULL;
	event.size = act == PEER_CONNECT ? sizeof("canary") : 0;
	story_tell(s, event);
}

/* Peer n connects, is accepted as fd from the ready target's listener and registered with that mask (0: not
 * registered). */
static inline void story_conn(struct story *s, int32_t peer, int32_t fd, uint32_t mask)
{
	story_peer(s, peer, PEER_CONNECT);
	story_peer(s, peer, PEER_CONNECTED);
	story_accept(s, STORY_LISTENER, fd, story_port(peer));
	if (mask)
		story_add(s, fd, mask);
}

/* The process forks (flags 0) or makes a thread (CLONE_FILES|CLONE_THREAD …). The actor stays the parent. */
static inline void story_fork(struct story *s, int32_t child, uint64_t flags)
{
	struct event event = story_event(s, EV_PROC, PROC_FORK, -1, 0);

	event.arg[0] = (uint64_t)child;
	event.arg[1] = flags;
	story_tell(s, event);
}

/* From here on this process and thread act. */
static inline void story_as(struct story *s, int32_t pid, int32_t tid)
{
	s->pid = pid;
	s->tid = tid;
}

/* The process's last thread ends with this wait status. */
static inline void story_exit(struct story *s, int status)
{
	struct event event = story_event(s, EV_PROC, PROC_EXIT, -1, status);

	event.arg[0] = 1;
	story_tell(s, event);
}

static inline void story_signal(struct story *s, int signo)
{
	story_tell(s, story_event(s, EV_PROC, PROC_SIGNAL, -1, signo));
}

static inline void story_fault(struct story *s, enum fault_what what, uint64_t id, int64_t ret,
			       const char *text)
{
	struct event event = story_event(s, EV_FAULT, what, -1, ret);

	event.arg[0] = id;
	event.data = text;
	event.size = text ? (uint32_t)strlen(text) + 1 : 0;
	story_tell(s, event);
}

static inline void story_probe(struct story *s, enum probe probe, int32_t fd, uint64_t a0, uint64_t a1,
			       uint64_t a2, uint64_t a3)
{
	struct event event = story_event(s, EV_PROBE, probe, fd, 0);

	event.arg[0] = a0;
	event.arg[1] = a1;
	event.arg[2] = a2;
	event.arg[3] = a3;
	story_tell(s, event);
}

/* The ready target of story_new: MARK_READY included, no MARK_BASE yet. */
static inline void story_ready(struct story *s)
{
	story_tell(s, story_event(s, EV_PROC, PROC_START, -1, 0));
	story_listen(s, STORY_LISTENER, STORY_PORT, 128);
	story_epoll(s, STORY_EPOLL);
	story_add(s, STORY_LISTENER, EPOLLIN);
	story_mark(s, MARK_READY);
}

/* Once more, by another judge, who must find the same. */
static inline void story_again(const struct story *s, const struct judge_options *options)
{
	const struct finding *findings, *again;
	size_t count, count_again;
	struct judge *judge;
	struct error error = {0};

	assert_int_equal(judge_new(options, &judge, &error), 0);
	assert_int_equal(tape_play(&s->tape, judge_event, judge), 0);
	assert_int_equal(judge_finish(judge), 0);
	findings = judge_findings(s->judge, &count);
	again = judge_findings(judge, &count_again);
	assert_int_equal(count, count_again);
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(findings[i].rule, again[i].rule);
		assert_string_equal(findings[i].message, again[i].message);
		assert_string_equal(findings[i].name, again[i].name);
		assert_int_equal(findings[i].count, again[i].count);
	}
	judge_free(judge);
}

/* By those alone that may find something in it, and by one who forgets at once. */
static inline void story_retell(const struct story *s)
{
	struct judge_options some = s->options, forgetful = s->options;

	some.contents = &s->contents;
	forgetful.at_once = true;
	story_again(s, &some);
	story_again(s, &forgetful);
}

/* The end of the story: MARK_END, and the judge draws its conclusions. Asking below does this too. */
static inline void story_end(struct story *s)
{
	if (s->ended)
		return;
	s->ended = true;
	story_mark(s, MARK_END);
	assert_int_equal(judge_finish(s->judge), 0);
	if (!s->by_hand && !s->untaped)
		story_retell(s);
}

/* The first finding of that rule, or NULL. */
static inline const struct finding *story_finding(struct story *s, const char *id)
{
	size_t count;
	const struct finding *findings;

	story_end(s);
	findings = judge_findings(s->judge, &count);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(findings[i].rule->id, id) == 0)
			return &findings[i];
	}
	return NULL;
}

static inline size_t story_findings(struct story *s)
{
	size_t count;

	story_end(s);
	(void)judge_findings(s->judge, &count);
	return count;
}

/* Exactly this rule is broken, once. Returns the finding. */
static inline const struct finding *assert_broken(struct story *s, const char *id)
{
	size_t count;
	const struct finding *findings;

	story_end(s);
	findings = judge_findings(s->judge, &count);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(findings[i].rule->id, id) != 0)
			fail_msg("%s was found too: %s", findings[i].rule->id, findings[i].message);
	}
	if (count != 1)
		fail_msg("%s was found %zu times", id, count);
	return findings;
}

/* No rule is broken. */
static inline void assert_clean(struct story *s)
{
	size_t count;
	const struct finding *findings;

	story_end(s);
	findings = judge_findings(s->judge, &count);
	if (count)
		fail_msg("%s: %s", findings[0].rule->id, findings[0].message);
}

static inline void story_free(struct story *s)
{
	journal_free(s->journal);
	judge_free(s->judge);
	tape_free(&s->tape);
	*s = (struct story){0};
}

#endif
