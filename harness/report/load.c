/* SPDX-License-Identifier: MIT */
#include "report/load.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "report/text.h"

#define BAR 40

static const struct {
	uint32_t millionths;
	const char *name;
} percentiles[] = {{500000, "50 %"},   {750000, "75 %"},    {900000, "90 %"}, {990000, "99 %"},
		   {999000, "99.9 %"}, {999900, "99.99 %"}, {1000000, "all"}};

#define PERCENTILES (sizeof percentiles / sizeof *percentiles)

/* Three digits that count, in the unit they are easiest to read in. */
static const char *duration(uint64_t ns, char *out, size_t size)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	double value = (double)ns;
	size_t unit = 0;

	for (; value >= 999.5 && unit < 3; unit++)
		value /= 1000;
	(void)snprintf(out, size, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit]);
	return out;
}

/* Logarithmic: a tail that is ten times longer is seen, and does not push all others to nothing. */
static int put_bar(uint64_t ns, const struct histogram *latency, const struct style *style, struct buf *out)
{
	double low = log((double)(latency->min ? latency->min : 1)) - 0.1,
	       high = log((double)latency->max + 1);
	int length = (int)(BAR * (log((double)ns + 1) - low) / (high > low ? high - low : 1) + 0.5);
	const char *mark = style->utf8 ? "▪" : "=";
	char bar[BAR * 4 + 1] = "";
	size_t at = 0;

	for (int i = 0; i < length && i < BAR; i++)
		at += (size_t)snprintf(bar + at, sizeof bar - at, "%s", mark);
	return style_put(style, TINT_DIM, bar, out);
}

int load_put_latency(const struct histogram *latency, const struct style *style, struct buf *out)
{
	char text[32];
	int r = 0;

	for (size_t i = 0; r == 0 && latency->count && i < PERCENTILES; i++) {
		uint64_t ns = histogram_at(latency, percentiles[i].millionths);
		r = buf_printf(out, "    %8s  %9s  ", percentiles[i].name, duration(ns, text, sizeof text));
		r = r ? r : put_bar(ns, latency, style, out);
		r = r ? r : buf_puts(out, "\n");
	}
	return r ? r
		 : buf_printf(out, "    %8s  %9s  of %s\n", "mean",
			      duration(histogram_mean(latency), text, sizeof text),
			      text_grouped(latency->count, (char[32]){0}, 32));
}

static int put_head(const struct bench *bench, const struct style *style, struct buf *out)
{
	const struct bench_options *options = bench->options;
	char title[128], pace[64] = "as fast as the answers come", pipe[48] = "", watch[48] = "";
	int r;

	(void)snprintf(title, sizeof title, "%s, %s", options->target_name, options->protocol->name);
	if (options->rate)
		(void)snprintf(pace, sizeof pace, "%s requests a second",
			       text_grouped(options->rate, (char[32]){0}, 32));
	if (options->pipeline > 1)
		(void)snprintf(pipe, sizeof pipe, ", %" PRIu32 " requests at once on each",
			       options->pipeline);
	if (strcmp(options->watch->name, "none") != 0)
		(void)snprintf(watch, sizeof watch, ", watched by %s", options->watch->name);
	r = style_put(style, TINT_BOLD, title, out);
	return r ? r
		 : buf_printf(out, ": %" PRIu32 " connection%s%s%s, %s, %.1f s, %" PRIu32 " process%s%s\n",
			      options->connections, options->connections == 1 ? "" : "s",
			      options->once ? " of one request each" : "", pipe, pace,
			      clock_seconds(bench->load.lasted), options->processes,
			      options->processes == 1 ? "" : "es", watch);
}

static int put_row(const char *name, const char *value, const char *rest, struct buf *out)
{
	return buf_printf(out, "    %-8s  %9s  %s\n", name, value, rest);
}

static int put_rates(const struct bench *bench, struct buf *out)
{
	const struct load_figures *load = &bench->load;
	double seconds = clock_seconds(load->lasted);
	char value[32], rest[160];
	int r;

	(void)snprintf(rest, sizeof rest, "a second; %s right answers, %.1f MB a second received",
		       text_grouped(load->answers, (char[32]){0}, 32),
		       seconds > 0 ? (double)load->received / 1e6 / seconds : 0);
	r = put_row("requests", text_grouped((uint64_t)(bench_rate(bench) + 0.5), value, sizeof value), rest,
		    out);
	(void)snprintf(rest, sizeof rest, "of a core for making the load%s",
		       seconds > 0 && clock_seconds(load->cpu) > 0.95 * seconds * bench->options->processes
			   ? ": it had no more to give, -j 2 may find more"
			   : "");
	(void)snprintf(value, sizeof value, "%.2f", seconds > 0 ? clock_seconds(load->cpu) / seconds : 0);
	return r ? r : put_row("cpu", value, rest, out);
}

/* Only what there is to say. */
static int put_remarks(const struct bench *bench, struct buf *out)
{
	const struct load_figures *load = &bench->load;
	const struct {
		uint64_t count;
		const char *name, *text;
	} rows[] = {
	    {load->closed, "closed", "kept connections closed by the server; others were made"},
	    {bench->options->once ? 0 : load->repeated, "again", "of their requests asked again"},
	    {bench->options->rate ? load->waiting : 0, "waiting",
	     "requests due and not answered at the end; their wait so far counts above"},
	    {load->judged > load->answers / 10 && load->judged > 100 ? load->judged : 0, "judged",
	     "answers differed from the one before: the protocol's own file looked at them, which takes "
	     "time"},
	};
	char value[32];
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof rows / sizeof *rows; i++)
		if (rows[i].count)
			r = put_row(rows[i].name, text_grouped(rows[i].count, value, sizeof value),
				    rows[i].text, out);
	return r;
}

static int put_failures(const struct bench *bench, const struct style *style, struct buf *out)
{
	const struct load_figures *load = &bench->load;
	char text[480];
	int r;

	if (bench_clean(bench))
		return 0;
	(void)snprintf(text, sizeof text,
		       "%" PRIu64 " wrong, %" PRIu64 " cut off, %" PRIu64 " connects failed%s%s%s",
		       load->wrong, load->cut, load->refused, bench->ended ? ", the server ended" : "",
		       load->complaint[0] ? "; first: " : "", load->complaint);
	r = style_put(style, TINT_BAD, style_verdict_mark(style, VERDICT_FAIL), out);
	r = r ? r : buf_puts(out, " ");
	r = r ? r : style_put(style, TINT_BAD, text, out);
	return r ? r : buf_puts(out, "\n");
}

int load_put(const struct bench *bench, const struct style *style, struct buf *out)
{
	int r = put_head(bench, style, out);

	r = r ? r : put_rates(bench, out);
	r = r ? r
	      : buf_puts(out, bench->options->rate ? "    latency, from when each request was due\n"
						   : "    latency\n");
	r = r ? r : load_put_latency(&bench->load.latency, style, out);
	r = r ? r : put_remarks(bench, out);
	return r ? r : put_failures(bench, style, out);
}
