/* SPDX-License-Identifier: MIT */
#include "cli/scale.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/units.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "cli/targets.h"
#include "report/output.h"
#include "report/scale.h"

/* From bits to completions. */
static const char *const usual_targets[] = {"select", "poll", "epoll-level", "epoll-edge", "uring-poll", "uring"};
/* A point for each half decade; the last is what 20,000 descriptors hold. */
static const uint32_t usual_idle[] = {10, 30, 100, 300, 1000, 3000, 10000, 15000, 19000};

/* One run of --scale. */
struct plan {
	const struct text_list *targets;
	uint32_t idle[SCALE_POINTS_MOST];
	size_t count;
	struct scale_row *rows; /* one a target */
	struct output *json, *svg;
};

static int plan_add(struct plan *plan, uint64_t idle, uint32_t most, struct error *error)
{
	if (plan->count == SCALE_POINTS_MOST)
		return error_set(error, -EINVAL, "--idle takes at most %d numbers", SCALE_POINTS_MOST);
	if (idle == 0 || (plan->count && idle <= plan->idle[plan->count - 1]))
		return error_set(error, -EINVAL, "--idle wants rising numbers above 0, such as 10,100,1k");
	if (idle > most)
		return error_set(
		    error, -EINVAL,
		    "%llu idle connections are more than a process may hold here: at most %u (ulimit -n)",
		    (unsigned long long)idle, most);
	plan->idle[plan->count++] = (uint32_t)idle;
	return 0;
}

static int plan_parse(struct plan *plan, const char *list, uint32_t most, struct error *error)
{
	int r = 0;

	for (const char *at = list; r == 0;) {
		size_t size = strcspn(at, ",");
		char text[32];
		uint64_t idle;

		(void)snprintf(text, sizeof text, "%.*s", (int)size, at);
		if (size >= sizeof text || units_count(text, &idle) < 0)
			return error_set(error, -EINVAL, "--idle wants numbers such as 10,100,1k, not '%s'",
					 list);
		r = plan_add(plan, idle, most, error);
		if (!at[size])
			break;
		at += size + 1;
	}
	return r;
}

/* Without --idle: what fits of the usual points, and it is said what does not. */
static int plan_points(struct plan *plan, const char *list, struct error *error)
{
	uint32_t most = scale_most();

	if (list)
		return plan_parse(plan, list, most, error);
	for (size_t i = 0; i < sizeof usual_idle / sizeof *usual_idle && usual_idle[i] <= most; i++)
		plan->idle[plan->count++] = usual_idle[i];
	if (!plan->count)
		return error_set(error, -EMFILE, "a process may not hold ten connections here (ulimit -n)");
	if (plan->count < sizeof usual_idle / sizeof *usual_idle)
		say_note("no more than %u idle connections: a process may hold no more here (ulimit -n)",
			 plan->idle[plan->count - 1]);
	return 0;
}

/* Whatever can be refused is, before the first server is started. */
static int plan_make(struct plan *plan, struct settings *settings, struct error *error)
{
	bool by_default = !settings->targets.count;
	char path[PATH_MAX];
	int r = 0;

	for (size_t i = 0; by_default && i < sizeof usual_targets / sizeof *usual_targets; i++)
		if ((r = text_list_add(&settings->targets, usual_targets[i])) < 0)
			return error_set(error, r, "out of memory");
	plan->targets = &settings->targets;
	for (size_t i = 0; i < plan->targets->count && r == 0; i++)
		r = targets_find(plan->targets->items[i], path, sizeof path, error);
	r = r ? r : plan_points(plan, settings->idle, error);
	if (r == 0 && settings->json)
		r = output_open(settings->json, &plan->json, error);
	if (r == 0 && settings->svg)
		r = output_open(settings->svg, &plan->svg, error);
	plan->rows = calloc(plan->targets->count, sizeof *plan->rows);
	return r == 0 && !plan->rows ? error_set(error, -ENOMEM, "out of memory") : r;
}

static void progress(const struct settings *settings, const char *target)
{
	if (!settings->no_progress && !settings->quiet && isatty(STDERR_FILENO))
		(void)fprintf(stderr, target ? "\rmeasuring %s\033[K" : "\r\033[K", target);
}

/* How many rows there are goes to *ret_count, whatever came of it. */
static int measure(struct plan *plan, const struct settings *settings, size_t *ret_count, struct error *error)
{
	int r = 0;

	for (size_t i = 0; i < plan->targets->count && r == 0; i++) {
		char path[PATH_MAX];
		struct scale_order order = {.target = plan->targets->items[i],
					    .path = path,
					    .idle = plan->idle,
					    .count = plan->count,
					    .stop = signals_stop()};

		progress(settings, order.target);
		r = targets_find(order.target, path, sizeof path, error);
		r = r ? r : scale_measure(&order, &plan->rows[*ret_count], error);
		*ret_count += r == 0;
	}
	progress(settings, NULL);
	return r;
}

typedef int (*writer)(const struct scale_report *report, struct buf *out);

static int write_file(struct output *output, writer put, const struct scale_report *report)
{
	struct buf text = {0};
	struct error error = {0};

	if (!output)
		return STATUS_PASSED;
	int r = put(report, &text);
	if (r < 0)
		(void)error_set(&error, r, "out of memory");
	else
		r = output_write(output, text.data, text.size, &error);
	buf_free(&text);
	return r < 0 ? say(&error) : STATUS_PASSED;
}

static int print_table(const struct settings *settings, const struct scale_report *report)
{
	struct style style;
	struct buf text = {0};
	int status = STATUS_PASSED;

	session_style(settings, stdout, &style);
	if (scale_put(report, &style, &text) < 0)
		status = say_error("out of memory");
	else
		(void)fwrite(text.data, 1, text.size, stdout);
	buf_free(&text);
	return status;
}

static int tell(const struct plan *plan, const struct settings *settings, size_t count)
{
	struct report_head head;

	session_head(settings, &head);
	const struct scale_report report = {
	    .rows = plan->rows, .count = count, .kernel = head.kernel, .cpus = sysconf(_SC_NPROCESSORS_ONLN)};
	bool taken = (settings->json && strcmp(settings->json, "-") == 0) ||
		     (settings->svg && strcmp(settings->svg, "-") == 0);
	int status = taken ? STATUS_PASSED : print_table(settings, &report);
	int json = write_file(plan->json, scale_put_json, &report);
	int svg = write_file(plan->svg, scale_put_svg, &report);

	status = status == STATUS_PASSED ? json : status;
	return status == STATUS_PASSED ? svg : status;
}

int scale(struct settings *settings, const struct words *words)
{
	struct plan plan = {0};
	struct error error = {0};
	size_t count = 0;
	int status = STATUS_PASSED;

	if (words->count || words->command || settings->scenarios.count)
		return say_error("--scale measures the reference servers (--target NAME): it takes no "
				 "scenario and no command");
	signals_take();
	int r = plan_make(&plan, settings, &error);
	if (r == 0)
		r = measure(&plan, settings, &count, &error);
	if (r < 0)
		status = r == -EINTR ? say_error("interrupted") : say(&error);
	/* what was measured is told, whatever ended it */
	int told = count ? tell(&plan, settings, count) : STATUS_PASSED;
	status = status == STATUS_PASSED ? told : status;
	output_free(plan.json);
	output_free(plan.svg);
	free(plan.rows);
	return status;
}
