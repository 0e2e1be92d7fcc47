#!/usr/bin/env bash
# run.sh - measures ovsns against what it replaces and prints one table of times and ratios:
# one port against scripts of ip and ovs-vsctl, on both kinds of switch; the same on switches that
# have 1,000 and 4,000 ports; the teardown of 500 namespaces against the loop that people write;
# 200 published ports against iptables; labs of 10, 100 and 1,000 namespaces against scripts, Mininet
# and the floor, and one of 4,000 (OVSNS_BENCH_LABS="10 100" chooses the sizes); 10,000 transactions against Python's ovs package.
#
# Ratios travel from one machine to another, times do not.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT
AS_ROOT=()
if ((EUID)); then
    AS_ROOT=(sudo --)
fi

ports() {
    echo "bench: add-port on $1, $2 ports" >&2
    "${AS_ROOT[@]}" bench/ports.sh "$1" "$2" "$OUT"
}

lab() {
    echo "bench: lab of $2 namespaces on $1" >&2
    "${AS_ROOT[@]}" bench/labs.sh "$1" "$2" "$OUT"
}

cargo build --release --locked
for size in 0 1000 4000; do
    ports ovs "$size"
done
# a Linux bridge takes 1,023 ports (BR_MAX_PORTS in net/bridge/br_private.h)
for size in 0 1000; do
    ports linux "$size"
done
for backend in ovs linux; do
    echo "bench: teardown of ${OVSNS_BENCH_NAMESPACES:=500} namespaces on $backend" >&2
    "${AS_ROOT[@]}" bench/teardown.sh "$backend" "$OVSNS_BENCH_NAMESPACES" "$OUT"
done
echo "bench: ${OVSNS_BENCH_PUBLISHED:=200} published ports" >&2
"${AS_ROOT[@]}" bench/publish.sh "$OVSNS_BENCH_PUBLISHED" "$OUT"
for size in ${OVSNS_BENCH_LABS:=10 100 1000 4000}; do
    lab linux "$size"
    # with so many ports vswitchd takes minutes
    ((size > 1000)) || lab ovs "$size"
done
echo "bench: 10,000 transactions" >&2
bench/transacts.sh "$OUT" >"$OUT/transacts.log" 2>&1 || { cat "$OUT/transacts.log" >&2; exit 1; }

echo
/usr/bin/python3 bench/report.py "$OUT"
