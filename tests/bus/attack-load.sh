#!/bin/bash
# Ten processes of bob do all they can to keep vpcd busy: alice is served all the same, and then all is as it was.
#   LAB_ATTACK_SECONDS=N   for so long (default 60)
. "$(dirname "$0")/../lib-tap.sh"
. "$(dirname "$0")/attack-lib.bash"

need alice vpcctl vpc create --name vpc1 --cidr 10.0.0.0/16
need alice vpcctl subnet add --vpc vpc1 --name public --cidr 10.0.1.0/24 --type public
need alice vpcctl deploy webserver --vpc vpc1 --subnet public --port 8080 # some slices stay for the next program
before=$(steady)
part_seconds=$((${LAB_ATTACK_SECONDS:-60} + 120)) part load "${LAB_ATTACK_SECONDS:-60}"
unchanged 'nothing has changed'
done_testing
