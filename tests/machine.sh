#!/usr/bin/env bash
# machine.sh - source this: what a machine's network is like, and what a test run left behind.

# machine_state: what the tests must leave as it was, one thing a line. Links without their flags
# and addresses, which change by themselves.
machine_state() {
    ip -o link show | awk '{ print "link", $2 }' | sort
    ip netns list | awk '{ print "netns", $1 }' | sort
    awk '{ print "mount", $5, $(NF - 2) }' /proc/self/mountinfo | sort
    find /var/lib/ovsns /var/log/ovsns /run/openvswitch 2>/dev/null | sed 's/^/file /' | sort || true
    nft list tables 2>/dev/null | sort || true
    git status --porcelain 2>/dev/null | sed 's/^/worktree /' || true
}

# no_process_of MARK: fails, names and ends the processes that were started with OVSNS_TEST_RUN=MARK
# in their environment and are alive. One that is just ending gets five seconds for it.
no_process_of() {
    local pid left=0
    for pid in $(processes_of "$1"); do
        if ! timeout 5 tail --pid="$pid" --follow /dev/null; then
            tr '\0' ' ' <"/proc/$pid/cmdline"
            echo "(process $pid) was left and is killed"
            kill -9 "$pid"
            left=1
        fi
    done
    return "$left"
}

processes_of() {
    grep --files-with-matches --null-data --line-regexp --no-messages "OVSNS_TEST_RUN=$1" /proc/[0-9]*/environ |
        cut -d/ -f3 || true
}

# is_empty DIRECTORY: fails and lists what is in it
is_empty() {
    find "$1" -mindepth 1
    [[ ! $(find "$1" -mindepth 1 -print -quit) ]]
}
