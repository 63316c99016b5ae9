/* SPDX-License-Identifier: MIT */
/* Memory that grows with what a peer does not read. */
#include <stdio.h>
#include <stdlib.h>
#include "rules/facts.h"
#include "rules/families.h"
#include "rules/limits.h"

static const struct rule rules[] = {
    {
	.id = "unbounded-buffer",
	.severity = SEVERITY_WARNING,
	.doc = "memory grows with what a peer asks for and does not read",
	.why =
	    "Whoever reads on from a peer that takes nothing keeps what it owes in memory. One client that "
	    "sends and never reads then decides how much memory the server has, and the kernel ends the "
	    "server when there is none left.",
	.how =
	    "Resident memory of all processes is taken while nobody stalls, after a peer that reads has "
	    "asked for as much (so pools, caches and a lazy collector have had their share), and again "
	    "while a peer that stopped reading is owed answers. 4 MiB more are a warning, 64 MiB an error. "
	    "How much a scenario asks for is what bounds the growth: a limit above that is not seen, and "
	    "one below 4 MiB is not meant.",
	.mend = "Stop reading from a connection (drop EPOLLIN) while what it is owed exceeds a bound, and go "
		"on when that has been written. Or close it: a configured limit is an answer too.",
	.seen = "redis 7fe8d49a7",
    },
};

struct memory {
	const struct facts *facts; /* first: facts_begin */
	struct map resident;	   /* pid -> bytes, as a pointer */
	struct map stalled;	   /* peers that do not read, peer + 1 -> themselves */
	uint64_t calm;		   /* resident bytes when last nobody stalled, 0 unknown */
	uint64_t calm_at;
	uint64_t most, most_at;
	struct peer_view *peer; /* one that stalled then; held */
	size_t stalling;
};

static int follow_peer(struct memory *memory, struct peer_view *peer, const struct event *event)
{
	uint64_t key = (uint64_t)event->peer + 1;
	bool stalls = event->what == PEER_STALL && event->arg[0];
	bool ends = (event->what == PEER_STALL && !event->arg[0]) || event->what == PEER_GONE;

	if (ends && map_remove(&memory->stalled, key))
		memory->stalling--;
	if (!stalls || map_get(&memory->stalled, key))
		return 0;
	memory->stalling++;
	view_drop(memory->peer);
	view_hold(peer);
	memory->peer = peer;
	return map_put(&memory->stalled, key, memory);
}

static uint64_t total(const struct memory *memory)
{
	uint64_t bytes = 0;
	size_t at = 0;
	void *resident;

	while ((resident = map_next(&memory->resident, &at, NULL)))
		bytes += (uintptr_t)resident;
	return bytes;
}

static int follow_probe(struct memory *memory, const struct event *event)
{
	int r = event->arg[2]
		    ? map_put(&memory->resident, (uint32_t)event->pid, (void *)(uintptr_t)event->arg[2])
		    : 0;
	uint64_t now = total(memory);

	if (r < 0)
		return r;
	/* Processes are probed one after the other: while nobody stalls the last word counts. */
	if (!memory->stalling) {
		memory->calm = now;
		memory->calm_at = event->at;
	} else if (memory->calm && now > memory->calm + memory->most) {
		memory->most = now - memory->calm;
		memory->most_at = event->at;
	}
	return 0;
}

static int memory_event(struct judge *judge, void *state, const struct event *event)
{
	struct memory *memory = state;

	if (memory->facts->hand.stop_asked)
		return 0;
	if (event->kind == EV_PEER)
		return follow_peer(memory, world_touch(judge_world(judge))->peer, event);
	if (event->kind == EV_PROC && event->what == PROC_EXIT && event->arg[0])
		(void)map_remove(&memory->resident, (uint32_t)event->pid);
	/* Only the scenario knows when the two can be compared. */
	if (event->kind != EV_PROBE || event->what != PROBE_PROCESS ||
	    world_phase(judge_world(judge)) != MARK_FAULT)
		return 0;
	return follow_probe(memory, event);
}

static int memory_finish(struct judge *judge, void *state)
{
	const struct memory *memory = state;
	const struct peer_view *peer = memory->peer;
	struct finding finding;
	char who[FACTS_WHO];

	if (memory->most < LIMIT_BUFFER_WARNING || !peer)
		return 0;
	finding = finding_make(judge, &rules[0]);
	finding.severity = memory->most >= LIMIT_BUFFER_ERROR ? SEVERITY_ERROR : SEVERITY_WARNING;
	finding_of_peer(&finding, peer);
	if (peer->conn)
		finding_about(&finding, judge, peer->conn);
	finding.at = memory->most_at;
	finding.from = memory->calm_at;
	finding.to = memory->most_at;
	finding.count = memory->most;
	(void)snprintf(
	    finding.message, sizeof(finding.message),
	    "%s does not read: resident memory grew by %.1f MiB (from %.1f) while it asked for more",
	    facts_who(&finding, who, sizeof(who)), (double)memory->most / 1048576,
	    (double)memory->calm / 1048576);
	return judge_report(judge, &finding);
}

static void memory_release(void *state)
{
	struct memory *memory = state;

	map_free(&memory->resident);
	map_free(&memory->stalled);
}

static bool memory_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->crowd && contents->resident < LIMIT_BUFFER_WARNING;
}

const struct rule_family memory_family = {
    .name = "memory",
    .rules = rules,
    .rule_count = sizeof(rules) / sizeof(*rules),
    .state_size = sizeof(struct memory),
    .silent = memory_silent,
    .begin = facts_begin,
    .kinds = KIND(EV_PEER) | KIND(EV_PROC) | KIND(EV_PROBE),
    .event = memory_event,
    .finish = memory_finish,
    .release = memory_release,
};
