#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""io_uring by bpf: from the kernel's own tracepoints the same is found as by ptrace, which reads the rings. The faulty targets
are convicted of the same by both, the correct ones pass every scenario, and a server that runs already is understood from the
requests that wait in its ring. Skipped where bpf is refused."""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import wringer

PATIENCE = 60  # s


def play(job):
    """What wringer says of a target watched that way."""
    target, way = job
    return wringer.report("run", *target.shown["http"], "--target", target.name, "--protocol", "http", "--watch", way, "-q")


def judged(target, way, done, result):
    """rule -> scenarios, of severity error."""
    broken = [(case["scenario"], case["reason"]) for case in result["cases"] if case["verdict"] == "broken"] if result else done.stderr
    tally.check(not broken, f"{target.name} by {way}: broken: {broken}")
    return wringer.findings(result) if result else {}


def test_faulty():
    """Not scenario by scenario: how much a send takes, say, is a matter of time."""
    targets = [target for target in wringer.faulty() if target.name.startswith("faulty-uring-")]
    jobs = [(target, way) for target in targets for way in ("ptrace", "bpf")]
    results = {(target.name, way): judged(target, way, *played)
               for (target, way), played in zip(jobs, wringer.side_by_side(play, jobs))}
    for target in targets:
        found = {way: results[target.name, way] for way in ("ptrace", "bpf")}
        for way, rules in found.items():
            tally.check(target.rule in rules, f"{target.name} by {way}: {rules}")
        extra = found["bpf"].keys() - found["ptrace"].keys() - set(target.also)
        tally.check(not extra, f"{target.name}: by bpf {found['bpf']}, by ptrace {found['ptrace']}")


def test_correct():
    jobs = [("uring", "http"), ("uring-poll", "echo")]
    work = lambda job: wringer.report("check", "--target", job[0], "--protocol", job[1], "--watch", "bpf", "-q")
    for (target, protocol), (done, result) in zip(jobs, wringer.side_by_side(work, jobs)):
        if not tally.check(result is not None, f"{target}: no report: {done.stderr}"):
            continue
        for case in result["cases"]:
            where = f"{target} {protocol} {case['scenario']}"
            tally.check(case["verdict"] in ("pass", "skip"), f"{where}: {case['verdict']} {case['reason']} {case['findings']}")
            tally.check(not case["findings"], f"{where}: {[(f['rule'], f['message']) for f in case['findings']]}")
        tally.check(sum(case["verdict"] == "pass" for case in result["cases"]) >= 40, f"{target}: {done.stdout}")


def ask(port):
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return client.recv(65536).startswith(b"HTTP/1.1 200")


def test_attached():
    """It accepts by a request that was in flight when we came: what follows from it is understood, and nobody was disturbed."""
    with tempfile.TemporaryDirectory(prefix="wringer-test-") as folder:
        server = subprocess.Popen([os.path.join(wringer.BUILD, "targets", "uring"), "--protocol", "http", "--port", "0"],
                                  stdout=subprocess.PIPE, text=True)
        port = int(server.stdout.readline())
        tally.check(ask(port), "attached: not served before")
        watching = subprocess.Popen([wringer.BINARY, "watch", "--watch", "bpf", "--pid", str(server.pid), "--keep", folder],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        path, end, shown = os.path.join(folder, "journal"), time.monotonic() + PATIENCE, ""
        while "completed" not in shown and watching.poll() is None and time.monotonic() < end:
            tally.check(ask(port), "attached: not served")
            shown = wringer.wringer("judge", "--show", path).stdout if os.path.exists(path) else ""
        watching.send_signal(signal.SIGINT)
        text = watching.communicate(timeout=PATIENCE)[0]
        shown = wringer.wringer("judge", "--show", path).stdout
        tally.check(watching.returncode == 0 and "0 errors, 0 warnings" in text, f"attached: {watching.returncode} {text}")
        for wanted in (r"ACCEPT fd \d+ submitted \[MULTISHOT\]", r"ACCEPT fd \d+, 127\.0\.0\.1:\d+ completed = \d+",
                       r"RECV fd \d+ submitted", r"SEND fd \d+, \d+ bytes completed"):
            tally.check(re.search("io_uring: " + wanted, shown), f"attached: no {wanted} in {shown[-4000:]}")
        tally.check("EINTR" not in shown and "not seen" not in shown, f"attached: {shown[-4000:]}")
        tally.check(ask(port) and server.poll() is None, "attached: not served afterwards")
        server.kill()
        server.wait()
        server.stdout.close()


signal.signal(signal.SIGINT, signal.default_int_handler)
tally = wringer.Tally()
if wringer.RINGS_REFUSED:
    print(wringer.RINGS_REFUSED)
    sys.exit(77)
asked = wringer.wringer("watch", "-q", "--watch", "bpf", "--", "/bin/true")
if asked.returncode:
    print(asked.stderr.strip())
    sys.exit(77)
for test in (test_faulty, test_correct, test_attached):
    test()
sys.exit(tally.close())
