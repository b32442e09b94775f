#!/bin/bash
# Deleting a VPC with everything alive in it: it ends, and what was before its creation is all there is.
. "$(dirname "$0")/../lib-tap.sh"

# Names and rights of what a VPC could leave. The audit log and the generation tell of the past, and a directory that all
# VPCs share is no trace of one.
files() {
    find /var/lib/vpcctl /etc /run -xdev \( -path /run/systemd/journal -o -path /run/log -o -path /run/systemd/units \
        -o -path /run/systemd/transient \) -prune -o ! -name vpcctl.log ! -path '/run/vpcctl/*' -printf '%p %y %m\n' | sort
    find /run/vpcctl ! -type d -printf '%p %y %m\n' | sort
}

before_kernel=$(picture_kernel)
need alice vpcctl vpc list
before_units=$(picture_units)
before_files=$(files)

for vpc in vpc1 vpc2 vpc3; do
    number=${vpc#vpc}
    need alice vpcctl vpc create --name $vpc --cidr "10.$number.0.0/16"
    need alice vpcctl subnet add --vpc $vpc --name public --cidr "10.$number.1.0/24" --type public
    need alice vpcctl subnet add --vpc $vpc --name private --cidr "10.$number.2.0/24" --type private
    need alice vpcctl nat enable --vpc $vpc --interface eth0
    need alice vpcctl deploy webserver --vpc $vpc --subnet public --port 8080
done
need alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc2
need alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc3
need alice vpcctl peer create --vpc1 vpc2 --vpc2 vpc3
echo '{"ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"}]}' >"$scratch/policy.json"
need alice vpcctl firewall apply --vpc vpc1 --subnet public --policy "$scratch/policy.json"
as alice vpcctl exec --vpc vpc1 --subnet public -- sleep 4711 >"$scratch/exec" 2>&1 &
exec=$!
need eventually 5 pgrep -x -f 'sleep 4711'
# One that hides from its parent, and one that root put there.
as alice vpcctl exec --vpc vpc1 --subnet private -- sh -c 'setsid sleep 4712 & sleep 4713' >"$scratch/exec2" 2>&1 &
need eventually 5 pgrep -x -f 'sleep 4712'
ip netns exec vpc1-public sleep 4714 &
root=$!
at vpc1-public curl -sS --max-time 3 http://8.8.8.8/ >/dev/null

check 'vpc delete with all of it alive' alice vpcctl vpc delete vpc1
status=0
wait "$exec" || status=$?
check_not 'vpcctl exec has ended' test "$status" = 0
for process in 4711 4712 4713; do
    check_not "the process sleep $process is gone" pgrep -x -f "sleep $process"
done
is 'its web server is gone, those of the others are not' "$(pgrep -u alice -c -f 'busybox|httpd')" 2
unlike 'its namespaces are gone' "$(ip netns list)" '^vpc1\b'
unlike 'no link of it is left' "$(ip link)" 'vpc1'
unlike 'no route to it is left' "$(ip route)" '10\.1\.0\.0'
unlike 'no rule of it is left' "$(nft list ruleset)" 'vpc1'
unlike 'no unit of it is left' "$(systemctl list-units --all --plain --no-legend 'vpc*')" 'vpc1'
unlike 'no file of it is left' "$(find /var/lib/vpcctl ! -name 'vpcctl.log*')" 'vpc1'
unlike 'its peers have no route to it' "$(at vpc2-public ip route)" '10\.1\.0\.0'
unlike 'its peers do not list it' "$(alice vpcctl vpc show vpc2)" 'vpc1'
check 'the others still reach each other' pings vpc2-public 10.3.1.2
check 'the others still reach the internet' pings vpc2-public 8.8.8.8
check 'the others still serve' fetch host http://10.2.1.2:8080
kill "$root" 2>/dev/null
wait "$root" 2>/dev/null
check 'the same name can be used again at once' alice vpcctl vpc create --name vpc1 --cidr 10.1.0.0/16
check 'and it works' alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.1.1.0/24 --type public
check 'and answers' pings vpc1-public 10.1.0.1
for vpc in vpc1 vpc2 vpc3; do
    check "vpc delete $vpc" alice vpcctl vpc delete $vpc
done

same 'the kernel is as it was before the first VPC' "$before_kernel" "$(eventually 3 test "$(picture_kernel)" = "$before_kernel"; picture_kernel)"
same 'so are the units' "$before_units" "$(picture_units)"
same 'so are the files' "$before_files" "$(files)"

# Many times over, nothing grows.
for ((i = 0; i < 10; i++)); do
    need alice vpcctl vpc create --name again --cidr 10.40.0.0/16
    need alice vpcctl subnet add --vpc again --name public --cidr 10.40.1.0/24 --type public
    need alice vpcctl nat enable --vpc again --interface eth0
    need alice vpcctl vpc delete again
done
same 'after ten more the kernel is as it was' "$before_kernel" "$(picture_kernel)"

# Everything at once.
for vpc in one two; do
    need alice vpcctl vpc create --name $vpc --cidr 10.41.0.0/16
    need alice vpcctl subnet add --vpc $vpc --name public --cidr 10.41.1.0/24 --type public
    need alice vpcctl deploy webserver --vpc $vpc --subnet public --port 80
done
need bob vpcctl vpc create --name bobs --cidr 10.42.0.0/16
check 'cleanup --yes' alice vpcctl cleanup --yes
like 'what is another user'"'"'s stays' "$(ip netns list)" '^bobs\b'
unlike 'what is hers is gone' "$(ip netns list)" '^(one|two)\b'
need ip netns add foreign
check 'cleanup --all --yes, as root' vpcctl cleanup --all --yes
like 'a foreign namespace stays' "$(ip netns list)" '^foreign\b'
need ip netns delete foreign
same 'the kernel is as it was, after cleanup' "$before_kernel" "$(picture_kernel)"
done_testing
