#!/usr/bin/python3
"""Times labs of N namespaces by all who can make them, in a sandbox that labs.sh makes.

    labs.py BACKEND N FLOOR

FLOOR is the program of floor.c. Prints JSON: of each contender the seconds of every run until the lab was ready ("up"),
until it was really gone ("down"), until it was found to be as its file says ("again"), and the memory of its largest
process in KiB; of ovsns also the time of each phase. The contenders take turns, so that a machine that gets slower does
so for all of them; the first turn warms up.

Ready: the command has returned, and every port is up, forwards, and has its number where that is Open vSwitch's. Gone:
the command has returned, and no device, name or row is left.
"""

import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time

from database import Database

OVSNS = "target/release/ovsns"
DEVICES = pathlib.Path("/sys/class/net")
LAB = pathlib.Path("/run/lab.yaml")
MEMORY = pathlib.Path("/run/memory")
# A Linux bridge takes 1,023 ports (BR_MAX_PORTS in net/bridge/br_private.h).
PORTS_EACH = 1000
# ovs-vswitchd looks after it as long as it runs.
ITS_OWN = "ovs-netdev"
DEADLINE = 900
ROUNDS = {10: 7, 100: 5}
# Of larger labs; and of contenders that take minutes for those, whose first turn has to do.
FEW, ONE = 3, 0


class Lab:
    """What is to be made, and looks at it."""

    def __init__(self, backend, count):
        self.backend, self.count = backend, count
        self.database = Database() if backend == "ovs" else None
        self.switches = max(1, count // PORTS_EACH)
        self.each = count // self.switches
        assert self.each * self.switches == count
        self.settled = self.devices()

    def yaml(self):
        """As ovsns reads it."""
        lines = ["lab: bench", "switches:"]
        lines += [f"  sw{switch}: {{ backend: {self.backend} }}" for switch in range(self.switches)]
        lines += ["namespaces:"]
        for switch in range(self.switches):
            first, last = switch * self.each + 1, (switch + 1) * self.each
            lines += [f'  "ns[{first}-{last}]": {{ ports: [ {{ switch: sw{switch}, ip: 10.{switch}.0.+/16 }} ] }}']
        return "\n".join(lines) + "\n"

    @staticmethod
    def devices():
        return set(os.listdir(DEVICES)) - {ITS_OWN}

    def to_go(self):
        return self.devices() - self.settled

    def is_ready(self, contender):
        ports = (contender.port.format(number) for number in range(1, self.count + 1))
        return all(self.is_up(port) for port in ports) and (not contender.plugged or self.has_numbers())

    def is_up(self, device):
        def says(what, value):
            path = DEVICES / device / what
            return path.exists() and path.read_text().strip() == value
        # BR_STATE_FORWARDING, linux/if_bridge.h
        return says("operstate", "up") and (self.database or says("brport/state", "3"))

    def has_numbers(self):
        if not self.database:
            return True
        numbers = self.database.column("Interface", "ofport")
        # with the switch's own; one that has none yet is an empty set, one that cannot have any -1
        return len([number for number in numbers if isinstance(number, int) and number > 0]) == self.count + self.switches

    def is_gone(self):
        if self.database:
            self.database.change_and_wait([])
            if self.database.column("Bridge", "name"):
                return False
        return not self.to_go() and not os.listdir("/run/netns")

    def pings(self):
        """Whether on each switch the first namespace reaches the last one."""
        def reaches(switch):
            source, target = switch * self.each + 1, f"10.{switch}.{self.each // 256}.{self.each % 256}"
            command = ["ip", "netns", "exec", f"ns{source}", "ping", "-q", "-c1", "-w20", target]
            return subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
        return all(reaches(switch) for switch in range(self.switches))

    def rows(self, port):
        """Operations that make the switch with all its ports."""
        names = ["sw0", *(port.format(number) for number in range(1, self.count + 1))]
        operations, ports = [], ["set", [["named-uuid", f"p{index}"] for index in range(len(names))]]
        for index, name in enumerate(names):
            device = {"name": name, "type": "internal" if name == "sw0" else ""}
            row = {"name": name, "interfaces": ["named-uuid", f"i{index}"]}
            operations += [{"op": "insert", "table": "Interface", "uuid-name": f"i{index}", "row": device},
                           {"op": "insert", "table": "Port", "uuid-name": f"p{index}", "row": row}]
        operations += [{"op": "insert", "table": "Bridge", "uuid-name": "b",
                        "row": {"name": "sw0", "datapath_type": "netdev", "ports": ports}},
                       {"op": "mutate", "table": "Open_vSwitch", "where": [],
                        "mutations": [["bridges", "insert", ["named-uuid", "b"]]]}]
        return operations

    @staticmethod
    def no_rows():
        """The operation that takes them away."""
        return [{"op": "update", "table": "Open_vSwitch", "where": [], "row": {"bridges": ["set", []]}}]


class Departures:
    """Waits for devices to go: the kernel tells, so that it is not slowed down by looking."""

    RTMGRP_LINK, RTM_DELLINK = 1, 17
    # struct nlmsghdr and struct ifinfomsg, linux/netlink.h and linux/rtnetlink.h
    HEADER, LINK = struct.Struct("=IHHII"), struct.Struct("=BxHiII")

    def __init__(self, devices):
        self.awaited = {int((DEVICES / device / "ifindex").read_text()) for device in devices}
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        # SO_RCVBUFFORCE, asm-generic/socket.h: thousands of messages of 2 KiB
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
        self.socket.bind((0, self.RTMGRP_LINK))

    def wait(self, since):
        """When the last one was gone, but not before `since`."""
        with self.socket:
            while self.awaited:
                try:
                    data = self.socket.recv(1 << 16, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    self.socket.settimeout(DEADLINE)
                    data = self.socket.recv(1 << 16)
                    since = time.perf_counter()
                self.take(data)
        return since

    def take(self, data):
        while data:
            length, kind, *_ = self.HEADER.unpack_from(data)
            family, _, index, *_ = self.LINK.unpack_from(data, self.HEADER.size)
            # a bridge tells of the ports that leave it in the same words, as family AF_BRIDGE
            if kind == self.RTM_DELLINK and family == socket.AF_UNSPEC:
                self.awaited.discard(index)
            data = data[length + 3 & ~3:]


def times_full():
    """How often the kernel's table of neighbours was full: one for all namespaces of the
    machine, of 1,024 entries where net.ipv4.neigh.default.gc_thresh3 is not raised. While it is, nobody is found."""
    tables = json.loads(subprocess.check_output(["ip", "-j", "-s", "ntable", "show", "name", "arp_cache"]))
    return sum(table.get("table_fulls", 0) for table in tables)


def once(condition, since):
    """When the condition was first found to hold: `since` if it holds already."""
    deadline = since + DEADLINE
    while not condition():
        since = time.perf_counter()
        assert since < deadline, "waited in vain"
    return since


class Contender:
    """Who makes a lab and takes it away."""

    # what its ports are called
    port = "veth-ns{}"
    # whether they are on a switch
    plugged = True
    # whether it can be told to make what is there already
    idempotent = False
    # KiB, of its largest process
    memory = None

    def __init__(self, name, rounds, lab):
        self.name, self.rounds, self.lab = name, rounds, lab
        self.phases = {}

    def check(self):
        return self.lab.pings()


class Command(Contender):
    """A contender that is a command for each of "up", "down" and perhaps "again"."""

    def __init__(self, name, rounds, lab, commands):
        super().__init__(name, rounds, lab)
        self.commands = commands
        self.idempotent = "again" in commands

    def run(self, what):
        """When it started and when it returned."""
        return self.timed(what, self.commands[what], subprocess.DEVNULL)[:2]

    def run_first(self, what):
        """The same under time(1)."""
        command = ["/usr/bin/time", "-q", "-f", "%M", "-o", MEMORY, *self.commands[what]]
        start, end, output = self.timed(what, command, subprocess.PIPE)
        self.memory = max(self.memory or 0, int(MEMORY.read_text()))
        self.take(what, output)
        return start, end

    def timed(self, what, command, output):
        start = time.perf_counter()
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True)
        end = time.perf_counter()
        assert done.returncode == 0, f"{self.name}, {what}: exit status {done.returncode}\n{done.stderr}"
        return start, end, done.stdout

    def take(self, what, output):
        """What the command has said of itself."""


class Ovsns(Command):
    def __init__(self, rounds, lab):
        apply, destroy = ([OVSNS, verb, str(LAB), "--timeout", "600"] for verb in ("apply", "destroy"))
        super().__init__("ovsns", rounds, lab, {"up": apply, "again": apply, "down": destroy})

    def run_first(self, what):
        plain = self.commands[what]
        self.commands[what] = [*plain, "--json", *([] if what == "down" else ["--timings"])]
        times = super().run_first(what)
        self.commands[what] = plain
        return times

    def take(self, what, output):
        self.phases[what] = json.loads(output).get("timings", [])


class Floor(Command):
    def __init__(self, name, rounds, lab, program, threads):
        self.plugged = lab.backend == "linux"
        words = [str(lab.count), str(lab.switches if self.plugged else 0)]
        super().__init__(name, rounds, lab, {"up": [program, "up", *words, threads], "down": [program, "down", *words]})

    def check(self):
        return self.lab.pings() if self.plugged else len(os.listdir("/run/netns")) == self.lab.count


class Script(Command):
    def __init__(self, style, rounds, lab):
        words = ["bash", "bench/labs-script.sh", style, lab.backend]
        super().__init__(style, rounds, lab, {what: [*words, what, str(lab.count)] for what in ("up", "down")})


class Mininet(Contender):
    """One process that makes the lab and takes it away. Its start is not counted."""

    port = "s1-eth{}"

    def run(self, what):
        if what == "up":
            command = ["/usr/bin/python3", "bench/labs_mininet.py", self.lab.backend, str(self.lab.count)]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.answer()
        start = time.perf_counter()
        answer = self.ask(what)
        end = time.perf_counter()
        if what == "down":
            self.memory = answer["memory"]
            self.process.stdin.close()
            assert self.process.wait() == 0
        return start, end

    run_first = run

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def check(self):
        return self.ask("check")


class Vswitchd(Contender):
    """What is ovs-vswitchd's own: one transaction with the switch and all ports, of devices that are there."""

    def __init__(self, rounds, lab, floor):
        super().__init__("vswitchd", rounds, lab)
        self.floor = floor

    def run(self, what):
        if what == "up":
            subprocess.run(self.floor.commands["up"], check=True)
            # it has looked at the devices
            self.lab.database.change_and_wait([])
        operations = self.lab.rows(self.port) if what == "up" else self.lab.no_rows()
        start = time.perf_counter()
        self.lab.database.change_and_wait(operations)
        end = time.perf_counter()
        if what == "down":
            subprocess.run(self.floor.commands["down"], check=True)
        return start, end

    run_first = run


def contenders(lab, program):
    rounds = ROUNDS.get(lab.count, FEW)
    slow = rounds if lab.count <= 100 else ONE
    floors = [Floor(f"floor-{threads}", rounds, lab, program, threads) for threads in ("1", "2")]
    found = [Ovsns(rounds, lab), *floors]
    if lab.backend == "ovs":
        found.append(Vswitchd(rounds, lab, floors[0]))
    if lab.switches == 1:
        found.append(Script("batched", rounds, lab))
        # on Open vSwitch a thousand take minutes
        if lab.backend == "linux" or lab.count <= 100:
            found.append(Script("steps", slow, lab))
        found.append(Mininet("mininet", slow, lab))
    return found


def one_round(contender, run):
    """Seconds of a lab that was made and taken away; `run` is one of the contender's ways to run a command."""
    start, returned = run("up")
    seconds = {"up": once(lambda: contender.lab.is_ready(contender), returned) - start}
    cleared = times_full()
    assert contender.check(), (f"{contender.name}: the first namespace does not reach the last one; the machine's table "
                               f"of neighbours was full {times_full() - cleared} times meanwhile")
    departures = Departures(contender.lab.to_go())
    start, returned = run("down")
    left = once(contender.lab.is_gone, departures.wait(returned))
    # the devices below the ports go after the time of a transaction
    seconds["down"] = (returned if contender.name == "vswitchd" else left) - start
    if contender.idempotent:
        seconds["again"] = again(contender, run)
    return seconds


def again(contender, run):
    """Seconds to find that a lab is as it should be, once the namespaces have announced themselves to each other: for seconds
    a thousand of them keep all processors busy with that, whoever has made them."""
    run("up")
    at_rest(time.perf_counter())
    start, returned = run("again")
    run("down")
    once(contender.lab.is_gone, returned)
    return returned - start


def at_rest(since):
    """Waits until the processors are idle nine tenths of half a second (`cpu` in /proc/stat, proc_stat(5))."""
    def ticks():
        times = [int(word) for word in pathlib.Path("/proc/stat").read_text().split()[1:9]]
        return times[3] + times[4], sum(times)
    before = ticks()
    while True:
        time.sleep(0.5)
        now = ticks()
        if now[0] - before[0] >= 0.9 * (now[1] - before[1]):
            return
        before = now
        assert time.perf_counter() < since + DEADLINE, "the machine does not come to rest"


def main(backend, count, program):
    lab = Lab(backend, int(count))
    LAB.write_text(lab.yaml())
    field = contenders(lab, program)
    first = {contender.name: one_round(contender, contender.run_first) for contender in field}
    runs = {contender.name: [] for contender in field}
    for number in range(max(contender.rounds for contender in field)):
        for contender in field:
            if number < contender.rounds:
                runs[contender.name].append(one_round(contender, contender.run))
    results = {contender.name: {"runs": runs[contender.name] or [first[contender.name]], "memory": contender.memory,
                                "phases": contender.phases} for contender in field}
    json.dump({"backend": backend, "count": lab.count, "switches": lab.switches, "contenders": results}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
