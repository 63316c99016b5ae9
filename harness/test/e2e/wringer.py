# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: running the built wringer and reading its report."""
import json
import os
import re
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("WRINGER_BUILD", os.path.join(ROOT, "build"))
BINARY = os.environ.get("WRINGER_BIN", os.path.join(BUILD, "wringer"))


def wringer(*words, limit=240, **keywords):
    """A finished run: .returncode, .stdout, .stderr."""
    return subprocess.run([BINARY, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=limit, check=False, **keywords)


def report(*words, **keywords):
    """A finished run and its JSON report (None when it wrote none)."""
    with tempfile.TemporaryDirectory(prefix="wringer-test-") as folder:
        path = os.path.join(folder, "report.json")
        command, rest = (words[:words.index("--")], words[words.index("--"):]) if "--" in words else (words, ())
        done = wringer(*command, "--json", path, *rest, **keywords)
        try:
            with open(path) as file:
                return done, json.load(file)
        except FileNotFoundError:
            return done, None


def findings(result, severity="error"):
    """rule -> the scenarios it was found in."""
    found = {}
    for case in result["cases"]:
        for finding in case["findings"]:
            if finding["severity"] == severity:
                found.setdefault(finding["rule"], set()).add(case["scenario"])
    return found


def faulty():
    """The faulty targets, from the headers of their sources: [(rule, {protocol: scenarios that show it}, other rules it breaks)].
    "shown by: drip (echo), churn" is drip in echo only and churn in http."""
    folder = os.path.join(ROOT, "targets", "faulty")
    targets = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".c"):
            continue
        with open(os.path.join(folder, name)) as source:
            head = source.read()
        listed = lambda key, text=head: [word.strip() for word in re.search(rf"^ \* {key}: (.*)$", text, re.M).group(1).split(",")
                                         if word.strip() != "none"]
        shown = {}
        for word in listed("shown by"):
            scenario, protocol = re.fullmatch(r"(\S+)(?: \((\w+)\))?", word).groups()
            shown.setdefault(protocol or "http", []).append(scenario)
        targets.append((name[:-2], shown, listed("also")))
    return targets


class Tally:
    """Counts checks and prints cmocka-like closing lines, so that one runner counts them all."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, ok, what):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print("FAIL:", what, flush=True)
        return ok

    def close(self):
        print(f"[  PASSED  ] {self.passed} test(s)." + (f"\n[  FAILED  ] {self.failed} test(s)." if self.failed else ""))
        return 1 if self.failed else 0
