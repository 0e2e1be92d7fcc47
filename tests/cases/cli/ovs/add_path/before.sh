ovsns add-br sw1 --datapath netdev --mac 02:00:00:00:00:fe
ovsns add-ns ns1
mkdir /run/containers
touch /run/containers/c1
mount --bind /run/netns/ns1 /run/containers/c1
ip netns delete ns1
