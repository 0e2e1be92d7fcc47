ovsns add-br br1 --backend linux --mac 02:00:00:00:00:fe --ip 10.0.0.254/24
ovsns add-port br1 ns1 --ip 10.0.0.1/24 --gw 10.0.0.254
ovsns add-port br1 ns1
