ovsns add-br br0 --datapath netdev --mac 02:00:00:00:00:fe --ip 10.7.0.1/24
ip link add eth0 type veth peer name eth1
ip link set eth0 address 02:00:00:00:00:09 up
ip link set eth1 address 02:00:00:00:00:08 up
ip address add 192.0.2.5/24 dev eth0
ip address add 192.0.2.6/24 dev eth0
ip address add 2001:db8::5/64 dev eth0 nodad
ip route add default via 192.0.2.1 metric 100 proto static
ip route add 10.5.0.0/16 dev eth0
ip route add 10.6.0.0/16 via 10.5.0.1 dev eth0
ip -6 route add default via 2001:db8::1 dev eth0
ovsns add-port br0 dev:eth0 --take-over --yes
