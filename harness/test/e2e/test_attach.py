#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""watch --pid on servers that run already, with clients. A correct one is passed and does not notice; one that turns already is
found, by a connection older than the watching. Both serve on when wringer is gone."""
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import wringer

PATIENCE = 60  # s, where only a machine that stands still needs it
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PR_SET_PTRACER, ANYBODY = 0x59616d61, ctypes.c_ulong(-1)
LIBC = ctypes.CDLL(None)


def open_to_all():
    """Where Yama lets only parents trace: wringer is a sibling here. Without Yama it is refused, and not needed."""
    LIBC.prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)


class Server:
    """A target on a port of its own, with one client that is connected and served."""

    def __init__(self, name):
        program = os.path.join(wringer.BUILD, "targets", name)
        self.process = subprocess.Popen([program, "--protocol", "http", "--port", "0"], stdout=subprocess.PIPE, text=True,
                                        preexec_fn=open_to_all)
        self.port = int(self.process.stdout.readline())
        self.client = self.connect()

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        self.ask(client)
        return client

    def ask(self, client):
        client.sendall(REQUEST)
        answer = client.recv(65536)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"the answer is {answer!r}")

    def tracer(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"^TracerPid:\s*(\d+)", status.read(), re.M).group(1))

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def attach(server, folder, *options):
    """A wringer that watches the server by now."""
    watching = subprocess.Popen([wringer.BINARY, "watch", "--pid", str(server.process.pid), "--keep", folder, *options],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + PATIENCE
    while server.tracer() == 0 and watching.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    return watching


def serves_on(tally, server, client, what):
    """It lives, nobody traces it, and it answers the client it had and a new one."""
    tally.check(server.process.poll() is None, f"{what}: the server ended with {server.process.poll()}")
    tally.check(server.tracer() == 0, f"{what}: still traced by {server.tracer()}")
    server.ask(client)
    server.connect().close()


def test_correct(tally, folder):
    server = Server("epoll-level")
    watching = attach(server, folder)
    server.ask(server.client)
    server.connect().close()
    watching.send_signal(signal.SIGINT)
    text = watching.communicate(timeout=PATIENCE)[0]
    tally.check(watching.returncode == 0, f"correct: {watching.returncode} {text}")
    tally.check("0 errors, 0 warnings" in text, f"correct: {text}")
    serves_on(tally, server, server.client, "correct")
    server.end()
    journal = wringer.wringer("judge", "--show", os.path.join(folder, "journal")).stdout
    tally.check(re.search(r"found that epoll \d+ holds .*: IN", journal), f"correct: no list was found in {journal}")
    tally.check("accept4(" in journal, f"correct: nothing was seen in {journal}")
    tally.check("EINTR" not in journal, f"correct: attaching was noticed in {journal}")


def test_faulty(tally, folder):
    server = Server("faulty-eof-spin")
    other = server.connect()
    server.client.close()  # from here on it turns
    watching = attach(server, folder, "--timeout", "4s")
    text = watching.communicate(timeout=PATIENCE)[0]
    tally.check(watching.returncode == 1, f"faulty: {watching.returncode} {text}")
    tally.check(re.search(r"^✗ eof-spin +error", text, re.M), f"faulty: {text}")
    serves_on(tally, server, other, "faulty")
    server.end()


# Who starts us in the background may have had this ignored, and wringer leaves an ignored one ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
tally = wringer.Tally()
for test in (test_correct, test_faulty):
    with tempfile.TemporaryDirectory(prefix="wringer-test-") as home:
        test(tally, home)
done = wringer.wringer("watch", "--pid", os.getppid())
tally.check(done.returncode == 2 and "wringer was started from" in done.stderr, f"ourselves: {done.returncode} {done.stderr}")
sys.exit(tally.close())
