#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs fuzz targets one after the other, each for its share of the time, and says a line about each.

usage: ci/fuzz.py [--seconds N] [--minimise | --faulty] BUILD NAME...

NAME is that of fuzz/fuzz_NAME.c, or server/SERVER. Starts from fuzz/corpus/NAME (of servers: server); new inputs are kept in BUILD/corpus/NAME, findings in BUILD/found, where nothing is ever
overwritten. --minimise writes the fewest and smallest inputs that cover what is covered back to fuzz/corpus/NAME.
--faulty: servers with a mistake, each from an empty corpus until its own rule is broken, at most N seconds each; prints
how long that took. A mistake that is not found is exit status 1 then.
Exit status: 0 nothing found, 1 something found, 2 our side broke.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What is worth keeping in the tree: bytes of an input, and of all that a machine made for one target, and how many.
LARGEST, ROOM, MOST = 1024, 6144, 16


def tree(name):
    return os.path.join(ROOT, "fuzz", "corpus", name.split("/")[0])


def engine(build, name, *words, limit, env=None):
    """One run of a fuzz binary: (exit status, None when it had to be killed; what it said; seconds)."""
    prefix = os.path.join(build, "found", "fuzz_" + name.replace("/", "-") + "-")
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        try:
            status = subprocess.run([os.path.join(build, "fuzz_" + name), "-artifact_prefix=" + prefix, *words],
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=limit, check=False,
                                    env={"UBSAN_OPTIONS": "print_stacktrace=1", **os.environ, **(env or {})}).returncode
        except subprocess.TimeoutExpired:
            status = None
        log.seek(0)
        return status, log.read(), time.monotonic() - began


def figure(pattern, text):
    """The last number the engine said behind a word."""
    return int(([0] + re.findall(pattern, text))[-1])


def fuzz(build, name, seconds):
    """One target's share. Returns the exit status."""
    own = os.path.join(build, "corpus", name)
    os.makedirs(own, exist_ok=True)
    folders = [own] + [folder for folder in [tree(name)] if os.path.isdir(folder)]
    status, log, took = engine(build, name, f"-max_total_time={seconds}", "-print_final_stats=1", *folders,
                               limit=seconds * 3 + 120)
    runs, cover = figure(r"stat::number_of_executed_units: (\d+)", log), figure(r" cov: (\d+)", log)
    good = status == 0
    print(f"{'ok  ' if good else 'FAIL'} fuzz_{name:18} {runs:10} runs {runs / max(took, 1):9.0f} a second {cover:6} edges",
          flush=True)
    if good:
        return 0
    print(log[-6000:])
    print(f"     fuzz_{name}: " + ("hangs" if status is None else f"exit status {status}"))
    for kept in re.findall(r"Test unit written to (\S+)", log):
        print(f"     again: {os.path.join(build, 'fuzz_' + name)} {kept}", flush=True)
    return 2 if status in (None, 2) else 1


def rule_of(name):
    """The rule a faulty server breaks: the line "rule:" of its source, or its own name."""
    own = name.split("/")[-1].removeprefix("faulty-")
    with open(os.path.join(ROOT, "targets", "faulty", own + ".c")) as source:
        line = re.search(r"^ \* rule: (\S+)", source.read(), re.M)
    return line[1] if line else own


def search(build, name, seconds):
    """From nothing to the finding."""
    rule = rule_of(name)
    with tempfile.TemporaryDirectory(prefix="fuzz-faulty-") as empty:
        quiet = {"FUZZ_RULES": rule, "ASAN_OPTIONS": "symbolize=0", "UBSAN_OPTIONS": "symbolize=0"}
        status, log, took = engine(build, name, f"-max_total_time={seconds}", "-print_final_stats=1", empty,
                                   limit=seconds * 3 + 120, env=quiet)
    told = re.search(rf"^(?:error|warning|info) {re.escape(rule)}: ", log, re.M)
    steps = re.search(r"^(\d+) steps:", log, re.M)
    runs = figure(r"stat::number_of_executed_units: (\d+)", log)
    print(f"{'ok  ' if told else 'FAIL'} {name.split('/')[-1]:32} " +
          (f"{took:7.1f} s {runs:8} executions {steps[1] if steps else '?':>3} steps" if told else
           f"nothing in {took:.0f} s, {runs} executions"), flush=True)
    return 0 if told else 2 if status in (None, 2) else 1


def by_hand(file):
    """Whether a person wrote and named it; such inputs stay."""
    return not re.fullmatch(r"[0-9a-f]{12}", file)


def minimise(build, name):
    """Of the least inputs that cover what all of them cover, the largest that fit: they cover the most."""
    folder = tree(name)
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-merge-") as merged:
        sources = [source for source in (folder, os.path.join(build, "corpus", name)) if os.path.isdir(source)]
        status, log, _ = engine(build, name, "-merge=1", f"-max_len={LARGEST}", merged, *sources, limit=600)
        if status != 0:
            print(log[-3000:])
            return 2
        for file in filter(lambda file: not by_hand(file), os.listdir(folder)):
            os.remove(os.path.join(folder, file))
        inputs = sorted((os.path.join(merged, file) for file in os.listdir(merged)), key=os.path.getsize, reverse=True)
        room, kept = ROOM, 0
        for path in inputs:
            if kept < MOST and os.path.getsize(path) <= room:
                room, kept = room - os.path.getsize(path), kept + 1
                shutil.copy(path, os.path.join(folder, os.path.basename(path)[:12]))
    print(f"fuzz_{name}: {kept} of {len(inputs)} inputs kept")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for all of them together")
    parser.add_argument("--minimise", action="store_true")
    parser.add_argument("--faulty", action="store_true")
    parser.add_argument("build")
    parser.add_argument("names", nargs="+")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    try:
        os.makedirs(os.path.join(build, "found"), exist_ok=True)
    except OSError as error:
        print(f"{error.filename}: findings cannot be written there: {error.strerror}", file=sys.stderr)
        return 2
    share = max(1, options.seconds // len(options.names))
    if options.faulty:
        work = lambda name: search(build, name, options.seconds)
    elif options.minimise:
        work = lambda name: minimise(build, name)
    else:
        work = lambda name: fuzz(build, name, share)
    # A finding weighs more than trouble of our own, as everywhere.
    statuses = [work(name) for name in options.names]
    return 1 if 1 in statuses else max(statuses)


if __name__ == "__main__":
    sys.exit(main())
