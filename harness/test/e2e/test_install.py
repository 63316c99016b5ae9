#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make install under DESTDIR with another PREFIX than the built-in one: the installed wringer finds its scenarios, protocols and
targets, its man page names every option, and make uninstall leaves no file."""
import os
import subprocess
import sys
import tempfile

import wringer

tally = wringer.Tally()


def make(goal, destination):
    return subprocess.run(["make", "-s", goal, "DESTDIR=" + destination, "PREFIX=/opt/w", "BUILD=" + wringer.BUILD],
                          cwd=wringer.ROOT, capture_output=True, text=True, check=False)


with tempfile.TemporaryDirectory(prefix="wringer-install-") as folder:
    done = make("install", folder)
    tally.check(done.returncode == 0, f"install: {done.stderr}")
    binary = folder + "/opt/w/bin/wringer"
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WRINGER_")}
    run = lambda *words: subprocess.run([binary, *words], env=clean, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    scenarios = run("list", "scenarios")
    tally.check(scenarios.returncode == 0 and "rst-mid-request" in scenarios.stdout, f"list: {scenarios.stderr}")
    one = run("run", "fin-idle", "--target", "epoll-level", "--protocol", "echo")
    tally.check(one.returncode == 0 and "1 passed" in one.stdout, f"run: {one.stdout}{one.stderr}")
    with open(folder + "/opt/w/share/man/man1/wringer.1") as page:
        manual = page.read()
    tally.check("time\\-scale" in manual, "the man page lacks --time-scale")
    done = make("uninstall", folder)
    left = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]
    tally.check(done.returncode == 0 and not left, f"uninstall leaves {left}")
sys.exit(tally.close())
