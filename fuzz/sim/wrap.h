/* SPDX-License-Identifier: MIT */
/* The C library's functions as the server gets them: link.sh makes its references to NAME those to
 * __wrap_NAME. Each answers as the manual says, with errno. Adding one: here, in one of call_*.c, and nothing
 * else. */
#ifndef FUZZ_SIM_WRAP_H
#define FUZZ_SIM_WRAP_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *address,
			socklen_t *address_size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *address,
		      socklen_t address_size);
ssize_t __wrap_readv(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __wrap_pipe2(int fds[2], int flags);
int __wrap_pipe(int fds[2]);
int __wrap_open(const char *path, int flags, ...);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);
void __wrap_exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __wrap_abort(void) __attribute__((noreturn));
void __wrap___assert_fail(const char *claim, const char *file, unsigned line, const char *function)
    __attribute__((noreturn));
pid_t __wrap_getpid(void);
pid_t __wrap_fork(void);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
			  void *arg);
int __wrap_vfprintf(FILE *stream, const char *format, va_list arguments);
int __wrap_fprintf(FILE *stream, const char *format, ...);
int __wrap_printf(const char *format, ...);
int __wrap_fputs(const char *text, FILE *stream);
int __wrap_puts(const char *text);
int __wrap_putchar(int c);
int __wrap_fputc(int c, FILE *stream);
size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *stream);
void __wrap_perror(const char *text);
int __wrap_fflush(FILE *stream);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socketpair(int domain, int type, int protocol, int fds[2]);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_listen(int fd, int backlog);
int __wrap_accept(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_shutdown(int fd, int how);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_close(int fd);
int __wrap_dup(int fd);
int __wrap_dup2(int fd, int to);
int __wrap_dup3(int fd, int to, int flags);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_gettimeofday(struct timeval *ret_time, void *zone);
time_t __wrap_time(time_t *ret_time);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *old);
int __wrap_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
sighandler_t __wrap_signal(int signo, sighandler_t handler);
int __wrap_sigaction(int signo, const struct sigaction *wanted, struct sigaction *old);
int __wrap_raise(int signo);
int __wrap_kill(pid_t pid, int signo);
int __wrap_epoll_create(int size);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *wanted);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout);
int __wrap_epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *mask);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_usleep(useconds_t us);
unsigned __wrap_sleep(unsigned seconds);
void __wrap_warn(const char *format, ...);
void __wrap_warnx(const char *format, ...);
void __wrap_err(int status, const char *format, ...) __attribute__((noreturn));
void __wrap_errx(int status, const char *format, ...) __attribute__((noreturn));

#endif
