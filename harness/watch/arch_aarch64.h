/* SPDX-License-Identifier: MIT */
/*
 * Registers on aarch64. x0 is both the first argument and the result, so the first argument is never put
 * back; the number the kernel goes by is not x8 but a register set of its own, and x8 stays as the target
 * left it.
 */
#ifndef WRINGER_WATCH_ARCH_AARCH64_H
#define WRINGER_WATCH_ARCH_AARCH64_H

#include <elf.h>
#include <linux/audit.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>

#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif

#define ARCH_AUDIT	AUDIT_ARCH_AARCH64
#define ARCH_NUMBER_END UINT32_MAX

struct arch_regs {
	struct user_regs_struct user;
	int number;
	bool renumbered;
};

static inline long arch_get(pid_t tid, struct arch_regs *regs)
{
	struct iovec set = {.iov_base = &regs->user, .iov_len = sizeof regs->user};

	regs->renumbered = false;
	return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &set);
}

static inline long arch_set(pid_t tid, const struct arch_regs *regs)
{
	struct iovec set = {.iov_base = (void *)&regs->user, .iov_len = sizeof regs->user};
	struct iovec number = {.iov_base = (void *)&regs->number, .iov_len = sizeof regs->number};

	if (regs->renumbered && ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &number) < 0)
		return -1;
	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &set);
}

static inline uint64_t arch_number(const struct arch_regs *regs)
{
	return regs->user.regs[8];
}

static inline uint64_t arch_arg(struct arch_regs *regs, unsigned index)
{
	return regs->user.regs[index];
}

static inline void arch_renumber(struct arch_regs *regs, uint64_t number)
{
	regs->number = (int)number;
	regs->renumbered = true;
}

static inline void arch_put_arg(struct arch_regs *regs, unsigned index, uint64_t value)
{
	regs->user.regs[index] = value;
}

/* Where the tracee goes on, and what its call has returned. */
static inline uint64_t arch_place(const struct arch_regs *regs)
{
	return regs->user.pc;
}

static inline int64_t arch_result(const struct arch_regs *regs)
{
	return (int64_t)regs->user.regs[0];
}

/* The kernel has looked already whether to restart: back to the instruction by hand. */
static inline void arch_again(struct arch_regs *regs, uint64_t first)
{
	regs->user.regs[0] = first;
	regs->user.pc -= 4;
}

static inline void arch_put_result(struct arch_regs *regs, int64_t result)
{
	regs->user.regs[0] = (uint64_t)result;
}

static inline void arch_skip(struct arch_regs *regs, int64_t result)
{
	arch_renumber(regs, (uint64_t)-1);
	regs->user.regs[0] = (uint64_t)result;
}

#endif
