ovsns add-br br1 --backend linux --mac 02:00:00:00:00:fe --ip 10.0.0.5/24
ip route add 10.8.0.0/16 via 10.0.0.7
ip link set br1 down
