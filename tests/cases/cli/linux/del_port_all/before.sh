ovsns add-br br1 --backend linux --mac 02:00:00:00:00:fe
for n in 1 2 3 4; do ovsns add-port br1 ns1 --ip 10.0.$n.1/24; done
