/* SPDX-License-Identifier: MIT */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include "base/clock.h"
#include "report/load.h"

static bool put_number(cJSON *item, const char *name, double value)
{
	return cJSON_AddNumberToObject(item, name, value) != NULL;
}

static bool put_target(cJSON *root, const struct bench_options *options)
{
	cJSON *item = cJSON_AddObjectToObject(root, "target");
	cJSON *command = item ? cJSON_AddArrayToObject(item, "command") : NULL;
	bool fine = command && cJSON_AddStringToObject(item, "name", options->target_name) &&
		    cJSON_AddStringToObject(item, "protocol", options->protocol->name) &&
		    cJSON_AddStringToObject(item, "watch", options->watch->name);

	for (size_t i = 0; fine && options->argv[i]; i++) {
		cJSON *word = cJSON_CreateString(options->argv[i]);
		fine = word && cJSON_AddItemToArray(command, word);
	}
	return fine;
}

static bool put_load(cJSON *root, const struct bench *bench)
{
	const struct bench_options *options = bench->options;
	cJSON *item = cJSON_AddObjectToObject(root, "load");

	return item && put_number(item, "connections", options->connections) &&
	       put_number(item, "pipeline", options->pipeline) &&
	       (options->rate ? put_number(item, "rate", (double)options->rate)
			      : cJSON_AddNullToObject(item, "rate") != NULL) &&
	       cJSON_AddBoolToObject(item, "one_request", options->once) &&
	       put_number(item, "processes", options->processes) &&
	       put_number(item, "seconds", clock_seconds(bench->load.lasted)) &&
	       put_number(item, "cpu_seconds", clock_seconds(bench->load.cpu));
}

static bool put_counts(cJSON *root, const struct load_figures *load)
{
	const struct {
		const char *name;
		uint64_t count;
	} rows[] = {
	    {"answers", load->answers},
	    {"wrong", load->wrong},
	    {"cut", load->cut},
	    {"refused", load->refused},
	    {"waiting", load->waiting},
	    {"connects", load->connects},
	    {"closed", load->closed},
	    {"repeated", load->repeated},
	    {"judged", load->judged},
	    {"bytes_sent", load->sent},
	    {"bytes_received", load->received},
	};
	bool fine = true;

	for (size_t i = 0; fine && i < sizeof rows / sizeof *rows; i++)
		fine = put_number(root, rows[i].name, (double)rows[i].count);
	return fine && (load->complaint[0] ? cJSON_AddStringToObject(root, "complaint", load->complaint)
					   : cJSON_AddNullToObject(root, "complaint"));
}

static bool put_latency(cJSON *root, const struct histogram *latency)
{
	static const struct {
		const char *name;
		uint32_t millionths;
	} rows[] = {{"p50", 500000}, {"p75", 750000},	{"p90", 900000},
		    {"p99", 990000}, {"p99_9", 999000}, {"p99_99", 999900}};
	cJSON *item = cJSON_AddObjectToObject(root, "latency_ms");
	bool fine = item && put_number(item, "count", (double)latency->count) &&
		    put_number(item, "min", (double)latency->min / (double)NS_PER_MS) &&
		    put_number(item, "mean", (double)histogram_mean(latency) / (double)NS_PER_MS);

	for (size_t i = 0; fine && i < sizeof rows / sizeof *rows; i++)
		fine = put_number(item, rows[i].name,
				  (double)histogram_at(latency, rows[i].millionths) / (double)NS_PER_MS);
	return fine && put_number(item, "max", (double)latency->max / (double)NS_PER_MS);
}

static bool fill(cJSON *root, const struct bench *bench, const char *kernel)
{
	return cJSON_AddStringToObject(root, "format", "wringer-load") && put_number(root, "version", 1) &&
	       cJSON_AddStringToObject(root, "wringer", WRINGER_VERSION) &&
	       cJSON_AddStringToObject(root, "kernel", kernel) && put_target(root, bench->options) &&
	       put_load(root, bench) && put_number(root, "requests_per_second", bench_rate(bench)) &&
	       cJSON_AddBoolToObject(root, "clean", bench_clean(bench)) &&
	       cJSON_AddBoolToObject(root, "stopped", bench->stopped) && put_counts(root, &bench->load) &&
	       put_latency(root, &bench->load.latency);
}

int load_put_json(const struct bench *bench, const char *kernel, struct buf *out)
{
	cJSON *root = cJSON_CreateObject();
	char *text = root && fill(root, bench, kernel) ? cJSON_Print(root) : NULL;
	int r = text ? buf_puts(out, text) : -ENOMEM;

	r = r ? r : buf_puts(out, "\n");
	cJSON_free(text);
	cJSON_Delete(root);
	return r;
}
