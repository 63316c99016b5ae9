/* SPDX-License-Identifier: MIT */
/* Registers on x86-64: the arguments survive the call, the result has a register of its own. */
#ifndef WRINGER_WATCH_ARCH_X86_64_H
#define WRINGER_WATCH_ARCH_X86_64_H

#include <linux/audit.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>

#define ARCH_AUDIT AUDIT_ARCH_X86_64
/* Numbers from here on are x32's. */
#define ARCH_NUMBER_END 0x40000000u

struct arch_regs {
	struct user_regs_struct user;
};

static inline long arch_get(pid_t tid, struct arch_regs *regs)
{
	return ptrace(PTRACE_GETREGS, tid, NULL, &regs->user);
}

static inline long arch_set(pid_t tid, const struct arch_regs *regs)
{
	return ptrace(PTRACE_SETREGS, tid, NULL, &regs->user);
}

static inline unsigned long long *arch_slot(struct arch_regs *regs, unsigned index)
{
	unsigned long long *slots[] = {&regs->user.rdi, &regs->user.rsi, &regs->user.rdx,
				       &regs->user.r10, &regs->user.r8,	 &regs->user.r9};

	return slots[index];
}

static inline uint64_t arch_number(const struct arch_regs *regs)
{
	return regs->user.orig_rax;
}

static inline uint64_t arch_arg(struct arch_regs *regs, unsigned index)
{
	return *arch_slot(regs, index);
}

static inline void arch_renumber(struct arch_regs *regs, uint64_t number)
{
	regs->user.orig_rax = number;
}

static inline void arch_put_arg(struct arch_regs *regs, unsigned index, uint64_t value)
{
	*arch_slot(regs, index) = value;
}

/* Where the tracee goes on, and what its call has returned. */
static inline uint64_t arch_place(const struct arch_regs *regs)
{
	return regs->user.rip;
}

static inline int64_t arch_result(const struct arch_regs *regs)
{
	return (int64_t)regs->user.rax;
}

/* -ERESTARTNOHAND: the kernel, which is about to look, does it, or says EINTR should a handler run. */
static inline void arch_again(struct arch_regs *regs, uint64_t first)
{
	(void)first;
	regs->user.rax = (unsigned long long)-514;
}

static inline void arch_put_result(struct arch_regs *regs, int64_t result)
{
	regs->user.rax = (unsigned long long)result;
}

static inline void arch_skip(struct arch_regs *regs, int64_t result)
{
	regs->user.orig_rax = (unsigned long long)-1;
	regs->user.rax = (unsigned long long)result;
}

#endif
