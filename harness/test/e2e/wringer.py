# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: running the built wringer and reading its report."""
import concurrent.futures
import ctypes
import json
import os
import re
import subprocess
import tempfile
import typing

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


def side_by_side(work, items, at_once=3):
    """work(item) of every item, in their order; a few at once, since a case mostly waits."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(work, items)


class Faulty(typing.NamedTuple):
    """A faulty target, as the comment at the top of its source describes it."""
    name: str    # faulty-NAME
    rule: str    # what it breaks: "rule: NAME", or else the file's own name
    shown: dict  # protocol -> the scenarios that show it; "shown by: drip (echo), churn" is drip in echo only, churn in http
    also: list   # other rules it breaks as a consequence


def rings_refused():
    """Why there is no io_uring here (a container's filter, a setting of the kernel's), or None."""
    libc = ctypes.CDLL(None, use_errno=True)
    ring = libc.syscall(425, 1, ctypes.create_string_buffer(120))  # io_uring_setup, on every architecture
    if ring < 0:
        return "no io_uring here: " + os.strerror(ctypes.get_errno())
    os.close(ring)
    return None


def missing(name, result=None):
    """What a target lacks on this machine, or why no case of a report was played; None: nothing. For skips, never for failures."""
    if "uring" in name and RINGS_REFUSED:
        return RINGS_REFUSED
    cases = result["cases"] if result else []
    if cases and all(case["verdict"] == "skip" and case["reason"].startswith("needs the sandbox") for case in cases):
        return cases[0]["reason"]
    return None


def header(text, key):
    """The words of a line " * key: a, b" (in Python "# key: a, b"); "none" is no word; None without such a line."""
    line = re.search(rf"^(?: \*|#) {key}: (.*)$", text, re.M)
    return line and [word.strip() for word in line.group(1).split(",") if word.strip() != "none"]


def faulty():
    """The faulty targets, by name."""
    folder = os.path.join(ROOT, "targets", "faulty")
    targets = []
    for name, kind in map(os.path.splitext, sorted(os.listdir(folder))):
        if kind not in (".c", ".py"):
            continue
        with open(os.path.join(folder, name + kind)) as source:
            text = source.read()
        shown = {}
        for word in header(text, "shown by"):
            scenario, protocol = re.fullmatch(r"(\S+)(?: \((\w+)\))?", word).groups()
            shown.setdefault(protocol or "http", []).append(scenario)
        targets.append(Faulty("faulty-" + name, (header(text, "rule") or [name])[0], shown, header(text, "also")))
    return targets


def correct():
    """The names of the correct targets: every program of the build that is not a faulty one."""
    folder = os.path.join(BUILD, "targets")
    return sorted(name for name in os.listdir(folder) if not name.startswith("faulty-") and "." not in name and
                  os.path.isfile(os.path.join(folder, name)) and os.access(os.path.join(folder, name), os.X_OK))


RINGS_REFUSED = rings_refused()


class Tally:
    """Counts checks and prints cmocka-like closing lines, so that one runner counts them all."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, ok, what):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print("FAIL:", what, flush=True)
        return ok

    def skip(self, what):
        self.skipped += 1
        print("skipped:", what, flush=True)

    def close(self):
        print(f"[  PASSED  ] {self.passed} test(s)." + (f"\n[  FAILED  ] {self.failed} test(s)." if self.failed else "") +
              (f"\n[  SKIPPED ] {self.skipped} test(s)." if self.skipped else ""))
        return 1 if self.failed else 0
