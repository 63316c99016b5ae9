/* SPDX-License-Identifier: MIT */
#include "run/measures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/histogram.h"

#define MASKS_MOST 64

/* A mask as reported; whose it is may only be known later, when the peer's own record has been read. */
struct seen_mask {
	uint64_t at;
	const struct file *file;
	int32_t fd;
	uint32_t events;
};

/* Last PROBE_PROCESS of one process. */
struct process_probe {
	int32_t pid;
	uint64_t cpu, fds, at;
};

struct measures {
	struct histogram base, fault; /* latencies of the canary */
	struct seen_mask *masks;
	size_t mask_count, mask_capacity;
	struct process_probe *probes;
	size_t probe_count, probe_capacity;
	int64_t fds_before, fds_after;
	uint64_t waits, calls, delivered;
};

struct measures *measures_new(void)
{
	struct measures *measures = calloc(1, sizeof(*measures));

	if (measures)
		measures->fds_before = measures->fds_after = -1;
	return measures;
}

static double percentile_ms(const struct histogram *latencies, uint32_t percent)
{
	return (double)histogram_at(latencies, percent * 10000) / (double)NS_PER_MS;
}

static bool mask_known(const struct measures *measures, const struct file *file, uint32_t events)
{
	for (size_t i = 0; i < measures->mask_count; i++) {
		if (measures->masks[i].file == file && measures->masks[i].events == events)
			return true;
	}
	return false;
}

/* What was reported for connections; canaries fall out at the end, when every connection is known to be
 * someone's. */
static int note_masks(struct measures *measures, const struct world *world)
{
	const struct touch *touch = world_touch(world);
	bool full = measures->mask_count >= (size_t)MASKS_MOST * 4;

	/* an unknown one may turn out a canary, so there is room for more than will be shown */
	for (uint32_t i = 0; i < touch->report_count && !full; i++) {
		const struct report *report = &touch->reports[i];
		const struct peer_view *peer;
		struct seen_mask *grown;

		if (!report->file || report->file->kind != FILE_CONN || report->events == 0)
			continue;
		peer = report->file->peer >= 0 ? world_peer(world, report->file->peer) : NULL;
		if ((peer && peer->canary) || mask_known(measures, report->file, report->events))
			continue;
		grown = array_grow(measures->masks, measures->mask_count, &measures->mask_capacity,
				   sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		measures->masks = grown;
		file_hold(report->file);
		grown[measures->mask_count++] = (struct seen_mask){
		    .at = world_now(world),
		    .file = report->file,
		    .fd = report->reg ? report->reg->fd : report->file->fd,
		    .events = report->events,
		};
		full = measures->mask_count >= (size_t)MASKS_MOST * 4;
	}
	return 0;
}

static struct process_probe *probe_of(struct measures *measures, int32_t pid)
{
	struct process_probe *grown;

	for (size_t i = 0; i < measures->probe_count; i++) {
		if (measures->probes[i].pid == pid)
			return &measures->probes[i];
	}
	grown =
	    array_grow(measures->probes, measures->probe_count, &measures->probe_capacity, sizeof(*grown));
	if (!grown)
		return NULL;
	measures->probes = grown;
	memset(&grown[measures->probe_count], 0, sizeof(*grown));
	grown[measures->probe_count].pid = pid;
	return &grown[measures->probe_count++];
}

/* The fds of all processes probed in this phase. */
static int64_t probed_fds(const struct measures *measures, uint64_t since)
{
	int64_t sum = 0;

	for (size_t i = 0; i < measures->probe_count; i++) {
		if (measures->probes[i].at >= since)
			sum += (int64_t)measures->probes[i].fds;
	}
	return sum;
}

static int note_process(struct measures *measures, const struct world *world, const struct event *event)
{
	struct process_probe *probe = probe_of(measures, event->pid);
	enum mark phase = world_phase(world);
	uint64_t since = world_phase_since(world);

	if (!probe)
		return -ENOMEM;
	probe->cpu = event->arg[1] > probe->cpu ? event->arg[1] : probe->cpu;
	probe->fds = event->arg[0];
	probe->at = event->at;
	if (phase == MARK_BASE)
		measures->fds_before = probed_fds(measures, since);
	else if (phase == MARK_RECOVERY)
		measures->fds_after = probed_fds(measures, since);
	return 0;
}

static void note_peer(struct measures *measures, const struct world *world, const struct event *event)
{
	enum mark phase = world_phase(world);

	if (event->what != PEER_ANSWER || !(event->flags & EVF_CANARY))
		return;
	if (phase == MARK_BASE)
		histogram_add(&measures->base, event->arg[2]);
	if (phase == MARK_FAULT || phase == MARK_SETTLE)
		histogram_add(&measures->fault, event->arg[2]);
}

int measures_event(struct measures *measures, const struct world *world, const struct event *event)
{
	if (event->kind == EV_PEER)
		note_peer(measures, world, event);
	if (event->kind == EV_FAULT && event->what == FAULT_DELIVERED)
		measures->delivered++;
	if (event->kind == EV_PROBE && event->what == PROBE_PROCESS)
		return note_process(measures, world, event);
	if (event->kind != EV_CALL)
		return 0;
	measures->calls++;
	if (event->what == CALL_epoll_wait || event->what == CALL_epoll_pwait ||
	    event->what == CALL_epoll_pwait2)
		measures->waits++;
	return call_class((enum call)event->what) == CLASS_WAIT ? note_masks(measures, world) : 0;
}

static int fill_masks(const struct measures *measures, const struct world *world, struct result *result)
{
	struct result_mask *masks = calloc(MASKS_MOST, sizeof(*masks));
	size_t count = 0;

	if (!masks)
		return -ENOMEM;
	for (size_t i = 0; i < measures->mask_count && count < MASKS_MOST; i++) {
		const struct seen_mask *seen = &measures->masks[i];
		const struct peer_view *peer =
		    seen->file->peer >= 0 ? world_peer(world, seen->file->peer) : NULL;

		if (!peer || peer->canary)
			continue;
		masks[count].at = seen->at;
		masks[count].fd = seen->fd;
		masks[count].events = seen->events;
		result_text(masks[count].peer, sizeof(masks[count].peer), peer->name);
		count++;
	}
	free(result->masks);
	result->masks = masks;
	result->mask_count = count;
	return 0;
}

int measures_finish(struct measures *measures, const struct world *world, struct result *result)
{
	struct result_measures *out = &result->measures;
	uint64_t cpu = 0;

	for (size_t i = 0; i < measures->probe_count; i++)
		cpu += measures->probes[i].cpu;
	out->cpu_seconds = clock_seconds(cpu);
	out->base_p99_ms = percentile_ms(&measures->base, 99);
	out->canary_p50_ms = percentile_ms(&measures->fault, 50);
	out->canary_p99_ms = percentile_ms(&measures->fault, 99);
	out->fds_before = measures->fds_before;
	out->fds_after = measures->fds_after;
	out->epoll_waits = measures->waits;
	out->calls = measures->calls;
	out->faults_delivered = measures->delivered;
	return fill_masks(measures, world, result);
}

void measures_free(struct measures *measures)
{
	if (!measures)
		return;
	free(measures->masks);
	free(measures->probes);
	free(measures);
}
