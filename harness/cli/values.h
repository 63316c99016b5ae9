/* SPDX-License-Identifier: MIT */
/* The parse functions of the option table, one for each kind of value. */
#ifndef WRINGER_CLI_VALUES_H
#define WRINGER_CLI_VALUES_H

#include "cli/options.h"

#define VALUE(name)                                                                                          \
	int name(struct settings *settings, const struct option_row *row, const char *value,                 \
		 struct error *error)

VALUE(value_text);     /* any text, not empty: const char * */
VALUE(value_list);     /* repeatable: struct text_list */
VALUE(value_ignore);   /* repeatable: struct ignore_list */
VALUE(value_flag);     /* bool */
VALUE(value_counter);  /* a flag that may be repeated: uint64_t */
VALUE(value_count);    /* a whole number above 0, with units: uint64_t */
VALUE(value_duration); /* above 0, in ns: uint64_t */
VALUE(value_factor);   /* above 0: double */
VALUE(value_pid);
VALUE(value_port);
VALUE(value_seed);
VALUE(value_shard);
VALUE(value_define);
VALUE(value_watch);
VALUE(value_color);

#undef VALUE

#endif
