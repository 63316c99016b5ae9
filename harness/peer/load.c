/* SPDX-License-Identifier: MIT */
/*
 * With a rate, the k-th request is due at begin + k / rate, whatever became of those before it. It is given
 * to the line that has been free longest; when none is free it waits, and the wait is part of its latency: a
 * server that stands still for a second shows it in every request that was due in that second, not in one.
 */
#include "peer/load.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "peer/load_impl.h"

#define BATCH	64
#define SCRATCH 65536
#define LOOK	(100 * NS_PER_MS) /* how often the stop flag is looked at */

void load_complain(struct load *load, const char *format, ...)
{
	va_list args;

	if (load->figures->complaint[0])
		return;
	va_start(args, format);
	(void)vsnprintf(load->figures->complaint, sizeof load->figures->complaint, format, args);
	va_end(args);
}

int load_broke(struct load *load, int code, const char *what)
{
	if (!load->figures->broken) {
		load->figures->broken = code;
		(void)snprintf(load->figures->complaint, sizeof load->figures->complaint, "%s: %s", what,
			       strerror(-code));
	}
	return code;
}

void load_merge(struct load_figures *into, const struct load_figures *from)
{
	into->answers += from->answers;
	into->sent += from->sent;
	into->received += from->received;
	into->connects += from->connects;
	into->closed += from->closed;
	into->repeated += from->repeated;
	into->judged += from->judged;
	into->refused += from->refused;
	into->cut += from->cut;
	into->wrong += from->wrong;
	into->waiting += from->waiting;
	into->cpu += from->cpu;
	if (from->lasted > into->lasted)
		into->lasted = from->lasted;
	histogram_merge(&into->latency, &from->latency);
	if (!into->complaint[0] || (from->broken && !into->broken))
		memcpy(into->complaint, from->complaint, sizeof into->complaint);
	if (!into->broken)
		into->broken = from->broken;
}

int load_check(const struct load_options *options, struct error *error)
{
	uint32_t offers = options->protocol->offers;
	const char *name = options->protocol->name;

	if (!(offers & PROTOCOL_REQUEST))
		return error_set(error, -ENOTSUP, "%s has no requests that could be asked", name);
	if (options->pipeline > 1 && options->once)
		return error_set(error, -ENOTSUP, "nothing can be pipelined on connections of one request");
	if (options->pipeline > 1 && !(offers & PROTOCOL_PIPELINE))
		return error_set(error, -ENOTSUP, "%s has no pipelining", name);
	if (!options->once && !(offers & PROTOCOL_KEEPALIVE))
		return error_set(error, -ENOTSUP,
				 "%s has one request a connection: --one-request makes a new one for each",
				 name);
	return 0;
}

void load_offer(struct load *load, struct line *line)
{
	const struct load_options *options = load->options;

	if (!line_free(load, line))
		return;
	if (options->rate <= 0) {
		line_ask(load, line, options->pipeline - line->pending, load->now);
	} else if (!line->queued) {
		line->queued = true;
		load->queue[(load->queue_first + load->queue_count++) % options->connections] = line;
	}
}

/* When the next request is due. */
static uint64_t next_due(const struct load *load)
{
	double since = ((double)load->given + load->options->phase) / load->options->rate * (double)NS_PER_S;

	return load->options->begin + (uint64_t)since;
}

static void give_due(struct load *load)
{
	uint64_t due;

	while (load->queue_count && (due = next_due(load)) <= load->now) {
		struct line *line = load->queue[load->queue_first];
		load->queue_first = (load->queue_first + 1) % load->options->connections;
		load->queue_count--;
		line->queued = false;
		if (!line_free(load, line))
			continue;
		load->given++;
		line_ask(load, line, 1, due);
		load_offer(load, line);
	}
}

/* Lines that rest after a failure: begin anew when their time has come. */
static void wake(struct load *load)
{
	for (uint32_t i = 0; load->resting && i < load->options->connections; i++) {
		struct line *line = &load->lines[i];
		if (!line->wake || line->wake > load->now)
			continue;
		line->wake = 0;
		load->resting--;
		if (load->options->once)
			load_offer(load, line);
		else
			line_connect(load, line);
	}
}

static uint64_t wait_until(const struct load *load)
{
	uint64_t until = load->now + LOOK, due;

	if (load->resting)
		until = load->now + NS_PER_MS;
	if (load->options->rate > 0 && load->queue_count && (due = next_due(load)) < until)
		until = due;
	return until < load->options->end ? until : load->options->end;
}

/* epoll_wait counts in milliseconds, epoll_pwait2 is missing on kernels we still meet: poll the epoll itself,
 * but only when nothing is ready and the time matters. */
static int wait_events(struct load *load, struct epoll_event *events)
{
	int n = epoll_wait(load->epoll, events, BATCH, 0);

	if (n != 0)
		return n;
	load->now = clock_now();
	uint64_t until = wait_until(load), wait = until > load->now ? until - load->now : 0;
	struct timespec span = {.tv_sec = (time_t)(wait / NS_PER_S), .tv_nsec = (long)(wait % NS_PER_S)};
	struct pollfd self = {.fd = load->epoll, .events = POLLIN};
	if (load->options->rate <= 0)
		return epoll_wait(load->epoll, events, BATCH, (int)(wait / NS_PER_MS) + 1);
	n = ppoll(&self, 1, &span, NULL);
	return n > 0 ? epoll_wait(load->epoll, events, BATCH, 0) : n;
}

static void turn(struct load *load)
{
	struct epoll_event events[BATCH];
	int n = wait_events(load, events);

	if (n < 0 && errno != EINTR)
		(void)load_broke(load, -errno, "epoll_wait");
	load->now = clock_now();
	for (int i = 0; i < n && !load->figures->broken; i++)
		line_ready(load, events[i].data.ptr, events[i].events);
	if (load->options->rate > 0)
		give_due(load);
	wake(load);
}

static int make_request(struct load *load)
{
	const struct load_options *options = load->options;
	struct buf one = {0};
	int r = options->protocol->request(options->protocol, options->once ? REQUEST_LAST : REQUEST_WHOLE,
					   LOAD_TOKEN, 0, &one);

	for (uint32_t i = 0; r == 0 && i < options->pipeline; i++)
		r = buf_append(&load->request, one.data, one.size);
	load->request_size = one.size;
	buf_free(&one);
	return r == 0 && !load->request.size ? -ENOTSUP : r;
}

static int load_open(struct load *load)
{
	const struct load_options *options = load->options;

	load->lines = calloc(options->connections, sizeof *load->lines);
	load->dues = calloc((size_t)options->connections * options->pipeline, sizeof *load->dues);
	load->queue = calloc(options->connections, sizeof(*load->queue));
	load->scratch = malloc(SCRATCH);
	if (!load->lines || !load->dues || !load->queue || !load->scratch)
		return load_broke(load, -ENOMEM, "the connections");
	for (uint32_t i = 0; i < options->connections; i++) {
		load->lines[i].fd = -1;
		load->lines[i].dues = load->dues + (size_t)i * options->pipeline;
	}
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load->epoll < 0)
		return load_broke(load, -errno, "epoll");
	int r = make_request(load);
	return r < 0 ? load_broke(load, r, "making the request") : 0;
}

static void load_close(struct load *load)
{
	for (uint32_t i = 0; load->lines && i < load->options->connections; i++) {
		line_close(&load->lines[i]);
		buf_free(&load->lines[i].inbox);
	}
	if (load->epoll >= 0)
		(void)close(load->epoll);
	buf_free(&load->request);
	buf_free(&load->known);
	buf_free(&load->greeting);
	buf_free(&load->why);
	free(load->lines);
	free(load->dues);
	free(load->queue);
	free(load->scratch);
}

/* What was due and found nobody to be asked of: at a high rate far more than can be walked through. */
static void count_unasked(struct load *load)
{
	double step = (double)NS_PER_S / load->options->rate;
	uint64_t longest = load->now - next_due(load);
	uint64_t count = (uint64_t)ceil((double)longest / step);

	load->given += count;
	load->figures->waiting += count;
	histogram_add_even(&load->figures->latency, longest - (uint64_t)((double)(count - 1) * step), step,
			   count);
}

/* What was due and has no answer: its wait so far is the least that can be said of it, and is said. */
static void count_waiting(struct load *load)
{
	struct load_figures *figures = load->figures;
	bool rated = load->options->rate > 0;

	for (uint32_t i = 0; i < load->options->connections; i++) {
		const struct line *line = &load->lines[i];
		figures->waiting += line->pending;
		for (uint32_t j = 0; rated && j < line->pending; j++) {
			uint64_t due = line->dues[(line->first + j) % load->options->pipeline];
			histogram_add(&figures->latency, load->now > due ? load->now - due : 0);
		}
	}
	if (rated && next_due(load) < load->now)
		count_unasked(load);
}

static uint64_t own_cpu(void)
{
	struct timespec used = {0};

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

static void play(struct load *load)
{
	const struct load_options *options = load->options;
	uint64_t cpu = own_cpu();

	load->now = clock_now();
	for (uint32_t i = 0; i < options->connections && !load->figures->broken; i++) {
		if (options->once)
			load_offer(load, &load->lines[i]);
		else
			line_connect(load, &load->lines[i]);
	}
	while (!load->figures->broken && load->now < options->end && !(options->stop && *options->stop))
		turn(load);
	load->figures->lasted = load->now > options->begin ? load->now - options->begin : 0;
	load->figures->cpu = own_cpu() - cpu;
	count_waiting(load);
}

int load_run(const struct load_options *options, struct load_figures *figures)
{
	struct load load = {.options = options, .figures = figures, .epoll = -1};

	if (load_open(&load) == 0)
		play(&load);
	load_close(&load);
	return figures->broken;
}
