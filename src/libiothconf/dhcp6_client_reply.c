/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What servers say to the DHCPv6 client (RFC 9915 s16.3, s16.10, s18.2.9, s18.2.10).
 *
 * A message is believed if it is an ADVERTISE or REPLY with our client identifier, some server identifier,
 * and the transaction id of an exchange that is going on and of which something has been sent. One that
 * answers a message which was meant for one server must come from that server. Nothing here looks at addresses: an answer
 * may come by relays. RECONFIGURE answers nothing and is looked at elsewhere (dhcp6_client_reconfigure.c).
 *
 * Which function looks at it follows from the state, by a table. Status codes:
 *
 *   NoBinding       in a renewal: the server has forgotten us; the same addresses are asked for anew
 *   NotOnLink       the addresses belong to another link: they go, and discovery begins
 *   NoAddrsAvail    discovery begins again, later each time; in a renewal it is as no answer
 *   UnspecFail, UseMulticast and all that are not known: as no answer; the message is repeated in its time
 *
 * A server sets how long we may be silent (SOL_MAX_RT, INF_MAX_RT) also by a message that is no use otherwise
 * (s18.2.9).
 */
#include "libiothconf/dhcp6_client_state.h"

#define SEC NSEC_PER_SEC
/* s21.24, s21.25: a value beyond is to be ignored. */
#define MAX_RT_MIN_S 60
#define MAX_RT_MAX_S 86400
/* s21.23, s7.6. */
#define REFRESH_MIN_S     600
#define REFRESH_DEFAULT_S 86400

/* What a REPLY means for the leases. */
enum sense {
    NO_USE, /* as if it had not come */
    GRANTED,
    NO_BINDING,
    NO_ADDRS,
    NOT_ON_LINK,
};

static enum sense sense_of_status(uint32_t has, const struct dhcp6_status *status)
{
    if (!(has & DHCP6_HAS_STATUS))
        return GRANTED;
    switch (status->code) {
    case DHCP6_SUCCESS:
        return GRANTED;
    case DHCP6_NO_ADDRS_AVAIL:
        return NO_ADDRS;
    case DHCP6_NO_BINDING:
        return NO_BINDING;
    case DHCP6_NOT_ON_LINK:
        return NOT_ON_LINK;
    default:
        return NO_USE;
    }
}

/* *ret_ia: ours, if GRANTED. */
static enum sense sense_of(const struct dhcp6_client *x, const struct dhcp6_message *m,
                           const struct dhcp6_ia **ret_ia)
{
    enum sense sense = sense_of_status(m->has, &m->status);
    const struct dhcp6_ia *ia = dhcp6_find_ia(m, DHCP6_OPT_IA_NA, x->iaid);

    if (sense != GRANTED)
        return sense;
    if (!ia || !dhcp6_ia_is_sane(ia))
        return NO_USE;
    sense = sense_of_status(ia->has, &ia->status);
    if (sense != GRANTED)
        return sense;
    *ret_ia = ia;
    return dhcp6_usable(ia) > 0 || dhcp6_withdraws(x, ia) ? GRANTED : NO_USE;
}

static bool is_from(const struct dhcp6_message *m, const struct duid *server)
{
    return dhcp6_bytes_equal(m->server_id, (struct dhcp6_bytes){server->bytes, server->len});
}

static void set_server(struct duid *server, const struct dhcp6_message *m)
{
    *server = (struct duid){.len = (uint8_t)m->server_id.len};
    memcpy(server->bytes, m->server_id.at, m->server_id.len);
}

static void take_limit(bool has, uint32_t seconds, nsec_t *limit)
{
    if (has && seconds >= MAX_RT_MIN_S && seconds <= MAX_RT_MAX_S)
        *limit = seconds * SEC;
}

static void take_limits(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    take_limit(m->has & DHCP6_HAS_SOL_MAX_RT, m->sol_max_rt_s, &x->sol_max_rt);
    take_limit(m->has & DHCP6_HAS_INF_MAX_RT, m->inf_max_rt_s, &x->inf_max_rt);
}

/* Takes over the leases of a REPLY. `whole`: it answers a request, not a renewal. */
static void adopt(struct dhcp6_client *x, const struct dhcp6_message *m, const struct dhcp6_ia *ia,
                  bool whole)
{
    set_server(&x->server, m);
    dhcp6_take_key(x, m);
    bool changed = dhcp6_bind(x, ia, whole);
    changed |= dhcp6_take_names(x, m);
    if (dhcp6_n_bound(x) == 0) {
        dhcp6_lose(x);
        dhcp6_discover_again(x);
        return;
    }
    if (changed || whole)
        dhcp6_configured(x);
    dhcp6_settle(x);
}

/* --- discovery --- */

static bool is_better(const struct dhcp6_offer *offer, uint8_t preference, unsigned n)
{
    if (!offer->is_there || preference != offer->preference)
        return !offer->is_there || preference > offer->preference;
    return n > offer->n;
}

/* What an advertised IA has: that is what will be asked for. */
static void set_offer(struct dhcp6_client *x, const struct dhcp6_message *m, const struct dhcp6_ia *ia)
{
    struct dhcp6_offer *offer = &x->offer;

    offer->is_there = true;
    offer->preference = m->preference;
    set_server(&offer->server, m);
    offer->n = 0;
    for (unsigned i = 0; i < ia->n_leases; i++) {
        if (dhcp6_is_usable(&ia->leases[i]))
            offer->addrs[offer->n++] = ia->leases[i].addr;
    }
}

/* s18.2.1: the first retransmission time is for advertisements to come in, unless one has the highest
 * preference; after that the first to come is the one. */
static void on_advertise(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    const struct dhcp6_ia *ia = NULL;

    if (sense_of(x, m, &ia) != GRANTED || dhcp6_usable(ia) == 0)
        return;
    if (is_better(&x->offer, m->preference, dhcp6_usable(ia)))
        set_offer(x, m, ia);
    if (m->preference == UINT8_MAX || x->main.count > 1)
        dhcp6_request(x);
}

static void on_rapid_reply(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    const struct dhcp6_ia *ia = NULL;

    if (x->rapid_commit && m->has & DHCP6_HAS_RAPID_COMMIT && sense_of(x, m, &ia) == GRANTED &&
        dhcp6_usable(ia) > 0)
        adopt(x, m, ia, true);
}

static void on_request_reply(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    const struct dhcp6_ia *ia = NULL;

    if (!is_from(m, &x->offer.server))
        return;
    enum sense sense = sense_of(x, m, &ia);
    if (sense == GRANTED)
        adopt(x, m, ia, true);
    else if (sense != NO_USE)
        dhcp6_discover_again(x);
}

/* --- what stands --- */

static void on_confirm_reply(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    enum sense sense = sense_of_status(m->has, &m->status);

    if (sense == GRANTED) {
        dhcp6_tell_bindings(x);
        dhcp6_configured(x);
        dhcp6_settle(x);
    } else if (sense == NOT_ON_LINK) {
        dhcp6_lose(x);
        dhcp6_discover(x, 0);
    }
}

/* The server does not know the addresses that we hold, but may give them (s18.2.10.1). They stand
 * meanwhile. */
static void request_anew(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    x->offer = (struct dhcp6_offer){.is_there = true};
    set_server(&x->offer.server, m);
    x->offer.n = dhcp6_bound(x, x->offer.addrs);
    dhcp6_request(x);
}

static void on_rebind_reply(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    const struct dhcp6_ia *ia = NULL;

    switch (sense_of(x, m, &ia)) {
    case GRANTED:
        x->failures = 0;
        adopt(x, m, ia, false);
        break;
    case NO_BINDING:
        request_anew(x, m);
        break;
    case NOT_ON_LINK:
        dhcp6_lose(x);
        dhcp6_discover_again(x);
        break;
    case NO_ADDRS:
    case NO_USE:
        break;
    }
}

static void on_renew_reply(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    if (is_from(m, &x->server))
        on_rebind_reply(x, m);
}

/* --- stateless --- */

/* s21.23. */
static nsec_t refresh_time(const struct dhcp6_client *x, const struct dhcp6_message *m)
{
    uint32_t seconds = m->has & DHCP6_HAS_REFRESH_TIME ? m->refresh_time_s : REFRESH_DEFAULT_S;

    return dhcp6_after(x->now, seconds < REFRESH_MIN_S ? REFRESH_MIN_S : seconds);
}

static void on_information(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    if (sense_of_status(m->has, &m->status) != GRANTED ||
        (dhcp6_asks_caller(x) && !is_from(m, &x->key.server)))
        return;
    if (dhcp6_take_names(x, m) || !x->configured)
        dhcp6_configured(x);
    if (x->mode == DHCP6_MODE_STATEFUL) { /* a server has called for it (s18.2.11) */
        x->say_save = true;
        dhcp6_settle(x);
        return;
    }
    dhcp6_take_key(x, m);
    dhcp6_end(&x->main);
    x->state = DHCP6_INFORMED;
    x->refresh_at = refresh_time(x, m);
}

/* --- whom to believe --- */

static const struct {
    enum dhcp6_state state;
    uint8_t type;
    void (*take)(struct dhcp6_client *x, const struct dhcp6_message *m);
} expected[] = {
    {DHCP6_SOLICITING, DHCP6_ADVERTISE, on_advertise}, {DHCP6_SOLICITING, DHCP6_REPLY, on_rapid_reply},
    {DHCP6_REQUESTING, DHCP6_REPLY, on_request_reply}, {DHCP6_CONFIRMING, DHCP6_REPLY, on_confirm_reply},
    {DHCP6_RENEWING, DHCP6_REPLY, on_renew_reply},     {DHCP6_REBINDING, DHCP6_REPLY, on_rebind_reply},
    {DHCP6_ASKING, DHCP6_REPLY, on_information},
};

static bool answers(const struct dhcp6_transmission *t, const struct dhcp6_message *m)
{
    return t->count > 0 && t->xid == m->xid;
}

/* s18.2.10: whatever the status, RELEASE and DECLINE are over. */
static void on_parting_reply(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    if (m->type == DHCP6_REPLY && is_from(m, &x->parting.server))
        dhcp6_end(&x->parting.sending);
}

static void take_answer(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    for (unsigned i = 0; i < ARRAY_LEN(expected); i++) {
        if (expected[i].state != x->state || expected[i].type != m->type)
            continue;
        take_limits(x, m);
        if (m->has & DHCP6_HAS_ADDR_REG_ENABLE)
            dhcp6_registers(x);
        expected[i].take(x, m);
        return;
    }
}

void dhcp6_take_message(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    struct dhcp6_bytes client_id = {x->duid.bytes, x->duid.len};

    if (!(m->has & DHCP6_HAS_SERVER_ID) || !dhcp6_bytes_equal(m->client_id, client_id))
        return;
    if (answers(&x->main, m))
        take_answer(x, m);
    else if (answers(&x->parting.sending, m))
        on_parting_reply(x, m);
}
