# What the suites attack-*.sh share; they source it after lib-tap.sh.
# shellcheck shell=bash

# part NAME [ARGUMENT…]: a part of attack/, as root. Its checks become checks of the suite.
part() {
    local status=0
    timeout -k 5 "${part_seconds:-120}" python3 "${tests:?}/bus/attack" "$@" >"${scratch:?}/part.$1" 2>&1 || status=$?
    report_part "$1" "$status"
}

# part_in_background NAME [ARGUMENT…], part_from_background NAME: the same, while others go on.
part_in_background() {
    {
        timeout -k 5 "${part_seconds:-200}" python3 "$tests/bus/attack" "$@" >"$scratch/part.$1" 2>&1
        echo $? >"$scratch/status.$1"
    } &
}

part_from_background() {
    wait
    report_part "$1" "$(cat "$scratch/status.$1")"
}

# report_part NAME STATUS
report_part() {
    local line name='' failed='' skipped='' why=''
    while IFS= read -r line; do
        case $line in
            'ok - '* | 'not ok - '* | 'skip - '*)
                [[ $failed ]] && not_ok "$name" "$why"
                [[ $skipped ]] && skip "$name" "${why%$'\n'}"
                failed='' skipped='' why=''
                if [[ $line == ok* ]]; then
                    ok "$1: ${line#ok - }"
                elif [[ $line == skip* ]]; then
                    name="$1: ${line#skip - }" skipped=1
                else
                    name="$1: ${line#not ok - }" failed=1
                fi
                ;;
            '# '*) note "$1: ${line#\# }" ;;
            *) why+="$line"$'\n' ;;
        esac
    done <"$scratch/part.$1"
    [[ $failed ]] && not_ok "$name" "$why"
    [[ $skipped ]] && skip "$name" "${why%$'\n'}"
    (($2 == 0)) || not_ok "$1: ran to its end" "exit status $2
$(tail -n 20 "$scratch/part.$1")"
    return 0
}

# unchanged NAME: the machine is as in the picture $before. A part that goes on in the background is not of it.
unchanged() {
    same "$1" "$(grep -v bus/attack <<<"${before:?}")" "$(steady | grep -v bus/attack)"
}
