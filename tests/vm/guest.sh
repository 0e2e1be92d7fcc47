#!/usr/bin/env bash
# guest.sh - process 1 of the guest (run.sh), once the root filesystem is in place.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns /dev/pts /dev/shm
mkdir -p /vmtmp
mount -t tmpfs tmpfs /vmtmp
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# modules are loaded on demand too: this is the kernel's own way to ask
echo /sbin/modprobe >/proc/sys/kernel/modprobe
# ... but for one whose device somebody must open first: the userspace datapath's taps
modprobe tun
# ... and one that nobody asks for: there is no udev
modprobe virtio_net
dmesg -n 1
hostname ovsns-vm
ip link set lo up
stty -F /dev/ttyS0 raw -echo

# In a time namespace the command sees a machine that has been up for a minute. Without it
# ovs-vswitchd 3.1.0, started less than 10 s after boot, counts 0 processors ("Overriding
# n-handler-threads to 0"), handles no upcall and forwards nothing.
# setsid: a session of its own, whose output goes to the serial line.
TMPDIR=/vmtmp unshare --time --monotonic 60 --boottime 60 --fork \
    setsid --wait bash /vmshare/command.sh </dev/null >/dev/ttyS0 2>&1
echo $? >/vmshare/status
sync
echo 0 >/proc/sys/kernel/printk
# busybox: Debian without systemd has no poweroff
/vmshare/busybox poweroff -f
# the power goes while this waits: process 1 must not end
read -r <>/dev/ttyS0
