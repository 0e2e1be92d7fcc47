mkdir /run/elsewhere
touch /run/elsewhere/box
unshare --net=/run/elsewhere/box ip link set dev lo up
