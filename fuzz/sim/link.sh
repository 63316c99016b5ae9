#!/bin/sh
# SPDX-License-Identifier: MIT
# link.sh OUT.o OBJECT...: a server's objects and archives as one object for the simulation. References to the C library
# become those to sim's (wrap.h), its variables stand together (sim.lds), main is sim_server_main, and no other name is seen.
# LD, OBJCOPY: the tools to use.
set -eu

[ $# -ge 2 ] || { echo "usage: link.sh OUT.o OBJECT..." >&2; exit 2; }
here=$(dirname "$0")
out=$1
shift
wraps=$(sed -n 's/.*[ *]__wrap_\([a-z0-9_]*\)(.*/--wrap=\1/p' "$here/wrap.h")
# shellcheck disable=SC2086
${LD:-ld} -r -T "$here/sim.lds" $wraps -o "$out.tmp" "$@"
${OBJCOPY:-objcopy} --redefine-sym main=sim_server_main --keep-global-symbol=sim_server_main "$out.tmp" "$out"
rm -f "$out.tmp"
