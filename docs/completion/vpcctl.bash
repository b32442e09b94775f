# SPDX-License-Identifier: GPL-2.0-or-later
# Bash completion for vpcctl(1). Commands and options come from "vpcctl help --list", so they are always those of the
# vpcctl that is installed; names come from its lists. Needs nothing but bash itself.

# Names only, never a question and never an error in the middle of the line that is being typed.
__vpcctl() {
    command vpcctl "$@" --no-legend --no-ask-password 2>/dev/null </dev/null
}

# The value that option $1 has among the words so far; bash makes "--vpc=a" three words.
__vpcctl_given() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == "$1" ]] || continue
        [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
        echo "${COMP_WORDS[i + 1]}"
        return
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
        RESTART) printf '%s\n' always on-failure no ;;
        VERB)
            printf '%s\n' vpc-create vpc-delete subnet-add subnet-delete nat-enable nat-disable peer-create peer-accept \
                peer-delete firewall-apply firewall-clear deploy-webserver deploy-run deploy-restart \
                deploy-logs deploy-stop exec check repair purge
            ;;
        INTERFACE) ls /sys/class/net ;;
    esac
}

# What the command "$1" can be about, as one word.
__vpcctl_subjects() {
    case $1 in
        'subnet add' | 'subnet create') __vpcctl_values VPC | sed 's|$|/|' ;;
        'subnet show' | 'subnet delete' | 'firewall apply' | 'firewall show' | 'firewall clear' | 'firewall delete' | \
            'deploy webserver' | 'deploy run' | exec)
            __vpcctl subnet list | awk '{ print $1 "/" $2 }'
            ;;
        'deploy show' | 'deploy logs' | 'deploy restart' | 'deploy stop' | 'deploy delete') __vpcctl deploy list | awk '{ print $1 "/" $2 "/" $3 }' ;;
        'vpc show' | 'vpc delete' | 'subnet list' | 'nat enable' | 'nat disable' | 'nat delete' | 'nat show' | 'peer '* | \
            'firewall list' | 'deploy list')
            __vpcctl_values VPC
            ;;
    esac
}

# The program of exec and its arguments, of which $1 is the first word.
__vpcctl_program() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    else
        __vpcctl_files -f
    fi
}

__vpcctl_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

__vpcctl_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_vpcctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i
    COMPREPLY=()
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    # The noun and the verb: the first words that are no options.
    local -a words=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${words[0]-} == exec ]] && [[ ${COMP_WORDS[i]} == -- || ${COMP_WORDS[i]} == [a-z]*/* ]]; then
            ((COMP_CWORD > i + 1)) && [[ ${COMP_WORDS[i + 1]} == -- ]] && ((i++))
            __vpcctl_program $((i + 1))
            return
        fi
        if [[ ${words[*]:0:2} == 'deploy run' && ${COMP_WORDS[i]} == -- ]]; then
            __vpcctl_program $((i + 1))
            return
        fi
        [[ ${COMP_WORDS[i]} == -* ]] || words+=("${COMP_WORDS[i]}")
    done

    # Lines of "noun verb<TAB>--option=KIND --flag".
    local list command options= line_command line_options verbs
    list=$(__vpcctl help --list) || return
    if ((${#words[@]} == 0)); then
        __vpcctl_words "$(cut -f1 <<<"$list" | cut -d' ' -f1 | sort -u) --help --version --json"
        return
    fi
    verbs=$(cut -f1 <<<"$list" | awk -v noun="${words[0]}" '$1 == noun && NF > 1 { print $2 }')
    if [[ $verbs ]] && ((${#words[@]} == 1)); then
        __vpcctl_words "$verbs --help"
        return
    fi
    command=${words[0]}${verbs:+ ${words[1]}}
    while IFS=$'\t' read -r line_command line_options; do
        [[ $line_command == "$command" ]] && options=$line_options
    done <<<"$list"
    [[ $options ]] || return

    local option kind=
    for option in $options; do
        [[ $option == "$prev="* ]] && kind=${option#*=}
    done
    case $kind in
        FILE) __vpcctl_files -f ;;
        DIRECTORY) __vpcctl_files -d ;;
        ?*) __vpcctl_words "$(__vpcctl_values "$kind" "$(__vpcctl_given --vpc)" "$(__vpcctl_given --subnet)")" ;;
        *)
            if [[ $cur == -* ]]; then
                __vpcctl_words "$(for option in $options; do echo "${option%%=*}"; done)"
            else
                __vpcctl_words "$(__vpcctl_subjects "$command")"
                [[ ${COMPREPLY[0]-} == */ ]] && compopt -o nospace 2>/dev/null
            fi
            ;;
    esac
    return 0
}
complete -F _vpcctl vpcctl
