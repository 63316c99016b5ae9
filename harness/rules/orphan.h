/* SPDX-License-Identifier: MIT */
/* What death.c shares with orphan.c: an epoll_ctl error that ended the process is the same mistake, taken
 * worse. */
#ifndef WRINGER_RULES_ORPHAN_H
#define WRINGER_RULES_ORPHAN_H

#include "rules/rule.h"

enum { CTL_ERROR_ORPHAN, DEAF_CONNECTION };

extern const struct rule orphan_rules[2];

#endif
