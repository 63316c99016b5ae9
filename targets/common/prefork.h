/* SPDX-License-Identifier: MIT */
/*
 * A parent that keeps several worker processes running, and serves nobody itself: when a worker dies another
 * takes its place, and when the parent is told to stop it tells them and waits.
 */
#ifndef TARGETS_PREFORK_H
#define TARGETS_PREFORK_H

/*
 * Forks `count` workers (at most PREFORK_MOST); each calls work(arg, index) and exits with what it returns.
 * Returns in the parent, when SIGTERM or SIGINT has ended all of them: 0 or a negative errno.
 *
 * What is open at the call is shared by all. An epoll set must not be: make it in the worker.
 */
int prefork_run(int count, int (*work)(void *arg, int index), void *arg);

#define PREFORK_MOST 16

#endif
