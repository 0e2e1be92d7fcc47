ip link add v1 type veth peer name v2
ip link set v1 address 02:00:00:00:00:01 up
ip link set v2 address 02:00:00:00:00:02 up
