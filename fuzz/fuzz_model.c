/* SPDX-License-Identifier: MIT */
/*
 * The running kernel and its model side by side: bytes become socket and epoll operations, performed on both. The
 * first difference ends it, printed as a script that `wringer truth --script FILE` replays.
 */
#include <stdio.h>
#include <stdlib.h>
#include "fuzz/common/target.h"
#include "run/duet.h"

enum { LIMIT = 160 }; /* some 35 steps: longer ones find nothing more and take their time */

/* Opened with the first input, for opening it takes longer than most inputs do. It is as new before each. */
static struct duet *duet;
static struct {
	unsigned long long scripts, compared, left_out;
} figures;

/* For whoever asks by FUZZ_FIGURES=1. */
static void tell_figures(void)
{
	duet_free(duet);
	duet = NULL;
	if (getenv("FUZZ_FIGURES"))
		(void)fprintf(stderr, "%llu scripts, %llu operations compared, %llu left out\n", figures.scripts,
			      figures.compared, figures.left_out);
}

static int begin(void)
{
	int r = duet ? 0 : duet_new(true, &duet);

	if (r == 0 && !figures.scripts)
		(void)atexit(tell_figures);
	return r;
}

static void tell(const struct script *script, const struct duet_result *result)
{
	struct buf text = {0};

	if (duet_print(duet, script, result, &text) == 0)
		(void)fprintf(stderr, "%s", text.data);
	buf_free(&text);
}

static void run(const uint8_t *data, size_t size)
{
	struct script script;
	struct duet_result result = {0};
	int begun = begin(), made = script_from_bytes(&script, data, size);
	int played = begun == 0 && made == 0 ? duet_play(duet, &script, &result) : 0;

	figures.scripts++;
	figures.compared += result.performed;
	figures.left_out += result.left_out;
	if (result.differs)
		tell(&script, &result);
	script_free(&script);
	fuzz_claim(begun == 0 && made == 0 && played == 0);
	fuzz_claim(!result.differs);
}

const struct fuzz_target fuzz_model = {
    .name = "model",
    .doc = "socket and epoll operations on the running kernel and on its model",
    .limit = LIMIT,
    .run = run,
};
