#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`wringer bench --load`: what is counted adds up, and what cannot be is refused. How fast is nobody's business here."""
import json
import os
import sys
import tempfile

import wringer

SHORT = ["bench", "--load", "--duration", "300ms", "--no-progress"]


def load(*words):
    """A finished load and its JSON (None when it printed none)."""
    done = wringer.wringer(*SHORT, "--json", "-", *words)
    try:
        return done, json.loads(done.stdout)
    except ValueError:
        return done, None


def check_load(tally, what, words, fits):
    done, report = load(*words)
    if not tally.check(report is not None and done.returncode == 0, f"{what}: ends with {done.returncode}: {done.stderr}{done.stdout[:500]}"):
        return
    latency = report["latency_ms"]
    tally.check(report["format"] == "wringer-load" and report["clean"] and report["answers"] > 0, f"{what}: {report}")
    tally.check(latency["count"] == report["answers"] + (report["waiting"] if report["load"]["rate"] else 0), f"{what}: {report}")
    tally.check(latency["min"] <= latency["p50"] <= latency["p99"] <= latency["p99_99"] <= latency["max"], f"{what}: {latency}")
    tally.check(fits(report), f"{what}: {report}")


LOADS = [
    ("kept connections", ["--target", "epoll-level"], lambda r: r["connects"] == 50 and r["load"]["connections"] == 50),
    ("pipelining by two processes", ["--target", "epoll-edge", "--protocol", "echo", "--pipeline", "8", "-j", "2", "--connections", "5"],
     lambda r: r["connects"] == 5 and r["load"]["processes"] == 2),
    ("one request a connection", ["--target", "uring", "--one-request", "--connections", "4"], lambda r: r["connects"] >= r["answers"]),
    # As many as were due by the end, no more: however slow the machine, each of them is in the latencies.
    ("a rate", ["--target", "epoll-level", "--rate", "200", "--connections", "3"],
     lambda r: abs(r["answers"] + r["waiting"] - 200 * r["load"]["seconds"]) <= 2),
    ("watched", ["--target", "epoll-level", "--watch", "ptrace", "--connections", "2"], lambda r: r["target"]["watch"] == "ptrace"),
]

REFUSED = [
    (["bench"], "nothing to do"),
    (["bench", "--", "true"], "--load"),
    ([*SHORT, "--rate", "0"], "--rate wants"),
    ([*SHORT, "--connections", "0"], "--connections wants"),
    ([*SHORT, "--pipeline", "2000"], "--pipeline goes up to"),
    ([*SHORT, "--connections", "100m"], "fds"),
    ([*SHORT, "-j", "3", "--connections", "2"], "no use for"),
    ([*SHORT, "--protocol", "tcp"], "no requests"),
    ([*SHORT, "--one-request", "--pipeline", "2"], "pipelined"),
    ([*SHORT, "--target", "epoll-level", "--target", "poll"], "one server"),
    ([*SHORT, "epoll-level"], "put --"),
    ([*SHORT, "--protocol", "http", "--", "false"], "ended before it listened"),
    ([*SHORT, "--json", "/nonexistent/x"], "/nonexistent"),
    (["bench", "/nonexistent/histogram"], "/nonexistent/histogram"),
]


def check_saved(tally, folder):
    path = os.path.join(folder, "latency")
    done = wringer.wringer(*SHORT, "--target", "epoll-level", "--histogram", path)
    tally.check(done.returncode == 0 and "99.99 %" in done.stdout and "right answers" in done.stdout, f"the table: {done}")
    done = wringer.wringer("bench", path, path)
    tally.check(done.returncode == 0 and "99.99 %" in done.stdout, f"saved ones: {done}")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("wringer-histogram 1", "wringer-histogram 2", 1))
    done = wringer.wringer("bench", path)
    tally.check(done.returncode == 2 and "version 2" in done.stderr, f"another version: {done}")


def main():
    tally = wringer.Tally()
    for what, words, fits in LOADS:
        if wringer.missing(words[1]):
            tally.skip(f"{what}: {wringer.missing(words[1])}")
            continue
        check_load(tally, what, words, fits)
    # a server that speaks something else: said, and status 1
    server = os.path.join(wringer.BUILD, "targets", "epoll-level")
    done, report = load("--protocol", "redis", "--", server, "--protocol", "http")
    tally.check(done.returncode == 1 and report and report["wrong"] and "expected" in report["complaint"], f"another protocol: {done}")
    for words, why in REFUSED:
        done = wringer.wringer(*words)
        tally.check(done.returncode == 2 and why in done.stderr and done.stderr.count("\n") == 1, f"{words}: {done}")
    with tempfile.TemporaryDirectory(prefix="wringer-test-") as folder:
        check_saved(tally, folder)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
