# What the suites in tests/net and tests/bus share: checks that print TAP, and pictures of the machine's state.
# Sourced by them inside the lab; every suite ends with done_testing.
# shellcheck shell=bash

set -uo pipefail

[[ -x /usr/local/bin/as && $(hostname) == lab ]] || {
    echo "Bail out! this suite runs inside the lab: tests/lab $0" >&2
    exit 2
}
# shellcheck disable=SC2034  # for the suites
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
chmod 0755 "$scratch"
suite=$(basename "$0" .sh)
count=0
failures=0
finished=

# ---- Checks. --------------------------------------------------------------------------------------------------------

# ok NAME, not_ok NAME [WHY]
ok() {
    count=$((count + 1))
    echo "ok $count - $1"
}

not_ok() {
    count=$((count + 1))
    failures=$((failures + 1))
    echo "not ok $count - $1"
    # Not all of a flood.
    [[ ${2:-} ]] && head -c 4000 <<<"$2" | sed 's/^/#   /'
    return 0
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

note() {
    echo "# $*"
}

# check NAME COMMAND…: it succeeds.
check() {
    local name=$1 output status=0
    shift
    output=$("$@" 2>&1) || status=$?
    if ((status == 0)); then
        ok "$name"
    else
        not_ok "$name" "exit status $status: $*
$output"
    fi
}

# check_not NAME COMMAND…: it fails.
check_not() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        not_ok "$name" "this succeeded: $*
$output"
    else
        ok "$name"
    fi
}

# refuse NAME STATUS[,STATUS…] REGEX COMMAND…: it ends with one of these exit statuses, and its errors match REGEX (one
# that needs several parts to be there, in any order: "first&&second").
refuse() {
    local name=$1 statuses=$2 wanted=$3 output status=0 part missing=
    shift 3
    output=$("$@" 2>&1 >/dev/null) || status=$?
    while [[ $wanted ]]; do
        part=${wanted%%&&*}
        [[ $wanted == *"&&"* ]] && wanted=${wanted#*&&} || wanted=
        grep -qiE -- "$part" <<<"$output" || missing+=" /$part/"
    done
    if [[ ,$statuses, == *",$status,"* && ! $missing ]]; then
        ok "$name"
    else
        not_ok "$name" "exit status $status (wanted $statuses)${missing:+, not in the errors:$missing}: $*
$output"
    fi
}

# is NAME GOT WANTED
is() {
    if [[ $2 == "$3" ]]; then
        ok "$1"
    else
        not_ok "$1" "got:    $2
wanted: $3"
    fi
}

# like NAME GOT REGEX, unlike NAME GOT REGEX
like() {
    if grep -qE -- "$3" <<<"$2"; then
        ok "$1"
    else
        not_ok "$1" "does not match /$3/:
$2"
    fi
}

unlike() {
    if grep -qE -- "$3" <<<"$2"; then
        not_ok "$1" "matches /$3/:
$2"
    else
        ok "$1"
    fi
}

# same NAME BEFORE AFTER: two texts are equal; shows what differs.
same() {
    local difference
    if difference=$(diff <(echo "$2") <(echo "$3")); then
        ok "$1"
    else
        not_ok "$1" "$difference"
    fi
}

# need COMMAND…: what the rest of the suite stands on.
need() {
    local output status=0
    output=$("$@" 2>&1) || status=$?
    ((status == 0)) && return
    not_ok "needed for the rest: $*" "exit status $status
$output"
    done_testing
}

# eventually SECONDS COMMAND…: succeeds as soon as the command does.
eventually() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

done_testing() {
    finished=1
    echo "1..$count"
    if ((failures)); then
        journalctl --no-pager -q -n 60 -o cat -u vpcd.service 2>/dev/null | sed 's/^/# vpcd: /'
    fi
    exit $((failures > 0))
}

trap '[[ $finished ]] || { not_ok "$suite ran to its end"; echo "1..$count"; exit 1; }' EXIT

# ---- Users and programs. --------------------------------------------------------------------------------------------

# alice COMMAND…: as her, and never for ever.
alice() { timeout 60 as alice "$@"; }
bob() { timeout 60 as bob "$@"; }
mallory() { timeout 60 as mallory "$@"; }
carol() { timeout 60 as carol "$@"; }

# at NAMESPACE COMMAND…: in a network namespace, as root.
at() {
    local namespace=$1
    shift
    ip netns exec "$namespace" "$@"
}

# pings NAMESPACE ADDRESS [SECONDS]
pings() {
    at "$1" ping -n -q -c 1 -W "${3:-2}" "$2"
}

# fetch NAMESPACE URL: what the server says. The namespace "host" is the machine's own.
fetch() {
    if [[ $1 == host ]]; then
        curl -sS --max-time 3 "$2"
    else
        at "$1" curl -sS --max-time 3 "$2"
    fi
}

readonly service=org.vpcctl.Vpcd1 object=/org/vpcctl/Vpcd1 manager=org.vpcctl.Vpcd1.Manager

# call USER METHOD SIGNATURE ARGUMENT…: a method of vpcd through busctl.
call() {
    local user=$1
    shift
    timeout 60 as "$user" busctl --system call -- "$service" "$object" "$manager" "$@"
}

# json_has FILTER: standard input is JSON for which this Python expression over "data" is true.
json_has() {
    python3 -c "import json, sys
data = json.load(sys.stdin)
assert ($1), data"
}

# ---- Pictures of the machine. ---------------------------------------------------------------------------------------

# What is in the kernel's network, here and in every named namespace, without what moves by itself.
picture_kernel() {
    local namespace
    ip netns list | sed 's/ (id:.*//' | sort
    for namespace in host $(ip netns list | sed 's/ .*//' | sort); do
        echo "== $namespace"
        if [[ $namespace == host ]]; then
            picture_namespace
        else
            at "$namespace" bash -c "$(declare -f picture_namespace); picture_namespace"
        fi
    done
}

picture_namespace() {
    {
        ip -d -o link
        ip -o addr
        ip -4 route show table all
        ip -6 route show table all
        ip rule
        ip -6 rule
    } | sed -E 's/[a-z_]+_timer +[0-9.]+//g; s/ state [A-Z]+//; s/,LOWER_UP|,NO-CARRIER|NO-CARRIER,//g; s/ (linkdown|tentative|dadfailed)//g
        s/ (valid|preferred)_lft [a-z0-9]+//g; s/expires [0-9]+sec//; s/ +$//' | grep -vE '(fe80::|ff00::|multicast ff)' | sort
    nft list ruleset | sed -E 's/packets [0-9]+ bytes [0-9]+/packets N bytes N/; s/expires [0-9a-z]+/expires T/'
    sysctl -a -r '^net\.' 2>/dev/null \
        | grep -vE '^net\.(netfilter\.nf_conntrack_count|ipv6\.route\.|ipv4\.route\.|.*(secret|fastopen_key|random))' | sort
}

# What is on disk: names, rights and contents, without the audit log, which also tells of refusals.
picture_state() {
    find /var/lib/vpcctl ! -name 'vpcctl.log*' -printf '%P %y %m %u:%g\n' 2>/dev/null | sort
    find /var/lib/vpcctl -type f ! -name 'vpcctl.log*' -exec sha256sum {} + 2>/dev/null | sort -k 2
    find /etc/netns /run/netns -printf '%p %y %m\n' 2>/dev/null | sort
}

# Units and processes of ours, without the service, which comes and goes.
picture_units() {
    systemctl list-units --all --plain --no-legend --no-pager 'vpc*' | grep -v '^vpcd\.service' | sed 's/ .*//' | sort
    find /run/systemd/transient /run/systemd/system -name 'vpc*' 2>/dev/null | sort
    # shellcheck disable=SC2009
    # (a user's first session brings a manager of his own, which stays a while)
    ps -U alice,bob,mallory,carol -o user=,args= | grep -vE 'systemd --user$|\(sd-pam\)$' | sort
}

picture() {
    picture_kernel
    picture_state
    picture_units
}

# steady: a picture, once two in a row are the same.
steady() {
    local last now i
    last=$(picture)
    for ((i = 0; i < 10; i++)); do
        sleep 0.2
        now=$(picture)
        [[ $now == "$last" ]] && break
        last=$now
    done
    echo "$last"
}
