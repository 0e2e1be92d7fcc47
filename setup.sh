#!/usr/bin/env bash
# setup.sh - installs what a make target needs, from the distribution, by name.
#
#   ./setup.sh SET...      SET is one or more of: demo test vm bench
#
# For Debian and Ubuntu. Rust is expected to be there. Where all packages are
# installed it asks dpkg once and does nothing else.
set -euo pipefail

declare -A SETS=(
    # gcc and libc6-dev: cargo links with them
    [demo]='gcc libc6-dev openvswitch-switch iproute2 iputils-ping'
    [test]='busybox-static curl docker.io ethtool netavark nftables openssl podman python3 python3-jsonschema python3-yaml runc shellcheck strace tcpdump'
    [vm]='bridge-utils cpio iperf3 iptables kmod qemu-system-x86 xz-utils zstd'
    [bench]='bridge-utils ethtool hyperfine iptables mininet nftables python3-openvswitch time'
)
# What a set needs besides itself.
declare -A ALSO=([test]='demo vm' [bench]=demo)

# Programs that are often there from elsewhere: Docker's own packages and the distribution's remove
# each other.
declare -A PROGRAM=([docker.io]=dockerd [podman]=podman [runc]=runc)

POLICY=/usr/sbin/policy-rc.d
SAVED=$POLICY.before-ovsns
LOG=

die() {
    echo "setup: $*" >&2
    exit 1
}

main() {
    (($#)) || die "usage: ./setup.sh SET..., SET one of: ${!SETS[*]}"
    local packages missing
    packages=$(packages_of "$@")
    mapfile -t missing < <(missing_of "$packages")
    if ((${#missing[@]})); then
        install "${missing[@]}"
    fi
    command -v cargo >/dev/null || die "no cargo found: install Rust first, see https://rustup.rs"
}

packages_of() {
    local set
    for set; do
        [[ ${SETS[$set]:-} ]] || die "no set is called '$set'; there are: ${!SETS[*]}"
        # shellcheck disable=SC2086 # a list of words
        printf '%s\n' ${SETS[$set]} ${ALSO[$set]:+$(packages_of ${ALSO[$set]})}
    done | sort -u
}

missing_of() {
    command -v dpkg-query >/dev/null || die "this is neither Debian nor Ubuntu; install by hand: ${1//$'\n'/ }"
    # dpkg-query answers 1 when it does not know one of the names: that one is missing
    # shellcheck disable=SC2086 # a list of words
    comm -23 <(echo "$1") <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $1 2>/dev/null |
        sed -n 's/^installed //p' | sort -u) | while read -r package; do
        command -v "${PROGRAM[$package]:-/none}" >/dev/null || echo "$package"
    done
}

install() {
    echo "setup: installing $*" >&2
    if ((EUID)); then
        command -v sudo >/dev/null || die "installing needs root, and there is no sudo; run as root: apt-get install --no-install-recommends $*"
        exec sudo -- env "PATH=$PATH" "$0" "${REQUESTED[@]}"
    fi
    # one set-up at a time: two would restore each other's policy file
    exec 9>/run/lock/ovsns-setup
    flock 9
    hold_services
    trap end_install EXIT
    trap 'exit 1' HUP INT TERM
    # A machine that has never run apt-get update has no lists, one that ran it long ago
    # stale ones: both fail here, and are worth one update.
    LOG=$(mktemp)
    apt_install "$@" || { apt update && apt_install "$@"; } || {
        cat "$LOG" >&2
        die "apt-get could not install: $*"
    }
    end_install
    trap - EXIT
    if [[ " $* " == *' openvswitch-switch '* ]]; then
        echo "setup: Open vSwitch is installed and was not started; where systemd runs, its service" \
            "starts at the next boot unless you say: systemctl disable openvswitch-switch" >&2
    fi
}

apt_install() {
    apt install -y --no-install-recommends --no-remove "$@"
}

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >>"$LOG" 2>&1 9>&-
}

end_install() {
    release_services
    rm -f "$LOG"
}

# The packages' scripts would start Open vSwitch on the host, or fail for want of an
# init system. invoke-rc.d and deb-systemd-invoke both ask this file first; 101 is "no"
# (/usr/share/doc/init-system-helpers/README.policy-rc.d.gz). It stands for the time of
# the installation only; a set-up that was killed is put right by the next one.
hold_services() {
    release_services
    if [[ -e $POLICY ]]; then
        mv "$POLICY" "$SAVED"
    fi
    printf '#!/bin/sh\n# made by the set-up of ovsns, for the time of an installation\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

release_services() {
    if grep -qs 'made by the set-up of ovsns' "$POLICY"; then
        rm -f "$POLICY"
    fi
    if [[ -e $SAVED ]]; then
        mv "$SAVED" "$POLICY"
    fi
}

REQUESTED=("$@")
main "$@"
