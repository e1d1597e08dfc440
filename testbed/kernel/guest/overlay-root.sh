#!/bin/sh
# First init of a guest whose root must not write to the host: / becomes an overlay of the host's root (read-only)
# and a tmpfs, then the script in $STAGE2 runs with that root. $STAGE2 and $GUEST come from the kernel command line.
. "$GUEST/lib.sh"
mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=755 overlay-upper /mnt
mkdir -p /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root || {
    echo "overlay root failed"; dmesg | tail -5; poweroff -f; }
cd /mnt/root || exit
mkdir -p oldroot
pivot_root . oldroot
# The old root stays mounted below the overlay, only out of sight.
exec chroot . /bin/sh -c 'umount -l /oldroot/proc; umount -l /oldroot/run; umount -l /oldroot; rmdir /oldroot 2>/dev/null; exec /bin/bash "$STAGE2"'
