/* SPDX-License-Identifier: MIT */
/*
 * What the agent in the target and the watcher share: a file that both map.
 *
 *     target thread ── record ──► its own slot's ring ──► watcher ──► journal
 *                   ◄── faults, mute, age ──────────────   and back: how often each struck
 *
 * A thread that enters a call asks the head of the file first; it writes only where it owns a slot, so that
 * there is one writer and one reader to a ring and a thread killed halfway leaves nothing behind. Whatever
 * the agent does not take goes the slow way: the ordinary call, at which the tracer stops the thread. So
 * nothing is missed by the agent being absent, late or unsure; it only costs more.
 *
 * The fast way is a call made from one known place, AGENT_STUB: the filter lets calls pass that come from
 * there. The agent puts the two instructions there when it starts.
 */
#ifndef WRINGER_AGENT_SHARE_H
#define WRINGER_AGENT_SHARE_H

#include <stdatomic.h>
#include <stdint.h>
#include "inject/fault_table.h"
#include "journal/event.h"

#define AGENT_MAGIC   0x544e454741525257ULL /* "WRRAGENT" */
#define AGENT_VERSION 3
/* In the environment: the path of the file. */
#define AGENT_VARIABLE "WRINGER_AGENT"

/* fcntl(-1, AGENT_CLAIM, AGENT_VERSION), which no kernel knows: the tracer gives the thread a slot, whose
 * number it returns, and skips the call. */
#define AGENT_CLAIM 0x57524147
/* The last argument of an accept or close that the agent makes the slow way, which neither call has: what
 * becomes of the number is known to it. */
#define AGENT_KNOWS 0x57524b4e57L
/* Not an errno: an interrupted call that the tracer has journalled already; the target is to see EINTR. */
#define AGENT_TOLD 4001

/* A page nothing else lies at: above the heap of a fixed-address program, below libraries and PIE, in no
 * sanitizer's shadow. The filter sees the address behind the instruction that asks. */
#if defined __x86_64__
#define AGENT_STUB	 0x2a0000000000ULL
#define AGENT_STUB_AFTER (AGENT_STUB + 6) /* endbr64, syscall */
#else
#define AGENT_STUB	 0x2a00000000ULL
#define AGENT_STUB_AFTER (AGENT_STUB + 4) /* svc */
#endif

#define AGENT_SLOTS	256
#define AGENT_RING_SIZE ((uint64_t)128 << 10)

/* Everything a record says beside the thread, which its slot does. Size 0 marks that the ring goes on at its
 * beginning. */
struct agent_record {
	uint32_t size; /* with data, a multiple of 8 */
	uint16_t kind, flags;
	uint32_t what;
	int32_t fd;
	uint64_t at; /* CLOCK_MONOTONIC ns */
	int64_t ret;
	uint64_t arg[4];
	uint32_t data_size, unused;
};

struct agent_slot {
	_Alignas(64) _Atomic uint64_t written; /* bytes ever, by the thread */
	_Alignas(64) _Atomic uint64_t taken;   /* by the watcher */
	_Atomic int32_t pid;		       /* of its process, as the watcher knows it */
};

struct agent_share {
	uint64_t magic;
	uint32_t version;
	/* Raised when a process is born, before it runs: who finds another age than he knew asks who he is.
	 */
	_Atomic uint32_t age;
	/* Above 0: everybody goes the slow way, for a thread may run on another's thread-local memory. */
	_Atomic uint32_t mute;
	/* Above 0: numbers that were accepted are given back in ways the agent does not see, so it does not
	 * know which are. */
	_Atomic uint32_t unsure;

	/* Not 0: a process forbids itself calls, so all go the slow way and the agent adds none. */
	_Atomic uint32_t confined;

	_Alignas(64) _Atomic uint32_t asleep; /* the watcher sleeps on this: 1 */
	_Alignas(64) _Atomic uint32_t room;   /* writers that found their ring full sleep on this */
	_Atomic uint32_t waiting;	      /* how many do */
	_Atomic uint64_t waits;		      /* how often any did */

	/* By which the agent and the tracer decide; only the harness arms and lifts. */
	_Alignas(64) struct fault_table faults;

	struct agent_slot slots[AGENT_SLOTS];
	_Alignas(4096) char rings[AGENT_SLOTS][AGENT_RING_SIZE];
};

_Static_assert(CALL_COUNT <= 128, "struct fault_table has a bit for each call");
_Static_assert(sizeof(struct agent_record) % 8 == 0, "records are aligned");

#endif
