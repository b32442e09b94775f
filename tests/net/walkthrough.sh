#!/bin/bash
# The walk-through's commands as written, by a user without rights, and what they must bring about.
. "$(dirname "$0")/../lib-tap.sh"

need iptables -P FORWARD ACCEPT # the table it makes stays
before=$(picture_kernel)
cat >"$scratch/policy.json" <<'JSON'
{"subnet": "10.0.1.0/24",
 "ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"},
             {"port": 22,   "protocol": "tcp", "action": "deny"}]}
JSON

# One VPC.
check 'vpc create' alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
check 'subnet add, public' alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
check 'subnet add, private' alice vpcctl subnet add --vpc vpc1 --name private --cidr 10.0.2.0/24 --type private
like 'the namespaces have the names that the walk-through gives them' "$(ip netns list | sed 's/ .*//' | sort | xargs)" \
    '^vpc1 vpc1-private vpc1-public$'
check 'inside a VPC: from public to private' pings vpc1-public 10.0.2.2
check 'inside a VPC: from private to public' pings vpc1-private 10.0.1.2
check 'the gateway answers' pings vpc1-public 10.0.0.1
check_not 'no internet before nat enable' pings vpc1-public 8.8.8.8 1

# NAT.
check 'nat enable' alice vpcctl nat enable --vpc vpc1 --interface eth0
check 'from public: the internet answers' pings vpc1-public 8.8.8.8
check 'from public: another address of the internet answers' pings vpc1-public 203.0.113.10
is 'the internet sees the address of the host' "$(fetch vpc1-public http://8.8.8.8/)" 198.51.100.2
check_not 'from private: no internet' pings vpc1-private 8.8.8.8 1
check_not 'from private: no internet over TCP either' fetch vpc1-private http://8.8.8.8/
check 'the host itself still reaches the internet' ping -q -c 1 -W 2 8.8.8.8
check_not 'from a VPC: nothing listens on the host' at vpc1-public ping -q -c 1 -W 1 198.51.100.2
check 'subnet add, public, after nat enable' alice vpcctl subnet add --vpc vpc1 --name late --cidr 10.0.3.0/24 --type public
check 'from a public subnet added after nat enable: the internet answers' pings vpc1-late 8.8.8.8
check 'subnet add, private, after nat enable' alice vpcctl subnet add --vpc vpc1 --name late2 --cidr 10.0.4.0/24 --type private
check_not 'from a private subnet added after nat enable: no internet' pings vpc1-late2 8.8.8.8 1
check 'a subnet added later is reached inside the VPC' pings vpc1-private 10.0.3.2

# A web server.
check 'deploy webserver' alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080
page=$(fetch host http://10.0.1.2:8080)
like 'the host reaches it' "$page" .
like 'the page names the VPC' "$page" vpc1
like 'the page names the subnet' "$page" public
like 'the page names the address' "$page" '10\.0\.1\.2'
check 'another subnet reaches it' fetch vpc1-private http://10.0.1.2:8080
check 'an ordinary user of the host reaches it' alice curl -sS --max-time 3 http://10.0.1.2:8080
like 'deploy list shows it' "$(alice vpcctl deploy list)" 'webserver.*8080|8080.*webserver'

# A second VPC, before the peering.
need alice vpcctl vpc create --name vpc2 --cidr 172.16.0.0/16
need alice vpcctl subnet add --vpc vpc2 --name public --cidr 172.16.1.0/24 --type public
check 'the second VPC works' pings vpc2-public 172.16.0.1
check_not 'without a peering: from vpc1 to vpc2' pings vpc1-public 172.16.1.2 1
check_not 'without a peering: from vpc2 to vpc1' pings vpc2-public 10.0.1.2 1
check_not 'without a peering: the web server' fetch vpc2-public http://10.0.1.2:8080
# (net.ipv4.ip_forward also sets what each interface has, and that is put back)
sysctl -a -r '^net\.ipv4\.(ip_forward|conf\..*\.forwarding)$' >"$scratch/forwarding"
need iptables -P FORWARD ACCEPT
need sysctl -qw net.ipv4.ip_forward=1
check_not 'without a peering, host forwards everything: from vpc1 to vpc2' pings vpc1-public 172.16.1.2 1
check_not 'without a peering, host forwards everything: from vpc2 to vpc1' pings vpc2-public 10.0.1.2 1
check_not 'without a peering, host forwards everything: TCP' fetch vpc2-public http://10.0.1.2:8080
need sysctl -q -p "$scratch/forwarding"

# The peering.
check 'peer create' alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc2
check 'peered: from vpc1 to vpc2' pings vpc1-public 172.16.1.2
check 'peered: from vpc2 to vpc1' pings vpc2-public 10.0.1.2
check 'peered: from a private subnet' pings vpc1-private 172.16.1.2
check 'peered: the web server' fetch vpc2-public http://10.0.1.2:8080
like 'ip route shows the peer by the gateway' "$(at vpc1-public ip route)" '^172\.16\.0\.0/16 via 10\.0\.0\.1 '
like 'ip route shows the way back too' "$(at vpc2-public ip route)" '^10\.0\.0\.0/16 via 172\.16\.0\.1 '
need alice vpcctl subnet add --vpc vpc2 --name added --cidr 172.16.2.0/24 --type private
need alice vpcctl subnet add --vpc vpc1 --name added --cidr 10.0.5.0/24 --type private
check 'a subnet added after the peering is reached' pings vpc1-public 172.16.2.2
check 'a subnet added after the peering reaches' pings vpc2-added 10.0.1.2
check 'both added after the peering' pings vpc2-added 10.0.5.2
like 'ip route in a subnet added after the peering' "$(at vpc1-added ip route)" '^172\.16\.0\.0/16 via 10\.0\.0\.1 '
check 'the internet still answers' pings vpc1-public 8.8.8.8
check_not 'a peering gives no internet to the other VPC' pings vpc2-public 8.8.8.8 1
need alice vpcctl nat enable --vpc vpc2 --interface eth0
check 'nat enable after the peering: the internet answers' pings vpc2-public 8.8.8.8
check 'nat enable after the peering: the peer still answers' pings vpc2-public 10.0.1.2
like 'peer list shows it' "$(alice vpcctl peer list)" 'vpc1.*vpc2'

# Peerings are not transitive.
need alice vpcctl vpc create --name vpc3 --cidr 192.168.0.0/16
need alice vpcctl subnet add --vpc vpc3 --name public --cidr 192.168.1.0/24 --type public
need alice vpcctl peer create --vpc1 vpc2 --vpc2 vpc3
check 'vpc3 peered with vpc2: reached' pings vpc2-public 192.168.1.2
check_not 'vpc3 peered with vpc2 only: not reached from vpc1' pings vpc1-public 192.168.1.2 1
check_not 'vpc3 peered with vpc2 only: does not reach vpc1' pings vpc3-public 10.0.1.2 1
# Also for somebody who is root in the subnet and adds the routes.
need at vpc1-public ip route add 192.168.0.0/16 via 10.0.0.1
need at vpc3-public ip route add 10.0.0.0/16 via 192.168.0.1
check_not 'not transitive, with routes forged in the subnets' pings vpc1-public 192.168.1.2 1
check_not 'not transitive, TCP, with routes forged in the subnets' fetch vpc3-public http://10.0.1.2:8080

# What a Docker host does.
need iptables -P FORWARD DROP
check 'host drops forwarded packets: inside a VPC' pings vpc1-public 10.0.2.2
check 'host drops forwarded packets: to a peer' pings vpc1-public 172.16.1.2
need iptables -P FORWARD ACCEPT

# The policy.
check 'firewall apply' alice vpcctl firewall apply --vpc vpc1 --subnet public --policy "$scratch/policy.json"
check 'with the policy: the host reaches the web server' fetch host http://10.0.1.2:8080
check 'with the policy: a peer reaches the web server' fetch vpc2-public http://10.0.1.2:8080
check 'with the policy: its own connections work' pings vpc1-public 8.8.8.8
check_not 'with the policy: it does not answer ping' pings vpc1-private 10.0.1.2 1

# Looking.
check 'vpc list' alice vpcctl vpc list
for name in vpc1 vpc2 vpc3; do
    like "vpc list shows $name" "$(alice vpcctl vpc list)" "$name"
done
like 'vpc list shows the range' "$(alice vpcctl vpc list)" '10\.0\.0\.0/16'
like 'vpc show, name as option' "$(alice vpcctl vpc show --name vpc1)" '10\.0\.0\.0/16'
like 'vpc show, name in place' "$(alice vpcctl vpc show vpc1)" '10\.0\.0\.1\b'
like 'subnet list' "$(alice vpcctl subnet list --vpc vpc1)" '10\.0\.2\.0/24'
like 'subnet show' "$(alice vpcctl subnet show --vpc vpc1 --name public)" '10\.0\.1\.2'
like 'nat show' "$(alice vpcctl nat show --vpc vpc1)" eth0
like 'peer show' "$(alice vpcctl peer show --vpc1 vpc1 --vpc2 vpc2)" '172\.16\.0\.0/16'
like 'firewall show' "$(alice vpcctl firewall show --vpc vpc1 --subnet public)" 8080
like 'log tells of the creation' "$(alice vpcctl log)" 'vpc1'
check 'vpc list --json' json_has "'vpc1' in json.dumps(data) and len(data) >= 3" < <(alice vpcctl vpc list --json)
for command in 'vpc show vpc1' 'subnet list' 'subnet show --vpc vpc1 --name public' 'peer list' 'nat show --vpc vpc1' \
    'peer show --vpc1 vpc1 --vpc2 vpc2' 'deploy list' 'firewall show --vpc vpc1 --subnet public' 'log'; do
    # shellcheck disable=SC2086
    check "$command --json is JSON" json_has True < <(alice vpcctl $command --json)
done
check 'a user without rights may look' mallory vpcctl vpc list
check '--version' alice vpcctl --version
like '--help tells of the nouns' "$(alice vpcctl --help)" firewall

# Taking back.
check 'nat disable' alice vpcctl nat disable --vpc vpc1
check_not 'after nat disable: no internet' pings vpc1-public 8.8.8.8 1
check 'after nat disable of one VPC: the other still has it' pings vpc2-public 8.8.8.8
check 'nat enable again' alice vpcctl nat enable --vpc vpc1 --interface eth0
check 'nat enable again: the internet answers' pings vpc1-public 8.8.8.8
check 'peer delete' alice vpcctl peer delete --vpc1 vpc1 --vpc2 vpc2
check_not 'after peer delete: not reached' pings vpc2-public 10.0.1.2 1
unlike 'after peer delete: no route' "$(at vpc1-public ip route)" '^172\.16\.'
check 'after peer delete: the other peering works' pings vpc2-public 192.168.1.2
check 'firewall clear' alice vpcctl firewall clear --vpc vpc1 --subnet public
check 'after firewall clear: it answers ping' pings vpc1-private 10.0.1.2
check 'deploy stop' alice vpcctl deploy stop --vpc vpc1 --subnet public --name webserver
check_not 'after deploy stop: no web server' fetch host http://10.0.1.2:8080
check 'subnet delete' alice vpcctl subnet delete --vpc vpc1 --name late
unlike 'after subnet delete: its namespace is gone' "$(ip netns list)" 'vpc1-late\b'
check_not 'after subnet delete: it does not answer' pings vpc1-private 10.0.3.2 1
check 'after subnet delete: the others do' pings vpc1-private 10.0.1.2
check 'vpc delete' alice vpcctl vpc delete --name vpc1
check 'vpc delete, name in place' alice vpcctl vpc delete vpc2
check 'vpc delete, the last' alice vpcctl vpc delete --name vpc3
is 'no VPC is left' "$(alice vpcctl vpc list --json | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))')" 0
same 'nothing is left in the kernel' "$before" "$(picture_kernel)"

# Names in place instead of options.
check 'vpc create, name in place' alice vpcctl vpc create short --cidr 10.6.0.0/16
check 'vpc show' alice vpcctl vpc show short
check 'cleanup --yes' alice vpcctl cleanup --yes
is 'after cleanup no namespace is left' "$(ip netns list)" ''

done_testing
