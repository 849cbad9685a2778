/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolv.conf(5), parsed: which servers to ask, how, and which names to try. Text comes in, an immutable structure goes
 * out; files, the environment and the host's name are the caller's (config.h).
 */
#ifndef IOTHDNS_RESOLVCONF_H
#define IOTHDNS_RESOLVCONF_H

#include "base/base.h"
#include "base/ipaddr.h"
#include "wire/dname.h"

/* Servers of one configuration: as many as the exchange core remembers (SERVERS_MAX). */
#define RESOLVCONF_SERVERS_MAX 64
/* Domains of the search list: each is one more round of questions for a name that does not exist. */
#define RESOLVCONF_SEARCH_MAX 32
/* Bytes of a file: more than all of the above needs, with comments. */
#define RESOLVCONF_FILE_MAX (64 * 1024)

/* The name of an interface with its NUL: IF_NAMESIZE, whose header does not go together with that of netlink. */
#define RESOLVCONF_SCOPE_SIZE 16

/* What glibc takes at the most (resolv.conf(5)); larger numbers mean these. */
#define RESOLVCONF_NDOTS_MAX    15
#define RESOLVCONF_TIMEOUT_MAX  30
#define RESOLVCONF_ATTEMPTS_MAX 5

struct resolvconf_server {
    struct ipendpoint endpoint;
    char scope[RESOLVCONF_SCOPE_SIZE]; /* "vde0" or "3" of fe80::1%vde0; "": none */
};

struct resolvconf {
    unsigned n_servers; /* 0: none is named, which means the local machine */
    struct resolvconf_server servers[RESOLVCONF_SERVERS_MAX];
    unsigned n_search;
    char *search[RESOLVCONF_SEARCH_MAX]; /* without a final dot; "" is the root. Owned */
    unsigned ndots;                      /* 1 */
    unsigned timeout_s;                  /* 0: not said */
    unsigned attempts;                   /* 0: not said */
    bool rotate, use_vc, trust_ad, no_aaaa, no_reload, no_tld_query, single_request;
};

/* What the environment adds (resolv.conf(5)); each may be NULL. */
struct resolvconf_env {
    const char *localdomain; /* LOCALDOMAIN: in place of the search list */
    const char *res_options; /* RES_OPTIONS: more options */
    const char *hostname;    /* its domain is the search list if nothing else says one */
};

/* Understands `len` bytes of text; lines that make no sense are skipped, as glibc does. env NULL: none. *ret is to be given
 * to resolvconf_fini. 0 or -ENOMEM. */
MUST_CHECK int resolvconf_parse(const char *text, size_t len, const struct resolvconf_env *env,
                                struct resolvconf *ret);
/* The same for addresses separated by commas or blanks, as "8.8.8.8,1.1.1.1@5353". -EINVAL: the text is something else. */
MUST_CHECK int resolvconf_parse_list(const char *text, size_t len, struct resolvconf *ret);
/* A copy. 0 or -ENOMEM. */
MUST_CHECK int resolvconf_copy(const struct resolvconf *conf, struct resolvconf *ret);
void resolvconf_fini(struct resolvconf *conf);

#endif
