/* SPDX-License-Identifier: MIT */
/*
 * redis, memcached and smtp, answer by answer, as test_protocols.c does for http; and bytes changed, one
 * after the other, in answers that were made from the requests as a right server would.
 */
#include <stdio.h>
#include "answers.h"

static const struct answer_row redis_rows[] = {
    {REQUEST_WHOLE, "tok1", "$4\r\ntok1\r\n", false, -1, NULL, true},
    {REQUEST_LAST, "tok1", "$4\r\ntok1\r\n", false, -1, NULL, true},
    {REQUEST_WHOLE, "tok1", "+tok1\r\n", false, -1, NULL, true},
    /* pipelined: the first one's length */
    {REQUEST_WHOLE, "tok1", "$4\r\ntok1\r\n$4\r\ntok2\r\n", false, 10, NULL, true},
    {REQUEST_WHOLE, "tok1", "", true, 0, NULL, false},
    {REQUEST_WHOLE, "tok1", "$4\r\nto", true, 0, NULL, false},
    /* wrong */
    {REQUEST_WHOLE, "tok1", "$4\r\ntok2\r\n", false, -EBADMSG,
     "expected \"tok1\\r\\n\", received \"tok2\\r\\n\"", false},
    {REQUEST_WHOLE, "tok1", "+tok2\r\n", false, -EBADMSG, "received \"+tok2\\r\\n\"", false},
    {REQUEST_WHOLE, "tok1", "$5\r\ntok1!\r\n", false, -EBADMSG,
     "expected \"$4\\r\\n\", received \"$5\\r\\n\"", false},
    {REQUEST_WHOLE, "tok1", "-ERR unknown command\r\n", false, -EBADMSG,
     "received \"-ERR unknown command\\r\\n", false},
    {REQUEST_WHOLE, "tok1", "$-1\r\n", false, -EBADMSG, "received \"$-1", false},
    {REQUEST_WHOLE, "tok1", "HTTP/1.1 400 Bad Request\r\n", false, -EBADMSG, "received \"HTTP/1.1 400",
     false},
};

#define VALUE_HEAD "VALUE wringer:tok1 0 96\r\n"
#define VALUE_DATA                                                                                           \
	"tok1 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY0123456789abcdefghijklmnopqrst"
static const struct answer_row memcached_rows[] = {
    {REQUEST_WHOLE, "tok1", "STORED\r\n" VALUE_HEAD VALUE_DATA "\r\nEND\r\n", false, -1, NULL, true},
    {REQUEST_LAST, "tok1", "STORED\r\n" VALUE_HEAD VALUE_DATA "\r\nEND\r\n", false, -1, NULL, true},
    {REQUEST_WHOLE, "tok1", "STORED\r\n", true, 0, NULL, false},
    /* wrong */
    {REQUEST_WHOLE, "tok1", "STORED\r\nEND\r\n", false, -EBADMSG,
     "expected \"VALUE wringer:tok1 0 96\\r\\n\", received \"END\\r\\n\"", false},
    {REQUEST_WHOLE, "tok1", "ERROR\r\n", false, -EBADMSG,
     "expected \"STORED\\r\\n\", received \"ERROR\\r\\n\"", false},
    {REQUEST_WHOLE, "tok1", "SERVER_ERROR out of memory storing object\r\n", false, -EBADMSG, "out of memory",
     false},
    {REQUEST_WHOLE, "tok2", "STORED\r\n" VALUE_HEAD, false, -EBADMSG, "received \"VALUE wringer:tok1", false},
    {REQUEST_WHOLE, "tok1", "STORED\r\n" VALUE_HEAD "tok2 0123", false, -EBADMSG,
     "byte 4 of the value: expected \"1 0123", false},
};

static const struct answer_row smtp_rows[] = {
    {REQUEST_WHOLE, "t1", "500 5.5.1 What?\r\n", false, -EBADMSG,
     "expected a reply 250, received \"500 5.5.1 What?\"", false},
    {REQUEST_WHOLE, "t1", "5", false, -EBADMSG, "received \"5\"", false},
    {REQUEST_WHOLE, "t1", "250x\r\n", false, -EBADMSG, "expected a blank or -", false},
    /* learned */
    {REQUEST_WHOLE, "t1", "250-mx.example hello t1\r\n250-SIZE 100\r\n250 HELP\r\n", false, -1, NULL, true},
    {REQUEST_WHOLE, "t22", "250-mx.example hello t22\r\n250-HELP\r\n250 SIZE 100\r\n", false, -1, NULL, true},
    {REQUEST_LAST, "t3", "221 2.0.0 Bye\r\n", true, -1, NULL, true},
    {REQUEST_LAST, "t3", "221\r\n", true, -1, NULL, true},
    /* wrong */
    {REQUEST_WHOLE, "t4", "250-mx.example hello t3\r\n250-SIZE 100\r\n250 HELP\r\n", false, -EBADMSG,
     "hello {token}", false},
    {REQUEST_WHOLE, "t4", "250 mx.example hello t4\r\n", false, -EBADMSG, "expected \"HELP\\nSIZE 100",
     false},
    {REQUEST_WHOLE, "t4", "221 Bye\r\n", false, -EBADMSG, "received \"221 Bye\"", false},
    {REQUEST_WHOLE, "t4", "250-mx.example\r\n421 closing\r\n", false, -EBADMSG, "received \"421 closing\"",
     false},
    {REQUEST_LAST, "t4", "250 ok\r\n", false, -EBADMSG, "expected a reply 221", false},
};

static const struct {
	const char *data;
	int64_t result; /* -1: all of it */
	const char *why;
} greetings[] = {
    {"220 mx.example ESMTP\r\n", -1, NULL},
    {"220-mx.example\r\n220-No spam\r\n220 ESMTP\r\n", -1, NULL},
    {"220 mx.example\r\n250 ", 16, NULL},
    {"421 4.3.2 Too busy\r\n", -EBADMSG, "expected a reply 220, received \"421 4.3.2 Too busy\""},
    {"554 No\r\n", -EBADMSG, "554 No"},
    {"SSH-2.0-OpenSSH_9\r\n", -EBADMSG, "SSH-2.0"},
};

static void answers_are_judged(void **state)
{
	static const struct {
		const char *name;
		const struct answer_row *rows;
		size_t count;
	} tables[] = {
	    {"redis", redis_rows, sizeof(redis_rows) / sizeof(*redis_rows)},
	    {"memcached", memcached_rows, sizeof(memcached_rows) / sizeof(*memcached_rows)},
	    {"smtp", smtp_rows, sizeof(smtp_rows) / sizeof(*smtp_rows)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		struct protocol *protocol = load(tables[i].name, NULL, 0);
		check_rows(protocol, tables[i].rows, tables[i].count);
		protocol_free(protocol);
	}
}

static void greetings_are_judged(void **state)
{
	struct protocol *protocol = load("smtp", NULL, 0);

	(void)state;
	assert_true(protocol->offers & PROTOCOL_GREETS);
	assert_false(protocol->offers & (PROTOCOL_HALF_CLOSE | PROTOCOL_PIPELINE | PROTOCOL_BIG));
	for (size_t i = 0; i < sizeof(greetings) / sizeof(*greetings); i++) {
		struct buf why = {0};
		size_t size = strlen(greetings[i].data);
		int64_t wanted = greetings[i].result == -1 ? (int64_t)size : greetings[i].result;
		int64_t result = protocol->greeting(protocol, greetings[i].data, size, &why);
		if (result != wanted || (greetings[i].why && !strstr(why.data, greetings[i].why)))
			fail_msg("row %zu: %" PRId64 ": \"%s\"", i, result, why.size ? why.data : "");
		for (size_t part = 0; result > 0 && part < (size_t)wanted; part++)
			assert_int_equal(protocol->greeting(protocol, greetings[i].data, part, &why), 0);
		buf_free(&why);
	}
	protocol_free(protocol);
}

static int64_t look(const struct protocol *protocol, const struct buf *answer, size_t size, uint64_t bytes,
		    uint64_t *ret_announced, struct buf *why)
{
	return protocol->answer(protocol, REQUEST_BIG, "token-7", bytes, answer->data, size, false,
				ret_announced, why);
}

/* Cut anywhere it asks for more and says how much there will be; a byte changed anywhere is found. */
static void check_big(const struct protocol *protocol, struct buf *answer, uint64_t bytes)
{
	size_t size = answer->size, step = size > 1000 ? 997 : 1;
	struct buf why = {0};
	uint64_t announced = 0;

	assert_int_equal(buf_puts(answer, "next"), 0);
	assert_int_equal(look(protocol, answer, answer->size, bytes, NULL, &why), size);
	for (size_t part = 0; part < size; part += step) {
		if (look(protocol, answer, part, bytes, &announced, &why) != 0)
			fail_msg("%s: %zu of %zu bytes: %s", protocol->name, part, size,
				 why.size ? why.data : "");
		if (part > 16)
			assert_int_equal(announced, size);
		answer->data[part] ^= 1;
		assert_int_equal(look(protocol, answer, size, bytes, NULL, &why), -EBADMSG);
		answer->data[part] ^= 1;
	}
	assert_non_null(strstr(why.data, "expected \""));
	assert_non_null(strstr(why.data, "received \""));
	buf_free(&why);
}

/* `*2 ECHO value` answered by its second half. */
static void redis_echoes(void **state)
{
	static const uint64_t sizes[] = {1, 300, 200000};
	struct protocol *protocol = load("redis", NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct buf request = {0}, answer = {0};
		assert_int_equal(protocol->request(protocol, REQUEST_BIG, "token-7", sizes[i], &request), 0);
		static const char head[] = "*2\r\n$4\r\nECHO\r\n";
		assert_memory_equal(request.data, head, sizeof(head) - 1);
		assert_int_equal(
		    buf_append(&answer, request.data + sizeof(head) - 1, request.size - (sizeof(head) - 1)),
		    0);
		assert_true(answer.size >= sizes[i]);
		check_big(protocol, &answer, sizes[i]);
		buf_free(&request);
		buf_free(&answer);
	}
	protocol_free(protocol);
}

/* What memcached would say to `set KEY 0 T SIZE\r\nVALUE\r\nget KEY KEY …\r\n`. */
static void memcached_would(const struct buf *request, struct buf *ret_answer)
{
	char key[64];
	unsigned size;
	int head = 0;
	const char *keys;

	assert_int_equal(sscanf(request->data, "set %63s 0 60 %u\r\n%n", key, &size, &head), 2);
	assert_int_equal(buf_puts(ret_answer, "STORED\r\n"), 0);
	keys = request->data + head + size;
	assert_memory_equal(keys, "\r\nget wringer:", 14);
	for (keys = strchr(keys + 2, ' '); keys; keys = strchr(keys + 1, ' ')) {
		assert_int_equal(buf_printf(ret_answer, "VALUE %s 0 %u\r\n", key, size), 0);
		assert_int_equal(buf_append(ret_answer, request->data + head, size), 0);
		assert_int_equal(buf_puts(ret_answer, "\r\n"), 0);
	}
	assert_int_equal(buf_puts(ret_answer, "END\r\n"), 0);
}

static void memcached_gives_back(void **state)
{
	static const uint64_t sizes[] = {1, 300, 65536, 300000};
	struct protocol *protocol = load("memcached", NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct buf request = {0}, answer = {0};
		assert_int_equal(protocol->request(protocol, REQUEST_BIG, "token-7", sizes[i], &request), 0);
		assert_int_equal(buf_append(&request, "", 1), 0);
		memcached_would(&request, &answer);
		assert_true(answer.size >= sizes[i]);
		check_big(protocol, &answer, sizes[i]);
		buf_free(&request);
		buf_free(&answer);
	}
	protocol_free(protocol);
}

/* Half of a request is answered by none of them: memcached's ends inside the value. */
static void half_a_request(void **state)
{
	struct protocol *protocol = load("memcached", NULL, 0);
	struct buf out = {0};

	(void)state;
	assert_int_equal(protocol->request(protocol, REQUEST_WHOLE, "w12345600000001", 0, &out), 0);
	const char *value = strstr(out.data, "\r\n") + 2, *end = value + 96;
	assert_true(out.data + out.size / 2 > value && out.data + out.size / 2 < end);
	buf_free(&out);
	protocol_free(protocol);
}

static void settings_are_heeded(void **state)
{
	static const struct run_setting ping[] = {{"command", "ping"}, {"password", "secret"}},
					helo[] = {{"hello", "helo"}}, wrong[] = {{"command", "GET"}};
	static const struct answer_row rows[] = {
	    {REQUEST_WHOLE, "t", "+OK\r\n$1\r\nt\r\n", false, -1, NULL, true},
	    {REQUEST_WHOLE, "t", "-WRONGPASS no\r\n", false, -EBADMSG, "answer to AUTH", false},
	};
	struct protocol *redis = load("redis", ping, 2), *smtp = load("smtp", helo, 1), *none = NULL;
	struct error error = {0};
	struct buf out = {0};

	(void)state;
	assert_int_equal(redis->request(redis, REQUEST_WHOLE, "t", 0, &out), 0);
	assert_string_equal(out.data, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*2\r\n$4\r\nPING\r\n$1\r\nt\r\n");
	check_rows(redis, rows, 2);
	buf_clear(&out);
	assert_int_equal(smtp->request(smtp, REQUEST_WHOLE, "t", 0, &out), 0);
	assert_int_equal(smtp->request(smtp, REQUEST_LAST, "t", 0, &out), 0);
	assert_string_equal(out.data, "HELO t.wringer.example\r\nQUIT\r\n");
	assert_int_equal(smtp->request(smtp, REQUEST_BIG, "t", 5, &out), -ENOTSUP);
	assert_int_equal(protocol_load("redis", FOLDER, wrong, 1, &none, &error), -EINVAL);
	assert_non_null(strstr(error.text, "command is ECHO or PING"));
	buf_free(&out);
	protocol_free(redis);
	protocol_free(smtp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_judged), cmocka_unit_test(greetings_are_judged),
	    cmocka_unit_test(redis_echoes),	  cmocka_unit_test(memcached_gives_back),
	    cmocka_unit_test(half_a_request),	  cmocka_unit_test(settings_are_heeded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
