#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One workload, watched by ptrace, by preload and by bpf (where the machine lets it): of every connection, the same calls with the same results in the same order, on
a server of threads and on one of processes. (What depends on who is quicker, EAGAIN and arming again, is left out; that it is
the same too is shown by harness/test/watch/test_preload.c, where nothing depends on it.)"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

import wringer

CONNECTIONS = 12


def converse(port):
    """One connection after the other, each seen to its end: the server has closed before the next one comes."""
    for number in range(CONNECTIONS):
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            for line in b"once\n", b"twice %d\n" % number:
                client.sendall(line)
                answer = b""
                while not answer.endswith(b"\n"):
                    answer += client.recv(100)
            client.shutdown(socket.SHUT_WR)
            while client.recv(100):
                pass


def journal(target, way, folder):
    """Lines of the journal of the server's life."""
    keep = os.path.join(folder, way + target)
    server = subprocess.Popen([wringer.BINARY, "watch", "-q", "--watch", way, "--keep", keep, "--",
                               os.path.join(wringer.BUILD, "targets", target), "--protocol", "echo", "--port", "0"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        converse(int(server.stdout.readline()))
    finally:
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=60)[1]
    return wringer.wringer("judge", "--show", os.path.join(keep, "journal")).stdout.splitlines(), said


def connections(lines, threads):
    """What was done with each, from its accept to its close, in the order of their coming. threads: they share their numbers."""
    found, fd, process = [], None, None
    for line in lines:
        call = re.match(r" *[\d.]+ target +(\d+) (\w+)\((.*?)\) = (.*)", line)
        if not call or re.search(r"wait|EAGAIN|MOD", line):
            continue
        words = call[3].split(", ")
        if call[2].startswith("accept"):
            process, fd = call[1], call[4].split()[0]
            found.append([call[2]])
        elif (threads or call[1] == process) and fd in (words[0], words[2:3] and words[2]):
            found[-1].append((call[2], words[1:2], words[3:], call[4]))
    return found


def ways():
    """Those beside ptrace. What bpf is refused for is said in one line."""
    done = wringer.wringer("watch", "-q", "--watch", "bpf", "--", "/bin/true")
    if done.returncode == 0:
        return "preload", "bpf"
    tally.check(done.returncode == 2 and "bpf" in done.stderr and done.stderr.count("\n") == 1, f"bpf refused: {done.stderr}")
    return ("preload",)


STATIC = "faulty-hup-spin-static"


def is_static():
    """A sanitizer links even that one dynamically; it has an interpreter then."""
    with open(os.path.join(wringer.BUILD, "targets", STATIC), "rb") as file:
        return b"/ld-linux" not in file.read(4096)


def check_auto():
    """auto takes preload where all of the run's programs can be preloaded, else ptrace, and says why."""
    runs = [(["epoll-level"], "preload", None), (["python-epoll"], "preload", None)]
    if is_static():
        runs += [([STATIC], "ptrace", "is linked statically"), (["epoll-level", STATIC], "ptrace", "is linked statically")]
    for targets, way, why in runs:
        options = [word for target in targets for word in ("--target", target)]
        done = wringer.wringer("run", "fin-idle", *options, "--protocol", "http")
        tally.check(f"watched by {way}" in done.stdout, f"auto with {targets}: {done.stdout}")
        tally.check(why in done.stderr if why else not done.stderr, f"auto with {targets} said: {done.stderr}")
    done = wringer.wringer("run", "fin-idle", "--target", "epoll-level", env={**os.environ, "WRINGER_PRELOAD": "/nowhere/agent.so"})
    tally.check("watched by ptrace" in done.stdout and "/nowhere/agent.so" in done.stderr,
                f"auto without an agent: {done.stdout}{done.stderr}")


SANITIZED = r'#include <stdio.h>' '\n' r'#include <stdlib.h>' '\n' r'int main(void) { puts(getenv("LD_PRELOAD")); return 7; }' '\n'


def check_sanitized(folder):
    """A program whose sanitizer must be loaded first, started by one that was not asked about: it is spared the agent alone."""
    source, program = os.path.join(folder, "sanitized.c"), os.path.join(folder, "sanitized")
    with open(source, "w") as file:
        file.write(SANITIZED)
    if subprocess.run(["gcc", "-fsanitize=address", "-o", program, source], capture_output=True, check=False).returncode:
        print("no compiler with a sanitizer here")
        return
    keep = os.path.join(folder, "sanitized-kept")
    done = wringer.wringer("watch", "-q", "--watch", "preload", "--keep", keep, "--", "sh", "-c",
                           f"{program}; echo is $?",
                           env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=1"})
    tally.check("agent" not in done.stdout and "is 7" in done.stdout,
                f"sanitized: {done.stdout}{done.stderr}")
    shown = wringer.wringer("judge", "--show", os.path.join(keep, "journal")).stdout
    tally.check("it has a sanitizer that must be loaded first" in shown, "sanitized: no note of it")


tally = wringer.Tally()
others = ways()
check_auto()
with tempfile.TemporaryDirectory(prefix="wringer-test-") as home:
    check_sanitized(home)
with tempfile.TemporaryDirectory(prefix="wringer-test-") as home:
    for name in "epoll-oneshot", "epoll-exclusive":
        by = {}
        for watched in ("ptrace", *others):
            shown, complaint = journal(name, watched, home)
            by[watched] = connections(shown, threads=name == "epoll-oneshot")
            tally.check(len(by[watched]) == CONNECTIONS, f"{name} by {watched}: {len(by[watched])} connections; {complaint}")
        for way in others:
            for index, pair in enumerate(zip(by["ptrace"], by[way])):
                tally.check(pair[0] == pair[1], f"{name}, connection {index}: by ptrace {pair[0]}, by {way} {pair[1]}")
sys.exit(tally.close())
