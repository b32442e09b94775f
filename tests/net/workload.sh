#!/bin/bash
# vpcctl deploy run: programs that are kept running, their logs, and what becomes of them.
. "$(dirname "$0")/../lib-tap.sh"

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
install -d -o alice "$scratch/work" && cd "$scratch/work" || exit 1
deploy() { alice vpcctl deploy "$@"; }
state() { systemctl show -P "$1" "vpcctl-workload-vpc1.public..$2.service"; }
process() { state MainPID "$1"; }

cat >server <<'PROGRAM'
#!/bin/sh
echo "begins in $PWD: $*"
echo "problem" >&2
n=0
while :; do n=$((n + 1)); echo "tick $n"; sleep 0.3; done
PROGRAM
chmod 755 server

# ---- Running. ----
check 'a program' deploy run --name ticker --vpc vpc1 --subnet public -- ./server one 'two words' '$HOME'
check 'it runs' eventually 3 bash -c "[[ \$(systemctl is-active vpcctl-workload-vpc1.public..ticker.service) == active ]]"
pid=$(process ticker)
status=$(cat "/proc/$pid/status")
is 'as the caller' "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' <<<"$status")" '2001 2001 2001 2001'
is 'without capabilities' "$(grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):	0{16}$' <<<"$status")" 5
like 'and without the way to any' "$status" '^NoNewPrivs:	1$'
is 'in the namespace of the subnet' "$(readlink "/proc/$pid/ns/net")" "$(at vpc1-public readlink /proc/self/ns/net)"
is 'with three descriptors, of which none is ours' "$(for fd in /proc/"$pid"/fd/[0-2]; do readlink "$fd"; done | grep -vc 'null\|socket')" 0
environment=$(tr '\0' '\n' <"/proc/$pid/environ" | sed 's/=.*//')
unlike 'and a fresh environment' "$environment" 'SECRET|LD_|DBUS_|XDG_|SUDO'
like 'list: its state' "$(deploy list)" '^vpc1 +public +ticker +program +10\.0\.1\.2 +- +alice +active'
shown=$(deploy show vpc1/public/ticker)
like 'show: the command' "$shown" 'Command +\./server, one, two words, \$HOME'
like 'show: where it starts' "$shown" "Directory +$scratch/work"
like 'show: the policy for its end' "$shown" 'Restart +on-failure'
check 'JSON' bash -c "as alice vpcctl deploy list --json | python3 -c 'import json, sys; w = json.load(sys.stdin)[0]
assert w[\"command\"][2] == \"two words\" and w[\"kind\"] == \"program\" and w[\"restart\"] == \"on-failure\", w'"
is 'by the bus' "$(call alice ListWorkloads 'sa{sv}' vpc1 0 | grep -o '"Command" as 4')" '"Command" as 4'
refuse 'a second one of that name' 5 'one of that name' deploy run --name ticker vpc1/public -- true
refuse 'without a name' 2 '\-\-name' deploy run vpc1/public -- true
refuse 'without a program' 2 'program' deploy run --name x vpc1/public
refuse 'a program that is not there' 2 'no such program' deploy run --name x vpc1/public -- /nosuchprogram
refuse 'a directory that cannot be entered' 2 'denied' deploy run --name x vpc1/public --directory /root -- true
refuse 'another policy' 2 'always' deploy run --name x --restart sometimes vpc1/public -- true
refuse 'in a subnet that is not there' 3 'nothere' deploy run --name x vpc1/nothere -- true
refuse 'by another user' 4 'authori' bob vpcctl deploy run --name x vpc1/public -- true
is 'of those that were refused nothing is left' "$(systemctl list-units --all --plain --no-legend 'vpcctl-workload*' | wc -l)" 1
check 'a program in a network: it serves' deploy run --name web vpc1/public -- python3 -m http.server --bind 10.0.1.2 8090
check 'to the host' eventually 5 curl -sS --max-time 1 -o /dev/null http://10.0.1.2:8090/

# ---- Logs. ----
check 'logs come' eventually 5 bash -c 'as alice vpcctl deploy logs vpc1/public/ticker | grep -q "tick 3"'
logs=$(deploy logs vpc1/public/ticker --lines 1000)
like 'from the beginning' "$logs" "begins in $scratch/work: one two words \\\$HOME"
like 'errors too' "$logs" ' problem$'
like 'and what the service manager says' "$logs" 'Started'
like 'with the time' "$logs" '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z tick 2$'
is 'in their order' "$(grep -oE 'tick [0-9]+' <<<"$logs" | head -n 3 | xargs)" 'tick 1 tick 2 tick 3'
is 'the newest' "$(deploy logs vpc1/public/ticker --lines 2 | wc -l)" 2
check 'as JSON' bash -c "as alice vpcctl deploy logs vpc1/public/ticker --json --lines 3 | python3 -c 'import json, sys
assert all(isinstance(json.loads(line), str) for line in sys.stdin)'"
timeout 4 as alice vpcctl deploy logs vpc1/public/ticker --follow --lines 1 >"$scratch/followed"
ticks=$(grep -oE 'tick [0-9]+' "$scratch/followed" | cut -d' ' -f2)
is 'follow: every one, once' "$(xargs <<<"$ticks")" "$(seq "$(head -n 1 <<<"$ticks")" "$(tail -n 1 <<<"$ticks")" | xargs)"
check 'follow: as they come' test "$(wc -l <<<"$ticks")" -ge 8
refuse 'logs of what is not there' 3 'nothere' deploy logs vpc1/public/nothere
refuse 'not for others' 4 'authori' bob vpcctl deploy logs vpc1/public/ticker
check 'but for root' vpcctl deploy logs vpc1/public/ticker
deploy run --name escape vpc1/public --restart no -- printf 'a\033[31mred\tb\xff\n' >/dev/null
check 'what a terminal would obey is spelt out' eventually 5 bash -c 'as alice vpcctl deploy logs vpc1/public/escape | grep -qF "a\\x1b[31mred"'
check 'and stopped' deploy stop vpc1/public/escape

# What an earlier one of that name wrote is not told.
check 'one with a secret' deploy run --name again vpc1/public --restart no -- echo the old secret
check 'which is in the log' eventually 5 bash -c 'as alice vpcctl deploy logs vpc1/public/again | grep -q secret'
need deploy stop vpc1/public/again
check 'another one of that name' deploy run --name again vpc1/public --restart no -- echo new
check 'has its own' eventually 5 bash -c 'as alice vpcctl deploy logs vpc1/public/again | grep -q new'
unlike 'and not what was before it' "$(deploy logs vpc1/public/again)" secret
need deploy stop vpc1/public/again

# ---- Ends. ----
pid=$(process ticker)
check 'restart' deploy restart vpc1/public/ticker
check 'it is another process' test "$(process ticker)" -gt 0 -a "$(process ticker)" != "$pid"
check_not 'and the old one is gone' kill -0 "$pid"
like 'the log has both' "$(deploy logs vpc1/public/ticker --lines 1000 | grep -c 'begins in')" '^2$'
refuse 'restart of what is not there' 3 'nothere' deploy restart vpc1/public/nothere
refuse 'restart by another user' 4 'authori' bob vpcctl deploy restart vpc1/public/ticker
pid=$(process ticker)
kill -KILL "$pid"
check 'killed, it is started again' eventually 6 bash -c "p=\$(systemctl show -P MainPID vpcctl-workload-vpc1.public..ticker.service); [[ \$p -gt 0 && \$p != $pid ]]"
need deploy run --name once --restart no vpc1/public -- sh -c 'exit 3'
check 'no: it stays ended' eventually 5 bash -c 'as alice vpcctl deploy list | grep -q "once.*inactive"'
like 'no: the log says how' "$(deploy logs vpc1/public/once)" 'status=3'
check 'no: it can be started again' deploy restart vpc1/public/once
need deploy run --name fine --restart on-failure vpc1/public -- true
check 'on-failure: a good end is the end' eventually 5 bash -c 'as alice vpcctl deploy list | grep -q "fine.*inactive"'
need deploy run --name ever --restart always vpc1/public -- sh -c 'echo round; exit 0'
check 'always: it goes on' eventually 10 bash -c '[[ $(as alice vpcctl deploy logs vpc1/public/ever --lines 1000 | grep -c " round$") -ge 3 ]]'
need deploy stop vpc1/public/ever
check 'stopped while it waits, it stays so' bash -c '! systemctl list-units --all --plain --no-legend "vpcctl-workload*ever*" | grep -q .'
pid=$(process ticker)
systemctl kill -s KILL vpcd.service
sleep 0.3
is 'the service killed: it runs on' "$(process ticker)" "$pid"
like 'the service killed: it is known' "$(deploy list)" 'ticker.*active'

# ---- A boot: everything of the kernel and every unit is gone, and what was to run runs again. ----
mkdir "$scratch/site" && echo 'my site' >"$scratch/site/index.html" && chmod 755 "$scratch/site"
need deploy webserver --vpc vpc1 --subnet public --port 8080 --root "$scratch/site"
need deploy webserver --vpc vpc1 --subnet public --port 8081 --name page
groupadd -f extra && usermod -aG extra alice
need deploy run --name groups vpc1/public -- sh -c 'id -Gn; sleep 5301'
like 'groups: those of the caller' "$(eventually 5 bash -c 'as alice vpcctl deploy logs vpc1/public/groups | grep extra')" extra
gpasswd -d alice extra >/dev/null
useradd -M temporary
cat >/etc/polkit-1/rules.d/05-temporary.rules <<'RULE'
polkit.addRule(function (action, subject) { if (subject.user == "temporary") return polkit.Result.YES; });
RULE
check 'a user who will be gone' eventually 5 as temporary vpcctl deploy run --name temporary vpc1/public -- sleep 5302
systemctl stop vpcd.service
systemctl stop vpcctl.slice
userdel temporary
for namespace in vpc1 vpc1-public; do ip netns del "$namespace"; done
eventually 5 bash -c '! ip link show vpc-vpc1 2>/dev/null' >/dev/null
nft delete table inet vpcctl 2>/dev/null
rm -rf /run/vpcctl
systemctl start vpcd.service
check 'boot: the program' eventually 5 bash -c "[[ \$(systemctl is-active vpcctl-workload-vpc1.public..ticker.service) == active ]]"
is 'boot: as the user' "$(awk '/^Uid:/ { print $2 }' "/proc/$(process ticker)/status")" 2001
is 'boot: where it was started' "$(readlink "/proc/$(process ticker)/cwd")" "$scratch/work"
check 'boot: the web server serves its directory' eventually 5 bash -c "curl -sS --max-time 1 http://10.0.1.2:8080/ | grep -q 'my site'"
check 'boot: the other one its page' eventually 5 bash -c "curl -sS --max-time 1 http://10.0.1.2:8081/ | grep -q vpc1"
like 'boot: what is not to be restarted is not' "$(deploy list)" 'once +program.*inactive'
check 'boot: a group that was taken away does not come back' eventually 5 bash -c 'pgrep -x -f "sleep 5301" >/dev/null'
unlike 'boot: in its process' "$(grep '^Groups' "/proc/$(pgrep -x -f 'sleep 5301')/status")" "\\b$(getent group extra | cut -d: -f3)\\b"
check_not 'boot: a user who is gone does not either' pgrep -x -f 'sleep 5302'
like 'boot: the journal says why' "$(journalctl -q --no-pager -u vpcd.service)" 'temporary.*is gone'
rm /etc/polkit-1/rules.d/05-temporary.rules

# ---- Names and state that are hostile. ----
systemctl stop vpcd.service
state_file=$(find /var/lib/vpcctl/vpcs -name 'vpc1.json')
need test -f "$state_file"
like 'the state has what is needed' "$(cat "$state_file")" '"argv":\["./server","one","two words"'
systemctl start vpcd.service
check 'deleting the VPC ends all of it' alice vpcctl vpc delete vpc1
is 'no unit is left' "$(systemctl list-units --all --plain --no-legend 'vpcctl*' | wc -l)" 0
check_not 'no process' pgrep -u alice
check 'nothing in /run/vpcctl' bash -c '! ls -d /run/vpcctl/sys /run/vpcctl/www 2>/dev/null'
done_testing
