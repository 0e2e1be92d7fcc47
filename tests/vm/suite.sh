#!/usr/bin/env bash
# suite.sh - runs the tests of tests.txt in one virtual machine, where skips are forbidden.
#
# Prints what the test binaries print, each under a line `== NAME`. Exit status: 0 if all passed,
# 1 if some failed, 125 if the machine itself failed.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$HERE/../.."

die() {
    echo "vm: $*" >&2
    exit 125
}

# chosen: "NAME BINARY ARGUMENT..." for each built test that is to run
chosen() {
    local name binary arguments built
    local -A listed
    while read -r name arguments; do
        if [[ $name == features && ${OVSNS_TEST_ALL:-} == 1 ]]; then
            arguments="--skip switches::linux::size_of_the_fdb --skip _refuses:: --skip mistakes --skip cannot_be"
        fi
        listed[$name]=$arguments
    done < <(sed -e '/^#/d' -e '/^$/d' -e 's/^- */-/' "$HERE/tests.txt")
    built=$(built) || die "the tests do not build"
    while read -r name binary; do
        if [[ -v listed[$name] ]]; then
            echo "$name $binary ${listed[$name]}"
        elif [[ ! -v listed[-$name] ]]; then
            die "tests/vm/tests.txt does not say whether $name should run in the machine"
        fi
    done <<<"$built"
}

# built: "NAME BINARY" for each integration test, which this builds
built() {
    cargo test --locked --tests --no-run --message-format=json |
        sed -n 's/.*"target":{"kind":\["test"\][^}]*"name":"\([^"]*\)".*"executable":"\([^"]*\)".*/\1 \2/p'
}

VM_SHARE=$(mktemp -d)
trap 'rm -rf "$VM_SHARE"' EXIT
chosen >"$VM_SHARE/tests"
[[ -s $VM_SHARE/tests ]] || die "no test was built"
# the build above is the user's; the machine needs root, and ends with this script
as_root=(setpriv --pdeathsig TERM --)
if ((EUID)); then
    as_root=(sudo --)
fi
status=0
"${as_root[@]}" env VM_SHARE="$VM_SHARE" OVSNS_TEST_STRICT=1 OVSNS_TEST_FEATURES=/vmshare/features \
    "$HERE/run.sh" -t "${VM_SECONDS:-3000}" -- bash tests/vm/inside.sh || status=$?
if [[ ${OVSNS_TEST_FEATURES:-} && -e $VM_SHARE/features ]]; then
    cat "$VM_SHARE/features" >>"$OVSNS_TEST_FEATURES"
fi
exit "$status"
