/* SPDX-License-Identifier: MIT */
/* Makes a journal of what was one before it was mutated: sizes and checksums fit again. */
#ifndef FUZZ_COMMON_JOURNAL_MEND_H
#define FUZZ_COMMON_JOURNAL_MEND_H

#include <stddef.h>
#include <stdint.h>

/* In place, at most room bytes. Returns the new size; 0 when there is no memory. */
size_t journal_mend(uint8_t *data, size_t size, size_t room);

#endif
