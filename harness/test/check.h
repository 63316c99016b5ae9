/* SPDX-License-Identifier: MIT */
/* What every test program includes: cmocka and the headers it wants before it. */
#ifndef WRINGER_TEST_CHECK_H
#define WRINGER_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
