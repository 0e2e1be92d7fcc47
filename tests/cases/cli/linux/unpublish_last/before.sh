ip link add eth0 type veth peer name world0
ip address add 192.0.2.1/24 dev eth0
ip link set world0 up
ip link set eth0 up
ip route add default via 192.0.2.2
ovsns add-br br1 --backend linux --mac 02:00:00:00:00:fe --ip 10.0.0.254/24
ovsns add-port br1 ns1 --ip 10.0.0.1/24 --mac 02:00:00:00:00:01
ovsns add-port br1 ns2 --ip 10.0.0.2/24 --mac 02:00:00:00:00:02 --gw 10.0.0.254
ovsns publish 8080:ns1:80 8081:ns1:81
