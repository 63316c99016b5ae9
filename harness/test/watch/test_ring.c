/* SPDX-License-Identifier: MIT */
/*
 * A target drives a ring through every operation that matters and writes down what the journal should say of
 * each request; then both are compared field by field, and in order. What it does behind the watcher's back
 * (completions taken without a call, submissions the kernel polls for) must be seen or said to be lost.
 */
#include "ringed.h"

#define BYTES 100

static char buffer[4096];

/* One request from submission to completion: the completion is returned. */
static struct wanted *whole(struct ringed *ring, int fd, uint64_t length)
{
	struct wanted *submit = want_submit(ring, fd);

	submit->entry.length = length;
	ring_go(ring, 1);
	return want_complete(submit, ring_take(ring));
}

static void transfers(struct ringed *ring, int near, int far)
{
	struct iovec iov[2] = {{buffer, 10}, {buffer + 10, BYTES - 10}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	struct io_uring_sqe *sqe;
	/* a write on one end, a read on the other, of BYTES each */
	static const struct {
		uint8_t out, in;
	} pairs[] = {{IORING_OP_SEND, IORING_OP_RECV},
		     {IORING_OP_WRITE, IORING_OP_READ},
		     {IORING_OP_WRITEV, IORING_OP_READV},
		     {IORING_OP_SENDMSG, IORING_OP_RECVMSG}};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		for (int way = 0; way < 2; way++) {
			int fd = way ? far : near;
			uint8_t op = way ? pairs[i].in : pairs[i].out;

			sqe = ring_op(ring, op, fd, 100 + i);
			sqe->addr = (uintptr_t)buffer;
			sqe->len = BYTES;
			if (op == IORING_OP_WRITEV || op == IORING_OP_READV) {
				sqe->addr = (uintptr_t)iov;
				sqe->len = 2;
			} else if (op == IORING_OP_SENDMSG || op == IORING_OP_RECVMSG) {
				sqe->addr = (uintptr_t)&message;
				sqe->len = 1;
			}
			CHECK(whole(ring, fd, BYTES)->ret == BYTES);
		}
	}
	sqe = ring_op(ring, IORING_OP_RECV, near, 7);
	sqe->addr = (uintptr_t)buffer;
	sqe->len = sizeof buffer;
	sqe->msg_flags = MSG_DONTWAIT;
	CHECK(whole(ring, near, sizeof buffer)->ret == -EAGAIN);
}

/* listen, connect and accept, the address asked of the socket. */
static void connections(struct ringed *ring, int *ret_near, int *ret_far)
{
	int listener = (int)RAW(SYS_socket, AF_INET, SOCK_STREAM, 0);
	int near = (int)RAW(SYS_socket, AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct wanted *accepting, *connecting, *complete;
	struct taken cqe;
	socklen_t size = sizeof address;

	CHECK(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	ring_op(ring, IORING_OP_ACCEPT, listener, 1)->ioprio = 1; /* multishot */
	accepting = want_submit(ring, listener);
	ring_go(ring, 0);
	struct io_uring_sqe *sqe = ring_op(ring, IORING_OP_CONNECT, near, 2);
	sqe->addr = (uintptr_t)&address;
	sqe->off = size;
	connecting = want_submit(ring, near);
	want_rest(connecting, &address, size);
	ring_go(ring, 2);
	*ret_far = -1;
	for (int i = 0; i < 2; i++) {
		cqe = ring_take(ring);
		complete = want_complete(cqe.user_data == 1 ? accepting : connecting, cqe);
		if (cqe.user_data != 1)
			continue;
		CHECK(cqe.res >= 0 && (cqe.flags & IORING_CQE_F_MORE));
		*ret_far = cqe.res;
		size = sizeof address;
		CHECK(getsockname(near, (struct sockaddr *)&address, &size) == 0);
		want_rest(complete, &address, size);
	}
	CHECK(*ret_far >= 0);
	*ret_near = near;
	/* Taken back: the cancellation names it by user_data. */
	ring_op(ring, IORING_OP_ASYNC_CANCEL, -1, 3)->addr = 1;
	struct wanted *cancel = want_submit(ring, -1);
	cancel->entry.extra = 1;
	ring_go(ring, 2);
	for (int i = 0; i < 2; i++) {
		cqe = ring_take(ring);
		(void)want_complete(cqe.user_data == 1 ? accepting : cancel, cqe);
	}
}

static void registrations(struct ringed *ring)
{
	int epoll = epoll_create1(0), one = eventfd(1, EFD_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 0x123456789a};
	struct ready ready = {.data = event.data.u64, .events = event.events, .fd = epoll};
	struct wanted *add, *del;
	struct io_uring_sqe *sqe;

	/* two in one call, as libuv does */
	sqe = ring_op(ring, IORING_OP_EPOLL_CTL, epoll, 4);
	sqe->addr = (uintptr_t)&event;
	sqe->len = EPOLL_CTL_ADD;
	sqe->off = (__u64)one;
	add = want_submit(ring, one);
	add->entry.length = EPOLL_CTL_ADD;
	want_rest(add, &ready, sizeof ready);
	sqe = ring_op(ring, IORING_OP_EPOLL_CTL, epoll, 5);
	sqe->len = EPOLL_CTL_DEL;
	sqe->off = (__u64)one;
	del = want_submit(ring, one);
	del->entry.length = EPOLL_CTL_DEL;
	ready = (struct ready){.fd = epoll};
	want_rest(del, &ready, sizeof ready);
	ring_go(ring, 2);
	CHECK(want_complete(add, ring_take(ring))->ret == 0);
	CHECK(want_complete(del, ring_take(ring))->ret == 0);
}

static void polls(struct ringed *ring)
{
	int one = eventfd(1, EFD_NONBLOCK), none = eventfd(0, EFD_NONBLOCK);
	struct wanted *poll, *taken;
	struct taken cqe;
	uint64_t add = 1;

	ring_op(ring, IORING_OP_POLL_ADD, one, 6)->poll32_events = EPOLLIN | EPOLLPRI;
	CHECK(whole(ring, one, EPOLLIN | EPOLLPRI)->ret == EPOLLIN);
	struct io_uring_sqe *sqe = ring_op(ring, IORING_OP_POLL_ADD, none, 7);
	sqe->poll32_events = EPOLLIN;
	sqe->len = IORING_POLL_ADD_MULTI;
	poll = want_submit(ring, none);
	poll->entry.length = EPOLLIN;
	poll->entry.extra = IORING_POLL_ADD_MULTI;
	ring_go(ring, 0);
	CHECK(write(none, &add, sizeof add) == sizeof add);
	ring_go(ring, 1);
	cqe = ring_take(ring);
	CHECK(cqe.res == EPOLLIN && (cqe.flags & IORING_CQE_F_MORE));
	(void)want_complete(poll, cqe);
	ring_op(ring, IORING_OP_POLL_REMOVE, -1, 8)->addr = 7;
	taken = want_submit(ring, -1);
	taken->entry.extra = 7;
	ring_go(ring, 2);
	for (int i = 0; i < 2; i++) {
		cqe = ring_take(ring);
		(void)want_complete(cqe.user_data == 7 ? poll : taken, cqe);
	}
}

static void timers(struct ringed *ring)
{
	struct __kernel_timespec spec = {.tv_nsec = 2000000};

	ring_op(ring, IORING_OP_NOP, -1, 9);
	CHECK(whole(ring, -1, 0)->ret == 0);
	struct io_uring_sqe *sqe = ring_op(ring, IORING_OP_TIMEOUT, -1, 10);
	sqe->addr = (uintptr_t)&spec;
	sqe->len = 1;
	CHECK(whole(ring, -1, 2000000)->ret == -ETIME);
}

/* A buffer of a group, and a receive that goes on. */
static void provided(struct ringed *ring, int near, int far)
{
	struct io_uring_sqe *sqe = ring_op(ring, IORING_OP_PROVIDE_BUFFERS, 4, 11);
	struct taken cqe;
	struct wanted *receive;

	sqe->addr = (uintptr_t)buffer;
	sqe->len = 64;
	sqe->buf_group = 9;
	CHECK(whole(ring, -1, 0)->ret >= 0);
	sqe = ring_op(ring, IORING_OP_RECV, far, 12);
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->buf_group = 9;
	receive = want_submit(ring, far);
	receive->entry.group = 9;
	ring_go(ring, 0);
	for (int i = 0; i < 2; i++) {
		CHECK(RAW(SYS_sendto, near, buffer, 30, 0, NULL, 0) == 30);
		ring_go(ring, 1);
		cqe = ring_take(ring);
		CHECK(cqe.res == 30 && (cqe.flags & IORING_CQE_F_BUFFER));
		(void)want_complete(receive, cqe);
	}
	sqe = ring_op(ring, IORING_OP_SHUTDOWN, near, 13);
	sqe->len = SHUT_WR;
	struct wanted *down = want_submit(ring, near);
	down->entry.length = SHUT_WR;
	ring_go(ring, 2);
	for (int i = 0; i < 2; i++) {
		cqe = ring_take(ring);
		CHECK(cqe.res == 0);
		(void)want_complete(cqe.user_data == 12 ? receive : down, cqe);
	}
	ring_op(ring, IORING_OP_CLOSE, far, 14);
	CHECK(whole(ring, far, 0)->ret == 0);
}

/* By index, of a file that has a number. */
static void registered(struct ringed *ring)
{
	int files[2] = {-1, eventfd(5, 0)};
	struct wanted *read;

	CHECK(RAW(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES, files, 2) == 0);
	struct io_uring_sqe *sqe = ring_op(ring, IORING_OP_READ, 1, 15);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->addr = (uintptr_t)buffer;
	sqe->len = 8;
	read = want_submit(ring, files[1]);
	read->entry.index = 1;
	read->entry.length = 8;
	ring_go(ring, 1);
	CHECK(want_complete(read, ring_take(ring))->ret == 8);
}

/* Done by a thread of the kernel's, which waits where the target would. */
static void worker(struct ringed *ring)
{
	int one = eventfd(0, 0);
	struct io_uring_sqe *sqe = ring_op(ring, IORING_OP_READ, one, 16);
	struct wanted *read;
	uint64_t add = 3;

	sqe->flags = IOSQE_ASYNC;
	sqe->addr = (uintptr_t)buffer;
	sqe->len = 8;
	read = want_submit(ring, one);
	read->entry.length = 8;
	ring_go(ring, 0);
	CHECK(write(one, &add, sizeof add) == sizeof add);
	CHECK(want_complete(read, ring_take(ring))->ret == 8);
}

static int part_ops(void)
{
	struct ringed ring;
	int near, far;

	ring_make(&ring, 8, 0);
	connections(&ring, &near, &far);
	transfers(&ring, near, far);
	registrations(&ring);
	polls(&ring);
	timers(&ring);
	provided(&ring, near, far);
	registered(&ring);
	worker(&ring);
	return ring_results();
}

/* A connection that has no number: it goes into a slot, sends from there, and is emptied out of it. */
static int part_slots(void)
{
	static const int32_t empty[4] = {-1, -1, -1, -1};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = (int)RAW(SYS_socket, AF_INET, SOCK_STREAM, 0);
	int near = (int)RAW(SYS_socket, AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof address;
	struct ringed ring;
	struct wanted *want;
	struct io_uring_sqe *sqe;

	ring_make(&ring, 8, 0);
	CHECK(RAW(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, empty, 4) == 0);
	CHECK(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	CHECK(connect(near, (struct sockaddr *)&address, size) == 0);
	CHECK(getsockname(near, (struct sockaddr *)&address, &size) == 0);
	ring_op(&ring, IORING_OP_ACCEPT, listener, 60)->file_index = 2 + 1;
	want = want_submit(&ring, listener);
	want->entry.index = 2;
	ring_go(&ring, 1);
	want = want_complete(want, ring_take(&ring));
	if (want->ret < 0)
		return 77;
	want_rest(want, &address, size);
	sqe = ring_op(&ring, IORING_OP_SEND, 2, 61);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->addr = (uintptr_t)buffer;
	sqe->len = BYTES;
	want = want_submit(&ring, -1);
	want->entry.index = 2;
	want->entry.length = BYTES;
	ring_go(&ring, 1);
	CHECK(want_complete(want, ring_take(&ring))->ret == BYTES);
	ring_op(&ring, IORING_OP_CLOSE, 0, 62)->file_index = 2 + 1;
	want = want_submit(&ring, -1);
	want->entry.index = 2;
	ring_go(&ring, 1);
	CHECK(want_complete(want, ring_take(&ring))->ret == 0);
	CHECK(RAW(SYS_io_uring_register, ring.fd, IORING_UNREGISTER_FILES, NULL, 0) == 0);
	return ring_results();
}

/* A ring whose submissions the kernel finds by itself. */
static int part_polled(void)
{
	struct ringed ring;
	struct wanted *write_one;
	int one;

	ring_make(&ring, 8, IORING_SETUP_SQPOLL);
	one = eventfd(0, 0);
	for (uint64_t i = 0; i < 3; i++) {
		struct io_uring_sqe *sqe = ring_op(&ring, IORING_OP_WRITE, one, 20 + i);

		sqe->addr = (uintptr_t)&ring.requests;
		sqe->len = 8;
		write_one = want_submit(&ring, one);
		write_one->entry.length = 8;
		ring_publish(&ring);
		ring.filled = 0;
		if (atomic_load(ring_word(&ring, ring.params.sq_off.flags)) & IORING_SQ_NEED_WAKEUP)
			(void)RAW(SYS_io_uring_enter, ring.fd, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL, 8);
		(void)want_complete(write_one, ring_take(&ring));
	}
	return ring_results();
}

/* Memory of the target's own. */
static int part_own_memory(void)
{
	size_t page = 65536;
	char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ringed ring = {.params = {.flags = 1u << 14}}; /* IORING_SETUP_NO_MMAP */
	struct {
		uint64_t addr;
	} rings = {(uintptr_t)memory}, sqes = {(uintptr_t)memory + page};

	CHECK(memory != MAP_FAILED);
	memcpy((char *)&ring.params.cq_off + 32, &rings, 8);
	memcpy((char *)&ring.params.sq_off + 32, &sqes, 8);
	ring.fd = (int)RAW(SYS_io_uring_setup, 4, &ring.params);
	if (ring.fd < 0)
		return 77;
	ring.rings = memory;
	ring.sqes = (void *)(memory + page);
	ring_op(&ring, IORING_OP_NOP, -1, 30);
	CHECK(whole(&ring, -1, 0)->ret == 0);
	return ring_results();
}

#define TICKS 60

/* Completions come by a clock and are taken at once; no call is made until all are gone. */
static int part_behind_our_back(void)
{
	struct __kernel_timespec spec = {.tv_nsec = 200000};
	struct ringed ring;
	struct io_uring_sqe *sqe;
	struct taken cqe;
	unsigned count = 0;

	ring_make(&ring, 4, 0); /* its completion queue has 8 entries */
	sqe = ring_op(&ring, IORING_OP_TIMEOUT, -1, 40);
	sqe->addr = (uintptr_t)&spec;
	sqe->len = 1;
	sqe->off = TICKS;
	sqe->timeout_flags = 1u << 6; /* IORING_TIMEOUT_MULTISHOT */
	ring_go(&ring, 0);
	do {
		cqe = ring_take(&ring);
		if (cqe.res != -ETIME)
			return 77;
		count++;
	} while (cqe.flags & IORING_CQE_F_MORE);
	CHECK(count == TICKS);
	play_mark(1);
	return 0;
}

/* Two are waited for, one comes; the other when the test says so, by the fd it was given as standard input.
 */
static int part_asleep(void)
{
	struct ringed ring;
	struct io_uring_sqe *sqe;
	char byte;

	ring_make(&ring, 8, 0);
	ring_op(&ring, IORING_OP_NOP, -1, 50);
	sqe = ring_op(&ring, IORING_OP_READ, 0, 51);
	sqe->addr = (uintptr_t)&byte;
	sqe->len = 1;
	ring_go(&ring, 2);
	return 0;
}

static void compare(const struct event *event, const struct wanted *want, size_t index)
{
	const struct ring_entry *entry = event_ring(event);
	uint32_t size;
	const void *rest = event_ring_rest(event, &size);
	char text[256];

	if (event->what == want->what && event->fd == want->fd && event->ret == want->ret && entry &&
	    !memcmp(entry, &want->entry, sizeof *entry) && size == want->rest_size &&
	    (!size || !memcmp(rest, want->rest, size)) && event->flags == 0)
		return;
	fail_msg("%zu: %s; wanted what %u fd %d ret %ld op %u number %lu length %lu extra %lx flags %x %x %u "
		 "bytes",
		 index, event_text(event, text, sizeof text), want->what, want->fd, (long)want->ret,
		 want->entry.op, (unsigned long)want->entry.request, (unsigned long)want->entry.length,
		 (unsigned long)want->entry.extra, want->entry.op_flags, want->entry.cqe_flags,
		 want->rest_size);
}

/* Every wanted one, in order; submissions and completions of one call may be told in one go. */
static void compare_all(const struct play *play)
{
	struct wanted list[WANTED_MAX];
	ssize_t size = pread(play->result, list, sizeof list, 0);
	size_t count = size > 0 ? (size_t)size / sizeof *list : 0, at = 0;

	assert_true(count > 0);
	for (size_t i = 0; i < play->count; i++) {
		const struct event *event = &play->events[i];

		if (event->kind != EV_RING || event->what == RING_UNSEEN)
			continue;
		assert_int_equal(event->pid, play->pid);
		if (at == count)
			fail_msg("more than was wanted");
		compare(event, &list[at], at);
		at++;
	}
	assert_int_equal(at, count);
}

/* Where it is refused here (no privilege, no types of the kernel), or not built. */
static bool is_refused(const char *way)
{
	const struct watch_ops *ops = watch_find(way);
	struct error error;

	return ops->check && ops->check("/proc/self/exe", &error) < 0;
}

static bool no_rings(void)
{
	struct io_uring_params params = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 2, &params);

	if (ring >= 0)
		close(ring);
	return ring < 0;
}

/* Runs it; 77 from the target: this kernel has not what it takes. */
static void run(struct play *play, const char *way, const char *part)
{
	int status;

	if (is_refused(way))
		skip();
	play_init(play, part);
	play->ops = watch_find(way);
	play_start(play);
	status = play_finish(play);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		play_free(play);
		skip();
	}
	assert_int_equal(status, 0);
}

static void every_operation(const char *way)
{
	struct play play;

	run(&play, way, "ops");
	compare_all(&play);
	assert_int_equal(play_count(&play, EV_RING, RING_LOST), 0);
	play_free(&play);
}

static void test_every_operation(void **state)
{
	(void)state;
	every_operation("ptrace");
}

static void test_every_operation_by_bpf(void **state)
{
	(void)state;
	every_operation("bpf");
}

static void slots(const char *way)
{
	const struct event *event;
	struct play play;

	run(&play, way, "slots");
	compare_all(&play);
	event = play_event(&play, 0, EV_RING, RING_UNSEEN);
	assert_int_equal(event->arg[0], RING_GAP_DIRECT);
	assert_int_equal(play_count(&play, EV_RING, RING_UNSEEN), 1);
	for (ssize_t i = 0; (i = play_find(&play, (size_t)i, EV_CALL, CALL_io_uring_register)) >= 0; i++) {
		assert_int_equal(play.events[i].arg[1], 0);
		assert_int_equal(play.events[i].arg[2], UINT32_MAX); /* the whole table comes, and goes */
	}
	play_free(&play);
}

static void test_slots(void **state)
{
	(void)state;
	slots("ptrace");
}

static void test_slots_by_bpf(void **state)
{
	(void)state;
	slots("bpf");
}

static void test_submissions_the_kernel_polls_for(void **state)
{
	struct play play;

	(void)state;
	run(&play, "ptrace", "polled");
	/* Each write is followed by no call: all come at the end, submissions first. */
	assert_int_equal(play_count(&play, EV_RING, RING_SUBMIT), 3);
	assert_int_equal(play_count(&play, EV_RING, RING_COMPLETE), 3);
	for (size_t i = 0; i < play.count; i++)
		if (play.events[i].kind == EV_RING)
			assert_int_equal(event_ring(&play.events[i])->op, OP_WRITE);
	play_free(&play);
}

/* The kernel's thread takes them, and each is told of when it is done, as the target's. */
static void test_the_kernels_thread_by_bpf(void **state)
{
	struct play play;

	(void)state;
	run(&play, "bpf", "polled");
	compare_all(&play);
	for (size_t i = 0; i < play.count; i++)
		if (play.events[i].kind == EV_RING)
			assert_int_equal(play.events[i].tid, play.pid);
	play_free(&play);
}

static void memory_of_the_targets_own(const char *way)
{
	struct play play;

	run(&play, way, "own-memory");
	compare_all(&play);
	play_free(&play);
}

static void test_memory_of_the_targets_own(void **state)
{
	(void)state;
	memory_of_the_targets_own("ptrace");
}

static void test_memory_of_the_targets_own_by_bpf(void **state)
{
	(void)state;
	memory_of_the_targets_own("bpf");
}

/* What was written over before we looked is counted: nothing is missing from the sum. */
static void test_losses_are_said(void **state)
{
	struct play play;
	int64_t lost = 0;
	size_t seen;

	(void)state;
	run(&play, "ptrace", "behind-our-back");
	seen = play_count(&play, EV_RING, RING_COMPLETE);
	for (size_t i = 0; i < play.count; i++) {
		if (play.events[i].kind != EV_RING || play.events[i].what != RING_LOST)
			continue;
		assert_int_equal(play.events[i].arg[0], 1);
		lost += play.events[i].ret;
	}
	assert_true(lost > 0);
	assert_int_equal((int64_t)seen + lost, TICKS);
	play_free(&play);
}

/* Told of as they are posted, none is lost, although nobody looked. */
static void test_nothing_is_lost_by_bpf(void **state)
{
	struct play play;

	(void)state;
	run(&play, "bpf", "behind-our-back");
	assert_int_equal(play_count(&play, EV_RING, RING_COMPLETE), TICKS);
	assert_int_equal(play_count(&play, EV_RING, RING_LOST), 0);
	play_free(&play);
}

/* A completion that does not wake the target is seen when it is looked for. */
static void test_asleep_it_is_sampled(void **state)
{
	struct play play;
	int ends[2];
	const struct event *enter;

	(void)state;
	if (no_rings())
		skip();
	play_init(&play, "asleep");
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	play.target.in = ends[0];
	play_start(&play);
	play_await(&play, EV_ENTER, CALL_io_uring_enter);
	enter = play_event(&play, 0, EV_ENTER, CALL_io_uring_enter);
	assert_int_equal(enter->arg[0], 2);
	assert_true(enter->arg[1] == UINT64_MAX);
	while (play_count(&play, EV_RING, RING_COMPLETE) == 0) {
		assert_int_equal(watcher_sample(play.watcher), 0);
		assert_int_equal(journal_drain(play.journal, play_sink, &play), 0);
	}
	assert_int_equal(play_count(&play, EV_CALL, CALL_io_uring_enter), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(play_finish(&play), 0);
	assert_int_equal(play_count(&play, EV_RING, RING_COMPLETE), 2);
	close(ends[0]);
	close(ends[1]);
	play_free(&play);
}

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {
	    {"ops", part_ops},
	    {"slots", part_slots},
	    {"polled", part_polled},
	    {"own-memory", part_own_memory},
	    {"behind-our-back", part_behind_our_back},
	    {"asleep", part_asleep},
	};
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_operation),
	    cmocka_unit_test(test_every_operation_by_bpf),
	    cmocka_unit_test(test_slots),
	    cmocka_unit_test(test_slots_by_bpf),
	    cmocka_unit_test(test_submissions_the_kernel_polls_for),
	    cmocka_unit_test(test_the_kernels_thread_by_bpf),
	    cmocka_unit_test(test_memory_of_the_targets_own),
	    cmocka_unit_test(test_memory_of_the_targets_own_by_bpf),
	    cmocka_unit_test(test_losses_are_said),
	    cmocka_unit_test(test_nothing_is_lost_by_bpf),
	    cmocka_unit_test(test_asleep_it_is_sampled),
	};

	play_main(argc, argv, parts, sizeof parts / sizeof *parts);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
