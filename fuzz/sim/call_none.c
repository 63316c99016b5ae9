/* SPDX-License-Identifier: MIT */
/* What needs no code: calls that do nothing, calls that are refused, and other names of calls. */
#include "fuzz/sim/sim_impl.h"

#include <stdio.h>
#include <string.h>
#include "base/names.h"
#include "fuzz/sim/calls.h"

#define TOLD_MOST 64u

/* To the person at the fuzzer, once for each: a server that falls silent should not be a riddle. */
void sim_refuse(const char *call, int code)
{
	static const char *told[TOLD_MOST];
	size_t at = 0;

	errno = code;
	while (at < TOLD_MOST && told[at] && strcmp(told[at], call) != 0)
		at++;
	if (at == TOLD_MOST || told[at])
		return;
	told[at] = call;
	(void)fprintf(stderr, "sim: the server called %s, which is not simulated: %s\n", call,
		      errno_name(code));
	errno = code;
}

/* Whatever the arguments are, they are not looked at. */
#define NOTHING(name)                                                                                        \
	int __wrap_##name(void);                                                                             \
	int __wrap_##name(void)                                                                              \
	{                                                                                                    \
		return 0;                                                                                    \
	}
SIM_NOTHING(NOTHING)

#define REFUSED(name, code)                                                                                  \
	long __wrap_##name(void);                                                                            \
	long __wrap_##name(void)                                                                             \
	{                                                                                                    \
		sim_refuse(#name, code);                                                                     \
		return -1;                                                                                   \
	}
SIM_REFUSED(REFUSED)

/* A jump, so that whatever the arguments are they arrive: in C each would need its declaration again. */
#ifdef __aarch64__
#define JUMP "b"
#else
#define JUMP "jmp"
#endif
#define SAME(name, other)                                                                                    \
	__asm__(".text\n.globl __wrap_" #name "\n.type __wrap_" #name ",%function\n__wrap_" #name            \
		":\n\t" JUMP " __wrap_" #other "\n");
SIM_SAME(SAME)
