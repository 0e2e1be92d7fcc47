#!/usr/bin/env bash
# publish.sh N OUT - times N ports of the host that are made to lead to a namespace on a Linux bridge:
# `ovsns publish` with all of them, and once for each, against iptables once for each rule, as people
# write it, and against one iptables-restore. Each port is reached from outside and from the host, so
# iptables takes two rules for it. Results go to the directory OUT.
#
# It runs in network, mount and process namespaces of its own. IPv6 is off there: iptables would need
# as many rules again.
set -euo pipefail

if [[ $1 != --inside ]]; then
    exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc -- \
        bash "${BASH_SOURCE[0]}" --inside "$@"
fi
export N=$2
out=$3
cd "$(dirname "${BASH_SOURCE[0]}")/.."
OVSNS=$PWD/target/release/ovsns
CONTESTANTS=(ovsns ovsns-each iptables restore)
FIRST=20000
TARGET=10.0.0.1:80

main() {
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/netns
    mount -t sysfs sysfs /sys
    sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    ip link set lo up
    ip link add eth0 up type veth peer name world0
    ip link set world0 up
    ip address add 192.0.2.1/24 dev eth0
    ip route add default via 192.0.2.2
    "$OVSNS" add-br br0 --backend linux --ip 10.0.0.254/24 >/dev/null
    "$OVSNS" add-port br0 ns1 --ip 10.0.0.1/24 --gw 10.0.0.254 >/dev/null
    local name arguments=()
    for name in "${CONTESTANTS[@]}"; do
        reset
        run "$name" >/dev/null
        if ! leads "$FIRST" || ! leads "$((FIRST + N - 1))"; then
            echo "bench: $name: a port leads nowhere" >&2
            exit 1
        fi
        arguments+=(--command-name "$name" "bash -c 'run $name'")
    done
    hyperfine --shell none --runs 3 --prepare "bash -c reset" --style basic \
        --export-json "$out/$N-publish.json" "${arguments[@]}" >"$out/hyperfine.log" 2>&1 ||
        { cat "$out/hyperfine.log" >&2; exit 1; }
}

# run CONTESTANT
run() {
    local port arguments=()
    case $1 in
    ovsns)
        for ((port = FIRST; port < FIRST + N; port++)); do
            arguments+=("$port:ns1:80")
        done
        "$OVSNS" publish "${arguments[@]}"
        ;;
    ovsns-each)
        for ((port = FIRST; port < FIRST + N; port++)); do
            "$OVSNS" publish "$port:ns1:80"
        done
        ;;
    iptables)
        sysctl -qw net.ipv4.ip_forward=1
        for ((port = FIRST; port < FIRST + N; port++)); do
            iptables -t nat -A PREROUTING -p tcp --dport "$port" -j DNAT --to-destination "$TARGET"
            iptables -t nat -A OUTPUT -p tcp -m addrtype --dst-type LOCAL --dport "$port" -j DNAT --to-destination "$TARGET"
        done
        ;;
    restore)
        sysctl -qw net.ipv4.ip_forward=1
        {
            echo '*nat'
            for ((port = FIRST; port < FIRST + N; port++)); do
                echo "-A PREROUTING -p tcp --dport $port -j DNAT --to-destination $TARGET"
                echo "-A OUTPUT -p tcp -m addrtype --dst-type LOCAL --dport $port -j DNAT --to-destination $TARGET"
            done
            echo COMMIT
        } | iptables-restore --noflush
        ;;
    esac
}

reset() {
    "$OVSNS" unpublish --netns ns1 --if-exists >/dev/null
    iptables -t nat -F
    sysctl -qw net.ipv4.ip_forward=0
}

# leads PORT: somebody in the namespace is reached by it from the host
leads() {
    ip netns exec ns1 timeout 20 /usr/bin/python3 -c '
import socket
server = socket.create_server(("", 80), reuse_port=True)
print("ready", flush=True)
server.accept()[0].sendall(b"here")' | {
        read -r _
        [[ $(timeout 20 /usr/bin/python3 -c '
import socket, sys
print(socket.create_connection(("192.0.2.1", int(sys.argv[1]))).recv(4).decode())' "$1") == here ]]
    }
}

# for the shells that hyperfine starts
export -f run reset
export OVSNS FIRST TARGET

main
