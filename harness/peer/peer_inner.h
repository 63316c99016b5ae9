/* SPDX-License-Identifier: MIT */
/* What a peer is made of. Only peer*.c include this. */
#ifndef WRINGER_PEER_PEER_INNER_H
#define WRINGER_PEER_PEER_INNER_H

#include "peer/peer.h"

struct peer {
	struct loop *loop;
	struct journal *journal;
	int fd; /* -1 once gone */
	int32_t id;
	char name[16];
	uint16_t port;
	bool canary;
	void (*changed)(void *arg);
	void *arg;

	bool connecting, failed, reset; /* failed, reset: by the target; then fd is -1 */
	bool reading;			/* not stalled */
	bool half_wanted, half_closed;
	bool got_fin; /* journalled */
	bool got_eof; /* read 0: everything before the FIN was read */
	bool watched;
	bool muted; /* the kernel reports HUP for ever and it tells nothing new */
	int error;

	struct buf outbox; /* from out_at on it is unsent */
	size_t out_at;
	struct buf inbox;
	size_t keep;
	uint64_t sent, received, dropped;
};

/* Journals an act; at: ns since journal_start, from before the call it is about. The journal keeps its own
 * failure. */
void peer_log_at(struct peer *peer, uint64_t at, enum peer_act act, int64_t ret, uint64_t a0);
void peer_log(struct peer *peer, enum peer_act act, int64_t ret, uint64_t a0);
/* Now, for peer_log_at. */
uint64_t peer_stamp(const struct peer *peer);

/* Asks for exactly the events that would tell something new. To be called when an act changed what that is.
 */
void peer_rewatch(struct peer *peer);
/* Follows what poll or epoll reported. The peer may be gone (fd -1) afterwards. */
void peer_follow(struct peer *peer, uint32_t events);
/* Reads all that has arrived, but for a target that sends faster than we read. The peer may be gone
 * afterwards. */
void peer_read_all(struct peer *peer);
/* Sends what the kernel takes, then half-closes if that waits for it. The peer may be gone afterwards. */
void peer_flush(struct peer *peer);

/* Closes our end without a word about how, and journals that it is gone. */
void peer_shut(struct peer *peer);

#endif
