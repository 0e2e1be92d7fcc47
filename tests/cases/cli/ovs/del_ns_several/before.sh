ovsns add-br br0 --datapath netdev
ovsns add-port br0 ns1 --ip 10.0.0.1/24
ovsns add-port br0 ns2 --ip 10.0.0.2/24
ovsns attach-ns other ns2
