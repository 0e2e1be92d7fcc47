ovsns add-br br1 --backend linux --mac 02:00:00:00:00:fe
ip link add up0 type veth peer name up1
