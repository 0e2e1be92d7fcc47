ovsns add-br br1 --backend linux --mac 02:00:00:00:00:fe
ovsns add-port br1 ns1 --rate 10mbit
