#!/bin/bash
# vpcctl exec on a terminal: a real shell in a subnet, with job control, size and interrupts, and a terminal that is not the
# caller's. terminal-drive.py plays the person.
. "$(dirname "$0")/../lib-tap.sh"

drive() { timeout 60 "$tests/net/terminal-drive.py" "$@" 2>&1; }
# What was shown, and "status N" on a line.
session() {
    local status=0
    drive "$@" || status=$?
    printf '\nstatus %s\n' "$status"
}
gone() { ! pgrep -x -f "$1" >/dev/null; }
exec_in=(as alice vpcctl exec --vpc vpc1 --subnet public)

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
cd /home/alice || exit 1

# A shell. "wait" is for output, "send" types (\r is Enter, \x03 Ctrl-C), "resize" changes the window.
output=$(session wait '\$ ' send 'echo shell=$0 tty=$(tty) pid=$$\r' wait 'shell=-bash tty=/dev/pts/[0-9]+ pid=[0-9]+' \
    wait '\$ ' send 'exit 3\r' end -- "${exec_in[@]}")
like 'without a program: the login shell of the user database, on a terminal' "$output" 'shell=-bash tty=/dev/pts/[0-9]+'
like 'its exit status is ours' "$output" '^status 3$'

output=$(SHELL=/bin/false session wait '\$ ' send 'exit 4\r' end -- as alice env SHELL=/bin/false vpcctl exec vpc1/public)
like 'the environment does not choose the shell' "$output" '^status 4$'

output=$(session wait '\$ ' send 'sleep 5100\r' sleep 0.5 send '\x1a' wait 'Stopped' send 'jobs\r' wait 'Stopped.*sleep 5100' \
    send 'bg\r' wait 'sleep 5100 &' send 'fg\r' sleep 0.3 send '\x03' wait '\$ ' send 'echo rc=$?\r' wait 'rc=130' \
    send 'exit\r' end -- "${exec_in[@]}")
like 'job control: Ctrl-Z, jobs, bg, fg and Ctrl-C' "$output" 'rc=130'
like 'and the shell goes on to its end' "$output" '^status 0$'
check 'no program is left of it' gone 'sleep 5100'

output=$(session size 33 99 wait '\$ ' send 'stty size\r' wait '33 99' send 'trap "echo changed" WINCH\r' resize 44 111 \
    wait 'changed' send 'stty size\r' wait '44 111' send 'exit 0\r' end -- "${exec_in[@]}")
like 'the window has its size at the start' "$output" '33 99'
like 'and another one when it is resized' "$output" '44 111'
like 'resize: well' "$output" '^status 0$'
output=$(session size 21 67 end -- "${exec_in[@]}" -- stty size)
like 'a program that looks at once sees the size' "$output" '^21 67'

output=$(session wait ready send '\x03' end -- "${exec_in[@]}" -- sh -c 'echo ready; exec sleep 5101')
like 'Ctrl-C ends a program' "$output" '^status 130$'
output=$(session wait ready send '\x1c' end -- "${exec_in[@]}" -- sh -c 'echo ready; exec sleep 5102')
like 'so does Ctrl-\' "$output" '^status 131$'
output=$(session wait ready send 'hello\r\x04' end -- "${exec_in[@]}" -- sh -c 'echo ready; cat; exit 5')
like 'Ctrl-D ends its input' "$output" '^status 5$'
output=$(session wait ready send '\x1d\x1d\x1d' end -- "${exec_in[@]}" -- sh -c 'trap "" INT TERM HUP; echo ready; sleep 5103')
like 'Ctrl-] three times leaves a program that hears nothing' "$output" '^status 1$'
check 'which is ended' eventually 5 gone 'sleep 5103'
output=$(drive end -- "${exec_in[@]}" -- sh -c 'seq 20000; exit 6' | md5sum)
is 'a lot of output comes whole' "$output" "$(seq 20000 | md5sum)"
output=$(drive end -- "${exec_in[@]}" -- printf 'last words')
like 'the last output of a program that ends at once' "$output" 'last words'
is 'erasing takes whole characters' "$(drive wait ready send 'a\xc3\xbc\x7f\r' end -- "${exec_in[@]}" -- sh -c 'echo ready; read line; echo "[$line]"' | tail -n 1)" '[a]'
# A client that comes late to reading: nothing may be thrown away at the end.
output=$(session wait ready run 'pkill -STOP -x vpcctl; sleep 1.5; pkill -CONT -x vpcctl' end -- \
    "${exec_in[@]}" -- sh -c 'echo ready; sleep 0.5; echo last words; exit 7')
like 'nor is it lost when we are slow' "$output" '^last words'
like 'nor the status' "$output" '^status 7$'
is 'input that is no keys, with --tty' "$({ sleep 1; printf 'one\ntwo\n'; } | alice vpcctl exec vpc1/public --tty -- sh -c 'stty -echo; cat' | tr -d '\r' | xargs)" 'one two'
check 'a flood of input does not block' timeout 20 bash -c \
    "drive() { \"$tests/net/terminal-drive.py\" \"\$@\"; }; head -c 300000 /dev/zero | tr '\\0' 'x' | fold -w 100 | as alice vpcctl exec vpc1/public --tty -- sh -c 'stty -echo; sleep 1; head -n 100 >/dev/null'"

# Whose terminal it is (B22, B23).
output=$(session end -- bash -c 'tty; "$@"' bash "${exec_in[@]}" -- sh -c \
    'tty; ps -o sid=,pid=,tpgid= -p $$; ls -l /proc/self/fd; stat -c "owner %U %a" $(tty)')
is 'it is not the caller'"'"'s' "$(grep -o '^/dev/pts/[0-9]*' <<<"$output" | sort -u | wc -l)" 2
like 'the program is a session of its own, in the foreground of it' "$output" '^ *([0-9]+) +\1 +\1$'
like 'the terminal is the user'"'"'s' "$output" '^owner alice (620|600)'
is 'three descriptors, and ls its own' "$(grep -c -- '-> ' <<<"$output")" 4
cat >"$scratch/inject.py" <<'PYTHON'
import fcntl, os, sys, termios
got = 0
for path in ["/dev/tty"] + ["/dev/pts/" + n for n in os.listdir("/dev/pts") if n.isdigit()] + [0, 1, 2]:
    try:
        fd = path if isinstance(path, int) else os.open(path, os.O_RDWR | os.O_NOCTTY)
        for c in b"echo injected > /tmp/injected\n":
            fcntl.ioctl(fd, termios.TIOCSTI, bytes([c]))
        got += 1
    except OSError:
        pass
print("done", got)
PYTHON
chmod 644 "$scratch/inject.py"
rm -f /tmp/injected
output=$(drive wait 'outer\$ ' send "vpcctl exec vpc1/public -- python3 $scratch/inject.py\\r" wait 'done' wait 'outer\$ ' \
    send 'echo quiet\r' wait 'quiet' send 'exit\r' end -- as alice bash --norc --noprofile -c 'PS1="outer\$ " exec bash --norc --noprofile -i')
like 'TIOCSTI: the program ran' "$output" 'done'
if [[ $(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null || echo 1) == 1 ]]; then
    check 'and typed nothing into the caller'"'"'s terminal' test ! -e /tmp/injected
else
    skip 'and typed nothing into the caller'"'"'s terminal' 'this kernel lets nobody'
fi

# The caller's terminal afterwards.
for way in 'true' 'sh -c "exit 9"' 'nosuchprogram' 'sh -c "kill -9 \$\$"'; do
    output=$(drive end -- as alice bash -c "before=\$(stty -g); vpcctl exec vpc1/public -- $way; [[ \$(stty -g) == \"\$before\" ]] && echo restored")
    like "the terminal is as it was after: $way" "$output" 'restored'
done
for signal in TERM HUP INT; do
    output=$(drive wait ready sleep 0.2 end -- as alice bash -c "
        before=\$(stty -g)
        vpcctl exec vpc1/public -- sh -c 'echo ready; exec sleep 5104' &
        wait_for=\$!
        (sleep 1.5; pkill -$signal -x vpcctl) &
        fg %1 2>/dev/null || wait \$wait_for
        [[ \$(stty -g) == \"\$before\" ]] && echo restored" <<<'')
    like "the terminal is as it was after SIG$signal" "$output" 'restored'
done
output=$(session wait 'outer\$ ' send 'vpcctl exec vpc1/public -- sh -c "echo ready; sleep 3; echo over"\r' wait 'ready' sleep 0.3 run 'pkill -TSTP -x vpcctl' \
    wait 'Stopped' send 'stty -a | grep -o -- "[-]*icanon"\r' wait 'l\ricanon' send 'fg\r' wait 'over' wait 'outer\$ ' send 'exit\r' \
    end -- as alice bash --norc --noprofile -c 'PS1="outer\$ " exec bash --norc --noprofile -i')
like 'stopped as a job it gives the terminal back, and goes on' "$output" '^status 0$'

# When what is not: plain descriptors.
is 'with output elsewhere there is no terminal' "$(drive end -- bash -c '"$@" >'"$scratch/plain"' 2>&1; cat '"$scratch/plain" bash "${exec_in[@]}" -- sh -c 'test -t 1 || echo plain' | xargs)" plain
like '--no-tty: the descriptors as they are' "$(drive end -- "${exec_in[@]}" --no-tty -- sh -c 'echo $(ps -o tty= -p $$)')" '\?'
refuse '--tty and --no-tty' 2 'exclude' alice vpcctl exec vpc1/public --tty --no-tty -- true

# The service killed and the client killed.
"$tests/net/terminal-drive.py" wait ready run 'systemctl kill -s KILL vpcd.service' sleep 2 send '\r' end -- \
    "${exec_in[@]}" -- sh -c 'echo ready; read line; echo still here; exit 8' >"$scratch/killed" 2>&1
is 'the service killed meanwhile: status' $? 8
like 'the service killed meanwhile: output' "$(cat "$scratch/killed")" 'still here'
drive wait ready run 'pkill -KILL -x vpcctl' end -- "${exec_in[@]}" -- sh -c 'trap "" HUP; echo ready; sleep 5105; sleep 5105' >/dev/null
check 'the client killed: the program is ended' eventually 5 gone 'sleep 5105'
is 'no terminal is left open' "$(ls /proc/"$(systemctl show -P MainPID vpcd.service)"/fd -l | grep -c ptmx)" 0
is 'no unit is left behind' "$(systemctl list-units --all --plain --no-legend 'vpc*exec*' | wc -l)" 0

need alice vpcctl cleanup --yes
check 'nothing is left in /run/vpcctl' bash -c '! ls -d /run/vpcctl/sys /run/vpcctl/www 2>/dev/null'
done_testing
