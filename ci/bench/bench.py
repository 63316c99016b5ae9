#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures what the README claims, as ratios taken side by side in one run.

usage: ci/bench/bench.py [--rounds N] [--json FILE] [strace] [preload] [bpf] [load] [slow] [held] [check] [list] [judge] [scale] [server] [model] [fuzz] [quiet]

strace  requests a second of nginx watched by ptrace / under strace with the same calls (at least 1.5)
preload requests a second of nginx watched by preload / not watched (at least 0.85), and watched by ptrace for comparison
bpf     requests a second of nginx watched by bpf / not watched (at least 0.70); as root
load    requests a second of `wringer bench --load` / wrk, one thread and 50 connections each, on nginx (at least 1.0)
slow    connections a second, each with a request that does not end, on nginx: `wringer run slowloris` / slowhttptest; 1,000, 5,000
        and 15,000 of them (at least 20 with the most: slowhttptest looks at all it has for each one more)
held    peers held at once, as many as the machine holds up to 100,000, and the harness's resident memory for each (at most 2 KiB)
check   seconds and memory of a whole check on epoll-level with -j 2 (under 30 s, under 64 MiB)
list    milliseconds of `wringer list` (under 20)
judge   events a second of `wringer judge` on a journal of ten million (at least 2,000,000), and its peak of resident memory
        (at most 100 MiB)
scale   CPU time of epoll-level for a request with 15,000 idle connections / with 100 (at most 1.25)
server  scripts a second of CPU time that epoll-level plays in the simulation, judged, at a median of 30 moves (at least
        20,000); the same with ASan and UBSan in the server (at least 5,000); and what fuzz_server executes of its own
model   scripts a second of CPU time that fuzz_model plays on the kernel and its model (at least 2,000)
fuzz    schedules a second that `wringer fuzz` tries on epoll-level, all of it on one core (at least 100)
quiet   findings of `check -n 20` on epoll-level and epoll-edge with every core kept busy (0)
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

from nginx import QUIET, nginx
from processes import family, resident
from slow import bench_slow

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WRINGER = os.environ.get("WRINGER_BIN", os.path.join(ROOT, "build", "wringer"))
def known_calls():
    """The calls wringer knows, as strace spells them on this machine ('?': not on every architecture)."""
    with open(os.path.join(ROOT, "harness/journal/calls.h")) as header:
        names = re.findall(r"X\((\w+), \w+\)", header.read())
    return ",".join("?" + name for name in names if name not in ("unknown", "name"))


def load(wrapper, seconds=2):
    """Requests a second of nginx under the wrapper, by wrk with one thread and 50 connections."""
    with nginx() as server, server.serving(wrapper):
        out = subprocess.run(["wrk", "-t1", "-c50", f"-d{seconds}s", f"http://127.0.0.1:{server.port}/"],
                             capture_output=True, text=True, check=True).stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))


def ratios(pairs):
    all_ratios = sorted(a / b for a, b in pairs)
    return {"ratio": round(statistics.median(all_ratios), 3), "min": round(all_ratios[0], 3),
            "max": round(all_ratios[-1], 3), "rounds": len(all_ratios)}


def watched_by(way):
    return [WRINGER, "watch", "-q", "--watch", way, "--"]


def bench_strace(rounds):
    watched = watched_by("ptrace")
    strace = ["strace", "-f", "--seccomp-bpf", "-e", "trace=" + known_calls(), "-e", "signal=all", "-o", "/dev/null"]
    pairs = []
    for _ in range(rounds):
        pairs.append((load(watched), load(strace)))
    alone = load([])
    return {**ratios(pairs), "watched_rps": round(statistics.median(a for a, _ in pairs)),
            "strace_rps": round(statistics.median(b for _, b in pairs)), "unwatched_rps": round(alone), "at_least": 1.5}


def bench_preload(rounds):
    pairs, stopped = [], []
    for _ in range(rounds):
        pairs.append((load(watched_by("preload")), load([])))
        stopped.append(load(watched_by("ptrace")))
    return {**ratios(pairs), "preload_rps": round(statistics.median(a for a, _ in pairs)),
            "unwatched_rps": round(statistics.median(b for _, b in pairs)), "ptrace_rps": round(statistics.median(stopped)),
            "at_least": 0.85}


def bench_bpf(rounds):
    asked = subprocess.run(watched_by("bpf") + ["/bin/true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        return {"skipped": asked.stderr.strip()}
    pairs = [(load(watched_by("bpf")), load([])) for _ in range(rounds)]
    return {**ratios(pairs), "bpf_rps": round(statistics.median(a for a, _ in pairs)),
            "unwatched_rps": round(statistics.median(b for _, b in pairs)), "at_least": 0.70}


def own_load(seconds=2):
    """Requests a second of nginx by bench --load: one process, 50 connections, as wrk has them."""
    with nginx() as server:
        out = subprocess.run([WRINGER, "bench", "--load", "--duration", f"{seconds}s", "--no-sandbox", "--protocol", "http", "--json", "-",
                              "--", *server.command], capture_output=True, text=True, check=True).stdout
    return json.loads(out)["requests_per_second"]


def bench_load(rounds):
    pairs = []
    for turn in range(rounds):
        first, second = (own_load, lambda: load([])) if turn % 2 else (lambda: load([]), own_load)
        taken = first(), second()
        pairs.append(taken if turn % 2 else taken[::-1])
    return {**ratios(pairs), "wringer_rps": round(statistics.median(a for a, _ in pairs)),
            "wrk_rps": round(statistics.median(b for _, b in pairs)), "at_least": 1.0}


def bench_held(_rounds, peers=100_000):
    asked = [WRINGER, "run", "idle-hoard", "--watch", "none", "--protocol", "echo", "--timeout", "300s", "-D", f"peers={peers}"]
    server = os.path.join(os.path.dirname(os.path.abspath(WRINGER)), "targets", "epoll-reuseport")
    with tempfile.TemporaryDirectory(prefix="wringer-bench-") as folder:
        began = time.monotonic()
        done = subprocess.run([*asked, "--keep", folder, "--", server, "--protocol", "echo", "--workers", "8"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode == 2 and "more than this machine can hold" in done.stderr:
            return {"skipped": done.stderr.strip()}
        shown = "".join(subprocess.run([WRINGER, "judge", "--show", str(journal)], capture_output=True, text=True, check=False).stdout
                        for journal in pathlib.Path(folder).rglob("journal"))
    note = re.search(r"(\d+) peers held by (\d+) processes, ([\d.]+) KiB", shown)
    if done.returncode != 0 or not note:
        sys.exit(f"bench: held: exit status {done.returncode}: {done.stdout}{done.stderr}")
    return {"peers": int(note[1]), "processes": int(note[2]), "kib_each": float(note[3]), "kib_each_at_most": 2,
            "case_seconds": round(time.monotonic() - began, 1)}


def bench_check(rounds):
    times, peaks = [], []
    for _ in range(rounds):
        began, peak = time.monotonic(), 0
        child = subprocess.Popen([WRINGER, "check", "-q", "-j", "2", "--target", "epoll-level", "--protocol", "http"], **QUIET)
        while child.poll() is None:
            peak = max(peak, sum(resident(pid) for pid in family(child.pid, "wringer")))
            time.sleep(0.01)
        times.append(time.monotonic() - began)
        peaks.append(peak / 1024)
        if child.returncode != 0:
            sys.exit(f"bench: check on epoll-level exits with {child.returncode}")
    return {"seconds": round(statistics.median(times), 2), "max_seconds": round(max(times), 2), "at_most": 30,
            "harness_mib": round(max(peaks), 1), "harness_mib_at_most": 64}


def bench_list(rounds):
    times = []
    for _ in range(rounds * 4):
        began = time.monotonic()
        subprocess.run([WRINGER, "list", "scenarios"], check=True, **QUIET)
        times.append((time.monotonic() - began) * 1000)
    return {"ms": round(statistics.median(times), 1), "max_ms": round(max(times), 1), "at_most": 20}


# As `wringer watch` of a busy server leaves one, 50 connections at a time and 20 requests on each; and as a case with
# connections that come, ask once and go in every way.
JOURNALS = {"kept": ("20", "50", "0"), "visits": ("1", "50", "2")}


def make_journal(folder, events, kind):
    build = os.path.dirname(os.path.abspath(WRINGER))
    program, journal = folder + "/make_journal", folder + "/journal"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-I" + ROOT + "/harness", "-o", program,
                    ROOT + "/ci/bench/make_journal.c", build + "/libjournal.a", build + "/libbase.a", "-lpthread"], check=True)
    subprocess.run([program, journal, str(events), *JOURNALS[kind]], check=True)
    return journal


def judge_kind(rounds, kind):
    events, rates, peak = 10_000_000, [], 0
    with tempfile.TemporaryDirectory(prefix="wringer-bench-") as folder:
        journal = make_journal(folder, events, kind)
        for _ in range(rounds):
            child = subprocess.Popen([WRINGER, "judge", "-q", journal], **QUIET)
            _, status, used = os.wait4(child.pid, 0)
            if status != 0:
                sys.exit(f"bench: judge ends with {status}")
            rates.append(events / (used.ru_utime + used.ru_stime))
            peak = max(peak, used.ru_maxrss)
    return {"events_per_second": round(statistics.median(rates)), "min": round(min(rates)), "max": round(max(rates)),
            "at_least": 2_000_000, "peak_mib": round(peak / 1024, 1), "peak_mib_at_most": 100}


def bench_judge(rounds):
    return {kind: judge_kind(rounds, kind) for kind in JOURNALS}


def bench_scale(rounds):
    found = []
    for _ in range(rounds):
        done = subprocess.run([WRINGER, "contrast", "--scale", "--target", "epoll-level", "--idle", "100,15k", "--json", "-"],
                              capture_output=True, text=True, check=True)
        few, many = (point["cpu_us"] for point in json.loads(done.stdout)["targets"][0]["points"])
        found.append((many, few))
    return {**ratios(found), "at_most": 1.25}


def built(kind):
    """The folder of another build than wringer's own, as fuzz/fuzz.mk names it."""
    return os.path.join(os.path.dirname(os.path.abspath(WRINGER)) + "-" + kind)


def engine_run(program, runs, folder):
    """A fuzzer's executions from an empty corpus: a second of CPU time, and what FUZZ_FIGURES says at the end."""
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        child = subprocess.Popen([program, f"-runs={runs}", "-seed=1", "-artifact_prefix=" + folder + "/", folder], stdin=subprocess.DEVNULL,
                                 stdout=log, stderr=log, env={**os.environ, "FUZZ_FIGURES": "1"})
        _, status, used = os.wait4(child.pid, 0)
        log.seek(0)
        text = log.read()
    if status != 0:
        sys.exit(f"bench: {program} ends with {status}: {text[-2000:]}")
    return runs / (used.ru_utime + used.ru_stime), text


def paces(kind, rounds):
    asked = [os.path.join(built(kind), "fuzz_pace", "epoll-level")]
    return [json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout) for _ in range(rounds)]


def bench_server(rounds, runs=20_000):
    subprocess.run(["make", "-s", "-C", ROOT, "BUILD=" + os.path.dirname(os.path.abspath(WRINGER)), "fuzz-pace"], check=True)
    plain, checked = paces("pace", rounds), paces("pace-asan", rounds)
    with tempfile.TemporaryDirectory(prefix="wringer-bench-") as folder:
        own, text = engine_run(os.path.join(built("sim"), "fuzz_server", "epoll-level"), runs, folder)
    moves, events = (round(int(re.search(r"(\d+) " + word, text)[1]) / runs) for word in ("moves", "events"))
    rates = sorted(pace["per_second"] for pace in plain)
    return {"per_second": round(statistics.median(rates)), "min": rates[0], "max": rates[-1], "at_least": 20_000,
            **{name: plain[0][name] for name in ("median_moves", "median_calls", "median_events")},
            "asan_per_second": round(statistics.median(pace["per_second"] for pace in checked)), "asan_at_least": 5_000,
            "engine_per_second": round(own), "engine_mean_moves": moves, "engine_mean_events": events}


def bench_model(rounds, runs=20_000):
    subprocess.run(["make", "-s", "-C", ROOT, "BUILD=" + os.path.dirname(os.path.abspath(WRINGER)), "fuzz-pace"], check=True)
    rates = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="wringer-bench-") as folder:
            rate, text = engine_run(os.path.join(built("model"), "fuzz_model"), runs, folder)
        rates.append(rate)
    compared = int(re.search(r"(\d+) operations compared", text)[1])
    return {"per_second": round(statistics.median(rates)), "min": round(min(rates)), "max": round(max(rates)), "at_least": 2_000,
            "mean_operations": round(compared / runs, 1)}


def bench_fuzz(rounds, seconds=10):
    """Searcher, engine, server and watcher share one core."""
    rates = []
    for turn in range(rounds):
        out = subprocess.run(["taskset", "-c", "0", WRINGER, "fuzz", "--time", f"{seconds}s", "--seed", str(turn + 1), "--protocol", "http",
                              "--target", "epoll-level"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        tries, took = re.search(r"nothing found after ([\d.]+) s: (\d+) tries", out).group(2, 1)
        rates.append(int(tries) / float(took))
    return {"per_second": round(statistics.median(rates)), "min": round(min(rates)), "max": round(max(rates)), "at_least": 100}


def bench_quiet(_rounds):
    burners = [subprocess.Popen(["sh", "-c", "while :; do :; done"], **QUIET) for _ in range(os.cpu_count())]
    result = {}
    try:
        for target in ("epoll-level", "epoll-edge"):
            with tempfile.NamedTemporaryFile(suffix=".json") as report:
                subprocess.run([WRINGER, "check", "-q", "-n", "20", "--target", target, "--protocol", "http",
                                "--json", report.name], check=False, **QUIET)
                with open(report.name) as file:
                    summary = json.load(file)["summary"]
            result[target] = summary
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    return result


BENCHES = {"strace": bench_strace, "preload": bench_preload, "bpf": bench_bpf, "load": bench_load,
           "slow": lambda rounds: bench_slow(WRINGER, rounds, ratios), "held": bench_held,
           "check": bench_check, "list": bench_list, "judge": bench_judge, "scale": bench_scale, "server": bench_server,
           "model": bench_model, "fuzz": bench_fuzz, "quiet": bench_quiet}


def told(result):
    """A line, and one more for each part of it."""
    flat = ", ".join(f"{key} {value}" for key, value in result.items() if not isinstance(value, dict))
    parts = [f"    {key}: {told(value)}" for key, value in result.items() if isinstance(value, dict)]
    return "\n".join([flat, *parts]) if flat or not parts else "\n" + "\n".join(parts)


def rounds_number(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wants a whole number above 0, not '{text}'")
    return int(text)


def row_name(text):
    if text not in BENCHES:
        raise argparse.ArgumentTypeError(f"no row is called '{text}'; there are {', '.join(BENCHES)}")
    return text


def measure(name, rounds):
    """What a row finds, or why it found nothing: the rows behind it are measured all the same."""
    try:
        return BENCHES[name](rounds)
    except subprocess.CalledProcessError as error:
        return {"failed": f"{error} {(error.stderr or '')[-500:]}".strip()}
    except (OSError, SystemExit) as error:
        return {"failed": str(error)}


def save(path, results):
    with open(path, "w") as file:
        json.dump(results, file, indent=2)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("--rounds", type=rounds_number, default=5)
    parser.add_argument("--json", default=os.devnull)
    parser.add_argument("names", nargs="*", type=row_name)
    options = parser.parse_args()
    results = {"date": time.strftime("%Y-%m-%d"), "kernel": os.uname().release, "cores": os.cpu_count()}
    try:
        save(options.json, results)
    except OSError as error:
        parser.error(f"--json: {error}")
    for name in options.names or BENCHES:
        results[name] = measure(name, options.rounds)
        print(f"{name}: {told(results[name])}", flush=True)
        save(options.json, results) # whatever ends the run, what was measured is in the file
    return any("failed" in results[name] for name in options.names or BENCHES)


if __name__ == "__main__":
    sys.exit(main())
