ovsns add-br br1 --backend linux --mac 02:00:00:00:00:fe
ovsns add-port br1 ns1 --ip 10.0.0.1/24 --rate 10mbit --mac 02:00:00:00:00:01
