/* SPDX-License-Identifier: MIT */
/* Every family there is, one line each; rules/list.c puts them in order. */
#ifndef WRINGER_RULES_FAMILIES_H
#define WRINGER_RULES_FAMILIES_H

#include "rules/rule.h"

#endif
