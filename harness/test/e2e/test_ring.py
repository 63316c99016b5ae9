#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server whose event loop registers its connections through io_uring (libuv's, so Node): the registrations stand in the
journal, the connections are joined to their peers, and no rule takes what it cannot see for a mistake."""
import glob
import os
import re
import shutil
import sys
import tempfile

import wringer

tally = wringer.Tally()
SERVER = """require('http').createServer((request, response) => {
  request.resume().on('end', () => response.end('ok'))
}).listen(0, '127.0.0.1')"""


def shown(folder):
    """The journal as a person reads it."""
    (journal,) = glob.glob(os.path.join(folder, "**", "journal"), recursive=True)
    return wringer.wringer("judge", "--show", journal).stdout


def node():
    with tempfile.TemporaryDirectory(prefix="wringer-test-") as folder:
        done, result = wringer.report("run", "fin-keepalive", "--protocol", "http", "--time-scale", "4", "--keep", folder,
                                      "--", "node", "-e", SERVER, env={**os.environ, "UV_USE_IO_URING": "1"})
        tally.check(done.returncode == 0, f"node: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        tally.check(result and not wringer.findings(result), f"node: {result and wringer.findings(result)}")
        if result and result["cases"][0]["verdict"] == "pass":
            text = shown(folder)
            if "io_uring_setup" not in text:
                print("node: this one uses no rings")
                return
            added = re.search(r"io_uring: EPOLL_CTL fd (\d+), ADD in epoll \d+, \S+ completed = 0 +\(\w+\)", text)
            tally.check(added, "node: no registration of a peer's connection was seen")


if not shutil.which("node"):
    print("no node here")
    sys.exit(77)
node()
sys.exit(tally.close())
