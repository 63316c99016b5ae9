#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""watch on a whole test suite: make, a shell, a compiler, tests that start servers, ask them, leave at bad moments and kill them.
Nobody but a faulty server is blamed, and the suite's own status is passed on."""
import os
import re
import sys
import tempfile

import wringer

MAKEFILE = """
test: tool.o ask abuse itself
tool.o: tool.c
\t$(CC) -c -o $@ $<
tool.c:
\tseq 99999 | head -1 | sed 's/.*/int tool;/' > $@
ask abuse:
\t$(PYTHON) suite.py $@ $(SERVER) $(PAUSE)
itself:
\t$(PYTHON) itself.py $(OUTCOME)
.PHONY: test ask abuse itself
"""

# A test that starts a server, several times, each time killed in another way, and with a client connected.
SUITE = """
import signal, socket, struct, subprocess, sys, time

REQUEST = b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"

def ask(port):
    client = socket.create_connection(("127.0.0.1", port), 60)
    client.sendall(REQUEST)
    assert client.recv(1000).startswith(b"HTTP/1.1 200")
    return client

for end in signal.SIGTERM, signal.SIGKILL:
    server = subprocess.Popen([sys.argv[2], "--protocol", "http", "--port", "0"], stdout=subprocess.PIPE)
    port = int(server.stdout.readline())
    ask(port).close()
    if sys.argv[1] == "abuse":
        client = ask(port)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        client = ask(port)
        client.sendall(REQUEST[:9])
        client.close()
    client = ask(port)
    time.sleep(float(sys.argv[3]))  # for a server that turns
    server.send_signal(end)
    server.wait()
    client.close()
"""

# Server and client in one process, and a verdict right behind the end of the connection.
ITSELF = """
import socket, sys

listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
client.close()
assert server.recv(1) == b""
sys.exit(int(sys.argv[1]))
"""


def suite(folder, goal, server, outcome=0, pause=0, options=()):
    program = os.path.join(wringer.BUILD, "targets", server)
    return wringer.wringer("watch", *options, "--", "make", "-C", folder, "-j2", "-s", goal, f"PYTHON={sys.executable}",
                           f"SERVER={program}", f"OUTCOME={outcome}", f"PAUSE={pause}")


tally = wringer.Tally()
with tempfile.TemporaryDirectory(prefix="wringer-test-") as home:
    for name, text in ("Makefile", MAKEFILE), ("suite.py", SUITE), ("itself.py", ITSELF):
        with open(os.path.join(home, name), "w") as file:
            file.write(text)
    done = suite(home, "test", "epoll-level")
    tally.check(done.returncode == 0, f"correct: {done.returncode} {done.stderr}")
    tally.check("0 errors, 0 warnings" in done.stderr, f"correct: {done.stderr}")
    done = suite(home, "itself", "epoll-edge", outcome=3)
    tally.check(done.returncode == 2, f"make fails: {done.returncode} {done.stderr}")
    tally.check("0 errors, 0 warnings" in done.stderr, f"make fails: {done.stderr}")
    done = suite(home, "ask", "faulty-eof-spin", pause=1.5)
    tally.check(done.returncode == 1, f"faulty: {done.returncode} {done.stderr}")
    rules = set(re.findall(r"^✗ (\S+)  (?:error|warning)", done.stderr, re.M))
    tally.check(rules == {"eof-spin"}, f"faulty: {rules} {done.stderr}")
    for way in "ptrace", "preload":
        options = ["--watch", way, "--keep", os.path.join(home, way)]
        done = suite(home, "ask", "epoll-level",
                     options=[*options, "--fault", "@read:short=9:1..3", "--fault", "@accept:EINTR:2", "--fault", "@write:delay=5ms:1"])
        tally.check(done.returncode == 0, f"faults by {way}: {done.returncode} {done.stderr}")
        shown = wringer.wringer("judge", "--show", os.path.join(home, way, "journal")).stdout
        # Two servers, one after the other; each has all of them.
        counts = [len(re.findall(what, shown)) for what in (r"= 9 \(shortened\)", r"accept4?\(.* = EINTR \(injected\)", "held back for 5 ms")]
        tally.check(counts[0] >= 2 and counts[1:] == [2, 2], f"faults by {way}: {counts}")
        tally.check(re.findall(r"lifted after (\d+)", shown)[1:] == ["2", "2"], f"faults by {way}: {shown[-2000:]}")
    done = suite(home, "ask", "epoll-level", options=["--fault", "@read:EIO@peer=1"])
    tally.check(done.returncode == 2 and "@read:EIO@peer=1 was never delivered" in done.stderr, f"never delivered: {done.stderr}")
for options, complaint in ((["--fault", "read:EGG"], "unknown errno 'EGG'"),
                           (["--fault", "read:EIO", "--watch", "bpf"], "bpf"),
                           (["--fault", "read:EIO", "--pid", str(os.getpid())], "--fault is for a command")):
    done = wringer.wringer("watch", *options, *([] if "--pid" in options else ["--", "true"]))
    tally.check(done.returncode == 2 and complaint in done.stderr, f"{options}: {done.returncode} {done.stderr}")
for script, status in ("exit 7", 7), ("kill -9 $$", 137):
    done = wringer.wringer("watch", "-q", "--", "sh", "-c", script)
    tally.check(done.returncode == status, f"{script}: {done.returncode} {done.stderr}")
sys.exit(tally.close())
