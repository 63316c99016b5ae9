#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs test programs, a few side by side (they mostly wait), a time limit each; shows a program's output only when it fails.
Those in Python come last, one by one: they put servers side by side themselves.

usage: ci/run-tests.py PROGRAM...

cmocka programs are counted by their tests, others count as one by their exit status (77: skipped).
No test at all is a failure. The last line is "N passed, N failed[, N skipped]".
"""
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time

LIMIT = float(os.environ.get("TEST_TIMEOUT", "600"))
AT_ONCE = int(os.environ.get("TEST_JOBS", os.cpu_count() or 1))


def run(program):
    """The exit status (None: time ran out), the output, the seconds. The whole process group is gone afterwards."""
    began = time.monotonic()
    child = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True, errors="replace", text=True)
    try:
        output, _ = child.communicate(timeout=LIMIT)
        return child.returncode, output, time.monotonic() - began
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        return None, output, time.monotonic() - began


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


def tell(program, status, output, seconds):
    """Prints what came of it; (passed, failed, skipped)."""
    counts = count(status, output)
    name = re.sub(r"^.*build[^/]*/(test/)?", "", program)
    print(f"{'FAIL' if counts[1] else 'ok  '} {name:36} {counts[0]:4} passed {seconds:6.1f} s", flush=True)
    if counts[1]:
        print(output)
        print(f"     {program}: " + ("time ran out" if status is None else f"exit status {status}"), flush=True)
    return counts


def main():
    sums = [0, 0, 0]
    programs = sorted(sys.argv[1:], key=lambda name: name.endswith(".py"))
    small = sum(not name.endswith(".py") for name in programs)
    for group, at_once in ((programs[:small], AT_ONCE), (programs[small:], 1)):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            for program, came in zip(group, pool.map(run, group)):
                sums = [a + b for a, b in zip(sums, tell(program, *came))]
    print(f"{sums[0]} passed, {sums[1]} failed" + (f", {sums[2]} skipped" if sums[2] else ""))
    return 1 if sums[1] or not sums[0] else 0


if __name__ == "__main__":
    sys.exit(main())
