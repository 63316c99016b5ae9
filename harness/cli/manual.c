/* SPDX-License-Identifier: MIT */
/* The manual page's prose. */
#include "cli/man.h"

const char man_before[] = ".SH DESCRIPTION\n"
			  "Starts an unmodified server, lets its peers misbehave and its system calls fail "
			  "on purpose, records what both sides "
			  "did in one journal, and judges that by rules. Each scenario has a process, a "
			  "network namespace and a seed of its own.\n";

const char man_after[] = "";
