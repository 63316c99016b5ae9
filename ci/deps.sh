#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing: ci/deps.sh run|test|cross|sanitize|bench|servers|fuzz. As root or through sudo with apt-get; else prints the one line to run.
set -eu

# Debian package and how to tell that it is there: a command, or a pkg-config module.
run='gcc:gcc make:make pkg-config:pkg-config libc6-dev:/usr/include/stdio.h liblua5.4-dev:lua5.4.pc libcjson-dev:libcjson.pc libxml2-dev:libxml-2.0.pc liburing-dev:liburing.pc'
# For --watch bpf: its program is compiled by clang. Without them all else is built.
bpf='libbpf-dev:libbpf.pc clang:clang'
test="$run $bpf libcmocka-dev:cmocka.pc python3:/usr/bin/python3"
cross="$test clang:clang clang-format:clang-format gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc libc6-dev-arm64-cross:/usr/aarch64-linux-gnu/include/stdio.h"
servers="$run nginx-light:nginx lighttpd:lighttpd haproxy:haproxy redis-server:redis-server memcached:memcached python3:/usr/bin/python3"
servers="$servers nodejs:node golang-go:go nghttp2-proxy:nghttpx dnsmasq-base:dnsmasq mosquitto:mosquitto beanstalkd:beanstalkd"
servers="$servers python3-aiosmtpd:/usr/lib/python3/dist-packages/aiosmtpd h2o:h2o unbound:unbound squid:squid pgbouncer:pgbouncer"
servers="$servers stunnel4:stunnel4 openssl:openssl"
# libFuzzer and the sanitizers come with the compiler's run-time library, which Debian keeps apart.
clang='clang:clang libclang-rt-dev:/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a'
sanitize="$test $clang"
fuzz="$run $clang lld:ld.lld llvm:llvm-profdata python3:/usr/bin/python3"
bench="$run $bpf nginx-light:nginx strace:strace wrk:wrk slowhttptest:slowhttptest python3:/usr/bin/python3"

there() {
	case $1 in
	/*) set -- $1 && test -e "$1" ;; # a path may be a pattern
	*.pc) command -v pkg-config >/dev/null && pkg-config --exists "${1%.pc}" ;;
	*) command -v "$1" >/dev/null || test -x "/usr/sbin/$1" ;;
	esac
}

case ${1:-run} in
run | test | cross | sanitize | bench | servers | fuzz) eval "wanted=\$${1:-run}" ;;
*) echo "usage: ci/deps.sh run|test|cross|sanitize|bench|servers|fuzz" >&2; exit 2 ;;
esac

missing=
for pair in $wanted; do
	there "${pair#*:}" || missing="$missing ${pair%%:*}"
done
[ -z "$missing" ] && exit 0

line="apt-get install -y --no-install-recommends$missing"
if ! command -v apt-get >/dev/null; then
	echo "wringer needs these packages (Debian's names):$missing" >&2
	exit 2
fi
if [ "$(id -u)" = 0 ]; then
	as=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	as='sudo -n'
else
	echo "sudo $line" >&2
	exit 2
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "installing:$missing"
# Servers are wanted as programs: their packages must not start them as services.
policy=
if [ ! -e /usr/sbin/policy-rc.d ]; then
	policy=/usr/sbin/policy-rc.d
	printf '#!/bin/sh\nexit 101\n' | $as tee "$policy" >/dev/null && $as chmod 755 "$policy"
fi
status=0
$as env DEBIAN_FRONTEND=noninteractive sh -c "$line || { apt-get update && $line; }" >"$log" 2>&1 </dev/null || status=$?
[ -z "$policy" ] || $as rm -f "$policy"
if [ "$status" != 0 ]; then
	tail -n 5 "$log" >&2
	echo "wringer: could not install:$missing" >&2
	exit 2
fi
