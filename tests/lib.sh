# Shared by the scripts in tests/ that run on the real machine. Sourced, not run.
# shellcheck shell=bash

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034  # used by those who source this
repo=${tests%/*}

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# install_packages: what tests/packages lists and this machine lacks. Silent, and no apt, when nothing is missing.
install_packages() {
    local wanted missing=() name installed log
    wanted=$(sed 's/#.*//' "$tests/packages" | xargs)
    # shellcheck disable=SC2086,SC2016  # a list of words; the format is dpkg-query's
    installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' $wanted 2>/dev/null || true)
    for name in $wanted; do
        grep -qx "$name installed" <<<"$installed" || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    [[ $EUID == 0 ]] || die "these packages are missing, and only root can install them: ${missing[*]}"
    echo "installing: ${missing[*]}"
    log=$(DEBIAN_FRONTEND=noninteractive apt-get update 2>&1 \
        && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}" 2>&1) \
        || die "cannot install packages: $log"
}

# build DIRECTORY [MESON-SETUP-OPTION…]: set up if new, compile. Silent if all goes well. Safe to run at the same time.
build() {
    local directory=$1 lock log
    shift
    mkdir -p "$directory"
    exec {lock}>"$directory/.lab-lock"
    flock "$lock"
    if [[ ! -f $directory/build.ninja ]]; then
        log=$(meson setup "$@" "$directory" "$repo" 2>&1) || {
            echo "$log" >&2
            die "cannot set up $directory"
        }
    fi
    log=$(ninja -C "$directory" 2>&1) || {
        grep -v '^\[' <<<"$log" >&2
        die "cannot build in $directory"
    }
    exec {lock}>&-
}

# The options of a build that reports every memory error and undefined behaviour. (With its checks in the way the compiler
# also warns of what is none.)
# shellcheck disable=SC2034,SC2054
sanitize_options=(-Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false)
