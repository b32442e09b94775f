#!/bin/bash
# Attempts to be authorized for what one is not: callers that vanish, calls and objects that change under the question,
# names and words that lie in the prompt, one user's calls in the way of another's, a polkit that does not answer.
. "$(dirname "$0")/../lib-tap.sh"
. "$(dirname "$0")/attack-lib.bash"

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl vpc create --name vpc2 --cidr 172.16.0.0/16
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080 # some slices stay for the next program

# A password that is typed after 40 s, while all the rest goes on.
part_in_background slow 40
eventually 10 pgrep -u mallory -f bus/attack >/dev/null
before=$(steady)

for attack in subject ids names words both under queue turns prompts 'killed carol 500 20' 'killed bob 50 20' \
    'gone 1000'; do
    # shellcheck disable=SC2086  # words
    part $attack
    unchanged "$attack: nothing has changed"
done
part_from_background slow

# These stop polkit.
before=$(steady)
for attack in 'frozen 128' absent; do
    # shellcheck disable=SC2086  # words
    part $attack
    unchanged "$attack: nothing has changed"
done
done_testing
