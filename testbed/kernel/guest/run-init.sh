#!/bin/bash
# Init of a guest started by testbed/kernel/run: prepares the system, runs the command, reports its status, powers off.
# $RUN_DIR (kernel command line) is that script's scratch directory: args, env, cwd, options.
#   ttyS0 = the command's stdout, ttyS1 = its stderr, ttyS2 = one line with its exit status
. "$GUEST/lib.sh"
guest_mounts
. "$RUN_DIR/options"
for tty in ttyS0 ttyS1 ttyS2; do stty -F /dev/$tty raw -echo; done
ip link set lo up
hostname "uml-${RUN_DIR##*.}"
ulimit -Hn 1048576; ulimit -Sn 65536
guest_path=$PATH
if [ -n "$RO" ]; then # directories of the host that stay writable: mounted again, outside the overlay
    for d in "${RW_DIRS[@]}"; do mount -t hostfs -o "$d" hostfs "$d" || echo "cannot mount $d writable" > /dev/ttyS1; done
fi

# From here on the caller's environment counts, not what the kernel passed.
for v in $(compgen -e); do declare +x "$v"; done
export PATH PWD; unset OLDPWD
. "$RUN_DIR/env"
PATH=$PATH:$guest_path
cd "$(cat "$RUN_DIR/cwd")" || cd /
mapfile -d '' -t args < "$RUN_DIR/args"

# The command writes to pipes, not to the serial lines: it must not see a terminal, and a background process that it
# leaves behind must not keep the machine up.
mkfifo /run/guest-out /run/guest-err
cat < /run/guest-out > /dev/ttyS0 & out_pump=$!
cat < /run/guest-err > /dev/ttyS1 & err_pump=$!
exec {out}> /run/guest-out {err}> /run/guest-err
(
    exec < /dev/null
    # shellcheck disable=SC2261 # descriptors by name
    if [ -n "$MERGE" ]; then exec >&"$out" 2>&1; else exec >&"$out" 2>&"$err"; fi
    exec {out}>&- {err}>&-
    exec "${args[@]}"
)
rc=$?
exec {out}>&- {err}>&-
for _ in {1..20}; do # at most two seconds for what a left-behind process still holds
    kill -0 $out_pump 2>/dev/null || kill -0 $err_pump 2>/dev/null || break
    sleep 0.1
done
for tty in ttyS0 ttyS1; do stty -F /dev/$tty raw -echo; done # returns when the line has been written out
echo "$rc" > /dev/ttyS2
stty -F /dev/ttyS2 raw -echo
sync
poweroff -f
