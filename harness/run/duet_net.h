/* SPDX-License-Identifier: MIT */
/* A network of our own, in which nothing is put off. */
#ifndef WRINGER_RUN_DUET_NET_H
#define WRINGER_RUN_DUET_NET_H

/* Enters a network namespace with nothing but loopback, on which every packet is acknowledged at once. 0 or a
 * negative errno, with whatever network there was before or with a slower one. */
int duet_net_enter(void);

#endif
