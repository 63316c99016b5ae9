#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the fuzz targets into $OUT as ClusterFuzzLite and OSS-Fuzz want them: the binary, the libraries that the machine
# which runs it does not have, and the corpus. CC, CFLAGS, CXX, CXXFLAGS, LIB_FUZZING_ENGINE, OUT and WORK are given by them.
# FUZZERS: only these (names of fuzz/fuzz_NAME.c).
set -eu

: "${CC:?}" "${CXX:?}" "${OUT:?}" "${WORK:?}" "${LIB_FUZZING_ENGINE:?}"
FUZZERS=${FUZZERS:-$(ls fuzz/fuzz_*.c | sed 's|fuzz/fuzz_\(.*\)\.c|\1|')}
build=$WORK/build

# The engine is C++: the C++ compiler links. $ORIGIN: where the binary is, wherever that will be.
# shellcheck disable=SC2016
make -s -j"$(nproc)" BUILD="$build" CC="$CC" OPT="${CFLAGS:-}" LDFLAGS="${CFLAGS:-}" \
	FUZZ_LINK="$CXX ${CXXFLAGS:-} -Wl,-rpath,'\$\$ORIGIN/lib'" FUZZ_ENGINE="$LIB_FUZZING_ENGINE" \
	FUZZ_NAMES="$(echo $FUZZERS)" fuzzers

mkdir -p "$OUT/lib"
for name in $FUZZERS; do
	cp "$build/fuzz_$name" "$OUT/"
	ldd "$build/fuzz_$name" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' |
		grep -E '/lib(lua|cjson|xml2|icu|lzma|z)[^/]*$' | while read -r library; do cp -L "$library" "$OUT/lib/"; done || true
	[ ! -d "fuzz/corpus/$name" ] || (cd "fuzz/corpus/$name" && python3 -m zipfile -c "$OUT/fuzz_${name}_seed_corpus.zip" ./*)
done
