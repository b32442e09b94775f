#!/bin/bash
# The service on the bus: each operation by busctl, the objects, the signals, and its coming and going.
. "$(dirname "$0")/../lib-tap.sh"

# ---- Monitors, from the beginning. ----
busctl --system --json=short --match="type='signal',sender='$service'" monitor >"$scratch/busctl" 2>/dev/null &
busctl_monitor=$!
as alice vpcctl monitor >"$scratch/vpcctl" 2>&1 &
vpcctl_monitor=$!
as alice vpcctl monitor --json >"$scratch/json" 2>&1 &
json_monitor=$!
sleep 0.5

# changed KIND NAME VERB: the signal came, on the bus and in both outputs of vpcctl monitor.
changed() {
    check "busctl monitor shows $1 $2 $3" eventually 3 signalled "$1" "$2" "$3"
    check "vpcctl monitor shows $1 $2 $3" eventually 3 grep -qE "$1.*$2.*$3|$2.*$1.*$3|$1.*$3.*$2|$3.*$1.*$2" "$scratch/vpcctl"
    check "vpcctl monitor --json shows $1 $2 $3" eventually 3 grep -qE "\"$1\".*\"$2\".*\"$3\"|\"$3\".*\"$1\".*\"$2\"|\"$1\".*\"$3\".*\"$2\"" "$scratch/json"
}

signalled() {
    python3 - "$scratch/busctl" "$@" <<'PYTHON'
import json
import sys

for line in open(sys.argv[1]):
    message = json.loads(line)
    if message.get("member") == "Changed" and message["payload"]["data"][:3] == sys.argv[2:5]:
        kind, name, verb, uid, generation = message["payload"]["data"]
        assert message["payload"]["type"] == "sssut" and uid == 2001 and generation > 0, message
        sys.exit(0)
sys.exit(1)
PYTHON
}

# tells REGEX: some signal matches.
tells() {
    eventually 3 grep -qE "$1" "$scratch/busctl"
}

# ---- Each operation. ----
check 'CreateVpc' call alice CreateVpc 'ssa{sv}' vpc1 10.0.0.0/16 0
changed vpc vpc1 created
check 'CreateVpc with an option' call alice CreateVpc 'ssa{sv}' vpc2 172.16.0.0/16 1 host-access b false
check 'AddSubnet, public' call alice AddSubnet 'ssssa{sv}' vpc1 public 10.0.1.0/24 public 0
changed subnet vpc1/public created
check 'AddSubnet, private' call alice AddSubnet 'ssssa{sv}' vpc1 private 10.0.2.0/24 private 0
check 'they work' pings vpc1-private 10.0.1.2
check 'AddSubnet in the other' call alice AddSubnet 'ssssa{sv}' vpc2 public 172.16.1.0/24 public 0
check 'EnableNat' call alice EnableNat 'ssa{sv}' vpc1 eth0 0
changed nat vpc1 enabled
check 'it works' pings vpc1-public 8.8.8.8
check 'CreatePeering' call alice CreatePeering 'ssa{sv}' vpc1 vpc2 0
changed peering vpc1/vpc2 created
check 'it works, too' pings vpc2-public 10.0.1.2
check 'DeployWebserver' call alice DeployWebserver 'ssqa{sv}' vpc1 public 8080 0
changed workload vpc1/public/webserver created
like 'it serves' "$(fetch host http://10.0.1.2:8080)" vpc1
check 'ApplyFirewall' call alice ApplyFirewall 'ssssa(ssqqss)a{sv}' vpc1 public deny allow 1 ingress tcp 8080 8080 '' allow 0
changed firewall vpc1/public changed
check_not 'it shuts' pings vpc1-private 10.0.1.2 1
check 'it opens' fetch vpc1-private http://10.0.1.2:8080

like 'ListVpcs' "$(call alice ListVpcs 'a{sv}' 0)" '"vpc1".*"10\.0\.0\.0/16"|"10\.0\.0\.0/16".*"vpc1"'
like 'ListSubnets' "$(call alice ListSubnets 'sa{sv}' vpc1 0)" '10\.0\.1\.0/24'
like 'ListSubnets of all' "$(call alice ListSubnets 'sa{sv}' '' 0)" '172\.16\.1\.0/24'
like 'ListPeerings' "$(call alice ListPeerings 'sa{sv}' '' 0)" 'vpc2'
like 'ListWorkloads' "$(call alice ListWorkloads 'sa{sv}' vpc1 0)" 'webserver'
is 'GetFirewall' "$(call alice GetFirewall 'ssa{sv}' vpc1 public 0)" \
    'bssa(ssqqss) true "deny" "allow" 1 "ingress" "tcp" 8080 8080 "" "allow"'
like 'GetLog' "$(call alice GetLog 'ua{sv}' 5 0)" 'vpc1'
like 'the method answers with the generation' "$(call alice CreateVpc 'ssa{sv}' vpc3 10.3.0.0/16 0)" '^t [1-9][0-9]*$'
generation=$(busctl --system get-property $service $object $manager Generation)
like 'which is the property' "$generation" '^t [1-9][0-9]*$'
like 'and grows' "$(call alice DeleteVpc 'sa{sv}' vpc3 0)" "^t $((${generation#t } + 1))$"

# ---- Objects. ----
tree=$(busctl --system tree --list $service)
for part in Vpcd1 vpc1 public peering workload; do
    like "busctl tree shows $part" "$tree" "$part"
done
description=$(busctl --system introspect $service $object)
for member in CreateVpc DeleteVpc AddSubnet EnableNat CreatePeering ApplyFirewall DeployWebserver Exec Purge Changed Generation \
    Version Features GetManagedObjects; do
    like "busctl introspect shows $member" "$description" "\\.$member "
done
path=$(grep -E 'vpc1$' <<<"$tree" | head -n 1)
like 'an object of a VPC has its properties' "$(busctl --system introspect $service "$path")" '\.Cidr .*"10\.0\.0\.0/16"'
is 'and its interface' "$(busctl --system get-property $service "$path" $service.Vpc Gateway)" 's "10.0.0.1"'
objects=$(busctl --system --json=short call $service $object org.freedesktop.DBus.ObjectManager GetManagedObjects)
for interface in Vpc Subnet Endpoint Peering Workload; do
    like "GetManagedObjects has a $interface" "$objects" "\"$service\\.$interface\""
done
check 'gdbus, another client, sees them too' gdbus introspect --system --dest $service --object-path "$path"
check 'signal InterfacesAdded' tells 'InterfacesAdded'
check 'signal PropertiesChanged of the NAT interface' tells 'PropertiesChanged.*NatInterface'
check 'signal PropertiesChanged of the peers' tells 'PropertiesChanged.*Peers'

# What the running service tells of itself is what the description in the source says.
interface_of() {
    python3 - "$1" <<'PYTHON'
import sys
import xml.etree.ElementTree

for interface in xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("interface"):
    if not interface.get("name").endswith("Vpcd1.Manager"):
        continue
    for member in interface:
        if member.tag in ("method", "signal", "property"):
            print(member.tag, member.get("name"), member.get("type", ""), member.get("access", ""),
                  *(f"{a.get('direction', 'out')}:{a.get('name')}:{a.get('type')}" for a in member.findall("arg")))
PYTHON
}
busctl --system --json=short call $service $object org.freedesktop.DBus.Introspectable Introspect \
    | python3 -c 'import json, sys; print(json.load(sys.stdin)["data"][0])' >"$scratch/live.xml"
same 'introspection is the description in dbus/' "$(interface_of "$tests/../dbus/$service.xml" | sort)" "$(interface_of "$scratch/live.xml" | sort)"

# ---- Errors. ----
refuse 'an error has its name' 1 'no.*nothere|nothere' call alice DeleteVpc 'sa{sv}' nothere 0
like 'as the table has it' "$(gdbus call --system --dest $service --object-path $object --method $manager.DeleteVpc nothere '{}' 2>&1)" \
    "$service\\.Error\\.NoSuchVpc"
like 'bad input is InvalidArgs' "$(gdbus call --system --dest $service --object-path $object --method $manager.CreateVpc Bad 1 '{}' 2>&1)" \
    'org\.freedesktop\.DBus\.Error\.InvalidArgs'

# ---- Killed. ----
ping_log=$scratch/ping
ip netns exec vpc1-public ping -n -i 0.05 -w 60 8.8.8.8 >"$ping_log" 2>&1 &
ping=$!
for round in 1 2 3; do
    old=$(systemctl show -P MainPID vpcd.service)
    kill -9 "$old"
    like "killed, round $round: the next call works" "$(call alice ListVpcs 'a{sv}' 0)" vpc1
    new=$(systemctl show -P MainPID vpcd.service)
    check "killed, round $round: by a new process" test "$new" != 0 -a "$new" != "$old"
done
check 'killed: a change works' call alice AddSubnet 'ssssa{sv}' vpc1 after 10.0.3.0/24 public 0
check 'killed: and it works' pings vpc1-after 8.8.8.8
check 'killed: the objects are there' busctl --system get-property $service "$path" $service.Vpc Cidr
like 'killed: the web server serves' "$(fetch host http://10.0.1.2:8080)" vpc1
like 'killed: the workload is known' "$(call alice ListWorkloads 'sa{sv}' vpc1 0)" webserver
check 'killed: vpcctl monitor goes on' kill -0 "$vpcctl_monitor"
changed subnet vpc1/after created

# ---- Idle. ----
mkdir -p /run/systemd/system/vpcd.service.d
cat >/run/systemd/system/vpcd.service.d/90-idle.conf <<'UNIT'
[Service]
ExecStart=
ExecStart=/usr/libexec/vpcctl/vpcd --idle-seconds=2
UNIT
systemctl daemon-reload
systemctl stop vpcd.service
need call alice ListVpcs 'a{sv}' 0
gone() { ! systemctl is-active -q vpcd.service; }
check 'idle, it exits' eventually 10 gone
is 'and well' "$(systemctl show -P Result vpcd.service)" success
check 'idle: the internet is still reached' pings vpc1-public 8.8.8.8
check 'idle: a peer is still reached' pings vpc2-public 10.0.3.2
like 'idle: the web server still serves' "$(fetch host http://10.0.1.2:8080)" vpc1
check_not 'idle: the policy still holds' pings vpc1-private 10.0.1.2 1
like 'idle: the next call works' "$(call alice ListVpcs 'a{sv}' 0)" vpc1
as alice vpcctl exec --vpc vpc1 --subnet public -- sleep 4 &
running=$!
sleep 3.5
check 'not idle while an exec runs' systemctl is-active vpcd.service
wait "$running"
is 'whose end it tells' $? 0
check 'and then it exits' eventually 10 gone
kill -INT "$ping" # prints its sum
wait "$ping"
like 'through all of this not one ping was lost' "$(cat "$ping_log")" ' 0% packet loss'

# ---- The other half of the operations. ----
check 'ClearFirewall' call alice ClearFirewall 'ssa{sv}' vpc1 public 0
changed firewall vpc1/public deleted
check 'StopWorkload' call alice StopWorkload 'sssa{sv}' vpc1 public webserver 0
changed workload vpc1/public/webserver deleted
check 'DeletePeering' call alice DeletePeering 'ssa{sv}' vpc1 vpc2 0
changed peering vpc1/vpc2 deleted
check 'DisableNat' call alice DisableNat 'sa{sv}' vpc1 0
changed nat vpc1 disabled
check 'DeleteSubnet' call alice DeleteSubnet 'ssa{sv}' vpc1 private 0
changed subnet vpc1/private deleted
check 'DeleteVpc' call alice DeleteVpc 'sa{sv}' vpc1 0
changed vpc vpc1 deleted
check 'signal InterfacesRemoved' tells 'InterfacesRemoved'
check 'Purge' call alice Purge 'a{sv}' 0
changed vpc vpc2 deleted
is 'nothing is left' "$(call alice ListVpcs 'a{sv}' 0)" 'aa{sv} 0'

kill "$vpcctl_monitor" "$json_monitor" "$busctl_monitor"
done_testing
