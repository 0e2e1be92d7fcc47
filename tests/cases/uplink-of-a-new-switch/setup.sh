ip link add name eth7 type veth peer name wire7
