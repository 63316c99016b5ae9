/* SPDX-License-Identifier: MIT */
/*
 * The protocols that come with wringer, answer by answer: each row shows bytes to the protocol and says what
 * it must make of them. Rows of one table share what the protocol has learned. Every proper prefix of a right
 * answer must ask for more. Then protocol files with mistakes in them.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "answers.h"
#include "files.h"

#define PAGE(date, extra, body, length)                                                                      \
	"HTTP/1.1 200 OK\r\nDate: " date "\r\nServer: s\r\n" extra "Content-Length: " #length "\r\n\r"       \
	"\n" body

static const struct answer_row http_rows[] = {
    {REQUEST_WHOLE, "t0", "SSH-2.0-OpenSSH\r\n", false, -EBADMSG, "received \"SSH-2.0-OpenSSH", false},
    {REQUEST_WHOLE, "t0", "+", false, -EBADMSG, "HTTP/1.x status line", false},
    {REQUEST_WHOLE, "t0", "HTTP/2 200\r\n\r\n", false, -EBADMSG, "HTTP/1.x", false},
    {REQUEST_WHOLE, "t0", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", false, -EBADMSG, "healthy",
     false},
    {REQUEST_WHOLE, "t0", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", false, -EBADMSG, "503 Busy",
     false},
    /* learned */
    {REQUEST_WHOLE, "t1", PAGE("Mon", "X-Wringer: t1\r\n", "hello t1\n", 9), false, -1, NULL, true},
    {REQUEST_WHOLE, "t22", PAGE("Tue", "X-Wringer: t22\r\n", "hello t22\n", 10), false, -1, NULL, true},
    {REQUEST_LAST, "t3", PAGE("Wed", "Connection: close\r\n", "hello t3\n", 9), true, -1, NULL, true},
    /* pipelined: the first one's length */
    {REQUEST_WHOLE, "t4", PAGE("Thu", "", "hello t4\n", 9) "HTTP/1.1 200 OK\r\n", false,
     sizeof(PAGE("Thu", "", "hello t4\n", 9)) - 1, NULL, true},
    /* the same in chunks, with an extension and a trailer; after an interim answer */
    {REQUEST_WHOLE, "t5",
     "HTTP/1.1 200 OK\r\nServer: s\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n6;x=y\r\nlo "
     "t5\n\r\n0\r\nT: x\r\n\r\n",
     false, -1, NULL, true},
    {REQUEST_WHOLE, "t6", "HTTP/1.1 100 Continue\r\n\r\n" PAGE("Fri", "", "hello t6\n", 9), false, -1, NULL,
     true},
    /* until the connection ends */
    {REQUEST_WHOLE, "t7", "HTTP/1.0 200 OK\r\nServer: s\r\n\r\nhello t7\n", false, 0, NULL, false},
    {REQUEST_WHOLE, "t7", "HTTP/1.0 200 OK\r\nServer: s\r\n\r\nhello t7\n", true, -1, NULL, false},
    /* wrong */
    {REQUEST_WHOLE, "t8", PAGE("Sat", "X-Wringer: t7\r\n", "hello t8\n", 9), false, -EBADMSG,
     "expected the token \"t8\", received \"t7\"", false},
    {REQUEST_WHOLE, "t9", PAGE("Sun", "", "hello t8\n", 9), false, -EBADMSG, "byte 7: expected \"{token}",
     false},
    {REQUEST_WHOLE, "t9", PAGE("Sun", "", "hellO t9\n", 9), false, -EBADMSG, "received \"O {token}", false},
    {REQUEST_WHOLE, "t9", PAGE("Sun", "", "hello t9\n!", 10), false, -EBADMSG,
     "expected 14 bytes, received 15", false},
    {REQUEST_WHOLE, "t9", PAGE("Sun", "X-New: 1\r\n", "hello t9\n", 9), false, -EBADMSG,
     "headers: expected no more, received \"x-new: 1\"", false},
    {REQUEST_WHOLE, "t9", "HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n", false, -EBADMSG,
     "received \"HTTP/1.1 404", false},
    {REQUEST_WHOLE, "t9", "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", false, -EBADMSG, "Content-Length",
     false},
    {REQUEST_WHOLE, "t9", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false, -EBADMSG,
     "size of a chunk", false},
    {REQUEST_WHOLE, "t9", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", false,
     -EBADMSG, "end of a chunk", false},
    {REQUEST_WHOLE, "t9", "", false, 0, NULL, false},
    {REQUEST_WHOLE, "t9", "", true, 0, NULL, false},
    /* another request has another reference */
    {REQUEST_BIG, "t9", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false, -1, NULL, true},
};

static void http_answers(void **state)
{
	struct protocol *protocol = load("http", NULL, 0);

	(void)state;
	assert_int_equal(protocol->offers &
			     (PROTOCOL_REQUEST | PROTOCOL_PARTIAL | PROTOCOL_TOKEN | PROTOCOL_GREETS),
			 PROTOCOL_REQUEST | PROTOCOL_PARTIAL);
	check_rows(protocol, http_rows, sizeof(http_rows) / sizeof(*http_rows));
	protocol_free(protocol);
}

static void http_requests(void **state)
{
	static const struct run_setting settings[] = {
	    {"path", "/index.html"}, {"big", "/file.bin"}, {"host", "h"}};
	struct protocol *plain = load("http", NULL, 0), *set = load("http", settings, 3);
	struct buf out = {0};

	(void)state;
	assert_int_equal(plain->request(plain, REQUEST_WHOLE, "tok", 0, &out), 0);
	assert_int_equal(plain->request(plain, REQUEST_BIG, "tok", 77, &out), 0);
	assert_ptr_equal(strstr(out.data, "GET / HTTP/1.1\r\n"), out.data);
	assert_non_null(strstr(out.data, "\r\nX-Wringer: tok\r\n"));
	assert_non_null(strstr(out.data, "\r\n\r\nGET /bytes/77 HTTP/1.1\r\n"));
	buf_clear(&out);
	assert_int_equal(set->request(set, REQUEST_LAST, "tok", 0, &out), 0);
	assert_int_equal(set->request(set, REQUEST_BIG, "tok", 77, &out), 0);
	assert_ptr_equal(strstr(out.data, "GET /index.html HTTP/1.1\r\nHost: h\r\n"), out.data);
	assert_non_null(strstr(out.data, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(out.data, "GET /file.bin HTTP/1.1\r\n"));
	buf_free(&out);
	protocol_free(plain);
	protocol_free(set);
}

static void http_announces(void **state)
{
	static const char part[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nabc";
	struct protocol *protocol = load("http", NULL, 0);
	struct buf why = {0};
	uint64_t announced = 0;

	(void)state;
	assert_int_equal(protocol->answer(protocol, REQUEST_WHOLE, "t", 0, part, sizeof(part) - 1, false,
					  &announced, &why),
			 0);
	assert_int_equal(announced, sizeof(part) - 1 - 3 + 5000);
	protocol_free(protocol);
}

static void http_says_that_it_closes(void **state)
{
	static const struct {
		const char *data;
		bool closes;
	} rows[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false},
	    {"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", true},
	    {"HTTP/1.1 200 OK\r\nConnection: upgrade, close\r\nContent-Length: 0\r\n\r\n", true},
	    {"HTTP/1.1 200 OK\r\nConnection: closed-loop\r\nContent-Length: 0\r\n\r\n", false},
	    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
	     true},
	    {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", true},
	    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false},
	};
	struct protocol *protocol = load("http", NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (protocol->closes(protocol, rows[i].data, strlen(rows[i].data)) != rows[i].closes)
			fail_msg("%s", rows[i].data);
	protocol_free(protocol);
}

static void http_compares_as_told(void **state)
{
	static const struct run_setting settings[] = {{"compare", "status"}}, wrong[] = {{"path", "/a b"}};
	static const struct answer_row rows[] = {
	    {REQUEST_WHOLE, "t1", PAGE("x", "", "one", 3), false, -1, NULL, false},
	    {REQUEST_WHOLE, "t2", PAGE("y", "X-New: 1\r\n", "other", 5), false, -1, NULL, false},
	    {REQUEST_WHOLE, "t3", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false, -EBADMSG, "404",
	     false},
	};
	struct protocol *protocol = load("http", settings, 1);
	struct error error = {0};

	(void)state;
	check_rows(protocol, rows, 3);
	protocol_free(protocol);
	assert_int_equal(protocol_load("http", FOLDER, wrong, 1, &protocol, &error), -EINVAL);
	assert_non_null(strstr(error.text, "path must not contain blanks"));
}

/* A server that takes one request at a time is not asked for more, and where to read of that is found. */
static void http_without_pipelines(void **state)
{
	static const struct run_setting no[] = {{"pipeline", "no"}}, wrong[] = {{"pipeline", "maybe"}};
	struct protocol *protocol = load("http", NULL, 0);
	struct error error = {0};
	struct buf text = {0};

	(void)state;
	assert_true(protocol->offers & PROTOCOL_PIPELINE);
	protocol_free(protocol);
	protocol = load("http", no, 1);
	assert_false(protocol->offers & PROTOCOL_PIPELINE);
	assert_true(protocol->offers & PROTOCOL_KEEPALIVE);
	protocol_free(protocol);
	assert_int_equal(protocol_load("http", FOLDER, wrong, 1, &protocol, &error), -EINVAL);
	assert_int_equal(protocol_comment("http", FOLDER, &text, &error), 0);
	assert_non_null(strstr(text.data, "Settings: path (default /)"));
	assert_non_null(strstr(text.data, "take one request at a time."));
	assert_null(strstr(text.data, "SPDX"));
	assert_null(strstr(text.data, "local"));
	buf_free(&text);
	assert_int_equal(protocol_comment("gopher", FOLDER, &text, &error), -ENOENT);
}

/* Everything cut anywhere asks for more; one byte changed anywhere is found, small or big. */
static void echo_answers(void **state)
{
	static const struct {
		enum request_kind kind;
		uint64_t bytes;
	} rows[] = {{REQUEST_WHOLE, 0},
		    {REQUEST_LAST, 0},
		    {REQUEST_BIG, 1},
		    {REQUEST_BIG, 300},
		    {REQUEST_BIG, 200000}};
	struct protocol *protocol = load("echo", NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct buf out = {0}, why = {0};
		uint64_t announced = 0, bytes = rows[i].bytes;
		assert_int_equal(protocol->request(protocol, rows[i].kind, "token-7", bytes, &out), 0);
		size_t size = out.size, step = size > 1000 ? 997 : 1;
		if (bytes >= 300)
			assert_int_equal(size, bytes);
		assert_int_equal(out.data[size - 1], '\n');
		assert_int_equal(buf_puts(&out, "next"), 0);
		assert_int_equal(protocol->answer(protocol, rows[i].kind, "token-7", bytes, out.data,
						  out.size, false, NULL, &why),
				 size);
		for (size_t part = 0; part < size; part += step) {
			assert_int_equal(protocol->answer(protocol, rows[i].kind, "token-7", bytes, out.data,
							  part, false, &announced, &why),
					 0);
			assert_int_equal(announced, size);
			out.data[part] ^= 1;
			assert_int_equal(protocol->answer(protocol, rows[i].kind, "token-7", bytes, out.data,
							  size, false, NULL, &why),
					 -EBADMSG);
			out.data[part] ^= 1;
		}
		assert_true(why.size > 0);
		assert_non_null(strstr(why.data, "byte 1 of the echo: expected \"token-7"));
		buf_free(&out);
		buf_free(&why);
	}
	protocol_free(protocol);
}

static void tcp_offers_nothing(void **state)
{
	struct protocol *protocol = load("tcp", NULL, 0);

	(void)state;
	assert_int_equal(protocol->offers, 0);
	assert_null(protocol->request);
	protocol_free(protocol);
}

static const struct wrong_row {
	const char *source;
	const char *what;
} wrong_rows[] = {
    {"return protocol { \"p\", offers = {} }", "p.lua:1: protocol lacks the key \"doc\""},
    {"return protocol { \"q\", doc = \"d\" }", "p.lua:1: a protocol has the name of its file"},
    {"return protocol { \"p\", doc = \"d\",\n offers = { \"sandbox\" } }",
     "p.lua:2: offers has an unknown word \"sandbox\""},
    {"return protocol { \"p\", doc = \"d\",\n offers = { \"partial\" } }",
     "p.lua:2: a protocol that offers requests"},
    {"return protocol { \"p\", doc = \"d\",\n offers = { \"greets\" } }", "p.lua:2: a protocol that greets"},
    {"return protocol { \"p\", doc = \"d\",\n answer = 1 }", "p.lua:2: answer must be a function"},
    {"return protocol { \"p\", doc = \"d\",\n anwser = 1 }",
     "p.lua:2: protocol has an unknown key \"anwser\""},
    {"return 1", "p.lua:1: the file must end with: return protocol"},
    {"return protocol {", "p.lua:1: unexpected symbol"},
};

static void mistakes_are_placed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong_rows) / sizeof(*wrong_rows); i++) {
		struct protocol *protocol = NULL;
		struct error error = {0};
		const char *path = files_write("p.lua", wrong_rows[i].source);

		if (protocol_load(path, FOLDER, NULL, 0, &protocol, &error) >= 0 ||
		    !strstr(error.text, wrong_rows[i].what))
			fail_msg("row %zu: \"%s\"", i, error.text);
	}
	files_remove("p.lua");
}

/* What was received answers as a string would: each line of the answer compares the two. */
static void received_is_as_a_string(void **state)
{
	static const char file[] =
	    "local ways = {\n"
	    "  function(data) return data:find(\"\\n\") end,\n"
	    "  function(data) return data:find(\"b+\") end,\n"
	    "  function(data) return data:find(\"^(a)(b)\") end,\n"
	    "  function(data) return data:find(\"^b\") end,\n"
	    "  function(data) return data:find(\"b\", 4) end,\n"
	    "  function(data) return data:find(\"%d\", 5) end,\n"
	    "  function(data) return data:find(\"c.\", 1, true) end,\n"
	    "  function(data) return data:find(\"x\") end,\n"
	    "  function(data) return data:match(\"(%a+)%.\") end,\n"
	    "  function(data) return data:byte() end,\n"
	    "  function(data) return data:byte(2) end,\n"
	    "  function(data) return data:sub(2, 4) end,\n"
	    "}\n"
	    "return protocol { \"p\", doc = \"d\", offers = { \"protocol\" },\n"
	    "  request = function(kind) return kind ~= \"big\" and \"x\" or nil end,\n"
	    "  answer = function(kind, token, bytes, data)\n"
	    "    local text = \"abbb\\nc.4b\"\n"
	    "    for i, way in ipairs(ways) do\n"
	    "      local got, wanted = table.pack(way(data)), table.pack(way(text))\n"
	    "      if got.n ~= wanted.n and wanted[1] then return nil, \"way \" .. i end\n"
	    "      for k = 1, wanted.n do if got[k] ~= wanted[k] then return nil, \"way \" .. i end end\n"
	    "    end\n"
	    "    return #data\n"
	    "  end }";
	struct protocol *protocol = NULL;
	struct error error = {0};
	struct buf why = {0};
	const char *path = files_write("p.lua", file);
	int64_t rc;

	(void)state;
	assert_int_equal(protocol_load(path, NULL, NULL, 0, &protocol, &error), 0);
	rc = protocol->answer(protocol, REQUEST_WHOLE, "t", 1, "abbb\nc.4b", 9, false, NULL, &why);
	if (rc != 9)
		fail_msg("%lld %s", (long long)rc, why.data ? why.data : "");
	protocol_free(protocol);
	buf_free(&why);
	files_remove("p.lua");
}

/* What a file does wrong while it is called is never the target's fault. */
static void errors_in_calls_are_ours(void **state)
{
	struct protocol *protocol = NULL;
	struct error error = {0};
	struct buf out = {0}, why = {0};
	const char *path =
	    files_write("p.lua", "return protocol { \"p\", doc = \"d\", offers = { \"protocol\" },\n"
				 "  request = function(kind) if kind == \"big\" then return nil end return "
				 "kind == \"last\" and {} or \"x\" end,\n"
				 "  answer = function(kind, token, bytes, data)\n"
				 "    if kind == \"whole\" then return #data + 1 end\n"
				 "    if kind == \"last\" then while true do end end\n"
				 "    return nil .. 1\n"
				 "  end }");

	(void)state;
	assert_int_equal(protocol_load(path, NULL, NULL, 0, &protocol, &error), 0);
	assert_int_equal(protocol->request(protocol, REQUEST_BIG, "t", 1, &out), -ENOTSUP);
	assert_int_equal(protocol->request(protocol, REQUEST_LAST, "t", 1, &out), -EINVAL);
	assert_int_equal(protocol->request(protocol, REQUEST_WHOLE, "t", 1, &out), 0);
	assert_string_equal(out.data, "x");
	assert_int_equal(protocol->answer(protocol, REQUEST_WHOLE, "t", 1, "abc", 3, false, NULL, &why),
			 -EIO);
	assert_non_null(strstr(why.data, "a length must be"));
	buf_clear(&why);
	assert_int_equal(protocol->answer(protocol, REQUEST_LAST, "t", 1, "abc", 3, false, NULL, &why), -EIO);
	assert_non_null(strstr(why.data, "p.lua:5: runs on and on"));
	buf_clear(&why);
	assert_int_equal(protocol->answer(protocol, REQUEST_BIG, "t", 1, "abc", 3, false, NULL, &why), -EIO);
	assert_non_null(strstr(why.data, "p.lua:6: attempt to concatenate"));
	protocol_free(protocol);
	buf_free(&out);
	buf_free(&why);
	files_remove("p.lua");
}

static void count_protocol(void *arg, const char *name, const char *doc)
{
	assert_true(*name && *doc);
	++*(int *)arg;
}

static void all_are_listed(void **state)
{
	struct protocol *protocol = NULL;
	struct error error = {0};
	int count = 0;

	(void)state;
	if (protocol_each(FOLDER, count_protocol, &count, &error) < 0)
		fail_msg("%s", error.text);
	assert_true(count >= 3);
	assert_int_equal(protocol_load("gopher", FOLDER, NULL, 0, &protocol, &error), -ENOENT);
	assert_non_null(strstr(error.text, "gopher"));
	assert_int_equal(protocol_load("http", NULL, NULL, 0, &protocol, &error), -ENOENT);
}

static int start(void **state)
{
	(void)state;
	return files_make();
}

static int stop(void **state)
{
	(void)state;
	return rmdir(files_folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(http_answers),
	    cmocka_unit_test(http_requests),
	    cmocka_unit_test(http_announces),
	    cmocka_unit_test(http_compares_as_told),
	    cmocka_unit_test(http_without_pipelines),
	    cmocka_unit_test(http_says_that_it_closes),
	    cmocka_unit_test(echo_answers),
	    cmocka_unit_test(tcp_offers_nothing),
	    cmocka_unit_test(mistakes_are_placed),
	    cmocka_unit_test(received_is_as_a_string),
	    cmocka_unit_test(errors_in_calls_are_ours),
	    cmocka_unit_test(all_are_listed),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
