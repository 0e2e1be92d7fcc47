ovsns add-br br1 --backend linux --mac 02:00:00:00:00:fe
ovsns add-port br1 ns1 --ip 10.0.0.1/24 --ip fd00::1/64 --nodad --mac 02:00:00:00:00:01
ip -n ns1 address add 10.0.0.2/24 dev eth1-ns1
ip -n ns1 address add 10.9.0.2/24 dev eth1-ns1
ip -n ns1 route add default via 10.9.0.254
ip -n ns1 route add 10.7.0.0/16 via 10.0.0.254
