#!/bin/bash
# Policies: what they let through and what not, in both directions, and that replacing one leaves no gap.
. "$(dirname "$0")/../lib-tap.sh"
flow=$tests/net/flow.py

# serve NAMESPACE PORT…: something listens there, until the lab ends. Sets $server, its output is in $scratch/server.
serve() {
    local namespace=$1
    shift
    : >"$scratch/server"
    ip netns exec "$namespace" "$flow" serve "$@" >"$scratch/server" 2>&1 &
    server=$!
    eventually 5 grep -q ready "$scratch/server"
}

# connects NAMESPACE ADDRESS PORT
# shellcheck disable=SC2317
connects() {
    at "$1" timeout 0.7 bash -c "exec 3<>/dev/tcp/$2/$3" 2>/dev/null
}

# The policy in $scratch/policy.json becomes the one of vpc1/public.
policy() {
    cat >"$scratch/policy.json"
    alice vpcctl firewall apply --vpc vpc1 --subnet public --policy "$scratch/policy.json" >/dev/null
}

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl subnet add --vpc vpc1 --name private --cidr 10.0.2.0/24 --type private
need alice vpcctl nat enable --vpc vpc1 --interface eth0
need alice vpcctl vpc create --name vpc2 --cidr 172.16.0.0/16
need alice vpcctl subnet add --vpc vpc2 --name public --cidr 172.16.1.0/24 --type public
need alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc2
serve vpc1-public 22 53 2222 8000 8050 8080 8100 9000
at vpc1-private "$flow" serve 7000 7001 >/dev/null 2>&1 &
need eventually 5 connects vpc1-public 10.0.2.2 7000

check 'without a policy everything is open' connects vpc1-private 10.0.1.2 9000
check 'without a policy it answers ping' pings vpc1-private 10.0.1.2

# The walk-through's policy.
policy <<'JSON'
{"subnet": "10.0.1.0/24",
 "ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"},
             {"port": 22,   "protocol": "tcp", "action": "deny"}]}
JSON
for from in vpc1-private vpc2-public; do
    check "8080 is open from $from" connects "$from" 10.0.1.2 8080
    for port in 22 53 2222 8000 9000; do
        check_not "$port is shut from $from" connects "$from" 10.0.1.2 "$port"
    done
    check_not "ping is shut from $from" pings "$from" 10.0.1.2 1
done
check '8080 is open from the host' timeout 0.7 bash -c 'exec 3<>/dev/tcp/10.0.1.2/8080'
check_not '22 is shut from the host' timeout 0.7 bash -c 'exec 3<>/dev/tcp/10.0.1.2/22'
check_not '9000 is shut from the host' timeout 0.7 bash -c 'exec 3<>/dev/tcp/10.0.1.2/9000'
check_not 'ping is shut from the host' ping -q -c 1 -W 1 10.0.1.2
check 'its own connections get their replies: TCP inside the VPC' connects vpc1-public 10.0.2.2 7000
check 'its own connections get their replies: TCP to the internet' fetch vpc1-public http://8.8.8.8/
check 'its own connections get their replies: ping' pings vpc1-public 8.8.8.8
check 'its own connections get their replies: ping to a peer' pings vpc1-public 172.16.1.2
check 'another subnet is not touched by it' connects vpc2-public 10.0.2.2 7001
like 'firewall show lists the rules' "$(alice vpcctl firewall show --vpc vpc1 --subnet public)" 8080
check 'firewall show --json is a policy that apply takes' bash -c "
    as alice vpcctl firewall show --vpc vpc1 --subnet public --json |
        as alice vpcctl firewall apply --vpc vpc1 --subnet public --policy -"
check 'and it is the same' connects vpc1-private 10.0.1.2 8080
check_not 'and it shuts the same' connects vpc1-private 10.0.1.2 9000

# Ranges, protocols, sources, defaults.
check 'a policy with a range, UDP, ICMP, a source' policy <<'JSON'
{"ingress": [{"port": "8000-8100", "protocol": "tcp", "action": "allow", "source": "10.0.2.0/24"},
             {"port": 53, "protocol": "udp", "action": "allow"},
             {"protocol": "icmp", "action": "allow"}]}
JSON
for port in 8000 8050 8100; do
    check "range: $port is open from the source" connects vpc1-private 10.0.1.2 "$port"
    check_not "range: $port is shut from elsewhere" connects vpc2-public 10.0.1.2 "$port"
done
check_not 'range: 9000 is shut from the source' connects vpc1-private 10.0.1.2 9000
check_not 'udp does not open tcp' connects vpc1-private 10.0.1.2 53
check 'icmp is open' pings vpc2-public 10.0.1.2

check 'a policy with "default": "allow"' policy <<'JSON'
{"default": "allow", "ingress": [{"port": 22, "protocol": "tcp", "action": "deny"}]}
JSON
check_not 'default allow: 22 is shut' connects vpc1-private 10.0.1.2 22
check 'default allow: 9000 is open' connects vpc1-private 10.0.1.2 9000
check 'default allow: ping' pings vpc1-private 10.0.1.2

check 'a policy with "all"' policy <<'JSON'
{"ingress": [{"protocol": "all", "action": "deny", "source": "172.16.0.0/16"}, {"protocol": "all", "action": "allow"}]}
JSON
check 'the first rule that matches decides: open to others' connects vpc1-private 10.0.1.2 9000
check_not 'the first rule that matches decides: shut to the first' connects vpc2-public 10.0.1.2 9000

check 'a policy with egress' policy <<'JSON'
{"ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"}],
 "egress": [{"port": 7000, "protocol": "tcp", "action": "allow"}]}
JSON
check 'egress: 7000 is open' connects vpc1-public 10.0.2.2 7000
check_not 'egress: 7001 is shut' connects vpc1-public 10.0.2.2 7001
check_not 'egress: the internet is shut' fetch vpc1-public http://8.8.8.8/
check 'egress: replies of its server pass' connects vpc1-private 10.0.1.2 8080

# A connection that the policy no longer allows ends; one that it still allows does not.
need policy <<'JSON'
{"ingress": [{"port": "8000-9000", "protocol": "tcp", "action": "allow"}]}
JSON
at vpc1-private "$flow" stream 10.0.1.2 8080 5 >"$scratch/kept" 2>&1 &
kept=$!
at vpc1-private "$flow" stream 10.0.1.2 9000 5 >"$scratch/cut" 2>&1 &
cut=$!
need eventually 5 grep -q ready "$scratch/kept"
need eventually 5 grep -q ready "$scratch/cut"
check 'a policy without 9000' policy <<'JSON'
{"ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"}]}
JSON
wait "$cut"
is 'an open connection that is no longer allowed ends' "$?" 1
wait "$kept"
is 'an open connection that is still allowed goes on' "$?" 0

# Replaced again and again, each lets 8080 in and keeps 2222 shut.
at vpc1-private "$flow" stream 10.0.1.2 8080 6 >"$scratch/stream" 2>&1 &
stream=$!
at vpc1-private "$flow" knock 10.0.1.2 2222 6 >"$scratch/knock" 2>&1 &
knock=$!
need eventually 5 grep -q ready "$scratch/stream"
for variant in '' ', {"port": 22, "protocol": "tcp", "action": "deny"}'; do
    echo '{"ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"}'"$variant]}" >"$scratch/variant$((${#variant} > 0)).json"
done
applied=0
end=$((SECONDS + 5))
while ((SECONDS < end)); do
    as alice vpcctl firewall apply --vpc vpc1 --subnet public \
        --policy "$scratch/variant$((applied % 2)).json" >/dev/null || break
    applied=$((applied + 1))
done
like 'the policy was replaced many times' "$applied" '^[0-9]{2,}$'
note "$applied replacements"
wait "$stream"
is 'an allowed stream goes on through all of it' "$?" 0
note "$(tail -n 1 "$scratch/stream")"
wait "$knock"
like 'knocking at a shut port went on through all of it' "$(cat "$scratch/knock")" 'tried [0-9]{4}'
like 'and none connected' "$(cat "$scratch/knock")" 'connected 0$'
kill -TERM "$server"
wait "$server"
like 'and nothing got to the server, not a datagram either' "$(cat "$scratch/server")" '^port 2222 connections [0-9]+ datagrams 0$'
is 'not a connection' "$(sed -n 's/^port 2222 connections \([0-9]*\) .*/\1/p' "$scratch/server")" 0

check 'firewall clear' alice vpcctl firewall clear --vpc vpc1 --subnet public
serve vpc1-public 9000
check 'after firewall clear everything is open' connects vpc1-private 10.0.1.2 9000
kill "$server"

need alice vpcctl cleanup --yes
done_testing
