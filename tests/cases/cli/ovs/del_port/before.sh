ovsns add-br sw1 --datapath netdev --mac 02:00:00:00:00:fe
ovsns add-port sw1 ns1 --ip 10.0.0.1/24
