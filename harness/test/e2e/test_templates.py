#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a user copies from ci/templates/ is well formed, names what wringer has, and build.sh builds without its container."""
import glob
import os
import re
import subprocess
import sys
import tempfile

import wringer

FOLDER = os.path.join(wringer.ROOT, "ci", "templates")


def check_yaml(tally):
    try:
        import yaml
    except ImportError:
        print("no yaml module: the syntax of the templates is not checked")
        return
    for path in glob.glob(os.path.join(FOLDER, "**", "*.y*ml"), recursive=True):
        with open(path) as file:
            tally.check(isinstance(yaml.safe_load(file), dict), f"{path} is a mapping")


def check_options(tally):
    """Every option the templates give wringer exists."""
    known = wringer.wringer("check", "-h").stdout
    for name in ("github.yml", "gitlab.yml"):
        with open(os.path.join(FOLDER, name)) as file:
            command = re.search(r"wringer check .*?\n\s+-- \$SERVER", file.read(), re.S)
        if tally.check(command, f"{name} runs wringer check"):
            for option in re.findall(r"--[a-z][a-z-]*", command[0]):
                tally.check(option in known, f"{name}: wringer check has {option}")


def check_build(tally):
    """With the compiler, the objects and the libraries that are there, and no engine but one that replays."""
    script = os.path.join(FOLDER, "clusterfuzzlite", "build.sh")
    tally.check(subprocess.run(["sh", "-n", script]).returncode == 0, "build.sh is a shell script")
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    with tempfile.TemporaryDirectory(prefix="wringer-test-") as work:
        os.symlink(os.path.abspath(wringer.BUILD), os.path.join(work, "build"))
        engine = os.path.join(work, "build", "fuzz", "common", "standalone.o")
        out = os.path.join(work, "out")
        os.mkdir(out)
        done = subprocess.run([script], cwd=wringer.ROOT, capture_output=True, text=True, timeout=120, check=False,
                              env={**outside, "CC": "cc", "CXX": "cc", "CFLAGS": "-O1", "OUT": out, "WORK": work,
                                   "LIB_FUZZING_ENGINE": engine, "FUZZERS": "http"})
        if not tally.check(done.returncode == 0, f"build.sh builds: {done.stdout}{done.stderr}"):
            return
        tally.check(os.path.exists(os.path.join(out, "fuzz_http_seed_corpus.zip")), "the corpus is packed")
        seeds = glob.glob(os.path.join(wringer.ROOT, "fuzz", "corpus", "http", "*"))
        tried = subprocess.run([os.path.join(out, "fuzz_http"), *seeds], cwd=work, capture_output=True, text=True,
                               timeout=60, check=False)
        tally.check(tried.returncode == 0, f"the fuzz target runs: {tried.stderr}")


def main():
    tally = wringer.Tally()
    check_yaml(tally)
    check_options(tally)
    check_build(tally)
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
