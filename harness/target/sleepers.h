/* SPDX-License-Identifier: MIT */
/* Whether threads of other processes sleep, asked so often that /proc is not searched for them each time. */
#ifndef WRINGER_TARGET_SLEEPERS_H
#define WRINGER_TARGET_SLEEPERS_H

#include <stdbool.h>
#include <sys/types.h>

struct sleepers;

/* NULL: out of memory. */
struct sleepers *sleepers_new(void);
/* Whether the thread sleeps, or is gone; false where that cannot be asked. The state is the kernel's
 * (proc(5)): a thread that has been woken is ready at once, though it may not have a CPU yet, and a traced
 * one at a stop does not sleep. */
bool sleepers_ask(struct sleepers *sleepers, pid_t pid, pid_t tid);
/* NULL is fine. */
void sleepers_free(struct sleepers *sleepers);

#endif
