#!/bin/bash
# The example rules for polkit, as shipped, for the set-ups that they are written for: a group of users, a class room, a CI
# runner, a desktop. Run inside the lab: tests/lab tests/net/rules.sh
# shellcheck source=../lib-tap.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib-tap.sh"

rules=/usr/share/vpcctl
active=/etc/polkit-1/rules.d/50-vpcctl.rules
rm -f /etc/polkit-1/rules.d/*lab*.rules /etc/polkit-1/rules.d/*vpcctl*.rules

# use FILE: in place of all other rules about vpcctl. polkitd notices by itself; it is restarted to be sure of the moment.
use() {
    cp "$rules/$1" "$active"
    systemctl reset-failed polkit 2>/dev/null
    systemctl restart polkit
}
add_to_group() {
    getent group "$2" >/dev/null || groupadd --system "$2"
    usermod --append --groups "$2" "$1"
}

systemctl restart polkit
refuse 'without a rule: nothing' 4 'authori' alice vpcctl --no-ask-password vpc create a1 10.0.0.0/16

use example.rules
refuse 'example: not a member' 4 'authori' mallory vpcctl vpc create m1 10.0.0.0/16
add_to_group alice vpcctl
check 'example: a member makes a VPC' alice vpcctl vpc create a1 10.0.0.0/16
check 'example: and a subnet' alice vpcctl subnet add a1 s 10.0.1.0/24 --type public
check 'example: and NAT' alice vpcctl nat enable a1 eth0
check 'example: and runs a program' alice vpcctl exec a1/s -- true
refuse 'example: others are kept out' 4 'authori' bob vpcctl vpc delete a1
refuse 'example: nobody may purge' 4 'authori' alice vpcctl cleanup --all --yes
check 'example: it goes' alice vpcctl cleanup --yes

use classroom.rules
add_to_group alice students
add_to_group bob students
add_to_group carol teachers
mkdir -p /etc/vpcctl
echo '{"limits": {"vpcs-per-user": 2}}' >/etc/vpcctl/vpcd.json
systemctl restart vpcd
check 'class room: a student makes a VPC' alice vpcctl vpc create a1 10.0.0.0/16
check 'class room: another student too' bob vpcctl vpc create b1 10.0.0.0/16
check 'class room: NAT by the one interface' alice vpcctl nat enable a1 eth0
ip link add other type veth peer name other1
refuse 'class room: not by another' 4 'authori' alice vpcctl nat enable a1 other
ip link delete other
refuse 'class room: not in another student'"'"'s' 4 'authori' bob vpcctl vpc delete a1
check 'class room: two VPCs' alice vpcctl vpc create a2 10.1.0.0/16
refuse 'class room: a third is over the quota' 5 'vpcs-per-user' alice vpcctl vpc create a3 10.2.0.0/16
check 'class room: the teacher manages a student'"'"'s' carol vpcctl vpc delete a1
check 'class room: after which there is room' alice vpcctl vpc create a3 10.2.0.0/16
refuse 'class room: who is in neither group' 4 'authori' mallory vpcctl vpc create m1 10.0.0.0/16
check 'class room: clean-up of one student' alice vpcctl cleanup --yes
check 'class room: and the other' bob vpcctl cleanup --yes
rm /etc/vpcctl/vpcd.json
systemctl restart vpcd

use ci.rules
useradd --create-home ci
ci() { timeout 60 as ci "$@"; }
check 'CI: a VPC of its kind' ci vpcctl vpc create ci-1 10.0.0.0/16
check 'CI: with a subnet' ci vpcctl subnet add ci-1 s 10.0.1.0/24
check 'CI: and a program' ci vpcctl exec ci-1/s -- true
refuse 'CI: not of another name' 4 'authori' ci vpcctl vpc create prod 10.0.0.0/16
refuse 'CI: not as another user' 4 'authori' mallory vpcctl vpc create ci-2 10.0.0.0/16
check 'CI: clean-up' ci vpcctl cleanup --yes

use desktop.rules
refuse 'desktop: without a local session' 4 'authori' mallory vpcctl vpc create m1 10.0.0.0/16
done_testing
