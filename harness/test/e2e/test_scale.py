#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How servers grow, with few connections: the table, the JSON and the picture are whole and tell the same; what cannot be
measured is refused in one line. No figure is judged: time is whatever this machine makes of it. And how we grow: a case with
connections that come and go needs no more memory for ten times as many, live and when it is judged again."""
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

# Rounds of connections, each a coroutine, that are answered or reset, and dropped.
ROUNDS = """
local phases = use "lib.phases"
return scenario {
  "come-and-go",
  doc = "connections that come and go",
  why = [[memory must not grow with them]],
  run = function(t)
    for _ = 1, tonumber(t:setting("rounds", 1)) do
      local peers = phases.connect(t, nil, 50)
      phases.all(t, peers, function(peer)
        peer:request()
        if #peer:name() % 2 == 0 then peer:answer() end
        peer:reset()
      end)
      for _, peer in ipairs(peers) do peer:drop() end
    end
  end,
}
"""


def weighed(*words):
    """Exit status and peak of resident memory, of any of its processes, in KiB."""
    child = subprocess.Popen([wringer.BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    told = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, used.ru_maxrss, told


with tempfile.TemporaryDirectory(prefix="wringer-scale-") as folder:
    scenario = os.path.join(folder, "come-and-go.lua")
    with open(scenario, "w") as file:
        file.write(ROUNDS)
    peaks = {}
    for rounds in (10, 110):
        kept = os.path.join(folder, f"kept-{rounds}")
        status, live, told = weighed("run", scenario, "-D", f"rounds={rounds}", "--target", "epoll-level", "--protocol", "echo",
                                     "--time-scale", "4", "--keep", kept, "-q", "--no-progress")
        tally.check(status == 0, f"{rounds} rounds: exit status {status}: {told}")
        journal = next((os.path.join(where, "journal") for where, _, files in os.walk(kept) if "journal" in files), None)
        if not tally.check(journal is not None, f"{rounds} rounds: no journal is kept"):
            continue
        status, again, told = weighed("judge", "-q", journal)
        tally.check(status == 0, f"{rounds} rounds, judged: exit status {status}: {told}")
        peaks[rounds] = (live, again)
    for what, few, many in zip(("live", "judged"), peaks.get(10, ()), peaks.get(110, ())):
        # 5,000 connections more: 250 bytes of each would be too much
        tally.check(many < few + 1250, f"{what}: {few} KiB for 500 connections, {many} KiB for 5,500")

for options, reason in ((("--scale", "--idle", "50,10"), "rising"), (("--scale", "--idle", "many"), "numbers such as"),
                        (("--scale", "--idle", "900m"), "at most"), (("--scale", "fin-idle"), "no scenario"),
                        (("--scale", "--target", "nobody"), "nobody"), (("--svg", "x.svg"), "belongs to --scale")):
    done = scale(*options)
    tally.check(done.returncode == 2 and reason in done.stderr and done.stderr.count("\n") == 1,
                f"{options}: {done.returncode} {done.stderr}")
sys.exit(tally.close())
