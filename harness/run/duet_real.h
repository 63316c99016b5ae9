/* SPDX-License-Identifier: MIT */
/* The steps as system calls, one function each. */
#ifndef WRINGER_RUN_DUET_REAL_H
#define WRINGER_RUN_DUET_REAL_H

#include "run/duet_impl.h"

/* Everything that poll can be asked for. */
#define DUET_POLL 0x23df /* IN PRI OUT ERR HUP RDNORM RDBAND WRNORM WRBAND RDHUP */

#define REAL(name) void real_##name(struct duet *duet, const struct step *step, struct outcome *ret)
REAL(named);
REAL(tcp);
REAL(unix);
REAL(packets);
REAL(datagrams);
REAL(tcp_socket);
REAL(unix_socket);
REAL(listen);
REAL(listen_few);
REAL(connect);
REAL(accept);
REAL(pipe);
REAL(packet_pipe);
REAL(eventfd);
REAL(semaphore);
REAL(timerfd);
REAL(file);
REAL(epoll);
REAL(dup);
REAL(dup_to);
REAL(close);
REAL(reset);
REAL(fork);
REAL(exit);
REAL(pass);
REAL(take);
REAL(write);
REAL(count);
REAL(read);
REAL(peek);
REAL(fill);
REAL(drain);
REAL(urgent);
REAL(read_urgent);
REAL(inlined);
REAL(at_mark);
REAL(low_water);
REAL(shutdown);
REAL(so_error);
REAL(timer);
REAL(add);
REAL(mod);
REAL(del);
REAL(wait);
REAL(poll);
REAL(sleep);
REAL(sleep_poll);
REAL(either);
REAL(woken);
#undef REAL

#endif
