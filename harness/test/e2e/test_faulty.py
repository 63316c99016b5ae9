#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each faulty target breaks the rule it is named for, in the scenarios its header names, and no rule that the header does
not explain."""
import sys

import wringer

tally = wringer.Tally()
for rule, protocol, scenarios, also in ((rule, *shown, also) for rule, all_shown, also in wringer.faulty() for shown in all_shown.items()):
    done, result = wringer.report("run", *scenarios, "--target", "faulty-" + rule, "--protocol", protocol, "-q")
    if not tally.check(result is not None, f"{rule}: no report: {done.stderr}"):
        continue
    errors, warnings = wringer.findings(result), wringer.findings(result, "warning")
    text = f"faulty-{rule} {protocol} in {', '.join(scenarios)}:"
    tally.check(rule in errors or rule in warnings, f"{text} not bitten; errors {errors}, warnings {warnings}\n{done.stdout}")
    extra = {name: where for name, where in errors.items() if name != rule and name not in also}
    tally.check(not extra, f"{text} also breaks {extra}")
    broken = [(case["scenario"], case["reason"]) for case in result["cases"] if case["verdict"] == "broken"]
    tally.check(not broken, f"{text} broken: {broken}")
sys.exit(tally.close())
