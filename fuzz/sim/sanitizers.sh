#!/bin/sh
# SPDX-License-Identifier: MIT
# sanitizers.sh OBJECT...: the option with which objects are linked that were compiled for a sanitizer; nothing for others.
# NM: the tool to use.
set -eu

"${NM:-nm}" -u "$@" | awk '
/__asan_init/ { want["address"] }
/__ubsan_handle/ { want["undefined"] }
/__ubsan_vptr_type_cache/ {
	print "sanitizers.sh: the vptr check needs the C++ library it was built with: compile with -fno-sanitize=vptr,function" >"/dev/stderr"
	failed = 1
	exit
}
/__msan_init|__tsan_init/ {
	print "sanitizers.sh: of the sanitizers only address and undefined go with the simulation" >"/dev/stderr"
	failed = 1
	exit
}
END {
	if (failed)
		exit 1
	for (name in want)
		list = list (list ? "," : "-fsanitize=") name
	if (list)
		print list
}'
