ovsns add-br br1 --backend linux --mac 02:00:00:00:00:fe
ovsns add-port br1 ns1 --ip 10.0.0.1/24 --ip fd00::1/64 --nodad --mac 02:00:00:00:00:01
ip -n ns1 route add 10.4.0.0/16 via 10.0.0.254 metric 7
ip -n ns1 route add 10.4.0.0/16 via 10.0.0.253 metric 8
