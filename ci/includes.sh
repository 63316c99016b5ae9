#!/bin/sh
# SPDX-License-Identifier: MIT
# An include points down the list of rooms only, lua.h stays in script/, targets never see harness/.
set -eu
cd "$(dirname "$0")/.."

rooms='cli report hunt script run rules peer target watch agent inject model journal base'
bad=0
for room in $rooms; do
	allowed=$(echo " $rooms " | sed "s/.* $room /$room /")
	found=$(grep -HnE '^#include "[a-z]+/' harness/$room/*.[ch] 2>/dev/null || true)
	echo "$found" | while IFS= read -r line; do
		[ -n "$line" ] || continue
		target=$(echo "$line" | sed -E 's|.*#include "([a-z]+)/.*|\1|')
		case " $allowed " in *" $target "*) ;; *) echo "$line: $room may not include $target" ;; esac
	done
done >"${TMPDIR:-/tmp}/includes.$$"
grep -HnE '#include <(lua|lauxlib|lualib)\.h>' -r harness --include='*.[ch]' | grep -v '^harness/script/' >>"${TMPDIR:-/tmp}/includes.$$" || true
grep -HnE '#include "(base|journal|model|inject|watch|target|peer|rules|run|script|report|cli)/' -r targets --include='*.[ch]' >>"${TMPDIR:-/tmp}/includes.$$" || true
if [ -s "${TMPDIR:-/tmp}/includes.$$" ]; then
	cat "${TMPDIR:-/tmp}/includes.$$"
	bad=1
fi
rm -f "${TMPDIR:-/tmp}/includes.$$"
[ "$bad" = 0 ] && echo "includes point down the list of rooms"
exit "$bad"
