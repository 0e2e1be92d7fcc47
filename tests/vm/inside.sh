#!/usr/bin/env bash
# inside.sh - in the guest: runs the test binaries that suite.sh lists in the shared folder.
set -u
failed=0
while read -r name binary arguments; do
    echo "== $name"
    # shellcheck disable=SC2086 # a list of words
    # two at once, since they wait more than they compute
    "$binary" --test-threads 2 --color never $arguments </dev/null || failed=1
done </vmshare/tests
exit "$failed"
