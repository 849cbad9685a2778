/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A configuration as it was understood: what the file says, checked, in the order of the file, and nothing
 * derived from it. snapshot.h compiles it into what queries run on. Immutable once parsed; all of it lives in
 * its arena.
 */
#ifndef IOTHNAMED_CONFIG_H
#define IOTHNAMED_CONFIG_H

#include "base/ipaddr.h"
#include "io/rc_daemon.h"
#include "libiothnamed/cookie.h"
#include "libiothnamed/diag.h"
#include "libotip/otip2.h"
#include "wire/dname.h"
#include <stdio.h>

struct source;

/* A name in lower case, wire form. */
struct config_name {
    const uint8_t *wire;
    uint8_t len;
};

enum domain_kind {
    DOMAIN_NONE,   /* the rule has none (accept) */
    DOMAIN_NAME,   /* "a.b": that name alone */
    DOMAIN_BELOW,  /* ".a.b": every name below it; "." (name: the root) is every name, the root itself too */
    DOMAIN_PREFIX, /* "ADDR/LEN": the reverse names below that prefix, and the prefix's own name */
    DOMAIN_BASE_PREFIX, /* "NAME/LEN": the same once the base NAME is known */
    DOMAIN_TREE,        /* "a.b" of a zone: that name and every name below it */
    DOMAIN_LIST,        /* "@FILE": the names in that file, see list.h */
};

struct config_domain {
    enum domain_kind kind;
    struct config_name name; /* NAME, BELOW, TREE; BASE_PREFIX: of the base */
    struct ipaddr addr;      /* PREFIX */
    unsigned bits;           /* PREFIX, BASE_PREFIX: in the 128-bit form of ipaddr.h */
    unsigned base;           /* BASE_PREFIX: index in config->bases */
    unsigned list;           /* LIST: index in config->lists */
};

/* Addresses that names are computed from: written as an address, or to be found by name. */
struct config_base {
    struct config_name name; /* wire == NULL: an address is given */
    struct ipaddr addr;
    struct place at; /* of its first use */
};

/* Upstream servers that belong together: the dns lines, or those that one rule names. Two lists with the same
 * servers are the same list. */
struct config_upstreams {
    const struct ipendpoint *servers;
    unsigned count;
};

/* A file of names. */
struct config_list {
    const char *written; /* as it stands in the configuration */
    const char *path;    /* the same, relative to the folder of the configuration if it is relative */
    struct place at;     /* of its first use */
};

/* A zone file, and the zone that it has: rules with the same of both share it. */
struct config_zone {
    struct config_name apex;
    const char *written; /* as it stands in the configuration */
    const char *path;    /* the same, relative to the folder of the configuration if it is relative */
    struct place at;     /* of its first use */
};

/* A key of otip2: as it was read or computed, and ready for use. */
struct config_key {
    uint8_t bytes[OTIP_KEY_LEN];
    struct otip2_key ready;
};

/* A file of leases. */
struct config_lease {
    const char *written; /* as it stands in the configuration */
    const char *path;    /* the same, relative to the folder of the configuration if it is relative */
    struct place at;     /* of its first use */
};

struct config_rule {
    const struct source *source; /* row of the table in source.h; for accept too */
    struct place at;
    const unsigned *nets; /* indices in config->nets */
    unsigned n_nets;
    struct config_domain domain;
    struct place domain_at;
    unsigned base;           /* index in config->bases; sources that take one */
    unsigned prefix_len;     /* bits of the base that are its prefix; sources that take a key */
    const char *password;    /* sources that take one; secret */
    struct config_key *key;  /* likewise */
    const char *secret_file; /* where it was read, as it stands in the configuration; NULL: there itself */
    const char *user;        /* whose key it is; NULL: nobody's */
    unsigned upstreams;      /* index in config->upstreams; 0 is that of the dns lines, maybe empty */
    unsigned zone;           /* index in config->zones; sources that take a file */
    unsigned leases;         /* index in config->leases; sources that take a file of leases */
    uint16_t rcode;          /* error: RCODE_REFUSED or RCODE_NXDOMAIN */
};

struct config_net {
    const char *name; /* as first written */
    const struct config_range {
        struct config_range *next;
        struct ipaddr addr;
        unsigned bits; /* in the 128-bit form; ::/0 has 0, 0.0.0.0/0 has 96 */
    } * ranges;
    struct place at;
};

struct config_record {
    struct config_name owner;
    uint16_t type;
    uint32_t ttl;         /* seconds; option staticttl where the line says none */
    const uint8_t *rdata; /* uncompressed */
    uint16_t rdlen;
    struct place at;
};

/* A text of an option; len 0: none. */
#define CONFIG_TEXT_MAX 255 /* what a TXT record and an EDNS option can say at once */
struct config_text {
    const char *text;
    uint8_t len;
};

#define LISTEN_MAX 64 /* addresses: more than any host has for services */

enum hrevmode { HREV_ALWAYS, HREV_NET, HREV_SAME, HREV_NEVER };

/* Defaults and ranges stand in the table of options.c and in iothnamed.conf(5). */
struct config_options {
    enum hrevmode hrevmode;
    uint32_t hashttl_s, staticttl_s, otipperiod_s;
    uint32_t hrevmax; /* names */
    uint32_t leasettl_s;
    uint32_t leasemax;         /* leases of one file */
    struct config_text hrevdb; /* file of the reverse table; len 0: none */
    uint32_t tcplistenbacklog;
    uint32_t tcptimeout_s;
    uint32_t tcpmax, tcpclientmax; /* connections: in all, of one client */
    uint32_t fwdclientmax;         /* questions of one client that wait for upstream */
    uint32_t rrl, rrlslip;         /* see struct rrl_limit; rrl 0: no limit */
    uint32_t port;
    uint32_t workers;   /* threads; 0: one a core */
    uint64_t cachesize; /* bytes; 0: no cache */
    uint32_t cachettlmin_s, cachettlmax_s;
    uint32_t
        servestale_s; /* how long an answer may have expired that is given while upstream is silent; 0: not at all */
    uint32_t prefetch;         /* 0: no */
    struct config_name nsname; /* wire == NULL: none */
    struct config_text nsid, chaosid, chaosversion;
    const char *cookiesecret;      /* the file, as it stands in the configuration; NULL: none */
    struct cookie_secrets cookies; /* what is in it */
    uint32_t loglevel;             /* an enum log_level */
    uint32_t sandbox;              /* 0: the process is not confined */
    struct config_text control,
        controlgroup;            /* path of the control socket, and who may use it beside its owner */
    struct config_text user;     /* whom to become; NULL: the program's choice */
    struct ipendpoint metrics;   /* where counters are read; port 0: nowhere */
    const struct ipaddr *listen; /* none: all addresses */
    unsigned n_listen;           /* at most LISTEN_MAX */
};

struct config {
    struct daemon_config process; /* the first, see there: of the options what io/ wants to know, as text */
    struct arena arena;
    const char *path;
    const char *rstack, *fstack; /* for ioth_newstackc; NULL: the kernel's stack */
    struct place rstack_at, fstack_at;
    bool one_stack; /* `stack` was given: rstack and fstack are one and the same stack */
    struct config_net *nets;
    unsigned n_nets;
    struct config_rule *rules; /* in file order */
    unsigned n_rules;
    bool has_accept;
    struct config_record *records;
    unsigned n_records;
    struct config_base *bases; /* each once */
    unsigned n_bases;
    struct config_zone *zones; /* each once */
    unsigned n_zones;
    struct config_lease *leases; /* each once */
    unsigned n_leases;
    struct config_list *lists; /* each once */
    unsigned n_lists;
    struct config_upstreams *upstreams; /* each once; [0]: the dns lines */
    unsigned n_upstreams;
    struct config_options options;
    struct place
        *option_places; /* where the value of each stands, by the rows of options.c; line 0: not given */
};

/* Reads and checks a file. All errors and warnings go to diags, which is sorted then. 0 and *ret, to be
 * freed; -EINVAL: there are errors; -ENOMEM. A file that cannot be read is an error of the file as a whole
 * (-EINVAL). */
MUST_CHECK int config_load(const char *path, struct config **ret, struct diags *diags);
/* The same for who looks for more errors: 0 and *ret also with some in the text, which diags counts; what was wrong is missing in
 * it. */
MUST_CHECK int config_read(const char *path, struct config **ret, struct diags *diags);
/* The same as config_load from text; `path` is for messages. */
MUST_CHECK int config_parse(const char *path, const char *text, size_t len, struct config **ret,
                            struct diags *diags);
/* Are there the kinds of stacks that it names? Nothing is started or loaded. 0; -EINVAL: diags say what is missing; -ENOMEM. */
MUST_CHECK int stacks_check(const struct config *config, struct diags *diags);
void config_free(struct config *c);
/* Editors empty a file before they write it anew: that a server without a rule takes the place of one that has some, `now`, is hardly
 * meant. 0; -EINVAL, reported. */
MUST_CHECK int config_check_emptiness(const struct config *config, const struct config *now,
                                      struct diags *diags);
/* Where the value of an option stands, which there is; line 0: it was not given. */
struct place config_option_at(const struct config *c, const char *name);
/* The path of a file that the configuration names: relative to its folder. 0, or -ENAMETOOLONG. */
MUST_CHECK int config_path(const struct config *c, const char *name, char *ret, size_t size);
/* Writes the configuration as it was understood, secrets as ***, in the syntax of the file. */
void config_print(const struct config *c, FILE *out);
/* What a reload from `a` to `b` cannot change (stacks, listen addresses, port, workers, ...): comma-separated
 * directive names into text; returns text, "" when there is nothing. */
const char *config_restart_needed(const struct config *a, const struct config *b, char *text, size_t size);

#endif
