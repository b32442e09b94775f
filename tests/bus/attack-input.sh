#!/bin/bash
# Arguments of every wrong kind for every method and property, by a user without rights and by one who has some; messages
# that pose as vpcd's; an environment of the attacker.
. "$(dirname "$0")/../lib-tap.sh"
. "$(dirname "$0")/attack-lib.bash"

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl vpc create --name vpc2 --cidr 172.16.0.0/16
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080 # some slices stay for the next program
need as alice vpcctl exec --vpc vpc1 --subnet public true
before=$(steady)

for attack in 'hostile nobody' 'hostile bob' forged client; do
    # shellcheck disable=SC2086  # words
    part $attack
    unchanged "$attack: nothing has changed"
done

# Nothing that is installed has more rights than who runs it.
mapfile -t files < <(python3 -c 'import json, sys
print(*json.load(open(sys.argv[1])).values(), sep="\n")' "${LAB_BUILD:?}/meson-info/intro-installed.json")
check 'what is installed is known' test "${#files[@]}" -gt 10
is 'all of it is there' "$(for file in "${files[@]}"; do [[ -e $file ]] || echo "$file"; done)" ''
is 'nothing is setuid or setgid' "$(find "${files[@]}" -perm /6000)" ''
is 'nothing has capabilities' "$(getcap -r "${files[@]}" 2>&1)" ''
is 'nothing is for others to write' "$(find "${files[@]}" ! -type l \( -perm /0022 -o ! -user root \))" ''
done_testing
