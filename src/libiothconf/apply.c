/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the options of a configuration string to netlink dialogues.

   Options may stand in any order, their effects may not: an address needs its link, a route its address. So
   there is a table of steps, each with the option that it serves; for each step in turn the string is read
   again and the function of the step is called for each of its options. What is undone comes first, in
   reverse order of how it is done, so a string may replace an address by another one.

   Settings (interface, name of the node) are gathered before. The index of the interface is asked for when
   the first step needs it: "stack=kernel" alone, or dns= alone, needs no interface.

   What is already as asked for is a success: an address that exists, or that is gone when it is to be undone.
   Clients (dhcp, dhcp6, rd) are begun when all that is static stands, and then waited for together, so that the slowest
   one tells how long it takes. Those of one interface run on from then on (keepers.h).

   A default route that exists may be another one; then it is EEXIST, unless it is ours or deleting it shows
   that it had this very gateway. What was done is recorded (state.h), so that it can be undone without naming
   it. */
#include "libiothconf/apply.h"
#include "libiothconf/keepers.h"
#include "libiothconf/parse.h"
#include "libiothconf/state.h"

#include <errno.h>
#include <iothaddr.h>
#include <iothconf.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_IFACE     "vde0"
#define DEFAULT_TIMEOUT_S 15 /* DHCP tries three times meanwhile, and IPv6 waits 12 s for a router */

struct settings {
    char iface[IFNAMSIZ];    /* "" if not given */
    unsigned ifindex;        /* 0 if not given */
    char fqdn[256];          /* "" if not given */
    char statedir[PATH_MAX]; /* "" if not given */
    unsigned timeout_s;
    bool mac_given, slaac, router_decides;
};

struct job {
    struct ioth *stack;
    struct conf_state *state;
    struct settings settings;
    unsigned ifindex; /* 0: not asked for yet */
    unsigned begun;   /* clients, bits 1 << CONF_x */
};

typedef int step_f(struct job *, const struct conf_item *);

/* The result of an nlinline function, with one error that means that all is as it should be (0: none). */
static int result(int rc, int no_error)
{
    return rc >= 0 || errno == no_error ? 0 : -errno;
}

static void copy_text(char *dst, size_t size, const struct conf_value *value)
{
    size_t len = value->len < size ? value->len : size - 1;

    memcpy(dst, value->text, len);
    dst[len] = '\0';
}

static int gather_settings(const char *config, struct settings *ret)
{
    struct conf_parser parser;
    struct conf_item item;
    int rc;

    ret->timeout_s = DEFAULT_TIMEOUT_S;
    conf_parser_init(&parser, config);
    while ((rc = conf_parser_next(&parser, &item)) > 0) {
        switch (item.keyword->key) {
        case KEY_IFACE:
            copy_text(ret->iface, sizeof(ret->iface), &item.value);
            ret->ifindex = 0;
            break;
        case KEY_IFINDEX:
            ret->ifindex = item.value.number;
            break;
        case KEY_FQDN:
            copy_text(ret->fqdn, sizeof(ret->fqdn), &item.value);
            break;
        case KEY_MAC:
            ret->mac_given = true;
            break;
        case KEY_SLAAC:
            ret->slaac = true;
            break;
        case KEY_AUTO:
        case KEY_AUTO6:
            ret->router_decides = ret->router_decides || !item.undo;
            break;
        case KEY_TIMEOUT:
            ret->timeout_s = item.value.number;
            break;
        case KEY_STATEDIR:
            copy_text(ret->statedir, sizeof(ret->statedir), &item.value);
            break;
        default:
            break;
        }
    }
    return rc;
}

static int ifindex_by_name(struct ioth *stack, const char *name)
{
    int ifindex = ioth_if_nametoindex(stack, name);

    if (ifindex > 0)
        return ifindex;
    return ifindex < 0 && errno != 0 ? -errno : -ENODEV;
}

static int named_ifindex(struct ioth *stack, const struct settings *settings)
{
    if (settings->ifindex != 0)
        return (int)settings->ifindex;
    return settings->iface[0] != '\0' ? ifindex_by_name(stack, settings->iface) : 0;
}

int conf_named_ifindex(struct ioth *stack, const char *config)
{
    struct settings settings = {0};
    int rc = gather_settings(config, &settings);

    return rc < 0 ? rc : named_ifindex(stack, &settings);
}

/* Makes job->ifindex known, for steps that cannot go without. */
static int need_ifindex(struct job *job)
{
    int ifindex;

    if (job->ifindex != 0)
        return 0;
    ifindex = named_ifindex(job->stack, &job->settings);
    if (ifindex == 0)
        ifindex = ifindex_by_name(job->stack, DEFAULT_IFACE);
    if (ifindex < 0)
        return ifindex;
    job->ifindex = (unsigned)ifindex;
    return 0;
}

/* The same for names, which may belong to no interface: without iface= and ifindex= a missing vde0 is no
 * error. */
static int want_ifindex(struct job *job)
{
    int rc = need_ifindex(job);

    return rc < 0 && job->settings.iface[0] == '\0' && job->settings.ifindex == 0 ? 0 : rc;
}

/* --- the link --- */

/* The keeper looks each time: a stack that does not tell of its links may be up again when it looks by itself. */
static int set_link(struct job *job, int up)
{
    struct keepers *keepers = conf_state_keepers_made(job->state);
    int rc = result(ioth_linksetupdown(job->stack, job->ifindex, up), 0);

    if (rc == 0 && keepers != NULL)
        keepers_look(keepers, job->ifindex);
    return rc;
}

/* Some interfaces take another address only while they are down. */
static int set_mac(struct job *job, const uint8_t mac[static 6])
{
    uint8_t copy[6];
    int rc;

    memcpy(copy, mac, sizeof(copy));
    rc = result(ioth_linksetaddr(job->stack, job->ifindex, copy), 0);
    if (rc != -EBUSY)
        return rc;
    rc = set_link(job, 0);
    if (rc == 0)
        rc = result(ioth_linksetaddr(job->stack, job->ifindex, copy), 0);
    if (rc == 0)
        rc = set_link(job, 1);
    return rc;
}

static int do_mac(struct job *job, const struct conf_item *item)
{
    int rc = need_ifindex(job);

    return rc < 0 ? rc : set_mac(job, item->value.mac);
}

static int do_eth(struct job *job, const struct conf_item *item)
{
    int rc = need_ifindex(job);

    (void)item;
    if (rc == 0 && !job->settings.mac_given && job->settings.fqdn[0] != '\0') {
        uint8_t mac[6];

        iothaddr_hashmac(mac, job->settings.fqdn, NULL);
        rc = set_mac(job, mac);
    }
    return rc < 0 ? rc : set_link(job, 1);
}

static int undo_eth(struct job *job, const struct conf_item *item)
{
    int rc = need_ifindex(job);

    (void)item;
    return rc < 0 ? rc : set_link(job, 0);
}

/* --- addresses, routes, names: as records, to and from the stack --- */

static int add_addr(struct job *job, struct conf_record *r)
{
    return result(ioth_ipaddr_add(job->stack, r->family, r->addr, r->prefixlen, job->ifindex), EEXIST);
}

static int del_addr(struct job *job, struct conf_record *r)
{
    return result(ioth_ipaddr_del(job->stack, r->family, r->addr, r->prefixlen, job->ifindex), EADDRNOTAVAIL);
}

static int del_route(struct job *job, struct conf_record *r)
{
    return result(ioth_iproute_del(job->stack, r->family, NULL, 0, r->addr, job->ifindex), ESRCH);
}

/* A default route that is there already is as good as ours if it has our gateway, which only its deletion
 * shows. */
static int add_route(struct job *job, struct conf_record *r)
{
    int rc = result(ioth_iproute_add(job->stack, r->family, NULL, 0, r->addr, job->ifindex), 0);

    if (rc != -EEXIST || conf_state_has(job->state, r))
        return rc == -EEXIST ? 0 : rc;
    if (ioth_iproute_del(job->stack, r->family, NULL, 0, r->addr, job->ifindex) < 0)
        return -EEXIST;
    return result(ioth_iproute_add(job->stack, r->family, NULL, 0, r->addr, job->ifindex), EEXIST);
}

static int name_only(struct job *job, struct conf_record *r)
{
    (void)job;
    (void)r;
    return 0;
}

/* The options that leave records, in the order in which -static undoes them. */
static const struct {
    enum conf_key key;
    int (*need)(struct job *);
    int (*add)(struct job *, struct conf_record *);
    int (*del)(struct job *, struct conf_record *);
} recorded[] = {
    {KEY_GW, need_ifindex, add_route, del_route},
    {KEY_IP, need_ifindex, add_addr, del_addr},
    {KEY_DNS, want_ifindex, name_only, name_only},
    {KEY_DOMAIN, want_ifindex, name_only, name_only},
};

static size_t recorded_row(enum conf_key key)
{
    size_t row = 0;

    while (recorded[row].key != key)
        row++;
    return row;
}

/* ip=, gw=, dns=, domain= */
static int do_recorded(struct job *job, const struct conf_item *item)
{
    size_t row = recorded_row(item->keyword->key);
    struct conf_record *record;
    int rc = recorded[row].need(job);

    if (rc < 0)
        return rc;
    record = conf_record_new(item->keyword->key, job->ifindex, &item->value);
    if (record == NULL)
        return -ENOMEM;
    rc = recorded[row].add(job, record);
    if (rc == 0)
        conf_state_add(job->state, record);
    else
        conf_record_free(record);
    return rc;
}

/* Undoes all records of one key. Goes on after an error of one of them, and returns the first one. Where no
   interface is named and there is no vde0, only what belongs to no interface can have been recorded. */
static int undo_all(struct job *job, size_t row)
{
    struct conf_record *record;
    int first = want_ifindex(job);

    if (first < 0)
        return first;
    while ((record = conf_state_take(job->state, recorded[row].key, job->ifindex)) != NULL) {
        int rc = recorded[row].del(job, record);

        conf_record_free(record);
        first = first < 0 ? first : rc;
    }
    return first;
}

/* -ip, -gw, -dns, -domain with or without a value */
static int undo_recorded(struct job *job, const struct conf_item *item)
{
    size_t row = recorded_row(item->keyword->key);
    struct conf_record *record;
    int rc;

    if (!item->has_value)
        return undo_all(job, row);
    rc = recorded[row].need(job);
    if (rc < 0)
        return rc;
    record = conf_record_new(item->keyword->key, job->ifindex, &item->value);
    if (record == NULL)
        return -ENOMEM;
    rc = recorded[row].del(job, record);
    if (rc == 0)
        conf_state_remove(job->state, record);
    conf_record_free(record);
    return rc;
}

static int undo_static(struct job *job, const struct conf_item *item)
{
    int first = 0;

    (void)item;
    for (size_t row = 0; row < ARRAY_LEN(recorded); row++) {
        int rc = undo_all(job, row);

        first = first < 0 ? first : rc;
    }
    return first;
}

/* --- clients --- */

/* What the options with clients stand for, and what they add to the result. */
static const struct {
    enum conf_key key;
    unsigned sources; /* bits 1 << CONF_x */
} client_options[] = {
    {KEY_DHCP, 1 << CONF_DHCP4},
    {KEY_DHCP6, 1 << CONF_DHCP6},
    {KEY_RD, 1 << CONF_RD},
    {KEY_SLAAC, 1 << CONF_RD},
    {KEY_AUTO, 1 << CONF_DHCP4 | 1 << CONF_DHCP6 | 1 << CONF_RD},
    {KEY_AUTO4, 1 << CONF_DHCP4},
    {KEY_AUTO6, 1 << CONF_DHCP6 | 1 << CONF_RD},
};

static unsigned sources_of(enum conf_key key)
{
    size_t row = 0;

    while (client_options[row].key != key)
        row++;
    return client_options[row].sources;
}

/* Routers first: what they say of DHCPv6 is known the sooner. */
static const enum conf_source in_order[] = {CONF_RD, CONF_DHCP6, CONF_DHCP4};

static int do_clients(struct job *job, const struct conf_item *item)
{
    unsigned sources = sources_of(item->keyword->key) & ~job->begun;
    struct keeper_wish wish = {.fqdn = job->settings.fqdn,
                               .statedir = job->settings.statedir,
                               .slaac = job->settings.slaac,
                               .router_decides = job->settings.router_decides};
    struct keepers *keepers = NULL;
    int rc = need_ifindex(job);

    if (rc == 0)
        rc = conf_state_keepers(job->state, &keepers);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(in_order); i++)
        if ((sources & 1u << in_order[i]) != 0)
            rc = keepers_begin(keepers, job->ifindex, in_order[i], &wish);
    if (rc == 0)
        job->begun |= sources;
    return rc;
}

static int undo_clients(struct job *job, const struct conf_item *item)
{
    unsigned sources = sources_of(item->keyword->key);
    struct keepers *keepers = conf_state_keepers_made(job->state);
    int rc = need_ifindex(job);

    for (size_t i = 0; rc == 0 && keepers != NULL && i < ARRAY_LEN(in_order); i++)
        if ((sources & 1u << in_order[i]) != 0)
            keepers_end(keepers, job->ifindex, in_order[i]);
    return rc;
}

/* Waits for all clients that were begun. Returns the bits of those whose configuration stands. */
static int wait_for_clients(struct job *job)
{
    struct keepers *keepers = conf_state_keepers_made(job->state);
    int stand;

    if (job->begun == 0 || keepers == NULL)
        return 0;
    stand = keepers_wait(keepers, job->ifindex, job->begun, job->settings.timeout_s);
    if (stand < 0)
        return stand;
    return ((stand & 1 << CONF_DHCP4) != 0 ? IOTH_CONFIG_DHCP : 0) |
           ((stand & 1 << CONF_DHCP6) != 0 ? IOTH_CONFIG_DHCPV6 : 0) |
           ((stand & 1 << CONF_RD) != 0 ? IOTH_CONFIG_RD : 0);
}

/* --- all of it, in order --- */

static const struct step {
    enum conf_key key;
    bool undo;
    step_f *run;
    int done; /* the bit of the result */
} steps[] = {
    {KEY_DHCP, true, undo_clients, IOTH_CONFIG_DHCP},
    {KEY_DHCP6, true, undo_clients, IOTH_CONFIG_DHCPV6},
    {KEY_RD, true, undo_clients, IOTH_CONFIG_RD},
    {KEY_AUTO4, true, undo_clients, IOTH_CONFIG_DHCP},
    {KEY_AUTO6, true, undo_clients, IOTH_CONFIG_DHCPV6 | IOTH_CONFIG_RD},
    {KEY_AUTO, true, undo_clients, IOTH_CONFIG_DHCP | IOTH_CONFIG_DHCPV6 | IOTH_CONFIG_RD},
    {KEY_STATIC, true, undo_static, IOTH_CONFIG_STATIC},
    {KEY_GW, true, undo_recorded, IOTH_CONFIG_STATIC},
    {KEY_IP, true, undo_recorded, IOTH_CONFIG_STATIC},
    {KEY_DNS, true, undo_recorded, IOTH_CONFIG_STATIC},
    {KEY_DOMAIN, true, undo_recorded, IOTH_CONFIG_STATIC},
    {KEY_ETH, true, undo_eth, IOTH_CONFIG_ETH},
    {KEY_AUTO, true, undo_eth, IOTH_CONFIG_ETH},
    {KEY_MAC, false, do_mac, IOTH_CONFIG_ETH},
    {KEY_ETH, false, do_eth, IOTH_CONFIG_ETH},
    {KEY_AUTO, false, do_eth, IOTH_CONFIG_ETH},
    {KEY_AUTO4, false, do_eth, IOTH_CONFIG_ETH},
    {KEY_AUTO6, false, do_eth, IOTH_CONFIG_ETH},
    {KEY_IP, false, do_recorded, IOTH_CONFIG_STATIC},
    {KEY_GW, false, do_recorded, IOTH_CONFIG_STATIC},
    {KEY_DNS, false, do_recorded, IOTH_CONFIG_STATIC},
    {KEY_DOMAIN, false, do_recorded, IOTH_CONFIG_STATIC},
    {KEY_AUTO, false, do_clients, 0},
    {KEY_AUTO6, false, do_clients, 0},
    {KEY_RD, false, do_clients, 0},
    {KEY_SLAAC, false, do_clients, 0},
    {KEY_DHCP6, false, do_clients, 0},
    {KEY_AUTO4, false, do_clients, 0},
    {KEY_DHCP, false, do_clients, 0},
};

/* Runs a step for each of its options. Returns its bit if there was one, 0 if not, or negative errno. */
static int run_step(struct job *job, const struct step *step, const char *config)
{
    struct conf_parser parser;
    struct conf_item item;
    int done = 0;
    int rc;

    conf_parser_init(&parser, config);
    while ((rc = conf_parser_next(&parser, &item)) > 0) {
        if (item.keyword->key != step->key || item.undo != step->undo)
            continue;
        rc = step->run(job, &item);
        if (rc < 0)
            return rc;
        done = step->done;
    }
    return rc < 0 ? rc : done;
}

int conf_apply(struct ioth *stack, const char *config)
{
    struct job job = {.stack = stack};
    int done = 0;
    int rc = gather_settings(config, &job.settings);

    if (rc == 0)
        rc = conf_state_get(stack, &job.state);
    for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(steps); i++) {
        rc = run_step(&job, &steps[i], config);
        done |= rc > 0 ? rc : 0;
    }
    if (rc >= 0)
        rc = wait_for_clients(&job);
    return rc < 0 ? rc : done | rc;
}
