/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The leases of the DHCPv6 client: which addresses stand, until when, when they are to be renewed, and how
 * they are kept over a restart.
 *
 * Servers say T1 and T2; where they leave it to us (0) it is half and four fifths of the shortest preferred
 * lifetime, as the RFC recommends to servers (s21.4). Times that would come after the lease has ended are no
 * better than 0. Infinity means never, and is obeyed. Below
 * RENEW_MIN_S no server gets us, or it could have us flood the link.
 *
 * An address whose lifetime comes as 0 goes at once. One that a renewal does not name stays until its end,
 * and goes at once when the answer was to a REQUEST, since that is all that the server knows of (s18.2.10.1).
 *
 * A saved lease is a REPLY, written and read by the codec: it says exactly what a server's would. It is
 * trusted no more than one from the network.
 */
#include "libiothconf/dhcp6_client_state.h"

/* Not more often than once a second, which is the rate that s14.1 suggests. */
#define RENEW_MIN_S 1

bool dhcp6_is_assignable(const struct ipaddr *addr)
{
    static const struct ipaddr loopback = {{[15] = 1}}, unspecified = {{0}};
    bool is_link_local = addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80;

    return addr->b[0] != 0xff && !is_link_local && !ipaddr_is_v4(addr) && !ipaddr_equal(addr, &loopback) &&
           !ipaddr_equal(addr, &unspecified);
}

bool dhcp6_is_usable(const struct dhcp6_lease *lease)
{
    bool is_granted = !(lease->has & DHCP6_HAS_STATUS) || lease->status.code == DHCP6_SUCCESS;

    return is_granted && lease->valid_s > 0 && lease->preferred_s <= lease->valid_s &&
           dhcp6_is_assignable(&lease->addr);
}

unsigned dhcp6_usable(const struct dhcp6_ia *ia)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ia->n_leases; i++)
        n += dhcp6_is_usable(&ia->leases[i]);
    return n;
}

bool dhcp6_ia_is_sane(const struct dhcp6_ia *ia)
{
    return ia->t1_s == 0 || ia->t2_s == 0 || ia->t1_s <= ia->t2_s;
}

/* --- bindings --- */

unsigned dhcp6_bound(const struct dhcp6_client *x, struct ipaddr ret[static DHCP6_LEASES_MAX])
{
    unsigned n = 0;

    for (unsigned i = 0; i < DHCP6_BINDINGS_MAX; i++) {
        if (x->bindings[i].used)
            ret[n++] = x->bindings[i].addr;
    }
    return n;
}

unsigned dhcp6_n_bound(const struct dhcp6_client *x)
{
    struct ipaddr addrs[DHCP6_LEASES_MAX];

    return dhcp6_bound(x, addrs);
}

struct dhcp6_binding *dhcp6_binding_of(struct dhcp6_client *x, const struct ipaddr *addr)
{
    for (struct dhcp6_binding *b = x->bindings; b < x->bindings + DHCP6_BINDINGS_MAX; b++) {
        if ((b->used || b->del) && ipaddr_equal(&b->addr, addr))
            return b;
    }
    return NULL;
}

nsec_t dhcp6_next_end(const struct dhcp6_client *x)
{
    nsec_t end = NSEC_NEVER;

    for (unsigned i = 0; i < DHCP6_BINDINGS_MAX; i++) {
        if (x->bindings[i].used && x->bindings[i].valid_until < end)
            end = x->bindings[i].valid_until;
    }
    return end;
}

void dhcp6_unbind(struct dhcp6_client *x, struct dhcp6_binding *b)
{
    b->used = b->add = false;
    b->del = b->told;
    x->say_save = true;
}

void dhcp6_unbind_all(struct dhcp6_client *x)
{
    for (struct dhcp6_binding *b = x->bindings; b < x->bindings + DHCP6_BINDINGS_MAX; b++) {
        if (b->used)
            dhcp6_unbind(x, b);
    }
}

void dhcp6_tell_bindings(struct dhcp6_client *x)
{
    for (struct dhcp6_binding *b = x->bindings; b < x->bindings + DHCP6_BINDINGS_MAX; b++)
        b->add = b->used;
    x->say_names = true;
}

/* A place for a new one; NULL: there are as many as there may be. */
static struct dhcp6_binding *free_place(struct dhcp6_client *x)
{
    if (dhcp6_n_bound(x) == DHCP6_LEASES_MAX)
        return NULL;
    for (struct dhcp6_binding *b = x->bindings; b < x->bindings + DHCP6_BINDINGS_MAX; b++) {
        if (!b->used && !b->del)
            return b;
    }
    return NULL;
}

/* Returns whether that address is a new one. */
static bool bind_one(struct dhcp6_client *x, const struct dhcp6_lease *lease)
{
    struct dhcp6_binding *b = dhcp6_binding_of(x, &lease->addr);
    bool is_new = !b || !b->used;

    if (!b) {
        b = free_place(x);
        if (!b)
            return false;
        *b = (struct dhcp6_binding){.addr = lease->addr};
    }
    b->used = b->add = true;
    b->del = false;
    b->preferred_until = dhcp6_after(x->now, lease->preferred_s);
    b->valid_until = dhcp6_after(x->now, lease->valid_s);
    return is_new;
}

static bool is_named(const struct dhcp6_ia *ia, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < ia->n_leases; i++) {
        if (dhcp6_is_usable(&ia->leases[i]) && ipaddr_equal(&ia->leases[i].addr, addr))
            return true;
    }
    return false;
}

static bool is_withdrawn(const struct dhcp6_ia *ia, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < ia->n_leases; i++) {
        if (ia->leases[i].valid_s == 0 && ipaddr_equal(&ia->leases[i].addr, addr))
            return true;
    }
    return false;
}

bool dhcp6_withdraws(const struct dhcp6_client *x, const struct dhcp6_ia *ia)
{
    for (unsigned i = 0; i < DHCP6_BINDINGS_MAX; i++) {
        if (x->bindings[i].used && is_withdrawn(ia, &x->bindings[i].addr))
            return true;
    }
    return false;
}

/* --- T1 and T2 --- */

/* tenths / 10 of it; infinity stays. */
static uint32_t part_of(uint32_t seconds, unsigned tenths)
{
    return seconds == DHCP6_INFINITY ? seconds : (uint32_t)((uint64_t)seconds * tenths / 10);
}

static uint32_t shorter(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What the server says if it can be used, else what follows from the lifetimes. */
static uint32_t time_or(uint32_t said, uint32_t end, uint32_t otherwise)
{
    uint32_t seconds = said == 0 || (said != DHCP6_INFINITY && said >= end) ? otherwise : said;

    return seconds < RENEW_MIN_S ? RENEW_MIN_S : seconds;
}

static void set_times(struct dhcp6_client *x, const struct dhcp6_ia *ia)
{
    uint32_t preferred = DHCP6_INFINITY, valid = DHCP6_INFINITY;

    for (unsigned i = 0; i < ia->n_leases; i++) {
        const struct dhcp6_lease *lease = &ia->leases[i];
        if (!dhcp6_is_usable(lease))
            continue;
        valid = shorter(valid, lease->valid_s);
        preferred = shorter(preferred, lease->preferred_s > 0 ? lease->preferred_s : lease->valid_s);
    }
    x->t1_at = dhcp6_after(x->now, time_or(ia->t1_s, valid, part_of(preferred, 5)));
    x->t2_at = dhcp6_after(x->now, time_or(ia->t2_s, valid, part_of(preferred, 8)));
    if (x->t1_at > x->t2_at && ia->t1_s != DHCP6_INFINITY)
        x->t1_at = x->t2_at;
}

bool dhcp6_bind(struct dhcp6_client *x, const struct dhcp6_ia *ia, bool whole)
{
    bool changed = false;

    for (struct dhcp6_binding *b = x->bindings; b < x->bindings + DHCP6_BINDINGS_MAX; b++) {
        bool goes = is_withdrawn(ia, &b->addr) || (whole && !is_named(ia, &b->addr));
        if (b->used && goes) {
            dhcp6_unbind(x, b);
            changed = true;
        }
    }
    for (unsigned i = 0; i < ia->n_leases; i++) {
        if (dhcp6_is_usable(&ia->leases[i]))
            changed |= bind_one(x, &ia->leases[i]);
    }
    if (dhcp6_usable(ia) > 0)
        set_times(x, ia);
    x->say_save = true;
    return changed;
}

/* --- names --- */

static bool has_domain(const struct client_names *names, const uint8_t *name)
{
    for (unsigned i = 0; i < names->n_domains; i++) {
        if (dname_equal(names->domains[i], dname_len(names->domains[i]), name, dname_len(name)))
            return true;
    }
    return false;
}

static bool has_server(const struct client_names *names, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < names->n_servers; i++) {
        if (ipaddr_equal(&names->servers[i], addr))
            return true;
    }
    return false;
}

/* A resolver can be link-local, or the loopback's if somebody wants it so; never a group. */
static bool is_server(const struct ipaddr *addr)
{
    static const struct ipaddr unspecified = {{0}};

    return addr->b[0] != 0xff && !ipaddr_equal(addr, &unspecified);
}

bool dhcp6_take_names(struct dhcp6_client *x, const struct dhcp6_message *m)
{
    struct client_names names = {0};

    _Static_assert(DHCP6_SERVERS_MAX <= CLIENT_SERVERS_MAX && DHCP6_DOMAINS_MAX <= CLIENT_DOMAINS_MAX,
                   "all fit");
    for (unsigned i = 0; i < m->n_dns; i++) {
        if (is_server(&m->dns[i]) && !has_server(&names, &m->dns[i]))
            names.servers[names.n_servers++] = m->dns[i];
    }
    for (unsigned i = 0; i < m->n_domains; i++) {
        if (dname_len(m->domains[i]) > 1 && !has_domain(&names, m->domains[i]))
            memcpy(names.domains[names.n_domains++], m->domains[i], dname_len(m->domains[i]));
    }
    if (client_names_equal(&names, &x->names))
        return false;
    x->names = names;
    x->say_names = true;
    return true;
}

void dhcp6_forget_names(struct dhcp6_client *x)
{
    x->say_names |= x->names.n_servers > 0 || x->names.n_domains > 0;
    x->names.n_servers = x->names.n_domains = 0;
}

/* --- over a restart --- */

static void put_bindings(const struct dhcp6_client *x, struct dhcp6_ia *ia)
{
    ia->code = DHCP6_OPT_IA_NA;
    ia->iaid = x->iaid;
    ia->t1_s = dhcp6_seconds_left(x->t1_at, x->now);
    ia->t2_s = dhcp6_seconds_left(x->t2_at, x->now);
    ia->has = DHCP6_HAS_ADDR;
    for (unsigned i = 0; i < DHCP6_BINDINGS_MAX; i++) {
        const struct dhcp6_binding *b = &x->bindings[i];
        if (b->used)
            ia->leases[ia->n_leases++] =
                (struct dhcp6_lease){.addr = b->addr,
                                     .preferred_s = dhcp6_seconds_left(b->preferred_until, x->now),
                                     .valid_s = dhcp6_seconds_left(b->valid_until, x->now)};
    }
}

size_t dhcp6_save(struct dhcp6_client *x)
{
    struct dhcp6_message m = {.type = DHCP6_REPLY};
    struct writer w = writer_of(x->bytes, sizeof(x->bytes));
    uint8_t auth[DHCP6_AUTH_LEN];

    if (dhcp6_n_bound(x) == 0)
        return 0;
    m.client_id = (struct dhcp6_bytes){x->duid.bytes, x->duid.len};
    m.server_id = (struct dhcp6_bytes){x->server.bytes, x->server.len};
    m.n_ia = 1;
    put_bindings(x, &m.ia[0]);
    m.n_dns = x->names.n_servers;
    memcpy(m.dns, x->names.servers, sizeof(m.dns));
    m.n_domains = x->names.n_domains;
    memcpy(m.domains, x->names.domains, sizeof(m.domains));
    m.has = DHCP6_HAS_CLIENT_ID | DHCP6_HAS_SERVER_ID | DHCP6_HAS_IA;
    dhcp6_put_key(x, &m, auth);
    m.has |= m.n_dns > 0 ? DHCP6_HAS_DNS : 0;
    m.has |= m.n_domains > 0 ? DHCP6_HAS_DOMAINS : 0;
    return dhcp6_write(&w, &m) < 0 ? 0 : w.pos;
}

/* Seconds that passed are gone; infinity stays. */
static uint32_t aged(uint32_t seconds, nsec_t age)
{
    if (seconds == DHCP6_INFINITY)
        return seconds;
    return age / NSEC_PER_SEC >= seconds
               ? 0
               : seconds - (uint32_t)(age / NSEC_PER_SEC) - (age % NSEC_PER_SEC != 0);
}

/* T1 and T2 lie at RENEW_MIN_S if they have passed, so that what follows a CONFIRM is a RENEW. */
static void age_ia(struct dhcp6_ia *ia, nsec_t age)
{
    ia->t1_s = aged(ia->t1_s, age);
    ia->t2_s = aged(ia->t2_s, age);
    ia->t1_s += ia->t1_s == 0 ? RENEW_MIN_S : 0;
    ia->t2_s += ia->t2_s == 0 ? RENEW_MIN_S : 0;
    for (unsigned i = 0; i < ia->n_leases; i++) {
        ia->leases[i].preferred_s = aged(ia->leases[i].preferred_s, age);
        ia->leases[i].valid_s = aged(ia->leases[i].valid_s, age);
    }
}

void dhcp6_restore(struct dhcp6_client *x, const void *saved, size_t len, nsec_t age)
{
    struct dhcp6_message m;
    struct dhcp6_bytes client_id = {x->duid.bytes, x->duid.len};

    if (age < 0 || dhcp6_read(saved, len, &m) < 0 || !dhcp6_bytes_equal(m.client_id, client_id) ||
        !(m.has & DHCP6_HAS_SERVER_ID))
        return;
    const struct dhcp6_ia *found = dhcp6_find_ia(&m, DHCP6_OPT_IA_NA, x->iaid);
    if (!found)
        return;
    struct dhcp6_ia ia = *found;
    age_ia(&ia, age);
    if (dhcp6_usable(&ia) == 0 || duid_from_bytes(m.server_id.at, m.server_id.len, &x->server) < 0)
        return;
    dhcp6_bind(x, &ia, true);
    dhcp6_take_names(x, &m);
    dhcp6_take_key(x, &m);
    x->say_save = x->say_names = false;
    for (unsigned i = 0; i < DHCP6_BINDINGS_MAX; i++)
        x->bindings[i].add = false;
}

static void shift(nsec_t *when, nsec_t by)
{
    if (*when != NSEC_NEVER)
        *when += by;
}

void dhcp6_shift(struct dhcp6_client *x, nsec_t by)
{
    for (unsigned i = 0; i < DHCP6_BINDINGS_MAX; i++) {
        shift(&x->bindings[i].preferred_until, by);
        shift(&x->bindings[i].valid_until, by);
    }
    shift(&x->t1_at, by);
    shift(&x->t2_at, by);
}
