#!/bin/bash
# What a program in a subnet cannot do, and what its caller cannot make the service do with it.
. "$(dirname "$0")/../lib-tap.sh"

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl exec vpc1/public --directory / -- true
run() { alice vpcctl exec --vpc vpc1 --subnet public -- "$@"; }
mkdir -p /etc/netns/vpc1-public
echo 'nameserver 192.0.2.53' >/etc/netns/vpc1-public/resolv.conf
mkdir "$scratch/work" && chown alice "$scratch/work" && cd "$scratch/work" || exit 1
host_before=$(ip -o link; cat /etc/resolv.conf; grep -vE ' /run/(user|credentials)' /proc/self/mounts | sort)

# ---- Who it is (B22). ----
status=$(run sh -c 'id; cat /proc/self/status; ulimit -c')
is 'uid, gid and groups' "$(head -n 1 <<<"$status")" "$(alice id)"
is 'all five sets of capabilities are empty' "$(grep -cE '^Cap(Inh|Prm|Eff|Bnd|Amb):	0000000000000000$' <<<"$status")" 5
like 'no new privileges' "$status" '^NoNewPrivs:	1$'
like 'umask 022' "$status" '^Umask:	0022$'
like 'no signal is ignored or blocked' "$(grep -E '^Sig(Blk|Ign)' <<<"$status" | sort -u | tr -d '\n')" 'SigBlk:	0{16}SigIgn:	0{16}'
run sh -c 'cat /proc/self/cgroup; read line' < <(sleep 1) >"$scratch/cgroup" &
eventually 3 test -s "$scratch/cgroup"
unit=$(grep -oE 'vpcctl-exec-[0-9a-f-]*\.service' "$scratch/cgroup" | head -n 1)
like 'a cgroup of its own, in a unit that names the user' "$unit" '^vpcctl-exec-2001-'
is 'with limits' "$(systemctl show -P TasksMax -P MemoryMax "$unit" | sort | xargs)" '1024 4294967296'
wait
is 'a pipe that closes ends it' "$(run sh -c 'yes | head -n 1; echo ${PIPESTATUS:-over}')" "$(printf 'y\nover')"

# ---- What it gets (B23). ----
is 'descriptors, the caller having 50 more' "$(for ((i = 10; i < 60; i++)); do eval "exec $i</etc/passwd"; done
    run sh -c 'ls /proc/$$/fd' | xargs)" '0 1 2'
environment=$(alice env -i PATH=/nowhere:/usr/bin:/bin HOME=/tmp SECRET=1 LD_PRELOAD=/nonexistent.so LD_AUDIT=x BASH_ENV=/etc/passwd \
    XDG_RUNTIME_DIR=/run/user/2001 NOTIFY_SOCKET=/x LISTEN_FDS=1 TERM=xterm LC_TIME=C TZ=UTC vpcctl exec vpc1/public -- env 2>/dev/null)
is 'the environment: these names and no others' "$(sed 's/=.*//' <<<"$environment" | sort | xargs)" \
    'HOME LANG LC_TIME LOGNAME PATH SHELL TERM TZ USER'
like 'HOME is that of the user database' "$environment" '^HOME=/home/alice$'
unlike 'PATH is not the caller'"'"'s' "$environment" 'nowhere'
refuse 'a name that is not on the list' 1 'not one that' call alice Deploy 'sssasa{sv}' vpc1 public w 1 true 1 environment as 1 LD_PRELOAD=x
refuse 'a value with a newline' 1 'not one that' call alice Deploy 'sssasa{sv}' vpc1 public w 1 true 1 environment as 1 $'TERM=x\nUser=root'

# ---- It cannot climb (B25). ----
for words in 'sudo -n id -u' 'pkexec --disable-internal-agent id -u' 'su -c id' 'unshare -n true' 'nsenter -t 1 -n ip link' \
    'ip link add dummy0 type dummy' 'ip link set eth0 down' 'ip addr add 10.0.1.9/24 dev eth0' 'mount -t tmpfs x /mnt' \
    'nft list ruleset' 'chown root /etc/hostname' 'kill -0 1' 'cat /etc/shadow' 'ls /run/vpcctl/sys' 'ls /var/lib/vpcctl/vpcs' \
    'ip netns exec vpc1 true' 'setpriv --reuid 0 true' 'chroot / true'; do
    # shellcheck disable=SC2086
    check_not "fails: $words" run $words
done
cp /bin/id "$scratch/setuid-id" && chmod 4755 "$scratch/setuid-id"
is 'a setuid program gains nothing' "$(run "$scratch/setuid-id" -u)" 2001
is 'nor does a new user namespace reach the host' \
    "$(run sh -c 'unshare -Un nsenter -t 1 -n true 2>/dev/null && echo entered; unshare -Ur ip link add dummy1 type dummy 2>/dev/null; ip -o link | grep -c dummy')" 0
like 'it holds in a user namespace too' "$(run unshare -Ur sh -c 'ip link set eth0 mtu 1400; mount -o remount,suid / ' 2>&1)" 'not permitted|denied'
is 'the interface is as it was' "$(at vpc1-public cat /sys/class/net/eth0/mtu)" "$(at vpc1 cat /sys/class/net/br-vpc1/mtu)"

# ---- What it sees (B28). ----
is '/sys has the interfaces of the namespace' "$(run ls /sys/class/net | xargs)" 'eth0 lo'
is 'with their addresses' "$(run cat /sys/class/net/eth0/address)" "$(at vpc1-public cat /sys/class/net/eth0/address)"
is 'and its resolver' "$(run cat /etc/resolv.conf)" 'nameserver 192.0.2.53'
is 'which the caller cannot change' "$(run sh -c 'echo x >/etc/resolv.conf' 2>/dev/null; cat /etc/netns/vpc1-public/resolv.conf)" 'nameserver 192.0.2.53'

# ---- Where it starts (B26). ----
is 'where the caller is' "$(run pwd)" "$scratch/work"
printf '#!/bin/sh\necho "script in $PWD: $*"\n' >script && chmod 755 script
is 'and a program is found from there' "$(run ./script a 'b c')" "script in $scratch/work: a b c"
mkdir inner && is 'also from below' "$(cd inner && alice vpcctl exec vpc1/public -- ../script)" "script in $scratch/work/inner: "
is 'or where it is told to' "$(alice vpcctl exec vpc1/public --directory /usr -- pwd)" /usr
is 'PWD of the environment is nothing' "$(alice env PWD=/etc vpcctl exec vpc1/public -- pwd)" "$scratch/work"
mkdir -m 700 "$scratch/private" && mkdir "$scratch/private/below"
refuse 'not into a directory of root' 2 'denied' alice vpcctl exec vpc1/public --directory /root -- pwd
refuse 'not below one' 2 'denied' alice vpcctl exec vpc1/public --directory "$scratch/private/below" -- pwd
refuse 'not /proc/self/fd/7' 2 'no such|denied' alice vpcctl exec vpc1/public --directory /proc/self/fd/7 -- pwd
exec 7<"$scratch/private"
refuse 'not through a descriptor that the caller has been given' 2 'entered|denied' \
    alice vpcctl exec vpc1/public --directory /proc/self/fd/7 -- pwd
refuse 'nor when it is where the caller is' 2 'entered|denied' bash -c "cd $scratch/private && as alice vpcctl exec vpc1/public -- pwd"
exec 7<&-
mkdir "$scratch/gone"
refuse 'not into a deleted one' 2 'deleted' bash -c "cd $scratch/gone && rmdir $scratch/gone && as alice vpcctl exec vpc1/public -- /bin/pwd"
mkdir "$scratch/gone" "$scratch/gone (deleted)"
refuse 'not into the one that has its place' 2 'deleted' \
    bash -c "cd $scratch/gone && rmdir $scratch/gone && as alice vpcctl exec vpc1/public -- /bin/pwd"
is 'but into one that is called so' "$(alice vpcctl exec vpc1/public --directory "$scratch/gone (deleted)" -- pwd)" "$scratch/gone (deleted)"
# The last one's own unit goes a moment after it has ended.
no_exec_units() { [[ ! $(systemctl list-units --all --plain --no-legend 'vpc*exec*') ]]; }
check 'no unit came of these' eventually 5 no_exec_units

# ---- Words that say something else (B8). ----
newline=$'a\nExecStartPre=/bin/touch /climbed\nUser=root'
is 'an argument with newlines, dollars and specifiers' "$(run printf '%s|' "$newline" '$HOME' '${HOME}' '%H' '$(id)' '-x' '"' "\\")" \
    "$newline|\$HOME|\${HOME}|%H|\$(id)|-x|\"|\\|"
run sh -c 'sleep 3' "$newline" &
eventually 3 bash -c "systemctl list-units --plain --no-legend 'vpc*exec*' | grep -q ." || not_ok 'it runs'
systemctl daemon-reload
unit=$(systemctl list-units --plain --no-legend 'vpc*exec*' | awk '{ print $1; exit }')
is 'and after the service manager has read the unit anew it is still the user'"'"'s' "$(systemctl show -P User "$unit")" 2001
is 'with nothing before it' "$(systemctl show -P ExecStartPre "$unit")" ''
wait
check 'nothing was run by it' test ! -e /climbed
for program in "$newline" '-true' '@true' '+true' '!true' ':true' '|true' '' '../../bin/true' '/bin/../bin/true'; do
    check_not "no program: $(head -n 1 <<<"$program")" call alice Deploy 'sssasa{sv}' vpc1 public w 1 "$program" 0
done
refuse 'an argument that is too long' 1,5 'more than|LimitsExceeded' call alice Deploy 'sssasa{sv}' vpc1 public w 2 true "$(head -c 70000 /dev/zero | tr '\0' x)" 0
prompt=$("$tests/net/pty-drive.py" 20 'Password: ?$' wrong su --pty -l carol -c \
    "vpcctl exec vpc1/public --directory / -- echo \$'\\e[31mred\\nsecond \\xe2\\x80\\xaetfel' '\$(id)' $(head -c 300 /dev/zero | tr '\0' y)" 2>&1)
like 'a prompt shows what is asked for' "$prompt" 'arguments: echo'
like 'with what a terminal would obey spelt out' "$prompt" 'u\{1b\}\[31mred'
like 'newlines and turned text too' "$prompt" 'u\{a\}second \\u\{202e\}tfel'
like 'and what is too long cut, visibly' "$prompt" 'y…\[cut\]'
unlike 'nothing of it is obeyed' "$(cat -v <<<"$prompt")" '\^\[\[31mred'

# ---- Descriptors (B10). ----
need systemctl restart vpcd.service
call alice ListVpcs 'a{sv}' 0 >/dev/null
service_pid() { systemctl show -P MainPID vpcd.service; }
descriptors() { ls "/proc/$(service_pid)/fd" | wc -l; }
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$(service_pid)/status"; }
results=$(as alice "${LAB_BUILD:?}/descriptors")
while read -r method argument kind result time; do
    is "$method: $argument is a $kind" "$result" org.freedesktop.DBus.Error.InvalidArgs
    ((${time:-9999} < 1000)) || not_ok "within a second: $method $argument $kind took $time ms"
done <<<"$results"
is 'every kind was tried' "$(wc -l <<<"$results")" 41
pid=$(service_pid) fds=$(descriptors) kilobytes=$(memory)
need as alice "$LAB_BUILD/descriptors" 20
is 'after 820 of them: the same process' "$(service_pid)" "$pid"
is 'as many descriptors' "$(descriptors)" "$fds"
grown=$(($(memory) - kilobytes))
if [[ ${LAB_SANITIZE:-} ]]; then # which remembers what was freed
    skip 'and no more memory' 'the sanitizers keep it'
else
    check "and no more memory ($grown kB)" test "$grown" -lt 2048
fi

# ---- Signals to what is not the caller's (B13). ----
cat >"$scratch/sample.py" <<'PYTHON'
import os, sys, time

# As the user: may a signal be sent to vpcd, or to any process of an exec that is another's, at whatever point of its start?
service, uid, end = int(sys.argv[1]), os.getuid(), time.monotonic() + 6
sent, samples, own, others = set(), 0, 0, 0
while time.monotonic() < end:
    started = time.monotonic()
    pids = [(service, "vpcd")]
    for path, _, files in os.walk(sys.argv[2]):
        if "vpcctl-exec-" in path:
            try:
                with open(path + "/cgroup.procs") as procs:
                    pids += [(int(line), path) for line in procs]
            except OSError:
                pass
    for pid, path in pids:
        mine = f"vpcctl-exec-{uid}-" in path
        others += not mine
        try:
            os.kill(pid, 0)
            if mine:
                own += 1
            else:
                sent.add((pid, path))
        except PermissionError:
            pass
        except OSError:
            others -= not mine
    samples += 1
    time.sleep(max(0, 0.001 - (time.monotonic() - started)))
print("samples", samples, "own", own, "others", others, "sent", sorted(sent))
PYTHON
chmod 644 "$scratch/sample.py"
need bob vpcctl vpc create --name bobs --cidr 10.9.0.0/16
need bob vpcctl subnet add --vpc bobs --name public --cidr 10.9.1.0/24
run sleep 8 &
eventually 3 bash -c 'find /sys/fs/cgroup -type d -name vpcctl.slice | grep -q .'
hierarchy=$(find /sys/fs/cgroup/systemd /sys/fs/cgroup -maxdepth 1 -type d -name vpcctl.slice 2>/dev/null | head -n 1)
as alice python3 "$scratch/sample.py" "$(service_pid)" "$hierarchy" >"$scratch/samples" &
sampler=$!
end=$((SECONDS + 5))
while ((SECONDS < end)); do bob vpcctl exec bobs/public -- sh -c 'sleep 0.02'; done
wait "$sampler"
wait
note "$(cat "$scratch/samples")"
like 'alice signals neither the service nor what bob runs, from its first moment on' "$(cat "$scratch/samples")" 'sent \[\]'
like 'asked at many moments' "$(cat "$scratch/samples")" '^samples [0-9]{3,} own [1-9][0-9]* others [0-9]{4,}'

# ---- How many. ----
mkdir -p /etc/vpcctl
echo '{"limits": {"execs-per-user": 2}}' >/etc/vpcctl/vpcd.json
need systemctl restart vpcd.service
run sleep 5201 &
run sleep 5201 &
eventually 5 bash -c '[[ $(pgrep -c -x -f "sleep 5201") == 2 ]]' || not_ok 'two run'
refuse 'one more than the limit' 5 'execs-per-user' alice vpcctl exec vpc1/public -- true
systemctl kill -s KILL vpcd.service
refuse 'also by a service that took the others up' 5 'execs-per-user' alice vpcctl exec vpc1/public -- true
check 'others are not concerned' vpcctl exec vpc1/public -- true
pkill -x -f 'sleep 5201'
wait
check 'and when they have ended there is room' alice vpcctl exec vpc1/public -- true
rm /etc/vpcctl/vpcd.json
need systemctl restart vpcd.service

# ---- As root. ----
root() { vpcctl exec vpc1/public --as-root -- "$@"; }
refuse 'as root: not with the right to run' 4 'run-as-root' alice vpcctl exec vpc1/public --as-root -- true
cat >/etc/polkit-1/rules.d/05-root.rules <<'RULE'
polkit.addRule(function (action, subject) {
    if (action.id == "org.vpcctl.vpcd1.run-as-root" && subject.user == "alice" && action.lookup("verb") == "exec-as-root" &&
            action.lookup("user") == "root")
        return polkit.Result.YES;
});
RULE
check 'as root: with a rule for it' eventually 5 alice vpcctl exec vpc1/public --as-root -- true
rm /etc/polkit-1/rules.d/05-root.rules
like 'as root: the log says so' "$(vpcctl log --lines 20)" 'exec-as-root'
status=$(root sh -c 'id -u; cat /proc/self/status')
is 'as root: uid 0' "$(head -n 1 <<<"$status")" 0
is 'as root: CAP_NET_ADMIN and CAP_NET_RAW alone' "$(grep -cE '^Cap(Prm|Eff|Bnd):	0000000000003000$' <<<"$status")" 3
like 'as root: no new privileges' "$status" '^NoNewPrivs:	1$'
root sh -c 'exit 37'
is 'as root: the status' $? 37
root sh -c 'kill -TERM $$'
is 'as root: ended by a signal' $? 143
refuse 'as root: no such program' 203 'no such program' root nosuchprogram
is 'as root: input and output' "$(echo hello | root tr a-z A-Z)" HELLO
check 'as root: it may change the interface' root sh -c 'ip link set eth0 mtu 1400 && ip link set eth0 mtu 1500'
check 'as root: and listen to it' timeout 10 vpcctl exec vpc1/public --as-root -- python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)'
is 'as root: it sees no process but its own' "$(root sh -c 'set -- /proc/[0-9]*; [ $# -le 3 ] && echo few')" few
check_not 'as root: not that of the service' root sh -c "test -e /proc/$(service_pid)/status"
is 'as root: kill -9 -1 reaches nobody else' "$(root sh -c 'kill -9 -1 2>/dev/null; sleep 0.2; echo on')" on
check 'as root: the service lives' systemctl is-active vpcd.service
for words in 'touch /etc/climbed' 'touch /usr/climbed' 'touch /var/climbed' 'ls /root' 'ls /home/alice' 'cat /etc/shadow' \
    'ls /var/lib/vpcctl' 'ls /run/vpcctl' 'ls /run/dbus' 'busctl --system list' 'systemctl status' 'ls /dev/sda' \
    'mount -t tmpfs x /mnt' 'mount -o remount,rw /proc' 'unshare -n true' 'unshare -U true' 'nsenter -t 1 -n true' 'chown alice /etc/hostname' \
    'setpriv --reuid 2001 true' 'nsenter --net=/run/netns/vpc1 true' 'hostname climbed' 'dmesg'; do
    # shellcheck disable=SC2086
    check_not "as root, fails: $words" root $words
done
for setting in kernel/core_pattern kernel/modprobe kernel/sysrq vm/drop_caches net/ipv4/ip_forward; do
    check_not "as root: no setting of the kernel: $setting" root sh -c "cat /proc/sys/$setting >/proc/sys/$setting"
done
check_not 'as root: no unix socket' root python3 -c 'import socket; socket.socket(socket.AF_UNIX)'
check_not 'as root: nor by another architecture or io_uring' root python3 -c 'import ctypes, sys
sys.exit(0 if ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(120)) >= 0 else 1)'
check 'as root: /tmp is its own' root sh -c 'touch /tmp/x && test ! -e '"$scratch"
like 'as root: on a terminal, with job control' "$("$tests/net/terminal-drive.py" wait '# ' send 'sleep 5202\r' sleep 0.4 \
    send '\x1a' wait Stopped send 'kill %1; tty; id -u\r' wait '\n0' send 'exit 6\r' end -- vpcctl exec vpc1/public --as-root -- \
    bash --norc --noprofile 2>&1; echo "status $?")" 'status 6'
vpcctl exec vpc1/public --as-root -- sleep 5203 &
client=$!
eventually 5 pgrep -x -f 'sleep 5203' >/dev/null || not_ok 'as root: it runs'
kill -KILL "$client"
wait "$client" 2>/dev/null
check 'as root: it does not outlive its client' eventually 5 bash -c '! pgrep -x -f "sleep 5203"'

need bob vpcctl cleanup --yes
same 'the host is as it was' "$host_before" "$(ip -o link; cat /etc/resolv.conf; grep -vE ' /run/(user|credentials)' /proc/self/mounts | sort)"
need alice vpcctl cleanup --yes
done_testing
