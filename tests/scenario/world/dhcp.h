/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the nodes of both DHCP servers share: what they keep over a restart, and their questions to the DNS. */
#ifndef WORLD_DHCP_H
#define WORLD_DHCP_H

#include "libnamedhcp/name_policy.h"
#include "libnamedhcp/server.h"
#include "lookup.h"

enum { DHCP_SERVERS_MAX = 4 };

/* A record of the store, and until when its client may use it by the world's clock, which no step of the server's changes. */
struct dhcp_kept {
    struct server_lease lease;
    nsec_t until;
};

struct dhcp_node {
    struct node node; /* first member */
    struct lookups lookups;
    unsigned n_asks, n_dns;
    struct ipaddr asks[DHCP_SERVERS_MAX],
        dns[DHCP_SERVERS_MAX]; /* whom it asks, whom its clients are to ask */
    uint8_t domain[DNAME_MAX]; /* what they search; the root: nothing */
    struct name_policy *names;
    /* The store: it outlives a kill. */
    unsigned n_kept, size_kept;
    struct dhcp_kept *kept;
    void (*answered)(struct dhcp_node *d, const struct server_answer *answer);
};

/* The words both have: dns, domain, asks. 1: taken; 0: it is none of these; negative errno and why. */
int dhcp_option(struct dhcp_node *d, const char *word, const char *value, char why[static WORLD_WHY_MAX]);
/* Begins with names and questions. */
void dhcp_open(struct dhcp_node *d);
void dhcp_close(struct dhcp_node *d);
void dhcp_fini(struct node *n);
struct server_time dhcp_now(const struct dhcp_node *d);
/* SERVER_ASK, SERVER_LEASE, SERVER_FORGET. True: it was one of these. */
bool dhcp_obey(struct dhcp_node *d, const struct server_event *e);

#endif
