/* SPDX-License-Identifier: MIT */
#include "fuzz/server/lua.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/rng.h"

#define LUA_BUFFER 1048576u

/* What every scenario begins with: peers by number, made when they are first needed. */
static const char prologue[] = "  run = function(t)\n"
			       "    local peers, faults = {}, {}\n"
			       "    local function peer(i)\n"
			       "      if not peers[i] or not peers[i]:alive() then\n"
			       "        peers[i] = t:open()\n"
			       "        t:until_connected(peers[i])\n"
			       "      end\n"
			       "      return peers[i]\n"
			       "    end\n"
			       "    local function there(i, act)\n"
			       "      if peers[i] and peers[i]:alive() then peers[i]:try(act) end\n"
			       "    end\n"
			       "    -- What of a request was begun is sent to its end by the next one.\n"
			       "    local rest = {}\n"
			       "    local function ask(i, bytes, most)\n"
			       "      local p = peer(i)\n"
			       "      local text = rest[p] or t.protocol.request { big = bytes }\n"
			       "      p:try(\"send\", text:sub(1, most))\n"
			       "      rest[p] = most and #text > most and text:sub(most + 1) or nil\n"
			       "    end\n";

static int ask(const struct step *step, size_t buffer, struct buf *out)
{
	unsigned times = step->what == STEP_BURST ? 2u << step->a % 8 : 1;
	uint32_t bytes = step_bytes(step->b);
	char big[24] = "nil", most[24] = "";

	/* The kernel's buffers are larger than ours: what blocks here is to block there. */
	if (bytes)
		(void)snprintf(big, sizeof big, "%" PRIu32, bytes * (uint32_t)(LUA_BUFFER / buffer));
	if (step->what == STEP_PART)
		(void)snprintf(most, sizeof most, ", %u", 1u << step->a % 8);
	if (times > 1)
		return buf_printf(out, "    for _ = 1, %u do ask(%u, %s) end\n", times, step->peer, big);
	return buf_printf(out, "    ask(%u, %s%s)\n", step->peer, big, most);
}

static int limit(const struct step *step, struct buf *out)
{
	return step->a & 128 ? buf_puts(out, "    t:limit_restore()\n")
			     : buf_printf(out, "    t:limit_fds(%u)\n", step->a % 4u);
}

static int one_step(const struct script *script, const struct step *step, struct buf *out)
{
	static const char *const acts[STEPS] = {
	    [STEP_STALL] = "stall",
	    [STEP_RESUME] = "resume",
	    [STEP_FIN] = "fin",
	    [STEP_HALF_CLOSE] = "half_close",
	    [STEP_RST] = "reset",
	    [STEP_VANISH] = "vanish",
	    [STEP_CLOSE_UNREAD] = "close_unread",
	};
	char text[64];

	switch (step->what) {
	case STEP_CONNECT:
		return buf_printf(out, "    peer(%u)\n", step->peer);
	case STEP_REQUEST:
	case STEP_PART:
	case STEP_BURST:
		return ask(step, script->buffer, out);
	case STEP_STALL:
	case STEP_RESUME:
	case STEP_FIN:
	case STEP_HALF_CLOSE:
	case STEP_RST:
	case STEP_CLOSE_UNREAD:
	case STEP_VANISH:
		return buf_printf(out, "    there(%u, \"%s\")\n", step->peer,
				  script->rounds && step->what == STEP_VANISH ? "fin" : acts[step->what]);
	case STEP_FAULT:
		return buf_printf(out, "    faults[#faults + 1] = t:fault(\"%s\")\n",
				  step_fault(step, text, sizeof text));
	case STEP_LIMIT:
		return limit(step, out);
	case STEP_TIME:
		return buf_printf(out, "    t:wait(%g)\n", (double)(1u << step->a % 16) / 1000);
	case STEP_CANARY:
		return buf_puts(out, "    t:until_served()\n");
	case STEPS:
		break;
	}
	return 0;
}

int lua_scenario(const struct script *script, const char *name, const char *rule, const char *message,
		 struct buf *out)
{
	int r = buf_printf(out,
			   "-- SPDX-License-Identifier: MIT\n"
			   "-- Found in the simulation: %s\n"
			   "-- wringer run %s.lua --protocol %s -- SERVER\n"
			   "return scenario {\n"
			   "  \"%s\",\n"
			   "  doc = \"a script of the fuzzer that breaks %s\",\n"
			   "  needs = { \"protocol\", \"inject\" },\n",
			   message, name, script->http ? "http" : "echo", name, rule);
	if (r == 0 && script->buffer < 262144)
		r = buf_puts(out, "  knobs = { [\"net/ipv4/tcp_wmem\"] = \"4096 16384 65536\", "
				  "[\"net/ipv4/tcp_rmem\"] = \"4096 16384 65536\" },\n");
	r = r ? r : buf_puts(out, prologue);
	if (r == 0 && script->rounds)
		r = buf_puts(out, "    for round = 0, 4 do\n");
	for (size_t at = 0; at < script->count && r == 0; at++) {
		struct step step = script_step(script, at);
		r = one_step(script, &step, out);
		/* Where no merge was meant the server gets its turn, but not so long that its timers do. */
		if (r == 0 && !step.merge && step.what != STEP_TIME)
			r = buf_puts(out, "    t:wait(0.002)\n");
	}
	if (r == 0 && !script->rounds)
		r = buf_puts(out, "    t:until_served()\n");
	r = r ? r : buf_puts(out, "    for _, fault in ipairs(faults) do fault:lift() end\n");
	if (r == 0 && script->rounds)
		r = buf_puts(out, "    faults = {}\n"
				  "    for i in pairs(peers) do there(i, \"fin\") end\n"
				  "    peers, rest = {}, {}\n"
				  "    t:wait(0.1)\n"
				  "    t:sample(round, 6)\n"
				  "    end\n");
	if (r == 0 && script->loaded && strcmp(rule, "shutdown-stuck") == 0)
		r = buf_puts(out, "    t:signal(\"TERM\")\n    t:until_gone { patience = 3 }\n");
	return r ? r : buf_puts(out, "  end,\n}\n");
}

/* Scripts that differ have different names, as far as 32 bits go. */
static uint32_t hash_of(const struct script *script)
{
	struct rng rng = {script->http + script->buffer};

	for (size_t i = 0; i < script->count * STEP_SIZE; i++) {
		rng.state ^= script->steps[i];
		rng.state = rng_next(&rng);
	}
	return (uint32_t)rng_next(&rng);
}

static bool write_new(const char *path, const void *bytes, size_t size)
{
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (file < 0)
		return errno == EEXIST;
	bool whole = write(file, bytes, size) == (ssize_t)size;
	(void)close(file);
	return whole;
}

/* The script's own bytes: head and steps. */
static bool write_bytes(const struct script *script, const char *path)
{
	uint8_t bytes[SCRIPT_MOST] = {script->head};

	if (script->count)
		memcpy(bytes + SCRIPT_HEAD, script->steps, script->count * STEP_SIZE);
	return write_new(path, bytes, SCRIPT_HEAD + script->count * STEP_SIZE);
}

bool lua_write(const struct script *script, const char *folder, const char *rule, const char *message,
	       char *path, size_t size)
{
	struct buf text = {0};
	char name[64];

	(void)snprintf(name, sizeof name, "fuzz-%.40s-%08" PRIx32, rule, hash_of(script));
	(void)snprintf(path, size, "%s/%s", folder, name);
	bool there = write_bytes(script, path);
	(void)snprintf(path, size, "%s/%s.lua", folder, name);
	there = there && lua_scenario(script, name, rule, message, &text) == 0 &&
		write_new(path, text.data, text.size);
	buf_free(&text);
	return there;
}
