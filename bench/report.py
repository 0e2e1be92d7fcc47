#!/usr/bin/env python3
"""Prints the results that the other files here left in a directory as one table of times and ratios.

    report.py DIRECTORY
"""

import pathlib
import sys

from labs_report import labs
from table import load, number, row

BACKENDS = {"ovs": "Open vSwitch", "linux": "Linux bridge"}
CONTESTANTS = {"ovsns": "ovsns", "steps": "script, a command a step", "batched": "script, batched"}


def times(results, backend, ports, what):
    """Medians in milliseconds by contestant, or nothing if it was not measured."""
    report = load(results / f"{backend}-{ports}-{what}.json")
    return {run["command"]: run["median"] * 1000 for run in report["results"]} if report else {}


def one_port(results):
    print("One port: namespace, veth pair, address, all up, on the switch; and gone again (ms, median; ratio to ovsns)")
    for backend, title in BACKENDS.items():
        row(title, "add", "", "delete", "")
        both = [times(results, backend, 0, what) for what in ("add", "del")]
        for name, label in CONTESTANTS.items():
            cells = []
            for measured in both:
                cells += [number(measured[name]), number(measured[name] / measured["ovsns"], " x")]
            row("  " + label, *cells)


def many_ports(results):
    print("\nadd-port on a switch that has ports already (ms, median)")
    sizes = sorted({int(path.name.split("-")[1]) for path in results.glob("*-*-add.json")})
    for backend, title in BACKENDS.items():
        measured = [times(results, backend, size, "add") for size in sizes]
        row(title, *(f"{size:,} ports" for size in sizes))
        for name, label in list(CONTESTANTS.items())[:2]:
            row("  " + label, *(number(column.get(name)) for column in measured))
        if backend == "ovs":
            shares = [load(results / f"share-{size}.json") or {} for size in sizes]
            row("  vswitchd's share", *(number(share.get("settled")) for share in shares))
            row("    with the device just made", *(number(share.get("fresh")) for share in shares))
            rest = [column["ovsns"] - share["fresh"] for column, share in zip(measured, shares)]
            row("  ovsns without that share", *map(number, rest))
        row("  script, a command a step / ovsns",
            *(number(column["steps"] / column["ovsns"], " x") if column else "-" for column in measured))


TEARDOWNS = {
    "teardown": "ovsns teardown",
    "del-ns": "ovsns del-ns, told the names",
    "loop": "script, a loop",
    "batched": "script, batched",
}


def teardown(results):
    found = sorted(results.glob("*-*-teardown.json"), reverse=True)
    if not found:
        return
    count = int(found[0].name.split("-")[1])
    print(f"\n{count:,} namespaces with a port each, taken down (s, median; ratio to ovsns teardown)")
    measured = [times(results, path.name.split("-")[0], count, "teardown") for path in found]
    row("", *(cell for path in found for cell in (BACKENDS[path.name.split("-")[0]], "")))
    for name, label in TEARDOWNS.items():
        cells = []
        for column in measured:
            cells += [f"{column[name] / 1000:.2f}", number(column[name] / column["teardown"], " x")]
        row("  " + label, *cells)


PUBLISHERS = {
    "ovsns": "ovsns publish, all in one",
    "ovsns-each": "ovsns publish, one by one",
    "iptables": "iptables, one by one",
    "restore": "one iptables-restore",
}


def publish(results):
    for path in results.glob("*-publish.json"):
        count = int(path.name.split("-")[0])
        print(f"\n{count:,} published ports (ms, median; ratio to ovsns)")
        measured = {run["command"]: run["median"] * 1000 for run in load(path)["results"]}
        for name, label in PUBLISHERS.items():
            row(label, number(measured[name]), number(measured[name] / measured["ovsns"], " x"))


def transacts(results):
    print("\n10,000 transactions that each commit one change (s, median; ratio to ovsns)")
    ours = load(results / "criterion/transacts/commit/new/estimates.json")["median"]["point_estimate"] / 1e9
    pythons = load(results / "transacts.json")
    for label, seconds in [("ovsns", ours), ("Python ovs.jsonrpc", pythons["jsonrpc"]), ("Python ovs.db.idl", pythons["idl"])]:
        row(label, f"{seconds:.2f}", number(seconds / ours, " x"))


def main(directory):
    results = pathlib.Path(directory)
    one_port(results)
    many_ports(results)
    teardown(results)
    publish(results)
    labs(results)
    transacts(results)


if __name__ == "__main__":
    main(*sys.argv[1:])
