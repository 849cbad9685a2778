#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# headers.sh CC INCLUDE...: each public header compiles alone, twice in a row, with and without _GNU_SOURCE, in the strictest of
# warnings, as C and, where the compiler speaks it, as C++.
set -eu
cc=$1
shift
warnings="-Wall -Wextra -Wconversion -Wshadow -Werror"

# try LANGUAGE STANDARD [MACRO]: all headers
try() {
    for header in $headers; do
        printf '#include <%s>\n#include <%s>\n' "$header" "$header" |
            "$cc" -x "$1" -std="$2" ${3-} $warnings -I"$include" -fsyntax-only - || {
            echo "$header does not stand alone: $cc -x $1 -std=$2 ${3-}"
            exit 1
        }
    done
}

for include in "$@"; do
    headers=$(cd "$include" && ls *.h)
    for standard in gnu99 gnu11 gnu17; do
        try c $standard
        try c $standard -D_GNU_SOURCE
    done
    for standard in c99 c11; do # the compiler hides then what is not in the standard
        try c $standard -pedantic
    done
    if echo 'int main() { return 0; }' | "$cc" -x c++ -fsyntax-only - 2>/dev/null; then
        try c++ gnu++11
        try c++ gnu++17
        try c++ c++11 -pedantic
    else
        echo "C++ left out: $cc has none here"
    fi
done
