# shellcheck shell=sh
# Sourced by every init script of a User-Mode Linux guest (POSIX sh; runs as root, inside the guest).
# The guest's root is the host's root seen through hostfs, so host programs and host paths work as they are.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Everything a normal boot would mount. /run must be a private tmpfs: `ip netns` needs /run/netns, and the host's /run
# must not be touched.
guest_mounts() {
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    grep -q ' /dev devtmpfs ' /proc/mounts || mount -t devtmpfs devtmpfs /dev
    mkdir -p /dev/pts /dev/shm /dev/mqueue
    mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
    mount -t tmpfs -o mode=1777 shm /dev/shm
    mount -t mqueue mqueue /dev/mqueue 2>/dev/null || rmdir /dev/mqueue
    mount -t tmpfs -o mode=755 run /run
    mkdir -p /run/netns /run/lock
    ln -sfn /proc/self/fd /dev/fd
    ln -sfn /proc/self/fd/0 /dev/stdin
    ln -sfn /proc/self/fd/1 /dev/stdout
    ln -sfn /proc/self/fd/2 /dev/stderr
    mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup # as systemd does on a real host
}
