#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Peers by the thousand: more than the fds of one process, so that several hold them; and numbers that cannot be."""
import contextlib
import glob
import os
import pty
import resource
import subprocess
import sys
import tempfile

import wringer

PEERS = 1500
SOFT = 600 # fds of a process: three of them hold the peers


def check_server_too_small(tally):
    """One process with 500 fds: said before the first of 1,500 connects, and nothing is held against the server."""
    server = os.path.join(wringer.BUILD, "targets", "epoll-level")
    done = wringer.wringer("run", "idle-hoard", "-D", f"peers={PEERS}", "--protocol", "http", "--", "/bin/sh", "-c",
                           f"ulimit -Sn 500; exec {server} --protocol http")
    tally.check(done.returncode == 2 and f"{PEERS} peers are more than the server can hold: 4" in done.stdout, f"500 fds: {done}")


def narrow():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, hard))


def check_hoard(tally, scenario, watch):
    server = os.path.join(wringer.BUILD, "targets", "epoll-reuseport")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with tempfile.TemporaryDirectory(prefix="wringer-test-") as folder:
        done = wringer.wringer("run", scenario, "-D", f"peers={PEERS}", "--watch", watch, "--protocol", "http", "--keep", folder, "--",
                               "/bin/sh", "-c", f"ulimit -Sn {min(hard, 4096)}; exec {server} --protocol http --workers 5", preexec_fn=narrow)
        tally.check(done.returncode == 0, f"{scenario}: {done.stdout}{done.stderr}")
        journals = glob.glob(os.path.join(folder, "**", "journal"), recursive=True)
        shown = "".join(wringer.wringer("judge", "--show", journal).stdout for journal in journals)
        # a server may end those that take too long over their request
        tally.check(f"{PEERS if scenario == 'idle-hoard' else ''} peers held by 3 processes" in shown, f"{scenario}: {shown[-1000:]}")


def check_progress(tally, folder):
    """How many are held stands on a terminal, and nowhere else."""
    scenario = os.path.join(folder, "hold.lua")
    with open(scenario, "w") as file:
        file.write('return scenario { "hold", doc = "holds 200 peers", run = function(t) t:hoard(200) t:wait(1) end }')
    words = [wringer.BINARY, "run", scenario, "--target", "epoll-level", "--watch", "none"]
    told = on_terminal(words)
    tally.check("200 of 200 peers held" in told and "1 passed" in told, f"on a terminal: {told!r}")
    told = on_terminal([*words, "--no-progress"])
    tally.check("peers held" not in told and "1 passed" in told, f"--no-progress: {told!r}")
    told = wringer.wringer(*words[1:]).stdout
    tally.check("peers held" not in told and "1 passed" in told, f"in a pipe: {told!r}")


def on_terminal(words):
    """All that a command writes to a terminal."""
    ours, theirs = pty.openpty()
    run = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"})
    os.close(theirs)
    told = b""
    with contextlib.suppress(OSError): # EIO: nobody has the other end open any more
        while True:
            told += os.read(ours, 4096)
    os.close(ours)
    run.wait(60)
    return told.decode(errors="replace")


def main():
    tally = wringer.Tally()
    check_hoard(tally, "idle-hoard", "none")
    check_hoard(tally, "slowloris", "ptrace")
    check_server_too_small(tally)
    with tempfile.TemporaryDirectory(prefix="wringer-test-") as folder:
        check_progress(tally, folder)
    for words, why in [("peers=0", "above 0"), ("peers=many", "above 0"), ("peers=", "above 0"),
                       ("peers=4000000000", "more than this machine can hold: "), ("peers=" + "9" * 30, "more than this machine can hold: ")]:
        done = wringer.wringer("run", "idle-hoard", "-D", words)
        tally.check(done.returncode == 2 and why in done.stderr, f"{words}: {done}")
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
