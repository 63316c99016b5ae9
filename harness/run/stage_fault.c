/* SPDX-License-Identifier: MIT */
/* Faults under the target: system calls, the fd limit, signals; and their end. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include "base/buf.h"
#include "run/stage_impl.h"

static int note_fault(struct stage *stage, enum fault_what what, const struct stage_fault *armed)
{
	struct event event = event_make(EV_FAULT, what);

	event.arg[0] = armed->id;
	event.arg[1] = armed->delivered;
	event.data = armed->text;
	event.size = (uint32_t)strlen(armed->text);
	return journal_append(stage->journal, &event);
}

int stage_arm(struct stage *stage, const struct fault *fault, uint32_t *ret_id, struct error *error)
{
	struct stage_fault *grown, *armed;
	int rc;

	if (!stage_watched(stage) || stage->options->watch->faultless)
		return error_set(error, -ENOTSUP, "calls cannot be changed with --watch %s",
				 stage->options->watch->name);
	grown = array_grow(stage->armed, stage->armed_count, &stage->armed_capacity, sizeof(*grown));
	if (!grown)
		return error_set(error, -ENOMEM, "out of memory");
	stage->armed = grown;
	armed = &grown[stage->armed_count];
	memset(armed, 0, sizeof(*armed));
	armed->class = fault->call == CALL_unknown ? fault->class : call_class(fault->call);
	(void)fault_text(fault, armed->text, sizeof(armed->text));
	rc = fault_set_arm(stage->faults, fault, &armed->id);
	if (rc < 0)
		return error_set(error, rc, "%s: %s", armed->text, strerror(-rc));
	stage->armed_count++;
	*ret_id = armed->id;
	return note_fault(stage, FAULT_ARMED, armed);
}

uint64_t stage_delivered(const struct stage *stage, uint32_t id)
{
	for (size_t i = 0; i < stage->armed_count; i++) {
		if (stage->armed[i].id == id && stage->armed[i].lifted)
			return stage->armed[i].delivered;
	}
	return fault_set_delivered(stage->faults, id);
}

bool stage_out_of_reach(const struct stage *stage, uint32_t id)
{
	for (size_t i = 0; i < stage->armed_count; i++) {
		if (stage->armed[i].id == id)
			return world_by_ring(stage->world, stage->armed[i].class);
	}
	return false;
}

int stage_lift(struct stage *stage, uint32_t id, uint64_t *ret_delivered)
{
	for (size_t i = 0; i < stage->armed_count; i++) {
		struct stage_fault *armed = &stage->armed[i];
		int rc;

		if (armed->id != id)
			continue;
		if (!armed->lifted) {
			rc = fault_set_lift(stage->faults, id, &armed->delivered);
			armed->lifted = true;
			rc = rc ? rc : note_fault(stage, FAULT_LIFTED, armed);
			if (rc < 0)
				return rc;
		}
		if (ret_delivered)
			*ret_delivered = armed->delivered;
		return 0;
	}
	return -ENOENT;
}

int stage_limit_fds(struct stage *stage, uint32_t spare, struct error *error)
{
	int rc = target_limit_spare(stage->target, stage->world, spare, error);

	/* no fault of anybody's: a process of another user, and we lack the capability */
	if (rc == -EPERM)
		(void)stage_skip(stage, "%s", error->text);
	return rc;
}

int stage_limit_restore(struct stage *stage)
{
	return target_limit_restore(stage->target, stage->world);
}

/* Signals that end a process which does nothing about them. */
static bool ends(int signo)
{
	switch (signo) {
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
	case SIGHUP:
	case SIGKILL:
	case SIGABRT:
	case SIGUSR1:
	case SIGUSR2:
	case SIGALRM:
		return true;
	default:
		return false;
	}
}

int stage_signal(struct stage *stage, int signo, bool all)
{
	if (ends(signo))
		stage->asked = true;
	if (signo == SIGSTOP || signo == SIGTSTP)
		stage->paused = true;
	if (signo == SIGCONT)
		stage->paused = false;
	return target_signal(stage->target, signo, all);
}

void stage_mend(struct stage *stage)
{
	for (size_t i = 0; i < stage->armed_count; i++) {
		const struct stage_fault *armed = &stage->armed[i];
		uint64_t delivered = 0;
		int rc;

		if (armed->lifted)
			continue; /* the scenario looked at the count itself */
		rc = stage_lift(stage, armed->id, &delivered);
		if (rc < 0)
			(void)stage_broken(stage, "lifting %s: %s", armed->text, strerror(-rc));
		else if (delivered == 0 && world_by_ring(stage->world, armed->class))
			(void)stage_skip(stage, OUT_OF_REACH, armed->text);
		else if (delivered == 0)
			(void)stage_broken(stage, "the fault %s was never delivered", armed->text);
	}
	if (stage->gone)
		return;
	if (stage_limit_restore(stage) < 0 && !stage->gone)
		(void)journal_mark(stage->journal, MARK_NOTE, "the fd limit could not be put back");
	if (stage->paused)
		(void)stage_signal(stage, SIGCONT, true);
}
