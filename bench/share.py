#!/usr/bin/python3
"""What of an add-port is ovs-vswitchd's own: one OVSDB transaction that adds a device, until cur_cfg has caught up.

    share.py BRIDGE RUNS

Prints JSON: medians in milliseconds, "settled" with a device that has been there for a while, "fresh" with one that
was made just before, as every tool that adds a port must: vswitchd then also has the kernel's link event to look at.
"""

import json
import statistics
import subprocess
import sys
import time

from database import Database

DEVICE = "bench"


def add(database, bridge):
    results = database.change_and_wait([
        {"op": "insert", "table": "Interface", "row": {"name": DEVICE}, "uuid-name": "i"},
        {"op": "insert", "table": "Port", "row": {"name": DEVICE, "interfaces": ["named-uuid", "i"]}, "uuid-name": "p"},
        {"op": "mutate", "table": "Bridge", "where": [["name", "==", bridge]],
         "mutations": [["ports", "insert", ["named-uuid", "p"]]]}])
    return results[1]["uuid"]


def remove(database, bridge, port):
    database.change_and_wait([{"op": "mutate", "table": "Bridge", "where": [["name", "==", bridge]],
                               "mutations": [["ports", "delete", port]]}])


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def one_round(database, bridge, settle):
    ip("link", "add", DEVICE, "up", "type", "veth", "peer", "name", DEVICE + "-peer")
    if settle:
        database.change_and_wait([])
    start = time.perf_counter()
    port = add(database, bridge)
    elapsed = time.perf_counter() - start
    remove(database, bridge, port)
    ip("link", "delete", DEVICE)
    database.change_and_wait([])
    return elapsed * 1000


def main(bridge, runs):
    database = Database()
    shares = {}
    for name, settle in [("settled", True), ("fresh", False)]:
        shares[name] = statistics.median(one_round(database, bridge, settle) for _ in range(int(runs)))
    json.dump(shares, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
