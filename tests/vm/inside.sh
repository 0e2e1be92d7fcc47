#!/usr/bin/env bash
# inside.sh - in the guest: runs the test binaries that suite.sh lists in the shared folder.
set -u
# The module of GRE gives each network namespace that there is a device or three when it is loaded, in the middle
# of some test (Documentation/admin-guide/sysctl/net.rst).
sysctl -qw net.core.fb_tunnels_only_for_init_net=1
failed=0
while read -r name binary arguments; do
    echo "== $name"
    # shellcheck disable=SC2086 # a list of words
    # two at once, since they wait more than they compute
    "$binary" --test-threads 2 --color never $arguments </dev/null || failed=1
done </vmshare/tests
exit "$failed"
