/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the DHCPv6 client says, and when it says it again.
 *
 * Retransmission is one algorithm (RFC 9915 s15) over a table of times (s7.6). The time to the next message
 * doubles up to a maximum, each time with a part of -10 % to +10 % by chance, until the exchange is over or
 * its count or duration is reached. The maxima of SOLICIT and INFORMATION-REQUEST are servers' to set
 * (s21.24, s21.25).
 *
 * A message is made when it is taken, not when it becomes due, so what it says is never older than that. All
 * of one exchange have the same transaction id and differ in the elapsed time alone. Each type has its row
 * that says which parts it has (s18.2.1 to s18.2.8).
 */
#include "libiothconf/dhcp6_client_state.h"

_Static_assert(DUID_MAX == DHCP6_DUID_MAX && DUID_MIN == DHCP6_DUID_MIN, "the same limits, of two floors");

#define SEC NSEC_PER_SEC

/* What there is in a message beside client id and elapsed time. */
enum {
    SERVER = 1,
    OFFERED = 2, /* an IA with the addresses of the offer */
    HELD = 4,    /* an IA with the addresses that stand */
    WISHES = 8,  /* ORO and FQDN; RECONFIGURE is accepted (s21.20) */
};

static const struct dhcp6_schedule schedules[] = {
    {DHCP6_SOLICIT, HELD | WISHES, 1 * SEC, DHCP6_MAX_RT, 0, 0},
    {DHCP6_REQUEST, SERVER | OFFERED | WISHES, 1 * SEC, 30 * SEC, 10, 0},
    {DHCP6_CONFIRM, HELD, 1 * SEC, 4 * SEC, 0, 10 * SEC},
    /* The end of these two, T2 and the end of the last lease, is up to dhcp6_client.c. */
    {DHCP6_RENEW, SERVER | HELD | WISHES, 10 * SEC, 600 * SEC, 0, 0},
    {DHCP6_REBIND, HELD | WISHES, 10 * SEC, 600 * SEC, 0, 0},
    {DHCP6_INFORMATION_REQUEST, WISHES, 1 * SEC, DHCP6_MAX_RT, 0, 0},
    {DHCP6_RELEASE, SERVER, 1 * SEC, 0, 4, 0},
    {DHCP6_DECLINE, SERVER, 1 * SEC, 0, 4, 0},
    {DHCP6_ADDR_REG_INFORM, 0, 1 * SEC, 0, 3, 0}, /* RFC 9686 s4.5 */
};

/* --- time --- */

static const struct dhcp6_schedule *schedule_of(uint8_t type)
{
    const struct dhcp6_schedule *s = schedules;

    while (s->type != type)
        s++;
    return s;
}

nsec_t dhcp6_random_part(const struct dhcp6_client *x, nsec_t span)
{
    uint64_t random;

    x->env.random(x->env.arg, &random, sizeof(random));
    return (nsec_t)(random % ((uint64_t)span + 1));
}

uint32_t dhcp6_random(const struct dhcp6_client *x)
{
    uint32_t random;

    x->env.random(x->env.arg, &random, sizeof(random));
    return random;
}

/* `span` times RAND of s15, which lies in -0.1 to 0.1. */
static nsec_t spread(const struct dhcp6_client *x, nsec_t span)
{
    return dhcp6_random_part(x, span / 5) - span / 10;
}

static nsec_t maximum_rt(const struct dhcp6_client *x, const struct dhcp6_schedule *s)
{
    if (s->type == DHCP6_SOLICIT)
        return x->sol_max_rt;
    return s->type == DHCP6_INFORMATION_REQUEST ? x->inf_max_rt : s->mrt;
}

/* The first retransmission time; that of SOLICIT is longer than IRT always (s18.2.1), since it is the time
 * that servers have to advertise. */
static nsec_t first_rt(const struct dhcp6_client *x, const struct dhcp6_schedule *s)
{
    if (s->type == DHCP6_SOLICIT)
        return s->irt + 1 + dhcp6_random_part(x, s->irt / 10 - 1);
    return s->irt + spread(x, s->irt);
}

static nsec_t next_rt(const struct dhcp6_client *x, const struct dhcp6_transmission *t)
{
    nsec_t mrt = maximum_rt(x, t->schedule);
    nsec_t rt = 2 * t->rt + spread(x, t->rt);

    return mrt && rt > mrt ? mrt + spread(x, mrt) : rt;
}

void dhcp6_begin(struct dhcp6_client *x, struct dhcp6_transmission *t, uint8_t type, nsec_t delay)
{
    *t = (struct dhcp6_transmission){
        .schedule = schedule_of(type), .xid = dhcp6_random(x) & DHCP6_XID_MASK, .due = x->now + delay};
    if (delay == 0)
        dhcp6_again(x, t);
}

void dhcp6_end(struct dhcp6_transmission *t)
{
    *t = (struct dhcp6_transmission){0};
}

static bool is_over(const struct dhcp6_transmission *t, nsec_t now)
{
    const struct dhcp6_schedule *s = t->schedule;

    if (t->count == 0)
        return false;
    return (s->mrc && t->count >= s->mrc) || (s->mrd && now >= t->began + s->mrd);
}

bool dhcp6_again(struct dhcp6_client *x, struct dhcp6_transmission *t)
{
    const struct dhcp6_schedule *s = t->schedule;

    if (is_over(t, x->now)) {
        dhcp6_end(t);
        return false;
    }
    if (t->count == 0)
        t->began = x->now;
    t->rt = t->count == 0 ? first_rt(x, s) : next_rt(x, t);
    t->due = x->now + t->rt;
    if (s->mrd && t->due > t->began + s->mrd)
        t->due = t->began + s->mrd;
    t->count++;
    t->send = true;
    return true;
}

/* --- messages --- */

static struct dhcp6_bytes bytes_of(const struct duid *duid)
{
    return (struct dhcp6_bytes){duid->bytes, duid->len};
}

/* In hundredths of a second; 0 in the first message, and as much as fits in late ones (s21.9). */
static uint16_t elapsed_cs(const struct dhcp6_client *x, const struct dhcp6_transmission *t)
{
    nsec_t elapsed = t->count <= 1 ? 0 : (x->now - t->began) / (10 * NSEC_PER_MSEC);

    return elapsed > UINT16_MAX ? UINT16_MAX : (uint16_t)elapsed;
}

static void put_ia(const struct dhcp6_client *x, struct dhcp6_message *m, const struct ipaddr *addrs,
                   unsigned n)
{
    struct dhcp6_ia *ia = &m->ia[0];

    ia->code = DHCP6_OPT_IA_NA;
    ia->iaid = x->iaid;
    ia->n_leases = n;
    for (unsigned i = 0; i < n; i++)
        ia->leases[i].addr = addrs[i];
    ia->has = n > 0 ? DHCP6_HAS_ADDR : 0;
    m->n_ia = 1;
    m->has |= DHCP6_HAS_IA;
}

static void put_name(const struct dhcp6_client *x, struct dhcp6_message *m)
{
    if (!x->env.fqdn)
        return;
    m->fqdn.flags = DHCP6_FQDN_S;
    memcpy(m->fqdn.name, x->env.fqdn, dname_len(x->env.fqdn));
    m->has |= DHCP6_HAS_FQDN;
}

static void put_wishes(const struct dhcp6_client *x, struct dhcp6_message *m)
{
    bool stateless = m->type == DHCP6_INFORMATION_REQUEST;

    m->oro[m->n_oro++] = DHCP6_OPT_DNS_SERVERS;
    m->oro[m->n_oro++] = DHCP6_OPT_DOMAIN_LIST;
    m->oro[m->n_oro++] = DHCP6_OPT_ADDR_REG_ENABLE;
    m->oro[m->n_oro++] = stateless ? DHCP6_OPT_INF_MAX_RT : DHCP6_OPT_SOL_MAX_RT;
    if (stateless)
        m->oro[m->n_oro++] = DHCP6_OPT_INFORMATION_REFRESH_TIME;
    m->has |= DHCP6_HAS_ORO | DHCP6_HAS_RECONF_ACCEPT;
    if (!stateless) /* RFC 4704 s5 */
        put_name(x, m);
    if (m->has & DHCP6_HAS_FQDN)
        m->oro[m->n_oro++] = DHCP6_OPT_CLIENT_FQDN;
}

static void begin_message(const struct dhcp6_client *x, const struct dhcp6_transmission *t,
                          struct dhcp6_message *m)
{
    memset(m, 0, sizeof(*m));
    m->type = t->schedule->type;
    m->xid = t->xid;
    m->client_id = bytes_of(&x->duid);
    m->elapsed_cs = elapsed_cs(x, t);
    m->has = DHCP6_HAS_CLIENT_ID | DHCP6_HAS_ELAPSED;
}

/* The message is small whatever is in it: two DUIDs, eight addresses, a name, some codes: 800 bytes. */
static void emit(struct dhcp6_client *x, const struct dhcp6_message *m, struct client_event *ret)
{
    struct writer w = writer_of(x->bytes, DHCP6_SEND_MAX);
    bool written = dhcp6_write(&w, m) == 0;

    *ret = (struct client_event){
        .kind = CLIENT_SEND,
        .packet = {.way = CLIENT_UDP,
                   .from.port = DHCP6_CLIENT_PORT,
                   .to = {.addr = DHCP6_ALL_AGENTS, .port = DHCP6_SERVER_PORT, .scope = x->env.ifindex},
                   .bytes = x->bytes,
                   .len = written ? w.pos : 0},
    };
}

void dhcp6_send_main(struct dhcp6_client *x, struct client_event *ret)
{
    struct ipaddr addrs[DHCP6_LEASES_MAX];
    struct dhcp6_message m;

    begin_message(x, &x->main, &m);
    unsigned parts = x->main.schedule->parts;
    if (parts & SERVER || dhcp6_asks_caller(x)) {
        m.server_id = bytes_of(m.type == DHCP6_REQUEST ? &x->offer.server
                               : parts & SERVER        ? &x->server
                                                       : &x->key.server);
        m.has |= DHCP6_HAS_SERVER_ID;
    }
    if (parts & OFFERED)
        put_ia(x, &m, x->offer.addrs, x->offer.n);
    if (parts & HELD)
        put_ia(x, &m, addrs, dhcp6_bound(x, addrs));
    if (parts & WISHES)
        put_wishes(x, &m);
    if (m.type == DHCP6_SOLICIT && x->rapid_commit)
        m.has |= DHCP6_HAS_RAPID_COMMIT;
    emit(x, &m, ret);
}

void dhcp6_send_parting(struct dhcp6_client *x, struct client_event *ret)
{
    struct dhcp6_message m;

    begin_message(x, &x->parting.sending, &m);
    m.server_id = bytes_of(&x->parting.server);
    m.has |= DHCP6_HAS_SERVER_ID;
    put_ia(x, &m, x->parting.addrs, x->parting.n);
    emit(x, &m, ret);
}

uint32_t dhcp6_seconds_left(nsec_t until, nsec_t now)
{
    if (until == NSEC_NEVER)
        return DHCP6_INFINITY;
    nsec_t left = until > now ? (until - now) / NSEC_PER_SEC : 0;
    return left >= DHCP6_INFINITY ? DHCP6_INFINITY - 1 : (uint32_t)left;
}

void dhcp6_send_registration(struct dhcp6_client *x, const struct dhcp6_registration *r,
                             struct client_event *ret)
{
    struct dhcp6_message m;

    begin_message(x, &r->sending, &m);
    m.addr.addr = r->addr;
    if (!r->leaving) {
        m.addr.preferred_s = dhcp6_seconds_left(r->preferred_until, x->now);
        m.addr.valid_s = dhcp6_seconds_left(r->valid_until, x->now);
    }
    m.has |= DHCP6_HAS_ADDR;
    put_name(x, &m);
    emit(x, &m, ret);
    ret->packet.from.addr = r->addr;
}
