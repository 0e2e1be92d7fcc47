#!/bin/sh
# script.sh STYLE BACKEND add|del - what people write to do what `ovsns add-port sw0 ns1 --ip
# 192.168.0.1/24` does, and to take it away again.
#   STYLE    steps    a command a step
#            batched  as few processes as ip and ovs-vsctl allow
#   BACKEND  ovs      Open vSwitch, userspace datapath (where checksum offload must be off inside,
#                     or ping passes and TCP does not)
#            linux    the Linux bridge
set -e

add_steps() {
    ip netns add ns1
    ip link add veth-ns1 type veth peer name eth1-ns1 netns ns1
    ip link set veth-ns1 up
    plug
    ip -n ns1 link set lo up
    ip -n ns1 link set eth1-ns1 up
    ip -n ns1 address add 192.168.0.1/24 dev eth1-ns1
}

add_batched() {
    ip -batch - <<BATCH
netns add ns1
link add veth-ns1 up ${master:+master $master} type veth peer name eth1-ns1 netns ns1
BATCH
    ip -n ns1 -batch - <<BATCH
link set lo up
link set eth1-ns1 up
address add 192.168.0.1/24 dev eth1-ns1
BATCH
    [ "$master" ] || plug
}

plug() {
    if [ "$master" ]; then
        ip link set veth-ns1 master "$master"
    else
        ip netns exec ns1 ethtool -K eth1-ns1 tx off >/dev/null
        ovs-vsctl add-port sw0 veth-ns1
    fi
}

# deleting takes the same commands in both styles
del_steps() {
    [ "$master" ] || ovs-vsctl del-port sw0 veth-ns1
    ip link delete veth-ns1
    ip netns delete ns1
}

del_batched() {
    [ "$master" ] || ovs-vsctl del-port sw0 veth-ns1
    ip -batch - <<BATCH
link delete veth-ns1
netns delete ns1
BATCH
}

case $2 in
ovs) master='' ;;
linux) master=sw0 ;;
esac
"$3_$1"
