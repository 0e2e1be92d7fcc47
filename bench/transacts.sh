#!/usr/bin/env bash
# transacts.sh OUT - 10,000 transactions with our client and with Python's, each against a fresh
# ovsdb-server. Needs no root.
set -euo pipefail
out=$1
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# with_server CMD...: runs CMD with OVSNS_BENCH_DB set. --detach returns when the socket listens.
with_server() {
    local dir status=0
    dir=$(mktemp -d)
    export OVS_RUNDIR=$dir OVSNS_BENCH_DB=unix:$dir/db.sock
    ovsdb-tool create "$dir/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server "$dir/conf.db" --remote=punix:"$dir/db.sock" --pidfile="$dir/pid" --detach -vconsole:off
    ovs-vsctl --db="$OVSNS_BENCH_DB" --no-wait init
    "$@" || status=$?
    kill "$(<"$dir/pid")"
    rm -rf "$dir"
    return "$status"
}

ours() {
    CRITERION_HOME=$out/criterion cargo bench --locked --bench transacts -- --noplot
}

pythons() {
    /usr/bin/python3 bench/transacts.py "$OVSNS_BENCH_DB" >"$out/transacts.json"
}

with_server ours
with_server pythons
