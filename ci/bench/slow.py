# SPDX-License-Identifier: MIT
"""Requests that never end, on nginx with one worker: how many a second wringer and slowhttptest set up.

A connection counts when the server holds it: its worker's fds are counted, the same way for both tools. The clock runs
from the first hundredth of them to the last one, so that what a tool does before its first connect is told apart.
"""
import os
import resource
import signal
import statistics
import subprocess
import sys
import time

from nginx import QUIET, nginx
from processes import cpu_seconds, family

LOOK = 0.0005
PATIENCE = 180
PEERS = (1000, 5000, 15000)
SPARE = 32


def fds_of(pid):
    """How many a process has: since Linux 6.2 the size of that folder."""
    folder = f"/proc/{pid}/fd"
    return os.stat(folder).st_size or len(os.listdir(folder))


def fds_idle(server):
    """Of a worker nobody is connected to: the connection that found it serving may still be open at first."""
    worker, fewest = server.worker(), sys.maxsize
    for _ in range(20):
        fewest = min(fewest, fds_of(worker))
        time.sleep(0.01)
    return fewest


def until(condition, tool, what):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and tool.poll() is None:
        found = condition()
        if found:
            return found
        time.sleep(LOOK)
    tool.kill()
    name, status = os.path.basename(tool.args[0]), tool.wait()
    return sys.exit(f"bench: slow: {name} ends with {status}, and {what} never came")


class Found:
    """What a tool reached: connections a second, the seconds before the first of them, its CPU seconds for each."""

    def __init__(self, tool, server, idle, peers):
        began = time.monotonic()
        worker = until(server.worker, tool, "nginx")

        def held(least):
            count = fds_of(worker) - idle
            return (time.monotonic(), count) if count >= least else None

        first, few = until(lambda: held(peers / 100), tool, "the first connection")
        last, many = until(lambda: held(peers), tool, f"connection {peers}")
        name = os.path.basename(tool.args[0])
        self.cpu = sum(cpu_seconds(pid) for pid in family(tool.pid, name)) / many
        self.rate, self.start = (many - few) / (last - first), first - began


def by_wringer(wringer, server, idle, peers):
    tool = subprocess.Popen([wringer, "run", "slowloris", "-q", "--watch", "none", "--protocol", "http", "-D", f"peers={peers}", "--",
                             *server.command], **QUIET)
    found = Found(tool, server, idle, peers)
    if tool.wait() != 0:
        sys.exit(f"bench: slow: slowloris exits with {tool.returncode}")
    return found


def by_slowhttptest(server, idle, peers):
    """As fast as it can: it sleeps for the whole microseconds of -r between two connects, here none, and has no
    second bytes to send while the clock runs."""
    with server.serving():
        tool = subprocess.Popen(["slowhttptest", "-H", "-c", str(peers), "-r", "2000000", "-i", str(PATIENCE), "-l", "600",
                                 "-u", f"http://127.0.0.1:{server.port}/"], **QUIET)
        found = Found(tool, server, idle, peers)
        tool.send_signal(signal.SIGKILL)
        tool.wait()
    return found


def pairs_of(wringer, rounds, peers, fds, idle):
    """What each tool reached in every round, the two taking turns in who is first."""
    tools = [lambda server: by_wringer(wringer, server, idle, peers), lambda server: by_slowhttptest(server, idle, peers)]
    pairs = []
    for turn in range(rounds):
        found = [None, None]
        for which in (turn % 2, 1 - turn % 2):
            with nginx(fds) as server:
                found[which] = tools[which](server)
        pairs.append(found)
    return pairs


def figures(name, found):
    return {f"{name}_per_second": round(statistics.median(one.rate for one in found)),
            f"{name}_cpu_us_each": round(1e6 * statistics.median(one.cpu for one in found), 1),
            f"{name}_start_ms": round(1e3 * statistics.median(one.start for one in found))}


def bench_slow(wringer, rounds, ratios):
    fds = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 65536)
    with nginx(fds) as server, server.serving():
        idle = fds_idle(server)
    result = {}
    for peers in PEERS:
        if peers + idle + SPARE > fds:
            result[f"{peers}"] = {"skipped": f"nginx's worker, one process, may have {fds} fds"}
            continue
        ours, theirs = zip(*pairs_of(wringer, rounds, peers, fds, idle))
        result[f"{peers}"] = {**ratios([(our.rate, their.rate) for our, their in zip(ours, theirs)]),
                              **figures("wringer", ours), **figures("slowhttptest", theirs)}
    result["at_least_with_the_most"] = 20
    return result
