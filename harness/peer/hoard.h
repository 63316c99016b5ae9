/* SPDX-License-Identifier: MIT */
/*
 * A hoard: connections by the hundred thousand that wait, or say a little now and then. Worker processes hold
 * them, as many as their limits of fds ask for; what they count lies in memory that is shared with us, and
 * orders go the same way. A peer of a hoard is an fd and a few bytes: no struct peer, no line in the journal.
 */
#ifndef WRINGER_PEER_HOARD_H
#define WRINGER_PEER_HOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "base/error.h"

struct hoard;

/* How many are held of how many that are wanted, all hoards that share it taken together: for another
 * process, which shows it while they come and go. */
struct hoard_crowd {
	_Atomic uint32_t held, wanted;
};

struct hoard_options {
	const struct sockaddr *address;
	socklen_t address_size;
	uint32_t peers;
	const char *text; /* each sends half at once, the rest a byte at a time; copied; NULL: nothing */
	size_t text_size;
	double rate;		   /* bytes a second of all peers together */
	struct hoard_crowd *crowd; /* shared memory that outlives the hoard; NULL: nobody looks */
};

struct hoard_count {
	uint32_t open;	  /* connected by now, and neither side has ended it */
	uint32_t made;	  /* connections that were made so far */
	uint32_t ended;	  /* of these, by the server */
	uint32_t refused; /* connects that failed, and are tried again */
	uint64_t bytes;	  /* sent */
	int error;	  /* positive errno of the last connect that failed, 0 none */
	int broken;	  /* negative errno: our own side failed */
	uint32_t workers;
	uint64_t memory; /* resident bytes that the workers have to themselves */
};

/* How many fds of one process a hoard leaves for other things. */
#define HOARD_SPARE	   32
#define HOARD_WORKERS_MOST 256

/*
 * How many peers this machine can hold, by the fds and the memory there are and the ports of loopback; reason
 * says what ends them. Both ends of a connection count: the server is on this machine too.
 */
uint64_t hoard_most(const char **ret_reason);

/* Starts the workers, which begin to connect, paced by how fast the server takes connections off its queue.
 * 0 or a negative errno with error. */
int hoard_new(const struct hoard_options *options, struct hoard **ret_hoard, struct error *error);
struct hoard_count hoard_count(const struct hoard *hoard);
/* How long ago the number of connections last grew, in ns. */
uint64_t hoard_still(struct hoard *hoard);
/* Has all of them closed; hoard_gone says when that is done. */
void hoard_drop(struct hoard *hoard);
bool hoard_gone(struct hoard *hoard);
/* Kills the workers that are left, frees. NULL is fine. */
void hoard_free(struct hoard *hoard);

#endif
