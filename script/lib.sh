# SPDX-License-Identifier: LGPL-2.1-or-later
# What script/run and script/test share. Sourced by bash, from the root of the tree.

say() {
    printf '%s\n' "== $*"
}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# package_names LIST...: the packages of script/packages/LIST.txt, one a line.
package_names() {
    local list
    for list in "$@"; do
        sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "script/packages/$list.txt"
    done
}

# missing_packages LIST...: those of them that are not installed.
missing_packages() {
    local package
    package_names "$@" | while read -r package; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# install_missing LIST...: says what is missing and installs it; does nothing when nothing is missing.
install_missing() {
    local missing
    if ! command -v dpkg-query >/dev/null; then
        say "This is not Debian: the packages of script/packages are taken for granted."
        return
    fi
    missing=$(missing_packages "$@" | tr '\n' ' ')
    if [ -z "$missing" ]; then
        return
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        die "These packages are missing; install them as root and start again:
    apt-get install --no-install-recommends $missing"
    fi
    say "Installing with apt: $missing"
    mkdir -p build
    as_root apt-get -q update >build/apt.log 2>&1 || say "apt-get update failed; trying with the package lists that are here"
    # shellcheck disable=SC2086 # a list of words
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing \
        </dev/null >>build/apt.log 2>&1; then
        cat build/apt.log >&2
        die "apt could not install them: see above."
    fi
}

# fixed_addresses COMMAND...: without randomised addresses where that is allowed, since the sanitizers of these compilers
# do not find room for their shadow memory on kernels that randomise 32 bits.
fixed_addresses() {
    if setarch -R true 2>/dev/null; then
        setarch -R "$@"
    else
        "$@"
    fi
}

# The names of all fuzz targets.
all_fuzz_targets() {
    basename -a -s .c tests/fuzz/fuzz_*.c | sed 's/^fuzz_//'
}

# fuzz_target NAME SECONDS: from the seeds in the tree; what it finds on the way stays in the build folder.
fuzz_target() {
    local folder=build/fuzz/tests/fuzz
    mkdir -p "$folder/found/$1"
    fixed_addresses "$folder/fuzz_$1" -max_total_time="$2" -max_len=4096 -timeout=60 -artifact_prefix="$folder/$1-" \
        "$folder/found/$1" "tests/fuzz/corpus/$1"
}

# Neighbours of all namespaces stand in one table of the kernel for each of the two protocols, with room for 1,024 as it comes. Beside
# each other the tests come near that, and namespaces that a run of programs under attack has left may hold hundreds; then nobody
# finds a new neighbour (EINVAL). Root gives them more room until the script ends. Only the first namespace has the number.
room_for_neighbours() {
    local file before
    neighbours_before=
    for file in /proc/sys/net/ipv[46]/neigh/default/gc_thresh3; do
        [ -w "$file" ] || continue
        before=$(cat "$file")
        [ "$before" -lt 8192 ] || continue
        neighbours_before="$neighbours_before $file $before"
        echo 8192 >"$file"
    done
    trap neighbours_as_before EXIT
}

neighbours_as_before() {
    # shellcheck disable=SC2086 # words
    set -- $neighbours_before
    while [ $# -gt 1 ]; do
        echo "$2" >"$1"
        shift 2
    done
}
