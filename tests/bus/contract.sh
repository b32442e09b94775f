#!/bin/bash
# What belongs together is the same everywhere: the description of the API and the running service; its methods, operations
# and polkit actions; the client's commands, their manual and completion; and what the bus lets through.
# Run inside the lab: tests/lab tests/bus/contract.sh
# shellcheck source=../lib-tap.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib-tap.sh"

repo=${tests%/*}
xml=$repo/dbus/$service.xml

# ---- The description and the service. ----

# members FILE INTERFACE: every member of it with all that a caller can see, one a line.
members() {
    python3 - "$@" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

# Without a word, a property's changes are told with its value.
ignored = {"org.freedesktop.systemd1.Explicit", "org.freedesktop.systemd1.Privileged"}

for interface in tree.parse(sys.argv[1]).getroot().iter("interface"):
    if interface.get("name") != sys.argv[2]:
        continue
    for member in interface:
        if member.tag not in ("method", "signal", "property"):
            continue
        default = "in" if member.tag == "method" else "out"
        print(member.tag, member.get("name"), member.get("type", ""), member.get("access", ""),
              *(f"{a.get('direction', default)}:{a.get('name')}:{a.get('type')}" for a in member.findall("arg")),
              *sorted(f"{a.get('name')}={a.get('value')}" for a in member.findall("annotation")
                      if a.get("name") not in ignored))
PYTHON
}

introspect() {
    gdbus introspect --system --dest "$service" --object-path "$1" --xml
}

# interfaces FILE: the names of ours in it.
interfaces() {
    grep -oE "<interface name=\"${service//./\\.}\.[A-Za-z]+\"" "$1" | sed 's/.*"\(.*\)"/\1/' | sort
}

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl vpc create --name vpc2 --cidr 10.1.0.0/16
need bob vpcctl vpc create --name bobs --cidr 10.2.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need bob vpcctl subnet add --vpc bobs --name public --cidr 10.2.1.0/24 --type public
need alice vpcctl peer create --vpc1 vpc1 --vpc2 vpc2
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080

# An object of each interface.
: >"$scratch/live"
while read -r path; do
    introspect "$path" >"$scratch/one.xml"
    for interface in $(interfaces "$scratch/one.xml"); do
        [[ -f $scratch/$interface.live ]] && continue
        members "$scratch/one.xml" "$interface" | sort >"$scratch/$interface.live"
        echo "$interface" >>"$scratch/live"
    done
done < <(busctl --system tree --list "$service")
same 'the interfaces are those of the description' "$(interfaces "$xml")" "$(sort "$scratch/live")"
for interface in $(interfaces "$xml"); do
    same "$interface is as described" "$(members "$xml" "$interface" | sort)" "$(cat "$scratch/$interface.live")"
done
same 'the description is installed as it is' "$(cat "$xml")" "$(cat "/usr/share/dbus-1/interfaces/$service.xml")"

# What a list tells is what the object's properties are: both are described by the one interface.
listed() {
    busctl --system --json=short call "$service" "$object" "$manager" "$@" | python3 -c '
import json, sys
for entry in json.load(sys.stdin)["data"][0]:
    print(*sorted(f"{key} {value[chr(116) + chr(121) + chr(112) + chr(101)]}" for key, value in entry.items()), sep="\n")
    break'
}
properties() {
    awk '$1 == "property" { print $2, $3 }' "$scratch/$service.$1.live" | sort
}
same 'ListVpcs gives the properties of a VPC' "$(properties Vpc)" "$(listed ListVpcs 'a{sv}' 0)"
same 'ListSubnets those of a subnet' "$(properties Subnet)" "$(listed ListSubnets 'sa{sv}' vpc1 0)"
same 'ListPeerings those of a peering' "$(properties Peering)" "$(listed ListPeerings 'sa{sv}' '' 0)"
same 'ListWorkloads those of a workload' "$(properties Workload)" "$(listed ListWorkloads 'sa{sv}' '' 0)"

# ---- Methods and operations. ----
methods=$(awk '$1 == "method" { print $2 }' "$scratch/$manager.live")
rows=$(grep -oE '^    (READ|CHANGE|ACT)\((OP_[A-Z]+, )?"?[A-Za-z]*"?' "$repo/helper/ops.c" | grep -oE '"[A-Za-z]+"' | tr -d '"' | sort)
rows_below=$(grep -oE '^ +ACT\(OP_[A-Z]+, "[A-Za-z]+"' "$repo/helper/ops.c" | grep -oE '"[A-Za-z]+"' | tr -d '"' | sort)
check 'the source of the operations is read' test -n "$rows"
same 'every method has its row, and every row its method' "$(sort <<<"$methods")" \
    "$(printf '%s\n%s\n' "$rows" "$rows_below" | sort -u)"
undescribed=
for method in $methods; do
    grep -q "\"$method\"" "$xml" || undescribed+=" $method"
done
is 'every method is in the description' "$undescribed" ''

# No method is unknown to the service, whoever calls: without rights the walk is refused by polkit, not by the bus.
results=$(timeout 300 as mallory "${LAB_BUILD:?}/walk")
same 'every method answers' "$(sort <<<"$methods")" "$(awk '{ print $1 }' <<<"$results" | sort)"
unlike 'and none is unknown' "$results" 'UnknownMethod|UnknownInterface|UnknownObject|InconsistentMessage'

# ---- Operations and polkit. ----
verbs=$(grep -oE '\.verb = "[a-z-]+"' "$repo/helper/ops.c" | sed 's/.*"\(.*\)"/\1/' | grep -v '^check-access$' | sort -u)
installed=$(pkaction | grep "^org\.vpcctl\.")
# needed USER VERB VPC: the actions that it takes, one a line.
needed() {
    as "$1" busctl --system --json=short call "$service" "$object" "$manager" CheckAccess 'ssa{sv}' "$2" "$3" 0 \
        | python3 -c 'import json, sys; print(*json.load(sys.stdin)["data"][1], sep="\n")' 2>/dev/null
}
used='' mute=''
for verb in $verbs; do
    needed alice "$verb" vpc1 >/dev/null 2>&1 || mute+=" $verb"
    for vpc in vpc1 bobs ''; do
        used+=$(needed alice "$verb" "$vpc" 2>/dev/null)$'\n'
    done
done
used=$(grep . <<<"$used" | sort -u)
is 'every verb can be asked about' "$mute" ''
note "verbs: $(xargs <<<"$verbs")"
note "actions: $(xargs <<<"$used")"
check 'every verb that changes something needs an action' test "$(wc -l <<<"$used")" -ge 4
is 'every action that is asked for is installed' "$(comm -23 <(echo "$used") <(sort <<<"$installed"))" ''
for name in $(sed -n '/action_names\[\]/,/}/p' "$repo/helper/authz.c" | grep -oE '"[a-z-]+"' | tr -d '"'); do
    check "the permission $name has its action" grep -qx "org\.vpcctl\.vpcd1\.$name" <<<"$installed"
done
same 'there is no action without a permission' "$(sort <<<"$installed")" \
    "$(sed -n '/action_names\[\]/,/}/p' "$repo/helper/authz.c" | grep -oE '"[a-z-]+"' | tr -d '"' | sed 's/^/org.vpcctl.vpcd1./' | sort)"
while read -r action; do
    details=$(pkaction --verbose --action-id "$action")
    unlike "$action is granted to nobody by itself" "$details" 'implicit (any|inactive|active): +yes'
    like "$action has a description and a question" "$details" 'description: +[A-Z].*'
    like "$action: the question is a sentence" "$details" 'message: +Authentication is required to '
done <<<"$installed"

# ---- The client. ----
commands=$(vpcctl help --list | cut -f 1)
manual=$(sed -E 's/^\.(It|Nm|Op|Po|Pc|Cm) ?(Cm )?//' "$repo/docs/vpcctl.1")
missing=
while read -r command; do
    grep -qE "^(It )?(Cm )?$command( |$)" <<<"$manual" || missing+=" '$command'"
done <<<"$commands"
is 'every command is in the manual' "$missing" ''
missing=
while IFS=$'\t' read -r command options; do
    for option in $options; do
        option=${option#--}
        grep -qE "Fl -${option%%=*}( |$)" "$repo/docs/vpcctl.1" || missing+=" '$command --${option%%=*}'"
    done
done < <(vpcctl help --list)
is 'and every option' "$missing" ''
check 'the manual is installed' test -s /usr/share/man/man1/vpcctl.1 -o -s /usr/share/man/man1/vpcctl.1.gz

# complete WORD…: what bash would offer for the last one.
complete_words() {
    bash -c '. "$0"
        function=$(complete -p vpcctl | sed -E "s/.*-F ([^ ]+).*/\1/")
        COMP_WORDS=(vpcctl "$@") COMP_CWORD=$#
        COMP_LINE="vpcctl $*" COMP_POINT=${#COMP_LINE}
        "$function" vpcctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}"' "$repo/docs/completion/vpcctl.bash" "$@" | sed 's/ *$//' | sort -u
}
missing=
while read -r noun verb; do
    grep -qx -- "$noun" < <(complete_words '') || missing+=" '$noun'"
    [[ $verb ]] || continue
    grep -qx -- "$verb" < <(complete_words "$noun" '') || missing+=" '$noun $verb'"
done <<<"$commands"
is 'every command is completed' "$missing" ''
missing=
while IFS=$'\t' read -r command options; do
    # shellcheck disable=SC2086  # one or two words
    offered=$(complete_words $command --)
    for option in $options; do
        grep -qE -- "^${option%%=*}=?$" <<<"$offered" || missing+=" '$command ${option%%=*}'"
    done
done < <(vpcctl help --list)
is 'and every option' "$missing" ''
same 'verbs that "can" is asked about are completed' "$verbs" "$(complete_words can --verb '' | sort)"

# ---- The bus. ----
conf=$repo/dbus/$service.conf
same 'the bus policy is installed as it is' "$(cat "$conf")" "$(cat "/usr/share/dbus-1/system.d/$service.conf")"
allowed=$(python3 - "$conf" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

for policy in tree.parse(sys.argv[1]).getroot().findall("policy"):
    for rule in policy:
        assert rule.get("own") or rule.get("send_destination"), rule.attrib
        if policy.get("context") == "default" and rule.tag == "allow":
            assert rule.get("send_type") == "method_call" and rule.get("send_interface"), rule.attrib
            print(rule.get("send_interface"))
PYTHON
)
# Those of ours that have methods to call, and the four that every object may have.
callable=$(for interface in $(interfaces "$xml"); do
    if grep -q '^method' "$scratch/$interface.live"; then echo "$interface"; fi
done
printf 'org.freedesktop.DBus.%s\n' Introspectable ObjectManager Peer Properties)
same 'the bus lets through what can be called, and nothing else' "$(sort <<<"$callable")" "$(sort <<<"$allowed")"
denied='AccessDenied|Access denied|not allowed|rejected'
for interface in Vpc Subnet Peering Workload Endpoint; do
    refuse "a call on the interface $interface is not" 1 "$denied" mallory busctl --system call "$service" "$object" "$service.$interface" Anything
done
refuse 'nor one without an interface of ours' 1 "$denied" mallory busctl --system call "$service" "$object" org.freedesktop.systemd1.Manager Reload
refuse 'nobody else may own the name' 1 "$denied" mallory python3 -c "
import ctypes, sys
sd = ctypes.CDLL('libsystemd.so.0')
bus = ctypes.c_void_p()
assert sd.sd_bus_open_system(ctypes.byref(bus)) >= 0
r = sd.sd_bus_request_name(bus, b'$service', ctypes.c_uint64(2))
print('AccessDenied' if r == -13 else f'result {r}', file=sys.stderr)
sys.exit(r < 0)"
for property in Version Features Generation; do
    refuse "the property $property cannot be set" 1 'read-only|not writable|PropertyReadOnly' \
        mallory busctl --system set-property "$service" "$object" "$manager" "$property" s x
done

done_testing
