/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store is an array: what was kept is there after a kill, since the service commits before it sends. Questions to the DNS are
 * look-ups with the patience that the cores were promised (SERVER_ASK_TIME).
 */
#include "dhcp.h"

#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE   (SERVER_ASK_TIME - 100 * NSEC_PER_MSEC)
#define CLAIMS_MAX 1000
#define KEPT_MAX   5000

int dhcp_option(struct dhcp_node *d, const char *word, const char *value, char why[static WORLD_WHY_MAX])
{
    bool asks = strcmp(word, "asks") == 0;

    if (strcmp(word, "domain") == 0 && value)
        return dname_from_text(value, strlen(value), d->domain) < 0 ? word_is_no(value, "domain", why) : 1;
    if ((!asks && strcmp(word, "dns") != 0) || !value)
        return 0;
    int n = word_addrs(value, asks ? d->asks : d->dns, DHCP_SERVERS_MAX);
    if (n < 0)
        return word_is_no(value, "list of at most four addresses", why);
    *(asks ? &d->n_asks : &d->n_dns) = (unsigned)n;
    return 1;
}

/* --- the DNS --- */

static bool source_of(const struct node *n, const struct ipaddr *server, struct ipaddr *ret)
{
    for (unsigned i = 0; i < n->n_addrs; i++)
        if (ipaddr_is_v4(&n->addrs[i]) == ipaddr_is_v4(server)) {
            *ret = n->addrs[i];
            return true;
        }
    return false;
}

static void on_ended(struct node *n, const struct lookup *l)
{
    struct dhcp_node *d = (struct dhcp_node *)n;
    struct server_answer a = {.question = (uint32_t)l->tag, .status = SERVER_UNKNOWN};

    if (l->error == 0) {
        a.status = SERVER_FOUND;
        a.ttl_s = l->ttl_s;
        a.n_addrs = l->n_addrs < SERVER_ANSWER_ADDRS ? l->n_addrs : SERVER_ANSWER_ADDRS;
        memcpy(a.addrs, l->addrs, a.n_addrs * sizeof(a.addrs[0]));
    } else if (l->error == -ENOENT || l->error == -ENODATA) {
        a.status = SERVER_NOT_THERE;
    }
    d->answered(d, &a);
}

static void ask(struct dhcp_node *d, const struct server_event *e)
{
    char text[DNAME_TEXT_MAX];
    const struct lookup_wish wish = {.name = dname_to_text(e->name, text),
                                     .type = e->qtype,
                                     .servers = d->asks,
                                     .n_servers = d->n_asks,
                                     .patience = PATIENCE,
                                     .tag = e->question};

    if (d->n_asks == 0 || lookup_begin(&d->lookups, &wish) < 0)
        d->answered(d, &(struct server_answer){.question = e->question, .status = SERVER_UNKNOWN});
}

/* --- the store --- */

static bool same_key(const struct server_lease *a, const struct server_lease *b)
{
    bool claims = a->state == SERVER_LEASE_CLAIM;

    if (claims != (b->state == SERVER_LEASE_CLAIM))
        return false;
    return claims ? dname_equal(a->name, dname_len(a->name), b->name, dname_len(b->name))
                  : ipaddr_equal(&a->addr, &b->addr);
}

/* What is on record runs, in truth and by the server's own clock, and is another client's. By that clock alone
 * a lease that has ended runs again once the clock is set back. */
static bool is_in_other_hands(const struct dhcp_node *d, const struct dhcp_kept *kept,
                              const struct server_lease *is)
{
    const struct server_lease *was = &kept->lease;

    return was->state == SERVER_LEASE_BOUND && is->state == SERVER_LEASE_BOUND &&
           kept->until > d->node.world->now && was->ends > node_wall_s(&d->node) &&
           (was->identity_len != is->identity_len ||
            memcmp(was->identity, is->identity, is->identity_len) != 0);
}

static void keep(struct dhcp_node *d, const struct server_lease *lease, bool forget)
{
    unsigned i = 0;

    while (i < d->n_kept && !same_key(&d->kept[i].lease, lease))
        i++;
    if (forget) {
        if (i < d->n_kept)
            d->kept[i] = d->kept[--d->n_kept];
        return;
    }
    if (i == d->size_kept) {
        d->size_kept = d->size_kept ? 2 * d->size_kept : 64;
        d->kept = reallocarray(d->kept, d->size_kept, sizeof(*d->kept));
        if (!d->kept)
            abort();
    }
    if (i < d->n_kept && is_in_other_hands(d, &d->kept[i], lease))
        world_break(d->node.world, "%s gives somebody what it has granted to somebody else", d->node.name);
    nsec_t until = lease->ends == INT64_MAX
                       ? NSEC_NEVER
                       : d->node.world->now + SECONDS(lease->ends - node_wall_s(&d->node));
    d->kept[i] = (struct dhcp_kept){.lease = *lease, .until = until};
    if (i == d->n_kept && ++d->n_kept > KEPT_MAX)
        world_break(d->node.world, "%s keeps more than %d leases", d->node.name, KEPT_MAX);
}

bool dhcp_obey(struct dhcp_node *d, const struct server_event *e)
{
    switch (e->kind) {
    case SERVER_ASK:
        ask(d, e);
        return true;
    case SERVER_LEASE:
    case SERVER_FORGET:
        keep(d, e->lease, e->kind == SERVER_FORGET);
        return true;
    case SERVER_NOTE:
        world_say(&d->node, "says: %s", e->text);
        return true;
    default:
        return false;
    }
}

/* --- life --- */

static void restore_claims(struct dhcp_node *d)
{
    for (unsigned i = 0; i < d->n_kept; i++) {
        const struct server_lease *l = &d->kept[i].lease;
        const struct name_policy_client client = {
            .identity = l->identity, .identity_len = l->identity_len, .mac = l->mac};
        if (l->state == SERVER_LEASE_CLAIM && name_policy_restore(d->names, l->name, &client, l->ends) < 0)
            world_break(d->node.world, "%s does not take back a claim that it kept", d->node.name);
    }
}

void dhcp_open(struct dhcp_node *d)
{
    struct name_policy_settings names = {
        .claims = true, .claims_max = CLAIMS_MAX, .claims_keep_s = 30 * 86400};

    node_random(&d->node, &names.key, sizeof(names.key));
    d->lookups.asking.node = &d->node;
    d->lookups.asking.source = source_of;
    d->lookups.ended = on_ended;
    if (name_policy_new(&names, &d->names) < 0 || lookups_open(&d->lookups) < 0)
        abort();
    restore_claims(d);
}

void dhcp_close(struct dhcp_node *d)
{
    lookups_close(&d->lookups);
    name_policy_free(d->names);
    d->names = NULL;
}

void dhcp_fini(struct node *n)
{
    free(((struct dhcp_node *)n)->kept);
}

struct server_time dhcp_now(const struct dhcp_node *d)
{
    return (struct server_time){.mono = d->node.world->now, .wall_s = node_wall_s(&d->node)};
}
