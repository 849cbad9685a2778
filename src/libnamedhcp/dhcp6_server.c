/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests on their way: taken in, checked (RFC 9915 s16), asked about in the DNS, answered.
 *
 * A request is kept as the bytes that came, and read again when the answer of the DNS is there: reading takes less than two
 * microseconds, and a request so takes about two KiB while it waits (dhcp_requests.h). A client that asks again while its
 * request waits is not asked about twice.
 *
 * What is to be done about a request follows from its state. One of which nothing is left to be said ends when the next event
 * is asked for, since the event points into it.
 */
#include "libnamedhcp/dhcp6_server_core.h"

#include "wire/rrtype.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ASKED_TOO_LONG (2 * SERVER_ASK_TIME) /* the driver has promised to answer before */

/* --- what comes in --- */

int dhcp6_received_read(const void *bytes, size_t len, struct dhcp6_received *ret)
{
    struct dhcp6_bytes inner;

    ret->n_relays = dhcp6_unwrap(bytes, len, ret->relays, &inner);
    if (ret->n_relays < 0)
        return -EBADMSG;
    if (ret->n_relays > 0 && ret->relays[0].type != DHCP6_RELAY_FORW)
        return -EBADMSG;
    return dhcp6_read(inner.at, inner.len, &ret->m);
}

/* What a type must have, and must not (s16; RFC 9686 s4.2.1). */
static const struct rule {
    uint8_t type;
    uint32_t must, must_not;
    bool ours; /* the server identifier is ours */
} rules[] = {
    {DHCP6_SOLICIT, DHCP6_HAS_CLIENT_ID, DHCP6_HAS_SERVER_ID, false},
    {DHCP6_REQUEST, DHCP6_HAS_CLIENT_ID | DHCP6_HAS_SERVER_ID, 0, true},
    {DHCP6_CONFIRM, DHCP6_HAS_CLIENT_ID | DHCP6_HAS_IA, DHCP6_HAS_SERVER_ID, false},
    {DHCP6_RENEW, DHCP6_HAS_CLIENT_ID | DHCP6_HAS_SERVER_ID, 0, true},
    {DHCP6_REBIND, DHCP6_HAS_CLIENT_ID, DHCP6_HAS_SERVER_ID, false},
    {DHCP6_RELEASE, DHCP6_HAS_CLIENT_ID | DHCP6_HAS_SERVER_ID, 0, true},
    {DHCP6_DECLINE, DHCP6_HAS_CLIENT_ID | DHCP6_HAS_SERVER_ID, 0, true},
    {DHCP6_INFORMATION_REQUEST, 0, DHCP6_HAS_IA, true},
    {DHCP6_ADDR_REG_INFORM, DHCP6_HAS_CLIENT_ID | DHCP6_HAS_ADDR, DHCP6_HAS_IA, false},
};

static bool is_ours(const struct dhcp6_server *s, const struct dhcp6_message *m)
{
    const struct dhcp6_bytes own = {.at = s->duid, .len = (uint16_t)s->set.duid_len};

    return !(m->has & DHCP6_HAS_SERVER_ID) || dhcp6_bytes_equal(m->server_id, own);
}

static bool lists_addresses(const struct dhcp6_message *m)
{
    for (unsigned i = 0; i < m->n_ia; i++)
        if (m->ia[i].n_leases > 0)
            return true;
    return false;
}

static bool is_for_us(const struct dhcp6_server *s, const struct dhcp6_message *m)
{
    if (m->type == DHCP6_CONFIRM && !lists_addresses(m))
        return false;
    for (unsigned i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].type == m->type)
            return (m->has & rules[i].must) == rules[i].must && !(m->has & rules[i].must_not) &&
                   (!rules[i].ours || is_ours(s, m));
    return false;
}

/* Whence the client's own packet came: of a relayed one the innermost relay knows. */
static struct ipaddr peer_of(const struct dhcp6_received *in, const struct server_packet *packet)
{
    return in->n_relays > 0 ? in->relays[in->n_relays - 1].peer : packet->from.addr;
}

static bool came_properly(const struct dhcp6_received *in, const struct server_packet *packet)
{
    struct ipaddr peer = peer_of(in, packet);

    if (in->n_relays == 0 && packet->to.addr.b[0] != 0xff)
        return false;
    return in->m.type != DHCP6_ADDR_REG_INFORM || ipaddr_equal(&peer, &in->m.addr.addr);
}

static uint64_t hash_of(const struct dhcp6_server *s, const struct dhcp6_message *m)
{
    uint8_t bytes[5 + DHCP6_DUID_MAX];
    size_t len = m->has & DHCP6_HAS_CLIENT_ID ? m->client_id.len : 0;

    bytes[0] = m->type;
    put_be32(bytes + 1, m->xid);
    if (len > 0)
        memcpy(bytes + 5, m->client_id.at, len);
    return siphash(&s->key, bytes, 5 + len);
}

/* --- the client's name --- */

/* The Ethernet address of a client: from its relay (RFC 6939), from its DUID (s11.2, s11.4), or from the frame. False: not
 * known. */
static bool mac_of(const struct dhcp6_received *in, const struct request *r, uint8_t ret[static 6])
{
    static const uint8_t none[6];
    const struct dhcp6_bytes duid = in->m.client_id;
    const struct dhcp6_relay *relay = in->n_relays > 0 ? &in->relays[in->n_relays - 1] : NULL;
    const uint8_t *found = NULL;

    if (relay && relay->has & DHCP6_HAS_LINKLAYER && relay->linklayer.len == 8 &&
        get_be16(relay->linklayer.at) == 1)
        found = relay->linklayer.at + 2;
    else if (duid.len == 10 && get_be16(duid.at) == 3 && get_be16(duid.at + 2) == 1)
        found = duid.at + 4;
    else if (duid.len == 14 && get_be16(duid.at) == 1 && get_be16(duid.at + 2) == 1)
        found = duid.at + 8;
    else if (!relay && memcmp(r->head.from_mac, none, sizeof(none)) != 0)
        found = r->head.from_mac;
    if (found)
        memcpy(ret, found, 6);
    return found != NULL;
}

/* Views into `in` and `mac`. */
static struct name_policy_client client_of(const struct dhcp6_received *in, const struct request *r,
                                           uint8_t mac[static 6])
{
    struct name_policy_client client = {.identity = in->m.client_id.at, .identity_len = in->m.client_id.len};

    if (mac_of(in, r, mac))
        client.mac = mac;
    if (in->m.has & DHCP6_HAS_FQDN) {
        client.wanted = in->m.fqdn.name;
        client.partial = in->m.fqdn.partial;
    }
    return client;
}

static struct remembered *place_of(const struct dhcp6_server *s, struct dhcp6_bytes duid)
{
    return &s->remembered[siphash(&s->key, duid.at, duid.len) % REMEMBERED];
}

static void remember(struct dhcp6_server *s, const struct dhcp6_received *in, const uint8_t *name)
{
    struct remembered *place = place_of(s, in->m.client_id);

    place->duid_len = (uint8_t)in->m.client_id.len;
    memcpy(place->duid, in->m.client_id.at, in->m.client_id.len);
    memcpy(place->name, name, dname_len(name));
}

/* The name that a client of that identifier used last; NULL: not known, or another client has taken its place. */
static const uint8_t *remembered_name(const struct dhcp6_server *s, const struct dhcp6_received *in)
{
    const struct remembered *place = place_of(s, in->m.client_id);
    bool same = place->duid_len == in->m.client_id.len && place->duid_len > 0 &&
                memcmp(place->duid, in->m.client_id.at, place->duid_len) == 0;

    return same ? place->name : NULL;
}

/* A person hears of it, now and then. */
static void note(struct dhcp6_server *s, const struct dhcp6_received *in, const char *what,
                 const uint8_t *name)
{
    dhcp_aside_note(&s->aside, s->now.mono, in->m.client_id.at, in->m.client_id.len, what, name);
}

static void note_verdict(struct dhcp6_server *s, const struct dhcp6_received *in, enum name_verdict verdict)
{
    const uint8_t *name = in->m.has & DHCP6_HAS_FQDN ? in->m.fqdn.name : NULL;

    s->stats.forbidden++;
    if (verdict == NAME_FORBIDDEN)
        note(s, in, "wants a name that it may not have", name);
    else if (verdict == NAME_TAKEN)
        note(s, in, "wants a name that is somebody else's", name);
    else
        note(s, in,
             "has no name: it sends none (option 39), and neither a binding nor a pattern gives it one",
             NULL);
}

/* --- along --- */

static void do_next(struct dhcp6_server *s, struct request *r, enum request_state state)
{
    r->state = state;
    dhcp_requests_do(&s->requests, &r->head);
}

static bool needs_no_name(uint8_t type)
{
    return type == DHCP6_INFORMATION_REQUEST || type == DHCP6_RELEASE;
}

static void take_in(struct dhcp6_server *s, struct request *r, const struct dhcp6_received *in)
{
    uint8_t mac[6];

    if (needs_no_name(r->type)) {
        do_next(s, r, REQUEST_READY);
        return;
    }
    struct name_policy_client client = client_of(in, r, mac);
    if (!client.wanted && (r->type == DHCP6_CONFIRM || r->type == DHCP6_DECLINE))
        client.wanted = remembered_name(s, in);
    r->verdict = name_policy_find(s->set.names, &client, s->now.wall_s, r->name);
    if (r->verdict == NAME_GIVEN) {
        do_next(s, r, REQUEST_NEW);
    } else {
        note_verdict(s, in, r->verdict);
        do_next(s, r, REQUEST_READY);
    }
}

void dhcp6_server_input(struct dhcp6_server *s, const struct server_packet *packet, struct server_time now)
{
    struct dhcp6_received in;

    s->now = now;
    s->stats.received++;
    if (packet->len > DHCP_REQUEST_MAX || dhcp6_received_read(packet->bytes, packet->len, &in) < 0) {
        s->stats.malformed++;
        return;
    }
    s->stats.types[(unsigned)in.m.type < DHCP6_TYPES ? in.m.type : 0]++;
    if (!is_for_us(s, &in.m) || !came_properly(&in, packet)) {
        s->stats.not_for_us++;
        return;
    }
    struct request *r = (void *)dhcp_requests_new(&s->requests, hash_of(s, &in.m), packet);
    if (!r)
        return;
    r->type = in.m.type;
    r->verdict = NAME_NONE;
    r->status = SERVER_NOT_THERE;
    take_in(s, r, &in);
}

/* --- what the DNS says --- */

static bool is_declined(const struct dhcp6_server *s, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < DECLINED_MAX; i++)
        if (s->declined[i].until > s->now.mono && ipaddr_equal(&s->declined[i].addr, addr))
            return true;
    return false;
}

static void decline(struct dhcp6_server *s, const struct ipaddr *addr)
{
    unsigned oldest = 0;

    for (unsigned i = 1; i < DECLINED_MAX; i++)
        if (s->declined[i].until < s->declined[oldest].until)
            oldest = i;
    s->declined[oldest].addr = *addr;
    s->declined[oldest].until = s->now.mono + DECLINED_TIME;
}

static bool may_be_given(const struct dhcp6_server *s, const struct ipaddr *addr)
{
    bool within = s->set.n_prefixes == 0;

    for (unsigned i = 0; i < s->set.n_prefixes && !within; i++)
        within = ipaddr_same_prefix(addr, &s->set.prefixes[i].prefix, s->set.prefixes[i].bits);
    return within && !ipaddr_is_v4(addr) && addr->b[0] != 0xff && !is_declined(s, addr);
}

static int compare_addrs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ipaddr));
}

static bool has_addr(const struct request *r, const struct ipaddr *addr)
{
    return bsearch(addr, r->addrs, r->n_addrs, sizeof(*addr), compare_addrs) != NULL;
}

/* Only of an address that its name gives it may a client say that it is somebody else's. */
static void take_declined(struct dhcp6_server *s, const struct request *r, const struct dhcp6_received *in)
{
    for (unsigned i = 0; i < in->m.n_ia; i++)
        for (unsigned j = 0; j < in->m.ia[i].n_leases; j++)
            if (has_addr(r, &in->m.ia[i].leases[j].addr)) {
                decline(s, &in->m.ia[i].leases[j].addr);
                s->stats.declined++;
                note(s, in, "says that somebody else uses the address of its name", r->name);
            }
}

/* A reply to these tells the client to use its addresses. */
static bool commits(const struct dhcp6_server *s, const struct dhcp6_message *m)
{
    if (m->type == DHCP6_SOLICIT)
        return s->set.rapid_commit && m->has & DHCP6_HAS_RAPID_COMMIT;
    return m->type == DHCP6_REQUEST || m->type == DHCP6_RENEW || m->type == DHCP6_REBIND ||
           m->type == DHCP6_ADDR_REG_INFORM;
}

static void claim_name(struct dhcp6_server *s, struct request *r, const struct dhcp6_received *in)
{
    uint8_t mac[6];
    struct name_policy_client client = client_of(in, r, mac);
    int kept = name_policy_use(s->set.names, &client, r->name, s->now.wall_s, &r->claim_ends);

    r->keep = kept == 1;
    if (kept < 0) {
        r->verdict = kept == -EEXIST ? NAME_TAKEN : NAME_NONE;
        r->n_addrs = 0;
        note_verdict(s, in, r->verdict);
    }
}

static void settle(struct dhcp6_server *s, struct request *r)
{
    struct dhcp6_received in;

    do_next(s, r, REQUEST_READY);
    if (dhcp6_received_read(r->head.bytes, r->head.len, &in) < 0)
        return;
    if (r->type == DHCP6_DECLINE)
        take_declined(s, r, &in);
    if (r->type == DHCP6_ADDR_REG_INFORM && !has_addr(r, &in.m.addr.addr))
        r->n_addrs = 0;
    if (r->n_addrs > 0 && commits(s, &in.m))
        claim_name(s, r, &in);
    if (r->n_addrs > 0 && in.m.has & DHCP6_HAS_FQDN)
        remember(s, &in, r->name);
    s->stats.no_address += r->n_addrs == 0;
}

void dhcp6_server_answer(struct dhcp6_server *s, const struct server_answer *answer, struct server_time now)
{
    struct request *r = (void *)dhcp_requests_find(&s->requests, answer->question);

    s->now = now;
    if (!r)
        return;
    r->status = answer->status;
    r->ttl_s = answer->ttl_s;
    for (unsigned i = 0; i < answer->n_addrs && i < SERVER_ANSWER_ADDRS && answer->status == SERVER_FOUND;
         i++)
        if (may_be_given(s, &answer->addrs[i]))
            r->addrs[r->n_addrs++] = answer->addrs[i];
    qsort(r->addrs, r->n_addrs, sizeof(r->addrs[0]), compare_addrs);
    settle(s, r);
}

/* --- time --- */

void dhcp6_server_timeout(struct dhcp6_server *s, struct server_time now)
{
    struct request *r;

    s->now = now;
    while ((r = (void *)dhcp_requests_due(&s->requests, now.mono))) {
        r->status = SERVER_UNKNOWN;
        settle(s, r);
    }
    dhcp_aside_timeout(&s->aside, now.mono);
}

nsec_t dhcp6_server_deadline(const struct dhcp6_server *s)
{
    nsec_t at = dhcp_requests_deadline(&s->requests);

    return at < s->aside.sweep_at ? at : s->aside.sweep_at;
}

/* --- what is to be done --- */

static enum server_event_kind tell_claim(struct dhcp6_server *s, struct request *r, struct server_event *ret)
{
    struct dhcp6_received in;
    uint8_t mac[6];

    if (dhcp6_received_read(r->head.bytes, r->head.len, &in) < 0)
        return SERVER_NONE;
    s->lease =
        (struct server_lease){.state = SERVER_LEASE_CLAIM, .began = s->now.wall_s, .ends = r->claim_ends};
    s->lease.identity_len = (uint8_t)in.m.client_id.len;
    memcpy(s->lease.identity, in.m.client_id.at, in.m.client_id.len);
    if (mac_of(&in, r, mac))
        memcpy(s->lease.mac, mac, sizeof(mac));
    memcpy(s->lease.name, r->name, dname_len(r->name));
    *ret = (struct server_event){.kind = SERVER_LEASE, .lease = &s->lease};
    return SERVER_LEASE;
}

/* The next thing about a request; SERVER_NONE: there is nothing more. */
static enum server_event_kind go_on(struct dhcp6_server *s, struct request *r, struct server_event *ret)
{
    if (r->state == REQUEST_NEW) {
        r->state = REQUEST_ASKED;
        dhcp_requests_wait(&s->requests, &r->head, s->now.mono + ASKED_TOO_LONG);
        *ret = (struct server_event){
            .kind = SERVER_ASK, .question = r->head.question, .name = r->name, .qtype = RR_AAAA};
        return SERVER_ASK;
    }
    if (r->state == REQUEST_READY && r->keep) {
        r->state = REQUEST_KEPT;
        return tell_claim(s, r, ret);
    }
    s->requests.said = &r->head;
    *ret = (struct server_event){.kind = SERVER_SEND, .packet.bytes = s->reply};
    if (request_has_reply(r))
        ret->packet.len = request_reply(s, r, &ret->packet);
    else
        s->stats.unanswered++;
    return ret->packet.len > 0 ? SERVER_SEND : SERVER_NONE;
}

enum server_event_kind dhcp6_server_next(struct dhcp6_server *s, struct server_event *ret)
{
    struct request *r;

    while ((r = (void *)dhcp_requests_todo(&s->requests))) {
        enum server_event_kind kind = go_on(s, r, ret);
        if (kind != SERVER_NONE)
            return kind;
    }
    return dhcp_aside_next(&s->aside, s->set.names, s->now.wall_s, ret);
}

/* --- its life --- */

static bool is_sound(const struct dhcp6_server_settings *set)
{
    return set->waiting_max > 0 && set->waiting_max <= UINT32_MAX / 4 && set->duid_len >= DHCP6_DUID_MIN &&
           set->duid_len <= DHCP6_DUID_MAX && set->n_prefixes <= DHCP6_SERVER_PREFIXES_MAX;
}

int dhcp6_server_configure(struct dhcp6_server *s, const struct dhcp6_server_settings *settings)
{
    if (!is_sound(settings))
        return -EINVAL;
    s->set = *settings;
    memcpy(s->duid, settings->duid, settings->duid_len);
    s->set.duid = s->duid;
    return 0;
}

int dhcp6_server_new(const struct server_env *env, const struct dhcp6_server_settings *settings,
                     struct dhcp6_server **ret)
{
    if (!is_sound(settings))
        return -EINVAL;
    struct dhcp6_server *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->env = *env;
    int error = dhcp_requests_init(&s->requests, sizeof(struct request), settings->waiting_max);
    s->remembered = calloc(REMEMBERED, sizeof(*s->remembered));
    if (error == 0)
        error = s->remembered ? 0 : -ENOMEM;
    if (error == 0)
        error = dhcp6_server_configure(s, settings);
    if (error < 0) {
        dhcp6_server_free(s);
        return error;
    }
    s->env.random(s->env.arg, &s->key, sizeof(s->key));
    *ret = s;
    return 0;
}

void dhcp6_server_free(struct dhcp6_server *s)
{
    if (!s)
        return;
    dhcp_requests_fini(&s->requests);
    free(s->remembered);
    free(s);
}

void dhcp6_server_stats(const struct dhcp6_server *s, struct dhcp6_server_stats *ret)
{
    *ret = s->stats;
    ret->overflowed = s->requests.overflowed;
}
