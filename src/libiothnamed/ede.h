/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why an answer is what it is, for the person behind the client: extended errors (RFC 8914). One row a reason,
 * with the code of the registry that comes nearest to it and a few words; several reasons may share a code. A
 * source gives its reason by query_explain; the reply carries it if the question had an OPT record and there is
 * room, and without the words if there is less.
 */
#ifndef IOTHNAMED_EDE_H
#define IOTHNAMED_EDE_H

#define EDE_TABLE(ROW)                                                                                       \
    ROW(EDE_NO_RULE, 18, "no rule serves you this name")                                                     \
    ROW(EDE_TRANSFER, 18, "no zone transfers")                                                               \
    ROW(EDE_RULE_REFUSES, 18, "a rule refuses you this name")                                                \
    ROW(EDE_RULE_BLOCKS, 15, "a rule blocks this name")                                                      \
    ROW(EDE_LISTED, 15, "the name is on a list of blocked names")                                            \
    ROW(EDE_LOCAL_NAME, 0, "a name of local meaning, never asked upstream")                                  \
    ROW(EDE_WANTS_RECURSION, 20, "not a name of this server, and no recursion desired")                      \
    ROW(EDE_CLASS, 21, "class IN only")                                                                      \
    ROW(EDE_META_TYPE, 21, "no such type in questions")                                                      \
    ROW(EDE_BASE_UNKNOWN, 14, "the address that names here are made from is not known yet")                  \
    ROW(EDE_LEASES_UNKNOWN, 14, "the leases that names here come from are not known yet")                    \
    ROW(EDE_ALIAS_CHAIN, 0, "the chain of aliases is too long, or a circle")                                 \
    ROW(EDE_NO_ANSWER, 22, "no upstream server answered")                                                    \
    ROW(EDE_UPSTREAM_REFUSES, 22, "upstream servers refused or failed")                                      \
    ROW(EDE_LOOP, 0, "upstream leads back to this server")                                                   \
    ROW(EDE_NETWORK, 23, "upstream servers cannot be reached")                                               \
    ROW(EDE_CACHED_ERROR, 13, "upstream failed a moment ago")                                                \
    ROW(EDE_BUSY, 0, "too many questions of your network wait for upstream")                                 \
    ROW(EDE_STALE, 3, "upstream is silent: its last answer")                                                 \
    ROW(EDE_STALE_NXDOMAIN, 19, "upstream is silent: its last answer")

enum ede {
    EDE_NONE,
#define EDE_ENUM(reason, code, words) reason,
    EDE_TABLE(EDE_ENUM)
#undef EDE_ENUM
};

#endif
