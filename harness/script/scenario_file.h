/* SPDX-License-Identifier: MIT */
/*
 * One scenario file: `return scenario { "name", … }`, checked key by key. Executed once to read the table,
 * and again, in a state of its own, for every play.
 */
#ifndef WRINGER_SCRIPT_SCENARIO_FILE_H
#define WRINGER_SCRIPT_SCENARIO_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <lua.h>
#include "base/error.h"
#include "run/scenario.h"

/* Reads and checks the file. ret_scenario->state is its own memory: scenario_file_free. 0 or negative errno
 * with error. */
int scenario_file_load(const char *file, struct scenario **ret_scenario, struct error *error);
void scenario_file_free(struct scenario *scenario);

/* Runs the chunk again and leaves its `run` function on the stack; raises. source: the file's text. */
struct buf;
void scenario_file_run(lua_State *L, const char *file, const struct buf *source);

/* A word of `needs`: PROTOCOL_* in ret_offers or NEED_* in ret_needs. -EINVAL for an unknown one. */
int need_parse(const char *word, uint32_t *ret_offers, uint32_t *ret_needs);
/* The words of the protocol's offers, in the order of their rows: NULL at the end. Start with *at = 0. */
const char *need_next_offer(size_t *at, uint32_t *ret_offer);

#endif
