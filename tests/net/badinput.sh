#!/bin/bash
# Bad input: the exit status tells what kind, the message names the object and the rule, and nothing has changed.
. "$(dirname "$0")/../lib-tap.sh"

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl vpc create --name vpc2 --cidr 172.16.0.0/16
need alice vpcctl vpc create --name same1 --cidr 10.0.0.0/16
need alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc2
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080
before=$(steady)

create() { alice vpcctl vpc create --name "$1" --cidr "$2"; }
add() { alice vpcctl subnet add --vpc "$1" --name "$2" --cidr "$3" --type "${4:-private}"; }
apply() { alice vpcctl firewall apply --vpc vpc1 --subnet public --policy "$1"; }

# Addresses.
refuse 'a block with bits beyond its prefix' 2 '10\.0\.0\.5/16&&10\.0\.0\.0/16' create bad 10.0.0.5/16
refuse 'a prefix of 33' 2 '10\.0\.0\.0/33' create bad 10.0.0.0/33
refuse 'no prefix' 2 '10\.0\.0\.0' create bad 10.0.0.0
refuse 'a negative prefix' 2 '10\.0\.0\.0/-1' create bad 10.0.0.0/-1
refuse 'an empty block' 2 'cidr' create bad ''
refuse 'a block that is no address' 2 'ten' create bad ten/8
refuse 'an octet of 256' 2 '10\.256\.0\.0/16' create bad 10.256.0.0/16
refuse 'leading zeros' 2 '010\.0\.0\.0/16' create bad 010.0.0.0/16
refuse 'three octets' 2 '10\.0\.0/16' create bad 10.0.0/16
refuse 'text after it' 2 '10\.0\.0\.0/16x' create bad '10.0.0.0/16x'
refuse 'loopback' 2 '127\.0\.0\.0/8' create bad 127.0.0.0/8
refuse 'link-local' 2 '169\.254\.0\.0/16' create bad 169.254.0.0/16
refuse 'multicast' 2 '224\.0\.0\.0/8' create bad 224.0.0.0/8
refuse 'everything' 2 '0\.0\.0\.0/0' create bad 0.0.0.0/0
refuse 'a VPC of two addresses' 2 '10\.9\.0\.0/31' create bad 10.9.0.0/31
refuse 'a subnet outside of its VPC' 2,5 '11\.0\.0\.0/24&&10\.0\.0\.0/16' add vpc1 bad 11.0.0.0/24
refuse 'a subnet larger than its VPC' 2,5 '10\.0\.0\.0/8&&10\.0\.0\.0/16' add vpc1 bad 10.0.0.0/8
refuse 'a subnet with bits beyond its prefix' 2 '10\.0\.2\.7/24' add vpc1 bad 10.0.2.7/24
refuse 'a subnet that overlaps: the same' 5 '10\.0\.1\.0/24&&public' add vpc1 bad 10.0.1.0/24
refuse 'a subnet that overlaps: part of it' 5 '10\.0\.1\.128/25&&public' add vpc1 bad 10.0.1.128/25
refuse 'a subnet that overlaps: around it' 5 '10\.0\.0\.0/23&&public' add vpc1 bad 10.0.0.0/23
refuse 'a subnet of two addresses' 2 '10\.0\.9\.0/31' add vpc1 bad 10.0.9.0/31
refuse 'a subnet of one address' 2 '10\.0\.9\.1/32' add vpc1 bad 10.0.9.1/32

# Names. Refused are those that cannot be a kernel's, a path's or a rule's; each tells the rule.
refuse 'a VPC that exists' 5 'vpc1&&exists|already' create vpc1 10.8.0.0/16
refuse 'a subnet that exists' 5 'public&&exists|already' add vpc1 public 10.0.9.0/24
for name in '' '..' '.' '-x' 'a b' 'a;id' 'a/b' 'a"b' "a'b" 'Upper' '1st' 'ümlaut' 'a_b' 'a.b' '$(id)' '/proc/1/ns/net' \
    $'a\nb' $'a\033[31m' "a$(printf 'x%.0s' {1..31})" "$(printf 'x%.0s' {1..10000})"; do
    refuse "the VPC name $(printf %.20q "$name")" 2 'letter|name|31' create "$name" 10.8.0.0/16
    refuse "the subnet name $(printf %.20q "$name")" 2 'letter|name|31' add vpc1 "$name" 10.0.9.0/24
done
same 'after all of these nothing has changed' "$before" "$(picture)"
# And by the bus, where no client checks first.
for name in '' '..' '-x' 'a b' 'a;id' 'a/b' 'a"b' '1st' $'a\nb' "a$(printf 'x%.0s' {1..31})"; do
    refuse "by the bus: the name $(printf %.20q "$name")" 1 'letter|name|31' call alice CreateVpc 'ssa{sv}' "$name" 10.8.0.0/16 0
done
for cidr in 10.0.0.5/16 10.0.0.0/33 '' 127.0.0.0/8 0.0.0.0/0 fd00::/64; do
    refuse "by the bus: the block '$cidr'" 1 '.' call alice CreateVpc 'ssa{sv}' bad "$cidr" 0
done
refuse 'by the bus: an unknown option' 1 'colour' call alice CreateVpc 'ssa{sv}' bad 10.8.0.0/16 1 colour s red
refuse 'by the bus: an option of the wrong type' 1 'host-access' call alice CreateVpc 'ssa{sv}' bad 10.8.0.0/16 1 host-access s yes
refuse 'by the bus: a subnet of no type' 1 'type|public' call alice AddSubnet 'ssssa{sv}' vpc1 bad 10.0.9.0/24 medium 0
refuse 'by the bus: a rule with ports back to front' 1 '90|port' \
    call alice ApplyFirewall 'ssssa(ssqqss)a{sv}' vpc1 public deny allow 1 ingress tcp 90 80 '' allow 0
refuse 'by the bus: a rule with an unknown direction' 1 'sideways|direction' \
    call alice ApplyFirewall 'ssssa(ssqqss)a{sv}' vpc1 public deny allow 1 sideways tcp 80 80 '' allow 0
refuse 'by the bus: port 0' 1 'port' call alice DeployWebserver 'ssqa{sv}' vpc1 public 0 0
refuse 'by the bus: a file instead of numbers' 1 '.' call alice CreateVpc 's' bad
# Names at the limit are good.
for length in 1 12 13 15 16 31; do
    name=$(printf 'n%.0s' $(seq "$length"))
    check "a VPC name of $length letters" create "$name" 10.8.0.0/16
    check "and a subnet of $length letters in it" add "$name" "$name" 10.8.1.0/24
    check "and it works" pings "$name-$name" 10.8.0.1
    check "and it can be deleted" alice vpcctl vpc delete "$name"
done
check 'a name that is a word of nft' create policy 10.8.0.0/16
check 'and its subnet too' add policy drop 10.8.1.0/24 public
check 'and NAT' alice vpcctl nat enable --vpc policy --interface eth0
need alice vpcctl vpc delete policy
# Two pairs of names that make the same namespace.
need create a-b 10.8.0.0/16
need add a-b c 10.8.1.0/24
need create a 10.9.0.0/16
refuse 'a namespace name that is taken by another VPC' 5 'a-b-c' add a b-c 10.9.1.0/24
need alice vpcctl vpc delete a
need alice vpcctl vpc delete a-b
need ip netns add foreign
refuse 'a namespace name that is taken by somebody else' 5 'foreign' create foreign 10.8.0.0/16
check 'and that is still there' ip netns exec foreign true
need ip netns delete foreign
same 'after all of these nothing has changed: names' "$before" "$(steady)"

# Types, interfaces, ports.
refuse 'a subnet of no type' 2 'medium&&public' add vpc1 bad 10.0.9.0/24 medium
refuse 'an unknown interface' 2 'eth9' alice vpcctl nat enable --vpc vpc1 --interface eth9
refuse 'the interface lo' 2,5 '\blo\b' alice vpcctl nat enable --vpc vpc1 --interface lo
refuse 'an interface of ours' 2,5 'vpc-vpc2' alice vpcctl nat enable --vpc vpc1 --interface vpc-vpc2
refuse 'an interface name of 20 letters' 2 'aaaa' alice vpcctl nat enable --vpc vpc1 --interface aaaaaaaaaaaaaaaaaaaa
refuse 'a web server on port 0' 2 'port' alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 0 --name w
refuse 'a web server on port 65536' 2 '65536' alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 65536 --name w
refuse 'a web server on port "http"' 2 'http' alice vpcctl deploy webserver --vpc vpc1 --subnet public --port http --name w
refuse 'a web server on a port that is taken' 5 '8080' alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080 --name w
refuse 'a workload that exists' 5 'webserver' alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8081
refuse 'a web server that serves what is no directory' 1,2,3 'nowhere' \
    alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8081 --name w --root /nowhere

# Peerings.
refuse 'a peering with itself' 2,5 'vpc1&&itself|same' alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc1
refuse 'a peering that exists' 5 'vpc1&&vpc2&&exist|already' alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc2
refuse 'a peering that exists, the other way round' 5 'vpc1&&vpc2&&exist|already' alice vpcctl peer create --vpc1 vpc2 --vpc2 vpc1
refuse 'a peering of VPCs that overlap' 5 'vpc1&&same1&&overlap' alice vpcctl peer create --vpc1 vpc1 --vpc2 same1
refuse 'a peering with a VPC whose peer overlaps' 5 'same1&&overlap' alice vpcctl peer create --vpc1 vpc2 --vpc2 same1

# What is not there.
refuse 'deleting a VPC that is not there' 3 'nothere' alice vpcctl vpc delete nothere
refuse 'deleting a subnet that is not there' 3 'nothere' alice vpcctl subnet delete --vpc vpc1 --name nothere
refuse 'deleting a subnet of a VPC that is not there' 3 'nothere' alice vpcctl subnet delete --vpc nothere --name public
refuse 'deleting a peering that is not there' 3 'vpc1&&same1' alice vpcctl peer delete --vpc1 vpc1 --vpc2 same1
refuse 'stopping a workload that is not there' 3 'nothere' alice vpcctl deploy stop --vpc vpc1 --subnet public --name nothere
refuse 'adding to a VPC that is not there' 3 'nothere' add nothere bad 10.0.9.0/24
refuse 'NAT for a VPC that is not there' 3 'nothere' alice vpcctl nat enable --vpc nothere --interface eth0
refuse 'a policy for a subnet that is not there' 3 'nothere' bash -c \
    'echo "{\"ingress\": []}" | as alice vpcctl firewall apply --vpc vpc1 --subnet nothere --policy -'
refuse 'running in a subnet that is not there' 3 'nothere' alice vpcctl exec --vpc vpc1 --subnet nothere -- true
refuse 'showing a VPC that is not there' 3 'nothere' alice vpcctl vpc show nothere
same 'after all of these nothing has changed: what is not there' "$before" "$(picture)"

# Policies. bad_policy NAME REGEX, the policy on standard input
bad_policy() {
    cat >"$scratch/policy.json"
    refuse "a policy with $1" 2,5 "$2" apply "$scratch/policy.json"
}
bad_policy 'an unknown protocol' 'sctp|protocol' <<<'{"ingress": [{"port": 80, "protocol": "sctp", "action": "allow"}]}'
bad_policy 'an unknown action' 'maybe|action' <<<'{"ingress": [{"port": 80, "protocol": "tcp", "action": "maybe"}]}'
bad_policy 'no action' 'action' <<<'{"ingress": [{"port": 80, "protocol": "tcp"}]}'
bad_policy 'an unknown key' 'ingres\b' <<<'{"ingres": []}'
bad_policy 'an unknown key in a rule' 'prot\b' <<<'{"ingress": [{"port": 80, "prot": "tcp", "action": "allow"}]}'
bad_policy 'port 0' '\b0\b|port' <<<'{"ingress": [{"port": 0, "protocol": "tcp", "action": "allow"}]}'
bad_policy 'port 65536' '65536' <<<'{"ingress": [{"port": 65536, "protocol": "tcp", "action": "allow"}]}'
bad_policy 'port -1' 'port' <<<'{"ingress": [{"port": -1, "protocol": "tcp", "action": "allow"}]}'
bad_policy 'port 80.5' 'port' <<<'{"ingress": [{"port": 80.5, "protocol": "tcp", "action": "allow"}]}'
bad_policy 'port 18446744073709551696' 'port' <<<'{"ingress": [{"port": 18446744073709551696, "protocol": "tcp", "action": "allow"}]}'
bad_policy 'a range back to front' '90-80|port' <<<'{"ingress": [{"port": "90-80", "protocol": "tcp", "action": "allow"}]}'
bad_policy 'a range without end' '80-|port' <<<'{"ingress": [{"port": "80-", "protocol": "tcp", "action": "allow"}]}'
bad_policy 'a port for icmp' 'icmp|port' <<<'{"ingress": [{"port": 80, "protocol": "icmp", "action": "allow"}]}'
bad_policy 'a bad source' '10\.0\.0\.5/16|source' <<<'{"ingress": [{"port": 80, "protocol": "tcp", "action": "allow", "source": "10.0.0.5/16"}]}'
bad_policy 'a bad default' 'perhaps|default' <<<'{"default": "perhaps", "ingress": []}'
bad_policy 'rules that are no list' 'ingress' <<<'{"ingress": {"port": 80}}'
bad_policy 'a rule that is no object' 'ingress|rule' <<<'{"ingress": [80]}'
bad_policy 'the subnet of another' '10\.0\.2\.0/24' <<<'{"subnet": "10.0.2.0/24", "ingress": []}'
bad_policy 'a key twice' 'twice|again|duplicate|ingress' <<<'{"ingress": [], "ingress": [{"port": 80, "protocol": "tcp", "action": "allow"}]}'
bad_policy 'truncated JSON' 'policy.json' <<<'{"ingress": [{"port": 80, "protocol": "tcp", "action'
bad_policy 'text after the JSON' 'policy.json' <<<'{"ingress": []} and more'
bad_policy 'no JSON' 'policy.json' <<<'allow all'
bad_policy 'a list instead of an object' 'policy.json|object' <<<'[]'
bad_policy 'nothing' 'policy.json' </dev/null
bad_policy 'a deep nest' 'policy.json' < <(python3 -c 'print("[" * 100000)')
python3 -c '
rule = "{\"port\": 80, \"protocol\": \"tcp\", \"action\": \"allow\"}"
print("{\"ingress\": [" + ", ".join([rule] * 200000) + "]}")' >"$scratch/big.json"
note "$(stat -c %s "$scratch/big.json") bytes"
refuse 'a policy of 10 MB' 2,5 'big.json|large|limit|many' apply "$scratch/big.json"
refuse 'a policy that is a directory' 1,2,3 'directory' apply "$scratch"
refuse 'a policy that is not there' 1,2,3 'nowhere' apply /nowhere
same 'after all of these nothing has changed: policies' "$before" "$(picture)"
check 'the service is still well' alice vpcctl vpc list

# The command line itself.
refuse 'no such noun' 2 'cloud' alice vpcctl cloud create
refuse 'no such verb' 2 'destroy' alice vpcctl vpc destroy vpc1
refuse 'no such option' 2 'colour' alice vpcctl vpc create --name bad --cidr 10.8.0.0/16 --colour red
refuse 'an option without its value' 2 'cidr' alice vpcctl vpc create --name bad --cidr
refuse 'a missing option' 2 'cidr' alice vpcctl vpc create --name bad
refuse 'an option twice' 2 'name' alice vpcctl vpc create --name bad --name worse --cidr 10.8.0.0/16
refuse 'too many words' 2 'extra' alice vpcctl vpc create bad 10.8.0.0/16 extra
check 'exec without a program is the shell' alice vpcctl exec --vpc vpc1 --subnet public </dev/null
refuse 'cleanup without a terminal and without --yes' 1,2 'yes' alice vpcctl cleanup </dev/null
same 'after all of these nothing has changed: command line' "$before" "$(picture)"

need alice vpcctl cleanup --yes
done_testing
