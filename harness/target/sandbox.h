/* SPDX-License-Identifier: MIT */
/*
 * The sandbox of a case: its own network namespace, and a user namespace when we are not root (uid and gid
 * mapped to themselves, so the target keeps its uid and gains no capability). Entered by the case's process
 * before it has threads.
 */
#ifndef WRINGER_TARGET_SANDBOX_H
#define WRINGER_TARGET_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

/* Enters it and brings loopback up. 0; -EPERM … when namespaces are refused here (nothing has changed then).
 */
int sandbox_enter(struct error *error);
/* Whether this process is in one of ours. */
bool sandbox_active(void);
/* Whether sandbox_enter would work, tried in a child. 0 or the negative errno with error. */
int sandbox_probe(struct error *error);
/* Sets a knob of the namespace ("net/ipv4/tcp_wmem", "4096 16384 65536"). 0; -ENOTSUP outside a sandbox;
 * errno of the write. */
int sandbox_sysctl(const char *name, const char *value, struct error *error);

#endif
