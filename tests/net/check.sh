#!/bin/bash
# vpcctl check and repair: what is broken is named, mended, and nothing foreign is touched; what the host does to the VPCs is
# told with what mends it.
. "$(dirname "$0")/../lib-tap.sh"

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl subnet add --vpc vpc1 --name private --cidr 10.0.2.0/24 --type private
need alice vpcctl nat enable --vpc vpc1 --interface eth0
need alice vpcctl vpc create --name vpc2 --cidr 172.16.0.0/16
need alice vpcctl subnet add --vpc vpc2 --name a --cidr 172.16.1.0/24 --type public
need alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc2
echo '{"ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"}]}' >"$scratch/policy.json"
need alice vpcctl firewall apply --vpc vpc1 --subnet public --policy "$scratch/policy.json"
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080
need bob vpcctl vpc create --name bobs --cidr 10.50.0.0/16

check 'at first everything is as it should be' vpcctl check
is 'which is said' "$(alice vpcctl check)" 'everything is as it should be'
is 'also as JSON' "$(vpcctl check --json | tr -d ' \n')" '[]'
check 'and there is nothing to mend' alice vpcctl repair
# What is made anew has other numbers.
numberless() {
    steady | sed -E 's/^[0-9]+: //; s/@if[0-9]+//; s/(port_id|port_no|designated_port|link-netnsid|link-netns) [^ ]+//g' | sort
}
before=$(numberless)

# Foreign things that have to stay as they are.
ip netns add mine
ip -n mine link add dummy0 type veth peer name other
ip -n mine addr add 192.0.2.7/24 dev dummy0
nft 'add table inet mine; add chain inet mine c { type filter hook forward priority 5; }; add rule inet mine c counter'
ip route add 192.0.2.128/25 dev lo
mine() { nft list table inet mine; ip -n mine addr show dev dummy0; ip route show 192.0.2.128/25; }
foreign=$(mine)

# broken WHAT REGEX COMMAND…: it is found and named, and mended.
broken() {
    local what=$1 regex=$2 status=0 said
    shift 2
    "$@" >/dev/null 2>&1 || not_ok "$what: $*" "could not be done"
    said=$(vpcctl check 2>&1) || status=$?
    is "$what: check says no" "$status" 1
    like "$what: and names it" "$said" "$regex"
    check "$what: repair" vpcctl repair
    check "$what: is mended" vpcctl check
}

broken 'flushed rules in a router' 'nft rules in namespace vpc1 .*table bridge vpcctl is missing' at vpc1 nft flush ruleset
broken 'a chain of a router' 'chain forward differs' at vpc1 nft insert rule inet vpcctl forward accept
broken 'an element of a set' 'set bound4 differs' at vpc1 nft flush set bridge vpcctl bound4
broken 'a chain that is not ours' 'chain extra is not ours' at vpc1 nft add chain inet vpcctl extra
broken 'the table of the host' "nft rules in the host's namespace .*vpcctl is missing" nft delete table inet vpcctl
broken 'an element of the host' 'set uplinks differs' nft delete element inet vpcctl uplinks '{ "vpc-vpc2" }'
broken 'a port' 'link p1 in namespace vpc1 is missing' ip -n vpc1 link del p1
broken 'a port that is none' 'port p1 of bridge br-vpc1 .*is not one' ip -n vpc1 link set p1 nomaster
broken 'a port that is not isolated' 'port p1 of bridge br-vpc1 .*is not isolated' \
    bridge -n vpc1 link set dev p1 isolated off
broken 'a bridge' 'bridge br-vpc1 in namespace vpc1 is missing' ip -n vpc1 link del br-vpc1
broken 'a bridge with another MAC' 'bridge br-vpc1 .*another MAC' ip -n vpc1 link set br-vpc1 address 02:00:00:00:00:09
broken 'an uplink' "link vpc-vpc1 in the host's namespace is missing" ip link del vpc-vpc1
broken 'an uplink that is down' "link vpc-vpc1 in the host's namespace is down" ip link set vpc-vpc1 down
broken 'a peering link' 'link peer-vpc2 in namespace vpc1 is missing' ip -n vpc1 link del peer-vpc2
broken 'an endpoint that is down' 'eth0 in namespace vpc1-public, is down' ip -n vpc1-public link set eth0 down
broken 'an address' 'address 10.0.1.2/24 on eth0 in namespace vpc1-public is missing' \
    ip -n vpc1-public addr flush dev eth0
broken 'a route' 'route 172.16.0.0/16 via 10.0.0.1 .*vpc1-public is missing' ip -n vpc1-public route del 172.16.0.0/16
broken 'the route of the host' 'route 10.0.0.0/16 via 169.254' ip route del 10.0.0.0/16
broken 'a setting' 'setting ipv4/ip_forward in namespace vpc1 is 0, not 1' at vpc1 sysctl -qw net.ipv4.ip_forward=0
broken 'forwarding of the exit' 'setting ipv4/conf/eth0/forwarding' sysctl -qw net.ipv4.conf.eth0.forwarding=0
same 'after all of these the machine is as before' "$before" "$(
    ip netns del mine; nft delete table inet mine; ip route del 192.0.2.128/25; numberless)"
ip netns add mine
ip -n mine link add dummy0 type veth peer name other
ip -n mine addr add 192.0.2.7/24 dev dummy0
nft 'add table inet mine; add chain inet mine c { type filter hook forward priority 5; }; add rule inet mine c counter'
ip route add 192.0.2.128/25 dev lo
foreign=$(mine)

broken 'a namespace' 'namespace vpc1-public is missing' ip netns del vpc1-public
check 'what ran in it is back' eventually 10 fetch vpc2-a http://10.0.1.2:8080/
broken 'a router' 'namespace vpc1 is missing' ip netns del vpc1
check 'traffic passes again' pings vpc1-private 172.16.1.2
check 'the web server answers' fetch vpc2-a http://10.0.1.2:8080/
stray() { ip netns del vpc2-a && touch /run/netns/vpc2-a && chmod 0 /run/netns/vpc2-a; }
broken 'a stray file for a namespace' 'namespace vpc2-a is a file, but no namespace' stray
everything() {
    local namespace
    for namespace in vpc1 vpc1-public vpc1-private vpc2 vpc2-a bobs; do ip netns del "$namespace"; done
    nft delete table inet vpcctl
}
broken 'everything' 'namespace bobs is missing' everything
check 'the web server answers again' eventually 10 fetch vpc2-a http://10.0.1.2:8080/
same 'and what is foreign is as it was' "$foreign" "$(mine)"
ip netns del mine
nft delete table inet mine
ip route del 192.0.2.128/25

# Somebody's own only.
ip -n bobs link del br-bobs
check 'alice is not told of what is broken of bob' alice vpcctl check
refuse 'bob is' 1 '' bob vpcctl check
like 'and by which command it is mended' "$(bob vpcctl check bobs)" 'mends it: +vpcctl repair bobs$'
like 'alice mends nothing of his' "$(alice vpcctl repair)" 'nothing'
like 'bob does' "$(bob vpcctl repair bobs)" '^1 thing'
check 'then it is whole' bob vpcctl check

# Connections that began while the policy was away do not stay.
at vpc1-public timeout 60 nc -lk -p 9999 </dev/null >/dev/null 2>&1 &
listener=$!
at vpc1 nft flush chain inet vpcctl forward
at vpc1 nft 'add rule inet vpcctl forward accept; add chain inet vpcctl forward { policy accept; }'
(at vpc1-private timeout 30 bash -c 'exec 3<>/dev/tcp/10.0.1.2/9999; sleep 1; echo hello >&3; sleep 20' >/dev/null 2>&1) &
talker=$!
eventually 5 bash -c "ip netns exec vpc1 conntrack -L -p tcp --dport 9999 2>/dev/null | grep -q . || \
    grep -q 'dport=9999' /proc/net/nf_conntrack 2>/dev/null" || true
vpcctl repair >/dev/null
check_not 'a policy that is back ends what it forbids' bash -c \
    "ip netns exec vpc1 conntrack -L -p tcp --dport 9999 2>/dev/null | grep ESTABLISHED"
kill $talker $listener 2>/dev/null
wait $talker $listener 2>/dev/null

# What the host does.
# host WHAT REGEX DO UNDO
host() {
    local said
    bash -c "$3" || not_ok "$1: $3" 'could not be done'
    said=$(vpcctl check 2>&1) && not_ok "$1: check says no"
    like "$1: named" "$said" "$2"
    unlike "$1: is nothing of ours" "$said" 'vpcctl repair'
    bash -c "$4"
    check "$1: then it is clean again" vpcctl check
}

host 'a chain that drops' 'table ip filter chain FORWARD of the host drops by its policy' \
    "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'" \
    "nft insert rule ip filter FORWARD iifname '\"vpc-*\"' accept; nft insert rule ip filter FORWARD oifname '\"vpc-*\"' accept"
nft delete table ip filter
host 'a chain that drops what comes in' 'table inet guard chain i of the host drops.*hook input' \
    "nft 'add table inet guard; add chain inet guard i { type filter hook input priority 0; policy drop; }'" \
    'nft add rule inet guard i ct state established,related accept'
nft delete table inet guard
host 'no default route' 'interface eth0, the way out of VPC vpc1, has no default route' \
    'ip route del default' 'ip route add default via 198.51.100.1'
host 'a smaller MTU' 'interface eth0, .*takes packets of 1400 bytes, the VPC makes them of 1500' \
    'ip link set eth0 mtu 1400' 'ip link set eth0 mtu 1500'
host 'a route of the host' "the host's route or address 10.0.0.0/8 dev eth0 meets VPC vpc1's block" \
    'ip route add 10.0.0.0/8 dev eth0' 'ip route del 10.0.0.0/8 dev eth0'
host 'an exit that is down' 'interface eth0, .*is down' \
    'ip link set eth0 down' 'ip link set eth0 up; ip route add default via 198.51.100.1; sleep 0.1'

vpcctl cleanup --all --yes >/dev/null
check 'with no VPC everything is as it should be' vpcctl check
nft 'add table inet vpcctl { comment "made by vpcd, see vpcctl(1); changes by hand are lost" ; }'
refuse 'a table of ours without a VPC is found' 1 '' vpcctl check
check 'and goes' vpcctl repair
check_not 'it is gone' nft list table inet vpcctl
nft add table inet vpcctl
check 'one of that name that is not ours is nothing of ours' vpcctl check
check 'and stays' vpcctl repair
check 'it is there' nft list table inet vpcctl
nft delete table inet vpcctl
done_testing
