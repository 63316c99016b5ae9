/* SPDX-License-Identifier: MIT */
/*
 * Futile work: every wakeup leads to the same calls on the fd, they fail with the same errno, and the wakeup
 * comes again. The spin engine does not see these, because the fd is touched each time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/names.h"
#include "model/promise.h"
#include "rules/deed.h"
#include "rules/families.h"
#include "rules/limits.h"
#include "rules/spin.h"
#include "rules/track.h"
#include "rules/window.h"

static const struct rule futile_rules[] = {
    {
	.id = "futile-spin",
	.severity = SEVERITY_ERROR,
	.doc = "the same event leads to the same failing call over and over",
	.why = "The handler runs, its call fails, it returns to the loop as if the matter were settled, and "
	       "the event is "
	       "reported at once again. The fd is not ignored, but nothing will ever change: a core is spent "
	       "on one dead "
	       "connection, often with an error line in the log for every turn.",
	.how = "Between two reports of one registration (of one file with poll and select) the calls on that "
	       "fd failed, "
	       "the same calls with the same errnos as the time before, and nothing moved: 200 times within "
	       "a second. "
	       "A byte read or sent, a connection accepted by anyone, a changed interest end the row, so a "
	       "dripping "
	       "peer or a herd on a listener does not trip it; on a listener the same thread has to be the "
	       "one that "
	       "fails. EINTR, results that wringer injected, accepts without a free fd (accept-spin) and "
	       "reads of an "
	       "end of stream (eof-spin) are left to their own rules. Edge-triggered registrations count "
	       "only when the "
	       "target re-arms them itself.",
	.mend = "After an errno that will not go away (ECONNRESET, EPIPE, EBADF, EINVAL, ENOTCONN …) close "
		"the fd. After "
		"EAGAIN on an event that came with ERR or HUP close it as well; after EAGAIN otherwise look "
		"at which of the "
		"two directions was armed and which one was tried.",
	.seen = "mio PR #939; haproxy 95fad5ba4",
    },
};

/* What happened on the fd between two reports. */
struct round {
	uint64_t failures; /* a hash of the failing calls and their errnos in order, 0 none */
	uint32_t deeds;
	int32_t tid;
	enum call call; /* the last failure */
	int code;
};

struct futile {
	struct track track;
	struct file *file;
	bool seen;
	uint32_t armed, mask; /* at the last report */
	uint64_t reported;
	struct round round, last; /* since the last report, and before it */
	struct window window;
	uint64_t from, to, found, count;
	int32_t pid, tid;
};

struct futile_state {
	struct judge *judge;
	struct track_table table;
};

/* Ends the row: a finding, if it was long enough. */
static int futile_end(struct judge *judge, struct futile *futile)
{
	struct finding finding;
	char subject[64], mask[MASK_TEXT];
	const char *code = errno_name(futile->last.code);
	uint64_t found = futile->found, count = futile->count;

	futile->window = (struct window){0};
	futile->found = futile->count = 0;
	if (!found)
		return 0;
	finding = finding_make(judge, &futile_rules[0]);
	finding_about(&finding, judge, futile->file);
	finding.pid = futile->pid;
	finding.tid = futile->tid;
	finding.at = found;
	finding.from = futile->from;
	finding.to = futile->to;
	finding.count = count;
	snprintf(finding.message, sizeof(finding.message),
		 "%s: %s led to %s = %s %" PRIu64 " times in %.2f s, and nothing moved",
		 spin_subject(&finding, subject, sizeof(subject)),
		 mask_short(futile->mask, mask, sizeof(mask)), call_name(futile->last.call),
		 code ? code : "an error", count, clock_seconds(futile->to - futile->from));
	return judge_report(judge, &finding);
}

static int futile_ending(void *arg, struct track *track)
{
	return arg ? futile_end(arg, (struct futile *)track) : 0;
}

/* Errnos that say nothing about the fd, or that another rule counts. */
static bool is_own_matter(const struct event *event)
{
	if (event->ret == -EINTR || (event->flags & EVF_RESTART))
		return false;
	if (call_class((enum call)event->what) != CLASS_ACCEPT)
		return true;
	return event->ret != -EINVAL && !promise_is_shortage(event->ret);
}

static void round_note(struct round *round, const struct event *event, uint32_t deeds)
{
	round->deeds |= deeds;
	if (event->ret >= 0 || event->kind != EV_CALL || !is_own_matter(event))
		return;
	round->failures =
	    round->failures * 1099511628211ULL + ((uint64_t)event->what << 16) + (uint64_t)-event->ret;
	round->tid = event->tid;
	round->call = (enum call)event->what;
	round->code = (int)-event->ret;
}

/* Whether the round just over is the one before it once more. */
static bool futile_again(const struct futile *futile, const struct report *report)
{
	const struct round *now = &futile->round, *before = &futile->last;

	return now->failures == before->failures && futile->mask == report->events &&
	       (futile->file->kind != FILE_LISTENER || now->tid == before->tid);
}

static void futile_count(struct futile_state *state, struct futile *futile, const struct report *report)
{
	const struct world *world = judge_world(state->judge);
	uint64_t now = world_now(world);
	uint32_t recent = window_count(&futile->window, now, judge_window(state->judge, LIMIT_SPIN_WINDOW));

	if (!futile->count)
		futile->from = futile->reported;
	futile->to = now;
	futile->count++;
	futile->pid = world_touch(world)->process->pid;
	futile->tid = futile->round.tid;
	if (!futile->found && recent >= LIMIT_SPIN_COUNT && !spin_is_ambiguous(report->reg))
		futile->found = now;
}

/* The direction that was reported was not even tried: readable-spin and writable-spin say that better. */
static bool never_tried(uint32_t mask, uint32_t deeds)
{
	if (promise_tells_death(mask))
		return false;
	if (mask & EPOLLIN)
		return !(deeds & DEED_READ);
	return (mask & EPOLLOUT) && !(deeds & DEED_WRITE);
}

/* A report closes the round before it. */
static int futile_round(struct futile_state *state, struct futile *futile, const struct event *event,
			const struct report *report)
{
	struct round *round = &futile->round;
	int r = 0;

	if ((round->deeds & DEED_MOVES) || report->asked != futile->armed)
		return futile_end(state->judge, futile);
	if (!round->failures || (round->deeds & DEED_FAKE) || spin_is_eof(futile->file, report->events) ||
	    never_tried(report->events, round->deeds) || !spin_can_repeat(event, report->reg, round->deeds))
		return 0;
	if (!futile_again(futile, report))
		r = futile_end(state->judge, futile);
	futile->last = *round;
	futile_count(state, futile, report);
	return r;
}

static int futile_report(struct futile_state *state, const struct event *event, const struct report *report)
{
	struct futile *futile;
	int r = 0;

	if (!report->file)
		return 0;
	futile = (struct futile *)track_get(&state->table, report->file->id, spin_key(report, event),
					    sizeof(*futile));
	if (!futile)
		return -ENOMEM;
	futile->file = report->file;
	if (futile->seen)
		r = futile_round(state, futile, event, report);
	futile->seen = true;
	futile->armed = report->asked;
	futile->mask = report->events;
	futile->reported = world_now(judge_world(state->judge));
	futile->round = (struct round){0};
	return r;
}

static int futile_calls(struct futile_state *state, const struct event *event)
{
	const struct world *world = judge_world(state->judge);
	const struct touch *touch = world_touch(world);
	struct deed deeds[2];
	size_t count = deeds_of(world, event, deeds);

	for (size_t i = 0; i < count; i++) {
		struct track *track = track_first(&state->table, deeds[i].file->id);

		for (; track; track = track->next)
			round_note(&((struct futile *)track)->round, event, deeds[i].flags);
	}
	return track_end_touched(&state->table, state->judge, touch);
}

static int futile_begin(struct judge *judge, void *arg)
{
	struct futile_state *state = arg;

	state->judge = judge;
	state->table.ending = futile_ending;
	return 0;
}

static int futile_event(struct judge *judge, void *arg, const struct event *event)
{
	const struct world *world = judge_world(judge);
	const struct touch *touch = world_touch(world);
	struct futile_state *state = arg;
	int r;

	if (event->kind != EV_CALL && event->kind != EV_RING)
		return 0;
	r = futile_calls(state, event);
	if (!spin_counts(world, event))
		return r;
	for (uint32_t i = 0; i < touch->report_count && r == 0; i++)
		r = futile_report(state, event, &touch->reports[i]);
	return r;
}

static int futile_finish(struct judge *judge, void *arg)
{
	struct futile_state *state = arg;

	return track_end_all(&state->table, judge);
}

static void futile_farewell(struct judge *judge, void *state, const struct file *file)
{
	struct futile_state *futiles = state;

	(void)track_end_file(&futiles->table, judge, file->id);
}

static void futile_release(void *arg)
{
	track_free(&((struct futile_state *)arg)->table);
}

/* Each round ends with a report. */
static bool futile_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->kinds[EV_RING] && contents->reports < LIMIT_SPIN_COUNT;
}

const struct rule_family futile_family = {
    .name = "futile",
    .rules = futile_rules,
    .rule_count = 1,
    .state_size = sizeof(struct futile_state),
    .silent = futile_silent,
    .farewell = futile_farewell,
    .kinds = KIND(EV_CALL) | KIND(EV_RING),
    .begin = futile_begin,
    .event = futile_event,
    .finish = futile_finish,
    .release = futile_release,
};
