#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""behind.py BACKEND PORT COMMAND...: starts a reference target, waits until it listens, and becomes the proxy in front of it."""
import os
import subprocess
import sys

backend = subprocess.Popen([sys.argv[1], "--port", sys.argv[2], "--protocol", "http"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, text=True)
if not backend.stdout.readline().strip():
    sys.exit("behind.py: the reference target did not start")
os.execvp(sys.argv[3], sys.argv[3:])
