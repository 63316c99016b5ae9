/* SPDX-License-Identifier: MIT */
/*
 * Evidence: the journal is read twice, in bounded memory. The first pass learns which peer a finding's file
 * belongs to (an accept may stand in the journal before the record that names its peer); the second one
 * collects the lines.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/names.h"
#include "journal/journal.h"
#include "rules/judge.h"
#include "rules/strand.h"

/* A sleep this long is part of the story of a finding about a thread that does nothing. */
#define EVIDENCE_NAP (250 * NS_PER_MS)

/* A finding with a stretch this long is proved by it; what its thread did long before is another story. */
#define EVIDENCE_STRETCH (100 * NS_PER_MS)
#define EVIDENCE_RUN_UP	 (10 * NS_PER_MS)

/* One finding and what is collected for it. */
struct plea {
	const struct finding *finding;
	int32_t peer;  /* -1 none */
	uint64_t file; /* 0 none */
	struct strand *strand;
	uint64_t asleep; /* when its thread went to wait, 0 when it runs */
	struct event sleep;
};

struct court {
	struct world *world;
	struct plea *pleas;
	size_t count;
};

static bool is_about_thread(const struct plea *plea)
{
	return !plea->file && plea->peer < 0;
}

static bool is_its_thread(const struct plea *plea, const struct event *event)
{
	const struct finding *finding = plea->finding;

	return finding->tid ? event->tid == finding->tid : finding->pid && event->pid == finding->pid;
}

/* What `call` and `text` say of an event, but for wait calls, which are told fd by fd. */
static void tell(struct plea *plea, const struct event *event, char side, const char *call)
{
	struct evidence line = {.at = event->at, .side = side};

	snprintf(line.call, sizeof(line.call), "%s", call);
	(void)event_text(event, line.text, sizeof(line.text));
	strand_add(plea->strand, &line);
}

static void tell_peer(struct court *court, struct plea *plea, const struct event *event)
{
	const struct peer_view *peer = world_touch(court->world)->peer;
	struct evidence line = {.at = event->at, .side = 'p'};
	char text[160];

	if (plea->peer < 0 || event->peer != plea->peer)
		return;
	snprintf(line.call, sizeof(line.call), "%s", peer ? peer->name : "peer");
	snprintf(line.text, sizeof(line.text), "%s %s", line.call, event_text(event, text, sizeof(text)));
	strand_add(plea->strand, &line);
}

static void tell_reports(struct court *court, struct plea *plea, const struct event *event)
{
	const struct touch *touch = world_touch(court->world);

	for (uint32_t i = 0; i < touch->report_count; i++) {
		const struct report *report = &touch->reports[i];
		struct evidence line = {.at = event->at, .side = 'k'};
		char mask[MASK_TEXT];
		int32_t fd;

		if (!report->file || report->file->id != plea->file)
			continue;
		fd = report->reg ? report->reg->fd : report->file->fd;
		snprintf(line.call, sizeof(line.call), "%s", call_name((enum call)event->what));
		snprintf(line.text, sizeof(line.text), "fd %d: %s%s", fd,
			 mask_short(report->events, mask, sizeof(mask)),
			 event->flags & EVF_INJECTED ? " (injected)" : "");
		strand_add(plea->strand, &line);
	}
}

static bool touches(const struct world *world, const struct plea *plea, const struct event *event)
{
	const struct touch *touch = world_touch(world);
	const struct file *source;

	if (!plea->file)
		return false;
	if ((touch->file && touch->file->id == plea->file) || (touch->made && touch->made->id == plea->file))
		return true;
	/* Its number leads to no file any more. */
	if (event->kind == EV_CALL && event->ret == -EBADF && event->at >= plea->finding->from)
		return event->pid == plea->finding->pid && event->fd == plea->finding->fd;
	if (event->kind != EV_CALL || (event->what != CALL_splice && event->what != CALL_sendfile))
		return false;
	source = world_file(world, event->pid, (int32_t)event->arg[2]);
	return source && source->id == plea->file;
}

static void tell_call(struct court *court, struct plea *plea, const struct event *event)
{
	const char *call = call_name((enum call)event->what);
	bool waits = call_class((enum call)event->what) == CLASS_WAIT;
	bool mine = is_about_thread(plea) && is_its_thread(plea, event);

	if (mine || (!waits && touches(court->world, plea, event)))
		tell(plea, event, 't', call);
	else if (waits)
		tell_reports(court, plea, event);
}

/* What happened to its process as a whole; a finding about nobody in particular takes every process's. */
static void tell_process(struct plea *plea, const struct event *event)
{
	static const char *const names[] = {
	    [PROC_START] = "start", [PROC_FORK] = "fork",     [PROC_EXEC] = "execve",
	    [PROC_EXIT] = "exit",   [PROC_SIGNAL] = "signal", [PROC_LOST] = "lost",
	};
	bool its = !plea->finding->pid || event->pid == plea->finding->pid;
	bool ends = event->what == PROC_EXIT || event->what == PROC_SIGNAL;

	if (its && event->what < sizeof(names) / sizeof(*names) && (ends || is_about_thread(plea)))
		tell(plea, event, 't', names[event->what]);
}

/* A socket's queues, a thread's CPU. */
static void tell_probe(struct court *court, struct plea *plea, const struct event *event)
{
	bool thread = event->what == PROBE_THREAD || event->what == PROBE_PROCESS;
	bool its =
	    thread ? is_about_thread(plea) && is_its_thread(plea, event) : touches(court->world, plea, event);

	if (its)
		tell(plea, event, 'k', "probe");
}

/* What is handed in is the target's doing, what comes back the kernel's. */
static void tell_ring(struct court *court, struct plea *plea, const struct event *event)
{
	if (touches(court->world, plea, event))
		tell(plea, event, event->what == RING_SUBMIT ? 't' : 'k', "io_uring");
}

static void tell_fault(struct plea *plea, const struct event *event)
{
	const struct finding *finding = plea->finding;
	bool other_process = event->pid && finding->pid && event->pid != finding->pid;
	bool other_fd = event->what == FAULT_DELIVERED && finding->fd >= 0 && event->fd != finding->fd;

	if (!other_process && !other_fd)
		tell(plea, event, 'f', "fault");
}

static void tell_mark(struct plea *plea, const struct event *event)
{
	if (event->what != MARK_SAMPLE || !plea->file)
		tell(plea, event, 'm', "mark");
}

static void sleep_begin(struct plea *plea, const struct event *event)
{
	if (is_about_thread(plea) || !is_its_thread(plea, event))
		return;
	plea->asleep = event->at;
	plea->sleep = *event;
	plea->sleep.data = NULL;
	plea->sleep.size = 0;
}

/* A sleep is told when it is over: only then is it known to be a long one. */
static void sleep_end(struct plea *plea, uint64_t until)
{
	struct evidence line = {.at = plea->asleep, .side = 't'};
	char text[120];

	plea->asleep = 0;
	if (!line.at || until < line.at + EVIDENCE_NAP)
		return;
	snprintf(line.call, sizeof(line.call), "%s", call_name((enum call)plea->sleep.what));
	snprintf(line.text, sizeof(line.text), "%s asleep for %.2f s",
		 event_text(&plea->sleep, text, sizeof(text)), clock_seconds(until - line.at));
	strand_add(plea->strand, &line);
}

static void plea_hear(struct court *court, struct plea *plea, const struct event *event)
{
	switch ((enum event_kind)event->kind) {
	case EV_PEER:
		tell_peer(court, plea, event);
		break;
	case EV_ENTER:
		sleep_begin(plea, event);
		break;
	case EV_CALL:
		if (plea->asleep && event->tid == plea->sleep.tid)
			sleep_end(plea, event->at);
		tell_call(court, plea, event);
		break;
	case EV_PROC:
		tell_process(plea, event);
		break;
	case EV_FAULT:
		tell_fault(plea, event);
		break;
	case EV_PROBE:
		tell_probe(court, plea, event);
		break;
	case EV_MARK:
		tell_mark(plea, event);
		break;
	case EV_RING:
		tell_ring(court, plea, event);
		break;
	case EV_META:
	case EV_FOUND:
	case EV_KINDS:
		break;
	}
}

static bool is_old(const struct plea *plea, uint64_t at)
{
	const struct finding *finding = plea->finding;

	return is_about_thread(plea) && finding->from + EVIDENCE_STRETCH <= finding->to &&
	       at + EVIDENCE_RUN_UP < finding->from;
}

/* First pass: only the world. */
static int learn(void *arg, const struct event *event)
{
	return world_apply(((struct court *)arg)->world, event);
}

/* Second pass. */
static int hear(void *arg, const struct event *event)
{
	struct court *court = arg;
	int r = world_apply(court->world, event);

	for (size_t i = 0; i < court->count && r == 0; i++) {
		if (event->at <= court->pleas[i].finding->to && !is_old(&court->pleas[i], event->at))
			plea_hear(court, &court->pleas[i], event);
	}
	return r;
}

/* Whose connection it was, by the last that is known of it. */
static void meet_file(void *arg, const struct file *file)
{
	struct court *court = arg;

	for (size_t i = 0; i < court->count; i++) {
		struct plea *plea = &court->pleas[i];
		if (plea->file == file->id && plea->peer < 0)
			plea->peer = file->peer;
	}
}

static void meet_peer(void *arg, const struct peer_view *peer)
{
	struct court *court = arg;

	for (size_t i = 0; i < court->count; i++) {
		struct plea *plea = &court->pleas[i];
		if (plea->peer == peer->id && !plea->file && peer->conn)
			plea->file = peer->conn->id;
	}
}

/* Those that are not forgotten at the first pass's end. */
static void meet_rest(struct court *court)
{
	const struct peer_view *peer;
	const struct file *file;
	size_t at = 0;

	while ((file = world_next_file(court->world, &at)))
		meet_file(court, file);
	for (at = 0; (peer = world_next_peer(court->world, &at));)
		meet_peer(court, peer);
}

static int read_pass(struct court *court, const char *path, journal_sink sink, bool learns,
		     struct error *error)
{
	const struct world_farewells farewells = {.file = meet_file, .peer = meet_peer, .arg = court};
	int r;

	court->world = world_new();
	if (!court->world)
		return error_set(error, -ENOMEM, "out of memory");
	world_forgets(court->world, learns ? &farewells : NULL);
	r = journal_read(path, sink, court, NULL, error);
	if (r == -ENOMEM)
		return error_set(error, r, "out of memory");
	return r;
}

static int court_open(struct court *court, const struct finding *findings, size_t count, size_t most)
{
	court->pleas = calloc(count ? count : 1, sizeof(*court->pleas));
	if (!court->pleas)
		return -ENOMEM;
	court->count = count;
	for (size_t i = 0; i < count; i++) {
		court->pleas[i] = (struct plea){
		    .finding = &findings[i],
		    .peer = findings[i].peer,
		    .file = findings[i].file,
		};
		/* A connection's story begins with its birth, a thread's is told by its last words. */
		court->pleas[i].strand = strand_new(most, is_about_thread(&court->pleas[i]) ? 0 : most / 3);
		if (!court->pleas[i].strand)
			return -ENOMEM;
	}
	return 0;
}

static void court_close(struct court *court)
{
	for (size_t i = 0; i < court->count; i++)
		strand_free(court->pleas[i].strand);
	free(court->pleas);
	world_free(court->world);
}

static int court_rule(struct court *court, struct evidence_list *ret_lists)
{
	int r = 0;

	for (size_t i = 0; i < court->count && r == 0; i++) {
		struct plea *plea = &court->pleas[i];

		sleep_end(plea, plea->finding->to);
		r = strand_finish(plea->strand, &ret_lists[i]);
	}
	for (size_t i = 0; r < 0 && i < court->count; i++)
		evidence_free(&ret_lists[i]);
	return r;
}

int evidence_collect(const char *path, const struct finding *findings, size_t count, size_t most,
		     struct evidence_list *ret_lists, struct error *error)
{
	struct court court = {0};
	int r = court_open(&court, findings, count, most);

	for (size_t i = 0; i < count; i++)
		ret_lists[i] = (struct evidence_list){0};
	if (r < 0)
		r = error_set(error, r, "out of memory");
	if (r == 0)
		r = read_pass(&court, path, learn, true, error);
	if (r == 0) {
		meet_rest(&court);
		world_free(court.world);
		court.world = NULL;
		r = read_pass(&court, path, hear, false, error);
	}
	if (r == 0 && court_rule(&court, ret_lists) < 0)
		r = error_set(error, -ENOMEM, "out of memory");
	court_close(&court);
	return r;
}

void evidence_free(struct evidence_list *list)
{
	free(list->lines);
	*list = (struct evidence_list){0};
}
