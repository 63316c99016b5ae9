#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each faulty target breaks the rule it is named for, in the scenarios its header names, and no rule that the header does
not explain. Every rule has such a target."""
import json
import sys

import wringer

tally = wringer.Tally()


def play(job):
    target, protocol = job
    return wringer.report("run", *target.shown[protocol], "--target", target.name, "--protocol", protocol, "-q")


targets = wringer.faulty()
jobs = [(target, protocol) for target in targets for protocol in target.shown]
for target, protocol in [job for job in jobs if wringer.missing(job[0].name)]:
    tally.skip(f"{target.name} {protocol}: {wringer.missing(target.name)}")
    jobs.remove((target, protocol))
for (target, protocol), (done, result) in zip(jobs, wringer.side_by_side(play, jobs)):
    text = f"{target.name} {protocol} in {', '.join(target.shown[protocol])}:"
    if not tally.check(result is not None, f"{text} no report: {done.stderr}"):
        continue
    if wringer.missing(target.name, result):
        tally.skip(f"{text} {wringer.missing(target.name, result)}")
        continue
    errors, others = wringer.findings(result), {**wringer.findings(result, "warning"), **wringer.findings(result, "info")}
    tally.check(target.rule in errors or target.rule in others, f"{text} not bitten; errors {errors}, others {others}\n{done.stdout}")
    extra = {name: where for name, where in errors.items() if name != target.rule and name not in target.also}
    tally.check(not extra, f"{text} also breaks {extra}")
    broken = [(case["scenario"], case["reason"]) for case in result["cases"] if case["verdict"] == "broken"]
    tally.check(not broken, f"{text} broken: {broken}")
rules = {rule["name"] for rule in json.loads(wringer.wringer("list", "rules", "--json").stdout)}
tally.check(rules, "no rules are listed")
unproven = rules - {target.rule for target in targets}
tally.check(not unproven, f"rules without a faulty target: {unproven}")
sys.exit(tally.close())
