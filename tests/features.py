#!/usr/bin/env python3
"""Prints docs/features.md from what the tests of tests/features have shown.

    tests/features.py RESULTS [DOCS] >docs/features.md

RESULTS has a line for each test that passed: FAMILY KIND FEATURE PLACE, where KIND is ovs, linux, ovs_refuses or
linux_refuses, and PLACE netdev, system or linux. A cell of which this run has no result, for what its machine
lacks, is taken from DOCS, the page as it is; a feature that has no result at all is left out.
"""

import re
import sys

COLUMNS = (("netdev", "Open vSwitch, its own datapath"), ("system", "Open vSwitch, the kernel's"), ("linux", "Linux bridge"))
# What of a test's name says that it is about what nobody can have.
MISTAKES = ("mistakes", "errors", "cannot_be")
WORKS, REFUSED, UNKNOWN = "yes", "refused", "–"

HEAD = """\
# Features

What works where: each row is a test with packets in `tests/features/`, named as the test is. This page is made from the results of
`make test` by `tests/features.py`, and `make test` fails where it says something else. *yes*: it works there; *refused*: that
kind of switch has no such thing, and the error says so and what has; –: there is no test of it, or none has run there yet (the virtual
machine plays a choice of them; with `OVSNS_TEST_ALL=1` all).
"""


def read_results(path):
    cells = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            family, kind, feature, place = line.split()
            if any(word in feature for word in MISTAKES):
                continue
            cells[(family, feature, place)] = REFUSED if kind.endswith("_refuses") else WORKS
    return cells


def read_page(path):
    """The cells of a page that was made before."""
    cells, family = {}, None
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("## "):
                family = line[3:].strip()
            row = re.match(r"\| (.*) \| (.*) \| (.*) \| (.*) \|$", line.strip())
            if row and row.group(2) in (WORKS, REFUSED, UNKNOWN):
                feature = row.group(1).replace(" ", "_")
                for (place, _), cell in zip(COLUMNS, row.groups()[1:]):
                    cells[(family, feature, place)] = cell
    return cells


def page(results, before):
    yield HEAD
    families = sorted({family for family, _, _ in results})
    for family in families:
        yield f"## {family}\n"
        yield "| feature | " + " | ".join(title for _, title in COLUMNS) + " |"
        yield "|---" * (1 + len(COLUMNS)) + "|"
        for feature in sorted({feature for of, feature, _ in results if of == family}):
            keys = [(family, feature, place) for place, _ in COLUMNS]
            cells = [results.get(key, before.get(key, UNKNOWN)) for key in keys]
            yield f"| {feature.replace('_', ' ')} | " + " | ".join(cells) + " |"
        yield ""


def main():
    results = read_results(sys.argv[1])
    before = read_page(sys.argv[2]) if len(sys.argv) > 2 else {}
    print("\n".join(page(results, before)).rstrip())


main()
