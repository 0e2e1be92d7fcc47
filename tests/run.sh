#!/usr/bin/env bash
# run.sh - all tests of the project: checks of the sources, `cargo test`, the demo, and the virtual
# machine; then whether this machine is as it was. Ends with a line `N passed, N failed, N skipped`.
#
# A test that is skipped here, for what this machine lacks, and passes in the virtual machine,
# which has it, is not counted as skipped.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tests/machine.sh
. tests/machine.sh

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
PASSED=0 FAILED=0 SKIPPED=0
STUCK=()

main() {
    mkdir "$WORK/tmp"
    touch "$WORK/skips" "$WORK/lacking" "$WORK/features"
    # what only root may do, and root's alone: the build stays the user's
    AS_ROOT=()
    if ((EUID)); then
        AS_ROOT=(sudo --preserve-env)
    fi
    check "the tests build" cargo test --locked --no-run
    machine_state >"$WORK/before"
    start_machine
    lint fmt
    lint clippy
    check "make doc" make doc
    check "make shellcheck" make shellcheck
    title "The virtual machine"
    finish_machine
    title "cargo test"
    tier "$WORK/cargo-test.log" cargo_test
    check "docs/features.md is what the tests show" features_page
    check "the demo" marked "${AS_ROOT[@]}" demo/demo.sh target/debug/ovsns
    machine_state >"$WORK/after"
    check "the machine is as it was" diff "$WORK/before" "$WORK/after"
    check "no process is left" no_process_of "$WORK"
    ((!${#STUCK[@]})) || kill "${STUCK[@]}" 2>/dev/null || true
    check "no temporary file is left" is_empty "$WORK/tmp"
    closing
}

# The virtual machine has one processor: the checks of the sources have the others meanwhile. The
# tests here have not, since they have deadlines.
start_machine() {
    OVSNS_TEST_FEATURES="$WORK/features" tests/vm/suite.sh >"$WORK/machine.log" 2>&1 </dev/null &
    MACHINE=$!
    trap 'kill "$MACHINE" 2>/dev/null; rm -rf "$WORK"' EXIT
}

finish_machine() {
    local status=0
    wait "$MACHINE" || status=$?
    trap 'rm -rf "$WORK"' EXIT
    cat "$WORK/machine.log"
    add_up "$WORK/machine.log" "$status"
}

# marked CMD...: with the mark by which its processes and temporary files are found afterwards
marked() {
    env TMPDIR="$WORK/tmp" OVSNS_TEST_RUN="$WORK" OVSNS_TEST_SKIPS="$WORK/skips" \
        OVSNS_TEST_FEATURES="$WORK/features" "$@"
}

cargo_test() {
    local runner=()
    if ((EUID)); then
        runner=(--config "target.'cfg(all())'.runner=['sudo', '--preserve-env']")
    fi
    marked cargo "${runner[@]}" test --locked --no-fail-fast --color never
}

# With OVSNS_ACCEPT=1 the page is made anew.
features_page() {
    tests/features.py "$WORK/features" docs/features.md >"$WORK/features.md"
    if [[ ${OVSNS_ACCEPT:-} == 1 ]]; then
        cp "$WORK/features.md" docs/features.md
    fi
    diff docs/features.md "$WORK/features.md"
}

# check TITLE CMD...: counts as one test; what it prints is shown if it fails
check() {
    local name=$1
    shift
    if "$@" >"$WORK/check.log" 2>&1 </dev/null; then
        PASSED=$((PASSED + 1))
        echo "ok: $name"
    else
        FAILED=$((FAILED + 1))
        cat "$WORK/check.log"
        echo "FAILED: $name"
    fi
}

# lint COMPONENT: of the toolchain, which may lack it
lint() {
    if cargo "$1" --version &>/dev/null; then
        check "make $1" make "$1"
    else
        echo "make-$1 needs rustup component add $1" >>"$WORK/lacking"
    fi
}

# tier LOG CMD...: CMD runs test binaries; what they print is shown and kept, and their tests counted
tier() {
    local log=$1 status=0
    shift
    "$@" > >(exec tee "$log") 2>&1 </dev/null || status=$?
    # a process that a test left behind may hold the pipe open: do not wait for it for ever
    timeout 5 tail --pid=$! --follow /dev/null || STUCK+=("$!")
    add_up "$log" "$status"
}

# add_up LOG STATUS: counts the tests of which LOG tells, whose run ended with STATUS
add_up() {
    local failed
    failed=$(count failed "$1")
    PASSED=$((PASSED + $(count passed "$1")))
    SKIPPED=$((SKIPPED + $(count ignored "$1")))
    # what did not compile, or died, has counted nothing
    FAILED=$((FAILED + ($2 && !failed ? 1 : failed)))
}

# count WHAT LOG: the sum over the lines "test result: ok. 8 passed; 0 failed; 0 ignored; ..."
count() {
    sed -n "s/^test result:.* \([0-9]*\) $1;.*/\1/p" "$2" | awk '{ sum += $1 } END { print sum + 0 }'
}

# libtest counts a skipped test as passed, and so does `tier`: put that right here
closing() {
    title "Skipped"
    passed_in_machine | sort >"$WORK/made-good"
    { sort "$WORK/skips" | join -v 1 - "$WORK/made-good" && cat "$WORK/lacking"; } | tee "$WORK/skipped"
    PASSED=$((PASSED - $(wc -l <"$WORK/skips")))
    SKIPPED=$((SKIPPED + $(wc -l <"$WORK/skipped")))
    printf '\n%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
    ((FAILED == 0))
}

# The tests that passed in the virtual machine, as the skips name them: BINARY::TEST
passed_in_machine() {
    awk '/^== / { binary = $2 } /^test .* ok$/ { print binary "::" $2 }' "$WORK/machine.log"
}

title() {
    printf '\n=== %s\n' "$1"
}

main
