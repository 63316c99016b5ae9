#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How servers grow, with few connections: the table, the JSON and the picture are whole and tell the same; what cannot be
measured is refused in one line. No figure is judged: time is whatever this machine makes of it."""
import json
import os
import resource
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import wringer

TARGETS = ["select", "epoll-level"]
tally = wringer.Tally()
if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 1200:
    print("a process may have fewer than 1200 fds here (ulimit -Hn): select would not meet its own limit first")
    sys.exit(77)


def scale(*options):
    return subprocess.run([wringer.BINARY, "contrast", *options], capture_output=True, text=True, timeout=120)


with tempfile.TemporaryDirectory(prefix="wringer-scale-") as folder:
    files = {kind: os.path.join(folder, f"scale.{kind}") for kind in ("json", "svg")}
    picked = [word for target in TARGETS for word in ("--target", target)]
    done = scale("--scale", *picked, "--idle", "10,50,1100", "--json", files["json"], "--svg", files["svg"])
    tally.check(done.returncode == 0, f"exit status {done.returncode}: {done.stdout}{done.stderr}")
    with open(files["json"]) as file:
        report = json.load(file)
    tally.check((report["format"], report["version"]) == ("wringer-scale", 1), f"format: {report}")
    rows = {row["target"]: row for row in report["targets"]}
    tally.check(list(rows) == TARGETS, f"targets: {list(rows)}")
    for target, idle, end in (("select", [10, 50], "1024"), ("epoll-level", [10, 50, 1100], None)):
        row = rows[target]
        tally.check([point["idle"] for point in row["points"]] == idle, f"{target}: {row}")
        tally.check(all(point["requests"] > 0 and point["cpu_us"] > 0 and point["answer_p50_us"] > 0 for point in row["points"]),
                    f"{target}: nothing was measured: {row}")
        tally.check(row["end"] is None if end is None else end in row["end"], f"{target} ends with {row['end']}")
        tally.check(target in done.stdout, f"{target} is not in the table: {done.stdout}")
    picture = xml.etree.ElementTree.parse(files["svg"]).getroot()
    space = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in picture.iter(space + "text")]
    tally.check(picture.tag == space + "svg" and len(list(picture.iter(space + "polyline"))) == 4, "four lines in two panels")
    tally.check(all(any(text.startswith(target) for text in texts) for target in TARGETS), f"labels: {texts}")

for options, reason in ((("--scale", "--idle", "50,10"), "rising"), (("--scale", "--idle", "many"), "numbers such as"),
                        (("--scale", "--idle", "900m"), "at most"), (("--scale", "fin-idle"), "no scenario"),
                        (("--scale", "--target", "nobody"), "nobody"), (("--svg", "x.svg"), "belongs to --scale")):
    done = scale(*options)
    tally.check(done.returncode == 2 and reason in done.stderr and done.stderr.count("\n") == 1,
                f"{options}: {done.returncode} {done.stderr}")
sys.exit(tally.close())
