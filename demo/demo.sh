#!/usr/bin/env bash
# demo.sh - plays ovsns' workflow on Open vSwitch and on the Linux bridge, printing each command
# and what it answers.
#
#   demo/demo.sh [OVSNS]     OVSNS: the binary, default target/release/ovsns
#
# It runs in network, mount and process namespaces of its own: switches, ports, named namespaces and a
# private Open vSwitch live there and go with it. The host's network is neither seen nor touched,
# also not where Open vSwitch runs as a system service.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() {
    echo "demo: $*" >&2
    exit 1
}

if [[ ${1:-} != --inside ]]; then
    binary=$(realpath -e "${1:-$HERE/../target/release/ovsns}") || die "build it first: cargo build --release"
    as_root=()
    if ((EUID)); then
        command -v sudo >/dev/null || die "needs root, and there is no sudo"
        as_root=(sudo --)
    fi
    # the process namespace: whatever happens, no process of the demo outlives it
    exec "${as_root[@]}" unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- \
        bash "${BASH_SOURCE[0]}" --inside "$binary"
fi

# ----------------------------------------------------------------- inside --

OVSNS=$2
PINGS=()
failed=0

main() {
    # an empty /run: no socket of a system service, no named namespace of the host
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/netns
    # /sys shows the network namespace of whoever mounted it
    mount -t sysfs sysfs /sys
    ip link set lo up
    export OVS_RUNDIR=/run/openvswitch
    unset OVSNS_DB OVSNS_BACKEND
    trap take_down EXIT
    trap 'exit 130' HUP INT TERM

    title "Open vSwitch"
    ovsns ovs start --state-dir /run/ovsns --log-dir /run/ovsns
    workflow OVS-1 --backend ovs
    title "The Linux bridge: the same verbs"
    workflow br1 --backend linux
    summary
}

# workflow SWITCH OPTION...: two namespaces on a switch, a ping, and everything down again
workflow() {
    local switch=$1
    shift
    ovsns add-br "$switch" "$@"
    ovsns add-port "$switch" ns1 --ip 192.168.0.1/24
    ovsns add-port "$switch" ns2 --ip 192.168.0.2/24 --ip fd00::2/64
    if ovsns exec ns1 -- ping -c1 -W5 192.168.0.2; then
        PINGS+=("$switch: ns1 reaches ns2")
    else
        PINGS+=("$switch: ns1 does NOT reach ns2")
    fi
    ovsns show
    ovsns del-port "$switch" ns1
    ovsns del-port "$switch" ns2
    ovsns del-br "$switch"
    ovsns del-ns ns1
    ovsns del-ns ns2
}

# Prints the command as one would type it, runs it, and remembers a failure.
ovsns() {
    local status=0
    printf '\n%s$ ovsns %s%s\n' "$BOLD" "$*" "$PLAIN"
    "$OVSNS" "$@" || status=$?
    if ((status)); then
        echo "(exit status $status)"
        failed=1
    fi
    return "$status"
}

title() {
    printf '\n%s=== %s%s\n' "$BOLD" "$1" "$PLAIN"
}

summary() {
    title "Result"
    printf '%s\n' "${PINGS[@]}"
}

take_down() {
    local status=$?
    trap - EXIT
    ovsns ovs stop || status=1
    if ((status || failed)); then
        printf '\ndemo: FAILED\n' >&2
        exit 1
    fi
    printf '\ndemo: done, everything is taken down\n'
}

BOLD='' PLAIN=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    BOLD=$'\e[1m' PLAIN=$'\e[0m'
fi
main
