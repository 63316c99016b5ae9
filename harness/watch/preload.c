/* SPDX-License-Identifier: MIT */
/*
 * Watching by preload: the tracer with most of its stops left out. The agent, a small library in the target,
 * makes the calls that libc's names ask for from a place that the filter lets pass, and tells what they did
 * through shared memory. Everything else stops the target as ever: calls that go by libc's names from inside
 * of it, raw ones, programs that cannot be preloaded, and what is no call: signals, births, exec, ends.
 * Faults are decided by one table in shared memory, by whoever makes the call; those that depend on what only
 * the tracer knows of the process stop it.
 *
 *     target ── fast ──► ring ──► reader thread ─┐
 *            ── slow ──► stop ──► tracer thread ─┴─ one lock ──► journal
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "watch/program.h"
#include "watch/tracer.h"

/* While there is something to tell, it is fetched so often: a thread that is woken for each record costs the
 * target more than the records do. */
#define NAP_NS	    200000L
#define BUSY	    32 /* records in one nap: from here on it naps longer, for a ring holds many */
#define BUSY_NAP_NS 1000000L
#define NAPS_IDLE   5 /* in vain, and then it sleeps until it is woken */

/*
 * What one record may cost, and one of a server that spins: faster than that it would fill the journal before
 * it is judged, and the disk with it. Its ring is full then, and it waits.
 */
#define RECORD_NS      2000
#define SPIN_RECORD_NS 32000
#define RECORDS_LEAST  16

/* Our own side's events do not wait for a server that tells faster than it is listened to. */
#define FETCH_MOST 4096
#define FETCH_SPIN 16

/* How many records may be taken now, so long after the last time. */
static uint64_t allowance(const struct agent *agent, uint64_t *since)
{
	uint64_t now = clock_now(), passed = now - *since;

	*since = now;
	return RECORDS_LEAST + passed / (agent_spins(agent) ? SPIN_RECORD_NS : RECORD_NS);
}

/* Whoever holds the lock is collecting, or has. */
static void fetch(void *arg)
{
	struct tracer *tracer = arg;

	if (pthread_mutex_trylock(&tracer->lock))
		return;
	(void)agent_collect(tracer, agent_spins(tracer->agent) ? FETCH_SPIN : FETCH_MOST);
	pthread_mutex_unlock(&tracer->lock);
}

static void *read_agent(void *arg)
{
	struct tracer *tracer = arg;
	uint64_t since = clock_now();
	unsigned idle = 0;

	journal_set_source(tracer->watcher->journal, fetch, tracer);
	while (!agent_over(tracer->agent)) {
		uint64_t told;

		pthread_mutex_lock(&tracer->lock);
		told = agent_collect(tracer, allowance(tracer->agent, &since));
		pthread_mutex_unlock(&tracer->lock);
		idle = told ? 0 : idle + 1;
		if (idle > NAPS_IDLE)
			agent_sleep(tracer->agent);
		else
			(void)nanosleep(&(struct timespec){.tv_nsec = told > BUSY ? BUSY_NAP_NS : NAP_NS},
					NULL);
	}
	journal_set_source(tracer->watcher->journal, NULL, NULL);
	return NULL;
}

static void tell_waits(struct watcher *watcher, const struct agent *agent)
{
	if (agent_waits(agent))
		(void)journal_mark(watcher->journal, MARK_NOTE,
				   "the agent's rings were full %llu times: the target waited",
				   (unsigned long long)agent_waits(agent));
}

static void *preload_main(void *arg)
{
	struct watcher *watcher = arg;
	struct watch_target target = *watcher->target;
	struct error error = {0};
	struct agent *agent;
	int ret = agent_new(watcher->faults, &agent, &error);

	if (ret == 0) {
		target.envp = agent_environment(agent, target.envp ? target.envp : environ);
		if (target.envp)
			tracer_run(watcher, &target, agent, read_agent);
		tell_waits(watcher, agent);
		agent_free(agent);
		ret = error_set(&error, -ENOMEM, "no memory for the target's environment");
	}
	watcher_refused(watcher, ret, "%s", error.text); /* without effect once it has started */
	watcher_over(watcher);
	return NULL;
}

static int preload_check(const char *command, struct error *error)
{
	int ret = agent_available(error);

	return ret < 0 ? ret : program_preloads(command, error);
}

static int preload_start(struct watcher *watcher, struct error *error)
{
	int ret = preload_check(watcher->target->argv[0], error);

	return ret < 0 ? ret : watcher_run(watcher, preload_main, error);
}

const struct watch_ops watch_preload = {
    .name = "preload",
    .doc = "the same seen from inside, by a small library: much faster, for programs linked with libc.so",
    .check = preload_check,
    .start = preload_start,
    .stop = watcher_kill,
};
