/* SPDX-License-Identifier: MIT */
/* Functions of the C library that need no code of their own; link.sh wraps them like those of wrap.h. */
#ifndef FUZZ_SIM_CALLS_H
#define FUZZ_SIM_CALLS_H

/* Succeed (0) and do nothing: what they change is not there, or is not the server's to change. */
#define SIM_NOTHING(X)                                                                                       \
	X(chmod)                                                                                             \
	X(chown)                                                                                             \
	X(closelog)                                                                                          \
	X(daemon)                                                                                            \
	X(fchmod)                                                                                            \
	X(fchown)                                                                                            \
	X(fdatasync)                                                                                         \
	X(flock)                                                                                             \
	X(fsync)                                                                                             \
	X(ftruncate)                                                                                         \
	X(initgroups)                                                                                        \
	X(lchown)                                                                                            \
	X(link)                                                                                              \
	X(lockf)                                                                                             \
	X(mkdir)                                                                                             \
	X(mkfifo)                                                                                            \
	X(mlockall)                                                                                          \
	X(openlog)                                                                                           \
	X(posix_fadvise)                                                                                     \
	X(prctl)                                                                                             \
	X(remove)                                                                                            \
	X(rename)                                                                                            \
	X(rmdir)                                                                                             \
	X(sched_setaffinity)                                                                                 \
	X(sched_yield)                                                                                       \
	X(setegid)                                                                                           \
	X(seteuid)                                                                                           \
	X(setgid)                                                                                            \
	X(setgroups)                                                                                         \
	X(setlogmask)                                                                                        \
	X(setpgid)                                                                                           \
	X(setpriority)                                                                                       \
	X(setregid)                                                                                          \
	X(setresgid)                                                                                         \
	X(setresuid)                                                                                         \
	X(setreuid)                                                                                          \
	X(setuid)                                                                                            \
	X(symlink)                                                                                           \
	X(sync)                                                                                              \
	X(syslog)                                                                                            \
	X(truncate)                                                                                          \
	X(unlink)                                                                                            \
	X(unlinkat)                                                                                          \
	X(utimes)                                                                                            \
	X(vsyslog)                                                                                           \
	X(__syslog_chk)                                                                                      \
	X(__vsyslog_chk)

/* Not simulated: fail (-1) with that errno, and are told once. */
#define SIM_REFUSED(X)                                                                                       \
	X(aio_read, ENOSYS)                                                                                  \
	X(aio_write, ENOSYS)                                                                                 \
	X(chroot, EPERM)                                                                                     \
	X(clone, EAGAIN)                                                                                     \
	X(copy_file_range, ENOSYS)                                                                           \
	X(execl, ENOSYS)                                                                                     \
	X(execle, ENOSYS)                                                                                    \
	X(execlp, ENOSYS)                                                                                    \
	X(execv, ENOSYS)                                                                                     \
	X(execve, ENOSYS)                                                                                    \
	X(execvp, ENOSYS)                                                                                    \
	X(execvpe, ENOSYS)                                                                                   \
	X(fexecve, ENOSYS)                                                                                   \
	X(fork, EAGAIN)                                                                                      \
	X(forkpty, EAGAIN)                                                                                   \
	X(inotify_add_watch, ENOSYS)                                                                         \
	X(inotify_init, ENOSYS)                                                                              \
	X(inotify_init1, ENOSYS)                                                                             \
	X(memfd_create, ENOSYS)                                                                              \
	X(mq_open, ENOSYS)                                                                                   \
	X(pidfd_open, ENOSYS)                                                                                \
	X(process_vm_readv, ENOSYS)                                                                          \
	X(ptrace, EPERM)                                                                                     \
	X(reboot, EPERM)                                                                                     \
	X(recvmmsg, ENOSYS)                                                                                  \
	X(sendmmsg, ENOSYS)                                                                                  \
	X(setns, EPERM)                                                                                      \
	X(shm_open, ENOSYS)                                                                                  \
	X(splice, ENOSYS)                                                                                    \
	X(system, EAGAIN)                                                                                    \
	X(tee, ENOSYS)                                                                                       \
	X(timer_create, ENOSYS)                                                                              \
	X(timer_settime, ENOSYS)                                                                             \
	X(unshare, EPERM)                                                                                    \
	X(vfork, EAGAIN)                                                                                     \
	X(vmsplice, ENOSYS)                                                                                  \
	X(wait, ECHILD)                                                                                      \
	X(wait3, ECHILD)                                                                                     \
	X(waitid, ECHILD)                                                                                    \
	X(waitpid, ECHILD)

/* The same by another name. */
#define SIM_SAME(X)                                                                                          \
	X(_Exit, _exit)                                                                                      \
	X(bsd_signal, signal)                                                                                \
	X(creat64, creat)                                                                                    \
	X(fcntl64, fcntl)                                                                                    \
	X(fflush_unlocked, fflush)                                                                           \
	X(fopen64, fopen)                                                                                    \
	X(fputc_unlocked, fputc)                                                                             \
	X(fputs_unlocked, fputs)                                                                             \
	X(fstat64, fstat)                                                                                    \
	X(ftruncate64, ftruncate)                                                                            \
	X(fwrite_unlocked, fwrite)                                                                           \
	X(getrlimit64, getrlimit)                                                                            \
	X(lseek64, lseek)                                                                                    \
	X(mkostemp64, mkostemp)                                                                              \
	X(mkstemp64, mkstemp)                                                                                \
	X(mmap64, mmap)                                                                                      \
	X(open64, open)                                                                                      \
	X(__open64_2, __open_2)                                                                              \
	X(openat64, openat)                                                                                  \
	X(__openat64_2, __openat_2)                                                                          \
	X(posix_fadvise64, posix_fadvise)                                                                    \
	X(pread64, pread)                                                                                    \
	X(__pread64_chk, __pread_chk)                                                                        \
	X(putc, fputc)                                                                                       \
	X(putc_unlocked, fputc)                                                                              \
	X(putchar_unlocked, putchar)                                                                         \
	X(pwrite64, pwrite)                                                                                  \
	X(quick_exit, _exit)                                                                                 \
	X(sendfile64, sendfile)                                                                              \
	X(setrlimit64, setrlimit)                                                                            \
	X(_IO_putc, fputc)                                                                                   \
	X(__strdup, strdup)                                                                                  \
	X(truncate64, truncate)

#endif
