#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Targets side by side: the usual four, and a command beside one of them. Each is told of the fault in its own way, lets go of
the connection, and stands in the table and in the report."""
import os
import sys

import wringer

if wringer.RINGS_REFUSED:
    print(wringer.RINGS_REFUSED)
    sys.exit(77)
tally = wringer.Tally()
done, result = wringer.report("contrast", "rst-idle", "--color", "never", "--protocol", "echo")
tally.check(done.returncode == 0 and result, f"exit status {done.returncode}: {done.stdout}{done.stderr}")
told = {case["target"]: case["reactions"] for case in result["cases"]}
tally.check(set(told) == {"epoll-level", "epoll-edge", "uring-poll", "uring"}, f"targets: {set(told)}")
for target, reactions in told.items():
    tally.check(f"{target} " in done.stdout, f"{target} is not in the table: {done.stdout}")
    tally.check(reactions and all(reaction["fault"] == "rst" for reaction in reactions), f"{target}: {reactions}")
    tally.check(all(reaction["closed_after"] is not None for reaction in reactions), f"{target} keeps an fd: {reactions}")
    word = "RECV ECONNRESET" if target == "uring" else "HUP"
    tally.check(any(word in reaction["told"] for reaction in reactions), f"{target}: {word} is missing in {reactions}")

level = os.path.join(wringer.BUILD, "targets", "epoll-level")
done, result = wringer.report("contrast", "fin-idle", "--target", "poll", "--protocol", "http",
                              "--", level, "--port", "0", "--protocol", "http")
tally.check(done.returncode == 0 and result and [case["target"] for case in result["cases"]].count("command") == 1,
            f"a command beside a target: {done.stdout}{done.stderr}")
sys.exit(tally.close())
