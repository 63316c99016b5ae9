#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`wringer fuzz` finds nothing in a correct server, finds, shortens and writes down what kills a faulty one, and says in one line
what it cannot work with."""
import os
import re
import shlex
import sys
import tempfile

import wringer

tally = wringer.Tally()

# Half a request and a reset behind it, and a peer that only connects: bytes of harness/inject/schedule.h.
SEED = bytes([0, 0] + [0, 1, 0, 0] + [2, 2, 3, 0] + [8, 2, 0, 0])


def refused(what, *words):
    done = wringer.wringer("fuzz", *words)
    tally.check(done.returncode == 2 and done.stderr.count("\n") == 1 and not done.stdout,
                f"{what}: status {done.returncode}: {done.stdout}{done.stderr}")


with tempfile.TemporaryDirectory(prefix="wringer-test-") as folder:
    corpus, out = os.path.join(folder, "corpus"), os.path.join(folder, "out")
    os.mkdir(corpus)
    with open(os.path.join(corpus, "seed"), "wb") as file:
        file.write(SEED)

    refused("no server", "--runs", 1)
    refused("a command that is not there", "--protocol", "http", "--", "/nowhere/server")
    refused("a server that ends at once", "--protocol", "http", "--", "true")
    refused("a corpus that is not there", "--corpus", os.path.join(folder, "none"), "--target", "epoll-level")
    refused("a corpus that is a file", "--corpus", os.path.join(corpus, "seed"), "--target", "epoll-level")
    refused("findings into a file", "--out", os.path.join(corpus, "seed"), "--target", "epoll-level")

    done = wringer.wringer("fuzz", "--runs", 6, "--seed", 1, "--out", out, "--target", "epoll-level", "--corpus", corpus)
    tally.check(done.returncode == 0 and "nothing found" in done.stdout and not os.listdir(out),
                f"a correct server: status {done.returncode}: {done.stdout}{done.stderr}")

    # The engine that stands in where libFuzzer was not built.
    done = wringer.wringer("fuzz", "--runs", 6, "--seed", 1, "--out", out, "--target", "epoll-level",
                           env={**os.environ, "WRINGER_FUZZ_ENGINE": os.path.join(folder, "none")})
    tally.check(done.returncode == 0 and "the plain engine" in done.stdout,
                f"the plain engine: status {done.returncode}: {done.stdout}{done.stderr}")

    words = ["--seed", 1, "--out", out, "--corpus", corpus, "--time", "60s", "--target", "faulty-peer-kills-server"]
    done = wringer.wringer("fuzz", *words)
    tally.check(done.returncode == 1 and re.search(r"^error peer-kills-server: ", done.stdout, re.M),
                f"a faulty server: status {done.returncode}: {done.stdout}{done.stderr}")
    again = re.search(r"again: wringer (.*)$", done.stdout, re.M)
    if tally.check(again, f"no command to play it again: {done.stdout}"):
        played = wringer.wringer(*shlex.split(again[1]))
        tally.check(played.returncode == 1 and "peer-kills-server" in played.stdout,
                    f"again: status {played.returncode}: {played.stdout}{played.stderr}")
sys.exit(tally.close())
