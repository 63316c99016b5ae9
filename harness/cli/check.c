/* SPDX-License-Identifier: MIT */
/* `wringer check`: every scenario that fits, on an unmodified server. */
#include "cli/command.h"

#include "cli/play.h"
#include "cli/say.h"

static int check(struct settings *settings, const struct words *words)
{
	if (words->count && !words->command)
		return say_error("put -- before the command: wringer check [OPTIONS] -- %s …",
				 words->items[0]);
	if (words->count)
		return say_error("check takes no scenario (%s); use --scenario GLOB, or `wringer run`",
				 words->items[0]);
	if (!words->command && !settings->targets.count)
		return say_error("no server to check; give its command behind --, see `wringer check -h`");
	return play(settings, &(struct play_order){.command = words->command});
}

const struct command command_check = {
    .name = "check",
    .bit = FOR_CHECK,
    .usage = "[OPTIONS] -- COMMAND [ARG...]",
    .doc = "put a server through every scenario that fits its protocol",
    .about = "Starts the server in a sandbox of its own for each scenario, finds the port it listens on, "
	     "lets peers "
	     "misbehave and calls fail, watches its system calls, and judges what it did. The server is not "
	     "changed and not linked with anything.",
    .run = check,
};
