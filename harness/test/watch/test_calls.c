/* SPDX-License-Identifier: MIT */
/*
 * Every call of the table that this machine has is made by a target, which writes down what the journal
 * should say of it; then both are compared field by field. The target makes the calls bare, so that libc does
 * not choose another one.
 */
#include <signal.h>
#include "made.h"
#include "watch/row.h"

static void compare(const struct event *event, const struct made *wanted, size_t index, bool unreadable)
{
	bool same = event->fd == wanted->fd && event->ret == wanted->ret && event->peer == -1 &&
		    event->flags == (unreadable ? EVF_UNREADABLE : 0) && event->size == wanted->size &&
		    !memcmp(event->arg, wanted->arg, sizeof event->arg) &&
		    !memcmp(event->data, wanted->data, wanted->size);

	if (same)
		return;
	print_message("%zu %s: fd %d, ret %ld, %#lx %#lx %#lx %#lx, %u bytes, flags %x; wanted\n", index,
		      call_name((enum call)wanted->what), event->fd, (long)event->ret, (long)event->arg[0],
		      (long)event->arg[1], (long)event->arg[2], (long)event->arg[3], event->size,
		      event->flags);
	fail_msg("fd %d, ret %ld, %#lx %#lx %#lx %#lx, %u bytes", wanted->fd, (long)wanted->ret,
		 (long)wanted->arg[0], (long)wanted->arg[1], (long)wanted->arg[2], (long)wanted->arg[3],
		 wanted->size);
}

/* The only event of a call between two marks, less the EV_ENTER before it. */
static const struct event *between(const struct play *play, size_t index, const struct made *wanted)
{
	size_t at = play_behind(play, index), end = play_behind(play, index + 1) - 1;

	if (call_class((enum call)wanted->what) == CLASS_WAIT) {
		const struct event *enter = &play->events[at++];

		assert_int_equal(enter->kind, EV_ENTER);
		assert_int_equal(enter->what, wanted->what);
		assert_int_equal(enter->fd, wanted->fd);
		assert_int_equal(enter->arg[0], wanted->arg[0]);
		assert_int_equal(enter->arg[1], wanted->arg[1]);
		assert_int_equal(enter->tid, play->pid);
	}
	assert_true(end > at);
	return &play->events[at];
}

static void test_every_call(void **state)
{
	bool seen[CALL_COUNT] = {false};
	struct made wanted[MADE_MAX];
	struct play play;
	ssize_t size;

	(void)state;
	play_through(&play, "calls");
	size = pread(play.result, wanted, sizeof wanted, 0);
	assert_true(size > 0);
	for (size_t i = 0; i < (size_t)size / sizeof *wanted; i++) {
		const struct event *event = between(&play, i, &wanted[i]);

		assert_int_equal(event->kind, EV_CALL);
		assert_int_equal(event->what, wanted[i].what);
		assert_int_equal(event->pid, play.pid);
		assert_int_equal(event->tid, play.pid);
		compare(event, &wanted[i], i, wanted[i].what == CALL_recvmsg && wanted[i].ret == -EFAULT);
		seen[wanted[i].what] = true;
	}
	if (rings_are_filtered())
		seen[CALL_io_uring_setup] = seen[CALL_io_uring_enter] = seen[CALL_io_uring_register] = true;
	for (int call = CALL_unknown + 1; call < CALL_COUNT; call++)
		if (row_of((enum call)call) && !seen[call])
			fail_msg("%s was not tried", call_name((enum call)call));
	play_free(&play);
}

#if defined __x86_64__
/* Calls by the 32-bit gate, which a 64-bit program may use: their numbers mean other calls. getpid is 20
 * there. */
static long foreign(long number)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "0"(number) : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

static int part_foreign(void)
{
	/* Without the gate it is a fault, which a sanitizer would make an exit of. */
	(void)signal(SIGSEGV, SIG_DFL);
	for (int i = 0; i < 3; i++)
		CHECK(foreign(20) == getpid());
	return 0;
}

static void test_another_architecture_is_noted(void **state)
{
	struct play play;
	size_t found = 0;
	int status;

	(void)state;
	play_init(&play, "foreign");
	play_start(&play);
	status = play_finish(&play);
	if (WIFSIGNALED(status)) { /* a kernel without the gate */
		play_free(&play);
		skip();
	}
	assert_int_equal(status, 0);
	for (size_t i = 0; i < play.count; i++) {
		const struct event *event = &play.events[i];

		if (event->kind != EV_CALL || event->what != CALL_unknown)
			continue;
		assert_int_equal(event->arg[0], 20);
		assert_int_equal(event->ret, play.pid);
		assert_int_equal(event->fd, -1);
		found++;
	}
	assert_int_equal(found, 3);
	assert_int_equal(play_count(&play, EV_MARK, MARK_NOTE), 1);
	assert_non_null(strstr(play_event(&play, 0, EV_MARK, MARK_NOTE)->data, "another architecture"));
	play_free(&play);
}
#endif

/* A row for each call of the journal's table, none for another's number. */
static void test_rows(void **state)
{
	struct row_index index;
	size_t rows = 0, found = 0;

	(void)state;
	row_index_build(&index);
	for (int call = CALL_unknown + 1; call < CALL_COUNT; call++) {
		const struct row *row = row_of((enum call)call);

		if (!row)
			continue;
		rows++;
		assert_int_equal(row->call, call);
		assert_ptr_equal(index.row[row->number], row);
		assert_int_equal(row->kind == ROW_WAIT, call_class((enum call)call) == CLASS_WAIT);
	}
	assert_null(row_of(CALL_unknown));
#if defined __x86_64__
	assert_int_equal(rows, CALL_COUNT - 1);
#endif
	for (int number = 0; number < NUMBER_END; number++)
		found += index.row[number] != NULL;
	assert_int_equal(found, rows + 4); /* restart_syscall, rt_sigaction, prctl, seccomp */
}

int main(int argc, char **argv)
{
	static const struct play_part parts[] = {
		{"calls", part_calls},
#if defined __x86_64__
		{"foreign", part_foreign},
#endif
	};
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_call),
#if defined __x86_64__
		cmocka_unit_test(test_another_architecture_is_noted),
#endif
	};

	play_main(argc, argv, parts, COUNT_OF(parts));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
