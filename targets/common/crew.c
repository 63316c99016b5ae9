/* SPDX-License-Identifier: MIT */
#include "common/crew.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/listener.h"
#include "common/options.h"
#include "common/prefork.h"
#include "common/signals.h"

#define CREW 2

struct crew {
	const char *program;
	struct loop_hooks hooks;
	enum speaks speaks;
	int listener;
};

/* One loop; what its process or thread is to return. */
static int serve(const struct crew *crew)
{
	struct loop loop = {.hooks = &crew->hooks};
	int error = loop_open(&loop, crew->listener, crew->speaks);

	return loop_status(crew->program, error == 0 ? loop_run(&loop) : error);
}

static int work(void *arg, int index)
{
	(void)index;
	return serve(arg);
}

/* Whoever is told to stop takes the others along: their loops wait on signalfds of their own. */
static void *thread(void *arg)
{
	exit(serve(arg));
}

static int crew_open(struct crew *crew, int argc, char **argv, const struct loop_hooks *hooks)
{
	struct options options = options_parse(argc, argv);

	crew->program = argv[0];
	crew->hooks = *hooks;
	crew->hooks.listener = EPOLLIN | EPOLLEXCLUSIVE;
	crew->speaks = options.speaks;
	crew->listener = listener_open(options.port, options.backlog);
	return crew->listener < 0 ? crew->listener : listener_announce(crew->listener);
}

int crew_main_threads(int argc, char **argv, const struct loop_hooks *hooks)
{
	static struct crew crew;
	int error = crew_open(&crew, argc, argv, hooks);

	if (error == 0) /* threads inherit which signals are blocked */
		error = signals_open();
	for (int i = 1; i < CREW && error >= 0; i++) {
		pthread_t other;

		error = -pthread_create(&other, NULL, thread, &crew);
	}
	return error < 0 ? loop_status(argv[0], error) : serve(&crew);
}

int crew_main_forked(int argc, char **argv, const struct loop_hooks *hooks)
{
	struct crew crew;
	int error = crew_open(&crew, argc, argv, hooks);

	if (error == 0)
		error = prefork_run(CREW, work, &crew);
	return loop_status(argv[0], error);
}
