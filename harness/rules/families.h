/* SPDX-License-Identifier: MIT */
/* Every family there is, one line each; rules/list.c puts them in order. */
#ifndef WRINGER_RULES_FAMILIES_H
#define WRINGER_RULES_FAMILIES_H

#include "rules/rule.h"

extern const struct rule_family spin_family;	  /* hup-, eof-, urgent-, readable-, writable-spin */
extern const struct rule_family futile_family;	  /* futile-spin */
extern const struct rule_family accept_family;	  /* accept-spin */
extern const struct rule_family listener_family;  /* listener-spin, listener-gone */
extern const struct rule_family busy_family;	  /* busy-poll */
extern const struct rule_family lost_family;	  /* edge-not-drained, accept-lost */
extern const struct rule_family oneshot_family;	  /* oneshot-lost */
extern const struct rule_family write_family;	  /* write-not-armed, write-lost */
extern const struct rule_family orphan_family;	  /* ctl-error-orphan, deaf-connection */
extern const struct rule_family leak_family;	  /* fin-leak, reset-leak */
extern const struct rule_family connect_family;	  /* connect-unchecked */
extern const struct rule_family growth_family;	  /* fd-growth */
extern const struct rule_family death_family;	  /* sigpipe-death, eintr-fatal, … */
extern const struct rule_family halfclose_family; /* half-close-unanswered, half-close-truncated */
extern const struct rule_family forgotten_family; /* request-forgotten */
extern const struct rule_family blocked_family;	  /* loop-blocked */
extern const struct rule_family batch_family;	  /* stale-event, wrong-close */
extern const struct rule_family badfd_family;	  /* bad-fd */
extern const struct rule_family held_family;	  /* zombie-registration, close-ineffective */
extern const struct rule_family astray_family;	  /* cross-talk */
extern const struct rule_family unread_family;	  /* unread-close, data-dropped */
extern const struct rule_family service_family;	  /* unserved, no-recovery */
extern const struct rule_family redundant_family; /* redundant-ctl */
extern const struct rule_family herd_family;	  /* herd */
extern const struct rule_family flood_family;	  /* log-flood */
extern const struct rule_family patience_family;  /* slow-header, vanished-peer */
extern const struct rule_family stop_family;	  /* shutdown-stuck */
extern const struct rule_family greed_family;	  /* starvation */
extern const struct rule_family backlog_family;	  /* backlog-overflow */
extern const struct rule_family memory_family;	  /* unbounded-buffer */
extern const struct rule_family inflight_family;  /* uring-close-in-flight, uring-multishot-twice */
extern const struct rule_family resubmit_family;  /* uring-error-resubmit, uring-multishot-lost */

#endif
