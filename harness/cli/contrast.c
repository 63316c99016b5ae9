/* SPDX-License-Identifier: MIT */
/* `wringer contrast`: scenarios × targets, what each was told of a fault and what it did about it. */
#include "cli/command.h"

#include "cli/play.h"
#include "cli/say.h"
#include "cli/scale.h"

/* Readiness as a level and as an edge, readiness through a ring, completions. */
static const char *const usual_targets[] = {"epoll-level", "epoll-edge", "uring-poll", "uring"};

/* One fault by one peer's connection: the others have nothing to set side by side. */
static const char *const usual_scenarios[] = {"fin-*",	  "half-close-*",  "rst-*-*",
					      "rst-idle", "rst-keepalive", "close-unread*",
					      "vanish-*", "stall-*",	   "oob-*"};

static int contrast(struct settings *settings, const struct words *words)
{
	struct play_order order = {
	    .words = words->items, .word_count = words->count, .command = words->command, .contrast = true};
	bool usual = !settings->targets.count;

	if (settings->scale)
		return scale(settings, words);
	if (settings->svg || settings->idle)
		return say_error("--%s belongs to --scale", settings->svg ? "svg" : "idle");

	for (size_t i = 0; usual && i < sizeof usual_targets / sizeof *usual_targets; i++)
		if (text_list_add(&settings->targets, usual_targets[i]) < 0)
			return say_error("out of memory");
	if (!words->count && !settings->scenarios.count) {
		order.words = (char *const *)usual_scenarios;
		order.word_count = sizeof usual_scenarios / sizeof *usual_scenarios;
	}
	settings->few_lines = !settings->verbose;
	return play(settings, &order);
}

const struct command command_contrast = {
    .name = "contrast",
    .bit = FOR_CONTRAST,
    .usage = "[OPTIONS] [SCENARIO... | --scale] [--target NAME]... [-- COMMAND [ARG...]]",
    .doc = "set servers side by side: what the kernel told each of a fault, and what it did",
    .about =
	"Plays each scenario on each target and prints a table: the event masks that epoll reported or the "
	"completions that io_uring gave once the peer had done its worst, how long the server took to let go "
	"of the "
	"connection, the calls it made on it, its CPU time, and what the peer saw. Without targets "
	"epoll-level, "
	"epoll-edge, uring-poll and uring are set side by side; a command behind -- joins the targets. With "
	"--scale no fault is played: select, poll, epoll-level, epoll-edge, uring-poll and uring (or the "
	"targets "
	"named) hold more and more idle connections, unwatched, while one more asks and asks, and a table "
	"says "
	"what a request and the wait before it cost each of them, and how long its answer takes; --json and "
	"--svg "
	"write the same for machines, and as a picture.",
    .run = contrast,
};
