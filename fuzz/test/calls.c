/* SPDX-License-Identifier: MIT */
/*
 * A program that says what the kernel answers. Built twice by the tests, for this machine's kernel and for
 * the simulation: both must say the same (same_calls.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int handled;

static void said(const char *what, long result)
{
	printf("%s = %ld%s%s\n", what, result < 0 ? -1 : result, result < 0 ? " " : "",
	       result < 0 ? strerrorname_np(errno) : "");
}

#define SAY(call) said(#call, (long)(call))

static void note(int signo)
{
	handled = handled * 100 + signo;
}

static struct sockaddr_in any_port(void)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

/* A listener and both ends of a connection to it, the accepted one without blocking. */
static void make_connection(int *ret_listener, int ret_ends[2])
{
	struct sockaddr_in address = any_port();
	socklen_t size = sizeof address;

	*ret_listener = socket(AF_INET, SOCK_STREAM, 0);
	SAY(bind(*ret_listener, (struct sockaddr *)&address, sizeof address));
	SAY(listen(*ret_listener, 5));
	SAY(getsockname(*ret_listener, (struct sockaddr *)&address, &size));
	ret_ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	SAY(connect(ret_ends[0], (struct sockaddr *)&address, size));
	ret_ends[1] = accept4(*ret_listener, NULL, NULL, SOCK_NONBLOCK);
}

static void try_sockets(void)
{
	struct sockaddr_in address = any_port();
	struct sockaddr_storage from;
	socklen_t size = sizeof from, small = 4;
	int listener, ends[2], value = 0;
	char bytes[8] = "";

	make_connection(&listener, ends);
	SAY(fcntl(listener, F_SETFL, O_NONBLOCK));
	SAY(accept(listener, NULL, NULL));
	SAY(recv(ends[1], bytes, sizeof bytes, 0));
	SAY(send(ends[0], "hello", 5, 0));
	SAY(recv(ends[1], bytes, 2, MSG_PEEK));
	SAY((ioctl(ends[1], FIONREAD, &value), value));
	SAY(recv(ends[1], bytes, sizeof bytes, 0));
	SAY(recv(ends[1], bytes, sizeof bytes, MSG_OOB));
	SAY((getpeername(ends[1], (struct sockaddr *)&from, &size), size));
	SAY(from.ss_family == AF_INET);
	SAY(listen(ends[1], 1));
	SAY(bind(ends[0], (struct sockaddr *)&address, sizeof address));
	SAY(getpeername(listener, (struct sockaddr *)&from, &size));
	value = -1;
	SAY((getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &small), value));
	SAY((getsockopt(ends[1], SOL_SOCKET, SO_TYPE, &value, &small), value == SOCK_STREAM));
	SAY((getsockopt(ends[1], SOL_SOCKET, SO_DOMAIN, &value, &small), value == AF_INET));
	SAY((getsockopt(ends[1], SOL_SOCKET, SO_PROTOCOL, &value, &small), value == IPPROTO_TCP));
	SAY((getsockopt(ends[1], SOL_SOCKET, SO_ERROR, &value, &small), value));
	SAY(shutdown(ends[0], SHUT_WR));
	SAY(recv(ends[1], bytes, sizeof bytes, 0));
	SAY(send(ends[0], "x", 1, MSG_NOSIGNAL));
	SAY(shutdown(listener, 7));
	SAY(close(ends[0]));
	SAY(close(ends[0]));
	SAY(send(ends[0], "x", 1, 0));
	SAY(setsockopt(ends[0], SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value));
	SAY(close(ends[1]) | close(listener));
}

static void try_ipv6(void)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t size = sizeof address;
	int listener = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0);

	SAY(bind(listener, (struct sockaddr *)&address, sizeof address));
	SAY(listen(listener, 5));
	SAY((getsockname(listener, (struct sockaddr *)&address, &size), size == sizeof address));
	SAY(address.sin6_family == AF_INET6);
	SAY(connect(client, (struct sockaddr *)&address, size));
	size = sizeof address;
	int accepted = accept(listener, (struct sockaddr *)&address, &size);
	SAY(size == sizeof address && address.sin6_family == AF_INET6);
	SAY(close(accepted) | close(client) | close(listener));
}

static void try_descriptors(void)
{
	int pipe_ends[2], count = 0;
	struct stat status;
	struct rlimit limit;
	char bytes[16];

	SAY(pipe2(pipe_ends, O_NONBLOCK));
	SAY(read(pipe_ends[0], bytes, sizeof bytes));
	SAY(fcntl(pipe_ends[0], F_GETFL) & O_NONBLOCK ? 1 : 0);
	SAY(fcntl(pipe_ends[0], F_DUPFD, 100));
	SAY(close(100));
	SAY(dup2(pipe_ends[0], 50));
	SAY(close(50));
	SAY(dup2(77, 50));
	SAY((fstat(pipe_ends[0], &status), S_ISFIFO(status.st_mode)));
	SAY(lseek(pipe_ends[0], 0, SEEK_CUR));
	SAY(send(pipe_ends[1], "x", 1, 0));
	SAY(isatty(pipe_ends[0]));
	SAY((ioctl(pipe_ends[0], FIONBIO, &count), fcntl(pipe_ends[0], F_GETFL) & O_NONBLOCK ? 1 : 0));
	SAY(close(pipe_ends[0]));
	SAY(write(pipe_ends[1], "x", 1));
	SAY(handled);
	SAY(close(pipe_ends[1]));
	SAY(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 8;
	SAY(setrlimit(RLIMIT_NOFILE, &limit));
	while (dup(1) >= 0)
		count++;
	SAY(count);
	SAY(errno == EMFILE);
	while (count)
		(void)close(2 + count--);
}

static void try_files(void)
{
	char line[64] = "", whole[64];
	FILE *stream = fopen("/proc/version", "r");
	int file = open("/etc/passwd", O_RDONLY);

	SAY(stream && fgets(line, 6, stream) ? strcmp(line, "Linux") : -2);
	SAY(stream ? fclose(stream) : -2);
	SAY(read(file, whole, 4));
	SAY(lseek(file, 0, SEEK_SET));
	SAY(pread(file, whole, 4, 0));
	SAY(strncmp(whole, "root", 4));
	SAY(write(file, "x", 1));
	SAY(close(file));
	SAY(open("/nowhere/at/all", O_RDONLY));
	SAY(fopen("/nowhere/at/all", "r") != NULL);
}

static void try_epoll(void)
{
	struct epoll_event event = {.events = EPOLLIN}, events[4];
	int set = epoll_create1(0), counter = eventfd(0, EFD_NONBLOCK), file = open("/etc/passwd", O_RDONLY);
	uint64_t one = 1;

	SAY(epoll_ctl(set, EPOLL_CTL_ADD, counter, &event));
	SAY(epoll_ctl(set, EPOLL_CTL_ADD, counter, &event));
	SAY(epoll_ctl(set, EPOLL_CTL_ADD, file, &event));
	SAY(epoll_ctl(set, EPOLL_CTL_ADD, set, &event));
	SAY(epoll_ctl(set, EPOLL_CTL_ADD, 99, &event));
	SAY(epoll_ctl(set, 7, counter, &event));
	SAY(epoll_ctl(counter, EPOLL_CTL_ADD, set, &event));
	SAY(epoll_wait(set, events, 0, 0));
	SAY(epoll_wait(counter, events, 4, 0));
	SAY(epoll_wait(99, events, 4, 0));
	SAY(epoll_wait(set, events, 4, 1));
	SAY(write(counter, &one, sizeof one));
	SAY(epoll_wait(set, events, 4, -1));
	SAY(read(counter, &one, 4));
	SAY(read(counter, &one, sizeof one));
	SAY(read(counter, &one, sizeof one));
	SAY(epoll_ctl(set, EPOLL_CTL_DEL, counter, NULL));
	SAY(epoll_ctl(set, EPOLL_CTL_DEL, counter, NULL));
	SAY(close(set) | close(counter) | close(file));
}

static void try_select(void)
{
	int ends[2], set = epoll_create1(0);
	struct timeval timeout = {0, 1000};
	fd_set reads, writes;
	struct pollfd fds[2];

	SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	FD_ZERO(&reads);
	FD_ZERO(&writes);
	FD_SET(ends[0], &reads);
	FD_SET(ends[0], &writes);
	SAY(select(ends[1] + 1, &reads, &writes, NULL, &timeout));
	SAY(FD_ISSET(ends[0], &reads) ? 1 : 0);
	SAY(FD_ISSET(ends[0], &writes) ? 1 : 0);
	FD_SET(ends[0], &reads);
	SAY(select(ends[1] + 1, &reads, NULL, NULL, &timeout));
	SAY(timeout.tv_sec == 0 && timeout.tv_usec == 0);
	SAY(close(ends[1]));
	FD_SET(ends[0], &reads);
	SAY(select(ends[1] + 1, &reads, NULL, NULL, NULL));
	FD_SET(ends[1], &reads);
	SAY(select(ends[1] + 1, &reads, NULL, NULL, &timeout));
	fds[0] = (struct pollfd){.fd = ends[0], .events = POLLIN};
	fds[1] = (struct pollfd){.fd = ends[1], .events = POLLIN};
	SAY(poll(fds, 2, 0));
	SAY(fds[0].revents);
	SAY(fds[1].revents);
	SAY(select(-1, NULL, NULL, NULL, &timeout));
	SAY(close(ends[0]) | close(set));
}

static void try_signals(void)
{
	struct sigaction action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
	struct timespec second = {5, 0}, none = {0, 1000000};
	struct epoll_event events[4];
	int set = epoll_create1(0), signo;
	sigset_t blocked, empty, old;

	sigemptyset(&empty);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	handled = 0;
	SAY(sigaction(SIGUSR1, &action, NULL));
	SAY(kill(getpid(), SIGUSR1));
	SAY(handled);
	SAY((sigaction(SIGUSR1, NULL, &action), action.sa_handler == SIG_DFL));
	SAY(signal(SIGUSR1, note) == SIG_DFL);
	SAY(sigprocmask(SIG_BLOCK, &blocked, &old));
	SAY(raise(SIGUSR1));
	SAY(handled);
	SAY(epoll_pwait(set, events, 4, -1, &empty));
	SAY(handled);
	SAY(raise(SIGUSR1));
	SAY(ppoll(NULL, 0, &second, &empty));
	SAY(handled);
	SAY(raise(SIGUSR1));
	SAY(sigwait(&blocked, &signo));
	SAY(signo == SIGUSR1);
	SAY(sigtimedwait(&blocked, NULL, &none));
	SAY(raise(SIGUSR1));
	SAY(sigprocmask(SIG_SETMASK, &old, NULL));
	SAY(handled);
	SAY(sigaction(SIGKILL, &action, NULL));
	SAY(kill(getpid(), 0));
	SAY(close(set));
}

static void try_timers(void)
{
	struct itimerval soon = {.it_value = {0, 10000}}, state;
	struct itimerspec once = {.it_value = {0, 5000000}}, left;
	struct timespec second = {5, 0};
	int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t count;

	handled = 0;
	(void)signal(SIGALRM, note);
	SAY(setitimer(ITIMER_REAL, &soon, NULL));
	SAY(nanosleep(&second, &second));
	SAY(handled);
	SAY(second.tv_sec);
	SAY((getitimer(ITIMER_REAL, &state), state.it_value.tv_sec + state.it_value.tv_usec));
	SAY(setitimer(ITIMER_REAL, &soon, NULL));
	SAY(pause());
	SAY(handled);
	SAY(alarm(100));
	SAY(alarm(0));
	SAY(timerfd_settime(timer, 0, &once, NULL));
	SAY((timerfd_gettime(timer, &left), left.it_value.tv_nsec > 0));
	SAY(read(timer, &count, sizeof count));
	SAY(count);
	SAY((timerfd_gettime(timer, &left), left.it_value.tv_nsec));
	SAY(timerfd_settime(1, 0, &once, NULL));
	SAY(close(timer));
}

static void try_names(void)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE},
			*list;
	char host[64], service[16];

	SAY(getaddrinfo(NULL, "8080", &hints, &list));
	SAY(ntohs(((struct sockaddr_in *)list->ai_addr)->sin_port));
	SAY(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof host, service, sizeof service,
			NI_NUMERICHOST | NI_NUMERICSERV));
	SAY(strcmp(host, "0.0.0.0") | strcmp(service, "8080"));
	freeaddrinfo(list);
}

/* As in a new process. */
static void try_variables(void)
{
	static int plain, set = 4;
	static __thread int threads_plain, threads_set = 40;

	SAY(++plain);
	SAY(++set);
	SAY(++threads_plain);
	SAY(++threads_set);
}

int main(void)
{
	(void)signal(SIGPIPE, note);
	try_sockets();
	try_ipv6();
	try_descriptors();
	try_files();
	try_epoll();
	try_select();
	try_signals();
	try_timers();
	try_names();
	try_variables();
	return 0;
}
