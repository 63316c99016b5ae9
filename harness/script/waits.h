/* SPDX-License-Identifier: MIT */
/*
 * What a scenario can wait for: predicates on the target's side of a connection and on its threads. Where the
 * watch shows the target's calls the world is asked, elsewhere the kernel's list of sockets.
 */
#ifndef WRINGER_SCRIPT_WAITS_H
#define WRINGER_SCRIPT_WAITS_H

#include "script/play.h"

typedef int (*wait_check)(struct play *play, struct wait *wait);

/* All for struct wait's check. Those about a peer want wait->peer. */
int wait_never(struct play *play, struct wait *wait); /* time passes */
int wait_accepted(struct play *play, struct wait *wait);
int wait_read(struct play *play, struct wait *wait);	/* all bytes this peer sent were read */
int wait_blocked(struct play *play, struct wait *wait); /* the target cannot write more to this peer */
int wait_closed(struct play *play, struct wait *wait);	/* it let go of the fd */
int wait_reported(struct play *play,
		  struct wait *wait); /* all bits of wait->mask were reported for it at some time */
int wait_mask(struct play *play,
	      struct wait *wait); /* t:expect_mask: 1, or -ENOMSG when it closed before any report */
int wait_asleep(struct play *play, struct wait *wait);
int wait_settled(struct play *play, struct wait *wait); /* stage_settled */
int wait_served(struct play *play, struct wait *wait);	/* the canary's served count reached wait->number */
int wait_gone(struct play *play, struct wait *wait);
int wait_resting(struct play *play, struct wait *wait); /* the canary */
int wait_joined(struct play *play, struct wait *wait);

/* Which bits of wanted the registrations of the file could show: those asked for, ERR and HUP always. */
uint32_t mask_possible(const struct file *file, uint32_t wanted);

#endif
