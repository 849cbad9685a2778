/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A world in one process: links with faults, nodes on them, one virtual clock. Nodes are the suite's own cores (routers, DHCP
 * servers, iothnamed, hosts) behind a thin driver each, and a few actors of the test's own (upstream servers, a forger). What
 * happens follows from a seed alone, to the bit.
 *
 *   world_new(seed, &w)          an empty world at time 0
 *   scenario_read(w, ...)        links, nodes, and what happens when (scenario.h)
 *   world_run(w)                 until its end, or until a property is broken: w->broken
 *   world_free(w)
 *
 * A node kind is one file and one row in kinds.c.
 */
#ifndef WORLD_H
#define WORLD_H

#include "base/heap.h"
#include "base/ipaddr.h"
#include "lab/simlink.h"
#include "wire/dname.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    WORLD_NODES_MAX = 128,
    WORLD_LINKS_MAX = 8,
    WORLD_NAME_MAX = 64,
    WORLD_ADDRS_MAX = 4, /* fixed addresses of one node */
    WORLD_WHY_MAX = 512,
    WORLD_BASES_MAX = 64, /* prefixes in which names have addresses, in the course of a run */
};

#define WORLD_WALL_S INT64_C(1790000000) /* the wall clock of all nodes at the beginning */
#define SECONDS(n)   ((n)*NSEC_PER_SEC)

/* How a packet travels. TCP is one whole message of a connection: late where others are lost, but never lost or spoilt while
 * there is a way. */
enum way { WAY_UDP, WAY_TCP, WAY_ICMP6, WAY_ARP };

struct packet {
    enum way way;
    struct ipendpoint from, to;
    uint8_t from_mac[6];
    uint8_t to_mac[6]; /* all zero: whoever has the address; ff: all of the link */
    uint8_t hop_limit;
    const uint8_t *bytes;
    size_t len;
};

/* What a node hears of what is sent to many; bits. */
enum hears {
    HEARS_ADVERTS = 1 << 0,      /* router advertisements */
    HEARS_SOLICITS = 1 << 1,     /* router solicitations, and advertisements of others */
    HEARS_DHCP6 = 1 << 2,        /* as a server */
    HEARS_DHCP4 = 1 << 3,        /* as a server */
    HEARS_DHCP4_CLIENT = 1 << 4, /* broadcast replies */
    HEARS_ARP = 1 << 5,
};

struct world;
struct node;

/* What the kinds of nodes differ in. */
struct node_kind {
    const char *word; /* in scenarios */
    size_t size;      /* of its struct, which begins with struct node */
    unsigned hears;
    /* One word of its line, and what follows in `value` (NULL: it takes no value). 1: taken with its value; 0: taken without; negative
     * errno and one sentence in why. May also be called later: `set NODE WORD VALUE`. */
    int (*option)(struct node *n, const char *word, const char *value, char why[static WORLD_WHY_MAX]);
    /* The lines below its own, as they stand; NULL: it takes none. 0 or negative errno and why. */
    int (*configure)(struct node *n, const char *text, char why[static WORLD_WHY_MAX]);
    void (*start)(struct node *n);  /* it is there, with what it has kept; asserts that there is memory */
    void (*kill)(struct node *n);   /* it is gone, but for what it has kept */
    void (*leave)(struct node *n);  /* it says farewell; NULL: as kill */
    void (*replug)(struct node *n); /* its cable was out for a moment; NULL: it does not notice */
    void (*hear)(struct node *n, const struct packet *packet);
    void (*timeout)(struct node *n);
    nsec_t (*deadline)(struct node *n);                             /* while it is up */
    bool (*holds)(const struct node *n, const struct ipaddr *addr); /* NULL: its fixed addresses alone */
    void (*check)(
        struct node
            *n); /* properties of its own that must hold at any time, looked at now and then; NULL: none */
    void (*fini)(struct node *n); /* what is owned beside what kill frees; NULL: nothing */
};

struct node {
    const struct node_kind *kind;
    struct world *world;
    char name[WORLD_NAME_MAX];
    unsigned number;
    struct link *link;
    unsigned side; /* of a partition; nodes of different sides do not hear each other */
    bool up;
    int64_t wall_step_s; /* by how much its wall clock is wrong */
    uint64_t chance;
    uint8_t mac[6];
    struct ipaddr local; /* link-local */
    unsigned n_addrs;
    struct ipaddr addrs[WORLD_ADDRS_MAX];
    struct heap_node due;
};

struct link {
    char name[WORLD_NAME_MAX];
    struct simlink *sim;
    struct simlink_faults faults, calm; /* now; without faults */
};

/* What happens at a time. */
struct action {
    struct heap_node at; /* first member */
    uint64_t order;
    unsigned line;
    void (*act)(struct world *w, struct action *a);
    struct node *node;
    struct link *link;
    int64_t number;
    struct simlink_faults faults;
    char *text, *more; /* owned */
};

struct world {
    uint64_t seed, chance;
    nsec_t now, end;
    unsigned n_links, n_nodes;
    struct link links[WORLD_LINKS_MAX];
    struct node *nodes[WORLD_NODES_MAX];
    struct heap due;
    unsigned n_actions, next_action; /* sorted by time before the run */
    struct action **actions;
    unsigned n_bases; /* prefixes of /64 in which names have addresses, or had */
    struct ipaddr bases[WORLD_BASES_MAX];
    nsec_t checked;  /* properties that are looked at now and then */
    uint64_t digest; /* of all that was delivered */
    uint64_t delivered, questions, answers, forged;
    FILE *trace; /* NULL: none */
    bool broken;
    unsigned line;                /* of the expectation that is not met; 0: a property */
    char why[WORLD_WHY_MAX + 64]; /* of what is broken */
};

extern const struct node_kind *const node_kinds[]; /* ending with NULL */

struct world *world_new(uint64_t seed);
void world_free(struct world *w);
void world_run(struct world *w);

/* --- for scenarios --- */

/* NULL: there are too many, or no memory. */
struct link *world_add_link(struct world *w, const char *name);
struct node *world_add_node(struct world *w, const struct node_kind *kind, const char *name,
                            struct link *link);
struct link *world_link(struct world *w, const char *name);
/* By its name, or by the first label of it. */
struct node *world_node(struct world *w, const char *name);
void node_start(struct node *n);
void node_kill(struct node *n);
void node_leave(struct node *n);
/* Names have addresses in this prefix from now on. */
void world_add_base(struct world *w, const struct ipaddr *base);

/* --- for nodes --- */

/* Puts it on the link, from node n. */
void world_send(struct node *n, const struct packet *packet);
/* A property is broken; the first one counts. */
void world_break(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
/* Said of node n, if somebody wants to see it. */
#define world_say(n, ...)                                                                                    \
    do {                                                                                                     \
        if ((n)->world->trace)                                                                               \
            world_trace(n, __VA_ARGS__);                                                                     \
    } while (0)
void world_trace(const struct node *n, const char *format, ...) PRINTF_LIKE(2, 3);
uint64_t world_random(uint64_t *chance);
uint64_t world_below(uint64_t *chance, uint64_t n); /* 0..n-1 */
/* For the cores; arg: the node. */
void node_random(void *arg, void *bytes, size_t len);
int64_t node_wall_s(const struct node *n);
/* Its deadline may be another one. */
void node_changed(struct node *n);
bool node_holds(const struct node *n, const struct ipaddr *addr);
/* Both are up and on one side of one link. */
bool nodes_are_neighbours(const struct node *a, const struct node *b);
/* Some node of that kind that is up and a neighbour of n (or n itself: no), after `last` (NULL: from the first). */
struct node *world_neighbour(const struct node *n, const struct node_kind *kind, const struct node *last);
/* The address of a name in a prefix. */
struct ipaddr world_hash(const struct ipaddr *base, const char *name);
/* It is one that this name has or had. */
bool world_is_of_name(const struct world *w, const struct ipaddr *addr, const char *name);
/* Addresses of a forger: nobody may believe in them. */
extern const struct ipaddr world_forged;
bool world_is_forged(const struct ipaddr *addr);

static inline nsec_t sooner(nsec_t a, nsec_t b)
{
    return a < b ? a : b;
}

extern const struct node_kind kind_router, kind_dhcp6, kind_dhcp4, kind_named, kind_upstream, kind_forger,
    kind_host, kind_otip, kind_caller;

/* The i-th prefix of a router that is up, and whether hosts make themselves addresses there, and ask DHCPv6 for them; false: it has no
 * more. */
bool router_gives(const struct node *n, struct ipaddr *ret, unsigned i, bool *ret_slaac, bool *ret_managed);
/* Until when a DHCPv4 server has granted the address, by the world's clock; 0: not. */
nsec_t dhcp4_granted_until(const struct node *n, uint32_t addr);
/* The one true address of a name below example.org at a time: it changes now and then. */
struct ipaddr upstream_truth(const char *name, nsec_t at);
/* The longest that an answer of an upstream server may be believed, and an expired one be told by iothnamed. */
#define UPSTREAM_TTL_MAX SECONDS(300)
nsec_t named_stale_max(const struct node *n);
/* A host has all that the network around it gives; else what it lacks in why. */
bool host_has_address(const struct node *n);
bool host_is_well(const struct node *n, char why[static WORLD_WHY_MAX]);
/* Lets a host ask each name server on its link for others, forward and back, and for a name of the outer world: all of it must be
 * answered, and rightly. */
void host_examine(struct node *n);
/* One question, whose answer must hold `expected` ("truth": something; "nothing": that there is none; "failure": there is no answer). */
void host_must_find(struct node *n, const char *name, const char *expected, unsigned line);
/* A question was sent: forgers are told. */
void forger_notice(struct node *asker, const struct packet *question);

#endif
