/* SPDX-License-Identifier: MIT */
/* The C library's functions as the server gets them: link.sh makes its references to NAME those to
 * __wrap_NAME. Each answers as the manual says, with errno. Adding one: here, in one of call_*.c, and nothing
 * else; or, where it needs no code, in calls.h. */
#ifndef FUZZ_SIM_WRAP_H
#define FUZZ_SIM_WRAP_H

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

/* Bytes in and out. */
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recvfrom(int fd, void *bytes, size_t size, int flags, struct sockaddr *address,
			socklen_t *address_size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *address,
		      socklen_t address_size);
ssize_t __wrap___read_chk(int fd, void *bytes, size_t size, size_t room);
ssize_t __wrap___recv_chk(int fd, void *bytes, size_t size, size_t room, int flags);
ssize_t __wrap___recvfrom_chk(int fd, void *bytes, size_t size, size_t room, int flags,
			      struct sockaddr *address, socklen_t *address_size);
ssize_t __wrap_readv(int fd, const struct iovec *parts, int count);
ssize_t __wrap_writev(int fd, const struct iovec *parts, int count);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __wrap_pipe2(int fds[2], int flags);
int __wrap_pipe(int fds[2]);

/* Files. */
int __wrap_open(const char *path, int flags, ...);
int __wrap_creat(const char *path, mode_t mode);
int __wrap_openat(int folder, const char *path, int flags, ...);
int __wrap___open_2(const char *path, int flags);
int __wrap___openat_2(int folder, const char *path, int flags);
int __wrap_mkstemp(char *path);
int __wrap_mkostemp(char *path, int flags);
ssize_t __wrap_pread(int fd, void *ret_bytes, size_t size, off_t at);
ssize_t __wrap___pread_chk(int fd, void *ret_bytes, size_t size, off_t at, size_t room);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t size, off_t at);
off_t __wrap_lseek(int fd, off_t offset, int whence);
int __wrap_fstat(int fd, struct stat *ret_stat);
ssize_t __wrap_sendfile(int to, int from, off_t *offset, size_t size);

/* Mappings. */
void *__wrap_mmap(void *wanted, size_t size, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *start, size_t size);

/* Sockets and numbers. */
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

/* Waiting. */
int __wrap_epoll_create(int size);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *wanted);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout);
int __wrap_epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout, const sigset_t *mask);
int __wrap_epoll_pwait2(int epoll, struct epoll_event *events, int most, const struct timespec *timeout,
			const sigset_t *mask);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap___poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);
int __wrap___ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask,
		       size_t size);
int __wrap_select(int count, fd_set *reads, fd_set *writes, fd_set *others, struct timeval *timeout);
int __wrap_pselect(int count, fd_set *reads, fd_set *writes, fd_set *others, const struct timespec *timeout,
		   const sigset_t *mask);

/* Signals. */
int __wrap_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_sigaction(int signo, const struct sigaction *wanted, struct sigaction *old);
sighandler_t __wrap_signal(int signo, sighandler_t handler);
int __wrap_raise(int signo);
int __wrap_kill(pid_t pid, int signo);
int __wrap_sigpending(sigset_t *ret_set);
int __wrap_sigsuspend(const sigset_t *mask);
int __wrap_pause(void);
int __wrap_sigwait(const sigset_t *set, int *ret_signo);
int __wrap_sigtimedwait(const sigset_t *set, siginfo_t *ret_info, const struct timespec *timeout);
int __wrap_sigwaitinfo(const sigset_t *set, siginfo_t *ret_info);

/* Clocks, sleeps, timers, counters. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_gettimeofday(struct timeval *ret_time, void *zone);
time_t __wrap_time(time_t *ret_time);
clock_t __wrap_clock(void);
clock_t __wrap_times(struct tms *ret_times);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left);
int __wrap_usleep(useconds_t us);
unsigned __wrap_sleep(unsigned seconds);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd_read(int fd, eventfd_t *ret_value);
int __wrap_eventfd_write(int fd, eventfd_t value);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *old);
int __wrap_timerfd_gettime(int fd, struct itimerspec *ret_state);
unsigned __wrap_alarm(unsigned seconds);
int __wrap_getitimer(int which, struct itimerval *ret_state);
int __wrap_setitimer(int which, const struct itimerval *wanted, struct itimerval *old);

/* Memory. */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
void __wrap_free(void *block);
int __wrap_posix_memalign(void **ret_block, size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);
int __wrap_vasprintf(char **ret_text, const char *format, va_list arguments);
int __wrap_asprintf(char **ret_text, const char *format, ...);
int __wrap___vasprintf_chk(char **ret_text, int flag, const char *format, va_list arguments);
int __wrap___asprintf_chk(char **ret_text, int flag, const char *format, ...);
ssize_t __wrap_getdelim(char **line, size_t *size, int delimiter, FILE *stream);
ssize_t __wrap_getline(char **line, size_t *size, FILE *stream);

/* Streams, and what is said. */
FILE *__wrap_fdopen(int fd, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_popen(const char *command, const char *mode);
int __wrap_fclose(FILE *stream);
int __wrap_fileno(FILE *stream);
int __wrap_vfprintf(FILE *stream, const char *format, va_list arguments);
int __wrap_vprintf(const char *format, va_list arguments);
int __wrap_vdprintf(int fd, const char *format, va_list arguments);
int __wrap_fprintf(FILE *stream, const char *format, ...);
int __wrap_printf(const char *format, ...);
int __wrap_dprintf(int fd, const char *format, ...);
int __wrap___vfprintf_chk(FILE *stream, int flag, const char *format, va_list arguments);
int __wrap___vprintf_chk(int flag, const char *format, va_list arguments);
int __wrap___vdprintf_chk(int fd, int flag, const char *format, va_list arguments);
int __wrap___fprintf_chk(FILE *stream, int flag, const char *format, ...);
int __wrap___printf_chk(int flag, const char *format, ...);
int __wrap___dprintf_chk(int fd, int flag, const char *format, ...);
int __wrap_fputs(const char *text, FILE *stream);
int __wrap_puts(const char *text);
int __wrap_fputc(int c, FILE *stream);
int __wrap_putchar(int c);
size_t __wrap_fwrite(const void *bytes, size_t size, size_t count, FILE *stream);
void __wrap_perror(const char *text);
int __wrap_fflush(FILE *stream);
int __wrap_setvbuf(FILE *stream, char *buffer, int mode, size_t size);
void __wrap_setbuf(FILE *stream, char *buffer);
void __wrap_setlinebuf(FILE *stream);
void __wrap_vwarn(const char *format, va_list arguments);
void __wrap_vwarnx(const char *format, va_list arguments);
void __wrap_verr(int status, const char *format, va_list arguments) __attribute__((noreturn));
void __wrap_verrx(int status, const char *format, va_list arguments) __attribute__((noreturn));
void __wrap_warn(const char *format, ...);
void __wrap_warnx(const char *format, ...);
void __wrap_err(int status, const char *format, ...) __attribute__((noreturn));
void __wrap_errx(int status, const char *format, ...) __attribute__((noreturn));
void __wrap_error(int status, int code, const char *format, ...);

/* The process. */
int __wrap___cxa_atexit(void (*call)(void *arg), void *arg, void *library);
int __wrap___cxa_thread_atexit_impl(void (*call)(void *arg), void *arg, void *library);
int __wrap_atexit(void (*call)(void));
void __wrap_exit(int status) __attribute__((noreturn));
void __wrap__exit(int status) __attribute__((noreturn));
void __wrap_abort(void) __attribute__((noreturn));
void __wrap___assert_fail(const char *claim, const char *file, unsigned line, const char *function)
    __attribute__((noreturn));
pid_t __wrap_getpid(void);
pid_t __wrap_gettid(void);
long __wrap_syscall(long number, ...);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
			  void *arg);
int __wrap_getrlimit(int which, struct rlimit *ret_limit);
int __wrap_setrlimit(int which, const struct rlimit *limit);
int __wrap_getdtablesize(void);
long __wrap_sysconf(int name);
void __wrap_arc4random_buf(void *bytes, size_t size);
uint32_t __wrap_arc4random(void);
uint32_t __wrap_arc4random_uniform(uint32_t below);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);
int __wrap_getentropy(void *bytes, size_t size);

/* Names. */
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **ret_list);
void __wrap_freeaddrinfo(struct addrinfo *list);
int __wrap_getnameinfo(const struct sockaddr *address, socklen_t size, char *host, socklen_t host_size,
		       char *service, socklen_t service_size, int flags);
struct hostent *__wrap_gethostbyname(const char *name);
struct hostent *__wrap_gethostbyaddr(const void *address, socklen_t size, int family);

#endif
