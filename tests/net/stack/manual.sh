#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# manual.sh PROGRAM PAGE: the part of PAGE between its two marks is what PROGRAM --table prints.
# With a third argument, "write", it is made so.
table=$("$1" --table kernel vdestack lwip) || exit 1
begin='.\" begin of the table' end='.\" end of the table'
made=$(mktemp) || exit 1
trap 'rm -f "$made"' EXIT
{
    sed -n "1,/^$(printf %s "$begin" | sed 's/[.\\]/\\&/g')/p" "$2"
    printf '%s\n' "$table"
    sed -n "/^$(printf %s "$end" | sed 's/[.\\]/\\&/g')/,\$p" "$2"
} >"$made"
if [ "$3" = write ]; then
    cat "$made" >"$2"
else
    diff -u "$2" "$made"
fi
