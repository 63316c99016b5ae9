/* SPDX-License-Identifier: MIT */
/*
 * The spin engine: the loop runs and nothing moves. For each registration it remembers what was done to the
 * file since the last report; a report that follows the last one with nothing done that would have answered
 * it is a repeat.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

#define DEED_ANY    (DEED_CALL | DEED_READ | DEED_WRITE | DEED_MOVES)
#define DEED_CHANGE 0x1000u /* this file's own: the interest is not what it was at the last report */

/* An unbroken row of repeats. */
struct run {
	struct window window;
	uint64_t from, to, found; /* ns; found 0: not yet a finding */
	uint64_t count, rearms, reads, asks;
	uint32_t mask;
	int32_t pid, tid;
};

struct spin {
	struct track track;
	struct file *file;
	struct reg *reg;
	uint64_t reported; /* when last */
	uint32_t armed;	   /* interest then */
	uint32_t mask;	   /* what was reported then */
	uint32_t deeds;	   /* since then */
	bool seen;
	struct run *runs; /* SPIN_KINDS of them, made by the first repeat */
};

struct spin_state {
	struct judge *judge;
	struct track_table table;
};

bool spin_counts(const struct world *world, const struct event *event)
{
	return !(event->flags & EVF_INJECTED) && !world_mark_time(world, MARK_STOP);
}

bool spin_is_eof(const struct file *file, uint32_t mask)
{
	if (file->eof_read)
		return mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
	return (mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == EPOLLRDHUP;
}

bool spin_can_repeat(const struct event *event, const struct reg *reg, uint32_t deeds)
{
	if (!reg && event->kind == EV_RING)
		return deeds & DEED_REARM;
	return !reg || promise_is_level(reg->events) || (deeds & DEED_REARM);
}

bool spin_is_ambiguous(const struct reg *reg)
{
	if (!reg || reg->removed)
		return false;
	for (const struct reg *other = reg->epoll->members; other; other = other->epoll_next) {
		if (other != reg && other->data == reg->data)
			return true;
	}
	return false;
}

uint64_t spin_key(const struct report *report, const struct event *event)
{
	return report->reg ? report->reg->id : 1ULL << 63 | (uint32_t)event->pid;
}

char *spin_subject(const struct finding *finding, char *out, size_t size)
{
	if (finding->name[0])
		snprintf(out, size, "fd %d (peer %s)", finding->fd, finding->name);
	else
		snprintf(out, size, "fd %d", finding->fd);
	return out;
}

static bool fits_hup(const struct file *file, uint32_t mask)
{
	/* a listener's are listener-spin's */
	return file->kind != FILE_LISTENER && promise_tells_death(mask);
}

static bool fits_urgent(const struct file *file, uint32_t mask)
{
	(void)file;
	return mask & EPOLLPRI;
}

static bool fits_readable(const struct file *file, uint32_t mask)
{
	return (mask & EPOLLIN) && file->kind != FILE_RING;
}

static bool fits_writable(const struct file *file, uint32_t mask)
{
	(void)file;
	return (mask & EPOLLOUT) && !(mask & (EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLERR | EPOLLHUP));
}

static const struct kind {
	bool (*fits)(const struct file *file, uint32_t mask);
	uint32_t progress; /* deeds that answer such a report */
	const char *tail;  /* of the message */
	const char *asked; /* the same when it was asked about each time; NULL: no difference */
} kinds[SPIN_KINDS] = {
    [SPIN_HUP] = {fits_hup, DEED_ANY | DEED_CHANGE, "no call on it in between",
		  "only asked about in between (getsockopt, ioctl, fcntl), never closed"},
    [SPIN_EOF] = {spin_is_eof, DEED_MOVES | DEED_CHANGE, "its end is known already", NULL},
    [SPIN_URGENT] = {fits_urgent, DEED_ANY | DEED_CHANGE, "the urgent byte was never taken", NULL},
    [SPIN_READABLE] = {fits_readable, DEED_READ | DEED_MOVES | DEED_CHANGE, "never read in between", NULL},
    [SPIN_WRITABLE] = {fits_writable, DEED_WRITE | DEED_TURN | DEED_OUT | DEED_CHANGE,
		       "never written to in between", NULL},
};

/* What is left undone: reading from a listener is accepting. */
static const char *tail_of(const struct run *run, const struct file *file, enum spin_kind kind)
{
	if (kind == SPIN_READABLE && file->kind == FILE_LISTENER)
		return "no accept in between";
	return run->asks && kinds[kind].asked ? kinds[kind].asked : kinds[kind].tail;
}

static void run_describe(const struct run *run, const struct file *file, enum spin_kind kind,
			 struct finding *finding)
{
	char subject[64], mask[MASK_TEXT], extra[64] = "";

	if (run->reads && kind == SPIN_EOF)
		snprintf(extra, sizeof(extra), ", read again %" PRIu64 " times", run->reads);
	else if (run->rearms)
		snprintf(extra, sizeof(extra), ", armed again %" PRIu64 " times", run->rearms);
	snprintf(finding->message, sizeof(finding->message),
		 "%s%s: %s reported %" PRIu64 " times in %.2f s%s, %s",
		 file->kind == FILE_LISTENER ? "listener " : "",
		 spin_subject(finding, subject, sizeof(subject)), mask_short(run->mask, mask, sizeof(mask)),
		 finding->count, clock_seconds(run->to - run->from), extra, tail_of(run, file, kind));
}

/* The row is over: what it was goes to the judge, and it begins anew. */
static int run_end(struct judge *judge, const struct file *file, struct run *run, enum spin_kind kind)
{
	struct finding finding;
	struct run old = *run;

	*run = (struct run){0};
	if (!old.found)
		return 0;
	finding = finding_make(judge, &spin_rules[kind]);
	finding_about(&finding, judge, file);
	finding.pid = old.pid;
	finding.tid = old.tid;
	finding.at = old.found;
	finding.from = old.from;
	finding.to = old.to;
	finding.count = old.count;
	run_describe(&old, file, kind, &finding);
	return judge_report(judge, &finding);
}

static int spin_ending(void *arg, struct track *track)
{
	struct spin *spin = (struct spin *)track;
	struct judge *judge = arg;
	int r = 0;

	for (unsigned i = 0; spin->runs && judge && i < SPIN_KINDS; i++) {
		int r2 = run_end(judge, spin->file, &spin->runs[i], (enum spin_kind)i);

		r = r ? r : r2;
	}
	free(spin->runs);
	return r;
}

/* The report before the first repeat begins the row, if it was for the same reason. */
static void run_start(struct spin_state *state, const struct spin *spin, struct run *run, enum spin_kind kind)
{
	uint64_t span = judge_window(state->judge, LIMIT_SPIN_WINDOW);

	run->from = world_now(judge_world(state->judge));
	if (!kinds[kind].fits(spin->file, spin->mask))
		return;
	run->from = spin->reported;
	run->count = 1;
	(void)window_count(&run->window, spin->reported, span);
}

static void run_count(struct spin_state *state, const struct spin *spin, struct run *run, uint32_t mask)
{
	const struct world *world = judge_world(state->judge);
	uint64_t now = world_now(world);
	uint32_t recent = window_count(&run->window, now, judge_window(state->judge, LIMIT_SPIN_WINDOW));

	run->to = now;
	/* what all reports had in common: a bit beside the reason comes and goes */
	run->mask = (run->mask & mask) ? run->mask & mask : mask;
	run->count++;
	run->rearms += (spin->deeds & DEED_REARM) != 0;
	run->reads += (spin->deeds & DEED_READ) != 0;
	run->asks += (spin->deeds & DEED_ASK) != 0;
	run->pid = world_touch(world)->process->pid;
	run->tid = world_touch(world)->thread ? world_touch(world)->thread->tid : 0;
	if (!run->found && recent >= LIMIT_SPIN_COUNT && !spin_is_ambiguous(spin->reg))
		run->found = now;
}

/* Ends the rows that what was done since the last report answers. */
static int spin_answered(struct spin_state *state, struct spin *spin)
{
	int r = 0;

	for (unsigned i = 0; spin->runs && i < SPIN_KINDS && r == 0; i++) {
		if (spin->deeds & kinds[i].progress)
			r = run_end(state->judge, spin->file, &spin->runs[i], (enum spin_kind)i);
	}
	return r;
}

static int spin_repeat(struct spin_state *state, struct spin *spin, uint32_t mask)
{
	for (unsigned i = 0; i < SPIN_KINDS; i++) {
		if (!kinds[i].fits(spin->file, mask) || (spin->deeds & kinds[i].progress))
			continue;
		/* a ring received the end again: uring-error-resubmit counts those */
		if (i == SPIN_EOF && (spin->deeds & DEED_READ) && (spin->deeds & DEED_RING))
			return 0;
		/* IN is there because of the error, which a call was tried on: futile-spin counts those */
		if (i == SPIN_READABLE && promise_tells_death(mask) && (spin->deeds & DEED_FAIL))
			continue;
		if (!spin->runs)
			spin->runs = calloc(SPIN_KINDS, sizeof(*spin->runs));
		if (!spin->runs)
			return -ENOMEM;
		if (!spin->runs[i].count)
			run_start(state, spin, &spin->runs[i], (enum spin_kind)i);
		run_count(state, spin, &spin->runs[i], mask);
		return 0;
	}
	return 0;
}

static int spin_report(struct spin_state *state, const struct event *event, const struct report *report)
{
	struct spin *spin;
	int r;

	if (!report->file)
		return 0;
	spin =
	    (struct spin *)track_get(&state->table, report->file->id, spin_key(report, event), sizeof(*spin));
	if (!spin)
		return -ENOMEM;
	spin->file = report->file;
	spin->reg = report->reg;
	if (spin->seen && report->asked != spin->armed)
		spin->deeds |= DEED_CHANGE;
	r = spin_answered(state, spin);
	if (r == 0 && spin->seen && spin_can_repeat(event, report->reg, spin->deeds))
		r = spin_repeat(state, spin, report->events);
	spin->seen = true;
	spin->armed = report->asked;
	spin->mask = report->events;
	spin->reported = world_now(judge_world(state->judge));
	spin->deeds = 0;
	return r;
}

static int spin_begin(struct judge *judge, void *arg)
{
	struct spin_state *state = arg;

	state->judge = judge;
	state->table.ending = spin_ending;
	return 0;
}

static int spin_calls(struct spin_state *state, const struct event *event)
{
	const struct world *world = judge_world(state->judge);
	const struct touch *touch = world_touch(world);
	struct deed deeds[2];
	size_t count = deeds_of(world, event, deeds);

	for (size_t i = 0; i < count; i++) {
		struct track *track = track_first(&state->table, deeds[i].file->id);

		for (; track; track = track->next)
			((struct spin *)track)->deeds |= deeds[i].flags;
	}
	return track_end_touched(&state->table, state->judge, touch);
}

static int spin_event(struct judge *judge, void *arg, const struct event *event)
{
	const struct world *world = judge_world(judge);
	const struct touch *touch = world_touch(world);
	struct spin_state *state = arg;
	int r;

	if (event->kind != EV_CALL && event->kind != EV_RING)
		return 0;
	r = spin_calls(state, event);
	if (!spin_counts(world, event))
		return r;
	for (uint32_t i = 0; i < touch->report_count && r == 0; i++)
		r = spin_report(state, event, &touch->reports[i]);
	return r;
}

static int spin_finish(struct judge *judge, void *arg)
{
	struct spin_state *state = arg;

	return track_end_all(&state->table, judge);
}

static int spin_forget(void *arg, struct track *track)
{
	(void)arg;
	free(((struct spin *)track)->runs);
	return 0;
}

static void spin_farewell(struct judge *judge, void *state, const struct file *file)
{
	struct spin_state *spins = state;

	(void)track_end_file(&spins->table, judge, file->id);
}

static void spin_release(void *arg)
{
	struct spin_state *state = arg;

	state->table.ending = spin_forget;
	(void)track_end_all(&state->table, NULL);
	track_free(&state->table);
}

/* Each repeat is a report. */
static bool spin_silent(const struct judge *judge, const struct contents *contents)
{
	(void)judge;
	return !contents->kinds[EV_RING] && contents->reports < LIMIT_SPIN_COUNT;
}

const struct rule_family spin_family = {
    .name = "spin",
    .rules = spin_rules,
    .rule_count = SPIN_KINDS,
    .state_size = sizeof(struct spin_state),
    .silent = spin_silent,
    .farewell = spin_farewell,
    .kinds = KIND(EV_CALL) | KIND(EV_RING),
    .begin = spin_begin,
    .event = spin_event,
    .finish = spin_finish,
    .release = spin_release,
};
