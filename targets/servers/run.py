#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs `wringer check` on the servers people run and holds what it finds against what is known of each.

usage: targets/servers/run.py [--watch WAY] [NAME...]

One file a server, see README.md beside this. The table goes to the terminal, the same as JSON to build/servers.json, every report
and, for cases that did not pass, the journals to build/servers/. Exit status: 0 all findings are explained, 1 one is not, or a
listed deviation no longer shows, 2 a server could not be run.
"""
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

WATCH = []  # --watch WAY, when it was asked for
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("WRINGER_BUILD", os.path.join(ROOT, "build"))
BINARY = os.environ.get("WRINGER_BIN", os.path.join(BUILD, "wringer"))
KEYS = {"name", "package", "version", "protocol", "port", "command", "build", "settings", "files", "made", "deviation"}
DEVIATION_KEYS = {"rule", "shown-by", "also", "why", "source", "trace"}


class Trouble(Exception):
    """A server that cannot be run, or a file with a mistake."""


def fill(text, places):
    """{folder} and its like replaced; any other brace stays as it is."""
    return re.sub(r"\{(\w+)\}", lambda found: places.get(found.group(1), found.group(0)), text)


def load(path):
    with open(path, "rb") as file:
        server = tomllib.load(file)
    if unknown := set(server) - KEYS:
        raise Trouble(f"{path}: unknown key {unknown.pop()}")
    for deviation in server.setdefault("deviation", []):
        if unknown := set(deviation) - DEVIATION_KEYS:
            raise Trouble(f"{path}: unknown key {unknown.pop()} of a deviation")
        for key in ("rule", "shown-by", "why"):
            if not deviation.get(key) and not (key == "shown-by" and deviation.get("also")):
                raise Trouble(f"{path}: a deviation lacks {key}")
        if not deviation.get("source") and not deviation.get("trace"):
            raise Trouble(f"{path}: the deviation {deviation['rule']} has neither source nor trace")
    return server


def prepare(server, places):
    """The server's files, in a folder that whoever it becomes may enter."""
    folder = places["folder"]
    os.chmod(folder, 0o777)
    for name, text in server.get("files", {}).items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(fill(text, places))
    for name, size in server.get("made", {}).items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write((b"0123456789abcdef" * (size // 16 + 1))[:size])
    if server.get("build"):
        command = [fill(word, places) for word in server["build"]]
        environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod", "GO111MODULE": "off",
                                    "GOCACHE": os.path.join(folder, "cache")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Trouble(f"{server['name']}: {' '.join(command)}: {done.stderr.strip()}")


def version_of(server):
    done = subprocess.run(server["version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    found = re.search(r"\d+(?:\.\d+)+", done.stdout)
    return found.group(0) if found else "?"


def check(server, places, out):
    """wringer's report of the server."""
    path = os.path.join(out, "report.json")
    command = [BINARY, "check", "--protocol", fill(server["protocol"], places), "-q", "--no-progress", "--color", "never",
               "--json", path, "--keep", os.path.join(out, "cases"), *WATCH]
    if "port" in server:
        command += ["--port", str(server["port"])]
    for name, value in server.get("settings", {}).items():
        command += ["-D", f"{name}={value}"]
    environment = os.environ | {"WRINGER_DATA": ROOT, "WRINGER_TARGETS": places["targets"]}
    with open(os.path.join(out, "output"), "w") as output:
        done = subprocess.run(command + ["--", *(fill(word, places) for word in server["command"])], cwd=places["folder"],
                              env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        with open(os.path.join(out, "output")) as output:
            raise Trouble(f"{server['name']}: no report (exit status {done.returncode}): {output.read()[-500:]}") from None


def found_in(report):
    """(rule, scenario) -> message, of every finding; a case that is broken, or fails without one, is there under its verdict."""
    found = {}
    for case in report["cases"]:
        for finding in case["findings"]:
            found.setdefault((finding["rule"], case["scenario"]), finding["message"])
        if case["verdict"] == "broken" or case["verdict"] == "fail" and not any(
                finding["severity"] == "error" for finding in case["findings"]):
            found[case["verdict"], case["scenario"]] = case["reason"] or ""
    return found


def fits(scenario, patterns):
    return any(fnmatch.fnmatchcase(scenario, pattern) for pattern in patterns)


def hold(server, found):
    """What is known, what is not, and what is listed but does not show (rule, scenario)."""
    known, unexplained = {}, {}
    for (rule, scenario), message in found.items():
        told = any(deviation["rule"] == rule and fits(scenario, deviation.get("shown-by", []) + deviation.get("also", []))
                   for deviation in server["deviation"])
        (known if told else unexplained)[rule, scenario] = message
    missing = [(deviation["rule"], scenario) for deviation in server["deviation"] for scenario in deviation.get("shown-by", [])
               if not any(rule == deviation["rule"] and fits(name, [scenario]) for rule, name in found)]
    return known, unexplained, missing


def listed(pairs):
    return [{"rule": rule, "scenario": scenario, "message": message} for (rule, scenario), message in sorted(pairs.items())]


def run(path, results):
    name = os.path.basename(path)[:-len(".toml")]
    out = os.path.join(BUILD, "servers", name)
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    server = load(path)
    with tempfile.TemporaryDirectory(prefix=f"wringer-{name}-", ignore_cleanup_errors=True) as folder:
        places = {"folder": folder, "here": HERE, "targets": os.path.join(BUILD, "targets")}
        prepare(server, places)
        began = time.monotonic()
        report = check(server, places, out)
    known, unexplained, missing = hold(server, found_in(report))
    row = {"file": name, "server": server["name"], "version": version_of(server), "protocol": re.sub(r".*/|\.lua$", "", server["protocol"]),
           "seconds": round(time.monotonic() - began, 1), "summary": report["summary"], "cases": len(report["cases"]),
           "known": listed(known), "unexplained": listed(unexplained),
           "missing": [{"rule": rule, "scenario": scenario} for rule, scenario in missing]}
    results.append(row)
    return row


def show(row):
    rules = {}
    for finding in row["known"]:
        rules.setdefault(finding["rule"], []).append(finding["scenario"])
    known = ", ".join(f"{rule} ({len(scenarios)})" for rule, scenarios in sorted(rules.items())) or "-"
    strange = f"{len(row['unexplained'])} UNEXPLAINED" if row["unexplained"] else "0"
    skipped = f", {row['summary']['skipped']} skipped" if row["summary"]["skipped"] else ""
    print(f"{row['server']:16} {row['version']:9} {row['protocol']:10} {row['cases']:3}{skipped:12} {row['seconds']:6.1f} s  "
          f"{known}; {strange}", flush=True)
    for finding in row["unexplained"]:
        print(f"    ? {finding['rule']} in {finding['scenario']}: {finding['message']}")
    for finding in row["missing"]:
        print(f"    ! {finding['rule']} in {finding['scenario']} is listed and did not show")


def main():
    if sys.argv[1:2] == ["--watch"]:
        WATCH.extend(sys.argv[1:3])
        del sys.argv[1:3]
    names = sys.argv[1:] or sorted(name[:-5] for name in os.listdir(HERE) if name.endswith(".toml"))
    results, trouble = [], 0
    print(f"{'server':16} {'version':9} {'protocol':10} {'cases':15} {'time':>8}  findings: known; unexplained")
    for name in names:
        try:
            show(run(os.path.join(HERE, name + ".toml"), results))
        except (Trouble, OSError) as error:
            print(f"{name}: {error}", flush=True)
            trouble = 2
    with open(os.path.join(BUILD, "servers.json"), "w") as file:
        json.dump({"servers": results}, file, indent=1)
    wrong = sum(len(row["unexplained"]) + len(row["missing"]) for row in results)
    print(f"{len(results)} servers, {sum(row['cases'] for row in results)} cases, {sum(len(row['known']) for row in results)} known "
          f"findings, {sum(len(row['unexplained']) for row in results)} unexplained, "
          f"{sum(len(row['missing']) for row in results)} missing")
    return trouble or (1 if wrong else 0)


if __name__ == "__main__":
    sys.exit(main())
