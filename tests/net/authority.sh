#!/bin/bash
# Who may do what: every changing method is refused to a user without rights and then nothing has changed; a user with
# rights cannot touch what is another's; an administrator is asked for a password.
. "$(dirname "$0")/../lib-tap.sh"

walk=${LAB_BUILD:?}/walk

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl subnet add --vpc vpc1 --name private --cidr 10.0.2.0/24 --type private
need alice vpcctl nat enable --vpc vpc1 --interface eth0
need alice vpcctl vpc create --name vpc2 --cidr 172.16.0.0/16
need alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc2
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080
echo '{"ingress": [{"port": 8080, "protocol": "tcp", "action": "allow"}]}' >"$scratch/policy.json"
need alice vpcctl firewall apply --vpc vpc1 --subnet public --policy "$scratch/policy.json"
need test -x "$walk"

# For each changing method the command that ends in it. A method that is not here is reported.
declare -A command=(
    [CreateVpc]='vpc create --name walked --cidr 10.77.0.0/16'
    [DeleteVpc]='vpc delete --name vpc1'
    [AddSubnet]='subnet add --vpc vpc1 --name walked --cidr 10.0.77.0/24 --type public'
    [DeleteSubnet]='subnet delete --vpc vpc1 --name public'
    [EnableNat]='nat enable --vpc vpc1 --interface eth0'
    [DisableNat]='nat disable --vpc vpc1'
    [CreatePeering]='peer create --vpc1 vpc1 --vpc2 vpc2'
    [AcceptPeering]='peer accept --vpc1 vpc1 --vpc2 vpc2'
    [DeletePeering]='peer delete --vpc1 vpc1 --vpc2 vpc2'
    [ApplyFirewall]="firewall apply --vpc vpc1 --subnet public --policy $scratch/policy.json"
    [ClearFirewall]='firewall clear --vpc vpc1 --subnet public'
    [DeployWebserver]='deploy webserver --vpc vpc1 --subnet public --port 8081 --name walked'
    [StopWorkload]='deploy stop --vpc vpc1 --subnet public --name webserver'
    [Deploy]='deploy run --vpc vpc1 --subnet public --name walked -- true'
    [RestartWorkload]='deploy restart --vpc vpc1 --subnet public --name webserver'
    [Exec]='exec --vpc vpc1 --subnet public -- true'
    [ExecTerminal]='exec --vpc vpc1 --subnet public --tty -- true'
    [Repair]='repair vpc1'
    [Purge]='cleanup --all --yes'
)

before=$(steady)

# Mallory, by the bus.
methods=$(as mallory "$walk" --methods)
is 'introspection tells of all methods of the interface description' \
    "$(awk '{ print $1 }' <<<"$methods" | sort | xargs)" \
    "$(sed -n '/Vpcd1.Manager/,/<\/interface>/ s/.*<method name="\([A-Za-z]*\)".*/\1/p' "$tests/../dbus/$service.xml" | sort | xargs)"
results=$(timeout 300 as mallory "$walk")
while read -r method _ result; do
    case $method in
        GetWorkloadLog | Check) is "mallory may not: $method, by the bus" "$result" org.freedesktop.DBus.Error.AccessDenied ;;
        List* | Get* | Check*) is "mallory may read: $method" "$result" ok ;;
        # His own VPCs, of which there are none, may go without a question.
        *) is "mallory may not: $method, by the bus" "$result" org.freedesktop.DBus.Error.AccessDenied ;;
    esac
done <<<"$results"
same 'after all of these nothing has changed' "$before" "$(picture)"

# Mallory, by busctl.
while read -r method signature arguments; do
    [[ $method == List* || $method == Get* || $method == Check* || ! $arguments ]] && continue
    eval "set -- $arguments" # quoted by walk, for this
    refuse "mallory may not: $method, by busctl" 1 'access denied|not authorized|AccessDenied|permission' \
        call mallory "$method" "$signature" "$@"
done <<<"$methods"
same 'after all of these nothing has changed, by busctl' "$before" "$(picture)"

# Mallory, by vpcctl.
while read -r method _; do
    [[ $method == List* || $method == Get* || $method == Check* ]] && continue
    if [[ ! ${command[$method]:-} ]]; then
        not_ok "this suite knows the command of method $method"
        continue
    fi
    # shellcheck disable=SC2086  # words
    refuse "mallory may not: vpcctl ${command[$method]%% -*}" 4 'authori' mallory vpcctl ${command[$method]}
done <<<"$methods"
same 'after all of these nothing has changed, by vpcctl' "$before" "$(picture)"

# Properties are for reading.
refuse 'mallory may not set a property' 1 'read-only|not writable|denied' \
    as mallory busctl --system set-property $service $object $manager Generation t 5
refuse 'alice may not set a property' 1 'read-only|not writable|denied' \
    as alice busctl --system set-property $service $object $manager Version s 9
same 'after these nothing has changed' "$before" "$(picture)"
like 'the audit log tells of a refusal' "$(vpcctl log --lines 500 2>&1)" '(mallory|2003).*(refused|denied)|(refused|denied).*(mallory|2003)'
like 'the journal tells of a refusal' "$(journalctl -q --no-pager _COMM=vpcd -o json 2>/dev/null)" 2003

# Bob has rights, but not to what is alice's.
for method in DeleteVpc AddSubnet DeleteSubnet EnableNat DisableNat DeletePeering ApplyFirewall ClearFirewall \
    DeployWebserver Deploy RestartWorkload StopWorkload Exec ExecTerminal Repair Purge; do
    # shellcheck disable=SC2086
    refuse "bob may not: vpcctl ${command[$method]%% -*}" 4 'authori' bob vpcctl ${command[$method]}
done
same 'after all of these nothing has changed, by bob' "$before" "$(picture)"
need bob vpcctl vpc create --name bobs --cidr 10.60.0.0/16
# A peering needs both owners: what one of them asks for is a request, without effect in the kernel.
before_kernel=$(picture_kernel)
check 'bob may ask for a peering of his with hers' bob vpcctl peer create --vpc1 bobs --vpc2 vpc1
like 'which is a request' "$(bob vpcctl peer show bobs vpc1)" 'State +requested'
same 'and nothing in the kernel' "$before_kernel" "$(picture_kernel)"
refuse 'bob may not accept it for her' 4 'authori' bob vpcctl peer accept bobs vpc1
refuse 'mallory may not accept it' 4 'authori' mallory vpcctl peer accept bobs vpc1
check 'alice may accept it' alice vpcctl peer accept bobs vpc1
like 'then it is in force' "$(bob vpcctl peer show bobs vpc1)" 'State +active'
like 'and in the kernel' "$(ip -n vpc1 link)" 'peer-bobs'
refuse 'mallory may not end it' 4 'authori' mallory vpcctl peer delete bobs vpc1
check 'either side may end it' bob vpcctl peer delete bobs vpc1
same 'and the kernel is as before' "$before_kernel" "$(picture_kernel)"
check 'alice may ask too' alice vpcctl peer create vpc1 bobs
check 'and bob turns it down' bob vpcctl peer delete vpc1 bobs
check 'alice is told that she can' alice vpcctl can vpc-delete vpc1
check_not 'bob is told that he cannot' bob vpcctl can vpc-delete vpc1
refuse 'alice may not delete his' 4 'authori' alice vpcctl vpc delete bobs
check 'bob may delete his' bob vpcctl cleanup --yes
like 'and what is alice'"'"'s is still there' "$(bob vpcctl vpc list)" vpc1
same 'and nothing else has changed' "$before" "$(picture)"

# Looking whether it is broken is for who could mend it; anybody may look after his own, even of nothing.
refuse "bob may not look whether alice's is broken" 4 'authori' bob vpcctl check vpc1
check 'alice may' alice vpcctl check vpc1
check 'alice may mend her own' alice vpcctl repair
check 'mallory may look after his own' mallory vpcctl check
refuse 'of a VPC that is not there anybody is told' 3 'no.*vpc' mallory vpcctl check nothing

# Carol, an administrator.
refuse 'carol without a terminal gets a clear no' 4 'authori' \
    timeout 30 su -l carol -c 'vpcctl vpc create --name carols --cidr 10.61.0.0/16 </dev/null'
refuse 'carol with --no-ask-password gets a clear no' 4 'authori' \
    carol vpcctl --no-ask-password vpc create --name carols --cidr 10.61.0.0/16
same 'after these nothing has changed, by carol' "$before" "$(picture)"
drive=$tests/net/pty-drive.py
output=$("$drive" 40 '[Pp]assword: ?$' wrong \
    su --pty -l carol -c 'vpcctl vpc create --name carols --cidr 10.61.0.0/16'; echo "status $?")
like 'carol with a wrong password: asked' "$output" '[Pp]assword'
like 'carol with a wrong password: refused' "$output" '^status 4$'
same 'carol with a wrong password: nothing has changed' "$before" "$(picture)"
output=$("$drive" 40 '[Pp]assword: ?$' carol \
    su --pty -l carol -c 'vpcctl vpc create --name carols --cidr 10.61.0.0/16'; echo "status $?")
like 'carol with her password: asked' "$output" '[Pp]assword'
like 'carol with her password: done' "$output" '^status 0$'
like 'carol with her password: the VPC is there' "$(carol vpcctl vpc list)" carols
check 'root may delete it without a question' vpcctl vpc delete carols

# polkit gone: no.
systemctl mask --runtime --now polkit.service >/dev/null 2>&1
refuse 'without polkit alice gets a clear no' 4 'authori' alice vpcctl vpc create --name nopolkit --cidr 10.62.0.0/16
check 'without polkit reading works' alice vpcctl vpc list
systemctl unmask --runtime polkit.service >/dev/null 2>&1
systemctl start polkit.service
same 'without polkit nothing has changed' "$before" "$(steady)"
check 'with polkit again she may' alice vpcctl vpc create --name polkit --cidr 10.62.0.0/16

# Nothing has more rights than it needs.
check_not 'no program of ours is setuid or has capabilities' bash -c \
    'find /usr/bin/vpcctl /usr/libexec/vpcctl -perm /6000 | grep . || getcap -r /usr/bin/vpcctl /usr/libexec/vpcctl | grep .'
check_not 'mallory cannot read the state' mallory ls /var/lib/vpcctl/vpcs
check_not 'mallory cannot kill the service' mallory kill -9 "$(systemctl show -P MainPID vpcd)"
actions=$(pkaction --verbose | sed -n '/^org.vpcctl/,/^$/p')
is 'the polkit actions are those of the design' "$(sed -n 's/^org.vpcctl.vpcd1.\(.*\):$/\1/p' <<<"$actions" | sort | xargs)" \
    'create expose manage manage-own purge run run-as-root'
unlike 'none of them is granted to everybody' "$actions" 'implicit.*: +yes'
score=$(systemd-analyze security --no-pager vpcd.service 2>/dev/null | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
if [[ ${LAB_SANITIZE:-} ]]; then
    skip 'the unit is hardened' 'relaxed for the sanitizers'
else
    check "the unit is hardened: exposure $score is at most 4.3" awk "BEGIN { exit !($score <= 4.3) }"
fi

vpcctl cleanup --all --yes >/dev/null
done_testing
