/* SPDX-License-Identifier: MIT */
/* Runs calls.c in the simulation, and beside it, on this machine's kernel, the program of the same source
 * (its neighbour "calls"): what they say must be the same. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz/sim/sim.h"

#define SAID_MOST 65536u

struct text {
	char bytes[SAID_MOST];
	size_t size;
};

static enum sim_turn wait_hook(void *arg, uint64_t timeout, bool ready)
{
	(void)arg;
	(void)timeout;
	return ready ? SIM_LOOK : SIM_IDLE;
}

static void event_hook(void *arg, const struct event *event)
{
	(void)arg;
	(void)event;
}

static void said_hook(void *arg, int fd, const char *bytes, size_t size)
{
	struct text *text = arg;

	if (fd != 1 || size >= sizeof text->bytes - text->size)
		return;
	memcpy(text->bytes + text->size, bytes, size);
	text->size += size;
}

static bool run_here(struct text *text)
{
	struct sim_hooks hooks = {.wait = wait_hook, .event = event_hook, .said = said_hook, .arg = text};
	char name[] = "calls", *argv[] = {name, NULL};
	struct sim *sim;

	if (sim_new(&hooks, &sim) < 0)
		return false;
	/* Twice: the second time nothing of the first may be left. */
	struct sim_outcome outcome = sim_run(sim, sim_server_main, 1, argv);
	text->size = 0;
	if (outcome.end == SIM_ENDED)
		outcome = sim_run(sim, sim_server_main, 1, argv);
	sim_free(sim);
	return outcome.end == SIM_ENDED && outcome.status == 0;
}

static bool run_there(const char *program, struct text *text)
{
	FILE *pipe = popen(program, "re");

	if (!pipe)
		return false;
	text->size = fread(text->bytes, 1, sizeof text->bytes - 1, pipe);
	return pclose(pipe) == 0;
}

/* Line by line; how many differ. */
static int compare(struct text *here, struct text *there)
{
	char *mine = here->bytes, *kernels = there->bytes;
	int differ = 0;

	while (mine || kernels) {
		const char *one = mine ? strsep(&mine, "\n") : "nothing",
			   *other = kernels ? strsep(&kernels, "\n") : "nothing";
		if (strcmp(one, other) == 0)
			continue;
		printf("here:   %s\nkernel: %s\n", one, other);
		differ++;
	}
	return differ;
}

int main(int argc, char **argv)
{
	static struct text here, there;
	char program[PATH_MAX];
	const char *slash = strrchr(argv[0], '/');

	(void)argc;
	(void)snprintf(program, sizeof program, "%.*s/calls", slash ? (int)(slash - argv[0]) : 1,
		       slash ? argv[0] : ".");
	if (!run_here(&here) || !run_there(program, &there) || !there.size) {
		printf("calls did not come to its end\n");
		return 1;
	}
	int differ = compare(&here, &there);
	printf("%d lines differ\n", differ);
	return differ != 0;
}
