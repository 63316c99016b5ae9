/* SPDX-License-Identifier: MIT */
/* Names of event masks, errnos and signals, both ways. */
#ifndef WRINGER_BASE_NAMES_H
#define WRINGER_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define MASK_TEXT 192

/* "EPOLLIN|EPOLLRDHUP", unknown bits in hexadecimal, "0" for none. Writes into out (MASK_TEXT is enough), returns it. */
char *mask_name(uint32_t mask, char *out, size_t size);
/* The same without the prefix: "IN|RDHUP". */
char *mask_short(uint32_t mask, char *out, size_t size);
/* Parses names joined by '|', ',' or blanks, with or without EPOLL. 0 or -EINVAL. */
int mask_parse(const char *text, uint32_t *ret_mask);

/* "EMFILE" for 24 (positive or negative); "errno 4242" is written nowhere: NULL for unknown numbers. */
const char *errno_name(int code);
/* 24 for "EMFILE"; -EINVAL for no such name. */
int errno_parse(const char *name);

/* "SIGPIPE" for 13. Real-time and unknown signals get "SIG34". Returns out. */
char *signal_name(int signo, char *out, size_t size);
/* 13 for "PIPE" or "SIGPIPE"; -EINVAL for no such name. */
int signal_parse(const char *name);

#endif
