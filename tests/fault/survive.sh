#!/bin/bash
# What vpcd's own end does to others: nothing. A hundred restarts under traffic, a reboot, damaged state files, a full disk.
. "$(dirname "$0")/../lib-tap.sh"

state=/var/lib/vpcctl
mkdir -p /run/systemd/system/vpcd.service.d
printf '[Unit]\nStartLimitIntervalSec=0\n' >/run/systemd/system/vpcd.service.d/90-fault.conf
systemctl daemon-reload

echo '{"ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"}]}' >"$scratch/policy.json"
need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl subnet add --vpc vpc1 --name private --cidr 10.0.2.0/24 --type private
need alice vpcctl nat enable --vpc vpc1 --interface eth0
need alice vpcctl firewall apply --vpc vpc1 --subnet public --policy "$scratch/policy.json"
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080
need alice vpcctl vpc create --name vpc2 --cidr 172.16.0.0/16
need alice vpcctl subnet add --vpc vpc2 --name a --cidr 172.16.1.0/24 --type public
need alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc2

# ---- A hundred restarts. --------------------------------------------------------------------------------------------

cat >"$scratch/serve.py" <<'PYTHON'
import socket
listener = socket.create_server(("", 9000))
connection = listener.accept()[0]
while data := connection.recv(65536):
    connection.sendall(data)
PYTHON
# One connection through all of it, numbered lines there and back; how many came back, and the longest wait.
cat >"$scratch/stream.py" <<'PYTHON'
import os, socket, sys, time
connection = socket.create_connection(("10.0.2.2", 9000), timeout=10)
stream = connection.makefile("rwb")
n, longest = 0, 0.0
while not os.path.exists(sys.argv[1]):
    start = time.monotonic()
    stream.write(b"%d\n" % n)
    stream.flush()
    if int(stream.readline()) != n:
        sys.exit("out of order")
    longest = max(longest, time.monotonic() - start)
    n += 1
    time.sleep(0.001)
print(n, round(longest * 1000))
PYTHON
cat >"$scratch/poll.py" <<'PYTHON'
import os, sys, time, urllib.request
good = bad = 0
while not os.path.exists(sys.argv[1]):
    try:
        urllib.request.urlopen("http://10.0.1.2:8080/", timeout=2).read()
        good += 1
    except OSError as error:
        bad += 1
    time.sleep(0.01)
print(good, bad)
PYTHON
rules() { at vpc1 nft list ruleset | wc -l; nft list ruleset | wc -l; }

at vpc1-private python3 "$scratch/serve.py" &
server=$!
sleep 0.3
at vpc2-a python3 "$scratch/stream.py" "$scratch/stop" >"$scratch/stream" 2>&1 &
stream=$!
at vpc2-a python3 "$scratch/poll.py" "$scratch/stop" >"$scratch/poll" 2>&1 &
poll=$!
before=$(steady) rules_before=$(rules)
restarted=0
for ((i = 0; i < 100; i++)); do
    if ((i % 2)); then
        systemctl kill --kill-whom=main --signal=KILL vpcd.service
    else
        systemctl stop vpcd.service
    fi
    # A call that reaches the one that is being killed ends with it.
    { vpcctl vpc list || vpcctl vpc list; } >/dev/null 2>&1 && restarted=$((restarted + 1))
done
touch "$scratch/stop"
wait $stream $poll
kill $server 2>/dev/null
is 'vpcd was restarted a hundred times, half of them by SIGKILL' "$restarted" 100
read -r lines longest <"$scratch/stream"
check "a TCP connection through a peering lost nothing: $lines lines, the slowest took $longest ms" \
    test "${lines:-0}" -gt 500 -a "${longest:-9999}" -lt 1000
read -r good bad <"$scratch/poll"
check "a web server answered every time: $good of $((good + bad))" test "${good:-0}" -gt 100 -a "${bad:-1}" -eq 0
is 'there are as many rules as before' "$(rules)" "$rules_before"
same 'and all else is the same' "$before" "$(steady)"
check 'check finds nothing' vpcctl check

# ---- A reboot. ------------------------------------------------------------------------------------------------------

# All that does not outlive one goes: units, namespaces, links, rules, /run/vpcctl.
reboot_machine() {
    local namespace link
    systemctl stop vpcd.service vpcctl.slice
    for namespace in $(ip netns list | sed 's/ .*//'); do ip netns del "$namespace"; done
    for link in $(ip -br link | grep -o '^vpc-[^@ ]*'); do ip link del "$link" 2>/dev/null; done
    nft flush ruleset
    sysctl -qw net.ipv4.conf.eth0.forwarding=0
    rm -rf /run/vpcctl
    # The kernel takes them apart by and by.
    eventually 5 bash -c '! ip -br link | grep -q ^vpc-'
}
# Without the numbers that the kernel gives out, and the order of a set's elements.
numberless() {
    sed -E 's/^[0-9]+: //; s/@if[0-9]+//; s/(port_id|port_no|designated_port|link-netnsid|link-netns) [^ ]+//g
        s/elements = \{//; s/[{}]//g' | tr , '\n' | sed -E 's/^[ \t]+//; s/[ \t]+$//' | sort
}
for n in {10..25}; do
    need alice vpcctl vpc create --name "more$n" --cidr "10.$n.0.0/16"
    need alice vpcctl subnet add --vpc "more$n" --name s --cidr "10.$n.1.0/24" --type public
    ((n % 4)) || need alice vpcctl nat enable --vpc "more$n" --interface eth0
    ((n % 4 != 1)) || need alice vpcctl peer create --vpc1 "more$n" --vpc2 vpc1
    ((n % 4 != 2)) || need alice vpcctl firewall apply --vpc "more$n" --subnet s --policy "$scratch/policy.json"
done
before=$(steady | numberless)
reboot_machine
check_not 'nothing of it is left' test -e /run/netns/vpc1
start=$(date +%s%N)
systemctl start vpcd.service
note "18 VPCs were made in $((($(date +%s%N) - start) / 1000000)) ms"
eventually 10 fetch vpc2-a http://10.0.1.2:8080/ >/dev/null 2>&1
same 'after a boot everything is as before: addresses, MACs, routes, rules, units' "$before" "$(steady | numberless)"
check 'check finds nothing after it' vpcctl check
check 'the web server answers' fetch vpc2-a http://10.0.1.2:8080/
is 'NAT works' "$(fetch vpc1-public http://8.8.8.8/cgi-bin/index.cgi)" 198.51.100.2
check_not 'what the policy denies is denied' at vpc2-a timeout 3 bash -c '</dev/tcp/10.0.1.2/22'
check 'peers reach each other' pings vpc1-private 172.16.1.2
for n in {10..25}; do need alice vpcctl vpc delete "more$n"; done

# ---- Damaged state. -------------------------------------------------------------------------------------------------

# The one before last change is kept; here that is the same, but for a subnet.
need alice vpcctl vpc create --name work --cidr 10.9.0.0/16
need alice vpcctl subnet add --vpc work --name first --cidr 10.9.1.0/24
file=$state/vpcs/work.json
cp -a $file $file~ # both generations the same, so that the kernel is as either says
cp -a $state/vpcs "$scratch/vpcs"
before=$(steady)
begun=$(date +%s)

# told SINCE WORDS: vpcd has said so of the file. What it says reaches the journal a moment later on a busy machine.
told() {
    grep -qE "vpcs/work.json.*$2" <<<"$(journalctl -q --no-pager -o cat -u vpcd.service --since "@$1")"
}

# damage NAME WANTED COMMAND…: then vpcd starts, and uses the generation before (WANTED: used) or leaves the VPC alone
# (WANTED: left), and says which it was; the kernel is as it was.
damage() {
    local name=$1 wanted=$2 since
    shift 2
    systemctl stop vpcd.service
    "$@"
    since=$(date '+%s.%N')
    systemctl start vpcd.service || not_ok "$name: vpcd starts"
    damage_wrong=
    if [[ $wanted == used ]]; then
        grep -q '^work ' <<<"$(vpcctl vpc list)" || damage_wrong+='the generation before is not used. '
        eventually 5 told "$since" 'generation before is used' || damage_wrong+='nothing about it in the journal. '
    else
        ! grep -q '^work ' <<<"$(vpcctl vpc list)" || damage_wrong+='it is used. '
        eventually 5 told "$since" 'left as it is' || damage_wrong+='nothing about it in the journal. '
        grep -q 'stored object cannot be read' <<<"$(vpcctl check)" || damage_wrong+='check says nothing. '
        ! vpcctl repair >/dev/null 2>&1 || damage_wrong+='repair goes on without it. '
    fi
    pings vpc1-private 172.16.1.2 >/dev/null || damage_wrong+='another VPC lost its network. '
    ip netns exec work-first ping -n -q -c 1 -W 2 10.9.0.1 >/dev/null || damage_wrong+='the VPC lost its network. '
    vpcctl vpc list | grep -q '^vpc1 ' || damage_wrong+='another VPC is not there. '
}
undamage() {
    systemctl stop vpcd.service
    rm -f $file $file~ "$scratch/elsewhere"
    cp -a "$scratch"/vpcs/. $state/vpcs/
    systemctl start vpcd.service
}
damaged() { # NAME WANTED COMMAND…
    damage "$@"
    if [[ $damage_wrong ]]; then not_ok "$1" "$damage_wrong"; else ok "$1"; fi
    undamage
}

size=$(stat -c %s $file)
wrong=
for ((at = 0; at < size; at += 64)); do
    damage "cut at $at" used truncate -s $at $file
    [[ ! $damage_wrong ]] || wrong+="cut at $at: $damage_wrong"
    undamage
done
is "a file cut at any 64th of its $size bytes: the generation before is used" "$wrong" ''
wrong=
for ((at = 0; at < size; at += 97)); do
    flip() { python3 -c "f = open('$file', 'r+b'); f.seek($at); c = f.read(1)[0] ^ 4; f.seek($at); f.write(bytes([c]))"; }
    damage "a bit at $at" used flip
    # A version that is another is a newer one.
    [[ ! $damage_wrong ]] || wrong+="a bit at $at: $damage_wrong"
    undamage
done
is 'a file with one bit turned anywhere: the generation before is used' "$wrong" ''
damaged 'a file of zeros: the generation before is used' used dd if=/dev/zero of=$file bs="$size" count=1 status=none
damaged 'a file of 1 GiB: the generation before is used' used truncate -s 1G $file
link() { cp $file "$scratch/elsewhere"; ln -sf "$scratch/elsewhere" $file; }
damaged 'a symbolic link: the generation before is used' used link
directory() { rm $file; mkdir $file; }
damage 'a directory' used directory
rmdir $file
if [[ $damage_wrong ]]; then not_ok 'a directory: the generation before is used' "$damage_wrong"; else ok 'a directory: the generation before is used'; fi
undamage
newer() { sed -i 's/"version": *1/"version": 2/' $file; }
damaged 'a file of a newer version: it is left alone' left newer
both() { : >$file; : >$file~; }
damaged 'both generations empty: it is left alone' left both
same 'and after all of these the machine is as before' "$before" "$(steady)"
check 'check finds nothing after them' vpcctl check
note "damage: $(($(date +%s) - begun)) s"
need alice vpcctl vpc delete work

# ---- A full disk. ---------------------------------------------------------------------------------------------------

systemctl stop vpcd.service
mkdir "$scratch/saved"
cp -a $state/. "$scratch/saved/"
mount -t tmpfs -o size=256k,mode=0700 none $state
cp -a "$scratch/saved/." $state/
systemctl start vpcd.service
before=$(steady) lists=$(vpcctl vpc list; vpcctl subnet list; vpcctl firewall list)
dd if=/dev/zero of=$state/fill bs=1k status=none 2>/dev/null
refuse 'with a full disk a call fails, and says of what' 1 'No space left' alice vpcctl vpc create --name late --cidr 10.9.0.0/16
refuse 'another too' 1 'No space left' alice vpcctl subnet add --vpc vpc1 --name late --cidr 10.0.9.0/24
is 'what there was is still shown' "$(vpcctl vpc list; vpcctl subnet list; vpcctl firewall list)" "$lists"
check 'check finds nothing on a full disk' vpcctl check
systemctl restart vpcd.service
is 'and after a restart' "$(vpcctl vpc list; vpcctl subnet list; vpcctl firewall list)" "$lists"
rm $state/fill
same 'nothing is left of the calls that failed' "$before" "$(steady)"
check 'space back, the same call succeeds' alice vpcctl vpc create --name late --cidr 10.9.0.0/16
check 'and the other' alice vpcctl subnet add --vpc vpc1 --name late --cidr 10.0.9.0/24
check 'check finds nothing with space back' vpcctl check
dd if=/dev/zero of=$state/fill bs=1k status=none 2>/dev/null
check 'with a full disk deleting works' alice vpcctl vpc delete late
rm $state/fill
vpcctl cleanup --all --yes >/dev/null
systemctl stop vpcd.service
umount $state
rm -rf "${state:?}"/*s/*
systemctl start vpcd.service
vpcctl cleanup --all --yes >/dev/null
check 'nothing is left at the end' vpcctl check

# ---- State is lost. -------------------------------------------------------------------------------------------------

before=$(picture_kernel)
ip netns add mine
ip -n mine link add eth0 type veth peer name other
ip link add vpc-mine type veth peer name other-mine
need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080
systemctl stop vpcd.service
rm -rf "${state:?}"/vpcs
systemctl start vpcd.service
said=$(vpcctl check)
for left in "link vpc-vpc1 in the host's namespace" 'namespace vpc1' 'namespace vpc1-public'; do
    like "without state $left is found to be left over" "$said" "^$left is left over"
done
unlike 'what is not ours is not' "$said" 'mine'
refuse 'cleanup of a user leaves it' 1 'left over' vpcctl cleanup --yes --verify
check 'cleanup --all takes it away, and says that nothing is left' vpcctl cleanup --all --yes --verify
check 'what is not ours is still there' ip -n mine link show eth0
check 'also the link with a name like ours' ip link show vpc-mine
ip netns del mine
ip link del vpc-mine
check 'the program has ended' eventually 5 bash -c '! pgrep -f "[h]ttpd.*8080"'
same 'the kernel is as before all of it' "$before" "$(picture_kernel)"
done_testing
