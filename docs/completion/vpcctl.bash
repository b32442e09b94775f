# SPDX-License-Identifier: GPL-2.0-or-later
# Bash completion for vpcctl(1). Commands and options come from "vpcctl help --list", so they are always those of the
# vpcctl that is installed; names come from its lists. "__vpcctl" is asked with the password agent off and errors hidden.

__vpcctl() {
    command vpcctl --no-legend --no-ask-password "$@" 2>/dev/null
}

# The value of option $1 among the words typed so far.
__vpcctl_given() {
    local i
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
            "$1") echo "${words[i + 1]}"; return ;;
            "$1"=*) echo "${words[i]#*=}"; return ;;
        esac
    done
}

# What can stand for a value of kind $1, in VPC $2 and subnet $3 (or anywhere).
__vpcctl_values() {
    case $1 in
        VPC) __vpcctl vpc list | awk '{ print $1 }' ;;
        SUBNET) __vpcctl subnet list | awk -v vpc="$2" 'vpc == "" || $1 == vpc { print $2 }' ;;
        WORKLOAD)
            __vpcctl deploy list | awk -v vpc="$2" -v subnet="$3" \
                '(vpc == "" || $1 == vpc) && (subnet == "" || $2 == subnet) { print $3 }'
            ;;
        TYPE) printf '%s\n' public private ;;
        INTERFACE) ls /sys/class/net ;;
    esac
}

# VPC/SUBNET for the commands that are about a subnet that exists.
__vpcctl_positional() {
    case $1 in
        subnet\ add | subnet\ create) __vpcctl_values VPC | sed 's|$|/|' ;;
        subnet\ * | firewall\ apply | firewall\ show | firewall\ clear | firewall\ delete | deploy\ webserver | exec)
            __vpcctl subnet list | awk '{ print $1 "/" $2 }'
            ;;
        deploy\ show | deploy\ stop | deploy\ delete) __vpcctl deploy list | awk '{ print $1 "/" $2 "/" $3 }' ;;
        vpc\ show | vpc\ delete | nat\ * | peer\ *) __vpcctl_values VPC ;;
    esac
}

_vpcctl() {
    local cur prev words cword split
    _init_completion -s -n :/ || return

    local -a command=()
    local i
    for ((i = 1; i < cword; i++)); do
        # What follows "--" is a program with its own completion.
        if [[ ${words[i]} == -- ]]; then
            _command_offset $((i + 1))
            return
        fi
        [[ ${words[i]} == -* ]] || ((${#command[@]} > 1)) || command+=("${words[i]}")
    done

    # Lines of "noun verb<TAB>--option=KIND --flag".
    local list line options=
    list=$(__vpcctl help --list) || return
    local nouns verbs
    nouns=$(cut -f1 <<<"$list" | cut -d' ' -f1 | sort -u)
    if ((${#command[@]} == 0)); then
        COMPREPLY=($(compgen -W "$nouns --help --version --json" -- "$cur"))
        return
    fi
    verbs=$(cut -f1 <<<"$list" | awk -v noun="${command[0]}" '$1 == noun && NF > 1 { print $2 }')
    [[ $verbs ]] || command=("${command[0]}")
    if [[ $verbs ]] && ((${#command[@]} == 1)); then
        COMPREPLY=($(compgen -W "$verbs --help" -- "$cur"))
        return
    fi
    while IFS=$'\t' read -r line options; do
        [[ $line == "${command[*]}" ]] && break
        options=
    done <<<"$list"
    [[ $options ]] || return

    # The value of an option: which kind is it of?
    local option kind=
    for option in $options; do
        [[ $prev == "${option%%=*}" && $option == *=* ]] && kind=${option#*=}
    done
    case $kind in
        '') ;;
        FILE) _filedir; return ;;
        DIRECTORY) _filedir -d; return ;;
        *)
            COMPREPLY=($(compgen -W "$(__vpcctl_values "$kind" "$(__vpcctl_given --vpc)" "$(__vpcctl_given --subnet)")" \
                -- "$cur"))
            return
            ;;
    esac
    $split && return

    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$(for option in $options; do echo "${option%%=*}"; done)" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$(__vpcctl_positional "${command[*]}")" -- "$cur"))
        [[ ${COMPREPLY[0]-} == */ ]] && compopt -o nospace
    fi
} &&
    complete -F _vpcctl vpcctl
