/* SPDX-License-Identifier: MIT */
/* The command line every target understands. */
#ifndef TARGETS_OPTIONS_H
#define TARGETS_OPTIONS_H

#include <stdint.h>
#include "common/session.h"

struct options {
	uint16_t port;	    /* 0: any free one */
	enum speaks speaks; /* http unless told otherwise */
	int backlog;
	int workers; /* processes, at most PREFORK_MOST; 0: as many as the server likes */
};

/* Reads --port N, --protocol echo|http, --listen-backlog N, --workers N. Prints the usage and exits with 2 at nonsense. */
struct options options_parse(int argc, char **argv);

#endif
