/* SPDX-License-Identifier: MIT */
/*
 * Call numbers of this machine. The one place that knows which calls a machine lacks: newer ones have neither
 * the calls that a wider one replaces (open, poll, pipe …) nor, with old headers, the latest. NUMBER_NONE
 * stands for those.
 */
#ifndef WRINGER_WATCH_NUMBERS_H
#define WRINGER_WATCH_NUMBERS_H

#include <sys/syscall.h>

#define NUMBER_NONE (-1)
#define NUMBER_END  512 /* every number is below this on the machines we know */

#ifndef __NR_pipe
#define __NR_pipe NUMBER_NONE
#endif
#ifndef __NR_eventfd
#define __NR_eventfd NUMBER_NONE
#endif
#ifndef __NR_signalfd
#define __NR_signalfd NUMBER_NONE
#endif
#ifndef __NR_epoll_create
#define __NR_epoll_create NUMBER_NONE
#endif
#ifndef __NR_open
#define __NR_open NUMBER_NONE
#endif
#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd 438
#endif
#ifndef __NR_close_range
#define __NR_close_range 436
#endif
#ifndef __NR_dup2
#define __NR_dup2 NUMBER_NONE
#endif
#ifndef __NR_epoll_wait
#define __NR_epoll_wait NUMBER_NONE
#endif
#ifndef __NR_epoll_pwait2
#define __NR_epoll_pwait2 441
#endif
#ifndef __NR_poll
#define __NR_poll NUMBER_NONE
#endif
#ifndef __NR_select
#define __NR_select NUMBER_NONE
#endif
#ifndef __NR_setrlimit
#define __NR_setrlimit NUMBER_NONE
#endif
#ifndef __NR_alarm
#define __NR_alarm NUMBER_NONE
#endif
#ifndef __NR_fork
#define __NR_fork NUMBER_NONE
#endif
#ifndef __NR_vfork
#define __NR_vfork NUMBER_NONE
#endif

#endif
