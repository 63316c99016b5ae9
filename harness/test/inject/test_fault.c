/* SPDX-License-Identifier: MIT */
/* Faults as text: what is read, what is refused and how, and that no row of the catalogue names an errno
 * there is not. */
#include "../check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/names.h"
#include "inject/fault.h"

static void test_every_row_is_real(void **state)
{
	(void)state;
	assert_true(fault_row_count > 50);
	for (size_t i = 0; i < fault_row_count; i++) {
		const struct fault_row *row = &fault_rows[i];
		char names[512], *save = NULL;
		size_t count = 0;

		assert_true(row->call > CALL_unknown && row->call < CALL_COUNT);
		assert_ptr_equal(fault_row_find(row->call), row); /* none twice */
		assert_true(strlen(row->errnos) < sizeof names);
		strcpy(names, row->errnos);
		for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
			if (errno_parse(name) <= 0)
				fail_msg("%s: %s is no errno", call_name(row->call), name);
			assert_string_equal(errno_name(errno_parse(name)), name);
			count++;
		}
		assert_true(count > 0);
		assert_non_null(strstr(row->source, "(2)"));
	}
}

/* Every errno of every row can be asked for, and comes back as the same text. */
static void test_every_row_can_be_asked_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < fault_row_count; i++) {
		const struct fault_row *row = &fault_rows[i];
		char names[512], text[128], again[128], *save = NULL;
		struct fault fault;

		strcpy(names, row->errnos);
		for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
			snprintf(text, sizeof text, "%s:%s:2..9+3", call_name(row->call), name);
			assert_int_equal(fault_parse(text, &fault, NULL), 0);
			assert_int_equal(fault.call, row->call);
			assert_int_equal(fault.code, errno_parse(name));
			assert_string_equal(fault_text(&fault, again, sizeof again), text);
			assert_true(fault_fits(&fault, row->call));
			assert_false(fault_fits(&fault, CALL_unknown));
		}
		snprintf(text, sizeof text, "%s:short=1", call_name(row->call));
		assert_int_equal(fault_parse(text, &fault, NULL), row->shorten ? 0 : -EINVAL);
		snprintf(text, sizeof text, "%s:delay=5ms:3", call_name(row->call));
		assert_int_equal(fault_parse(text, &fault, NULL), 0);
		assert_string_equal(fault_text(&fault, again, sizeof again), text);
		assert_true(fault_fits(&fault, row->call));
	}
}

static void test_what_is_read(void **state)
{
	static const struct {
		const char *text;
		struct fault fault;
		const char *again; /* NULL: the same */
	} rows[] = {
	    {"accept4:EMFILE:1..40",
	     {.call = CALL_accept4, .class = CLASS_ACCEPT, .code = EMFILE, .first = 1, .last = 40, .step = 1},
	     NULL},
	    {"accept4:EMFILE",
	     {.call = CALL_accept4, .class = CLASS_ACCEPT, .code = EMFILE, .first = 1, .step = 1},
	     NULL},
	    {"accept4:EMFILE:1",
	     {.call = CALL_accept4, .class = CLASS_ACCEPT, .code = EMFILE, .first = 1, .last = 1, .step = 1},
	     NULL},
	    {"epoll_wait:EINTR:3..+2",
	     {.call = CALL_epoll_wait, .class = CLASS_WAIT, .code = EINTR, .first = 3, .step = 2},
	     NULL},
	    {"@write:ENOBUFS:7..", {.class = CLASS_WRITE, .code = ENOBUFS, .first = 7, .step = 1}, NULL},
	    {"@read:short=1", {.class = CLASS_READ, .shorten = 1, .first = 1, .step = 1}, NULL},
	    {"@wait:EINTR:5..5+1",
	     {.class = CLASS_WAIT, .code = EINTR, .first = 5, .last = 5, .step = 1},
	     "@wait:EINTR:5"},
	    {"@accept:ECONNABORTED:1..",
	     {.class = CLASS_ACCEPT, .code = ECONNABORTED, .first = 1, .step = 1},
	     "@accept:ECONNABORTED"},
	    {"@write:delay=20ms:1..4",
	     {.class = CLASS_WRITE, .delay = 20 * NS_PER_MS, .first = 1, .last = 4, .step = 1},
	     NULL},
	    {"close:delay=0.25", /* s, as everywhere */
	     {.call = CALL_close, .class = CLASS_CLOSE, .delay = 250 * NS_PER_MS, .first = 1, .step = 1},
	     "close:delay=250ms"},
	    {"epoll_ctl:delay=1500us:2",
	     {.call = CALL_epoll_ctl,
	      .class = CLASS_CTL,
	      .delay = 1500 * NS_PER_US,
	      .first = 2,
	      .last = 2,
	      .step = 1},
	     NULL},
	    {"@wait:delay=10s", {.class = CLASS_WAIT, .delay = 10 * NS_PER_S, .first = 1, .step = 1}, NULL},
	    {"sendmsg:short=4096:2..8+3",
	     {.call = CALL_sendmsg, .class = CLASS_WRITE, .shorten = 4096, .first = 2, .last = 8, .step = 3},
	     NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault fault, wanted = rows[i].fault;
		char text[128];

		assert_int_equal(fault_parse(rows[i].text, &fault, NULL), 0);
		assert_int_equal(fault.call, wanted.call);
		assert_int_equal(fault.class, wanted.class);
		assert_int_equal(fault.code, wanted.code);
		assert_int_equal(fault.shorten, wanted.shorten);
		assert_int_equal(fault.delay, wanted.delay);
		assert_int_equal(fault.first, wanted.first);
		assert_int_equal(fault.last, wanted.last);
		assert_int_equal(fault.step, wanted.step);
		assert_int_equal(fault.fd, -1);
		assert_int_equal(fault.peer, 0);
		assert_string_equal(fault_text(&fault, text, sizeof text),
				    rows[i].again ? rows[i].again : rows[i].text);
	}
}

#define FORM "expected CALL:WHAT[:WINDOW][@WHERE], WHAT an errno, short=N or delay=TIME"

static void test_where_it_is_to_strike(void **state)
{
	static const struct {
		const char *text, *again; /* NULL: the same */
		int32_t fd;
		bool accepted;
		uint16_t peer;
	} rows[] = {
	    {"@read:EIO:1@fd=0", NULL, 0, false, 0},
	    {"read:EIO@fd=2147483647", NULL, INT32_MAX, false, 0},
	    {"write:short=1:2..@peer=65535", NULL, -1, false, 65535},
	    {"@write:delay=1ms@peer=1", NULL, -1, false, 1},
	    {"@write:EPIPE", NULL, -1, true, 0},
	    {"@read:EIO@accepted", "@read:EIO", -1, true, 0},
	    {"@read:EIO@any", NULL, -1, false, 0},
	    {"read:EIO@accepted", NULL, -1, true, 0},
	    {"read:EIO@any", "read:EIO", -1, false, 0},
	    {"@accept:EPERM@fd=3", NULL, 3, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault fault;
		char text[128];

		assert_int_equal(fault_parse(rows[i].text, &fault, NULL), 0);
		assert_int_equal(fault.fd, rows[i].fd);
		assert_int_equal(fault.accepted_only, rows[i].accepted);
		assert_int_equal(fault.peer, rows[i].peer);
		assert_string_equal(fault_text(&fault, text, sizeof text),
				    rows[i].again ? rows[i].again : rows[i].text);
	}
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"", "no call named; " FORM},
	    {":", "no call named; " FORM},
	    {":EMFILE", "no call named; " FORM},
	    {"accept4", "no errno named; " FORM},
	    {"accept4:", "no errno named; " FORM},
	    {"accept4::1", "no errno named; " FORM},
	    {"@accept", "no errno named; " FORM},
	    {"acept:EMFILE", "unknown call 'acept'"},
	    {"ACCEPT:EMFILE", "unknown call 'ACCEPT'"},
	    {" accept:EMFILE", "unknown call ' accept'"},
	    {"unknown:EMFILE", "unknown call 'unknown'"},
	    {"getpid:EPERM", "unknown call 'getpid'"},
	    {"@close:EIO", "unknown class '@close' (there are @accept, @read, @write, @wait)"},
	    {"@:EIO", "unknown class '@' (there are @accept, @read, @write, @wait)"},
	    {"accept:EACCESS", "unknown errno 'EACCESS'"},
	    {"accept:emfile", "unknown errno 'emfile'"},
	    {"accept:24", "unknown errno '24'"},
	    {"accept:-24", "unknown errno '-24'"},
	    {"accept:0", "unknown errno '0'"},
	    {"accept:EMFILE ", "unknown errno 'EMFILE '"},
	    {"nanosleep:EIO", "nanosleep cannot give EIO, says nanosleep(2) (it can give EINTR)"},
	    {"listen:EMFILE",
	     "listen cannot give EMFILE, says listen(2) (it can give EADDRINUSE EBADF EOPNOTSUPP)"},
	    {"setrlimit:EPERMX", "unknown errno 'EPERMX'"},
	    {"@accept:EPIPE", "no call of @accept can give EPIPE"},
	    {"@read:EMFILE", "no call of @read can give EMFILE"},
	    {"@wait:EAGAIN", "no call of @wait can give EAGAIN"},
	    {"accept4:short=1", "accept4 cannot be shortened"},
	    {"@wait:short=1", "@wait cannot be shortened"},
	    {"read:short=", "short=: not a number of bytes"},
	    {"read:short=0", "short=0: nothing left; the least is 1 byte"},
	    {"read:short=-1", "short=-1: not a number of bytes"},
	    {"read:short=1k", "short=1k: not a number of bytes"},
	    {"read:short=0x1", "short=0x1: not a number of bytes"},
	    {"read:short=99999999999999999999", "short=99999999999999999999: not a number of bytes"},
	    {"read:short", "unknown errno 'short'"},
	    {"read:delay", "unknown errno 'delay'"},
	    {"read:delay=", "delay=: not a time such as 20ms"},
	    {"read:delay=0", "delay=0: no time at all"},
	    {"read:delay=0.1ns", "delay=0.1ns: no time at all"},
	    {"read:delay=-1ms", "delay=-1ms: not a time such as 20ms"},
	    {"read:delay=20 ms", "delay=20 ms: not a time such as 20ms"},
	    {"read:delay=20mss", "delay=20mss: not a time such as 20ms"},
	    {"read:delay=11s", "delay=11s: more than 10s"},
	    {"read:delay=1h", "delay=1h: more than 10s"},
	    {"read:DELAY=1ms", "unknown errno 'DELAY=1ms'"},
	    {"alarm:delay=1ms", "alarm cannot be made to fail"},
	    {"read@fd=3:EIO", "no errno named; " FORM},
	    {"read:@fd=3", "unknown errno '@fd=3'"},
	    {"read:EIO@", "where '': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO@fd", "where 'fd': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO@fd=", "where 'fd=': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO@fd=-1", "where 'fd=-1': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO@fd=2147483648", "where 'fd=2147483648': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO@peer=0", "where 'peer=0': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO@peer=65536", "where 'peer=65536': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO@Accepted", "where 'Accepted': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO@fd=3:1", "where 'fd=3:1': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO:1@fd=3@fd=4", "where 'fd=3@fd=4': expected fd=N, accepted, any or peer=PORT"},
	    {"read:EIO:@fd=3", "window '@fd=3': expected FIRST[..[LAST][+STEP]]"},
	    {"read:EIO:", "window '': expected FIRST[..[LAST][+STEP]]"},
	    {"read:EIO:x", "window 'x': expected FIRST[..[LAST][+STEP]]"},
	    {"read:EIO:..4", "window '..4': expected FIRST[..[LAST][+STEP]]"},
	    {"read:EIO:-1", "window '-1': expected FIRST[..[LAST][+STEP]]"},
	    {"read:EIO:+2", "window '+2': expected FIRST[..[LAST][+STEP]]"},
	    {"read:EIO:0", "window '0': calls are counted from 1"},
	    {"read:EIO:0..4", "window '0..4': calls are counted from 1"},
	    {"read:EIO:4..3", "window '4..3' runs backwards"},
	    {"read:EIO:4..0", "window '4..0': bad last call"},
	    {"read:EIO:4..x", "window '4..x': bad last call"},
	    {"read:EIO:4..-9", "window '4..-9': bad last call"},
	    {"read:EIO:1..2+", "window '1..2+': bad step"},
	    {"read:EIO:1..2+x", "window '1..2+x': bad step"},
	    {"read:EIO:1..2+0", "window '1..2+0': a step is at least 1"},
	    {"read:EIO:1..+0", "window '1..+0': a step is at least 1"},
	    {"read:EIO:1.2", "window '1.2': '.2' is left over"},
	    {"read:EIO:1..2..3", "window '1..2..3': '..3' is left over"},
	    {"read:EIO:1..2+3x", "window '1..2+3x': 'x' is left over"},
	    {"read:EIO:1 ", "window '1 ': ' ' is left over"},
	    {"read:EIO:99999999999999999999",
	     "window '99999999999999999999': expected FIRST[..[LAST][+STEP]]"},
	    {"read:EIO:1:2", "':2' is left over"},
	    {"read:EIO:1:", "':' is left over"},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:EIO",
	     "no call has such a long name"},
	    {"read:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	     "no errno has such a long name"},
	    {"read:EIO:1111111111111111111111111111111111111111111111111111111111111111111",
	     "no window is that long"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault fault = {.id = 77};
		struct error error = {0};
		char wanted[ERROR_TEXT];

		assert_int_equal(fault_parse(rows[i].text, &fault, &error), -EINVAL);
		snprintf(wanted, sizeof wanted, "fault '%.64s': %s", rows[i].text, rows[i].why);
		assert_string_equal(error.text, wanted);
		assert_int_equal(error.code, -EINVAL);
		assert_int_equal(fault.id, 77); /* untouched */
		assert_int_equal(fault_parse(rows[i].text, &fault, NULL), -EINVAL);
	}
}

static void test_windows(void **state)
{
	static const struct {
		uint64_t first, last, step;
		const char *hits; /* call 1, 2 … */
	} rows[] = {
	    {1, 0, 1, "xxxxxxxxxx"}, {1, 1, 1, "x........."}, {3, 5, 1, "..xxx....."},
	    {3, 0, 2, "..x.x.x.x."}, {2, 8, 3, ".x..x..x.."}, {0, 0, 0, "xxxxxxxxxx"},
	    {4, 4, 9, "...x......"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fault fault = {.first = rows[i].first, .last = rows[i].last, .step = rows[i].step};

		for (uint64_t count = 1; count <= 10; count++)
			assert_int_equal(fault_window_hit(&fault, count), rows[i].hits[count - 1] == 'x');
	}
}

/* A class's fault strikes those calls of it that can give it, and only those. */
static void test_classes_leave_misfits_alone(void **state)
{
	struct fault fault;

	(void)state;
	assert_int_equal(fault_parse("@write:ENOBUFS", &fault, NULL), 0);
	assert_true(fault_fits(&fault, CALL_sendto));
	assert_true(fault_fits(&fault, CALL_sendmmsg));
	assert_false(fault_fits(&fault, CALL_sendfile));
	assert_false(fault_fits(&fault, CALL_recvfrom));
	assert_int_equal(fault_parse("@read:short=2", &fault, NULL), 0);
	assert_true(fault_fits(&fault, CALL_readv));
	assert_false(fault_fits(&fault, CALL_recvmsg));
	assert_false(fault_fits(&fault, CALL_write));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_row_is_real),
	    cmocka_unit_test(test_every_row_can_be_asked_for),
	    cmocka_unit_test(test_what_is_read),
	    cmocka_unit_test(test_where_it_is_to_strike),
	    cmocka_unit_test(test_what_is_refused),
	    cmocka_unit_test(test_windows),
	    cmocka_unit_test(test_classes_leave_misfits_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
