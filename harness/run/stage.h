/* SPDX-License-Identifier: MIT */
/* The stage: one case while it plays, as a scenario sees it. One thread. */
#ifndef WRINGER_RUN_STAGE_H
#define WRINGER_RUN_STAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/rng.h"
#include "inject/fault.h"
#include "journal/journal.h"
#include "model/world.h"
#include "peer/canary.h"
#include "peer/hoard.h"
#include "peer/loop.h"
#include "peer/peer.h"
#include "peer/protocol.h"
#include "target/target.h"

struct stage;

/* Parts. */
const struct protocol *stage_protocol(const struct stage *stage);
const struct world *stage_world(const struct stage *stage);
struct loop *stage_loop(struct stage *stage);
struct journal *stage_journal(struct stage *stage);
struct canary *stage_canary(struct stage *stage);
struct target *stage_target(struct stage *stage);
struct rng *stage_rng(struct stage *stage);
bool stage_watched(const struct stage *stage); /* false with --watch none */
bool stage_sandboxed(const struct stage *stage);
/* A -D NAME=VALUE setting, or NULL. */
const char *stage_setting(const struct stage *stage, const char *name);
/* ns scaled by --time-scale. */
uint64_t stage_window(const struct stage *stage, uint64_t ns);

/*
 * Waits for something to happen on either side, at most until (clock_now() time), and follows it: peers' I/O,
 * timers, the journal into the world. Returns 0; -ESRCH once the target is gone (only when the call found
 * nothing else to do); -ETIME when the case's own limit is over; -EINTR when the run is being ended; another
 * negative errno when our side broke.
 */
int stage_step(struct stage *stage, uint64_t until);

/* How long whoever takes part in a request has waited for a CPU, ns in all; looked at anew every DELAY_LOOK.
 */
#define DELAY_LOOK (100 * NS_PER_MS)
uint64_t stage_delayed(struct stage *stage);

/* Every event from here on, once the world has followed it. NULL: no more. */
void stage_listen(struct stage *stage, void (*hear)(void *arg, const struct event *event), void *arg);

/* Peers. Those still open are freed (FIN) when the case ends; stage_drop frees one earlier. */
int stage_connect(struct stage *stage, const struct peer_options *options, struct peer **ret_peer,
		  struct error *error); /* name NULL: "c1", "c2" …; id is given here */
/* The same by the thousand, without a struct for each; its address is ours to fill. The caller frees it. */
int stage_hoard(struct stage *stage, const struct hoard_options *options, struct hoard **ret_hoard,
		struct error *error);
void stage_drop(struct stage *stage, struct peer *peer);
/* What the target did with this peer's connection so far; NULL before it accepted. */
struct file *stage_conn(const struct stage *stage, const struct peer *peer);
/*
 * The target did something since the peers last did, and has slept for a moment: for whoever does one thing
 * after the other. What does not make it do anything is to be given up soon.
 */
bool stage_settled(struct stage *stage);
/* No thread of the target does anything, by the journal and by the kernel. Only of one that is watched. */
bool stage_asleep(const struct stage *stage);
/* How often stage_settled is worth asking while nothing happens, ns. */
uint64_t stage_settled_poll(const struct stage *stage);
/*
 * The same, known instead of waited for, for whoever does thousands of things in a row: all its threads
 * sleep, in waits that they went into since, and what came of it has reached the peers. To be asked between
 * steps: the answer is yes only when a step has passed since that was first so, and brought nothing. Where
 * threads do not stop (ptrace) or tell before they sleep (preload), it is stage_settled.
 */
bool stage_still(struct stage *stage);
/* How long to wait before asking again, having waited for so long, ns. */
uint64_t stage_still_poll(const struct stage *stage, uint64_t waited);

/* Faults under the target. Lifted at the latest when the scenario's steps are over. */
int stage_arm(struct stage *stage, const struct fault *fault, uint32_t *ret_id, struct error *error);
/* How often it struck so far; 0 for an unknown id. */
uint64_t stage_delivered(const struct stage *stage, uint32_t id);
/* Whether the target has io_uring do what the fault is about, where no result can be made for it. */
bool stage_out_of_reach(const struct stage *stage, uint32_t id);
#define OUT_OF_REACH "the target leaves it to io_uring, whose results wringer cannot make: %s"
int stage_lift(struct stage *stage, uint32_t id, uint64_t *ret_delivered);
/* Lowers RLIMIT_NOFILE to leave `spare` free fds above what every process has open now; restored with
 * stage_limit_restore. */
int stage_limit_fds(struct stage *stage, uint32_t spare, struct error *error);
int stage_limit_restore(struct stage *stage);
int stage_signal(struct stage *stage, int signo, bool all);

/* The end of a scenario that did not go as planned; the first one counts. Each returns a negative errno to
 * hand on. */
int stage_fail(struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* target is wrong */
int stage_broken(struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* our side is wrong */
int stage_skip(struct stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
