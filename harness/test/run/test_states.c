/* SPDX-License-Identifier: MIT */
/*
 * The table of masks and the model of the kernel say the same: each state that scripts can bring about is
 * brought about, on this kernel and on the model, and what poll and SO_ERROR say of `a` then is what the row
 * predicts.
 */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/names.h"
#include "model/mask.h"
#include "run/duet.h"
#include "test/check.h"

static const struct {
	const char *row, *script;
} rows[] = {
    {"idle", "tcp a b\n"},
    {"data", "tcp a b\nwrite b 3\n"},
    {"fin", "tcp a b\nclose b\n"},
    {"half-close", "tcp a b\nshutdown b write\n"},
    {"data-fin", "tcp a b\nwrite b 3\nclose b\n"},
    {"peer-shut-reading", "tcp a b\nshutdown b read\n"},
    {"rst", "tcp a b\nreset b\n"},
    {"close-unread", "tcp a b\nwrite a 3\nclose b\n"},
    {"data-rst", "tcp a b\nwrite b 3\nreset b\n"},
    {"fin-write-rst", "tcp a b\nclose b\nwrite a 3\n"},
    {"shut-writing", "tcp a b\nshutdown a write\n"},
    {"shut-reading", "tcp a b\nshutdown a read\n"},
    {"shut-both", "tcp a b\nshutdown a both\n"},
    {"fin-shut-writing", "tcp a b\nclose b\nshutdown a write\n"},
    {"shut-writing-fin", "tcp a b\nshutdown a write\nclose b\n"},
    {"urgent", "tcp a b\nurgent b 1\n"},
    {"urgent-inline", "tcp a b\ninline a\nurgent b 1\n"},
    {"urgent-read", "tcp a b\nurgent b 1\nread-urgent a\n"},
    {"data-urgent", "tcp a b\nwrite b 3\nurgent b 1\n"},
    {"urgent-data", "tcp a b\nurgent b 1\nwrite b 3\n"},
    {"below-low-water", "tcp a b\nwrite b 3\nlow-water a 4\n"},
    {"below-low-water-fin", "tcp a b\nwrite b 3\nlow-water a 4\nclose b\n"},
    {"unconnected", "tcp-socket a\n"},
    {"connecting", "tcp-socket d\nlisten-few d 0\ntcp-socket b\nconnect b d\ntcp-socket a\nconnect a d\n"},
    {"connecting-shut", "tcp-socket d\nlisten-few d 0\ntcp-socket b\nconnect b d\ntcp-socket a\nconnect a d\n"
			"shutdown a both\n"},
    {"connected", "tcp-socket d\nlisten d\ntcp-socket a\nconnect a d\n"},
    {"refused", "tcp-socket d\nlisten d\nclose d\ntcp-socket a\nconnect a d\n"},
    {"listener", "tcp-socket a\nlisten a\n"},
    {"listener-queue", "tcp-socket a\nlisten a\ntcp-socket b\nconnect b a\n"},
    {"listener-queue-rst", "tcp-socket a\nlisten a\ntcp-socket b\nconnect b a\nreset b\n"},
    {"listener-shut", "tcp-socket a\nlisten a\nshutdown a both\n"},
    {"unix-idle", "unix a b\n"},
    {"unix-data", "unix a b\nwrite b 3\n"},
    {"unix-closed", "unix a b\nclose b\n"},
    {"unix-data-closed", "unix a b\nwrite b 3\nclose b\n"},
    {"unix-closed-unread", "unix a b\nwrite a 3\nclose b\n"},
    {"unix-half-close", "unix a b\nshutdown b write\n"},
    {"unix-shut-both", "unix a b\nshutdown a both\n"},
    {"unix-shut-reading", "unix a b\nshutdown a read\n"},
    {"unix-shut-writing", "unix a b\nshutdown a write\n"},
    {"unix-peer-shut-reading", "unix a b\nshutdown b read\n"},
    {"unix-stalled", "unix a b\nfill a\n"},
    {"unix-unconnected", "unix-socket a\n"},
    {"unix-listener", "unix-socket a\nlisten a\n"},
    {"unix-listener-queue", "unix-socket a\nlisten a\nunix-socket b\nconnect b a\n"},
    {"unix-listener-shut", "unix-socket a\nlisten a\nshutdown a both\n"},
    {"seqpacket-idle", "seqpacket a b\n"},
    {"seqpacket-data", "seqpacket a b\nwrite b 3\nwrite b 3\n"},
    {"seqpacket-closed", "seqpacket a b\nclose b\n"},
    {"seqpacket-closed-unread", "seqpacket a b\nwrite a 3\nclose b\n"},
    {"datagram-idle", "datagram a b\n"},
    {"datagram-data", "datagram a b\nwrite b 3\nwrite b 3\n"},
    {"datagram-closed", "datagram a b\nclose b\n"},
    {"datagram-closed-unread", "datagram a b\nwrite a 3\nclose b\n"},
    {"pipe-empty", "pipe a b\n"},
    {"pipe-data", "pipe a b\nwrite b 3\n"},
    {"pipe-writer-closed", "pipe a b\nclose b\n"},
    {"pipe-data-writer-closed", "pipe a b\nwrite b 3\nclose b\n"},
    {"pipe-room", "pipe b a\n"},
    {"pipe-full", "pipe b a\nfill a\n"},
    {"pipe-reader-closed", "pipe b a\nclose b\n"},
    {"pipe-full-reader-closed", "pipe b a\nfill a\nclose b\n"},
    {"eventfd-zero", "eventfd a 0\n"},
    {"eventfd-one", "eventfd a 1\n"},
    {"eventfd-full", "eventfd a 0\ncount a 3\n"},
    {"timerfd-armed", "timerfd a\ntimer a far\n"},
    {"timerfd-expired", "timerfd a\ntimer a past\n"},
    {"timerfd-read", "timerfd a\ntimer a past\nread a 8\n"},
    {"nested-quiet", "eventfd e 0\nepoll a\nadd a e IN\n"},
    {"nested-ready", "eventfd e 1\nepoll a\nadd a e IN\n"},
};

/* Plays it on both, which have to agree, and writes what the kernel answered to the last step. */
static void play(struct duet *duet, const char *text, char *ret_answer, size_t size)
{
	struct script script;
	struct duet_result result;
	struct error error = {0};
	struct buf told = {0};

	if (script_parse(&script, "state", text, strlen(text), &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(duet_play(duet, &script, &result), 0);
	assert_int_equal(duet_print(duet, &script, &result, &told), 0);
	if (result.differs || result.left_out)
		fail_msg("%s", told.data);
	told.data[told.size - 1] = 0; /* the last newline */
	const char *answer = strstr(strrchr(told.data, '\n') + 1, " -> ");
	assert_non_null(answer);
	(void)snprintf(ret_answer, size, "%s", answer + strlen(" -> "));
	buf_free(&told);
	script_free(&script);
}

static uint32_t mask_of(const char *answer)
{
	uint32_t mask = 0;

	if (strcmp(answer, "0") != 0)
		assert_int_equal(mask_parse(answer, &mask), 0);
	return mask & (mask_interest | EPOLLERR | EPOLLHUP);
}

static void compare(struct duet *duet, const struct mask_row *row, const char *script)
{
	char text[512], answer[MASK_TEXT];

	(void)snprintf(text, sizeof text, "%spoll a\n", script);
	play(duet, text, answer, sizeof answer);
	if (mask_of(answer) != row->must)
		fail_msg("%s: %s", row->name, answer);
	if (row->so_error == MASK_NO_SOCKET)
		return;
	(void)snprintf(text, sizeof text, "%sso-error a\n", script);
	play(duet, text, answer, sizeof answer);
	assert_string_equal(answer, row->so_error ? errno_name(row->so_error) : "0");
	(void)snprintf(text, sizeof text, "%sso-error a\npoll a\n", script);
	play(duet, text, answer, sizeof answer);
	if (mask_of(answer) != row->after)
		fail_msg("%s, after SO_ERROR: %s", row->name, answer);
}

static void test_states(void **state)
{
	struct duet *duet;

	(void)state;
	assert_int_equal(duet_new(true, &duet), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct mask_row *row = mask_row_find(rows[i].row);
		assert_non_null(row);
		compare(duet, row, rows[i].script);
	}
	duet_free(duet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_states)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
