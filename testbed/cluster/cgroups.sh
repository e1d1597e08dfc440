# shellcheck shell=bash
# Sourced by node-down and down, after lib.sh.

# Removes a cgroup and what is below it, in every hierarchy. They go when the last process has been reaped, which may take a moment.
remove_cgroups() { # PATH
    local c
    for c in /sys/fs/cgroup/*/"$1" /sys/fs/cgroup/"$1"; do
        [ -d "$c" ] || continue
        for _ in {1..100}; do find "$c" -depth -type d -exec rmdir {} + 2>/dev/null && break; sleep 0.1; done
        [ ! -d "$c" ] || { echo "${script:?}: $c is still there" >&2; return 1; }
    done
}
