/* SPDX-License-Identifier: MIT */
/* `wringer truth`: what this kernel reports, beside what the model predicts. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/say.h"
#include "cli/session.h"
#include "cli/status.h"
#include "cli/truth_script.h"
#include "report/output.h"
#include "report/truth.h"
#include "run/truth.h"

static int status_of(const struct truth *truth)
{
	if (truth->counts[TRUTH_DIFFERS])
		return STATUS_FAILED;
	if (truth->counts[TRUTH_BROKEN])
		return STATUS_OURS;
	return truth->counts[TRUTH_SAME] ? STATUS_PASSED : STATUS_SKIPPED;
}

static int print_table(const struct truth *truth, const struct truth_form *form,
		       const struct settings *settings)
{
	struct style style;
	struct buf text = {0};
	int status = status_of(truth);

	session_style(settings, stdout, &style);
	if (truth_put(truth, form, &style, &text) < 0)
		status = say_error("out of memory");
	else
		(void)fwrite(text.data, 1, text.size, stdout);
	buf_free(&text);
	return status;
}

/* To standard output, or to a file with the table on standard output all the same. */
static int write_json(const struct truth *truth, const struct truth_form *form, struct output *output)
{
	struct buf text = {0};
	struct error error = {0};
	int r = truth_put_json(truth, form, &text);

	if (r < 0)
		(void)error_set(&error, r, "out of memory");
	else
		r = output_write(output, text.data, text.size, &error);
	buf_free(&text);
	return r < 0 ? say(&error) : STATUS_PASSED;
}

static int tell(const struct truth *truth, const struct settings *settings, const char *path,
		struct output *output)
{
	struct report_head head;
	int status = status_of(truth), written = STATUS_PASSED;

	session_head(settings, &head);
	const struct truth_form form = {settings->quiet, settings->verbose, head.kernel};
	if (output)
		written = write_json(truth, &form, output);
	if (!output || strcmp(path, "-") != 0)
		status = print_table(truth, &form, settings);
	return written == STATUS_PASSED || status == STATUS_FAILED ? status : written;
}

static int truth(struct settings *settings, const struct words *words)
{
	const char *path = words->count ? words->items[0] : "-";
	struct output *output = NULL;
	struct error error = {0};
	struct truth taken;

	if (words->command || words->count > (settings->as_json ? 1u : 0u))
		return say_error("truth takes no words but the file behind --json");
	if (settings->scripts.count && settings->as_json)
		return say_error("truth --script has no JSON to print");
	if (settings->scripts.count)
		return truth_scripts(settings);
	/* before the work: a file that cannot be written is told at once */
	if (settings->as_json && output_open(path, &output, &error) < 0)
		return say(&error);
	int status = truth_take(&taken) < 0 ? say_error("out of memory") : STATUS_PASSED;
	if (status == STATUS_PASSED) {
		status = tell(&taken, settings, path, output);
		truth_free(&taken);
	}
	output_free(output);
	return status;
}

const struct command command_truth = {
    .name = "truth",
    .bit = FOR_TRUTH,
    .usage = "[-q] [-v] [--json [FILE] | --script FILE...]",
    .doc = "hold the running kernel against the model: what it reports in each state",
    .about =
	"Brings sockets, pipes and other descriptors into every state of the model's table on the running "
	"kernel, asks "
	"epoll (level- and edge-triggered), poll, select and io_uring (poll and receive) about each, plays "
	"the sequences that one mask cannot say (one-shot, edges, duplicates, errnos) and those that refute "
	"common beliefs, and prints what was observed beside what was predicted. The status is 1 when "
	"anything differs. What is refused here is skipped, with the reason. Needs no privilege and no "
	"server. With --json the report goes to standard output instead, or to FILE beside the table. With "
	"--script the steps of FILE are performed on the kernel and on a model of it instead, and what both "
	"answer is compared, as fuzz_model does and prints it.",
    .run = truth,
};
