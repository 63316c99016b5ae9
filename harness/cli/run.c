/* SPDX-License-Identifier: MIT */
/* `wringer run`: named scenarios, on reference targets or on a command. */
#include "cli/command.h"

#include "cli/play.h"
#include "cli/say.h"

static int run(struct settings *settings, const struct words *words)
{
	if (!words->count && !settings->scenarios.count)
		return say_error(
		    "no scenario selected; name one, or a glob, a file or a folder; see `wringer list "
		    "scenarios`");
	return play(settings, &(struct play_order){.words = words->items,
						   .word_count = words->count,
						   .command = words->command});
}

const struct command command_run = {
    .name = "run",
    .bit = FOR_RUN,
    .usage = "[OPTIONS] SCENARIO... [--target NAME]... [-- COMMAND [ARG...]]",
    .doc = "run the scenarios named, on reference targets or on a command",
    .about =
	"A scenario is given by its name, by a glob that fits names, by a Lua file, or by a folder of these. "
	"Without a target and without a command the reference target epoll-level is used.",
    .run = run,
};
