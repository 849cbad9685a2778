/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the server says (RFC 9915 s18.3).
 *
 * A reply is made of what is always there (identifiers, s18.3.10), of the client's identity associations, filled in with the
 * addresses of its name, and of the options that it asked for and the configuration has. Addresses that a client lists and its
 * name does not give are told with the lifetime 0, so it lets go of them at once; that is how a network is renumbered.
 *
 * Where a client has several IA_NAs the addresses of its name, sorted, are dealt to them in turn, sorted by their identifiers:
 * the same ones every time, whatever the order in which they are asked for.
 */
#include "libnamedhcp/dhcp6_server_core.h"

#include <string.h>

bool request_has_reply(const struct request *r)
{
    switch (r->type) {
    case DHCP6_INFORMATION_REQUEST:
    case DHCP6_RELEASE:
    case DHCP6_DECLINE:
        return true;
    case DHCP6_CONFIRM: /* another server may know these clients (s18.3.3, s18.3.5) */
    case DHCP6_REBIND:
        return r->verdict == NAME_GIVEN && r->status != SERVER_UNKNOWN;
    case DHCP6_ADDR_REG_INFORM:
        return r->n_addrs > 0;
    default:
        return r->verdict != NAME_GIVEN || r->status != SERVER_UNKNOWN;
    }
}

static void set_status(uint32_t *has, struct dhcp6_status *status, uint16_t code, const char *text)
{
    *has |= DHCP6_HAS_STATUS;
    *status = (struct dhcp6_status){.code = code, .text = {(const uint8_t *)text, (uint16_t)strlen(text)}};
}

/* --- identity associations --- */

/* Of a valid lifetime: the client shall begin to renew at half of the preferred one (s14.2). */
struct lifetimes {
    uint32_t t1_s, t2_s, preferred_s, valid_s;
};

static struct lifetimes lifetimes_of(const struct dhcp6_server *s, uint32_t ttl_s)
{
    struct lifetimes l = {.valid_s = ttl_s};

    if (l.valid_s < s->set.lifetime_min_s)
        l.valid_s = s->set.lifetime_min_s;
    if (l.valid_s > s->set.lifetime_max_s)
        l.valid_s = s->set.lifetime_max_s;
    l.preferred_s = l.valid_s - l.valid_s / 4;
    l.t1_s = l.preferred_s / 2;
    l.t2_s = l.preferred_s - l.preferred_s / 5;
    return l;
}

/* The place of an IA among those of its kind in the message, by their identifiers; *ret_count: how many these are. */
static unsigned rank_of(const struct dhcp6_message *m, const struct dhcp6_ia *ia, unsigned *ret_count)
{
    unsigned rank = 0, count = 0;

    for (unsigned i = 0; i < m->n_ia; i++) {
        count += m->ia[i].code == ia->code;
        rank += m->ia[i].code == ia->code && m->ia[i].iaid < ia->iaid;
    }
    *ret_count = count;
    return rank;
}

static bool is_listed(const struct dhcp6_ia *ia, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < ia->n_leases; i++)
        if (ipaddr_equal(&ia->leases[i].addr, addr))
            return true;
    return false;
}

static void add_lease(struct dhcp6_ia *ia, const struct ipaddr *addr, uint32_t preferred_s, uint32_t valid_s)
{
    if (ia->n_leases == DHCP6_LEASES_MAX || is_listed(ia, addr))
        return;
    ia->has |= DHCP6_HAS_ADDR;
    ia->leases[ia->n_leases++] = (struct dhcp6_lease){
        .addr = *addr, .prefix_len = 128, .preferred_s = preferred_s, .valid_s = valid_s};
}

static bool is_renewal(uint8_t type)
{
    return type == DHCP6_RENEW || type == DHCP6_REBIND;
}

static void fill_addresses(const struct dhcp6_server *s, const struct request *r,
                           const struct dhcp6_message *m, const struct dhcp6_ia *from, struct dhcp6_ia *to)
{
    struct lifetimes l = lifetimes_of(s, r->ttl_s);
    unsigned count, rank = rank_of(m, from, &count);

    for (unsigned i = rank; i < r->n_addrs; i += count)
        add_lease(to, &r->addrs[i], l.preferred_s, l.valid_s);
    if (to->n_leases > 0) {
        to->t1_s = l.t1_s;
        to->t2_s = l.t2_s;
    }
    for (unsigned i = 0; is_renewal(r->type) && i < from->n_leases; i++)
        add_lease(to, &from->leases[i].addr, 0, 0); /* unless it stands there already */
}

static void fill_ia(const struct dhcp6_server *s, const struct request *r, const struct dhcp6_message *m,
                    const struct dhcp6_ia *from, struct dhcp6_ia *to)
{
    *to = (struct dhcp6_ia){.code = from->code, .iaid = from->iaid};
    if (is_renewal(r->type) && (r->verdict != NAME_GIVEN || from->code != DHCP6_OPT_IA_NA)) {
        set_status(&to->has, &to->status, DHCP6_NO_BINDING, "not given by this server");
        return;
    }
    if (from->code != DHCP6_OPT_IA_NA) {
        set_status(&to->has, &to->status, DHCP6_NO_PREFIX_AVAIL, "this server gives addresses alone");
        return;
    }
    fill_addresses(s, r, m, from, to);
    if (to->n_leases == 0)
        set_status(&to->has, &to->status, DHCP6_NO_ADDRS_AVAIL,
                   r->verdict == NAME_GIVEN ? "the name has no address here"
                                            : "this client has no name here");
}

static void fill_ias(const struct dhcp6_server *s, const struct request *r, const struct dhcp6_message *m,
                     struct dhcp6_message *reply)
{
    for (unsigned i = 0; i < m->n_ia; i++)
        fill_ia(s, r, m, &m->ia[i], &reply->ia[reply->n_ia++]);
    if (reply->n_ia > 0)
        reply->has |= DHCP6_HAS_IA;
}

/* --- what was asked for --- */

/* Options that are given to who asks for them, by their code in the Option Request option. */
static const struct {
    uint16_t code;
    uint32_t has;
} on_request[] = {
    {DHCP6_OPT_DNS_SERVERS, DHCP6_HAS_DNS},
    {DHCP6_OPT_DOMAIN_LIST, DHCP6_HAS_DOMAINS},
    {DHCP6_OPT_NTP_SERVER, DHCP6_HAS_NTP},
    {DHCP6_OPT_DNR, DHCP6_HAS_DNR},
    {DHCP6_OPT_SOL_MAX_RT, DHCP6_HAS_SOL_MAX_RT},
    {DHCP6_OPT_INF_MAX_RT, DHCP6_HAS_INF_MAX_RT},
    {DHCP6_OPT_ADDR_REG_ENABLE, DHCP6_HAS_ADDR_REG_ENABLE},
};

static uint32_t asked_for(const struct dhcp6_message *m)
{
    uint32_t has = 0;

    for (unsigned i = 0; i < ARRAY_LEN(on_request); i++)
        if (dhcp6_asks_for(m, on_request[i].code))
            has |= on_request[i].has;
    has |= DHCP6_HAS_OTHERS;
    if (m->type == DHCP6_INFORMATION_REQUEST) /* it is there for it alone (s21.23) */
        has |= DHCP6_HAS_REFRESH_TIME;
    return has;
}

/* Of the options that have no member of their own those that are asked for stay. */
static void keep_asked(const struct dhcp6_message *m, struct dhcp6_others *others)
{
    unsigned n = 0;

    for (unsigned i = 0; i < others->n; i++)
        if (dhcp6_asks_for(m, others->option[i].code))
            others->option[n++] = others->option[i];
    others->n = n;
}

/* The DNS needs nobody to tell it what it computes: that is what S means to a client (RFC 4704 s4.1). */
static void fill_fqdn(const struct request *r, const struct dhcp6_message *m, struct dhcp6_message *reply)
{
    uint8_t flags = m->fqdn.flags & DHCP6_FQDN_N ? DHCP6_FQDN_N : DHCP6_FQDN_S;

    if (!(m->has & DHCP6_HAS_FQDN) || r->verdict != NAME_GIVEN)
        return;
    if (flags == DHCP6_FQDN_S && !(m->fqdn.flags & DHCP6_FQDN_S))
        flags |= DHCP6_FQDN_O;
    reply->has |= DHCP6_HAS_FQDN;
    reply->fqdn = (struct dhcp6_fqdn){.flags = flags};
    memcpy(reply->fqdn.name, r->name, dname_len(r->name));
}

/* --- by type --- */

static void confirm(const struct request *r, const struct dhcp6_message *m, struct dhcp6_message *reply)
{
    bool right = true;

    for (unsigned i = 0; i < m->n_ia; i++)
        for (unsigned j = 0; j < m->ia[i].n_leases; j++) {
            bool own = false;
            for (unsigned k = 0; k < r->n_addrs; k++)
                own = own || ipaddr_equal(&r->addrs[k], &m->ia[i].leases[j].addr);
            right = right && own;
        }
    if (right)
        set_status(&reply->has, &reply->status, DHCP6_SUCCESS, "these are the addresses of the name");
    else
        set_status(&reply->has, &reply->status, DHCP6_NOT_ON_LINK, "the name has other addresses here");
}

static bool is_rapid(const struct dhcp6_server *s, const struct dhcp6_message *m)
{
    return m->type == DHCP6_SOLICIT && s->set.rapid_commit && m->has & DHCP6_HAS_RAPID_COMMIT;
}

static void advertise(const struct dhcp6_server *s, const struct request *r, const struct dhcp6_message *m,
                      struct dhcp6_message *reply)
{
    fill_ias(s, r, m, reply);
    if (is_rapid(s, m) && r->n_addrs > 0) {
        reply->has |= DHCP6_HAS_RAPID_COMMIT;
        return;
    }
    reply->type = DHCP6_ADVERTISE;
    reply->preference = s->set.preference;
    if (s->set.preference > 0)
        reply->has |= DHCP6_HAS_PREFERENCE;
}

static void fill_reply(const struct dhcp6_server *s, const struct request *r, const struct dhcp6_message *m,
                       struct dhcp6_message *reply)
{
    switch (m->type) {
    case DHCP6_SOLICIT:
        advertise(s, r, m, reply);
        break;
    case DHCP6_REQUEST:
    case DHCP6_RENEW:
    case DHCP6_REBIND:
        fill_ias(s, r, m, reply);
        break;
    case DHCP6_CONFIRM:
        confirm(r, m, reply);
        break;
    case DHCP6_RELEASE:
    case DHCP6_DECLINE:
        set_status(&reply->has, &reply->status, DHCP6_SUCCESS, "noted");
        break;
    case DHCP6_ADDR_REG_INFORM:
        reply->type = DHCP6_ADDR_REG_REPLY;
        reply->has |= DHCP6_HAS_ADDR;
        reply->addr = m->addr;
        reply->addr.has = 0;
        break;
    default:
        break;
    }
}

static void put_identifiers(const struct dhcp6_server *s, const struct dhcp6_message *m,
                            struct dhcp6_message *reply)
{
    reply->has |= DHCP6_HAS_SERVER_ID | (m->has & DHCP6_HAS_CLIENT_ID);
    reply->server_id = (struct dhcp6_bytes){.at = s->duid, .len = (uint16_t)s->set.duid_len};
    reply->client_id = m->client_id;
    reply->xid = m->xid;
    reply->type = DHCP6_REPLY;
}

/* --- on its way --- */

/* The levels of the reply are those of the request; what a relay wants back is its interface identifier (s19.3). */
static void turn_relays(struct dhcp6_received *in)
{
    for (int i = 0; i < in->n_relays; i++) {
        in->relays[i].type = DHCP6_RELAY_REPL;
        in->relays[i].has &= DHCP6_HAS_INTERFACE_ID;
    }
}

size_t request_reply(struct dhcp6_server *s, const struct request *r, struct server_packet *ret)
{
    struct dhcp6_received in;
    uint8_t bytes[DHCP6_REPLY_MAX];
    struct writer inner = writer_of(bytes, sizeof(bytes)), outer = writer_of(s->reply, sizeof(s->reply));

    if (dhcp6_received_read(r->head.bytes, r->head.len, &in) < 0)
        return 0;
    struct dhcp6_message reply = s->set.given;
    reply.has &= in.m.type == DHCP6_ADDR_REG_INFORM ? 0 : asked_for(&in.m);
    keep_asked(&in.m, &reply.others);
    put_identifiers(s, &in.m, &reply);
    fill_reply(s, r, &in.m, &reply);
    fill_fqdn(r, &in.m, &reply);
    turn_relays(&in);
    if (dhcp6_write(&inner, &reply) < 0 ||
        dhcp6_wrap(&outer, in.relays, (unsigned)in.n_relays, bytes, inner.pos) < 0)
        return 0;
    if (reply.type == DHCP6_ADVERTISE)
        s->stats.advertised++;
    else if (reply.type == DHCP6_ADDR_REG_REPLY)
        s->stats.registered++;
    else
        s->stats.replied++;
    ret->to = (struct ipendpoint){.addr = r->head.from.addr,
                                  .port = in.n_relays > 0 ? DHCP6_SERVER_PORT : DHCP6_CLIENT_PORT};
    ret->link = r->head.link;
    memcpy(ret->via_mac, r->head.from_mac, sizeof(ret->via_mac));
    return outer.pos;
}
