/* SPDX-License-Identifier: MIT */
/* The bytes of large requests and answers. */
#ifndef FUZZ_SERVER_PATTERN_H
#define FUZZ_SERVER_PATTERN_H

#include <stddef.h>

#define PATTERN_SIZE 65536u
#define PATTERN_ECHO 23u /* letters of an echoed request */
#define PATTERN_BODY 26u /* of the body of an answer */

/* Letters over and over, PATTERN_SIZE and one round more, so that any part of up to that size is one piece of
 * it. */
const char *pattern_letters(unsigned count);
/* How many of size bytes are the same. */
size_t pattern_same(const char *one, const char *other, size_t size);

#endif
