/* SPDX-License-Identifier: MIT */
/* Why a process cannot be attached to, in words that say what to do about it. */
#ifndef WRINGER_WATCH_REFUSAL_H
#define WRINGER_WATCH_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Before trying: no process, a thread of one, wringer itself or what it runs under, one that is traced or
 * somebody else's. 0, or a negative errno and the text. */
int refusal_foresee(pid_t pid, char *text, size_t size);
/* After PTRACE_SEIZE failed with that negative errno. */
void refusal_explain(pid_t pid, int code, char *text, size_t size);

#endif
