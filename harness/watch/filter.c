/* SPDX-License-Identifier: MIT */
#include "watch/filter.h"

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include "watch/arch.h"

#define LOW_HALF (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4)

/*
 * The kernel caches which numbers are always allowed, so calls without a row cost nothing. The others are
 * compared in turn; two context switches follow for each, beside which the comparing is lost.
 */
static void emit(struct filter *filter, struct sock_filter code)
{
	filter->code[filter->program.len++] = code;
}

static void emit_unless(struct filter *filter, uint16_t test, uint32_t value, bool when)
{
	/* When the test comes out so, stop here; else go on behind. */
	emit(filter, (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | test | BPF_K), value, when ? 0 : 1,
						  when ? 1 : 0));
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
}

static void emit_load(struct filter *filter, size_t offset)
{
	emit(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* Jumps to the end for each number with a row: there the place it was called from is asked. */
static void emit_rows_to(struct filter *filter, const struct row_index *rows, uint64_t passed)
{
	uint8_t left = 0;

	for (uint32_t number = 0; number < NUMBER_END; number++)
		left = (uint8_t)(left + (rows->row[number] != NULL));
	for (uint32_t number = 0; number < NUMBER_END; number++)
		if (rows->row[number])
			emit(filter,
			     (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, left--, 0));
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	emit_load(filter, offsetof(struct seccomp_data, instruction_pointer) + LOW_HALF);
	emit_unless(filter, BPF_JEQ, (uint32_t)passed, false);
	emit_load(filter, offsetof(struct seccomp_data, instruction_pointer) + 4 - LOW_HALF);
	emit_unless(filter, BPF_JEQ, (uint32_t)(passed >> 32), false);
}

static void emit_rows(struct filter *filter, const struct row_index *rows)
{
	for (uint32_t number = 0; number < NUMBER_END; number++)
		if (rows->row[number])
			emit_unless(filter, BPF_JEQ, number, true);
}

void filter_build(struct filter *filter, const struct row_index *rows, uint64_t passed)
{
	filter->program = (struct sock_fprog){.len = 0, .filter = filter->code};
	emit_load(filter, offsetof(struct seccomp_data, arch));
	emit_unless(filter, BPF_JEQ, ARCH_AUDIT, false);
	emit_load(filter, offsetof(struct seccomp_data, nr));
	emit_unless(filter, BPF_JGE, ARCH_NUMBER_END, true);
	if (passed)
		emit_rows_to(filter, rows, passed);
	else
		emit_rows(filter, rows);
	emit(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}
