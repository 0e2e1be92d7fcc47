#!/usr/bin/env bash
# run.sh - runs a command inside a small QEMU machine that boots the distribution's own
# kernel (it has openvswitch.ko, VLAN filtering, netem) over this machine's root filesystem.
#
#   tests/vm/run.sh [-m MiB] [-c vcpus] [-t seconds] -- CMD...     exit status: CMD's, or 125
#
# In the guest:
#   /         the host's files, read-only underneath with a tmpfs on top: whatever CMD writes
#             goes when the machine stops
#   /run      an empty tmpfs, so that no socket of the host is seen
#   /vmtmp    another; TMPDIR
#   /vmshare  a folder of the host, read and write, for what shall outlive the guest ($VM_SHARE
#             names one; without it, it is temporary)
#   eth0      a network device that leads nowhere
# CMD starts in this working directory, with PATH, HOME and the variables OVSNS_*, RUST_*, CARGO_*.
#
# Kernel and busybox are downloaded from the distribution's archive into the cache directory on
# first use and never installed, so that this machine's own boot is left alone. To renew them,
# remove the directory.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ovsns-vm
# What the initramfs must load before it can see the root filesystem.
BOOT_MODULES=(virtio_pci 9pnet_virtio 9p overlay virtio_rng)

die() {
    echo "vm: $*" >&2
    exit 125
}

main() {
    # one processor: with two, emulation spends twice the time on the same tests, and waits as long
    local memory=1536 cpus=1 seconds=900 option
    while getopts m:c:t: option; do
        case $option in
        m) memory=$OPTARG ;;
        c) cpus=$OPTARG ;;
        t) seconds=$OPTARG ;;
        *) die "usage: tests/vm/run.sh [-m MiB] [-c vcpus] [-t seconds] -- CMD..." ;;
        esac
    done
    shift $((OPTIND - 1))
    (($#)) || die "no command given"
    [[ $(uname -m) == x86_64 ]] || die "only x86_64 is supported, this is $(uname -m)"
    ((EUID == 0)) || die "needs root: the guest reads this machine's files as root"
    prepare_cache
    share_folder "$@"
    boot "$memory" "$cpus" "$seconds"
    [[ -s $SHARE/status ]] || die "the guest stopped without a result"
    exit "$(<"$SHARE/status")"
}

# ------------------------------------------------------------------ cache --

prepare_cache() {
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock 9
    [[ -e $CACHE/kernel/version ]] || fetch_kernel
    [[ -e $CACHE/busybox ]] || fetch_busybox
    # made anew each time: it takes half a second and follows every change of `initramfs`
    INITRD=$(mktemp "$CACHE/initrd.XXXXXX")
    trap 'rm -f "$INITRD"' EXIT
    build_initrd >"$INITRD"
    exec 9>&-
}

fetch_kernel() {
    local image version new=$CACHE/kernel.new
    image=$(newest_kernel)
    if [[ ! $image ]]; then
        apt-get -qq update >&2 || die "apt-get update failed"
        image=$(newest_kernel)
    fi
    [[ $image ]] || die "apt knows neither linux-image-amd64 nor linux-image-generic"
    version=${image#linux-image-}
    echo "vm: downloading $image into $CACHE" >&2
    rm -rf "$new"
    # Debian ships the modules with the image; Ubuntu in two packages of their own
    mapfile -t modules < <(apt-cache search --names-only "^linux-modules-(extra-)?${version//./\\.}\$" | cut -d' ' -f1)
    download "$new" "$image" "${modules[@]}"
    # a tree where /lib is a link to /usr/lib has them there
    [[ -e $new/lib/modules ]] || ln -s "$new/usr/lib" "$new/lib"
    depmod -b "$new" "$version"
    unpack_kernel "$new/boot/vmlinuz-$version" "$new/vmlinux"
    echo "$version" >"$new/version"
    rm -rf "$CACHE/kernel"
    mv "$new" "$CACHE/kernel"
}

fetch_busybox() {
    local new=$CACHE/busybox.new
    rm -rf "$new"
    download "$new" busybox-static
    mv "$(find "$new" -name busybox -type f -perm -u+x)" "$CACHE/busybox"
    rm -rf "$new"
}

# The package of the distribution's newest kernel. linux-image-amd64, not the -cloud- flavour:
# only the full one has 9p.
newest_kernel() {
    { apt-cache depends linux-image-amd64 linux-image-generic 2>/dev/null || true; } |
        sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1
}

# download DIR PACKAGE...: unpacks the packages under DIR. APT::Sandbox::User: apt would
# otherwise complain that its own user may not write there.
download() {
    local into=$1/packages deb
    shift
    mkdir -p "$into"
    (cd "$into" && { fetch "$@" || { apt-get -qq update >&2 && fetch "$@"; }; }) || die "cannot download $*"
    for deb in "$into"/*.deb; do
        dpkg -x "$deb" "${into%/packages}"
    done
    rm -rf "$into"
}

fetch() {
    apt-get -qq -o APT::Sandbox::User=root download "$@" >&2
}

# Unpacks the kernel proper out of a bzImage: under emulation the guest would need 5 s for it.
# QEMU starts an uncompressed kernel through its PVH entry point. Fields of the header:
# Documentation/arch/x86/boot.rst, "setup_sects", "payload_offset", "payload_length". The
# payload's last four bytes are the length of what it holds. A payload that this cannot unpack
# is left as it is: the bzImage boots too, only later.
unpack_kernel() {
    local image=$1 out=$2 sectors offset length
    sectors=$(field "$image" 0x1f1 1)
    offset=$((((sectors ? sectors : 4) + 1) * 512 + $(field "$image" 0x248 4)))
    length=$(($(field "$image" 0x24c 4) - 4))
    tail -c "+$((offset + 1))" "$image" | head -c "$length" >"$out.packed" || true
    case $(field "$out.packed" 0 4) in
    1484404733) xz -dc "$out.packed" >"$out" || true ;;  # fd 37 7a 58
    4247762216) zstd -dcq "$out.packed" >"$out" || true ;; # 28 b5 2f fd
    esac
    rm -f "$out.packed"
    [[ -s $out && $(field "$out" 0 4) == 1179403647 ]] || cp "$image" "$out" # 7f 45 4c 46
}

# field FILE OFFSET SIZE: an unsigned number (little endian, as the machine)
field() {
    od -An -v -t "u$3" -j "$(($2))" -N "$3" "$1" | tr -d ' '
}

build_initrd() {
    local tree version file
    version=$(<"$CACHE/kernel/version")
    tree=$(mktemp -d)
    mkdir -p "$tree"/{bin,modules,proc,dev,low,up,new}
    cp "$CACHE/busybox" "$tree/bin/busybox"
    cp "$HERE/initramfs" "$tree/init"
    boot_modules "$version" | while read -r file; do
        copy_module "$file" "$tree/modules"
    done >"$tree/modules/order"
    (cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1)
    rm -rf "$tree"
}

# The modules' files in load order, each once. What is built in has no file.
boot_modules() {
    local module
    for module in "${BOOT_MODULES[@]}"; do
        modprobe -d "$CACHE/kernel" -S "$1" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# Copies a module, unpacked since busybox cannot, and prints its name.
copy_module() {
    local name
    name=$(basename "$1" | sed 's/\.\(xz\|zst\)$//')
    case $1 in
    *.xz) xz -dc "$1" ;;
    *.zst) zstd -dcq "$1" ;;
    *) cat "$1" ;;
    esac >"$2/$name"
    echo "$name"
}

# ------------------------------------------------------------------- boot --

share_folder() {
    SHARE=${VM_SHARE:-}
    if [[ ! $SHARE ]]; then
        SHARE=$(mktemp -d)
        trap 'rm -rf "$SHARE"; rm -f "$INITRD"' EXIT
    fi
    rm -f "$SHARE/status"
    cp "$HERE/guest.sh" "$CACHE/busybox" "$SHARE"
    {
        declare -px | grep -E '^declare -x (HOME|(OVSNS|RUST|CARGO)_[A-Z0-9_]+)=' || true
        printf 'cd %q || exit 125\n' "$PWD"
        printf '%q ' exec "$@"
        echo
    } >"$SHARE/command.sh"
}

# Emulated (tcg), always: a /dev/kvm that exists is not yet one that runs a stock kernel.
# -M pc, not microvm: microvm has neither HPET nor PM timer, and on a busy machine its TSC
# calibration fails and the boot hangs.
# pdeathsig: the machine ends with this script, however that ends.
boot() {
    local memory=$1 cpus=$2 seconds=$3 status=0
    setpriv --pdeathsig TERM timeout --foreground --kill-after=5 "$seconds" \
        setpriv --pdeathsig KILL qemu-system-x86_64 \
        -M pc -accel tcg -cpu max -smp "$cpus" -m "$memory" \
        -nodefaults -no-user-config -display none -no-reboot -serial stdio \
        -kernel "$CACHE/kernel/vmlinux" -initrd "$INITRD" \
        -append "console=ttyS0 quiet loglevel=4 panic=-1 reboot=t mitigations=off random.trust_cpu=on net.ifnames=0" \
        -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
        -device virtio-9p-pci,fsdev=root,mount_tag=hostroot \
        -fsdev "local,id=share,path=$SHARE,security_model=none" \
        -device virtio-9p-pci,fsdev=share,mount_tag=vmshare \
        -fsdev "local,id=modules,path=$(cd "$CACHE/kernel/lib/modules" && pwd -P),security_model=none,readonly=on" \
        -device virtio-9p-pci,fsdev=modules,mount_tag=modules \
        -netdev user,restrict=on,id=nowhere -device virtio-net-pci,netdev=nowhere \
        -device virtio-rng-pci </dev/null || status=$?
    ((status != 124 && status != 137)) || die "stopped after $seconds seconds"
    ((status == 0)) || die "qemu ended with status $status"
}

main "$@"
