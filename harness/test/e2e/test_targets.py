#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The targets, driven from outside without wringer: targets/test_targets.sh."""
import os
import subprocess
import sys

import wringer

sys.exit(subprocess.run([os.path.join(wringer.ROOT, "targets", "test_targets.sh"), os.path.join(wringer.BUILD, "targets")],
                        cwd=wringer.ROOT, check=False).returncode)
