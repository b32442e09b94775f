#!/bin/bash
# vpcctl exec: a program in a subnet, as the caller and as if it ran here.
. "$(dirname "$0")/../lib-tap.sh"

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl subnet add --vpc vpc1 --name private --cidr 10.0.2.0/24 --type private
need alice vpcctl nat enable --vpc vpc1 --interface eth0
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080
run() { alice vpcctl exec --vpc vpc1 --subnet public -- "$@"; }

# The network.
check 'ping without rights' run ping -q -c 1 -W 2 10.0.2.2
check 'ping without rights, to the internet' run ping -q -c 1 -W 2 8.8.8.8
is 'curl' "$(run curl -sS --max-time 3 http://8.8.8.8/)" 198.51.100.2
like 'ip addr shows the subnet' "$(run ip -4 addr show eth0)" '10\.0\.1\.2/24'
unlike 'and nothing of the host' "$(run ip addr)" '198\.51\.100\.2'
is '/sys shows its interfaces, not those of the host' "$(run ls /sys/class/net | xargs)" "$(at vpc1-public ls /sys/class/net | xargs)"
like 'from the private subnet: the web server' \
    "$(alice vpcctl exec --vpc vpc1 --subnet private -- curl -sS --max-time 3 http://10.0.1.2:8080)" vpc1
check_not 'from the private subnet: no internet' alice vpcctl exec --vpc vpc1 --subnet private -- ping -q -c 1 -W 1 8.8.8.8
check 'names in place' alice vpcctl exec vpc1/public true

# Input, output, status.
is 'standard output' "$(run echo 'two words')" 'two words'
is 'standard error' "$(run sh -c 'echo oops >&2' 2>&1 >/dev/null)" oops
is 'standard input' "$(echo hello | run tr a-z A-Z)" HELLO
is 'a megabyte through both' "$(head -c 1000000 /dev/zero | run cat | wc -c)" 1000000
is 'arguments come unchanged' "$(run printf '<%s>' 'a b' '' '$HOME' '%n' '*' "it's" 'a"b' 'ü')" "<a b><><\$HOME><%n><*><it's><a\"b><ü>"
for status in 0 1 42 255; do
    run sh -c "exit $status"
    is "exit status $status" $? "$status"
done
run sh -c 'kill -TERM $$'
is 'ended by a signal: 128 + its number' $? 143
run sh -c 'kill -KILL $$'
is 'killed: 137' $? 137
refuse 'a program that is not there' 2,126,127 'nosuchprogram&&no such' run nosuchprogram
refuse 'a program that is not executable' 2,126,127 'passwd' run /etc/passwd
is 'output of many lines in order' "$(run seq 20000 | md5sum)" "$(seq 20000 | md5sum)"

# Signals. interrupt SIGNAL: a running exec gets it; prints its exit status; the program must be gone.
interrupt() {
    local status=0
    # (a shell's job in the background would ignore SIGINT)
    as alice env --default-signal=INT,QUIT vpcctl exec --vpc vpc1 --subnet public -- sleep 5005 &
    local client=$!
    eventually 5 pgrep -x -f 'sleep 5005' >/dev/null || echo 'did not start'
    kill "-$1" "$client"
    wait "$client" 2>/dev/null || status=$?
    echo "$status"
    eventually 3 bash -c "! pgrep -x -f 'sleep 5005'" >/dev/null || echo 'the program is still there'
}
is 'SIGINT ends the program: 130' "$(interrupt INT 2>/dev/null)" 130
is 'SIGTERM ends the program: 143' "$(interrupt TERM 2>/dev/null)" 143
is 'SIGHUP ends the program: 129' "$(interrupt HUP 2>/dev/null)" 129
is 'when the client is killed the program ends too' "$(interrupt KILL 2>/dev/null)" 137
# (the pause: with the signal the terminal throws away what is on its way, and goes on doing so for a moment)
output=$("$tests/net/pty-drive.py" 10 ready $'\003' \
    as alice vpcctl exec --vpc vpc1 --subnet public -- sh -c 'trap "sleep 0.3; echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done'
    echo "status $?")
like 'Ctrl-C on a terminal reaches the program' "$output" caught
like 'which decides what to do with it' "$output" 'status 9'
output=$("$tests/net/pty-drive.py" 10 ready $'\004' as alice vpcctl exec --vpc vpc1 --subnet public -- sh -c 'echo ready; cat; echo over'
    echo "status $?")
like 'the end of input on a terminal reaches the program' "$output" over
like 'colours and columns: the program sees a terminal' \
    "$("$tests/net/pty-drive.py" 10 never x as alice vpcctl exec --vpc vpc1 --subnet public -- sh -c 'test -t 1 && echo terminal')" terminal

# Who it is.
is 'the uid and groups are those of the caller' "$(run id)" "$(alice id)"
caller=$(run cat /proc/self/status)
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    like "no capabilities: $set" "$caller" "^$set:[[:space:]]+0000000000000000$"
done
like 'no new privileges' "$caller" '^NoNewPrivs:[[:space:]]+1$'
like 'groups as logged in' "$(carol true; as carol id -Gn)" sudo
is 'only the three descriptors' "$(run sh -c 'ls /proc/$$/fd' | xargs)" '0 1 2'
environment=$(SECRET=1 LD_PRELOAD='' alice env SECRET=1 LD_LIBRARY_PATH=/tmp DBUS_SYSTEM_BUS_ADDRESS= TERM=xterm HOME=/home/alice \
    bash -c 'unset DBUS_SYSTEM_BUS_ADDRESS; vpcctl exec --vpc vpc1 --subnet public -- env')
unlike 'the environment is not handed on whole' "$environment" 'SECRET|LD_|DBUS_|NOTIFY_SOCKET|LISTEN_'
like 'HOME is the caller'"'"'s' "$environment" '^HOME=/home/alice$'
like 'there is a PATH' "$environment" '^PATH=.*/usr/bin'
check_not 'it cannot change the network' run ip link add dummy0 type dummy
check_not 'it cannot change addresses' run ip addr add 10.0.1.9/24 dev eth0
check_not 'it cannot read the state' run ls /var/lib/vpcctl/vpcs
check_not 'it cannot enter the host' run nsenter -t 1 -n true
check 'it can listen on port 80' run timeout 1 sh -c 'busybox httpd -p 80'
check 'alice may kill her own' run true
refuse 'another user may not' 4 'authori' bob vpcctl exec --vpc vpc1 --subnet public -- true
is 'no unit is left behind' "$(systemctl list-units --all --plain --no-legend 'vpc*exec*' | wc -l)" 0

# Many at once, that end at once: many rounds, since what is wrong there is rare.
good=0
for ((round = 0; round < 15; round++)); do
    for ((i = 0; i < 10; i++)); do
        run sh -c "echo $i; exit $i" >"$scratch/many.$i" 2>&1 &
        pids[i]=$!
    done
    for ((i = 0; i < 10; i++)); do
        status=0
        wait "${pids[i]}" || status=$?
        if [[ $status == "$i" && $(cat "$scratch/many.$i") == "$i" ]]; then
            good=$((good + 1))
        else
            note "number $i ended with $status and said: $(xargs <"$scratch/many.$i")"
        fi
    done
done
is 'ten at once, 15 times, each with its own output and status' "$good" 150

# A restart of the service does not disturb what runs.
run sh -c 'sleep 2; echo still here; exit 3' >"$scratch/long" 2>&1 &
long=$!
sleep 0.5
systemctl kill -s KILL vpcd.service
wait "$long"
is 'the service killed meanwhile: exit status' $? 3
is 'the service killed meanwhile: output' "$(cat "$scratch/long")" 'still here'

need alice vpcctl cleanup --yes
done_testing
