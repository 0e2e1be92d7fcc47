ovsns add-br OVS-1 --datapath netdev --mac 02:00:00:00:00:fe
