#!/bin/bash
# The texts that nftgen makes, before a real kernel: each golden file is taken, and rules that are changed by elements and
# chains come out the same as rules that are loaded whole. Run inside the lab: tests/lab tests/net/nft-golden.sh
# shellcheck source=../lib-tap.sh
. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib-tap.sh"

golden=$tests/unit/golden
walk=${LAB_BUILD:?}/test-walk

# fresh COMMAND…: in a network namespace of its own. Rules name links that are not there, which nft allows.
fresh() {
    unshare --net "$@"
}

# The rules as nft tells them, without what a load by another way may differ in: the order of elements, which is the
# kernel's, and of chains, which is that of their making.
listing() {
    nft --json list ruleset | python3 -c '
import json, sys

def rank(value):
    return json.dumps(value, sort_keys=True)

things = []
rules = {}
for thing in json.load(sys.stdin)["nftables"]:
    kind, body = next(iter(thing.items()))
    if kind == "metainfo":
        continue
    body.pop("handle", None)
    if "elem" in body:
        body["elem"].sort(key=rank)
    if kind == "rule": # the order within a chain counts
        chain = rules.setdefault((body["family"], body["table"], body["chain"]), [])
        chain.append(body)
    else:
        things.append(rank(thing))
for key, chain in rules.items():
    things.append(rank([key, chain]))
print("\n".join(sorted(things)))'
}
export -f listing

# load FILE…: one after the other; then what there is.
load() {
    # shellcheck disable=SC2016  # expanded inside
    fresh bash -euc 'for file; do nft -f "$file" || { echo "not loaded: $file"; exit 1; }; done; listing' - "$@"
}

# same_rules FROM CHANGE TO: the change leads from the one to the other. Says what differs.
same_rules() {
    load "$1" "$2" >/dev/null && load "$3" >/dev/null || return
    diff <(load "$1" "$2" 2>&1) <(load "$3" 2>&1)
}

for file in "$golden"/nft-router-*.txt "$golden"/nft-host-*.txt "$golden"/nft-change-*-from.txt "$golden"/nft-change-*-to.txt; do
    check "$(basename "$file" .txt): the kernel would take it" fresh nft -c -f "$file"
    check "$(basename "$file" .txt): and takes it" fresh nft -f "$file"
done

for file in "$golden"/nft-router-*.txt; do
    same "$(basename "$file" .txt): loading it twice is loading it once" "$(load "$file" 2>&1)" "$(load "$file" "$file" 2>&1)"
done
same 'the host: base, uplink and base again' "$(load "$golden"/nft-host-{base,uplink}.txt 2>&1)" \
    "$(load "$golden"/nft-host-{base,uplink,base,uplink}.txt 2>&1)"
same 'the host: what is added and removed leaves nothing' "$(load "$golden"/nft-host-base.txt 2>&1)" \
    "$(load "$golden"/nft-host-{base,uplink-remove,nat-remove}.txt 2>&1)"
same 'the host: its sets come back after a flush by somebody else' \
    "$(load "$golden"/nft-host-{uplink,nat,base}.txt 2>&1)" "$(load "$golden"/nft-host-{base,uplink,nat}.txt 2>&1)"
is 'the host: removed' "$(load "$golden"/nft-host-{base,uplink,nat,remove}.txt 2>&1)" ''

for file in "$golden"/nft-change-*-from.txt; do
    name=${file%-from.txt}
    check "$(basename "$name"): the change gives what loading it whole gives" \
        same_rules "$file" "$name.txt" "$name-to.txt"
done

# The same of many random changes.
need test -x "$walk"
mkdir "$scratch/walk"
need env WALK_DIRECTORY="$scratch/walk" "$walk"
steps=0 wrong=
for file in "$scratch"/walk/*-from; do
    name=${file%-from}
    steps=$((steps + 1))
    difference=$(same_rules "$file" "$name-change" "$name-to" 2>&1) || wrong+="$(basename "$name"):
$(cat "$name-change")
$difference
"
done
is "random changes give what loading them whole gives" "$wrong" ''
check 'of which there are many' test "$steps" -ge 100

done_testing
