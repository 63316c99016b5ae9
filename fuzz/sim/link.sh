#!/bin/sh
# SPDX-License-Identifier: MIT
# link.sh OUT.o OBJECT...: a server's objects and archives as one object for the simulation. References to the C library
# become those to sim's (wrap.h, calls.h), its variables stand together (sim.lds), main is sim_server_main, and no other name is
# seen. What C++ needs of its library is linked in, so that it reaches the simulation, too.
# LD, NM, OBJCOPY, CXX: the tools to use.
set -eu

[ $# -ge 2 ] || { echo "usage: link.sh OUT.o OBJECT..." >&2; exit 2; }
here=$(dirname "$0")
out=$1
shift
ld=${LD:-ld} nm=${NM:-nm} objcopy=${OBJCOPY:-objcopy}
trap 'rm -f "$out.all" "$out.tmp"' EXIT

# The names in the tables of calls.h that $1 matches, each as $2 makes it.
table() {
	sed -n "/define $1(/,/^\$/s/$(printf '\t')X(\([A-Za-z0-9_]*\)[,)].*/$2/p" "$here/calls.h"
}
undefined() {
	"$nm" -u "$1" | sed 's/.* //'
}

# First by itself: a name that the server defines is its own, whatever the C library has under it.
"$ld" -r --force-group-allocation -o "$out.all" "$@"
if undefined "$out.all" | grep -q '^\(__gxx_personality_v0\|_Zn[aw]m\|_Zd[al]Pv.*\|_ZSt.*\|_ZNSt.*\)$'; then
	library=$("${CXX:-c++}" -print-file-name=libstdc++.a)
	"$ld" -r --force-group-allocation -o "$out.all" "$@" "$library"
fi
"$nm" "$out.all" | grep -q ' T main$' || { echo "link.sh: none of the objects has a main" >&2; exit 1; }
wraps=$(sed -n 's/.*[ *]__wrap_\([A-Za-z0-9_]*\)(.*/--wrap=\1/p' "$here/wrap.h"; table 'SIM_.*' '--wrap=\1')
# shellcheck disable=SC2086
"$ld" -r --force-group-allocation -T "$here/sim.lds" $wraps -o "$out.tmp" "$out.all"
table SIM_REFUSED '__wrap_\1' | while read -r name; do
	undefined "$out.tmp" | grep -qx "$name" && echo "link.sh: ${name#__wrap_} is not simulated: where it is called it fails" >&2 || :
done
"$objcopy" --redefine-sym main=sim_server_main --keep-global-symbol=sim_server_main "$out.tmp" "$out"
