/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration of the DHCP servers: options, from the command line and from a file that holds the long ones, one a line,
 * "tag argument" (io/rcfile.h).
 *
 *   namedhcp_draft_new(serve4_alone, &draft)
 *   namedhcp_draft_text(draft, path, text, len)     the file, if there is one; before options of the command line
 *   namedhcp_draft_option(draft, "iface", "eth0")   the command line, which wins: any number of times
 *   namedhcp_draft_finish(draft, &config)
 *   namedhcp_draft_free(draft)
 *
 * Each gives 0, -ENOMEM, or -EINVAL with one sentence in namedhcp_draft_error(), with its place and what was expected; then
 * the draft is of no more use.
 *
 * Lines behind `stack` and `iface` that concern an interface (macaddr, ip) are about that one (namedhcp_ifaces.c).
 * Lines behind `subnet NET` that concern a network of DHCPv4 (pool, lease, option, by-name) are about that one; those before
 * the first subnet are about all that do not say otherwise.
 */
#ifndef LIBNAMEDHCP_NAMEDHCP_CONFIG_H
#define LIBNAMEDHCP_NAMEDHCP_CONFIG_H

#include "base/arena.h"
#include "io/rc_daemon.h"
#include "io/rc_rows.h"
#include "libnamedhcp/dhcp_port.h"
#include "libnamedhcp/dhcp4_server.h"
#include "libnamedhcp/dhcp6_server.h"

#define NAMEDHCP_WHY_MAX 512

/* A person or a script of his writes these, no peer; a table that is larger is a mistake. */
#define NAMEDHCP_BINDINGS_MAX 65536
#define NAMEDHCP_NAMES_MAX    1024 /* domains, patterns */
#define NAMEDHCP_POOLS_MAX    4096
#define NAMEDHCP_DNS_MAX      16 /* of both families, told to clients; as wire/dhcp6.h has it */

/* An interface that is served: one of a stack, or a port of its own on a virtual Ethernet. */
struct namedhcp_iface {
    const char *stack;         /* for ioth_newstackc, or the VNL of a port; NULL: the system's stack */
    const char *stack_at, *at; /* where that was said, and where the interface; NULL: nowhere */
    const char *name;          /* of a port: in messages alone */
    bool is_port;
    bool has_mac;
    uint8_t mac[6];
    unsigned n_addrs; /* of a port */
    struct dhcp_port_addr addrs[DHCP_PORT_ADDRS_MAX];
};

struct namedhcp_config {
    struct daemon_config process; /* the first, see there */
    struct arena arena;
    bool serve6, serve4;
    const char *dnsstack; /* a string for ioth_newstackc; NULL: the system's stack */
    struct namedhcp_iface ifaces[SERVER_LINKS_MAX];
    unsigned n_ifaces;                    /* at least one, in the order in which they were named */
    const char *resolvconf, *nameservers; /* whom to ask; NULL: not given */
    const char *leases, *leases_group, *duid;
    struct {
        const char *dnsstack, *resolvconf, *leases, *leases_group, *duid, *made, *protocols;
    } at;               /* where that was said; NULL: nowhere */
    uint32_t server_id; /* 0: on each interface its own address */
    unsigned waiting_max;

    /* Names */
    struct name_binding *bindings;
    const uint8_t **domains;
    const char **patterns;
    unsigned n_bindings, n_domains, n_patterns;
    const char *made; /* NULL: none is made */
    bool claims;
    uint32_t claims_max;
    uint32_t claims_keep_s;

    struct dhcp6_server_settings v6; /* but for `names` and the DUID */

    /* DHCPv4; of a subnet all but `relay`. None and serve4: the interface's own network, by name, as `common` says. */
    struct dhcp4_subnet common;
    struct dhcp4_subnet *subnets;
    struct lease_pool *pools;
    struct dhcp4_fixed *fixed;
    uint32_t *reserved; /* n_fixed addresses: those of `fixed` */
    unsigned n_subnets, n_pools, n_fixed;
    bool authoritative, probe, rapid_commit;
    uint32_t echo_ms; /* for an echo from behind a relay; 0: none is asked for */
    uint32_t leases_max;
};

struct namedhcp_draft;

/* serve4_alone: the program is namedhcp4. */
MUST_CHECK int namedhcp_draft_new(bool serve4_alone, struct namedhcp_draft **ret);
void namedhcp_draft_free(struct namedhcp_draft *d); /* takes NULL */
/* path: for messages. text: any bytes but NUL. */
MUST_CHECK int namedhcp_draft_text(struct namedhcp_draft *d, const char *path, const char *text, size_t len);
/* An option of the command line by its long name; value NULL: it takes none. */
MUST_CHECK int namedhcp_draft_option(struct namedhcp_draft *d, const char *name, const char *value);
/* Reads lines and options into the draft: the same by the functions of io/rc_rows.h, which then have what is wrong. */
struct rc_reader namedhcp_draft_reader(struct namedhcp_draft *d);
MUST_CHECK int namedhcp_draft_finish(struct namedhcp_draft *d, struct namedhcp_config **ret);
const char *namedhcp_draft_error(const struct namedhcp_draft *d); /* "": there was none */
void namedhcp_config_free(struct namedhcp_config *config);        /* takes NULL */

/* --- the options: one row each --- */

struct namedhcp_row {
    struct rc_row row;
    /* Reads the value. 0, -ENOMEM, or namedhcp_wrong(). NULL: one of io/rc_daemon.h. */
    int (*read)(struct namedhcp_draft *d, const char *value);
};

extern const struct namedhcp_row namedhcp_rows[]; /* the last has no name */

/* What lines have said of interfaces so far (namedhcp_ifaces.c). */
struct namedhcp_places {
    unsigned n_stacks, n, current;        /* `current`: what the next line is about */
    const char *stacks[SERVER_LINKS_MAX]; /* NULL: the system's */
    const char *stacks_at[SERVER_LINKS_MAX];
    struct namedhcp_place {
        struct namedhcp_iface iface;
        unsigned stack, name_layer; /* 0: it has no name yet */
    } at[SERVER_LINKS_MAX];
};

/* What the functions of the rows work on. */
struct namedhcp_draft {
    struct namedhcp_config *config;
    const char *place;    /* of what is read, for errors; NULL: the reader says it */
    const char *warns_at; /* the same for warnings; NULL: of all lines together */
    unsigned layer;       /* 1: the file, 2: the command line */
    unsigned lists;       /* a bit each: which lists a layer has begun */
    unsigned subnet;      /* 1 + the index of the one that lines are about; 0: all */
    struct {
        uint32_t by_name; /* 0: not said, 1: off, 2: on */
        unsigned layer;   /* that spoke of it last */
    } * said_of;          /* each subnet */
    uint32_t common_by_name;
    bool dhcpv4_said;
    const char **bind_at; /* where each binding was said */
    uint64_t n_pooled;    /* addresses of all pools */
    struct namedhcp_places places;
    char why[NAMEDHCP_WHY_MAX];
};

/* Says what is wrong: "PLACE: " and the sentence; the first one counts. Returns -EINVAL. */
int namedhcp_wrong(struct namedhcp_draft *d, const char *format, ...) PRINTF_LIKE(2, 3);
/* Keeps the place of what is read. 0 or -ENOMEM. */
MUST_CHECK int namedhcp_keep_place(struct namedhcp_draft *d, const char **ret);
/* A warning, with the place of what is read. 0 or -ENOMEM. */
MUST_CHECK int namedhcp_warn(struct namedhcp_draft *d, const char *format, ...) PRINTF_LIKE(2, 3);
/* One more in an array of `size` bytes each, which is zeroed; NULL: no memory. */
void *namedhcp_more(void *array, unsigned *n, size_t size);

/* A list that a layer says first takes the place of what earlier layers said. True: it is to be emptied. */
bool namedhcp_begins_list(struct namedhcp_draft *d, unsigned list);
enum {
    NAMEDHCP_LIST_DNS,
    NAMEDHCP_LIST_SEARCH,
    NAMEDHCP_LIST_NTP,
    NAMEDHCP_LIST_STACK,
    NAMEDHCP_LIST_IFACE,
    NAMEDHCP_LIST_DNR
}; /* eight at the most: a bit each for each layer */

/* namedhcp_ifaces.c: which interfaces of which stacks. */
void namedhcp_begin_places(struct namedhcp_draft *d); /* a layer of lines begins */
int namedhcp_read_stack(struct namedhcp_draft *d, const char *value);
int namedhcp_read_iface(struct namedhcp_draft *d, const char *value);
int namedhcp_read_mac(struct namedhcp_draft *d, const uint8_t mac[static 6]);
int namedhcp_read_ip(struct namedhcp_draft *d, const char *value);
int namedhcp_finish_places(struct namedhcp_draft *d);
/* The same interfaces of the same stacks, in the same way. */
bool namedhcp_same_ifaces(const struct namedhcp_config *a, const struct namedhcp_config *b);
#define NAMEDHCP_NAMES_TEXT 512
/* Their names with commas between, as many as there is room for; returns text. */
const char *namedhcp_iface_names(const struct namedhcp_config *c, char text[static NAMEDHCP_NAMES_TEXT]);

/* namedhcp_option.c: the value of a DHCPv4 option as text, "NAME_or_NUMBER VALUE". */
int namedhcp_read_option(struct namedhcp_draft *d, const char *value);
/* Pairs of hexadecimal digits, colons between them or not; or a text in quotes. */
bool namedhcp_put_bytes(struct writer *w, const char *value);
bool namedhcp_put_text(struct writer *w, const char *value); /* in quotes or not */

/* namedhcp_option6.c: the same of DHCPv6. */
int namedhcp_read_option6(struct namedhcp_draft *d, const char *value);
/* In place of what was said of that code; the bytes are copied. 0; -EINVAL: said; -ENOMEM. */
int namedhcp_set_option6(struct namedhcp_draft *d, uint16_t code, const uint8_t *bytes, size_t len);

/* namedhcp_told.c: what both protocols tell. */
int namedhcp_read_dnr(struct namedhcp_draft *d, const char *value);
int namedhcp_read_portal(struct namedhcp_draft *d, const char *value);

/* namedhcp_rows.c: adds bytes to a DHCPv4 option for all subnets; takes the option back. */
int namedhcp_add_option4(struct namedhcp_draft *d, uint8_t code, const uint8_t *bytes, size_t len);
void namedhcp_drop_option4(struct namedhcp_config *c, uint8_t code);
/* The next piece of a list with commas or blanks between; *at is behind it then. False: there is none left. */
bool namedhcp_piece(const char **at, const char **ret, size_t *ret_len);

#endif
