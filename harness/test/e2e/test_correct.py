#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every scenario passes on every correct target, in each protocol: no finding of any severity that is not expected, nothing
broken, and what is skipped says why."""
import sys

import wringer

tally = wringer.Tally()
jobs = [(target, protocol) for target in wringer.correct() for protocol in ("http", "echo")]
for job in [job for job in jobs if wringer.missing(job[0])]:
    tally.skip(f"{job[0]} {job[1]}: {wringer.missing(job[0])}")
    jobs.remove(job)


def play(job):
    return wringer.report("check", "--target", job[0], "--protocol", job[1], "-q")


for (target, protocol), (done, result) in zip(jobs, wringer.side_by_side(play, jobs)):
    if not tally.check(result is not None, f"{target} {protocol}: no report: {done.stderr}"):
        continue
    for case in result["cases"]:
        where = f"{target} {protocol} {case['scenario']}"
        tally.check(case["verdict"] in ("pass", "skip"), f"{where}: {case['verdict']} {case['reason']} {case['findings']}")
        tally.check(not case["findings"], f"{where}: {[(f['rule'], f['message']) for f in case['findings']]}")
        tally.check(case["verdict"] != "skip" or case["reason"], f"{where}: skipped without a reason")
    tally.check(len(result["cases"]) >= 25, f"{target} {protocol}: only {len(result['cases'])} cases")
    tally.check(done.returncode == 0, f"{target} {protocol}: exit status {done.returncode}")
sys.exit(tally.close())
