/* SPDX-License-Identifier: MIT */
#include "rules/rule.h"

#include <string.h>

const char *severity_name(enum severity severity)
{
	switch (severity) {
	case SEVERITY_INFO:
		return "info";
	case SEVERITY_WARNING:
		return "warning";
	case SEVERITY_ERROR:
		return "error";
	}
	return "unknown";
}

struct finding finding_make(const struct judge *judge, const struct rule *rule)
{
	const struct world *world = judge_world(judge);
	const struct touch *touch = world_touch(world);
	uint64_t now = world_now(world);
	struct finding finding = {
	    .rule = rule,
	    .severity = rule->severity,
	    .fd = -1,
	    .peer = -1,
	    .at = now,
	    .from = now,
	    .to = now,
	    .count = 1,
	};

	if (touch && touch->process)
		finding.pid = touch->process->pid;
	if (touch && touch->thread)
		finding.tid = touch->thread->tid;
	return finding;
}

void finding_of_peer(struct finding *finding, const struct peer_view *peer)
{
	finding->peer = peer ? peer->id : -1;
	if (peer)
		memcpy(finding->name, peer->name, sizeof(finding->name));
	else
		finding->name[0] = '\0';
}

void finding_about(struct finding *finding, const struct judge *judge, const struct file *file)
{
	const struct world *world = judge_world(judge);

	finding->file = file->id;
	finding_of_peer(finding, file->peer >= 0 ? world_peer(world, file->peer) : NULL);
	/* The number it was born under is what the target's own log says, as long as it still leads there. */
	if (world_file(world, file->pid, file->fd) != file &&
	    world_locate(world, file, &finding->pid, &finding->fd) == 0)
		return;
	finding->pid = file->pid;
	finding->fd = file->fd;
}
