/* SPDX-License-Identifier: MIT */
#include "cli/show.h"

#include <errno.h>
#include "base/clock.h"
#include "journal/journal.h"
#include "model/world.h"

struct showing {
	struct world *world; /* knows which fd is which peer's */
	FILE *out;
};

static const char *side_of(const struct event *event)
{
	switch ((enum event_kind)event->kind) {
	case EV_META:
	case EV_MARK:
		return "wringer";
	case EV_ENTER:
	case EV_CALL:
	case EV_PROC:
		return "target";
	case EV_RING:
		return event->what == RING_COMPLETE ? "kernel" : "target";
	case EV_FAULT:
		return "fault";
	case EV_PEER:
		return "peer";
	case EV_PROBE:
		return "probe";
	case EV_FOUND:
		return "found";
	case EV_KINDS:
		break;
	}
	return "?";
}

static void print_peer(FILE *out, const struct world *world, int32_t peer, const char *form)
{
	const struct peer_view *view = peer >= 0 ? world_peer(world, peer) : NULL;

	if (view && view->name[0])
		(void)fprintf(out, form, view->name);
}

/* "(c3)" behind what the target did; for a wait, the peers it was told about. */
static void print_about(const struct showing *showing, const struct touch *touch)
{
	if (touch->file)
		print_peer(showing->out, showing->world, touch->file->peer, "  (%s)");
	if (touch->made && touch->made != touch->file)
		print_peer(showing->out, showing->world, touch->made->peer, "  (%s)");
	for (uint32_t i = 0; i < touch->report_count && i < 8; i++)
		if (touch->reports[i].file)
			print_peer(showing->out, showing->world, touch->reports[i].file->peer, "  (%s)");
}

static int show_event(void *arg, const struct event *event)
{
	const struct showing *showing = arg;
	char text[512];
	int r = world_apply(showing->world, event);

	if (r < 0)
		return r;
	(void)fprintf(showing->out, "%9.4f %-7s ", clock_seconds(event->at), side_of(event));
	if (event->tid)
		(void)fprintf(showing->out, "%d ", event->tid);
	if (event->kind == EV_PEER)
		print_peer(showing->out, showing->world, event->peer, "%s ");
	(void)fputs(event_text(event, text, sizeof text), showing->out);
	if (event->kind == EV_CALL || event->kind == EV_RING)
		print_about(showing, world_touch(showing->world));
	(void)fputc('\n', showing->out);
	/* Nobody reads any more: a long journal need not be read to its end. */
	return ferror(showing->out) ? -EPIPE : 0;
}

int show_journal(const char *path, FILE *out, struct error *error)
{
	struct showing showing = {world_new(), out};
	bool whole = true;

	if (!showing.world)
		return error_set(error, -ENOMEM, "out of memory");
	int r = journal_read(path, show_event, &showing, &whole, error);
	if (r == 0 && !whole)
		(void)fprintf(out, "(the journal has no end: the harness died while it was written)\n");
	world_free(showing.world);
	return r == -EPIPE && ferror(out) ? 0 : r;
}
