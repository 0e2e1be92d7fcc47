ovsns add-br sw1 --datapath netdev --mac 02:00:00:00:00:fe --ip 10.0.0.5/24
