#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A run in three parts, each in a network namespace of its own, merged: the same cases, verdicts, findings and exit status
as the undivided run. And what failed in it, replayed."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import wringer

SHARDS = 3
RUN = ["run", "rst-idle", "rst-mid-response", "fin-idle", "--target", "epoll-level", "--target", "faulty-hup-spin", "--seed", "5", "-q"]


def apart():
    """What puts a command into a network namespace of its own; nothing where that is refused."""
    words = ["unshare", "--user", "--map-root-user", "--net"]
    allowed = shutil.which("unshare") and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    return words if allowed else []


def run_parts(folder):
    """By GNU parallel, where it is there: the line that README.md gives."""
    part = [*apart(), wringer.BINARY, *RUN, "--shard", f"{{}}/{SHARDS}", "--json", os.path.join(folder, "{}.json")]
    if shutil.which("parallel") and "GNU" in subprocess.run(["parallel", "--version"], capture_output=True, text=True, check=False).stdout:
        subprocess.run(["parallel", *part, ":::", *map(str, range(1, SHARDS + 1))], capture_output=True, timeout=120, check=False)
        return
    started = [subprocess.Popen([word.replace("{}", str(i)) for word in part], stdout=subprocess.DEVNULL) for i in range(1, SHARDS + 1)]
    for child in started:
        child.wait(timeout=120)


def summary(report):
    cases = sorted((case["scenario"], case["target"], case["round"], case["verdict"], sorted({finding["rule"] for finding in case["findings"]}))
                   for case in report["cases"])
    return cases, {name: count for name, count in report["summary"].items() if name != "findings"}


def test_replay(tally, path, read):
    """What failed in a report, again: by the commands it gives itself, and only that."""
    failed = {case["again"] for case in read("whole.json")["cases"] if case["verdict"] == "fail"}
    tally.check(len(failed) > 0 and all("again" not in case for case in read("whole.json")["cases"] if case["verdict"] == "pass"), f"{failed}")
    for name in ("whole.json", "merged.json"):
        planned = wringer.wringer("replay", path(name), "--dry-run")
        tally.check(set(planned.stdout.splitlines()) == failed, f"{name}: {planned.stdout}\n{failed}\n{planned.stderr}")
    again = wringer.wringer("replay", path("merged.json"), "-q", "--case", "rst-mid-*", "--json", path("again.json"))
    result = read("again.json")
    tally.check(again.returncode == 1 and result["seed"] == read("whole.json")["seed"] and len(result["cases"]) == 1 and
                "hup-spin" in wringer.findings(result), f"{again.returncode} {again.stdout}{again.stderr}")
    for words, says in (([], "wants one JSON report"), ([path("whole.json"), "--case", "rst-idl"], "did you mean rst-idle?"),
                        ([path("whole.json"), "--case", "fin-idle"], "that case did not fail"), ([path("merged.xml")], "no report of wringer's"),
                        ([path("none.json")], "No such file"), ([path("whole.json"), "--seed", "1"], "replay has no option --seed")):
        refused = wringer.wringer("replay", *words)
        tally.check(refused.returncode == 2 and says in refused.stderr, f"{words}: {refused.returncode} {refused.stderr}")


def main():
    tally = wringer.Tally()
    with tempfile.TemporaryDirectory(prefix="wringer-test-") as folder:
        path = lambda name: os.path.join(folder, name)
        read = lambda name: json.load(open(path(name)))
        run_parts(folder)
        whole = wringer.wringer(*RUN, "--json", path("whole.json"))
        parts = [path(f"{i}.json") for i in range(1, SHARDS + 1)]
        merged = wringer.wringer("merge", *parts, "--json", path("merged.json"), "--junit", path("merged.xml"))
        tally.check(merged.returncode == whole.returncode == 1, f"exit status {merged.returncode} and {whole.returncode}\n{merged.stderr}")
        tally.check(summary(read("merged.json")) == summary(read("whole.json")), f"{summary(read('merged.json'))}\n{summary(read('whole.json'))}")
        tally.check("hup-spin" in open(path("merged.xml")).read(), "the merged JUnit report has the finding")
        wringer.wringer(*RUN, "--exclude", "fin-idle", "--shard", f"3/{SHARDS}", "--json", path("fewer.json"))
        wringer.wringer(*RUN, "-D", "bytes=1", "--shard", f"3/{SHARDS}", "--json", path("set.json"))
        wringer.wringer(*RUN, "--time-scale", "2", "--shard", f"3/{SHARDS}", "--json", path("patient.json"))
        patient = wringer.wringer("merge", parts[0], parts[1], path("patient.json"))
        tally.check(patient.returncode == 1 and not patient.stderr, f"a part of a slower machine: {patient.returncode} {patient.stderr}")
        chosen = "the choice of scenarios or settings differs"
        for words, says in (([parts[0], parts[1], path("fewer.json")], chosen), ([parts[0], parts[1], path("set.json")], chosen),
                            ([parts[0], parts[2]], "shard 2/3 is missing"),
                            ([parts[0], parts[0]], "both shard 1"),
                            ([parts[0], path("whole.json")], "of different runs: the number of shards differs")):
            refused = wringer.wringer("merge", *words)
            tally.check(refused.returncode == 2 and says in refused.stderr, f"{words}: {refused.returncode} {refused.stderr}")
        test_replay(tally, path, read)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
