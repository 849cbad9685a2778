/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests on their way: taken in, their client's address found, decided, kept, answered.
 *
 * A request is kept as the bytes that came and read again whenever it is gone on with (dhcp_requests.h). Which of the five
 * things a REQUEST is (RFC 2131 s4.3.2) follows from who is named as server and where the address stands:
 *
 *              server id   requested address   ciaddr
 *   selecting  ours        offered             0
 *   restarted  -           the one it had      0
 *   renewing   -           -                   the one it has
 *
 * What is to be done about a request follows from its state; at the end stand the things to be kept, one by one, and then the
 * reply.
 */
#include "libnamedhcp/dhcp4_server_core.h"

#include "wire/rrtype.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct dhcp4_subnet *subnet_of(const struct dhcp4_server *s, const struct request4 *r)
{
    return &s->set.subnets[r->subnet];
}

void request4_read(struct dhcp4_server *s, const struct request4 *r)
{
    if (dhcp4_read(r->head.bytes, r->head.len, &s->in) < 0) /* it could be read before */
        s->in = (struct dhcp4_message){.type = DHCP4_NO_TYPE};
}

void note4(struct dhcp4_server *s, const struct request4 *r, const char *what)
{
    dhcp_aside_note(&s->aside, s->now.mono, r->identity, r->identity_len, what, r->named ? r->name : NULL);
}

/* --- what comes in --- */

static int find_subnet(const struct dhcp4_server *s, uint32_t addr)
{
    for (unsigned i = 0; i < s->set.n_subnets; i++)
        if ((addr & dhcp4_mask_of(s->set.subnets[i].bits)) == s->set.subnets[i].network)
            return (int)i;
    return -1;
}

/* The client's network: where the relay stands or says (RFC 3527), where the client that renews has its address, where our own
 * interface is to which that link belongs. -1: none of ours. */
static int subnet_for(const struct dhcp4_server *s, const struct dhcp4_message *m, unsigned on_link)
{
    enum { LINK_SELECTION = 5 };
    size_t len, link_len;
    const uint8_t *info = dhcp4_option(m, DHCP4_RELAY_INFORMATION, &len);
    const uint8_t *link = info ? dhcp4_suboption(info, len, LINK_SELECTION, &link_len) : NULL;

    if (m->header.giaddr)
        return find_subnet(s, link && link_len == 4 ? get_be32(link) : m->header.giaddr);
    if (m->header.ciaddr)
        return find_subnet(s, m->header.ciaddr);
    for (unsigned i = 0; i < s->set.n_subnets; i++)
        if (s->set.subnets[i].links >> on_link & 1)
            return (int)i;
    return -1;
}

/* RFC 2131 s2: the client identifier, or hardware type and address. */
static bool take_identity(struct request4 *r, const struct dhcp4_message *m)
{
    size_t len;
    const uint8_t *id = dhcp4_option(m, DHCP4_CLIENT_ID, &len);

    if (id && len >= 1 && len <= SERVER_IDENTITY_MAX) {
        memcpy(r->identity, id, len);
        r->identity_len = (uint8_t)len;
        return true;
    }
    r->identity[0] = m->header.htype;
    memcpy(r->identity + 1, m->header.chaddr, m->header.hlen);
    r->identity_len = (uint8_t)(1 + m->header.hlen);
    return m->header.hlen > 0;
}

static uint64_t hash_of(const struct dhcp4_server *s, const struct dhcp4_message *m)
{
    uint8_t bytes[1 + 4 + 4 + sizeof(m->header.chaddr)];

    bytes[0] = (uint8_t)m->type;
    put_be32(bytes + 1, m->header.xid);
    put_be32(bytes + 5, m->header.ciaddr);
    memcpy(bytes + 9, m->header.chaddr, sizeof(m->header.chaddr));
    return siphash(&s->key, bytes, sizeof(bytes));
}

/* A client may come back by another link than that of the offer: each of our identifiers is ours. */
static bool is_own_id(const struct dhcp4_server *s, uint32_t id)
{
    for (unsigned i = 0; i < SERVER_LINKS_MAX; i++)
        if (id != 0 && s->set.link_ids[i] == id)
            return true;
    return id == s->set.server_id;
}

static bool names_other_server(const struct dhcp4_server *s)
{
    uint32_t id;

    return dhcp4_u32(&s->in, DHCP4_SERVER_ID, &id) && !is_own_id(s, id);
}

uint32_t server_id_for(const struct dhcp4_server *s, const struct request4 *r)
{
    uint32_t id;

    if (dhcp4_u32(&s->in, DHCP4_SERVER_ID, &id) && is_own_id(s, id))
        return id;
    id = s->set.link_ids[r->head.link];
    return id ? id : s->set.server_id;
}

static void finish(struct dhcp4_server *s, struct request4 *r, enum reply4 reply)
{
    r->reply = reply;
    r->state = REQUEST4_READY;
    dhcp_requests_do(&s->requests, &r->head);
}

/* --- what needs no address --- */

/* The client has chosen another server's offer: ours is free again. */
static void withdraw(struct dhcp4_server *s, struct request4 *r)
{
    const struct lease *l = lease_of(s->set.leases, r->subnet, r->identity, r->identity_len);

    if (l && l->offered)
        lease_forget(s->set.leases, l->addr);
    finish(s, r, REPLY4_NONE);
}

static void take_decline(struct dhcp4_server *s, struct request4 *r)
{
    uint32_t addr = 0;

    if (!dhcp4_u32(&s->in, DHCP4_REQUESTED_ADDRESS, &addr) || names_other_server(s) ||
        !is_of_client(lease_at(s->set.leases, addr), r)) {
        finish(s, r, REPLY4_NONE);
        return;
    }
    r->addr = addr;
    s->stats.declined++;
    note4(s, r, "found its address in use");
    if (!put_lease(s, r, SERVER_LEASE_DECLINED, s->now.wall_s + DHCP4_DECLINED_TIME_S, false))
        s->stats.no_address++;
    finish(s, r, REPLY4_NONE);
}

static void take_release(struct dhcp4_server *s, struct request4 *r)
{
    const struct lease *l = lease_at(s->set.leases, s->in.header.ciaddr);

    if (l && !names_other_server(s) && is_of_client(l, r) && lease_ends(l) > s->now.wall_s) {
        r->addr = l->addr;
        r->named = lease_name(l)[0] != 0;
        memcpy(r->name, lease_name(l), l->name_len);
        s->stats.released++;
        if (!put_lease(s, r, SERVER_LEASE_RELEASED, s->now.wall_s, false))
            s->stats.no_address++;
    }
    finish(s, r, REPLY4_NONE);
}

/* --- the decision --- */

/* What is known of the client is about that address: it has a lease from our pools, where the address is too, or an address
 * of its own by a binding or its name. A client may have had a lease here and have one of another server since. */
static bool knows_better(const struct dhcp4_server *s, const struct request4 *r, uint32_t wanted)
{
    return r->known && (!r->pooled || lease_in_pool(s->set.leases, r->subnet, wanted));
}

/* RFC 2131 s4.3.2: silence about what is another server's, unless we are the only one. */
static bool may_refuse(const struct dhcp4_server *s, const struct request4 *r, uint32_t wanted,
                       bool selecting)
{
    const struct dhcp4_subnet *subnet = subnet_of(s, r);
    bool foreign = (wanted & dhcp4_mask_of(subnet->bits)) != subnet->network;

    return selecting || foreign || knows_better(s, r, wanted) || s->set.authoritative;
}

static bool claim_name(struct dhcp4_server *s, struct request4 *r)
{
    uint8_t wanted[DNAME_MAX];
    struct name_policy_client client = client4_of(s, r, wanted);

    if (!r->named)
        return true;
    int kept = name_policy_use(s->set.names, &client, r->name, s->now.wall_s, &r->claim_ends);
    if (kept == 1)
        r->todo |= KEEP_CLAIM;
    if (kept < 0) {
        note4(s, r, "wants a name that is somebody else's");
        r->named = false;
    }
    return kept >= 0;
}

/* A lease that is granted: in the table, to be kept, before the reply. */
static void grant(struct dhcp4_server *s, struct request4 *r)
{
    bool by_name = subnet_of(s, r)->by_name && !r->pooled;

    if (!claim_name(s, r) && by_name) {
        finish(s, r, REPLY4_NAK);
        return;
    }
    if (!by_name &&
        !put_lease(s, r, SERVER_LEASE_BOUND,
                   r->lease_s == DHCP4_FOREVER ? INT64_MAX : s->now.wall_s + (int64_t)r->lease_s, false)) {
        note4(s, r, "gets no lease: the table is full");
        finish(s, r, REPLY4_NONE);
        return;
    }
    finish(s, r, REPLY4_ACK);
}

static void decide_request(struct dhcp4_server *s, struct request4 *r)
{
    uint32_t wanted = s->in.header.ciaddr, id;
    bool selecting = dhcp4_u32(&s->in, DHCP4_SERVER_ID, &id);

    if (!wanted && !dhcp4_u32(&s->in, DHCP4_REQUESTED_ADDRESS, &wanted)) {
        finish(s, r, REPLY4_NONE);
    } else if (r->addr == wanted && (selecting || r->known || s->set.authoritative)) {
        grant(s, r);
    } else if (may_refuse(s, r, wanted, selecting)) {
        finish(s, r, REPLY4_NAK);
    } else {
        finish(s, r, REPLY4_NONE);
    }
}

static bool is_declined(const struct dhcp4_server *s, uint32_t addr)
{
    const struct lease *l = lease_at(s->set.leases, addr);

    return l && l->state == SERVER_LEASE_DECLINED && lease_ends(l) > s->now.wall_s;
}

static uint32_t lease_time(const struct dhcp4_server *s, const struct request4 *r)
{
    enum { LEASE_MIN_S = 60 }; /* below that a client does little else than renew */
    const struct dhcp4_subnet *subnet = subnet_of(s, r);
    uint32_t wanted;

    if (!dhcp4_u32(&s->in, DHCP4_LEASE_TIME, &wanted))
        return subnet->lease_s;
    if (wanted < LEASE_MIN_S)
        wanted = LEASE_MIN_S < subnet->lease_max_s ? LEASE_MIN_S : subnet->lease_max_s;
    return wanted < subnet->lease_max_s ? wanted : subnet->lease_max_s;
}

void request4_decide(struct dhcp4_server *s, struct request4 *r)
{
    if (r->addr && is_declined(s, r->addr))
        r->addr = 0;
    r->lease_s = lease_time(s, r);
    if (s->in.type == DHCP4_REQUEST)
        decide_request(s, r);
    else if (!r->addr)
        finish(s, r, REPLY4_NONE);
    else if (s->set.rapid_commit && dhcp4_has(&s->in, DHCP4_RAPID_COMMIT))
        grant(s, r);
    else
        finish(s, r, REPLY4_OFFER);
}

static void take_in(struct dhcp4_server *s, struct request4 *r)
{
    switch (s->in.type) {
    case DHCP4_DISCOVER:
        request4_find_address(s, r);
        break;
    case DHCP4_REQUEST:
        if (names_other_server(s))
            withdraw(s, r);
        else
            request4_find_address(s, r);
        break;
    case DHCP4_DECLINE:
        take_decline(s, r);
        break;
    case DHCP4_RELEASE:
        take_release(s, r);
        break;
    default:
        finish(s, r, REPLY4_ACK); /* INFORM */
    }
}

static bool is_for_us(const struct dhcp4_message *m)
{
    switch (m->type) {
    case DHCP4_INFORM:
    case DHCP4_RELEASE:
        return m->header.ciaddr != 0;
    case DHCP4_DISCOVER:
    case DHCP4_REQUEST:
    case DHCP4_DECLINE:
        return true;
    default:
        return false;
    }
}

void dhcp4_server_input(struct dhcp4_server *s, const struct server_packet *packet, struct server_time now)
{
    s->now = now;
    s->stats.received++;
    if (packet->len > DHCP_REQUEST_MAX || dhcp4_read(packet->bytes, packet->len, &s->in) < 0) {
        s->stats.malformed++;
        return;
    }
    s->stats.types[(unsigned)s->in.type < DHCP4_TYPES ? s->in.type : 0]++;
    if (s->in.header.op != DHCP4_BOOTREQUEST || !is_for_us(&s->in)) {
        s->stats.not_for_us++;
        return;
    }
    if (packet->link >= SERVER_LINKS_MAX) {
        s->stats.not_for_us++;
        return;
    }
    int subnet = subnet_for(s, &s->in, packet->link);
    if (subnet < 0) {
        s->stats.no_subnet++;
        return;
    }
    struct request4 *r = (void *)dhcp_requests_new(&s->requests, hash_of(s, &s->in), packet);
    if (!r)
        return;
    r->subnet = (unsigned)subnet;
    if (take_identity(r, &s->in))
        take_in(s, r);
    else
        finish(s, r, REPLY4_NONE);
}

/* --- answers and time --- */

static void take_address(struct dhcp4_server *s, struct request4 *r, const struct server_answer *a)
{
    for (unsigned i = 0; i < a->n_addrs && a->status == SERVER_FOUND && !r->addr; i++)
        if (ipaddr_is_v4(&a->addrs[i]))
            r->addr = get_be32(a->addrs[i].b + 12);
    if (r->addr) {
        r->state = REQUEST4_NEXT;
        dhcp_requests_do(&s->requests, &r->head);
        return;
    }
    s->stats.no_address++;
    if (a->status == SERVER_UNKNOWN) { /* it may have one: silence, and the client asks again */
        finish(s, r, REPLY4_NONE);
        return;
    }
    note4(s, r, "has a name without an address");
    request4_decide(s, r);
}

void dhcp4_server_answer(struct dhcp4_server *s, const struct server_answer *answer, struct server_time now)
{
    struct request4 *r = (void *)dhcp_requests_find(&s->requests, answer->question);

    s->now = now;
    if (!r)
        return;
    request4_read(s, r);
    if (r->state == REQUEST4_ASKED) {
        take_address(s, r, answer);
    } else if (r->state == REQUEST4_DETAILS) {
        size_t len = answer->text_len < sizeof(r->details) ? answer->text_len : sizeof(r->details) - 1;
        memcpy(r->details, answer->text, len);
        request4_decide(s, r);
    }
}

void dhcp4_server_in_use(struct dhcp4_server *s, uint32_t question, const uint8_t *mac,
                         struct server_time now)
{
    struct request4 *r = (void *)dhcp_requests_find(&s->requests, question);

    s->now = now;
    if (!r || r->state != REQUEST4_PROBING)
        return;
    request4_read(s, r);
    request4_hear_of_use(s, r, mac);
}

void dhcp4_server_timeout(struct dhcp4_server *s, struct server_time now)
{
    struct request4 *r;

    s->now = now;
    while ((r = (void *)dhcp_requests_due(&s->requests, now.mono))) {
        request4_read(s, r);
        if (r->state == REQUEST4_ASKED)
            finish(s, r, REPLY4_NONE);
        else
            request4_decide(s, r); /* nobody uses the address; or there are no details */
    }
    dhcp_aside_timeout(&s->aside, now.mono);
}

nsec_t dhcp4_server_deadline(const struct dhcp4_server *s)
{
    nsec_t at = dhcp_requests_deadline(&s->requests);

    return at < s->aside.sweep_at ? at : s->aside.sweep_at;
}

/* --- what is to be done --- */

static enum server_event_kind ask(struct dhcp4_server *s, struct request4 *r, uint16_t qtype,
                                  enum request4_state state, struct server_event *ret)
{
    r->state = state;
    dhcp_requests_wait(&s->requests, &r->head, s->now.mono + ASKED_TOO_LONG);
    *ret = (struct server_event){
        .kind = SERVER_ASK, .question = r->head.question, .name = r->name, .qtype = qtype};
    return SERVER_ASK;
}

static enum server_event_kind probe(struct dhcp4_server *s, struct request4 *r, struct server_event *ret)
{
    request4_read(s, r);
    bool relayed = s->in.header.giaddr != 0;
    nsec_t time = relayed ? s->set.echo_time : SERVER_PROBE_TIME;

    r->state = REQUEST4_PROBING;
    dhcp_requests_wait(&s->requests, &r->head, s->now.mono + time);
    s->stats.probed++;
    *ret = (struct server_event){.kind = SERVER_PROBE,
                                 .question = r->head.question,
                                 .addr = ipaddr_of_v4(r->addr),
                                 .relayed = relayed,
                                 .link = r->head.link,
                                 .probe_time = time};
    memcpy(ret->via_mac, r->head.from_mac, sizeof(ret->via_mac));
    return SERVER_PROBE;
}

static void describe_claim(struct dhcp4_server *s, const struct request4 *r)
{
    s->lease = (struct server_lease){.state = SERVER_LEASE_CLAIM,
                                     .began = s->now.wall_s,
                                     .ends = r->claim_ends,
                                     .identity_len = r->identity_len};
    memcpy(s->lease.identity, r->identity, r->identity_len);
    memcpy(s->lease.name, r->name, dname_len(r->name));
    request4_read(s, r);
    uint8_t wanted[DNAME_MAX];
    const uint8_t *mac = client4_of(s, r, wanted).mac;
    if (mac)
        memcpy(s->lease.mac, mac, sizeof(s->lease.mac));
}

static void describe_lease(struct dhcp4_server *s, uint32_t addr)
{
    const struct lease *l = lease_at(s->set.leases, addr);

    s->lease = (struct server_lease){.addr.b = {[10] = 0xff, [11] = 0xff}};
    put_be32(s->lease.addr.b + 12, addr);
    if (!l)
        return;
    s->lease.state = l->state;
    s->lease.identity_len = l->identity_len;
    s->lease.began = l->began;
    s->lease.ends = lease_ends(l);
    memcpy(s->lease.identity, l->bytes, l->identity_len);
    memcpy(s->lease.mac, l->mac, sizeof(l->mac));
    memcpy(s->lease.name, lease_name(l), l->name_len);
}

/* The first thing that is to be kept or forgotten before the reply; SERVER_NONE: nothing is. */
static enum server_event_kind keep(struct dhcp4_server *s, struct request4 *r, struct server_event *ret)
{
    unsigned what = r->todo & -r->todo;

    if (!what)
        return SERVER_NONE;
    r->todo &= ~what;
    if (what == KEEP_CLAIM)
        describe_claim(s, r);
    else
        describe_lease(s, what == FORGET ? r->forgotten : r->addr);
    *ret = (struct server_event){.kind = what == FORGET ? SERVER_FORGET : SERVER_LEASE, .lease = &s->lease};
    return ret->kind;
}

static enum server_event_kind send_reply(struct dhcp4_server *s, struct request4 *r, struct server_event *ret)
{
    s->requests.said = &r->head;
    *ret = (struct server_event){.kind = SERVER_SEND, .packet.bytes = s->bytes};
    if (r->reply != REPLY4_NONE) {
        request4_read(s, r);
        ret->packet.len = request4_reply(s, r, &ret->packet);
    }
    s->stats.unanswered += ret->packet.len == 0;
    s->stats.offered += ret->packet.len > 0 && r->reply == REPLY4_OFFER;
    s->stats.acked += ret->packet.len > 0 && r->reply == REPLY4_ACK;
    s->stats.refused += ret->packet.len > 0 && r->reply == REPLY4_NAK;
    return ret->packet.len > 0 ? SERVER_SEND : SERVER_NONE;
}

static enum server_event_kind go_on(struct dhcp4_server *s, struct request4 *r, struct server_event *ret)
{
    switch (r->state) {
    case REQUEST4_NEW:
        return ask(s, r, RR_A, REQUEST4_ASKED, ret);
    case REQUEST4_NEXT:
        return ask(s, r, RR_TXT, REQUEST4_DETAILS, ret);
    case REQUEST4_PROBE:
        return probe(s, r, ret);
    default:
        return r->todo ? keep(s, r, ret) : send_reply(s, r, ret);
    }
}

enum server_event_kind dhcp4_server_next(struct dhcp4_server *s, struct server_event *ret)
{
    struct request4 *r;

    while ((r = (void *)dhcp_requests_todo(&s->requests))) {
        enum server_event_kind kind = go_on(s, r, ret);
        if (kind != SERVER_NONE)
            return kind;
    }
    return dhcp_aside_next(&s->aside, s->set.names, s->now.wall_s, ret);
}

/* --- its life --- */

int dhcp4_server_restore(struct dhcp4_server *s, const struct server_lease *lease, struct server_time now)
{
    uint32_t forgotten;

    if (lease->state == SERVER_LEASE_CLAIM || !ipaddr_is_v4(&lease->addr))
        return -EINVAL;
    int subnet = find_subnet(s, get_be32(lease->addr.b + 12));
    return lease_put(s->set.leases, subnet < 0 ? LEASE_SUBNETS_MAX : (unsigned)subnet, lease, false,
                     now.wall_s, &forgotten);
}

int dhcp4_server_new(const struct server_env *env, const struct dhcp4_server_settings *settings,
                     struct dhcp4_server **ret)
{
    if (settings->waiting_max == 0 || settings->n_subnets == 0 || settings->server_id == 0)
        return -EINVAL;
    struct dhcp4_server *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->env = *env;
    s->set = *settings;
    int error = dhcp_requests_init(&s->requests, sizeof(struct request4), settings->waiting_max);
    if (error < 0) {
        dhcp4_server_free(s);
        return error;
    }
    s->env.random(s->env.arg, &s->key, sizeof(s->key));
    *ret = s;
    return 0;
}

void dhcp4_server_free(struct dhcp4_server *s)
{
    if (!s)
        return;
    dhcp_requests_fini(&s->requests);
    free(s);
}

void dhcp4_server_stats(const struct dhcp4_server *s, struct dhcp4_server_stats *ret)
{
    *ret = s->stats;
    ret->overflowed = s->requests.overflowed;
}
