/* SPDX-License-Identifier: MIT */
/* `wringer watch`: the rules alone, the user brings the traffic. */
#include "cli/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/again.h"
#include "cli/plan.h"
#include "cli/running.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "cli/watching.h"
#include "run/observe.h"
#include "watch/refusal.h"

/* Where the journal lies: in --keep's folder, else in one of our own that goes afterwards. */
struct place {
	char folder[4096], journal[4200];
	bool ours;
};

static int make_place(const char *keep, struct place *ret_place, struct error *error)
{
	struct place place = {.ours = !keep};
	const char *temporary = getenv("TMPDIR");

	if (keep)
		(void)snprintf(place.folder, sizeof place.folder, "%s", keep);
	else
		(void)snprintf(place.folder, sizeof place.folder, "%s/wringer-XXXXXX",
			       temporary && *temporary ? temporary : "/tmp");
	if (keep ? mkdir(place.folder, 0777) < 0 && errno != EEXIST : !mkdtemp(place.folder))
		return error_set(error, -errno, "cannot make %s: %s", place.folder, strerror(errno));
	(void)snprintf(place.journal, sizeof place.journal, "%s/journal", place.folder);
	*ret_place = place;
	return 0;
}

static void drop_place(const struct place *place)
{
	if (!place->ours)
		return;
	(void)unlink(place->journal);
	(void)rmdir(place->folder);
}

static void say_left(uint32_t processes)
{
	say_note("the command has ended, %" PRIu32
		 " process%s it started %s on and %s watched: Ctrl-C ends %s",
		 processes, processes == 1 ? "" : "es", processes == 1 ? "runs" : "run",
		 processes == 1 ? "is" : "are", processes == 1 ? "it" : "them");
}

static int observe(const struct settings *settings, char **command, const struct watch_ops *watch,
		   const struct fault *faults, const struct place *place, struct session *session)
{
	struct observe_options options = {
	    .argv = command,
	    .attach = (pid_t)settings->pid,
	    .patience = settings->timeout,
	    .watch = watch,
	    .faults = faults,
	    .fault_count = settings->faults.count,
	    .rules = settings->rules,
	    .ignores = &settings->ignores,
	    .protocol = settings->protocol,
	    .time_scale = settings->time_scale,
	    .journal = place->journal,
	    .stop = signals_stop(),
	    .left = say_left,
	};
	struct result result = {0};
	struct error error = {0};
	int wait_status = 0, r = observe_run(&options, &result, &wait_status, &error);

	if (r < 0) {
		result.verdict = VERDICT_BROKEN;
		(void)snprintf(result.reason, sizeof result.reason, "%s", error.text);
	} else if (result_convicts(&result)) {
		result.verdict = VERDICT_FAIL;
	}
	if (!result.scenario[0])
		(void)snprintf(result.scenario, sizeof result.scenario, "watch");
	if (!result.target[0])
		(void)snprintf(result.target, sizeof result.target, "command");
	if (!place->ours)
		(void)snprintf(result.journal, sizeof result.journal, "%.*s", (int)sizeof result.journal - 1,
			       place->journal);
	session_case(session, &result);
	bool whole = session_close(session, &session->totals);
	int status = status_of_watch(wait_status, result.verdict == VERDICT_FAIL,
				     r < 0 || !whole || result.verdict == VERDICT_BROKEN);
	result_free(&result);
	return status;
}

/* The faults asked for, the caller's to free; NULL with error, or without when there is none. */
static struct fault *read_faults(const struct settings *settings, const struct watch_ops *watch,
				 struct error *error)
{
	const struct text_list *texts = &settings->faults;
	struct fault *faults = texts->count ? calloc(texts->count, sizeof *faults) : NULL;
	int r = texts->count && !faults ? error_set(error, -ENOMEM, "out of memory") : 0;

	if (r == 0 && texts->count && watch->faultless)
		r = error_set(error, -EOPNOTSUPP, "calls cannot be changed with --watch %s", watch->name);
	for (size_t i = 0; r == 0 && i < texts->count; i++)
		r = fault_parse(texts->items[i], &faults[i], error);
	if (r == 0)
		return faults;
	free(faults);
	return NULL;
}

static int run_watch(const struct settings *settings, char **command, const struct watch_ops *watch)
{
	struct report_head head;
	struct session session;
	struct error error = {0};
	struct place place;
	struct fault *faults = read_faults(settings, watch, &error);

	if (error.code < 0)
		return say(&error);
	signals_take();
	session_head(settings, &head);
	head.command = command;
	head.watch = watch->name;
	head.planned = 1;
	head.unseeded = true;
	if (make_place(settings->keep, &place, &error) < 0) {
		free(faults);
		return say(&error);
	}
	/* Standard output stays the target's. */
	int status = session_open(settings, &head, true, &session, &error) < 0
			 ? say(&error)
			 : observe(settings, command, watch, faults, &place, &session);
	drop_place(&place);
	free(faults);
	return status;
}

static bool is_blind(const struct settings *settings)
{
	if (strcmp(settings->watch, "none") != 0)
		return false;
	(void)say_error("watching by none sees nothing that a rule could judge");
	return true;
}

static int attach(const struct settings *settings)
{
	const struct watch_ops *ops = strcmp(settings->watch, "bpf") == 0 ? &watch_attach_bpf : &watch_attach;
	struct running running;
	char text[ERROR_TEXT];
	struct error error = {0};

	if (is_blind(settings))
		return STATUS_OURS;
	if (settings->faults.count)
		return say_error("--fault is for a command: what runs already is left as it is");
	if (strcmp(settings->watch, "preload") == 0)
		return say_error(
		    "--pid attaches by ptrace or bpf: nothing can be preloaded into what runs already");
	if (settings_check_rules(settings, &error) < 0 || (ops->check && ops->check(NULL, &error) < 0))
		return say(&error);
	if (refusal_foresee((pid_t)settings->pid, text, sizeof text) < 0)
		return say_error("%s", text);
	running_read((pid_t)settings->pid, &running);
	return run_watch(settings, running.argv, ops);
}

static int watch(struct settings *settings, const struct words *words)
{
	const struct watch_ops *ops;
	struct error error = {0};

	if (settings->pid && (words->count || words->command))
		return say_error("--pid watches what runs already: no command beside it");
	if (settings->pid)
		return attach(settings);
	if (words->count && !words->command)
		return say_error("put -- before the command: wringer watch [OPTIONS] -- %s …",
				 words->items[0]);
	if (words->count || !words->command)
		return say_error(
		    "no server to watch; give its command behind --, or --pid, see `wringer watch -h`");
	if (is_blind(settings))
		return STATUS_OURS;
	if (settings_check_rules(settings, &error) < 0 || plan_find_command(words->command[0], &error) < 0 ||
	    watching_find(settings->watch, (const char *const *)words->command, 1, &ops, &error) < 0)
		return say(&error);
	return run_watch(settings, words->command, ops);
}

const struct command command_watch = {
    .name = "watch",
    .bit = FOR_WATCH,
    .usage = "[OPTIONS] (-- COMMAND [ARG...] | --pid PID)",
    .doc = "judge a server while you bring the traffic",
    .about =
	"Runs the command with its own input and output, watches its system calls and applies the rules to "
	"what it does under your test suite or load. The command may be a server, or whatever starts servers "
	"and their clients (`wringer watch -- make test`): each process is judged by what it does itself, "
	"and "
	"watching goes on until all that the command started has ended. The exit status is the command's own "
	"(128 and the signal's number when it was killed) unless a rule was broken, then 1, or our side "
	"broke, "
	"then 2. With --pid it attaches to a server that runs already, as root or as its user, and lets go "
	"of "
	"it, unharmed, at Ctrl-C or after --timeout. Attaching stops every thread for a moment; a wait that "
	"this interrupts is made again, only its time-out begins anew, and a call that cannot be made again "
	"(sigtimedwait, say) is noted in the journal. By bpf nobody is stopped at all. What happened before "
	"is not judged. Every "
	"call then stops the server, unless it is watched by bpf, which costs it more than being started "
	"under "
	"wringer.",
    .run = watch,
};
