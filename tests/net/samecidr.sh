#!/bin/bash
# Two VPCs with the same addresses, both with NAT: both work at once and neither reaches the other.
. "$(dirname "$0")/../lib-tap.sh"

for vpc in left right; do
    check "vpc create $vpc" alice vpcctl vpc create --name $vpc --cidr 10.5.0.0/16
    check "subnet add $vpc/web" alice vpcctl subnet add --vpc $vpc --name web --cidr 10.5.1.0/24 --type public
    check "nat enable $vpc" alice vpcctl nat enable --vpc $vpc --interface eth0
done
need alice vpcctl subnet add --vpc left --name onlyleft --cidr 10.5.7.0/24 --type public
need alice vpcctl subnet add --vpc right --name onlyright --cidr 10.5.8.0/24 --type public
for vpc in left right; do
    check "deploy webserver in $vpc" alice vpcctl deploy webserver --vpc $vpc --subnet web --port 8080
done

like 'in left, the address is that of left' "$(fetch left-onlyleft http://10.5.1.2:8080)" left
like 'in right, the same address is that of right' "$(fetch right-onlyright http://10.5.1.2:8080)" right
is 'left reaches the internet' "$(fetch left-web http://8.8.8.8/)" 198.51.100.2
is 'right reaches the internet' "$(fetch right-web http://8.8.8.8/)" 198.51.100.2

# At once, each from the same address, many times.
many() {
    local namespace=$1 i answers=0
    for ((i = 0; i < 40; i++)); do
        [[ $(fetch "$namespace" http://203.0.113.10/) == 198.51.100.2 ]] && answers=$((answers + 1))
    done
    echo "$answers"
}
many left-web >"$scratch/left" &
left=$!
many right-web >"$scratch/right" &
wait "$left" $!
is 'left reaches the internet 40 times while right does' "$(cat "$scratch/left")" 40
is 'right reaches the internet 40 times while left does' "$(cat "$scratch/right")" 40
# The same ports on both sides too, so that only the translation tells them apart.
same_port() {
    at "$1" curl -sS --max-time 5 --local-port 33333 http://8.8.8.8/
}
same_port left-web >"$scratch/left" 2>&1 &
left=$!
same_port right-web >"$scratch/right" 2>&1 &
wait "$left" $!
is 'left reaches the internet from the same port' "$(cat "$scratch/left")" 198.51.100.2
is 'right reaches the internet from the same port' "$(cat "$scratch/right")" 198.51.100.2

check_not 'left does not reach what only right has' pings left-web 10.5.8.2 1
check_not 'right does not reach what only left has' pings right-web 10.5.7.2 1
check_not 'left does not reach what only right has, TCP' fetch left-web http://10.5.8.2:80/
# Somebody who is root inside sends to the other's uplink address.
for vpc in left right; do
    uplink=$(ip -4 -o route show dev "vpc-$vpc" | grep -oE '169\.254\.[0-9.]+' | head -n 1)
    like "$vpc has its uplink address" "$uplink" '^169\.254\.'
    other=$([[ $vpc == left ]] && echo right || echo left)
    address=$(ip netns exec "$vpc" ip -4 -o addr show | grep -oE '169\.254\.[0-9.]+' | head -n 1)
    check_not "$other does not reach the uplink of $vpc" pings "$other-web" "$address" 1
    check_not "$other does not reach the host by the uplink of $vpc" pings "$other-web" "${uplink:-169.254.64.0}" 1
done

refuse 'they cannot be peered, and the message names both' 5 'left&&right&&overlap|same' \
    alice vpcctl peer create --vpc1 left --vpc2 right
like 'the host reaches the first one' "$(fetch host http://10.5.1.2:8080)" left
check 'deleting the first' alice vpcctl vpc delete left
is 'the second still reaches the internet' "$(fetch right-web http://8.8.8.8/)" 198.51.100.2
like 'and still serves' "$(fetch right-onlyright http://10.5.1.2:8080)" right
need alice vpcctl cleanup --yes
done_testing
