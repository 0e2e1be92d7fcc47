#!/usr/bin/env bash
# labs.sh BACKEND N OUT - times labs of N namespaces, each with a veth pair, a port on a switch, an
# address and all up: `ovsns apply` and `ovsns destroy` against scripts, Mininet, and the floor, which
# is what the kernel and ovs-vswitchd charge for it. Results go to the directory OUT.
#
# It runs in network, mount and process namespaces of its own, with an Open vSwitch of its own. IPv6
# is off there on the switch's side; inside the namespaces all is as the kernel makes it, so that each
# announces itself to all others for some seconds, whoever has made it.
set -euo pipefail

if [[ $1 != --inside ]]; then
    exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- \
        bash "${BASH_SOURCE[0]}" --inside "$@"
fi
backend=$2 count=$3 out=$4
cd "$(dirname "${BASH_SOURCE[0]}")/.."

main() {
    # a file or a packet socket for each namespace
    ulimit -n "$(ulimit -Hn)"
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t sysfs sysfs /sys
    sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip link set lo up
    # the first one makes /run/netns a mount of its own, which none is to pay for
    ip netns add first
    ip netns delete first
    [[ $backend != ovs ]] || start_ovs
    # not in $out, which may have been made by somebody else than root
    cc -O2 -pthread -o /run/floor bench/floor.c
    /usr/bin/python3 bench/labs.py "$backend" "$count" /run/floor >"$out/$backend-$count-lab.json"
}

start_ovs() {
    local run=/run/openvswitch
    mkdir "$run"
    ovsdb-tool create "$run/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server "$run/conf.db" --remote=punix:"$run/db.sock" --pidfile --detach -vconsole:off
    ovs-vsctl --no-wait init
    ovs-vswitchd --disable-system --pidfile --detach -vconsole:off
}

main
