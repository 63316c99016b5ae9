/* SPDX-License-Identifier: MIT */
/*
 * The two ways to call the kernel, without libc: agent_slow from wherever it is compiled into, so that a
 * tracer's filter sees an ordinary call; agent_fast from AGENT_STUB, which the filter lets pass. Both return
 * the result or the negative errno.
 */
#ifndef WRINGER_AGENT_STUB_H
#define WRINGER_AGENT_STUB_H

#include "agent/share.h"

struct agent_args {
	long arg[6];
};

#define ARGS(...) (&(const struct agent_args){{__VA_ARGS__}})

#if defined __x86_64__

/* endbr64; syscall; ret */
#define AGENT_STUB_CODE                                                                                      \
	{                                                                                                    \
		0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x05, 0xc3                                                     \
	}

static inline long agent_slow(long number, const struct agent_args *args)
{
	register long r10 __asm__("r10") = args->arg[3];
	register long r8 __asm__("r8") = args->arg[4];
	register long r9 __asm__("r9") = args->arg[5];
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(args->arg[0]), "S"(args->arg[1]), "d"(args->arg[2]), "r"(r10),
			   "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* The agent is compiled without a red zone: this pushes. */
static inline long agent_fast(long number, const struct agent_args *args)
{
	register long r10 __asm__("r10") = args->arg[3];
	register long r8 __asm__("r8") = args->arg[4];
	register long r9 __asm__("r9") = args->arg[5];
	long ret;

	__asm__ volatile("call *%[stub]"
			 : "=a"(ret)
			 : "a"(number), "D"(args->arg[0]), "S"(args->arg[1]), "d"(args->arg[2]), "r"(r10),
			   "r"(r8), "r"(r9), [stub] "b"(AGENT_STUB)
			 : "rcx", "r11", "memory");
	return ret;
}

#elif defined __aarch64__

/* svc #0; ret */
#define AGENT_STUB_CODE                                                                                      \
	{                                                                                                    \
		0x01, 0x00, 0x00, 0xd4, 0xc0, 0x03, 0x5f, 0xd6                                               \
	}

static inline long agent_slow(long number, const struct agent_args *args)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = args->arg[0];
	register long x1 __asm__("x1") = args->arg[1];
	register long x2 __asm__("x2") = args->arg[2];
	register long x3 __asm__("x3") = args->arg[3];
	register long x4 __asm__("x4") = args->arg[4];
	register long x5 __asm__("x5") = args->arg[5];

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

static inline long agent_fast(long number, const struct agent_args *args)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = args->arg[0];
	register long x1 __asm__("x1") = args->arg[1];
	register long x2 __asm__("x2") = args->arg[2];
	register long x3 __asm__("x3") = args->arg[3];
	register long x4 __asm__("x4") = args->arg[4];
	register long x5 __asm__("x5") = args->arg[5];
	register uint64_t x9 __asm__("x9") = AGENT_STUB;

	__asm__ volatile("blr %[stub]"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), [stub] "r"(x9)
			 : "x30", "memory");
	return x0;
}

#else
#error "agent: no way into the kernel for this machine"
#endif

#endif
