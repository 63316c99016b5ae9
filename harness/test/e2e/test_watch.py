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


def suite(folder, goal, server, outcome=0, pause=0):
    program = os.path.join(wringer.BUILD, "targets", server)
    return wringer.wringer("watch", "--", "make", "-C", folder, "-j2", "-s", goal, f"PYTHON={sys.executable}",
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
    done = suite(home, "ask", "faulty-eof-spin", pause=0.6)
    tally.check(done.returncode == 1, f"faulty: {done.returncode} {done.stderr}")
    rules = set(re.findall(r"^✗ (\S+)  (?:error|warning)", done.stderr, re.M))
    tally.check(rules == {"eof-spin"}, f"faulty: {rules} {done.stderr}")
for script, status in ("exit 7", 7), ("kill -9 $$", 137):
    done = wringer.wringer("watch", "-q", "--", "sh", "-c", script)
    tally.check(done.returncode == status, f"{script}: {done.returncode} {done.stderr}")
sys.exit(tally.close())
