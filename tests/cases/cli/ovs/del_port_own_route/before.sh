ovsns add-br sw1 --datapath netdev --mac 02:00:00:00:00:fe
ovsns add-port sw1 ns1 --ip 10.0.0.9/24 --ip fd00::9/64 --nodad
# of the user's own making; the second address goes with the first
ip -n ns1 address add 10.0.0.1/24 dev eth1-ns1
ip -n ns1 route add default via 10.0.0.254
ip -n ns1 route add fd07::/64 via fd00::fe
