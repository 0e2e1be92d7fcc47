ovsns add-link client server --ip 10.0.0.1/24 --peer-ip 10.0.0.2/24
ip -n client route add default via 10.0.0.2
