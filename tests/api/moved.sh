#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# moved.sh LIBRARY_FOLDER PROGRAM: libioth finds its stacks in a folder that it was moved to, with nothing in the environment
# that says where they are. PROGRAM is the example udp-send. 77: vdestack cannot run here.
set -eu
unset IOTH_PLUGIN_PATH
here=$(mktemp -d /tmp/ioth-moved-XXXXXX)
trap 'rm -rf "$here"' EXIT
send() {
    "$2" null:// 127.0.0.1 9
}

if ! send "$@" 2>"$here/why"; then
    echo "skipped: $(cat "$here/why")"
    exit 77
fi
mkdir -p "$here/lib"
cp -a "$1"/libioth.so* "$here/lib"
export LD_LIBRARY_PATH="$here/lib"
if send "$@" 2>"$here/why"; then
    echo "a stack came from elsewhere than $here/lib/ioth"
    exit 1
fi
grep -q "No such file" "$here/why" || { cat "$here/why"; exit 1; }
cp -a "$1/ioth" "$here/lib"
send "$@"
cd "$here/lib" && LD_LIBRARY_PATH=. && send "$@"
