#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Peers by the thousand: more than the fds of one process, so that several hold them; and numbers that cannot be."""
import glob
import os
import resource
import sys
import tempfile

import wringer

PEERS = 1500
SOFT = 600 # fds of a process: three of them hold the peers


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


def main():
    tally = wringer.Tally()
    check_hoard(tally, "idle-hoard", "none")
    check_hoard(tally, "slowloris", "ptrace")
    for words, why in [("peers=0", "above 0"), ("peers=many", "above 0"), ("peers=", "above 0"),
                       ("peers=4000000000", "more than this machine can hold: ")]:
        done = wringer.wringer("run", "idle-hoard", "-D", words)
        tally.check(done.returncode == 2 and why in done.stderr, f"{words}: {done}")
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
