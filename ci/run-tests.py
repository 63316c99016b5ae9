#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs test programs one after the other, a time limit each; shows a program's output only when it fails.

usage: ci/run-tests.py PROGRAM...

cmocka programs are counted by their tests, others count as one by their exit status (77: skipped).
No test at all is a failure. The last line is "N passed, N failed[, N skipped]".
"""
import os
import re
import signal
import subprocess
import sys
import time

LIMIT = float(os.environ.get("TEST_TIMEOUT", "300"))


def run(program):
    """The exit status (None: time ran out) and the output. The whole process group is gone afterwards."""
    child = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True, errors="replace", text=True)
    try:
        output, _ = child.communicate(timeout=LIMIT)
        return child.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        return None, output


def count(status, output):
    """(passed, failed, skipped) of one program."""
    total = lambda pattern: sum(int(n) for n in re.findall(pattern, output))
    passed = total(r"\[  PASSED  \] (\d+) test")
    failed = total(r"\[  FAILED  \] (\d+) test")
    skipped = total(r"\[  SKIPPED \] (\d+) test")
    if status == 77 and not passed and not failed:
        return 0, 0, 1
    if not passed and not failed and not skipped:
        return (1, 0, 0) if status == 0 else (0, 1, 0)
    if status != 0 and not failed:
        failed = 1
    return passed, failed, skipped


def main():
    sums = [0, 0, 0]
    for program in sys.argv[1:]:
        began = time.monotonic()
        status, output = run(program)
        counts = count(status, output)
        sums = [a + b for a, b in zip(sums, counts)]
        name = re.sub(r"^.*build[^/]*/(test/)?", "", program)
        verdict = "ok  " if not counts[1] else "FAIL"
        print(f"{verdict} {name:36} {counts[0]:4} passed {time.monotonic() - began:6.1f} s", flush=True)
        if counts[1]:
            print(output)
            print(f"     {program}: " + ("time ran out" if status is None else f"exit status {status}"))
    print(f"{sums[0]} passed, {sums[1]} failed" + (f", {sums[2]} skipped" if sums[2] else ""))
    return 1 if sums[1] or not sums[0] else 0


if __name__ == "__main__":
    sys.exit(main())
