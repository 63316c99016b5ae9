#!/bin/sh
# SPDX-License-Identifier: MIT
# Drives every server in the given folder from outside: targets/test_targets.sh build/targets
exec python3 "$(dirname "$0")/test_targets.py" "$@"
