/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a person asks of the DHCP servers, or tells them, by namedhcpctl(8): a function that writes lines, and a row of the table
 * at the end. What is of the thread that serves, leases and claims, is done by it (namedhcp_calls.c): the command leaves a call
 * and waits. Lists come page by page, PAGE records for each turn, in the order of the store, so that a list of a million
 * leases costs clients no more than a page; what changes meanwhile is in it or not.
 *
 * What changes something is on record before it is answered, and logged with the user who asked.
 */
#include "libnamedhcp/namedhcp_metrics.h"
#include "libnamedhcp/namedhcp_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 256, TIME_TEXT = 32, MAC_TEXT = 18 };

static void log_command(const struct control_call *call)
{
    const struct namedhcp *n = call->arg;

    control_log(call, &n->log);
}

/* --- status and counters --- */

/* The interfaces that are not served now, with commas between; "none". */
static const char *unserved_names(struct namedhcp *n, char text[static NAMEDHCP_NAMES_TEXT])
{
    size_t len = 0;

    pthread_mutex_lock(&n->lock);
    for (unsigned i = 0; i < n->n_links && len < NAMEDHCP_NAMES_TEXT; i++)
        if (n->deaf[i] < 0)
            len += (size_t)snprintf(text + len, NAMEDHCP_NAMES_TEXT - len, "%s%.40s", len > 0 ? "," : "",
                                    n->links[i]->name);
    pthread_mutex_unlock(&n->lock);
    return len > 0 ? text : "none";
}

void namedhcp_status(void *arg, struct pairs *p)
{
    struct namedhcp *n = arg;
    struct namedhcp_stats stats;
    char names[NAMEDHCP_NAMES_TEXT];

    namedhcp_stats(n, &stats);
    pthread_mutex_lock(&n->lock);
    bool store_works = n->store_works;
    pthread_mutex_unlock(&n->lock);
    pairs_text(p, "interfaces", namedhcp_iface_names(n->started, names));
    pairs_text(p, "interfaces_unserved", unserved_names(n, names));
    pairs_text(p, "dhcpv6", n->serve6 ? "on" : "off");
    pairs_text(p, "dhcpv4", n->serve4 ? "on" : "off");
    pairs_yes(p, "leases_are_kept", store_works);
    pairs_number(p, "leases", stats.leases);
    pairs_number(p, "claims", stats.claims);
    pairs_number(p, "waiting", stats.waiting);
    pairs_number(p, "reloads", n->reloads);
    pairs_number(p, "failed_reloads", n->failed_reloads);
}

void namedhcp_put_counters(void *arg, struct pairs *p)
{
    struct namedhcp_stats stats;

    namedhcp_stats(arg, &stats);
    for (unsigned i = 0; i < namedhcp_n_counters; i++)
        pairs_number(p, namedhcp_counters[i].key, namedhcp_counter(&stats, i));
}

static enum control_result run_pools(struct control_call *call)
{
    struct namedhcp *n = call->arg;
    struct namedhcp_pools *pools = namedhcp_copy_pools(n);

    for (unsigned i = 0; pools && i < pools->n; i++) {
        const struct lease_pool_use *p = &pools->at[i];
        char first[IPADDR_STRLEN], last[IPADDR_STRLEN];
        struct ipaddr from = ipaddr_of_v4(p->pool.first), to = ipaddr_of_v4(p->pool.last);
        text_printf(&call->out, "%s-%s size %" PRIu32 " used %" PRIu32 "\n", ipaddr_format(&from, first),
                    ipaddr_format(&to, last), p->pool.last - p->pool.first + 1, p->used);
    }
    free(pools);
    return CONTROL_DONE;
}

/* --- lists --- */

/* A page of a list; the call is its first member. */
struct listing {
    struct namedhcp_call call;
    struct store_place at;
    bool claims;
    /* What is asked for; of these at most one. */
    bool has_net, has_mac, has_name;
    struct ipaddr net;
    unsigned bits;
    uint8_t mac[6], name[DNAME_MAX];
    /* The page */
    int64_t now_s, wall_later_s; /* by the clock of leases; how much later it is by the wall clock */
    struct text text;
    int result; /* of store_walk */
};

static const char *utc(const struct listing *list, int64_t at_s, char text[static TIME_TEXT])
{
    time_t t = (time_t)(at_s == INT64_MAX ? 0 : at_s + list->wall_later_s);
    struct tm tm;

    if (at_s == INT64_MAX)
        return "for-ever";
    if (!gmtime_r(&t, &tm) || strftime(text, TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return "-";
    return text;
}

static const char *state_of(const struct server_lease *l, int64_t now_s)
{
    switch (l->state) {
    case SERVER_LEASE_BOUND:
        return l->ends > now_s ? "bound" : "ended";
    case SERVER_LEASE_DECLINED:
        return l->ends > now_s ? "declined" : "ended";
    case SERVER_LEASE_RELEASED:
        return "released";
    case SERVER_LEASE_CLAIM:
        break;
    }
    return "claim";
}

static bool is_wanted(const struct listing *list, const struct server_lease *l)
{
    size_t len = dname_len(l->name);

    if (list->has_mac)
        return memcmp(list->mac, l->mac, sizeof(l->mac)) == 0;
    if (list->has_name)
        return len == dname_len(list->name) && memcmp(list->name, l->name, len) == 0;
    return true;
}

static void put_client(struct text *out, const struct server_lease *l)
{
    static const uint8_t unknown[6];
    const uint8_t *m = l->mac;

    if (memcmp(m, unknown, sizeof(unknown)) == 0)
        text_puts(out, " - ");
    else
        text_printf(out, " %02x:%02x:%02x:%02x:%02x:%02x ", m[0], m[1], m[2], m[3], m[4], m[5]);
    for (unsigned i = 0; i < l->identity_len; i++)
        text_printf(out, "%02x", l->identity[i]);
    text_puts(out, l->identity_len ? "" : "-");
}

/* Not 0: the list ends here. */
static int put_record(void *arg, const struct server_lease *l)
{
    struct listing *list = arg;
    struct text *out = &list->text;
    char addr[IPADDR_STRLEN], until[TIME_TEXT], name[DNAME_TEXT_MAX];
    const char *named = l->name[0] ? dname_to_text(l->name, name) : "-";

    if (list->has_net && !ipaddr_same_prefix(&l->addr, &list->net, list->bits))
        return 1; /* they come in order */
    if (!is_wanted(list, l))
        return 0;
    if (list->claims)
        text_printf(out, "%s %s", named, utc(list, l->ends, until));
    else
        text_printf(out, "%s %s %s", ipaddr_format(&l->addr, addr), state_of(l, list->now_s),
                    utc(list, l->ends, until));
    put_client(out, l);
    if (list->claims)
        text_puts(out, "\n");
    else
        text_printf(out, " %s\n", named);
    return 0;
}

static void read_page(struct namedhcp *n, struct namedhcp_call *call)
{
    struct listing *list = (struct listing *)call;

    list->now_s = n->now.wall_s;
    list->wall_later_s = store_stepped(n->store);
    list->result = store_walk(n->store, &list->at, PAGE, put_record, list);
}

static void free_listing(struct namedhcp_call *call)
{
    struct listing *list = (struct listing *)call;

    text_fini(&list->text);
    free(list);
}

static bool read_mac(const char *word, uint8_t mac[static 6])
{
    int end = 0;

    return strlen(word) == MAC_TEXT - 1 &&
           sscanf(word, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
                  &mac[5], &end) == 6 &&
           end == MAC_TEXT - 1;
}

/* In lower case, as records have it. */
static bool read_name(const char *word, uint8_t name[static DNAME_MAX])
{
    if (dname_from_text(word, strlen(word), name) < 0)
        return false;
    dname_lower(name, name, dname_len(name));
    return true;
}

static bool read_filter(struct listing *list, const char *word)
{
    size_t len = strlen(word);

    list->bits = 128;
    list->has_net = !list->claims && (ipaddr_parse(word, len, &list->net) == 0 ||
                                      ipaddr_parse_prefix(word, len, &list->net, &list->bits) == 0);
    list->has_mac = !list->has_net && read_mac(word, list->mac);
    list->has_name = !list->has_net && !list->has_mac && (list->claims || !strchr(word, '/')) &&
                     read_name(word, list->name);
    if (list->has_net)
        ipaddr_mask(&list->net, list->bits);
    return list->has_net || list->has_mac || list->has_name;
}

static enum control_result begin_list(struct control_call *call, bool claims)
{
    struct namedhcp *n = call->arg;
    struct listing *list = calloc(1, sizeof(*list));

    if (!list)
        return control_fail(call, "out of memory");
    list->call = (struct namedhcp_call){.run = read_page, .free = free_listing};
    list->claims = claims;
    if (call->n_words > 1 && !read_filter(list, call->words[1])) {
        free(list);
        return control_fail(call, claims ? "that is no name or MAC address"
                                         : "that is no network, name or MAC address");
    }
    list->at = claims ? store_claims() : store_leases_from(&list->net);
    call->own = list;
    namedhcp_call(n, &list->call);
    return CONTROL_WAIT;
}

static enum control_result run_list(struct control_call *call, bool claims)
{
    struct namedhcp *n = call->arg;
    struct listing *list = call->own;

    if (!list)
        return begin_list(call, claims);
    if (!namedhcp_call_done(n, &list->call))
        return CONTROL_WAIT;
    text_put(&call->out, list->text.bytes, list->text.len);
    text_drop(&list->text, list->text.len);
    if (list->result < 0)
        return control_fail(call, strerrordesc_np(-list->result));
    if (list->result == 0)
        return CONTROL_DONE;
    namedhcp_call(n, &list->call); /* while this page is on its way */
    return CONTROL_MORE;
}

static enum control_result run_leases(struct control_call *call)
{
    return run_list(call, false);
}

static enum control_result run_claims(struct control_call *call)
{
    return run_list(call, true);
}

/* Of whatever was left with the thread. */
static void end_call(struct control_call *call)
{
    if (call->own)
        namedhcp_call_drop(call->arg, call->own);
}

/* --- changes --- */

struct change {
    struct namedhcp_call call;
    bool forget; /* else the lease ends now, and its client gets it again if nobody has it by then */
    bool is_addr;
    struct ipaddr addr;
    uint8_t name[DNAME_MAX];
    char why[CONTROL_WHY_MAX]; /* "": it is done, and on record */
};

static void say_store(struct change *c, int error)
{
    if (error < 0)
        snprintf(c->why, sizeof(c->why), "it cannot be kept: %s", strerrordesc_np(-error));
}

/* A change alone in its transaction; 0 or negative errno. */
static int put_on_record(struct namedhcp *n, const struct server_lease *lease, bool forget)
{
    int e = forget ? store_forget(n->store, lease) : store_put(n->store, lease);

    if (e == 0)
        e = store_commit(n->store);
    if (e < 0)
        store_abort(n->store);
    return e;
}

static void release_lease(struct namedhcp *n, struct change *c, const struct lease *l)
{
    struct server_lease lease = {.state = SERVER_LEASE_RELEASED,
                                 .addr = c->addr,
                                 .identity_len = l->identity_len,
                                 .began = l->began,
                                 .ends = n->now.wall_s};
    unsigned subnet = l->subnet;
    uint32_t forgotten;

    if (l->state != SERVER_LEASE_BOUND || l->offered || lease_ends(l) <= n->now.wall_s) {
        snprintf(c->why, sizeof(c->why), "nobody has this address");
        return;
    }
    memcpy(lease.identity, l->bytes, l->identity_len);
    memcpy(lease.mac, l->mac, sizeof(lease.mac));
    memcpy(lease.name, lease_name(l), l->name_len);
    int e = put_on_record(n, &lease, false);
    if (e == 0)
        e = lease_put(n->engine->leases, subnet, &lease, false, n->now.wall_s, &forgotten);
    say_store(c, e);
}

static void change_lease(struct namedhcp *n, struct change *c)
{
    const struct server_lease key = {.state = SERVER_LEASE_BOUND, .addr = c->addr};
    const struct lease *l = n->engine->leases && ipaddr_is_v4(&c->addr)
                                ? lease_at(n->engine->leases, ipaddr_to_v4(&c->addr))
                                : NULL;

    if (!l) {
        snprintf(c->why, sizeof(c->why), "nothing is known of this address");
    } else if (!c->forget) {
        release_lease(n, c, l);
    } else {
        int e = put_on_record(n, &key, true);
        if (e == 0)
            lease_forget(n->engine->leases, ipaddr_to_v4(&c->addr));
        say_store(c, e);
    }
}

static void forget_claim(struct namedhcp *n, struct change *c)
{
    struct server_lease key = {.state = SERVER_LEASE_CLAIM};

    memcpy(key.name, c->name, dname_len(c->name));
    int e = put_on_record(n, &key, true);
    say_store(c, e);
    if (e == 0 && !name_policy_forget(n->engine->names, c->name))
        snprintf(c->why, sizeof(c->why), "nobody has claimed this name");
}

static void run_change_call(struct namedhcp *n, struct namedhcp_call *call)
{
    struct change *c = (struct change *)call;

    if (c->is_addr)
        change_lease(n, c);
    else
        forget_claim(n, c);
}

static void free_change(struct namedhcp_call *call)
{
    free(call);
}

static enum control_result begin_change(struct control_call *call, bool forget)
{
    struct namedhcp *n = call->arg;
    const char *word = call->words[1];
    struct change *c = calloc(1, sizeof(*c));

    if (!c)
        return control_fail(call, "out of memory");
    c->call = (struct namedhcp_call){.run = run_change_call, .free = free_change};
    c->forget = forget;
    c->is_addr = ipaddr_parse(word, strlen(word), &c->addr) == 0;
    if (!c->is_addr && (!forget || !read_name(word, c->name))) {
        free(c);
        return control_fail(call, forget ? "that is no address or name" : "that is no address");
    }
    log_command(call);
    call->own = c;
    namedhcp_call(n, &c->call);
    return CONTROL_WAIT;
}

static enum control_result run_change(struct control_call *call, bool forget)
{
    struct change *c = call->own;

    if (!c)
        return begin_change(call, forget);
    if (!namedhcp_call_done(call->arg, &c->call))
        return CONTROL_WAIT;
    return c->why[0] ? control_fail(call, c->why) : CONTROL_DONE;
}

static enum control_result run_release(struct control_call *call)
{
    return run_change(call, false);
}

static enum control_result run_forget(struct control_call *call)
{
    return run_change(call, true);
}

const struct control_command namedhcp_commands[] = {
    {"pools", "", "how full the pools are", 0, 0, run_pools, NULL},
    {"leases", "[NET|NAME|MAC]", "addresses that were given out: state, end, client, name", 0, 1, run_leases,
     end_call},
    {"claims", "[NAME|MAC]", "names that belong to clients: end, client", 0, 1, run_claims, end_call},
    {"release", "ADDRESS", "its lease ends; its client gets it again if nobody has it then", 1, 1,
     run_release, end_call},
    {"forget", "ADDRESS|NAME", "nothing is known any more of an address, or of who claimed a name", 1, 1,
     run_forget, end_call},
    {0},
};
