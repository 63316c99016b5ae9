/* SPDX-License-Identifier: MIT */
/*
 * The peers' event loop: fds and timers on one epoll, one thread. A callback may remove, close and add any fd
 * and cancel any timer, its own included, and those that are ready in the same batch: they are not called any
 * more.
 */
#ifndef WRINGER_PEER_LOOP_H
#define WRINGER_PEER_LOOP_H

#include <stdint.h>
#include "base/error.h"

struct loop;
struct loop_timer;

typedef void (*loop_ready)(void *arg, uint32_t events);
typedef void (*loop_due)(void *arg);

int loop_new(struct loop **ret_loop, struct error *error);
void loop_free(struct loop *loop);

/*
 * Adds or changes interest (level-triggered EPOLL* mask). ERR and HUP are reported whatever the mask: unwatch
 * what they tell nothing new. 0 or negative errno. The fd must be removed before it is closed.
 */
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready ready, void *arg);
int loop_change(struct loop *loop, int fd, uint32_t events);
void loop_unwatch(struct loop *loop, int fd);

/*
 * Calls due once at (clock_now() time) when; the timer frees itself after that. A time past means the next
 * step. NULL: out of memory.
 */
struct loop_timer *loop_at(struct loop *loop, uint64_t when, loop_due due, void *arg);
void loop_cancel(struct loop *loop, struct loop_timer *timer); /* NULL is fine */

/*
 * Waits for something to happen, until `until` at the latest (clock_now() time; 0 does not wait), and calls
 * what is ready. A signal ends the wait early. 0 or negative errno.
 */
int loop_step(struct loop *loop, uint64_t until);

#endif
