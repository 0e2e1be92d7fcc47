#!/usr/bin/env bash
# teardown.sh BACKEND N OUT - times the teardown of N namespaces that have a port each on one
# switch: `ovsns teardown`, which finds them by their mark, and `ovsns del-ns`, which is told their
# names, against the loop that people write, and against the fewest processes that ip and ovs-vsctl
# allow. Results go to the directory OUT.
#
# It runs in network, mount and process namespaces of its own, with an Open vSwitch of its own.
# IPv6 is off there, so that the ports are silent.
set -euo pipefail

if [[ $1 != --inside ]]; then
    exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- \
        bash "${BASH_SOURCE[0]}" --inside "$@"
fi
export BACKEND=$2 N=$3
out=$4
cd "$(dirname "${BASH_SOURCE[0]}")/.."
OVSNS=$PWD/target/release/ovsns
CONTESTANTS=(teardown del-ns loop batched)
# a loop over 500 takes half a minute
RUNS=$((N > 100 ? 2 : 3))

main() {
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/netns /run/openvswitch
    mount -t sysfs sysfs /sys
    sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip link set lo up
    start_"$BACKEND"
    local name arguments=()
    for name in "${CONTESTANTS[@]}"; do
        fill
        run "$name" >/dev/null
        is_gone || { echo "bench: $name on $BACKEND: something is left" >&2; exit 1; }
        arguments+=(--command-name "$name" "bash -c 'run $name'")
    done
    hyperfine --shell none --runs "$RUNS" --prepare "bash -c fill" --style basic \
        --export-json "$out/$BACKEND-$N-teardown.json" "${arguments[@]}" >"$out/hyperfine.log" 2>&1 ||
        { cat "$out/hyperfine.log" >&2; exit 1; }
}

start_ovs() {
    local run=/run/openvswitch
    # two packet sockets a port
    ulimit -n "$(ulimit -Hn)"
    ovsdb-tool create "$run/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server "$run/conf.db" --remote=punix:"$run/db.sock" --pidfile --detach -vconsole:off
    ovs-vsctl --no-wait init
    ovs-vswitchd --disable-system --pidfile --detach -vconsole:off
}

start_linux() {
    :
}

# The namespaces and ports as `ovsns add-port` makes them, by fewer processes.
fill() {
    local number add=() mark=ovsns-owner=-
    "$OVSNS" add-br sw0 --backend "$BACKEND" --may-exist >/dev/null 2>&1
    for ((number = 1; number <= N; number++)); do
        echo "netns add ns$number"
        echo "link add veth-ns$number up type veth peer name eth1-ns$number netns ns$number"
        echo "link set veth-ns$number alias $mark"
        [[ $BACKEND != linux ]] || echo "link set veth-ns$number master sw0"
    done | ip -batch -
    for ((number = 1; number <= N; number++)); do
        printf 'link set %s up alias '"$mark"'\n' lo "eth1-ns$number" | ip -n "ns$number" -batch -
        add+=(-- add-port sw0 "veth-ns$number" -- set Port "veth-ns$number" external_ids:"$mark")
    done
    [[ $BACKEND != ovs ]] || ovs-vsctl "${add[@]:1}"
}

# run CONTESTANT
run() {
    local number names del=()
    case $1 in
    teardown) "$OVSNS" teardown --timeout 120 ;;
    del-ns)
        mapfile -t names < <(seq -f ns%g "$N")
        "$OVSNS" del-ns --timeout 120 "${names[@]}"
        ;;
    loop)
        for ((number = 1; number <= N; number++)); do
            [[ $BACKEND != ovs ]] || ovs-vsctl del-port sw0 "veth-ns$number"
            ip link delete "veth-ns$number"
            ip netns delete "ns$number"
        done
        ;;
    batched)
        # the veth pairs go with their namespaces
        for ((number = 1; number <= N; number++)); do
            del+=(-- del-port sw0 "veth-ns$number")
        done
        [[ $BACKEND != ovs ]] || ovs-vsctl "${del[@]:1}"
        seq -f 'netns delete ns%g' "$N" | ip -batch -
        until is_gone; do :; done
        ;;
    esac
}

is_gone() {
    [[ ! $(ip netns list) && ! $(ip -o link show type veth) ]]
}

# for the shells that hyperfine starts
export -f fill run is_gone
export OVSNS

main
