/* SPDX-License-Identifier: MIT */
/* The model's part of a duet, and which steps mean something where they stand. */
#include "run/duet_real.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#define MODEL(name) static void model_##name(struct duet *duet, const struct step *step, struct outcome *ret)
#define A	    duet_number(duet, step, 0)
#define B	    duet_number(duet, step, 1)

static void tell_fd(struct outcome *ret, int r)
{
	ret->result = r < 0 ? r : 0;
	ret->numbers[0] = r < 0 ? -1 : r;
}

static void tell_fds(struct outcome *ret, int r, const int fds[2])
{
	ret->result = r;
	for (int i = 0; i < 2; i++)
		ret->numbers[i] = r < 0 ? -1 : fds[i];
}

MODEL(named)
{
	(void)duet;
	(void)step;
	ret->result = 0;
}

MODEL(tcp)
{
	int fds[2];

	(void)step;
	tell_fds(ret, kernel_pair(duet->model, 0, KERNEL_TCP, fds), fds);
}

MODEL(unix)
{
	int fds[2];

	(void)step;
	tell_fds(ret, kernel_pair(duet->model, 0, KERNEL_UNIX, fds), fds);
}

MODEL(packets)
{
	int fds[2];

	(void)step;
	tell_fds(ret, kernel_pair(duet->model, 0, KERNEL_PACKET, fds), fds);
}

MODEL(datagrams)
{
	int fds[2];

	(void)step;
	tell_fds(ret, kernel_pair(duet->model, 0, KERNEL_DATAGRAM, fds), fds);
}

MODEL(tcp_socket)
{
	(void)step;
	tell_fd(ret, kernel_socket(duet->model, 0, KERNEL_TCP));
}

MODEL(unix_socket)
{
	(void)step;
	tell_fd(ret, kernel_socket(duet->model, 0, KERNEL_UNIX));
}

static void listen_with(struct duet *duet, const struct step *step, int backlog, struct outcome *ret)
{
	int port = kernel_bind(duet->model, 0, A, 0);

	ret->result = port < 0 ? port : kernel_listen(duet->model, 0, A, backlog);
	duet->names[step->names[0]].port = ret->result < 0 ? 0 : port;
}

MODEL(listen)
{
	listen_with(duet, step, DUET_BACKLOG, ret);
}

MODEL(listen_few)
{
	listen_with(duet, step, (int)step->number, ret);
}

MODEL(connect)
{
	ret->result = kernel_connect(duet->model, 0, A, duet->names[step->names[1]].port);
}

MODEL(accept)
{
	tell_fd(ret, kernel_accept(duet->model, 0, B));
}

MODEL(pipe)
{
	int fds[2];

	(void)step;
	tell_fds(ret, kernel_pipe(duet->model, 0, fds), fds);
}

MODEL(packet_pipe)
{
	int fds[2];

	(void)step;
	tell_fds(ret, kernel_packet_pipe(duet->model, 0, fds), fds);
}

MODEL(eventfd)
{
	tell_fd(ret, kernel_eventfd(duet->model, 0, step->number, false));
}

MODEL(semaphore)
{
	tell_fd(ret, kernel_eventfd(duet->model, 0, step->number, true));
}

MODEL(timerfd)
{
	(void)step;
	tell_fd(ret, kernel_timerfd(duet->model, 0));
}

MODEL(file)
{
	(void)step;
	tell_fd(ret, kernel_plain_file(duet->model, 0));
}

MODEL(epoll)
{
	(void)step;
	tell_fd(ret, kernel_epoll(duet->model, 0));
}

MODEL(dup)
{
	tell_fd(ret, kernel_dup(duet->model, 0, B));
}

MODEL(dup_to)
{
	ret->result = kernel_dup_to(duet->model, 0, A, B);
}

MODEL(close)
{
	ret->result = kernel_close(duet->model, 0, A);
}

MODEL(reset)
{
	(void)kernel_linger(duet->model, 0, A, true);
	ret->result = kernel_close(duet->model, 0, A);
}

MODEL(fork)
{
	int proc = kernel_fork(duet->model, 0);

	ret->result = proc < 0 ? proc : 0;
	duet->names[step->names[0]].proc = proc;
}

MODEL(exit)
{
	struct name *name = &duet->names[step->names[0]];

	ret->result = kernel_exit(duet->model, name->proc);
	name->proc = 0;
}

MODEL(pass)
{
	ret->result = kernel_pass(duet->model, 0, A, B);
}

MODEL(take)
{
	tell_fd(ret, kernel_take(duet->model, 0, B));
}

MODEL(write)
{
	ret->result = kernel_send(duet->model, 0, A, duet->sent, step->number);
}

MODEL(count)
{
	uint64_t value = step->number == 3 ? UINT64_MAX - 1 : step->number;

	ret->result = kernel_send(duet->model, 0, A, &value, sizeof value);
}

MODEL(read)
{
	ret->result = kernel_receive(duet->model, 0, A, duet->got[1], step->number);
}

MODEL(peek)
{
	ret->result = kernel_peek(duet->model, 0, A, duet->got[1], step->number);
}

MODEL(fill)
{
	int64_t total = 0, n;

	while ((n = kernel_send(duet->model, 0, A, duet->sent, 4096)) > 0)
		total += n;
	ret->result = n;
	ret->total = kernel_family_of(duet->model, 0, A) < 0 ? total : 0;
}

MODEL(drain)
{
	ret->result = 1;
	for (int reads = 0; ret->result > 0 && reads < DUET_READS; reads++)
		ret->result = kernel_receive(duet->model, 0, A, duet->got[1], DUET_BYTES);
}

MODEL(urgent)
{
	ret->result = kernel_send_urgent(duet->model, 0, A, duet->sent, step->number);
}

MODEL(read_urgent)
{
	ret->result = kernel_receive_urgent(duet->model, 0, A, duet->got[1]);
}

MODEL(inlined)
{
	ret->result = kernel_inline(duet->model, 0, A, true);
}

MODEL(at_mark)
{
	ret->result = kernel_at_mark(duet->model, 0, A);
}

MODEL(low_water)
{
	ret->result = kernel_low_water(duet->model, 0, A, (int)step->number);
}

MODEL(shutdown)
{
	ret->result = kernel_shutdown(duet->model, 0, A, (enum kernel_how)step->number);
}

MODEL(so_error)
{
	ret->result = kernel_so_error(duet->model, 0, A);
}

MODEL(timer)
{
	const uint64_t times[] = {0, 1, UINT64_MAX};

	ret->result = kernel_timer(duet->model, 0, A, times[step->number], 0);
}

MODEL(add)
{
	ret->result =
	    kernel_epoll_ctl(duet->model, 0, A, KERNEL_ADD, B, step->number, (uint64_t)step->names[1]);
}

MODEL(mod)
{
	ret->result =
	    kernel_epoll_ctl(duet->model, 0, A, KERNEL_MOD, B, step->number, (uint64_t)step->names[1]);
}

MODEL(del)
{
	ret->result = kernel_epoll_ctl(duet->model, 0, A, KERNEL_DEL, B, 0, 0);
}

MODEL(wait)
{
	ret->result = kernel_epoll_wait(duet->model, 0, A, ret->events, (int)step->number);
	ret->count = ret->result < 0 ? 0 : (int)ret->result;
}

MODEL(poll)
{
	ret->result = kernel_poll(duet->model, 0, A, &ret->events[0].events, &ret->events[0].may);
	ret->count = ret->result == 0;
}

MODEL(sleep)
{
	int sleeper = kernel_sleep(duet->model, 0, B, (int)step->number);

	ret->result = sleeper < 0 ? sleeper : 0;
	duet->names[step->names[0]].sleeper = sleeper;
}

MODEL(sleep_poll)
{
	int sleeper = kernel_sleep_poll(duet->model, 0, B, (int)step->number);

	ret->result = sleeper < 0 ? sleeper : 0;
	duet->names[step->names[0]].sleeper = sleeper;
}

/* What a sleeper's place is among those whose names may change: those that are back by what they have to
 * tell. */
static uint64_t rank(const struct duet *duet, int sleeper)
{
	struct kernel_event events[KERNEL_TAKEN];

	return kernel_peek_slept(duet->model, sleeper, events) > 0 ? events[0].data : UINT64_MAX;
}

MODEL(either)
{
	struct name *first = &duet->names[step->names[0]], *second = &duet->names[step->names[1]];
	int sleeper = first->sleeper;

	ret->result =
	    kernel_is_back(duet->model, first->sleeper) + kernel_is_back(duet->model, second->sleeper);
	if (rank(duet, second->sleeper) < rank(duet, first->sleeper)) {
		first->sleeper = second->sleeper;
		second->sleeper = sleeper;
	}
}

MODEL(woken)
{
	ret->result = kernel_slept(duet->model, duet->names[step->names[0]].sleeper, ret->events);
	ret->count = ret->result < 0 ? 0 : (int)ret->result;
}

/* So little that no buffer of any kernel is near its end: what is more belongs to fill and drain. */
enum { LITTLE = 8000, FEW = 20 };

static int family(const struct duet *duet, const struct step *step, int which)
{
	return kernel_family_of(duet->model, 0, duet_number(duet, step, which));
}

/* As many numbers as the step makes are free: each is below DUET_OPEN then, for the lowest is taken. */
static bool can_make(const struct duet *duet, const struct step *step)
{
	int wanted = step_forms[step->op].args[1] == 'n' ? 2 : 1, found = 0;

	for (int number = 0; number < DUET_OPEN; number++)
		found += !kernel_is_open(duet->model, 0, number);
	return found >= wanted;
}

static bool can_listen(const struct duet *duet, const struct step *step)
{
	int found = family(duet, step, 0);

	return (found == KERNEL_TCP || found == KERNEL_UNIX) && kernel_port(duet->model, 0, A) == 0 &&
	       kernel_state(duet->model, 0, A) == TCP_CLOSE;
}

static bool can_connect(const struct duet *duet, const struct step *step)
{
	const struct name *to = &duet->names[step->names[1]];
	int wanted = to->address.any.sa_family == AF_INET ? KERNEL_TCP : KERNEL_UNIX;

	return to->port && (family(duet, step, 0) < 0 || family(duet, step, 0) == wanted);
}

static bool can_write(const struct duet *duet, const struct step *step)
{
	uint32_t size = step->op == STEP_PASS ? 1 : step->number;

	return family(duet, step, 0) < 0 ? size <= DUET_BYTES
					 : (uint32_t)kernel_unread(duet->model, 0, A) + size <= LITTLE &&
					       kernel_messages(duet->model, 0, A) < FEW;
}

/* What is no TCP socket answers each of these in its own way, or does something with it that is no matter
 * here. */
static bool is_tcp(const struct duet *duet, const struct step *step)
{
	return family(duet, step, 0) == KERNEL_TCP || family(duet, step, 0) == -EBADF;
}

static bool can_urge(const struct duet *duet, const struct step *step)
{
	return is_tcp(duet, step) && can_write(duet, step);
}

static bool can_set_low_water(const struct duet *duet, const struct step *step)
{
	return is_tcp(duet, step) &&
	       step->number <= LITTLE; /* more than there may be is cut: tcp_set_rcvlowat */
}

static bool can_listen_few(const struct duet *duet, const struct step *step)
{
	return can_listen(duet, step) && step->number <= DUET_BACKLOG;
}

static bool can_read(const struct duet *duet, const struct step *step)
{
	int number = step->op == STEP_TAKE ? B : A;

	return kernel_family_of(duet->model, 0, number) < 0
		   ? step->number <= DUET_BYTES
		   : kernel_queued(duet->model, 0, number) <= LITTLE && step->number <= DUET_BYTES;
}

/* Not datagrams: of those only the next is counted, so it could not be told when reading them is a matter of
 * how many fitted. */
static bool can_fill(const struct duet *duet, const struct step *step)
{
	int found = family(duet, step, 0);

	return kernel_queued(duet->model, 0, A) >= 0 && found != KERNEL_TCP && found != KERNEL_DATAGRAM;
}

/* A UNIX socket under way in another one may be kept alive by itself alone; the kernel finds that out when it
 * likes. */
static bool can_pass(const struct duet *duet, const struct step *step)
{
	return family(duet, step, 0) == KERNEL_UNIX && family(duet, step, 1) <= KERNEL_TCP &&
	       can_write(duet, step);
}

static bool can_take(const struct duet *duet, const struct step *step)
{
	return family(duet, step, 1) == KERNEL_UNIX && can_read(duet, step) && can_make(duet, step);
}

static bool can_fork(const struct duet *duet, const struct step *step)
{
	enum { CHILDREN = 3 };
	int alive = 0;

	for (int i = 0; i < STEP_NAMES; i++)
		alive += duet->names[i].proc != 0;
	return alive < CHILDREN && !duet->names[step->names[0]].proc;
}

static bool can_exit(const struct duet *duet, const struct step *step)
{
	return duet->names[step->names[0]].proc != 0;
}

static bool can_wait(const struct duet *duet, const struct step *step)
{
	(void)duet;
	return step->number <= DUET_EVENTS;
}

/* Only on what is a set: a thread that comes back with an error is no sleeper. */
static bool can_sleep(const struct duet *duet, const struct step *step)
{
	return !duet->names[step->names[0]].asleep && can_wait(duet, step) && step->number &&
	       kernel_is_epoll(duet->model, 0, B);
}

static bool can_ask_sleeper(const struct duet *duet, const struct step *step)
{
	return duet->names[step->names[0]].asleep != NULL;
}

static bool can_ask_sleepers(const struct duet *duet, const struct step *step)
{
	return can_ask_sleeper(duet, step) && duet->names[step->names[1]].asleep &&
	       step->names[0] != step->names[1];
}

static bool can_dup_to(const struct duet *duet, const struct step *step)
{
	return B >= 0 || !kernel_is_open(duet->model, 0, A); /* else it would be a number below ours */
}

#define BOTH(name) real_##name, model_##name

const struct duet_op duet_ops[STEP_OPS] = {
    [STEP_NAMED] = {NULL, BOTH(named), false},
    [STEP_TCP] = {can_make, BOTH(tcp), true},
    [STEP_UNIX] = {can_make, BOTH(unix), false},
    [STEP_PACKETS] = {can_make, BOTH(packets), false},
    [STEP_DATAGRAMS] = {can_make, BOTH(datagrams), false},
    [STEP_TCP_SOCKET] = {can_make, BOTH(tcp_socket), false},
    [STEP_UNIX_SOCKET] = {can_make, BOTH(unix_socket), false},
    [STEP_LISTEN] = {can_listen, BOTH(listen), false},
    [STEP_LISTEN_FEW] = {can_listen_few, BOTH(listen_few), false},
    [STEP_CONNECT] = {can_connect, BOTH(connect), true},
    [STEP_ACCEPT] = {can_make, BOTH(accept), true},
    [STEP_PIPE] = {can_make, BOTH(pipe), false},
    [STEP_PACKET_PIPE] = {can_make, BOTH(packet_pipe), false},
    [STEP_EVENTFD] = {can_make, BOTH(eventfd), false},
    [STEP_SEMAPHORE] = {can_make, BOTH(semaphore), false},
    [STEP_TIMERFD] = {can_make, BOTH(timerfd), false},
    [STEP_FILE] = {can_make, BOTH(file), false},
    [STEP_EPOLL] = {can_make, BOTH(epoll), false},
    [STEP_DUP] = {can_make, BOTH(dup), false},
    [STEP_DUP_TO] = {can_dup_to, BOTH(dup_to), true},
    [STEP_CLOSE] = {NULL, BOTH(close), true},
    [STEP_RESET] = {NULL, BOTH(reset), true},
    [STEP_FORK] = {can_fork, BOTH(fork), false},
    [STEP_EXIT] = {can_exit, BOTH(exit), true},
    [STEP_PASS] = {can_pass, BOTH(pass), false},
    [STEP_TAKE] = {can_take, BOTH(take), false},
    [STEP_WRITE] = {can_write, BOTH(write), true},
    [STEP_COUNT_UP] = {NULL, BOTH(count), true},
    [STEP_READ] = {can_read, BOTH(read), false},
    [STEP_PEEK] = {can_read, BOTH(peek), false},
    [STEP_FILL] = {can_fill, BOTH(fill), false},
    [STEP_DRAIN] = {NULL, BOTH(drain), false},
    [STEP_URGENT] = {can_urge, BOTH(urgent), true},
    [STEP_READ_URGENT] = {is_tcp, BOTH(read_urgent), false},
    [STEP_INLINE] = {is_tcp, BOTH(inlined), false},
    [STEP_AT_MARK] = {is_tcp, BOTH(at_mark), false},
    [STEP_LOW_WATER] = {can_set_low_water, BOTH(low_water), false},
    [STEP_SHUTDOWN] = {NULL, BOTH(shutdown), true},
    [STEP_SO_ERROR] = {NULL, BOTH(so_error), false},
    [STEP_TIMER] = {NULL, BOTH(timer), false},
    [STEP_ADD] = {NULL, BOTH(add), false},
    [STEP_MOD] = {NULL, BOTH(mod), false},
    [STEP_DEL] = {NULL, BOTH(del), false},
    [STEP_WAIT] = {can_wait, BOTH(wait), false},
    [STEP_SLEEP] = {can_sleep, BOTH(sleep), false},
    [STEP_SLEEP_POLL] = {can_sleep, BOTH(sleep_poll), false},
    [STEP_EITHER] = {can_ask_sleepers, BOTH(either), false},
    [STEP_WOKEN] = {can_ask_sleeper, BOTH(woken), false},
    [STEP_POLL] = {NULL, BOTH(poll), false},
};
