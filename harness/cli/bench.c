/* SPDX-License-Identifier: MIT */
/* `wringer bench`: a server under load, and what was saved of that. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli/plan.h"
#include "cli/prepare.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/status.h"
#include "report/load.h"
#include "report/output.h"
#include "run/bench.h"
#include "script/script.h"

#define RATE_MOST 1000000000
#define FILE_MOST (1 << 20) /* a histogram with every bucket in use takes half of it */

/* Everything a load needs, and where it is told: opened before the work, so that a file that cannot be
 * written is told at once. */
struct loading {
	const struct settings *settings;
	struct protocol *protocol;
	const struct watch_ops *watch;
	struct plan plan;
	struct output *json, *histogram;
};

static int check_numbers(const struct settings *settings, struct error *error)
{
	if (settings->pipeline > LOAD_PIPELINE_MOST)
		return error_set(error, -EINVAL, "--pipeline goes up to %d", LOAD_PIPELINE_MOST);
	if (settings->rate > RATE_MOST)
		return error_set(error, -EINVAL, "--rate goes up to %d, a request each nanosecond",
				 RATE_MOST);
	if (settings->jobs > BENCH_PROCESSES_MOST)
		return error_set(error, -EINVAL, "--jobs goes up to %d", BENCH_PROCESSES_MOST);
	if (settings->jobs > settings->connections)
		return error_set(error, -EINVAL, "%llu processes have no use for %llu connections",
				 (unsigned long long)settings->jobs,
				 (unsigned long long)settings->connections);
	/* each process needs a few for itself */
	uint64_t each = settings->connections / (settings->jobs ? settings->jobs : 1) + 1;
	long most = sysconf(_SC_OPEN_MAX);
	if (most > 0 && each + 64 > (uint64_t)most)
		return error_set(error, -EMFILE,
				 "%llu connections are more than the fds of one process (%ld) can hold: more "
				 "processes (-j) can",
				 (unsigned long long)settings->connections, most);
	return 0;
}

static int prepare(struct loading *loading, struct settings *settings, char **command, struct error *error)
{
	bool watched = settings_given(settings, "watch");
	int r = command ? plan_find_command(command[0], error) : 0;

	if (r == 0 && settings->targets.count + (command ? 1 : 0) > 1)
		r = error_set(error, -EINVAL, "a load is for one server at a time");
	if (r == 0)
		r = check_numbers(settings, error);
	if (r == 0)
		r = prepare_protocol(settings, !command, &loading->protocol, error);
	if (r == 0)
		r = plan_targets(settings, command, loading->protocol->name, &loading->plan, error);
	if (r == 0)
		r = plan_watch(&loading->plan, watched ? settings->watch : "none", &loading->watch, error);
	if (r == 0 && settings->json)
		r = output_open(settings->json, &loading->json, error);
	if (r == 0 && settings->histogram)
		r = output_open(settings->histogram, &loading->histogram, error);
	return r;
}

static void progress(void *arg, double seconds, uint64_t answers)
{
	const struct settings *settings = arg;

	(void)fprintf(stderr, "\r%.0f of %.0f s, %.0f answers a second \x1b[K", seconds,
		      (double)settings->duration / 1e9, seconds > 0 ? (double)answers / seconds : 0);
}

static int print(int made, struct buf *text, struct output *output, struct error *error)
{
	int r = made < 0 ? error_set(error, made, "out of memory") : 0;

	if (r == 0 && output)
		r = output_write(output, text->data, text->size, error);
	else if (r == 0)
		(void)fwrite(text->data, 1, text->size, stdout);
	buf_free(text);
	return r;
}

static int tell(const struct loading *loading, const struct bench *bench, struct error *error)
{
	const struct settings *settings = loading->settings;
	struct report_head head;
	struct style style;
	struct buf text = {0};
	int r = 0;

	session_head(settings, &head);
	session_style(settings, stdout, &style);
	if (!settings->json || strcmp(settings->json, "-") != 0)
		r = print(load_put(bench, &style, &text), &text, NULL, error);
	if (r == 0 && loading->json)
		r = print(load_put_json(bench, head.kernel, &text), &text, loading->json, error);
	if (r == 0 && loading->histogram)
		r = print(histogram_save(&bench->load.latency, &text), &text, loading->histogram, error);
	return r;
}

static int run_load(const struct loading *loading, struct error *error)
{
	static struct bench bench; /* 70 KB of buckets are nothing for a stack */
	const struct settings *settings = loading->settings;
	const struct plan_target *target = &loading->plan.targets[0];
	bool shows = isatty(STDERR_FILENO) && !settings->no_progress;
	const struct bench_options options = {
	    .target_name = target->name,
	    .argv = target->argv,
	    .protocol = loading->protocol,
	    .watch = loading->watch,
	    .port = (uint16_t)settings->port,
	    .sandbox = !settings->no_sandbox,
	    .time_scale = settings->time_scale,
	    .connections = (uint32_t)settings->connections,
	    .pipeline = (uint32_t)settings->pipeline,
	    .processes = settings->jobs ? (uint32_t)settings->jobs : 1,
	    .rate = settings->rate,
	    .duration = settings->duration,
	    .once = settings->one_request,
	    .stop = signals_stop(),
	    .progress = shows ? progress : NULL,
	    .arg = (void *)(uintptr_t)settings,
	};
	const struct load_options form = {
	    .protocol = loading->protocol, .pipeline = options.pipeline, .once = options.once};
	int r = load_check(&form, error);

	if (r < 0)
		return r;
	signals_take();
	r = bench_load(&options, &bench, error);
	if (shows)
		(void)fputs("\r\x1b[K", stderr);
	r = r ? r : tell(loading, &bench, error);
	return r ? r : bench_clean(&bench) ? STATUS_PASSED : STATUS_FAILED;
}

static int load(struct settings *settings, char **command)
{
	struct loading loading = {.settings = settings};
	struct error error = {0};
	int r = prepare(&loading, settings, command, &error);

	if (r == 0)
		r = run_load(&loading, &error);
	output_free(loading.json);
	output_free(loading.histogram);
	plan_free(&loading.plan);
	protocol_free(loading.protocol);
	return r < 0 ? say(&error) : r;
}

static int read_file(const char *path, struct histogram *ret_histogram, struct error *error)
{
	FILE *file = fopen(path, "re");
	struct buf text = {0};
	size_t got = 0;
	int r = file ? buf_reserve(&text, FILE_MOST) : -errno;

	if (r == 0)
		got = fread(text.data, 1, FILE_MOST, file);
	if (r == 0 && ferror(file))
		r = -errno;
	if (file)
		(void)fclose(file);
	r = r < 0 ? error_set(error, r, "%s", strerror(-r))
		  : histogram_read(text.data, got, ret_histogram, error);
	buf_free(&text);
	return r < 0 ? error_prefix(error, "%s", path) : 0;
}

/* Saved ones, added up. */
static int tell_saved(const struct settings *settings, const struct words *words)
{
	static struct histogram sum, one;
	struct error error = {0};
	struct style style;
	struct buf text = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < words->count; i++) {
		r = read_file(words->items[i], &one, &error);
		if (r == 0)
			histogram_merge(&sum, &one);
	}
	session_style(settings, stdout, &style);
	r = r ? r : print(load_put_latency(&sum, &style, &text), &text, NULL, &error);
	return r < 0 ? say(&error) : STATUS_PASSED;
}

static int bench(struct settings *settings, const struct words *words)
{
	if (settings->load && words->count)
		return say_error("put -- before the command: wringer bench --load [OPTIONS] -- %s …",
				 words->items[0]);
	if (settings->load)
		return load(settings, words->command);
	if (words->command)
		return say_error("bench puts load on a server with --load; see `wringer bench -h`");
	if (!words->count)
		return say_error("nothing to do: --load measures, files saved by --histogram are told");
	return tell_saved(settings, words);
}

const struct command command_bench = {
    .name = "bench",
    .bit = FOR_BENCH,
    .usage = "--load [OPTIONS] [--target NAME | -- COMMAND [ARG...]] | FILE...",
    .doc = "how fast a server answers: load, rates and latencies to 99.99 %",
    .about =
	"Starts the server in a sandbox and has connections ask it, as many and as long as is wanted: as "
	"fast as the answers come, or at a fixed rate. With a rate a request is due at its time whatever "
	"became of those before it, and its latency counts from then, so that a server that stands still "
	"is charged for everybody who would have asked meanwhile. The protocol makes the request once and "
	"judges the first answer; one that equals it, byte for byte, is right, and one that does not is "
	"judged again, so every answer is checked and no Lua runs for most. The server is not watched "
	"unless --watch says so. The status is 1 when a request got no right answer. Files that "
	"--histogram saved are added up and told.",
    .run = bench,
};
