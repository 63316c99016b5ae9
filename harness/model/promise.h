/* SPDX-License-Identifier: MIT */
/*
 * What Linux promises, as questions that a registration's events, a mask, a result or a TCP state answer by
 * themselves. The rules and the world ask here, and so does the model of the kernel where it needs the same:
 * each fact stands once, with its source, and test_promise holds it against the model, which fuzz_model holds
 * against the kernel.
 *
 * The rules do not run kernel.h itself. It needs to know everything (when each packet came, what the other
 * processes hold, in which order registrations became ready, how large buffers are), and a journal holds what
 * the target was told and did: after the first event that it does not have, such a kernel would go its own
 * way, and its mistakes would be told as the target's. What the state really is the rules ask of the socket
 * (rules/ground.h); what a state means they ask here. Which numbers and registrations live, which a journal
 * does have, the world follows by itself, and test_world_kernel plays the same calls to both.
 */
#ifndef WRINGER_MODEL_PROMISE_H
#define WRINGER_MODEL_PROMISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* What in a registration is no event but a way of reporting: fs/eventpoll.c, EP_PRIVATE_BITS. */
#define PROMISE_WAYS ((uint32_t)(EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE))
/* What is reported whether asked for or not: epoll_ctl(2), EPOLLERR and EPOLLHUP; do_epoll_ctl adds both. */
#define PROMISE_UNASKED ((uint32_t)(EPOLLERR | EPOLLHUP))

/*
 * Registrations. spends: a report disarms it until MOD. is_spent: it was disarmed, by its events as the
 * kernel keeps them (/proc/PID/fdinfo): only the ways are left. All of ep_send_events.
 */
bool promise_spends(uint32_t events);
bool promise_is_spent(uint32_t events);
/* Whether one that is armed tells what came before anybody asked, for as long as it is there: a level. An
 * edge that was told once comes again only with something new, or a MOD. */
bool promise_is_level(uint32_t events);
/* Whether MOD to what is armed already changes nothing: not for an edge, nor for what is spent by reports,
 * which MOD reports anew. ep_modify. */
bool promise_mod_is_idle(uint32_t events);

/* Masks. tells_end: the peer writes no more, or the connection is over; tells_death: the latter, in both
 * directions. tcp_poll, unix_poll. */
bool promise_tells_end(uint32_t mask);
bool promise_tells_death(uint32_t mask);

/* Results of calls, as the journal has them: a negative errno. */
bool promise_is_shortage(int64_t ret);	  /* no fd, or no memory for one: passes when something is closed */
bool promise_accept_goes_on(int64_t ret); /* errors of accept that say nothing against the listener */
bool promise_moved_nothing(int64_t ret);  /* of a transfer, and says nothing about the connection */
/* A write that gave that, of so many bytes asked for, met a full buffer: OUT comes when there is room. */
bool promise_met_full(int64_t ret, uint64_t asked);

/* Whether a socket in that TCP state (netinet/tcp.h) has got its peer's FIN and not lost the connection:
 * net/ipv4/tcp_input.c, tcp_fin. */
bool promise_fin_came(unsigned state);

#endif
