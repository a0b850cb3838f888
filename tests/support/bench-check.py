#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: bench-check.py BENCH_SCHEMA REPORT_SCHEMA FILE...

Holds files that `vmm bench --json` wrote to their schema, and to what a schema cannot say: summaries are of their
samples, percentiles are there exactly where enough was measured, and the host is described as in a report.
Prints each failure; exit status 1 when there is one.
"""
import json
import math
import statistics
import sys

try:
    import jsonschema
except ImportError:
    sys.exit("bench-check.py: needs python3-jsonschema")

NEEDED = {"p25": 4, "p75": 4, "spread": 4, "p90": 10, "p99": 100, "p99.9": 1000}
failures = []


def check(ok, words):
    if not ok:
        failures.append(words)


def check_stats(where, s):
    for key, least in NEEDED.items():
        check((s[key] is not None) == (s["count"] >= least), f"{where}: {key} of {s['count']} samples is {s[key]}")
    known = [s[k] for k in ("min", "p25", "median", "p75", "p90", "p99", "p99.9", "max") if s[k] is not None]
    check(known == sorted(known), f"{where}: not in order: {known}")


def each_stats(where, node):
    if isinstance(node, dict):
        if "p99.9" in node and node["count"]:
            check_stats(where, node)
        for key, value in node.items():
            each_stats(f"{where}/{key}", value)
    elif isinstance(node, list):
        for i, value in enumerate(node):
            each_stats(f"{where}/{i}", value)


def check_side(side):
    for key, samples in side.items():
        if not isinstance(samples, list) or key == "command":
            continue
        s = side.get(key + "_stats")
        check(bool(samples) == bool(s), f"{key}: samples without a summary, or the other way round")
        if s:
            check(s["count"] == len(samples), f"{key}: count")
            check(s["unit"] == {"ms": "ms", "mib": "MiB"}[key.rsplit("_", 1)[1]], f"{key}: unit {s['unit']}")
            check(s["min"] == min(samples) and s["max"] == max(samples), f"{key}: range")
            check(math.isclose(s["median"], statistics.median(samples)), f"{key}: median")
            check(s["outliers_high"] == sum(x > s["outliers_above"] for x in samples if s["spread"]), f"{key}: outliers")


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    schema, report = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
    jsonschema.Draft202012Validator.check_schema(schema)
    check(schema["$defs"]["host"] == report["properties"]["host"], "the schemas describe two kinds of hosts")
    for path in sys.argv[3:]:
        d = json.load(open(path, encoding="utf-8"))
        for e in jsonschema.Draft202012Validator(schema).iter_errors(d):
            errors = [e, *sorted(e.context or [], key=lambda c: -len(c.absolute_path))][:3]
            for one in errors:
                check(False, f"{path}: schema: {'/'.join(map(str, one.absolute_path))}: {one.message[:200]}")
        if failures:
            continue
        each_stats(path, d)
        for side in ("ours", "versus"):
            if d["bench"] == "boot" and side in d:
                check_side(d[side])
    for words in failures:
        print(words)
    sys.exit(1 if failures else 0)


main()
