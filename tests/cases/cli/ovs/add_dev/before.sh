ovsns add-br sw1 --datapath netdev --mac 02:00:00:00:00:fe
ip link add up0 type veth peer name up1
