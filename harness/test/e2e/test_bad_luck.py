#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bad luck: the harness short of fds and of memory, targets that die, never listen, speak something else or ignore SIGTERM,
journals that are no journals, a run that is ended twice. Each time: one clear line, the right exit status, the reports whole,
no process and no temporary file left behind."""
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time

import wringer

tally = wringer.Tally()
LEVEL = os.path.join(wringer.BUILD, "targets", "epoll-level")
ONE = ("run", "rst-idle", "--protocol", "http", "--color", "never")
STUBBORN = """import signal, socketserver
signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads, request_queue_size = True, 64
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while self.request.recv(4096):
                self.request.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
        except ConnectionError:
            pass
Server(("127.0.0.1", 0), Handler).serve_forever()
"""


def ours(marker):
    """Live processes whose environment carries the marker: the harness's and the targets'."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as environ, open(f"/proc/{pid}/stat") as stat:
                if marker in environ.read() and stat.read().rsplit(")", 1)[1].split()[0] != "Z":
                    found.append(int(pid))
        except OSError:
            pass
    return found


def leaves_nothing(what, folder):
    """Asked again for at most twenty seconds: the kernel may still be taking killed processes down."""
    marker = ("TMPDIR=" + folder).encode()
    deadline = time.monotonic() + 20
    while ours(marker) and time.monotonic() < deadline:
        os.sched_yield()
    tally.check(not ours(marker), f"{what}: processes left: {ours(marker)}")
    tally.check(not os.listdir(folder), f"{what}: files left: {os.listdir(folder)}")


def try_it(what, words, status, said, limits=()):
    """Runs wringer with a temporary folder of its own; status may be one of several."""
    def limit():
        for kind, value in limits:
            resource.setrlimit(kind, (value, value))
    with tempfile.TemporaryDirectory(prefix="wringer-luck-") as folder:
        done = wringer.wringer(*words, env={**os.environ, "TMPDIR": folder}, preexec_fn=limit)
        text = done.stdout + done.stderr
        tally.check(done.returncode in status, f"{what}: exit status {done.returncode}: {text}")
        tally.check(any(word in text for word in said), f"{what}: does not say {said}: {text}")
        leaves_nothing(what, folder)


for fds in (5, 6, 8, 10, 12, 16, 20, 24, 28):
    try_it(f"{fds} fds", (*ONE, "--target", "epoll-level"), (0, 2), ("passed", "wringer: "), [(resource.RLIMIT_NOFILE, fds)])
for mib in (8, 24, *range(36, 60, 2), 80):
    try_it(f"{mib} MiB", (*ONE, "--target", "epoll-level"), (0, 2, 127), ("passed", "wringer: ", "cannot allocate", "failed to map"),
           [(resource.RLIMIT_AS, mib << 20)])
try_it("a target that exits at once", (*ONE, "--", "sh", "-c", "echo no luck; exit 3"), (2,), ("exit status 3",))
try_it("its last output", (*ONE, "--", "sh", "-c", "echo no luck; exit 3"), (2,), ("no luck",))
try_it("a target that never listens", (*ONE, "--time-scale", "0.2", "--", "sleep", "30"), (2,), ("listen",))
try_it("a target of another protocol", (*ONE, "--", LEVEL, "--port", "0", "--protocol", "echo"), (2,), ("http",))
try_it("a target that ignores SIGTERM", (*ONE, "--", sys.executable, "-c", STUBBORN), (0,), ("1 passed",))

with tempfile.TemporaryDirectory(prefix="wringer-luck-") as folder:
    wringer.wringer(*ONE, "--target", "epoll-level", "--keep", folder)
    journals = [os.path.join(where, "journal") for where, _, names in os.walk(folder) if "journal" in names]
    if tally.check(len(journals) == 1, f"--keep kept {journals}"):
        with open(journals[0], "rb") as file:
            whole = file.read()
        for name, data, said in (("truncated", whole[:-5], "truncated"), ("random", os.urandom(len(whole)), "not a wringer journal"),
                                 ("changed", whole[:200] + b"\xff" + whole[201:], "corrupt"), ("empty", b"", "not a wringer journal")):
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            done = wringer.wringer("judge", path)
            tally.check(done.returncode == 2 and said in done.stdout + done.stderr, f"{name}: {done.returncode} {done.stdout}{done.stderr}")

for count in (1, 2):
    with tempfile.TemporaryDirectory(prefix="wringer-luck-") as folder, tempfile.TemporaryDirectory() as reports:
        path = os.path.join(reports, "report.json")
        run = subprocess.Popen([wringer.BINARY, "check", "--target", "epoll-level", "--protocol", "http", "--color", "never", "--json", path],
                               env={**os.environ, "TMPDIR": folder}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        run.stdout.readline() # the first case is over
        for _ in range(count):
            run.send_signal(signal.SIGINT)
        rest, _ = run.communicate(timeout=60)
        tally.check(run.returncode == 2, f"SIGINT x{count}: exit status {run.returncode}")
        with open(path) as file:
            report = json.load(file)
        tally.check(report["cases"] and report["summary"]["not_run"] > 0, f"SIGINT x{count}: {report['summary']}")
        leaves_nothing(f"SIGINT x{count}", folder)
sys.exit(tally.close())
