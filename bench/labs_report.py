"""The part of the report on labs: what labs.py left in a directory, and how that compares with what is expected."""

import statistics

from table import load, number, row

SWITCHES = {"ovs": "on Open vSwitch", "linux": "on the Linux bridge"}
CONTENDERS = {
    "ovsns": "ovsns",
    "floor-1": "floor, one thread",
    "floor-2": "floor, two threads",
    "vswitchd": "vswitchd's own",
    "both": "floor and vswitchd's own",
    "batched": "script, batched",
    "steps": "script, a command a step",
    "mininet": "Mininet",
}
WIDTHS = (30, 11)


class Lab:
    """The results of one lab, in milliseconds a namespace."""

    def __init__(self, path):
        results = load(path)
        self.backend, self.count, self.contenders = results["backend"], results["count"], results["contenders"]

    def median(self, name, what):
        if name == "both":
            both = [self.median("floor-1", what), self.median("vswitchd", what)]
            return None if None in both else sum(both)
        # On the way down both floors are the same program.
        names = ["floor-1", "floor-2"] if what == "down" and name.startswith("floor") else [name]
        runs = [run for one in names for run in self.contenders.get(one, {}).get("runs", [])]
        times = [run[what] for run in runs if what in run]
        return statistics.median(times) * 1000 / self.count if times else None

    def title(self):
        return f"{self.count:,} {SWITCHES[self.backend]}"

    def floor(self):
        return "both" if self.backend == "ovs" else "floor-1"

    def ratio(self, what, over, under):
        """Of the times of two contenders; the sum of several."""
        return self.total(what, over) / self.total(what, under)

    def total(self, what, name):
        return sum(self.median(name, one) for one in what)


def labs(results):
    found = sorted(map(Lab, results.glob("*-*-lab.json")), key=lambda lab: (lab.backend, lab.count))
    if not found:
        return
    print("\nLabs: namespaces with a veth pair, a port and an address each, all up; until ready, until all is gone, and found")
    print("to be as the file says again (ms a namespace, median; ratio to ovsns; memory of the largest process)")
    for lab in found:
        contenders(lab)
        if lab.count > 10:
            expectations(lab, found)
    for lab in found:
        if lab.count == 1000:
            phases(lab)


def contenders(lab):
    row(lab.title(), "ready", "", "gone", "", "again", "memory", widths=WIDTHS)
    for name, label in CONTENDERS.items():
        times = {what: lab.median(name, what) for what in ("up", "down", "again")}
        if times["up"] is None:
            continue
        cells = []
        for what in ("up", "down"):
            cells += [number(times[what], digits=2), number(times[what] / lab.median("ovsns", what), " x", digits=2)]
        memory = lab.contenders.get(name, {}).get("memory")
        row("  " + label, *cells, number(times["again"], digits=3) if times["again"] else "",
            number(memory / 1024, " MiB") if memory else "", widths=WIDTHS)
    if lab.backend == "ovs" and lab.count > 100:
        print("    (a script of a command a step takes minutes, and is not run)")


def expectations(lab, found):
    def expect(label, ratio, bound, limit):
        met = ratio <= limit if bound == "at most" else ratio >= limit
        print(f"    {label + ':':<58} {ratio:>6.2f}   expected: {bound} {limit:<4} {'met' if met else 'not met'}")

    floor = CONTENDERS[lab.floor()]
    expect(f"ovsns / {floor}, ready", lab.ratio(["up"], "ovsns", lab.floor()), "at most", 1.3)
    expect(f"ovsns / {floor}, gone", lab.ratio(["down"], "ovsns", lab.floor()), "at most", 1.3)
    expect("ovsns, again / ready", lab.median("ovsns", "again") / lab.median("ovsns", "up"), "at most", 0.1)
    if lab.backend == "linux":
        for name, what, words, least in [("batched", ["up"], "ready", 2.5), ("steps", ["up"], "ready", 10),
                                         ("mininet", ["up", "down"], "ready and gone", 20)]:
            if name in lab.contenders:
                expect(f"{CONTENDERS[name]} / ovsns, {words}", lab.ratio(what, name, "ovsns"), "at least", least)
    hundred = [other for other in found if (other.backend, other.count) == (lab.backend, 100)]
    if lab.count == 4000 and hundred:
        for what, words in [("up", "ready"), ("down", "gone")]:
            ratio = lab.median("ovsns", what) / hundred[0].median("ovsns", what)
            expect(f"ovsns, a namespace of 4,000 / of 100, {words}", ratio, "at most", 2)


def phases(lab):
    """Where the time goes."""
    for what, verb in [("up", "apply"), ("again", "apply again"), ("down", "destroy")]:
        found = lab.contenders["ovsns"]["phases"].get(what)
        if not found:
            continue
        row(f"ovsns {verb}, {lab.title()}", "ms", "items", "us each", widths=(44, 11))
        for phase in found:
            took = phase["seconds"]
            each = took * 1e6 / phase["items"] if phase["items"] else None
            row("  " + phase["name"], number(took * 1000), f"{phase['items']:,}", number(each), widths=(44, 11))
