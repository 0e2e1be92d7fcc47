#!/usr/bin/python3
"""A lab in Mininet: hosts on one switch, in the words of its Python API.

    labs_mininet.py BACKEND N

Does what it reads, a word a line: `up`, `check`, `down`; and answers when it is done with a line of JSON. Mininet keeps
a shell in each host. It is told to add the ports in a batch: without, the ports take a process each.
"""

import functools
import json
import resource
import sys

import mininet.log
from mininet.net import Mininet
from mininet.node import OVSSwitch
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo

SWITCHES = {
    "linux": LinuxBridge,
    "ovs": functools.partial(OVSSwitch, datapath="user", failMode="standalone", batch=True),
}


def answer(value):
    print(json.dumps(value), flush=True)


def main(backend, count):
    mininet.log.setLogLevel("critical")
    # It would raise limits of the whole machine, such as kernel.pty.max.
    Mininet.inited = True
    net = None
    answer("here")
    for line in sys.stdin:
        word = line.strip()
        if word == "up":
            net = Mininet(topo=SingleSwitchTopo(int(count)), switch=SWITCHES[backend], controller=None)
            net.start()
            answer(word)
        elif word == "check":
            answer(" 0% packet loss" in net.hosts[0].cmd("ping -c 1 -w 20 " + net.hosts[-1].IP()))
        elif word == "down":
            net.stop()
            answer({"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss})


if __name__ == "__main__":
    main(*sys.argv[1:])
