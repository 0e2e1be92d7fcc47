"""Sends an Ethernet frame in one network namespace, and tells where it arrives and with which tags.

Reads one JSON object: {"send": [NETNS, DEVICE], "dst": MAC, "src": MAC, "tags": [[TPID, VLAN], …],
"hear": [[NETNS, DEVICE], …], "expect": [true, …]}. Prints a list: for each of "hear" the tags of the frame as
it arrived, outermost first, or null. It waits for those that are expected, up to PATIENCE, and a moment more for others.
"""

import ctypes
import json
import os
import select
import socket
import struct
import sys
import time

PATIENCE = 20.0
MOMENT = 0.4
EXPERIMENTAL = 0x88B5  # IEEE 802, local experimental ethertype 1
TAGS = (0x8100, 0x88A8)
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


def opened(netns, device):
    """A raw socket on a device of a namespace."""
    path = "/proc/self/ns/net" if netns == "host" else f"/run/netns/{netns}"
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(path, os.O_RDONLY)
    assert libc.setns(there, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    raw.bind((device, 3))
    assert libc.setns(home, CLONE_NEWNET) == 0
    os.close(home)
    os.close(there)
    return raw


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def tags_of(raw, marker):
    """The tags of the next frame if it is ours and was not sent from here."""
    frame, controls, _, address = raw.recvmsg(2048, 256)
    if address[2] == socket.PACKET_OUTGOING or marker not in frame:
        return None
    tags = []
    for level, kind, data in controls:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                tags.append([tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100, tci & 0xFFF])
    rest = frame[12:]
    while struct.unpack("!H", rest[:2])[0] in TAGS:
        tpid, tci = struct.unpack("!HH", rest[:4])
        tags.append([tpid, tci & 0xFFF])
        rest = rest[4:]
    return tags


def main():
    asked = json.load(sys.stdin)
    ears = [opened(*where) for where in asked["hear"]]
    marker = os.urandom(16)
    frame = mac(asked["dst"]) + mac(asked["src"])
    frame += b"".join(struct.pack("!HH", tpid, vlan) for tpid, vlan in asked["tags"])
    frame += struct.pack("!H", EXPERIMENTAL) + marker + bytes(40)
    mouth = opened(*asked["send"])
    heard = [None] * len(ears)
    begin = time.monotonic()
    mouth.send(frame)
    last = begin
    while True:
        now = time.monotonic()
        missing = [n for n, wanted in enumerate(asked["expect"]) if wanted and heard[n] is None]
        if now - begin > PATIENCE or (not missing and now - last > MOMENT):
            break
        ready, _, _ = select.select(ears, [], [], 0.05)
        for raw in ready:
            tags = tags_of(raw, marker)
            if tags is not None:
                heard[ears.index(raw)] = tags
                last = now
    print(json.dumps(heard))


main()
