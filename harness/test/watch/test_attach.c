/* SPDX-License-Identifier: MIT */
/*
 * Attaching to what runs already.
 *
 *     test ── fork ──► server: leader asleep in epoll_wait, a thread asleep in another,
 *       │                      a child with the listener it inherited
 *       ├── watcher_start(attach) ──► EV_FOUND of all that
 *       ├── pipes ──► bytes show that they run, and that no call of theirs failed
 *       └── watcher_free: they run on, and nobody traces them
 */
#include "ringed.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Answers each byte from in with one to out; a wait that fails says so with an 'E'. */
struct echo {
	int in, out;
};

static void *echo(void *arg)
{
	const struct echo *own = arg;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0xabc};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	CHECK(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, own->in, &event) == 0);
	for (;;) {
		char byte = 'E';

		if (epoll_wait(epoll, &event, 1, -1) == 1)
			CHECK(read(own->in, &byte, 1) == 1);
		CHECK(write(own->out, &byte, 1) == 1);
	}
	return NULL;
}

struct server {
	pid_t pid;
	int in[3], out[3]; /* our ends: of the leader, its thread, its child */
	uint16_t port;
};

static void serve(struct echo *echoes)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		echo(&echoes[2]);
	}
	CHECK(pthread_create(&thread, NULL, echo, &echoes[1]) == 0);
	echo(&echoes[0]);
}

static int listen_somewhere(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 7), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void server_start(struct server *server)
{
	struct echo echoes[3];
	int listener = listen_somewhere(&server->port);

	for (int i = 0; i < 3; i++) {
		int to[2], from[2];

		assert_int_equal(pipe2(to, O_CLOEXEC), 0);
		assert_int_equal(pipe2(from, O_CLOEXEC), 0);
		echoes[i] = (struct echo){to[0], from[1]};
		server->in[i] = to[1];
		server->out[i] = from[0];
	}
	server->pid = fork();
	if (server->pid == 0)
		serve(echoes);
	assert_true(server->pid > 0);
	close(listener);
	for (int i = 0; i < 3; i++) {
		close(echoes[i].in);
		close(echoes[i].out);
	}
}

/* Each is asked and answers; whoever was woken by anything but a byte would have said so before. */
static void server_answers(const struct server *server, char byte)
{
	for (int i = 0; i < 3; i++) {
		struct pollfd answer = {server->out[i], POLLIN, 0};
		char got = 0;

		assert_int_equal(write(server->in[i], &byte, 1), 1);
		assert_int_equal(poll(&answer, 1, PLAY_PATIENCE_MS), 1);
		assert_int_equal(read(server->out[i], &got, 1), 1);
		assert_int_equal(got, byte);
	}
}

static void server_stop(const struct server *server)
{
	assert_int_equal(kill(server->pid, SIGKILL), 0);
	assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
	for (int i = 0; i < 3; i++) {
		close(server->in[i]);
		close(server->out[i]);
	}
}

static void attach_init(struct play *play, const struct watch_ops *ops, pid_t pid)
{
	play_init(play, "");
	play->ops = ops;
	play->target.argv = NULL;
	play->target.attach = pid;
}

/* How many threads of the process were found; each that it has, once. A sanitizer has some of its own. */
static size_t threads_found(const struct play *play, pid_t pid)
{
	char path[40];
	struct dirent *entry;
	size_t count = 0;
	DIR *tasks;

	(void)snprintf(path, sizeof path, "/proc/%d/task", pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		size_t found = 0;

		if (entry->d_name[0] == '.')
			continue;
		for (size_t i = 0; i < play->count; i++)
			found += play->events[i].kind == EV_FOUND && play->events[i].what == FOUND_THREAD &&
				 play->events[i].pid == pid && play->events[i].tid == atoi(entry->d_name);
		assert_int_equal(found, 1);
		count++;
	}
	closedir(tasks);
	return count;
}

static void learn_and_let_go(const struct watch_ops *ops)
{
	struct server server;
	struct play play;
	const struct event *event;
	uint32_t count;

	server_start(&server);
	server_answers(&server, 'a');
	attach_init(&play, ops, server.pid);
	play_start(&play);
	assert_int_equal(play.pid, server.pid);
	server_answers(&server, 'b');
	play_await(&play, EV_CALL, CALL_epoll_wait);
	assert_int_equal(watcher_alive(play.watcher), 2);
	watcher_free(play.watcher);
	play.watcher = NULL;
	assert_int_equal(journal_drain(play.journal, play_sink, &play), 0);
	server_answers(&server, 'c');

	assert_int_equal(play_count(&play, EV_FOUND, FOUND_PROCESS), 2);
	event = play_event(&play, (size_t)play_find(&play, 0, EV_FOUND, FOUND_PROCESS) + 1, EV_FOUND,
			   FOUND_PROCESS);
	assert_int_equal(event->arg[0], server.pid);
	count = (uint32_t)(threads_found(&play, server.pid) + threads_found(&play, event->pid));
	assert_true(count >= 3);
	assert_int_equal(play_count(&play, EV_FOUND, FOUND_THREAD), count);
	assert_int_equal(play_count(&play, EV_FOUND, FOUND_LISTENER), 1);
	event = play_event(&play, 0, EV_FOUND, FOUND_LISTENER);
	assert_int_equal(ntohs(((const struct sockaddr_in *)event->data)->sin_port), server.port);
	event = play_event(&play, 0, EV_FOUND, FOUND_SAME); /* the child's listener */
	assert_int_equal(event->arg[0], server.pid);
	event = play_event(&play, 0, EV_FOUND, FOUND_LIST);
	assert_int_equal(event_ready(event, &count)->data, 0xabc);
	assert_int_equal(count, 1);
	/* Waits that attaching interrupted were made again, and nobody saw an EINTR. */
	assert_true(play_count(&play, EV_ENTER, CALL_epoll_wait) >= 3);
	for (size_t i = 0; i < play.count; i++)
		assert_true(play.events[i].kind != EV_CALL || play.events[i].ret != -EINTR);
	play_free(&play);
	server_stop(&server);
}

static void test_a_server_is_learnt_and_let_go(void **state)
{
	(void)state;
	learn_and_let_go(&watch_attach);
}

static bool is_refused(const struct watch_ops *ops)
{
	struct error error;

	return ops->check(NULL, &error) < 0;
}

static void test_the_same_by_bpf(void **state)
{
	(void)state;
	if (is_refused(&watch_attach_bpf))
		skip();
	learn_and_let_go(&watch_attach_bpf);
}

/* The server was asleep in io_uring_enter: learnt. */
static bool is_enter(const struct event *event, const void *arg)
{
	(void)arg;
	return event->kind == EV_ENTER && event->what == CALL_io_uring_enter;
}

/*
 * A ring that was there before: its accept goes on for ever, and is in flight when we come. By bpf it is
 * found, and what it completes from then on is told of.
 */
static void accept_by_ring(int listener, int ready)
{
	struct ringed ring;
	struct io_uring_sqe *sqe;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ring_make(&ring, 8, 0);
	sqe = ring_op(&ring, IORING_OP_ACCEPT, listener, 0xacce);
	sqe->ioprio = 1; /* multishot */
	ring_go(&ring, 0);
	CHECK(write(ready, "r", 1) == 1);
	for (;;) {
		ring_go(&ring, 1);
		if (ring_take(&ring).res < 0)
			_exit(77);
	}
}

static void test_a_ring_found_goes_on_by_bpf(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct event completion = event_make(EV_RING, RING_COMPLETE);
	const struct event *submit, *complete;
	uint16_t port;
	int listener = listen_somewhere(&port), ready[2], client;
	struct play play;
	char byte;
	pid_t pid;

	(void)state;
	if (is_refused(&watch_attach_bpf))
		skip();
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		accept_by_ring(listener, ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		skip(); /* no rings here */
	attach_init(&play, &watch_attach_bpf, pid);
	play_start(&play);
	assert_true(play_drain(&play, is_enter, NULL) >= 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_port = htons(port);
	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
	assert_true(play_drain(&play, play_is, &completion) >= 0);
	assert_int_equal(play_count(&play, EV_RING, RING_UNSEEN), 0);
	submit = play_event(&play, 0, EV_RING, RING_SUBMIT);
	complete = play_event(&play, 0, EV_RING, RING_COMPLETE);
	for (int i = 0; i < 2; i++) {
		const struct ring_entry *entry = event_ring(i ? complete : submit);

		assert_int_equal(entry->op, OP_ACCEPT);
		assert_int_equal(entry->user_data, 0xacce);
		assert_int_equal((i ? complete : submit)->fd, listener);
		assert_true(ring_multishot(entry));
	}
	assert_true(complete->ret >= 0);
	assert_true(complete->size > sizeof(struct ring_entry)); /* the client's address */
	play_free(&play);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(listener);
	close(client);
}

static void know_its_end(const struct watch_ops *ops)
{
	struct server server;
	struct play play;
	int status = 0;

	server_start(&server);
	server_answers(&server, 'a');
	attach_init(&play, ops, server.pid);
	play_start(&play);
	assert_int_equal(kill(server.pid, SIGTERM), 0);
	(void)play_drain(&play, NULL, NULL); /* the child dies with it */
	assert_int_equal(watcher_status(play.watcher, &status), 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	play_free(&play);
	/* Under ptrace parent and tracer are one process here, and its end has been taken already. */
	(void)waitpid(server.pid, NULL, 0);
	for (int i = 0; i < 3; i++) {
		close(server.in[i]);
		close(server.out[i]);
	}
}

static void test_its_end_is_known(void **state)
{
	(void)state;
	know_its_end(&watch_attach);
	if (!is_refused(&watch_attach_bpf))
		know_its_end(&watch_attach_bpf);
}

static void refused(pid_t pid, int code, const char *part)
{
	struct error error = {0};
	struct play play;

	attach_init(&play, &watch_attach, pid);
	assert_int_equal(play_try(&play, &error), code);
	if (!strstr(error.text, part))
		fail_msg("\"%s\" does not say \"%s\"", error.text, part);
	play_free(&play);
}

static void test_what_cannot_be_attached_to(void **state)
{
	struct server server;
	struct play play;

	(void)state;
	refused(getpid(), -EINVAL, "wringer itself");
	refused(getppid(), -EINVAL, "what wringer was started from");
	refused(INT32_MAX, -ESRCH, "there is no process");
	server_start(&server);
	server_answers(&server, 'a');
	attach_init(&play, &watch_attach, server.pid);
	play_start(&play);
	refused(server.pid, -EPERM, "is traced already");
	play_free(&play);
	server_answers(&server, 'b');
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_server_is_learnt_and_let_go), cmocka_unit_test(test_the_same_by_bpf),
	    cmocka_unit_test(test_a_ring_found_goes_on_by_bpf),	  cmocka_unit_test(test_its_end_is_known),
	    cmocka_unit_test(test_what_cannot_be_attached_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
