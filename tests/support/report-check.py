#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: report-check.py SCHEMA REPORT [TRACE]

Holds a report to its schema and to what a schema cannot say: the phases follow each other without a gap and add up to
the total, sums are sums, and times lie within the run. A trace file has to be what Chrome's viewer reads.
Prints each failure; exit status 1 when there is one.
"""
import json
import sys

try:
    import jsonschema
except ImportError:
    sys.exit("report-check.py: needs python3-jsonschema")

failures = []


def check(ok, words):
    if not ok:
        failures.append(words)


def load(path):
    def refuse(word):
        raise ValueError(f"{word} is no JSON")

    def pairs(items):
        keys = [k for k, _ in items]
        check(len(keys) == len(set(keys)), f"{path}: a name twice in one object: {keys}")
        return dict(items)

    with open(path, encoding="utf-8") as f:
        return json.load(f, parse_constant=refuse, object_pairs_hook=pairs)


def check_report(r, schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    for e in jsonschema.Draft202012Validator(schema).iter_errors(r):
        check(False, f"schema: {'/'.join(map(str, e.absolute_path))}: {e.message}")
    if failures:
        return
    at = 0
    for p in r["phases"]:
        check(p["start_ns"] == at, f"phase {p['name']} starts at {p['start_ns']}, not at {at}")
        at += p["wall_ns"]
    check(at == r["total_ns"], f"phases add up to {at}, total is {r['total_ns']}")
    names = [p["name"] for p in r["phases"]]
    check(len(names) == len(set(names)), f"a phase twice: {names}")
    groups = [p["group"] for p in r["phases"]]
    check(groups == sorted(groups, key=["setup", "guest", "end"].index), f"groups out of order: {groups}")
    for kind, n in r["exits"]["total"].items():
        check(n == sum(c[kind] for c in r["exits"]["cpus"]), f"exits: {kind} is no sum")
    check(r["dropped"]["events"] >= sum(r["dropped"]["suppressed"].values()), "dropped: events")
    for e in r["events"] + r["marks"]:
        check(e["t_ns"] <= r["total_ns"], f"{e['name']} at {e['t_ns']} is past the end")
    times = [e["t_ns"] for e in r["events"]]
    check(times == sorted(times), "events are not in order")
    if r["startup"]:
        s = r["startup"]
        check(s["own_ns"] + s["kvm_ioctl_ns"] == s["total_ns"], "startup is no sum")
        first = next(e for e in r["events"] if e["name"] == "first_run")
        check(s["total_ns"] == first["t_ns"], "startup ends elsewhere than at first_run")
        calls = [e for e in r["events"] if e["name"] in ("ioctl", "slow_ioctl") and e["t_ns"] <= first["t_ns"]]
        check(r["dropped"]["events"] or sum(e["args"]["duration"] for e in calls) == s["kvm_ioctl_ns"],
              "the ioctls do not add up to startup's")
        check({"KVM_CREATE_VM", "KVM_CREATE_VCPU"} <= {e["args"]["name"] for e in calls}, "an ioctl is missing")
    for d in r["devices"]:
        check((d["payload"] is None) == (d["name"] != "virtio-mmio device"), f"payload: {d}")
    if r["memory"]:
        m = r["memory"]
        check(m["guest_rss_bytes"] <= m["rss_bytes"], "memory: guest above all")
        check(m["guest_pages_touched"] * 4096 == m["guest_rss_bytes"], "memory: pages")
        check(0 < m["overhead_bytes"] <= m["rss_bytes"] - m["guest_rss_bytes"], "memory: overhead")
    if r["exits"]["kvm_vcpu"] and r["host"]["virtualization"] == "hardware":
        ours = r["exits"]["total"]["pio"] + r["exits"]["total"]["mmio"]
        check(r["exits"]["kvm_vcpu"]["exits"] >= ours, "KVM counted fewer exits than we did")


def check_event(e, opened):
    """The Trace Event Format's rules for one event; B and E of a thread are brackets, kept in opened."""
    number = lambda key: type(e.get(key)) in (int, float) and 0 <= e[key] < 1e15
    check(type(e.get("name")) is str and e["name"], f"trace: no name: {e}")
    check(all(type(e.get(key)) is int and e[key] >= 0 for key in ("pid", "tid")), f"trace: no thread: {e}")
    check(number("ts"), f"trace: no time: {e}")
    stack = opened.setdefault((e.get("pid"), e.get("tid")), [])
    match e.get("ph"):
        case "X":
            check(number("dur"), f"trace: no duration: {e}")
        case "i":
            check(e.get("s") in ("g", "p", "t"), f"trace: an instant without its scope: {e}")
        case "B":
            stack.append(e)
        case "E":
            check(stack and stack.pop()["ts"] <= e["ts"], f"trace: ends what has not begun: {e}")
        case "M":
            check(e["name"] in ("process_name", "thread_name"), f"trace: unknown metadata: {e}")
            check(type(e.get("args", {}).get("name")) is str, f"trace: an empty name: {e}")
        case other:
            check(False, f"trace: phase {other}")


def check_trace(t):
    check(t.get("displayTimeUnit") in ("ms", "ns"), "trace: displayTimeUnit")
    events = t["traceEvents"]
    slices, opened = {}, {}
    for e in events:
        check_event(e, opened)
        if e["ph"] == "X":
            slices.setdefault((e["pid"], e["tid"]), []).append((e["ts"], -e["dur"], e["name"]))
    check(not any(opened.values()), f"trace: never ended: {[s for s in opened.values() if s]}")
    named = {(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"}
    check(slices.keys() <= named, f"trace: threads without a name: {slices.keys() - named}")
    check({p for p, _ in opened} == {e["pid"] for e in events if e["name"] == "process_name"}, "trace: processes")
    # Slices of one thread nest or follow each other: the viewer draws nothing else. Half a us is for rounding.
    for track, all_of in slices.items():
        stack = []
        for ts, neg, name in sorted(all_of):
            while stack and stack[-1][0] <= ts + 0.5:
                stack.pop()
            check(not stack or ts - neg <= stack[-1][0] + 0.5, f"trace: {track}: {name} at {ts} runs out of {stack[-1:]}")
            stack.append((ts - neg, name))
    check(any(e["ph"] == "X" for e in events), "trace: no slice")


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    check_report(load(sys.argv[2]), load(sys.argv[1]))
    if len(sys.argv) == 4:
        check_trace(load(sys.argv[3]))
    for words in failures:
        print(words)
    sys.exit(1 if failures else 0)


main()
