/* SPDX-License-Identifier: MIT */
/*
 * What differs between machines: the registers of a stopped tracee. Each arch_*.h defines
 *
 *   ARCH_AUDIT                    the AUDIT_ARCH_* of native calls
 *   struct arch_regs              the registers of one tracee
 *   arch_get, arch_set            0 or -1 with errno
 *   arch_number, arch_arg         the call a tracee is in, and its arguments
 *   arch_renumber, arch_put_arg   change them, at a seccomp stop; arch_put_arg also at the exit stop, for
 * arguments 1 to 5
 *   arch_skip                     the kernel is to skip the call and return this
 *   arch_place                    the address the tracee goes on at
 *   arch_result, arch_put_result  what the call returned, while its thread is on its way out of the kernel
 *   arch_again                    at an event stop: the call that ended with EINTR is made again, with that
 *                                 first argument
 */
#ifndef WRINGER_WATCH_ARCH_H
#define WRINGER_WATCH_ARCH_H

#if defined __x86_64__
#include "watch/arch_x86_64.h"
#elif defined __aarch64__
#include "watch/arch_aarch64.h"
#else
#error "watch: no arch_*.h for this machine"
#endif

#endif
