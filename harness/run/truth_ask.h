/* SPDX-License-Identifier: MIT */
/* One descriptor asked about in every way there is. */
#ifndef WRINGER_RUN_TRUTH_ASK_H
#define WRINGER_RUN_TRUTH_ASK_H

#include "run/truth.h"

/* Fills predicted and what was observed of all ways but the receive, which takes away what it finds. */
void truth_ask(int fd, struct truth_state_row *row);
/* The receive, on another descriptor in the same state. */
void truth_ask_receive(int fd, struct truth_state_row *row);

/* One wait of an epoll without patience. 1 with *ret_mask, 0 with a mask of 0, or a negative errno. */
int truth_wait(int epoll, uint32_t *ret_mask);
/* select(2): readable as EPOLLIN, writable as EPOLLOUT, exceptional as EPOLLPRI. 0 or a negative errno. */
int truth_select(int fd, uint32_t *ret_mask);

#endif
