/* SPDX-License-Identifier: MIT */
/*
 * Plays on a fake stage (fake_stage.c): each row is the body of run(t), the target's manners, and what must
 * come of it. First what works, by asserting inside the scenario itself; then every way a play ends early,
 * with its words.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fake_stage.c"
#include "files.h"
#include "script/script.h"

struct play_row {
	const char *body; /* line 2 of the file */
	struct fake fake;
	const char *verdict; /* "" passes; else what the verdict begins with */
	const char *contains;
};

static struct stage *play_on(const struct play_row *row)
{
	struct stage *stage = fake_stage_new(&row->fake);
	struct catalogue *catalogue = NULL;
	struct error error = {0};
	char source[4096];

	(void)snprintf(source, sizeof(source),
		       "return scenario { \"x\", doc = \"d\", run = function(t)\n%s\nend }", row->body);
	files_write("x.lua", source);
	if (catalogue_load(files_folder, &catalogue, &error) < 0)
		fail_msg("%s", error.text);
	const struct scenario *scenario = catalogue_at(catalogue, 0);
	int code = scenario->play(scenario, stage);
	const char *verdict = fake_verdict(stage);
	if ((code == 0) != !*verdict)
		fail_msg("%s: returned %d with \"%s\"", row->body, code, verdict);
	if (strncmp(verdict, row->verdict, strlen(row->verdict)) != 0 || (!*row->verdict && *verdict) ||
	    (row->contains && !strstr(verdict, row->contains)))
		fail_msg("%s: \"%s\", wanted \"%s…%s\"", row->body, verdict, row->verdict,
			 row->contains ? row->contains : "");
	catalogue_free(catalogue);
	return stage;
}

static const struct play_row rows[] = {
    /* peers */
    {"local p = t:connect() assert(p:alive() and p:name() == 'c1' and tostring(p) == 'c1' and p:port() > 0)",
     {0},
     "",
     NULL},
    {"local p = t:connect{ name = 'bob', receive_buffer = 4096 } assert(p:name() == 'bob')", {0}, "", NULL},
    {"local p = t:connect() p:request() local ok, n = p:answer() assert(ok and n > 1 and p:owed() == 0)",
     {0},
     "",
     NULL},
    {"local p = t:connect() for i = 1, 9 do p:request() end assert(p:owed() == 9) while p:owed() > 0 do "
     "assert(p:answer()) end",
     {0},
     "",
     NULL},
    {"local p = t:connect() p:request{ big = 300000 } local ok, n = p:answer() assert(ok and n == 300000)",
     {0},
     "",
     NULL},
    {"local p = t:connect() p:request{ partial = true } t:until_read(p) p:complete() assert(p:answer())",
     {0},
     "",
     NULL},
    {"local p = t:connect() assert(p:drip({ token = 'abc' }, 0.001)) assert(p:answer())", {0}, "", NULL},
    {"local p = t:connect() p:send('hello') assert(p:recv(2) == 'he' and p:recv_some() == 'llo')",
     {0},
     "",
     NULL},
    {"local p = t:connect() local s, why = p:recv(2, { timeout = 0.02 }) assert(not s and why == 'timeout')",
     {0},
     "",
     NULL},
    {"local p = t:connect() p:fin() local ok, e = p:try('reset') assert(not ok and e == 'ENOTCONN' and not "
     "p:alive())",
     {0},
     "",
     NULL},
    {"local p = t:connect{ reading = false } p:request() p:close_unread() assert(t:until_closed(p))",
     {0},
     "",
     NULL},
    {"local p = t:connect() p:drop() assert(not pcall(p.send, p, 'x'))", {0}, "", NULL},
    {"local p = t:open() assert(t:until_connected(p) and t:until_accepted(p)) p:reset() "
     "assert(t:expect_closed(p))",
     {0},
     "",
     NULL},
    {"local p = t:connect() p:stall() p:resume() p:half_close() assert(t:until_closed(p) and "
     "t:until_ended(p))",
     {0},
     "",
     NULL},
    /* answers that do not come are told apart */
    {"local p = t:connect() p:request() local ok, w = p:answer{ timeout = 0.03 } assert(not ok and w == "
     "'timeout')",
     {.deaf = true},
     "",
     NULL},
    {"local p = t:connect() p:request() local ok, w = p:answer() assert(not ok and w == 'unanswered')",
     {.closes = true},
     "",
     NULL},
    {"local p = t:connect() p:request() p:answer()",
     {.garbles = true},
     "fail: wrong answer for c1",
     "expected an echo"},
    {"local p = t:connect() p:send('x') assert(t:until_ended(p)) p:send('y') t:wait(0.05) p:request() local "
     "ok, w = p:answer() "
     "assert(not ok and (w == 'unsent' or w == 'unanswered'), w)",
     {.closes = true},
     "",
     NULL},
    {"local p = t:connect() p:fin() p:request()", {0}, "broken: ", "the request could not be sent: EPIPE"},
    /* waits give up quietly */
    {"local p = t:connect() assert(not t:until_closed(p, { patience = 0.02 }))", {0}, "", NULL},
    {"local p = t:connect() assert(not t:until_reported(p, 'RDHUP ERR', { patience = 0.02 }))",
     {0},
     "",
     NULL},
    {"local p = t:connect() assert(not t:expect_mask(p, 'EPOLLRDHUP|EPOLLERR'))", {0}, "", NULL},
    {"assert(not t:until_gone{ patience = 0.02 }) assert(t:until_served(2))", {0}, "", NULL},
    /* coroutines */
    {"local n = 0 for i = 1, 5 do t:spawn(function(k) t:wait(0.001 * k) n = n + k end, i) end t:join() "
     "assert(n == 15)",
     {0},
     "",
     NULL},
    {"t:spawn(function() t:wait(0.01) t:note('late') end)", {0}, "", NULL},
    {"local f = coroutine.wrap(function() coroutine.yield(1) end) assert(f() == 1)", {0}, "", NULL},
    {"assert(pcall(function() t:wait(0.001) end))", {0}, "", NULL},
    /* the rest */
    {"assert(t.protocol.name == 'echo' and t.protocol.offers.big and not t.protocol.offers.greets and "
     "t.scale == 1)",
     {0},
     "",
     NULL},
    {"local b, token = t.protocol.request{ token = 'q' } assert(b == 'q\\n' and token == 'q')",
     {0},
     "",
     NULL},
    {"assert(t.protocol.request{ token = 'abcd', partial = true } == 'ab')", {0}, "", NULL},
    {"assert(t:setting('colour') == 'red' and t:setting('none', 3) == 3 and t:setting('none') == nil)",
     {0},
     "",
     NULL},
    {"for i = 1, 50 do local n = t:random(3) assert(n >= 1 and n <= 3) end assert(t:fds() == 7 and "
     "t:fd_limit() == 64)",
     {0},
     "",
     NULL},
    {"local f = t:fault('accept4:EMFILE:1..40') assert(f:lift() == 5 and f:delivered() == 5 and "
     "t:expect_delivered(f) == 5)",
     {0},
     "",
     NULL},
    {"local p = t:connect() local f = t:fault('@read:delay=20ms:1..9', p) assert(t:until_delivered(f)) "
     "assert(f:text() == '@read:delay=20ms:1..9@peer=' .. p:port())",
     {0},
     "",
     NULL},
    {"local f = t:fault('accept4:EMFILE:1..4') assert(not t:until_delivered(f, { patience = 0.01 }))",
     {0},
     "",
     NULL},
    {"assert(t:canary_rest()) t:canary_run() t:limit_fds(4) t:limit_restore() t:signal('CONT') "
     "t:keep_only(true) assert(t:sample(0, 3))",
     {0},
     "",
     NULL},
    /* ends */
    {"t:skip('not\\nhere')", {0}, "skip: not here", NULL},
    {"t:fail('it is wrong')", {0}, "fail: it is wrong", NULL},
    {"t:broken('we are')", {0}, "broken: ", "x.lua:2: we are"},
    {"pcall(t.fail, t, 'first') pcall(t.skip, t, 'second') error('third')", {0}, "fail: first", NULL},
    {"local p = t:connect() p:fin() p:send('x')",
     {0},
     "broken: ",
     "x.lua:2: c1: send could not be done: EPIPE (it is closed)"},
    {"local f = t:fault('accept4:EMFILE:1..4') t:expect_delivered(f)",
     {0},
     "broken: ",
     "accept4:EMFILE:1..4 was never delivered"},
    {"t:limit_fds(0)", {0}, "broken: ", "no such limit"},
    {"t:signal('USR1')", {0}, "broken: ", "signal USR1: No such process"},
    /* errors, with their place */
    {"local p\np:send('x')", {0}, "broken: ", "x.lua:3: attempt to index a nil value"},
    {"t:conect()", {0}, "broken: ", "x.lua:2: attempt to call a nil value (method 'conect')"},
    {"t:connect{ raeding = true }", {0}, "broken: ", "x.lua:2: a connection has no option \"raeding\""},
    {"t:connect():request{ bgi = 1 }", {0}, "broken: ", "x.lua:2: a request has no option \"bgi\""},
    {"t:connect():request{ big = -1 }", {0}, "broken: ", "x.lua:2: big must be"},
    {"t:connect():answer()", {0}, "broken: ", "x.lua:2: no answer is owed to c1"},
    {"t:connect():complete()", {0}, "broken: ", "x.lua:2: there is no partial request"},
    {"t:connect():try('explode')", {0}, "broken: ", "try takes send"},
    {"t:until_asleep{ timeout = 1 }", {0}, "broken: ", "the only option is patience"},
    {"t:until_read(5)", {0}, "broken: ", "x.lua:2: bad argument"},
    {"t:fault('accept4:EGG')", {0}, "broken: ", "unknown errno 'EGG'"},
    {"t:fault('read:EIO@fd=3', t:connect())", {0}, "broken: ", "the fault says already where"},
    {"t:fault('read:EIO', 5)", {0}, "broken: ", "bad argument"},
    {"t:expect_mask(t:connect(), 'RDHUB')", {0}, "broken: ", "must name events"},
    {"t:signal('NOPE')", {0}, "broken: ", "must name a signal"},
    {"t:random(0)", {0}, "broken: ", "must be 1 or more"},
    {"error{}", {0}, "broken: ", "error object is a table value"},
    {"t:spawn(function()\nerror('in a spawned one') end) t:wait(5)",
     {0},
     "broken: ",
     "x.lua:3: in a spawned one"},
    {"while true do end", {0}, "broken: ", "x.lua:2: runs on and on"},
    {"while true do pcall(function() while true do end end) end", {0}, "broken: ", "runs on and on"},
    {"local s = {} while true do s[#s + 1] = ('x'):rep(1 << 26) .. #s end",
     {0},
     "broken: ",
     "not enough memory"},
    {"coroutine.yield()", {0}, "broken: ", "coroutine.yield in the scenario's own steps"},
    {"coroutine.wrap(function() t:wait(1) end)()", {0}, "broken: ", "not in a coroutine of your own"},
    {"table.sort({ 1, 2, 3 }, function() t:wait(0.01) end)",
     {0},
     "broken: ",
     "attempt to yield across a C-call boundary"},
    /* time, and death */
    {"local p = t:connect() for i = 1, 300 do t:spawn(function() t:until_closed(p) end) end t:join() "
     "for i = 1, 100 do t:until_closed(p) end",
     {0},
     "",
     NULL},
    {"t:wait(100)", {.limit = 50000000}, "broken: the scenario did not end in time", NULL},
    {"local p = t:connect() p:request() p:answer() t:wait(100) error('not reached')",
     {.dies = true},
     "",
     NULL},
    {"local p = t:connect() p:request() assert(t:until_gone())", {.dies = true}, "", NULL},
};

static void plays_end_as_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		fake_stage_free(play_on(&rows[i]));
	files_remove("x.lua");
}

static void exchanges_are_journalled(void **state)
{
	static const struct play_row row = {"local p = t:connect() p:request() p:request() p:answer() "
					    "p:answer() p:request{ partial = true } t:until_read(p) "
					    "p:fin() t:until_closed(p)",
					    {0},
					    "",
					    NULL};
	struct stage *stage = play_on(&row);

	(void)state;
	assert_int_equal(fake_acts(stage, PEER_REQUEST), 2);
	assert_int_equal(fake_acts(stage, PEER_ANSWER), 2);
	assert_int_equal(fake_acts(stage, PEER_FIN), 1);
	assert_int_equal(fake_acts(stage, PEER_WRONG), 0);
	fake_stage_free(stage);
	files_remove("x.lua");
}

static void what_is_missing_is_journalled(void **state)
{
	static const struct play_row closed = {
	    "local p = t:connect() p:request() p:answer()", {.closes = true}, "", NULL};
	static const struct play_row wrong = {
	    "local p = t:connect() p:request() p:answer()", {.garbles = true}, "fail", NULL};
	struct stage *stage = play_on(&closed);

	(void)state;
	assert_int_equal(stage_step(stage, 0), 0);
	assert_int_equal(fake_acts(stage, PEER_UNANSWERED), 1);
	fake_stage_free(stage);
	stage = play_on(&wrong);
	assert_int_equal(stage_step(stage, 0), 0);
	assert_int_equal(fake_acts(stage, PEER_WRONG), 1);
	fake_stage_free(stage);
	files_remove("x.lua");
}

static void an_error_leaves_its_way_in_the_journal(void **state)
{
	static const struct play_row row = {
	    "local function inner() error('deep') end\nlocal function outer() inner() end\n"
	    "outer() return 1",
	    {0},
	    "broken: ",
	    "x.lua:2: deep"};
	struct stage *stage = play_on(&row);

	(void)state;
	assert_int_equal(stage_step(stage, 0), 0);
	assert_non_null(strstr(fake_notes(stage), "stack traceback"));
	assert_non_null(strstr(fake_notes(stage), "x.lua:4: in"));
	fake_stage_free(stage);
	files_remove("x.lua");
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
	    cmocka_unit_test(plays_end_as_they_should),
	    cmocka_unit_test(exchanges_are_journalled),
	    cmocka_unit_test(what_is_missing_is_journalled),
	    cmocka_unit_test(an_error_leaves_its_way_in_the_journal),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
