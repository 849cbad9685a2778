/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The inside of a host: node_host.c gets its addresses, host_ask.c asks the DNS. */
#ifndef WORLD_HOST_H
#define WORLD_HOST_H

#include "libiothconf/clients.h"
#include "lookup.h"

enum { HOST_HELD_MAX = 160, HOST_SERVERS_MAX = 16, HOST_SAVED_MAX = 2048, HOST_PROMISES_MAX = 32 };

/* An address or a route that stands. */
struct host_held {
    enum conf_source source;
    bool is_addr;
    struct ipaddr addr, gateway;
    unsigned bits;
    uint32_t metric;
    nsec_t valid_until;
    nsec_t tried_at; /* an IPv6 address that is being tried: when that is known; NSEC_NEVER: it is known */
    bool tentative;
};

struct host_saved {
    size_t len;
    nsec_t at;
    uint8_t bytes[HOST_SAVED_MAX];
};

/* Until when a server or router has granted an address or prefix, or itself as a default router. */
struct host_promise {
    enum conf_source source;
    struct ipaddr addr;
    nsec_t until;
};

/* An expectation about one look-up. */
struct host_expectation {
    unsigned line; /* of the scenario */
    char expected[WORLD_NAME_MAX];
};

struct host_node {
    struct node node;            /* first member */
    unsigned uses;               /* bits 1 << CONF_x */
    bool automatic;              /* DHCPv6 is used as the routers say */
    char claims[WORLD_NAME_MAX]; /* the name that it says it has */
    uint8_t fqdn[DNAME_MAX];
    void *clients[CONF_SOURCES]; /* NULL: none */
    struct client_names names[CONF_SOURCES];
    struct host_saved saved[CONF_SOURCES]; /* outlives a kill */
    bool routers_said, managed, other;
    nsec_t patience_until;
    struct host_promise promises[HOST_PROMISES_MAX];
    unsigned n_held;
    struct host_held held[HOST_HELD_MAX];
    /* Its questions */
    struct lookups lookups;
    nsec_t interval, ask_at; /* between questions of its own accord */
    struct ipaddr found;     /* the address of somebody, for a reverse question */
    unsigned n_expectations;
    struct host_expectation expectations[16];
};

static inline struct host_node *host_of(struct node *n)
{
    return (struct host_node *)n;
}

/* An address of its own from which the other one can be reached. */
bool host_source(const struct node *n, const struct ipaddr *to, struct ipaddr *ret);
/* The name servers that it was told of, and whether it is to search hash.local. */
unsigned host_servers(const struct host_node *h, struct ipaddr ret[static HOST_SERVERS_MAX],
                      char search[static DNAME_TEXT_MAX]);

/* Notes what a message promises; and what was promised for an address, a prefix or a router; 0: nothing. */
void host_hear_promise(struct host_node *h, const struct packet *p);
nsec_t host_promised_until(const struct host_node *h, enum conf_source source, const struct ipaddr *addr);

void host_ask_open(struct host_node *h);
void host_ask_close(struct host_node *h);
void host_ask_timeout(struct host_node *h);
nsec_t host_ask_deadline(const struct host_node *h);

#endif
