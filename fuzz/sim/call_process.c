/* SPDX-License-Identifier: MIT */
/* The process: its end, its limits, what it is and what it cannot become. */
#include "fuzz/sim/sim_impl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/rng.h"
#include "fuzz/sim/wrap.h"

/* What is to be called at the end, the last one first. */
struct sim_farewell {
	struct sim_farewell *next;
	void (*call)(void *arg);
	void *arg;
};

int __wrap___cxa_atexit(void (*call)(void *arg), void *arg, void *library)
{
	struct sim_farewell *farewell = malloc(sizeof *farewell);

	(void)library;
	if (!farewell)
		return -1;
	*farewell = (struct sim_farewell){sim_current->farewells, call, arg};
	sim_current->farewells = farewell;
	return 0;
}

int __wrap___cxa_thread_atexit_impl(void (*call)(void *arg), void *arg, void *library)
{
	return __wrap___cxa_atexit(call, arg, library);
}

static void call_plain(void *arg)
{
	((void (*)(void))arg)();
}

int __wrap_atexit(void (*call)(void))
{
	return __wrap___cxa_atexit(call_plain, (void *)call, NULL);
}

void sim_drop_farewells(struct sim *sim)
{
	for (struct sim_farewell *farewell; (farewell = sim->farewells);) {
		sim->farewells = farewell->next;
		free(farewell);
	}
}

void __wrap_exit(int status)
{
	struct sim *sim = sim_current;

	for (struct sim_farewell *farewell; (farewell = sim->farewells);) {
		struct sim_farewell now = *farewell;
		sim->farewells = now.next;
		free(farewell);
		now.call(now.arg);
	}
	sim_leave(sim, SIM_ENDED, status);
}

void __wrap__exit(int status)
{
	sim_leave(sim_current, SIM_ENDED, status);
}

void __wrap_abort(void)
{
	sim_leave(sim_current, SIM_KILLED, SIGABRT);
}

void __wrap___assert_fail(const char *claim, const char *file, unsigned line, const char *function)
{
	(void)__wrap_fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, claim);
	__wrap_abort();
}

pid_t __wrap_getpid(void)
{
	return SIM_PID;
}

pid_t __wrap_gettid(void)
{
	return SIM_PID;
}

/* By its number: there are too many to know them all. */
long __wrap_syscall(long number, ...)
{
	if (number == SYS_gettid)
		return SIM_PID;
	sim_refuse("syscall", ENOSYS);
	return -1;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
			  void *arg)
{
	(void)thread;
	(void)attributes;
	(void)start;
	(void)arg;
	sim_refuse("pthread_create", EAGAIN);
	return EAGAIN;
}

int __wrap_getrlimit(int which, struct rlimit *ret_limit)
{
	int r = getrlimit((__rlimit_resource_t)which, ret_limit);

	if (which == RLIMIT_NOFILE)
		*ret_limit = (struct rlimit){(rlim_t)sim_current->limit, KERNEL_FDS};
	return r;
}

/* The others limit the fuzzer as well: they stay as they are. */
int __wrap_setrlimit(int which, const struct rlimit *limit)
{
	struct sim *sim = sim_of_call();
	struct event event = sim_event(CALL_prlimit64, -1);

	event.arg[0] = (uint64_t)which;
	event.arg[1] = limit->rlim_cur;
	if (which == RLIMIT_NOFILE && (limit->rlim_max > KERNEL_FDS || limit->rlim_cur > limit->rlim_max))
		return (int)sim_end_call(sim, &event, limit->rlim_max > KERNEL_FDS ? -EPERM : -EINVAL);
	if (which == RLIMIT_NOFILE)
		sim_limit(sim, (int)limit->rlim_cur);
	return (int)sim_end_call(sim, &event, 0);
}

int __wrap_getdtablesize(void)
{
	return sim_current->limit;
}

long __wrap_sysconf(int name)
{
	return name == _SC_OPEN_MAX ? sim_current->limit : sysconf(name);
}

/* What is drawn by lot is the same in every run. */
void __wrap_arc4random_buf(void *bytes, size_t size)
{
	struct rng rng = {sim_current->lot};

	for (size_t i = 0; i < size; i++)
		((unsigned char *)bytes)[i] = (unsigned char)rng_next(&rng);
	sim_current->lot = rng.state;
}

uint32_t __wrap_arc4random(void)
{
	uint32_t number;

	__wrap_arc4random_buf(&number, sizeof number);
	return number;
}

uint32_t __wrap_arc4random_uniform(uint32_t below)
{
	return below ? __wrap_arc4random() % below : 0;
}

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
	(void)flags;
	__wrap_arc4random_buf(bytes, size);
	return (ssize_t)size;
}

int __wrap_getentropy(void *bytes, size_t size)
{
	__wrap_arc4random_buf(bytes, size);
	return 0;
}
