# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts use what is set here
# Sourced by every script in testbed/cluster: settings, paths, and the few helpers they share. From the environment:
#
#   TESTBED_NAME   which cluster (default testbed): two at once need two names, nothing else
#   TESTBED_CACHE  what is kept from use to use (default ${XDG_CACHE_HOME:-~/.cache}/chaos-testbed)
#   TESTBED_STATE  everything that the cluster writes (default $TESTBED_CACHE/clusters/$TESTBED_NAME). No spaces; not below
#                  /run, /dev, /proc or /sys, of which nodes have their own
#   KUBE_BIN       a folder with the programs that kube/build builds otherwise

cluster_dir=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")" && pwd)
testbed_dir=$(dirname "$cluster_dir")
script=testbed/cluster/$(basename "$0")

die() { echo "$script: $*" >&2; exit 1; }
help() { sed -n '2,/^[^#]/{/^# shellcheck/d; s/^# \{0,1\}//p}' "$0"; } # what a script says at its top
bad_use() { help >&2; exit 2; }
case ${1:-} in -h|--help) [ -n "${own_help:-}" ] || { help; exit 0; } ;; esac

TESTBED_NAME=${TESTBED_NAME:-testbed}
[[ $TESTBED_NAME =~ ^[a-z0-9][a-z0-9-]{0,39}$ ]] || die "TESTBED_NAME is 1 to 40 of a-z, 0-9 and -: $TESTBED_NAME"
TESTBED_CACHE=$(realpath -m -- "${TESTBED_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/chaos-testbed}")
TESTBED_STATE=$(realpath -m -- "${TESTBED_STATE:-$TESTBED_CACHE/clusters/$TESTBED_NAME}")
case $TESTBED_STATE in *[[:space:]]*) die "no spaces in TESTBED_STATE: $TESTBED_STATE" ;; esac # UML's command line
export TESTBED_NAME TESTBED_CACHE TESTBED_STATE

state=$TESTBED_STATE
pki=$state/pki
cp_netns=$TESTBED_NAME-cp   # the control plane and the tests run in this network namespace
cp_ip=10.99.0.1             # ... whose bridge has this address; nodeI is 10.99.0.(10+I), its pods 10.244.I.0/24
service_cidr=10.96.0.0/16
api_service_ip=10.96.0.1
dns_service_ip=10.96.0.10

# What `up` has settled, with KUBE_BIN.
api_url='' api_port='' etcd_port='' etcd_peer_port=''
[ ! -f "$state/settings" ] || . "$state/settings"

need() { # PROGRAM:PACKAGE...: all that is missing, in one line
    local p programs='' packages=''
    for p in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${p%%:*}" > /dev/null || {
            programs="$programs, ${p%%:*}"
            case " $packages " in *" ${p#*:} "*) ;; *) packages="$packages ${p#*:}" ;; esac
        }
    done
    [ -z "$programs" ] || die "not here: ${programs#, } (Debian packages:$packages)"
}

node_index() { # nodeI
    [[ $1 =~ ^node([1-9][0-9]{0,2})$ && ${BASH_REMATCH[1]} -le 200 ]] || die "a node is node1 to node200: $1"
    echo "${BASH_REMATCH[1]}"
}
node_ip() { echo "10.99.0.$((10 + $1))"; }
pod_cidr() { echo "10.244.$1.0/24"; }
node_dir() { # NAME: the folder of a node that is there
    [ -d "$state/nodes/$1" ] || die "no node $1 in the cluster $TESTBED_NAME"
    echo "$state/nodes/$1"
}

# What goes before a program that is to run in the control plane's network namespace. Nothing with --api-only, which is on the
# machine's loopback. Only the network is switched: `ip netns exec` would also remount /sys and so hide /sys/fs/cgroup.
in_cp=()
[ ! -e "/run/netns/$cp_netns" ] || in_cp=(nsenter "--net=/run/netns/$cp_netns")

api_get() { # PATH: the API's answer, in one line of JSON
    "${in_cp[@]}" curl -fsS -m 10 --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" \
        -H 'User-Agent: testbed' "$api_url$1" 2>/dev/null
}

wait_for() { # SECONDS WHAT COMMAND...
    local bound=$1 what=$2 end=$((SECONDS + $1)); shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || die "$what: not after $bound s"
        sleep 0.1
    done
}

# Whatever belongs to a cluster carries this mark in its environment, so that `down` finds it, recorded or not.
mark=TESTBED_MEMBER=$state
# A process of its own session, with the mark: NAME LOG COMMAND...
start() {
    local name=$1 log=$2; shift 2
    setsid env "$mark" "$@" >> "$log" 2>&1 < /dev/null &
    record_pid "$state/run/$name" $!
}
members() { # pids of the cluster's processes, without the one that asks and those that it was started by
    local pid=$$ spare=' ' p
    while [ "${pid:-0}" -gt 1 ]; do spare="$spare$pid "; pid=$(ps -o ppid= -p "$pid" | tr -d ' '); done
    grep -lzxsF -e "$mark" /proc/[0-9]*/environ | cut -d/ -f3 | while read -r p; do
        case $spare in *" $p "*) ;; *) echo "$p" ;; esac
    done
}

# A recorded process is its pid and its start time: a pid that has been given to another process since is left alone.
start_time() { local s; s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1; s=${s##*) }; cut -d' ' -f20 <<< "$s"; }
record_pid() { echo "$2 $(start_time "$2" || echo 0)" > "$1"; } # FILE PID
recorded_pid() { # FILE: the pid when that process still runs
    local p t; { read -r p t < "$1"; } 2>/dev/null || return 1
    [ "$(start_time "$p" || echo gone)" = "$t" ] && echo "$p"
}
# The whole session of a recorded process. UML is many processes, and killing its first one alone leaves the others behind.
kill_recorded() { # FILE
    local p pids
    if p=$(recorded_pid "$1"); then
        for _ in {1..200}; do
            mapfile -t pids < <(ps -o pid=,stat= -s "$p" | awk '$2 !~ /^Z/ {print $1}')
            [ ${#pids[@]} -gt 0 ] || break
            kill -9 "${pids[@]}" 2>/dev/null || true
            sleep 0.05
        done
    fi
    rm -f "$1"
}

ms_start=${TESTBED_SINCE:-${EPOCHREALTIME/[.,]/}} # of the script that was called first
say() { printf '[%6d ms] %s\n' "$(((${EPOCHREALTIME/[.,]/} - ms_start) / 1000))" "$*"; }
