# SPDX-License-Identifier: MIT
"""What processes cost, read from /proc."""
import os
import re


def family(pid, name):
    """pid and the processes below it, those of that name: not the targets that wringer starts."""
    found, todo = [], [pid]
    while todo:
        at = todo.pop()
        try:
            with open(f"/proc/{at}/comm") as comm:
                if comm.read().strip() != name:
                    continue
            found.append(at)
            for task in os.listdir(f"/proc/{at}/task"):
                with open(f"/proc/{at}/task/{task}/children") as children:
                    todo += [int(child) for child in children.read().split()]
        except OSError:
            pass
    return found


def resident(pid):
    """KiB of memory that it has to itself."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return int(re.search(r"RssAnon:\s+(\d+)", status.read()).group(1))
    except (OSError, AttributeError):
        return 0


def cpu_seconds(pid):
    """Of all its threads that live."""
    spent = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as schedstat:
            spent += int(schedstat.read().split()[0])
    return spent / 1e9
