#!/usr/bin/env bash
# labs-script.sh STYLE BACKEND up|down N - what people write to make a lab of N namespaces that have a
# port each on the switch sw0, and to take it away again.
#   STYLE    steps    a command a step, in a loop
#            batched  as few processes as ip and ovs-vsctl allow
#   BACKEND  ovs      Open vSwitch, userspace datapath (where checksum offload must be off inside, or
#                     ping passes and TCP does not)
#            linux    the Linux bridge
set -e
backend=$2 count=$4

address() {
    echo "10.0.$(($1 / 256)).$(($1 % 256))/16"
}

ovs_only() {
    [[ $backend != ovs ]] || "$@"
}

linux_only() {
    [[ $backend != linux ]] || "$@"
}

checksums_off() {
    ip netns exec "ns$1" ethtool -K "eth1-ns$1" tx off >/dev/null
}

up_steps() {
    local i
    ovs_only ovs-vsctl add-br sw0 -- set Bridge sw0 datapath_type=netdev
    linux_only ip link add sw0 type bridge
    ip link set sw0 up
    for ((i = 1; i <= count; i++)); do
        ip netns add "ns$i"
        ip link add "veth-ns$i" type veth peer name "eth1-ns$i" netns "ns$i"
        ip link set "veth-ns$i" up
        ip -n "ns$i" link set lo up
        ip -n "ns$i" link set "eth1-ns$i" up
        ip -n "ns$i" address add "$(address "$i")" dev "eth1-ns$i"
        ovs_only checksums_off "$i"
        ovs_only ovs-vsctl add-port sw0 "veth-ns$i"
        linux_only ip link set "veth-ns$i" master sw0
    done
}

up_batched() {
    local i master='' ports=()
    linux_only eval "master='master sw0'"
    {
        linux_only echo "link add sw0 up type bridge"
        for ((i = 1; i <= count; i++)); do
            echo "netns add ns$i"
            echo "link add veth-ns$i up $master type veth peer name eth1-ns$i netns ns$i"
        done
    } | ip -batch -
    for ((i = 1; i <= count; i++)); do
        ip -n "ns$i" -batch - <<BATCH
link set lo up
link set eth1-ns$i up
address add $(address "$i") dev eth1-ns$i
BATCH
        ovs_only checksums_off "$i"
        ports+=(-- add-port sw0 "veth-ns$i")
    done
    ovs_only ovs-vsctl add-br sw0 -- set Bridge sw0 datapath_type=netdev "${ports[@]}"
    ovs_only ip link set sw0 up
}

down_steps() {
    local i
    for ((i = 1; i <= count; i++)); do
        ovs_only ovs-vsctl del-port sw0 "veth-ns$i"
        linux_only ip link set "veth-ns$i" nomaster
        ip netns delete "ns$i"
    done
    ovs_only ovs-vsctl del-br sw0
    linux_only ip link delete sw0
}

# the veth pairs go with their namespaces
down_batched() {
    ovs_only ovs-vsctl del-br sw0
    {
        seq -f 'netns delete ns%g' "$count"
        linux_only echo "link delete sw0"
    } | ip -batch -
}

"$3_$1"
