#!/usr/bin/env bash
# ports.sh BACKEND PORTS OUT - times one add-port, and on an empty switch one del-port, against the
# scripts of script.sh, on a switch that has PORTS ports already. Results go to the directory OUT.
#
# It runs in network, mount and process namespaces of its own, with an Open vSwitch of its own.
# IPv6 is off there, so that the ports are silent: with it, each port's multicast would be flooded
# to all others by vswitchd's one thread.
set -euo pipefail

if [[ $1 != --inside ]]; then
    exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- \
        bash "${BASH_SOURCE[0]}" --inside "$@"
fi
backend=$2 ports=$3 out=$4
cd "$(dirname "${BASH_SOURCE[0]}")/.."
OVSNS=$PWD/target/release/ovsns
CONTESTANTS=(ovsns steps batched)
RUNS=20
# on a full switch vswitchd needs up to a second for each thing that it notices: fewer rounds will do
if ((ports)); then
    CONTESTANTS=(ovsns steps)
    RUNS=6
fi

main() {
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/netns /run/openvswitch
    mount -t sysfs sysfs /sys
    sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip link set lo up
    fill_"$backend"
    compare add reset_"$backend"
    if ((ports == 0)); then
        compare del add_before
    fi
    if [[ $backend == ovs ]]; then
        /usr/bin/python3 bench/share.py sw0 "$RUNS" >"$out/share-$ports.json"
    fi
}

# compare add|del PREPARE: times the contestants; PREPARE, given one's name, is run before each run
compare() {
    local what=$1 prepare=$2 name arguments=()
    for name in "${CONTESTANTS[@]}"; do
        "$prepare" "$name"
        eval "$("command_$what" "$name")" >/dev/null
        "proof_$what" || { echo "bench: $name, $what on $backend: not done" >&2; exit 1; }
        arguments+=(--command-name "$name" --prepare "bash -c '$prepare $name'" "$("command_$what" "$name")")
    done
    hyperfine --shell none --warmup 1 --runs "$RUNS" --style basic \
        --export-json "$out/$backend-$ports-$what.json" "${arguments[@]}" >"$out/hyperfine.log" 2>&1 ||
        { cat "$out/hyperfine.log" >&2; exit 1; }
}

command_add() {
    if [[ $1 == ovsns ]]; then
        echo "$OVSNS add-port sw0 ns1 --ip 192.168.0.1/24"
    else
        echo "sh bench/script.sh $1 $backend add"
    fi
}

command_del() {
    if [[ $1 == ovsns ]]; then
        # with its port and its veth pair
        echo "$OVSNS del-ns ns1"
    else
        echo "sh bench/script.sh $1 $backend del"
    fi
}

proof_add() {
    [[ $(ip -n ns1 -o address show dev eth1-ns1 up) == *' 192.168.0.1/24 '* ]] && "is_on_$backend"
}

proof_del() {
    ! ip netns pids ns1 &>/dev/null && ! "is_on_$backend"
}

is_on_ovs() {
    [[ $(ovs-vsctl --if-exists get Interface veth-ns1 ofport) =~ ^[1-9] ]]
}

is_on_linux() {
    [[ $(ip link show dev veth-ns1 master sw0 up 2>/dev/null) ]]
}

# The switch as it was: the port is gone, and vswitchd has seen that (ovs-vsctl returns when it has
# caught up, with the kernel's link events too).
reset_ovs() {
    ovs-vsctl --if-exists del-port sw0 veth-ns1
    reset_linux
    ovs-vsctl set Open_vSwitch . external_ids:bench="$RANDOM"
}

reset_linux() {
    if ip link show dev veth-ns1 &>/dev/null; then
        ip link delete veth-ns1
    fi
    if ip netns pids ns1 &>/dev/null; then
        ip netns delete ns1
    fi
}

# add_before CONTESTANT: a port made by the contestant itself
add_before() {
    reset_"$backend"
    eval "$(command_add "$1")" >/dev/null
}

# for the shells that --prepare starts, see `compare`
export -f reset_ovs reset_linux add_before command_add
export OVSNS backend

fill_linux() {
    ip link add sw0 up type bridge
    silent_ports "master sw0"
}

fill_ovs() {
    local run=/run/openvswitch add=() number
    # two packet sockets a port
    ulimit -n "$(ulimit -Hn)"
    ovsdb-tool create "$run/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server "$run/conf.db" --remote=punix:"$run/db.sock" --pidfile --detach -vconsole:off
    ovs-vsctl --no-wait init
    ovs-vswitchd --disable-system --pidfile --detach -vconsole:off
    # all devices first: vswitchd looks at all its ports on every link event
    silent_ports ""
    for ((number = 1; number <= ports; number++)); do
        add+=(-- add-port sw0 "p$number")
    done
    ovs-vsctl add-br sw0 -- set Bridge sw0 datapath_type=netdev "${add[@]}"
}

# silent_ports OPTIONS: veth pairs pN, qN with carrier
silent_ports() {
    local number
    for ((number = 1; number <= ports; number++)); do
        echo "link add p$number up $1 type veth peer name q$number"
        echo "link set q$number up"
    done | ip -batch -
}

main
