/* SPDX-License-Identifier: MIT */
#include "common/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void usage(const char *program)
{
	fprintf(stderr, "usage: %s [--port N] [--protocol echo|http] [--listen-backlog N] [--workers N]\n",
		program);
	exit(2);
}

static long number(const char *text, long most, const char *program)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < 0 || value > most)
		usage(program);
	return value;
}

struct options options_parse(int argc, char **argv)
{
	static const struct option known[] = {
	    {"port", required_argument, NULL, 'p'},
	    {"protocol", required_argument, NULL, 's'},
	    {"listen-backlog", required_argument, NULL, 'b'},
	    {"workers", required_argument, NULL, 'w'},
	    {NULL, 0, NULL, 0},
	};
	struct options options = {.port = 0, .speaks = SPEAKS_HTTP, .backlog = 512};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'p')
			options.port = (uint16_t)number(optarg, UINT16_MAX, argv[0]);
		else if (option == 'b')
			options.backlog = (int)number(optarg, 65535, argv[0]);
		else if (option == 'w')
			options.workers = (int)number(optarg, 16, argv[0]);
		else if (option == 's' && strcmp(optarg, "echo") == 0)
			options.speaks = SPEAKS_ECHO;
		else if (option == 's' && strcmp(optarg, "http") == 0)
			options.speaks = SPEAKS_HTTP;
		else
			usage(argv[0]);
	}
	if (optind < argc)
		usage(argv[0]);
	return options;
}
