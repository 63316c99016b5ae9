/* SPDX-License-Identifier: MIT */
#include "watch/closers.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include "watch/numbers.h"

#define TRIES	25
#define WAIT_NS 200000L

void closers_init(struct closers *closers)
{
	pthread_mutex_init(&closers->lock, NULL);
}

void closers_destroy(struct closers *closers)
{
	pthread_mutex_destroy(&closers->lock);
}

void closers_enter(struct closers *closers, pid_t tid)
{
	pthread_mutex_lock(&closers->lock);
	if (closers->count < CLOSERS_MOST)
		closers->tids[closers->count++] = tid;
	else
		closers->crowded = true;
	pthread_mutex_unlock(&closers->lock);
}

static void drop(struct closers *closers, size_t index)
{
	closers->tids[index] = closers->tids[--closers->count];
}

void closers_leave(struct closers *closers, pid_t tid)
{
	pthread_mutex_lock(&closers->lock);
	for (size_t i = 0; i < closers->count; i++) {
		if (closers->tids[i] != tid)
			continue;
		drop(closers, i);
		break;
	}
	pthread_mutex_unlock(&closers->lock);
}

static bool gives_up(long number)
{
#ifdef SYS_dup2
	if (number == SYS_dup2)
		return true;
#endif
	return number == SYS_close || number == SYS_dup3 || number == __NR_close_range;
}

/*
 * Whether a thread of which no stop has been heard since is through all the same: it is asleep in another
 * call
 * ("202 0x7f…", as /proc/TID/syscall says), or gone. One that runs ("running") may not even have begun.
 */
static bool is_through(pid_t tid)
{
	char path[40];
	long number;
	bool asleep;
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%d/syscall", tid);
	file = fopen(path, "re");
	if (!file)
		return true;
	asleep = fscanf(file, "%ld", &number) == 1;
	(void)fclose(file);
	return asleep && !gives_up(number);
}

static bool is_quiet(struct closers *closers)
{
	for (size_t i = closers->count; i-- > 0;)
		if (is_through(closers->tids[i]))
			drop(closers, i);
	return closers->count == 0;
}

bool closers_hold(struct closers *closers)
{
	if (!atomic_load(&closers->known))
		return false;
	for (int i = 0; i < TRIES; i++) {
		pthread_mutex_lock(&closers->lock);
		if (!closers->crowded && is_quiet(closers))
			return true;
		pthread_mutex_unlock(&closers->lock);
		(void)nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
	}
	return false;
}

void closers_release(struct closers *closers)
{
	pthread_mutex_unlock(&closers->lock);
}
