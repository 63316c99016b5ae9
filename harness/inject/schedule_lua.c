/* SPDX-License-Identifier: MIT */
#include "inject/schedule_lua.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/rng.h"

#define LUA_BUFFER 1048576u

/* What every scenario begins with: peers by number, made when they are first needed. */
static const char prologue[] =
    "  run = function(t)\n"
    "    local peers, faults, stalled, strained = {}, {}, {}, false\n"
    "    -- Where calls were made to fail, or an urgent byte got among the others, an answer may say so.\n"
    "    local function answers(i)\n"
    "      local p = not strained and peers[i]\n"
    "      while p and not stalled[p] and p:owed() > 0 do\n"
    "        if not p:answer { timeout = 1 } and not p:ended() then break end\n"
    "      end\n"
    "    end\n"
    "    local function peer(i)\n"
    "      if not peers[i] or not peers[i]:alive() then\n"
    "        answers(i)\n"
    "        peers[i] = t:open()\n"
    "        t:until_connected(peers[i], { patience = 0.2 })\n"
    "      end\n"
    "      return peers[i]\n"
    "    end\n"
    "    local ends = { fin = true, reset = true, close_unread = true, vanish = true }\n"
    "    local function there(i, act)\n"
    "      local p = peers[i]\n"
    "      if not p or not p:alive() then return end\n"
    "      if not p:try(act) then\n"
    "        -- With nothing unread it is an ordinary end.\n"
    "        if act ~= \"close_unread\" or not p:try(\"fin\") then return end\n"
    "      end\n"
    "      stalled[p] = act == \"stall\" or act ~= \"resume\" and stalled[p] or nil\n"
    "      if ends[act] then peers[i] = nil end\n"
    "    end\n"
    "    -- What of a request was begun is sent to its end by the next one.\n"
    "    local rest = {}\n"
    "    local function ask(i, bytes, most)\n"
    "      local p = peer(i)\n"
    "      local r = rest[p]\n"
    "      if not r then\n"
    "        r = { big = bytes }\n"
    "        r.text, r.token = t.protocol.request { big = bytes }\n"
    "      end\n"
    "      local sent = p:try(\"send\", r.text:sub(1, most))\n"
    "      rest[p] = most and #r.text > most and r or nil\n"
    "      if rest[p] then\n"
    "        r.text = r.text:sub(most + 1)\n"
    "      elseif sent then\n"
    "        p:owe { big = r.big, token = r.token }\n"
    "      end\n"
    "    end\n";

/* The kernel's buffers are larger than the simulation's: what blocks there is to block here. */
static uint32_t scale_of(const struct schedule *schedule, const struct schedule_story *story)
{
	return story->simulated ? (uint32_t)(LUA_BUFFER / schedule->buffer) : SCHEDULE_LIVE_SCALE;
}

static int ask(const struct move *move, const struct schedule_story *story, uint32_t scale, struct buf *out)
{
	uint32_t times = move->what == MOVE_BURST ? move_times(move, story->simulated) : 1;
	uint32_t bytes = move_bytes(move->b);
	char big[24] = "nil", most[24] = "";

	if (bytes)
		(void)snprintf(big, sizeof big, "%" PRIu32, bytes * scale);
	if (move->what == MOVE_PART)
		(void)snprintf(most, sizeof most, ", %u", 1u << move->a % 8);
	if (times > 1)
		return buf_printf(out, "    for _ = 1, %" PRIu32 " do ask(%u, %s) end\n", times, move->peer,
				  big);
	return buf_printf(out, "    ask(%u, %s%s)\n", move->peer, big, most);
}

static int limit(const struct move *move, struct buf *out)
{
	return move->a & 128 ? buf_puts(out, "    t:limit_restore()\n")
			     : buf_printf(out, "    t:limit_fds(%u)\n    strained = true\n", move->a % 4u);
}

static int act(const struct schedule *schedule, const struct move *move, struct buf *out)
{
	static const char *const acts[MOVES] = {
	    [MOVE_STALL] = "stall",	      [MOVE_RESUME] = "resume", [MOVE_FIN] = "fin",
	    [MOVE_HALF_CLOSE] = "half_close", [MOVE_RST] = "reset",	[MOVE_CLOSE_UNREAD] = "close_unread",
	    [MOVE_VANISH] = "vanish",	      [MOVE_OOB] = "oob",
	};
	/* In rounds all must be able to know that their peers are gone. */
	enum move_what what = schedule->rounds && move->what == MOVE_VANISH ? MOVE_FIN : move->what;

	return buf_printf(out, "    there(%u, \"%s\")\n%s", move->peer, acts[what],
			  what == MOVE_OOB ? "    strained = true\n" : "");
}

/* What no machine does on demand is said; where the same may come about by itself the scenario goes on. */
static int told_only(const struct move *move, struct buf *out)
{
	static const char *const orders[] = {"as it is", "reversed", "with the last first",
					     "with the first last"};

	if (move->what == MOVE_ORDER)
		return buf_printf(
		    out, "    -- Not to be had on a machine: from here on each batch of events is %s.\n",
		    orders[move->a % 4]);
	if (move->a % 4 == 0)
		return buf_puts(out, "    -- From here on batches of events are whole again.\n");
	return buf_printf(
	    out, "    -- Not to be had on a machine: from here on a wait returns at most %u events.\n",
	    move->a % 4u);
}

static int one_move(const struct schedule *schedule, const struct schedule_story *story,
		    const struct move *move, struct buf *out)
{
	char text[64];

	switch (move->what) {
	case MOVE_CONNECT:
		return buf_printf(out, "    peer(%u)\n", move->peer);
	case MOVE_REQUEST:
	case MOVE_PART:
	case MOVE_BURST:
		return ask(move, story, scale_of(schedule, story), out);
	case MOVE_STALL:
	case MOVE_RESUME:
	case MOVE_FIN:
	case MOVE_HALF_CLOSE:
	case MOVE_RST:
	case MOVE_CLOSE_UNREAD:
	case MOVE_VANISH:
	case MOVE_OOB:
		return act(schedule, move, out);
	case MOVE_FAULT:
		return buf_printf(out, "    faults[#faults + 1], strained = t:fault(\"%s\"), true\n",
				  move_fault(move, text, sizeof text));
	case MOVE_LIMIT:
		return limit(move, out);
	case MOVE_TIME:
		return buf_printf(out, "    t:wait(%g)\n", (double)move_ms(move, story->simulated) / 1000);
	case MOVE_CANARY:
		return buf_puts(out, "    t:until_served()\n");
	case MOVE_ANSWER:
		return buf_printf(out, "    answers(%u)\n", move->peer);
	case MOVE_ORDER:
	case MOVE_BATCH:
		return told_only(move, out);
	case MOVE_STOP:
	case MOVES:
		break;
	}
	return 0;
}

/* Whether the server gets its turn behind a move. */
static bool lets_go_on(const struct move *move, bool stopped)
{
	return !move->merge && !stopped && move->what != MOVE_TIME && move->what != MOVE_ORDER &&
	       move->what != MOVE_BATCH;
}

static int all_moves(const struct schedule *schedule, const struct schedule_story *story, struct buf *out)
{
	bool stopped = false;
	int r = 0;

	for (size_t at = 0; at < schedule->count && r == 0; at++) {
		struct move move = schedule_move(schedule, at);
		/* While it is stopped nobody waits for the server. */
		if (stopped && (move.what == MOVE_CANARY || move.what == MOVE_ANSWER))
			continue;
		if (move.what == MOVE_STOP && !story->simulated) {
			stopped = !stopped;
			r = buf_printf(out, "    t:signal(\"%s\")\n", stopped ? "STOP" : "CONT");
		} else {
			r = one_move(schedule, story, &move, out);
		}
		if (r == 0 && lets_go_on(&move, stopped))
			r = buf_puts(out, "    t:until_settled()\n");
	}
	return r == 0 && stopped ? buf_puts(out, "    t:signal(\"CONT\")\n") : r;
}

static int head(const struct schedule *schedule, const struct schedule_story *story, const char *name,
		struct buf *out)
{
	int r = buf_printf(out,
			   "-- SPDX-License-Identifier: MIT\n"
			   "-- Found %s: %s\n"
			   "-- wringer run %s.lua --protocol %s -- SERVER\n"
			   "return scenario {\n"
			   "  \"%s\",\n"
			   "  doc = \"a schedule of the fuzzer that breaks %s\",\n"
			   "  needs = { \"protocol\", \"inject\" },\n",
			   story->simulated ? "in the simulation" : "by wringer fuzz", story->message, name,
			   story->protocol, name, story->rule);

	if (r == 0 && (!story->simulated || schedule->buffer < 262144))
		r = buf_printf(out,
			       "  knobs = { [\"net/ipv4/tcp_wmem\"] = \"4096 16384 %u\", "
			       "[\"net/ipv4/tcp_rmem\"] = \"4096 16384 %u\" },\n",
			       story->simulated ? 65536 : SCHEDULE_LIVE_BUFFER,
			       story->simulated ? 65536 : SCHEDULE_LIVE_BUFFER);
	return r;
}

int schedule_lua(const struct schedule *schedule, const struct schedule_story *story, const char *name,
		 struct buf *out)
{
	bool rounds = schedule->rounds && story->simulated;
	int r = head(schedule, story, name, out);

	r = r ? r : buf_puts(out, prologue);
	if (r == 0 && rounds)
		r = buf_puts(out, "    for round = 0, 4 do\n");
	r = r ? r : all_moves(schedule, story, out);
	r = r ? r : buf_puts(out, "    for i in pairs(peers) do answers(i) end\n");
	if (r == 0 && !rounds)
		r = buf_puts(out, "    t:until_served()\n");
	r = r ? r : buf_puts(out, "    for _, fault in ipairs(faults) do fault:lift() end\n");
	if (r == 0 && rounds)
		r = buf_puts(out, "    faults = {}\n"
				  "    for i in pairs(peers) do there(i, \"fin\") end\n"
				  "    peers, rest = {}, {}\n"
				  "    t:wait(0.1)\n"
				  "    t:sample(round, 6)\n"
				  "    end\n");
	if (r == 0 && story->simulated && schedule->loaded && strcmp(story->rule, "shutdown-stuck") == 0)
		r = buf_puts(out, "    t:signal(\"TERM\")\n    t:until_gone { patience = 3 }\n");
	return r ? r : buf_puts(out, "  end,\n}\n");
}

/* Schedules that differ have different names, as far as 32 bits go. */
char *schedule_name(const struct schedule *schedule, const struct schedule_story *story, char *out,
		    size_t size)
{
	struct rng rng = {schedule->buffer};

	for (const char *at = story->protocol; *at; at++)
		rng.state = rng.state * 31 + (unsigned char)*at;
	for (size_t i = 0; i < schedule->count * MOVE_SIZE; i++) {
		rng.state ^= schedule->moves[i];
		rng.state = rng_next(&rng);
	}
	(void)snprintf(out, size, "fuzz-%.40s-%08" PRIx32, story->rule, (uint32_t)rng_next(&rng));
	return out;
}

static int write_new(const char *path, const void *bytes, size_t size)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (file < 0)
		return errno == EEXIST ? 0 : -errno;
	ssize_t written = write(file, bytes, size);
	int r = written == (ssize_t)size ? 0 : written < 0 ? -errno : -ENOSPC;
	if (close(file) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		(void)unlink(path); /* half a scenario is none */
	return r;
}

/* The schedule's own bytes: head and moves. */
static int write_bytes(const struct schedule *schedule, const char *path)
{
	uint8_t bytes[SCHEDULE_MOST] = {schedule->head};

	if (schedule->count)
		memcpy(bytes + SCHEDULE_HEAD, schedule->moves, schedule->count * MOVE_SIZE);
	return write_new(path, bytes, SCHEDULE_HEAD + schedule->count * MOVE_SIZE);
}

int schedule_write(const struct schedule *schedule, const struct schedule_story *story, const char *folder,
		   char *path, size_t size)
{
	struct buf text = {0};
	char name[SCHEDULE_NAME];
	int r = 0;

	(void)schedule_name(schedule, story, name, sizeof name);
	(void)snprintf(path, size, "%s/%s", folder, name);
	if (story->simulated)
		r = write_bytes(schedule, path);
	(void)snprintf(path, size, "%s/%s.lua", folder, name);
	r = r ? r : schedule_lua(schedule, story, name, &text);
	r = r ? r : write_new(path, text.data, text.size);
	buf_free(&text);
	return r;
}
