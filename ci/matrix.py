#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The matrix: every rule against every target. A faulty target breaks the rule it is named for, a correct one breaks none.

usage: ci/matrix.py [--rounds N] [--load] [--shown] [--at-once N] [--watch WAY] [--json FILE] [TARGET-GLOB...]

  --rounds N   plays everything N times (default 1); a rule has to bite in each round
  --load       keeps both cores busy with something else meanwhile
  --shown      faulty targets play only the scenarios their headers name, instead of all
  --at-once N  targets side by side (default 3)
  --watch WAY  how calls are seen: ptrace, preload (default: what wringer takes by itself)
  --json FILE  where the matrix is written (default build/matrix.json)

Exit status 1 for a hole in the diagonal, a rule without a target, or a finding that no header explains.
"""
import argparse
import collections
import contextlib
import fnmatch
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness", "test", "e2e"))
import wringer  # noqa: E402

PROTOCOLS = ("http", "echo")
WATCH = []  # --watch WAY, when it was asked for
# What a cell shows. A finding "explained" is in the also: line of the target's header.
BITTEN, PARTLY, EXPLAINED, ALARM, HOLE, NOTHING = "●", "◐", "+", "!", "○", "·"


class Row:
    """What one target did: rule -> the (protocol, round) pairs in which it was found, and what went wrong on our side."""

    def __init__(self, name, rule=None, shown=None, also=()):
        self.name, self.rule, self.shown, self.also = name, rule, shown or {}, also
        self.found = collections.defaultdict(set)
        self.where = collections.defaultdict(set)
        self.broken = []
        self.played = collections.Counter()

    def plays(self, only_shown):
        """(protocol, words of the command) of one round."""
        for protocol in self.shown or PROTOCOLS:
            names = self.shown.get(protocol, [])
            yield protocol, ("run", *names) if names and only_shown else ("check",)

    def take(self, protocol, turn, done, report):
        self.played[protocol] += 1
        if report is None:
            self.broken.append(f"{protocol}: no report: {done.stderr.strip()[-200:]}")
            return
        for case in report["cases"]:
            if case["verdict"] == "broken":
                self.broken.append(f"{protocol} {case['scenario']}: {case['reason']}")
            if case["verdict"] == "fail" and not case["findings"]:
                self.found["(scenario)"].add((protocol, turn))
                self.where["(scenario)"].add(f"{case['scenario']}: {case['reason']}")
            for finding in case["findings"]:
                self.found[finding["rule"]].add((protocol, turn))
                self.where[finding["rule"]].add(case["scenario"])

    def cell(self, rule):
        count, rounds = len(self.found.get(rule, ())), sum(self.played.values())
        if rule == self.rule:
            return BITTEN if count == rounds else PARTLY if count else HOLE
        if not count:
            return NOTHING
        return EXPLAINED if rule in self.also else ALARM

    def alarms(self):
        """Rules that no header explains. A scenario that fails beside an explained finding says the same thing."""
        return [rule for rule in self.found if self.cell(rule) == ALARM and not (rule == "(scenario)" and self.rule)]

    def whole(self):
        return self.cell(self.rule) == BITTEN if self.rule else True


@contextlib.contextmanager
def load(wanted):
    """Both cores kept busy by something else."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)] if wanted else []
    try:
        yield
    finally:
        for child in busy:
            child.kill()
            child.wait()


def rows(globs):
    every = [Row(target.name, target.rule, target.shown, target.also) for target in wringer.faulty()]
    every += [Row(name) for name in wringer.correct()]
    return [row for row in every if not globs or any(fnmatch.fnmatch(row.name, glob) for glob in globs)]


def play(job):
    row, protocol, words, turn = job
    done, report = wringer.report(*words, *WATCH, "--target", row.name, "--protocol", protocol, "-q", limit=1200)
    return row, protocol, turn, done, report


def picture(table, rules):
    """Rules down, targets across would be too wide: a target a line, a rule a column, numbered."""
    width = max(len(row.name) for row in table)
    for digit in (10, 1):
        print(" " * width, "".join(str(number // digit % 10) if digit == 1 or number % 10 == 0 else " "
                                   for number in range(1, len(rules) + 1)))
    for row in table:
        print(row.name.ljust(width), "".join(row.cell(rule) for rule in rules))
    print()
    for start in range(0, len(rules), 4):
        print("   ".join(f"{number + 1:2} {rules[number]:22}" for number in range(start, min(start + 4, len(rules)))).rstrip())
    print(f"\n{BITTEN} breaks it, as it should   {PARTLY} not every time   {HOLE} not at all   {EXPLAINED} explained in its header   "
          f"{ALARM} not explained\n")


def complaints(table, rules, all_targets):
    said = [f"no faulty target is named for {rule}" for rule in rules if all_targets and all(row.rule != rule for row in table)]
    for row in table:
        if not row.whole():
            said.append(f"{row.name}: {row.rule} was found in {len(row.found.get(row.rule, ()))} of {sum(row.played.values())} plays")
        said += [f"{row.name}: {rule} is not explained, in {', '.join(sorted(row.where[rule]))}" for rule in row.alarms()]
        said += [f"{row.name}: broken: {text}" for text in row.broken]
    return said


def as_json(table, rules, options, seconds, said):
    return {"format": "wringer-matrix", "version": 1, "rounds": options.rounds, "load": options.load, "seconds": round(seconds, 1),
            "rules": rules, "complaints": said,
            "targets": [{"name": row.name, "rule": row.rule, "also": list(row.also), "plays": sum(row.played.values()),
                         "found": {rule: {"plays": len(pairs), "scenarios": sorted(row.where[rule])} for rule, pairs in row.found.items()},
                         "broken": row.broken} for row in table]}


def arguments():
    parser = argparse.ArgumentParser(prog="ci/matrix.py", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--shown", action="store_true")
    parser.add_argument("--at-once", type=int, default=3)
    parser.add_argument("--watch")
    parser.add_argument("--json", default=os.path.join(wringer.BUILD, "matrix.json"))
    parser.add_argument("globs", nargs="*", metavar="TARGET-GLOB")
    return parser.parse_args()


def main():
    options = arguments()
    WATCH.extend(["--watch", options.watch] if options.watch else [])
    table = rows(options.globs)
    if not table:
        print("ci/matrix.py: no target matches", *options.globs, file=sys.stderr)
        return 2
    rules = [rule["name"] for rule in json.loads(wringer.wringer("list", "rules", "--json").stdout)]
    jobs = [(row, protocol, words, turn) for turn in range(options.rounds) for row in table
            for protocol, words in row.plays(options.shown)]
    began = time.monotonic()
    with load(options.load):
        for count, (row, protocol, turn, done, report) in enumerate(wringer.side_by_side(play, jobs, options.at_once), 1):
            row.take(protocol, turn, done, report)
            if sys.stderr.isatty():
                print(f"\r{count} of {len(jobs)}: {row.name} {protocol}\033[K", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    said = complaints(table, rules, not options.globs)
    picture(table, rules)
    with open(options.json, "w") as file:
        json.dump(as_json(table, rules, options, time.monotonic() - began, said), file, indent=1)
    for line in said:
        print(line)
    faulty = [row for row in table if row.rule]
    print(f"{sum(row.whole() for row in faulty)} of {len(faulty)} faulty targets bitten, {sum(len(row.alarms()) for row in table)} findings "
          f"unexplained, {len(jobs)} plays in {time.monotonic() - began:.0f} s; {options.json}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
