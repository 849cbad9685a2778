/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keeper of one interface; see keeper.h.

   It stands between three pure cores (clients.h) and a stack: packets in and out (clientio.h), what the cores say
   to add and remove (standing.h), names (state.h), files (savefile.h), and time.

   A client begins when its link is up, and begins again when the link comes back: x_start() then confirms what it
   had. Those of IPv6 wait for the link-local address too, without which nothing of theirs can be sent.
   The kernel tells when a link changes; a stack that tells nothing is asked every LINK_POLL.

   While DHCPv4 has no address its replies are read as frames, afterwards by UDP: CLIENTIO_FRAMES is open or not, and
   while it is, what comes by UDP too is a second copy.

   Routers say by the flags M and O what DHCPv6 is for (RFC 4861 s4.2). With `auto` they decide: M addresses, O alone
   names, neither nothing, and where no router answers ROUTER_PATIENCE long, addresses are asked for all the same.
   `dhcp6` by itself asks for addresses at once; if a router then says O without M, and no address has come
   yet, names are all that there is to ask for. What stands is not given up for a flag.

   Whoever is on the link may send advertisements as fast as he likes: ADVERTS_A_SECOND are heard.

   The last word of DHCPv4 goes straight to the MAC address that the server's frames came from: a stack would first ask
   for it, and forget the packet when the address goes a moment later.

   Clients end with their interface. A client that has been told to end lives on until it has said its last word (RELEASE is
   repeated until it is answered); what it held is gone from the stack at once. */
#include "libiothconf/keeper.h"

#include "libiothconf/autoconf.h"
#include "libiothconf/linkmtu.h"
#include "libiothconf/linktimers.h"
#include "libiothconf/makeclient.h"
#include "libiothconf/savefile.h"
#include "libiothconf/standing.h"
#include "wire/nd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Of stacks that do not tell; a link that is back is noticed so late. */
#define LINK_POLL (2 * NSEC_PER_SEC)
/* While duplicate address detection runs, which takes a second or two. */
#define ADDRESS_POLL (100 * NSEC_PER_MSEC)
/* Three solicitations, 4 s apart (RFC 4861 s10). */
#define ROUTER_PATIENCE (12 * NSEC_PER_SEC)

enum {
    PACKETS_A_TURN = 32, /* of one socket; then others have their turn */
    /* A router may send one in 3 s (RFC 4861 s6.2.1), and few are believed. Each may cost some dozens of requests to the
     * stack. */
    ADVERTS_A_SECOND = 32,
};

struct client {
    void *core; /* NULL: none */
    bool started, bound;
    bool stopping, ending; /* it is about to say its last word; it has said it once */
    bool slaac, router_decides;
    uint8_t mac[6];
    char *statedir; /* NULL: nothing is kept */
    uint8_t *fqdn;  /* wire form; NULL: none. Lives as long as the core */
};

struct keeper {
    struct conf_state *state;
    int epoll;
    unsigned ifindex;
    struct clientio io;
    nsec_t adverts_since, adverts_due; /* the second that runs; when it ends, if more came: else NSEC_NEVER */
    unsigned adverts;                  /* in it */
    struct keeper_event events[CLIENTIO_KINDS];
    struct standing standing;
    struct client clients[CONF_SOURCES]; /* [CONF_STATIC] stays empty */
    struct netconf_link link;
    bool link_was_down; /* since it could be looked at last */
    struct linkmtu mtu;
    struct linktimers timers;
    bool has_local;                               /* a link-local address that has been tried */
    bool routers_said, managed, other;            /* the flags M and O */
    nsec_t link_due, address_due, patience_until; /* NSEC_NEVER: not */
    struct ipaddr server;                         /* of DHCPv4, as its frames say */
    uint8_t server_mac[6];
    struct autoconf autoconf;
    unsigned changes;
    struct clientio_buffer buffer;
};

static const enum conf_source all_sources[] = {CONF_DHCP4, CONF_DHCP6, CONF_RD};

static bool is_running(const struct client *c)
{
    return c->core != NULL && !c->ending;
}

/* --- sockets --- */

static int open_socket(struct keeper *k, enum clientio_kind kind)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &k->events[kind]};
    int rc;

    if (k->io.fd[kind] >= 0)
        return 0;
    rc = clientio_open(&k->io, kind);
    if (rc == 0 && epoll_ctl(k->epoll, EPOLL_CTL_ADD, k->io.fd[kind], &event) < 0) {
        rc = -errno;
        clientio_close(&k->io, kind);
    }
    return rc;
}

static void close_socket(struct keeper *k, enum clientio_kind kind)
{
    if (k->io.fd[kind] >= 0)
        (void)epoll_ctl(k->epoll, EPOLL_CTL_DEL, k->io.fd[kind], NULL);
    clientio_close(&k->io, kind);
}

/* The sockets that a client needs as long as it lives, -1 ends. */
static const int *sockets_of(enum conf_source source)
{
    static const int lists[CONF_SOURCES][3] = {
        [CONF_STATIC] = {-1},
        [CONF_DHCP4] = {CLIENTIO_UDP4, CLIENTIO_ARP, -1},
        [CONF_DHCP6] = {CLIENTIO_UDP6, -1},
        [CONF_RD] = {CLIENTIO_ICMP6, -1},
    };

    return lists[source];
}

static void close_sockets(struct keeper *k, enum conf_source source)
{
    for (const int *kind = sockets_of(source); *kind >= 0; kind++)
        close_socket(k, (enum clientio_kind) * kind);
    if (source == CONF_DHCP4)
        close_socket(k, CLIENTIO_FRAMES);
}

static int open_sockets(struct keeper *k, enum conf_source source)
{
    int rc = 0;

    for (const int *kind = sockets_of(source); rc == 0 && *kind >= 0; kind++)
        rc = open_socket(k, (enum clientio_kind) * kind);
    if (rc < 0)
        close_sockets(k, source);
    return rc;
}

static int watch_adverts(struct keeper *k, int operation)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &k->events[CLIENTIO_ICMP6]};

    return epoll_ctl(k->epoll, operation, k->io.fd[CLIENTIO_ICMP6], &event);
}

/* May one more advertisement be heard? Else the socket is left alone for the rest of the second, and what finds no room
 * there is lost. */
static bool may_hear_advert(struct keeper *k, nsec_t now)
{
    if (now - k->adverts_since >= NSEC_PER_SEC) {
        k->adverts_since = now;
        k->adverts = 0;
    }
    if (k->adverts < ADVERTS_A_SECOND)
        return true;
    if (watch_adverts(k, EPOLL_CTL_DEL) == 0)
        k->adverts_due = k->adverts_since + NSEC_PER_SEC;
    return false;
}

static void hear_adverts_again(struct keeper *k, nsec_t now)
{
    bool is_open = k->io.fd[CLIENTIO_ICMP6] >= 0;

    k->adverts_due =
        is_open && watch_adverts(k, EPOLL_CTL_ADD) < 0 && errno != EEXIST ? now + NSEC_PER_SEC : NSEC_NEVER;
}

/* Frames are read as long as DHCPv4 has nothing that UDP could be sent to. */
static void choose_way4(struct keeper *k)
{
    const struct client *c = &k->clients[CONF_DHCP4];

    if (is_running(c) && !c->bound)
        (void)open_socket(k, CLIENTIO_FRAMES); /* if it fails, broadcast replies come by UDP */
    else
        close_socket(k, CLIENTIO_FRAMES);
}

/* --- what a client says --- */

static void save(struct keeper *k, enum conf_source source, const uint8_t *bytes, size_t len)
{
    const struct client *c = &k->clients[source];
    char name[CLIENT_FILE_NAME_SIZE];

    if (c->statedir == NULL)
        return;
    client_file_name(k->link.name, source, name);
    (void)savefile_write(c->statedir, name, bytes,
                         len); /* a full disk costs no more than the memory of a restart */
}

static void take_names(struct keeper *k, enum conf_source source)
{
    struct client_names names;

    client_methods(source)->names(k->clients[source].core, &names);
    if (conf_state_set_names(k->state, source, k->ifindex, k->link.name, &names) == 0)
        k->changes++;
}

static void pump(struct keeper *k, enum conf_source source, nsec_t now);

/* DHCPv6 tells its servers of the addresses that are made here (RFC 9686). */
static void register_addresses(struct keeper *k, nsec_t now)
{
    const struct standing_item *at = NULL;
    struct standing_address address;

    if (!is_running(&k->clients[CONF_DHCP6]) || !k->clients[CONF_DHCP6].started)
        return;
    while (standing_next_address(&k->standing, CONF_RD, &at, &address))
        if (dhcp6_client_register(k->clients[CONF_DHCP6].core, &address.addr, address.preferred_until,
                                  address.valid_until, now) == -ENOSPC)
            break; /* other errors: an address that is not to be told */
    pump(k, CONF_DHCP6, now);
}

static void unregister_address(struct keeper *k, const struct ipaddr *addr, nsec_t now)
{
    if (!is_running(&k->clients[CONF_DHCP6]) || !k->clients[CONF_DHCP6].started)
        return;
    dhcp6_client_unregister(k->clients[CONF_DHCP6].core, addr, now);
    pump(k, CONF_DHCP6, now);
}

static void take_flags(struct keeper *k, bool managed, bool other, nsec_t now);

/* Addresses that are being tried are looked at soon, and what the stack could not do is done again. */
static void plan_look(struct keeper *k, nsec_t now)
{
    nsec_t due = standing_is_trying(&k->standing, CONF_STATIC) ? now : now + ADDRESS_POLL;

    if ((due == now || standing_waits(&k->standing)) && k->address_due > due)
        k->address_due = due;
}

static void take_address_event(struct keeper *k, enum conf_source source, const struct client_event *event,
                               nsec_t now)
{
    if (source == CONF_RD && event->kind == CLIENT_ADDR_DEL)
        unregister_address(k, &event->addr, now);
    standing_event(&k->standing, source, event, now);
    plan_look(k, now);
    if (source == CONF_RD && event->kind == CLIENT_ADDR_ADD)
        register_addresses(k, now);
}

static void send_packet(const struct keeper *k, enum conf_source source, const struct client_packet *packet)
{
    struct client_packet direct = *packet;

    if (source == CONF_DHCP4 && k->clients[source].stopping && ipaddr_equal(&packet->to.addr, &k->server))
        memcpy(direct.to_mac, k->server_mac, sizeof(direct.to_mac));
    (void)clientio_send(&k->io, &direct); /* not sent is lost, which clients expect */
}

static void take_event(struct keeper *k, enum conf_source source, const struct client_event *event,
                       nsec_t now)
{
    switch (event->kind) {
    case CLIENT_SEND:
        send_packet(k, source, &event->packet);
        break;
    case CLIENT_ADDR_ADD:
    case CLIENT_ADDR_DEL:
    case CLIENT_ROUTE_ADD:
    case CLIENT_ROUTE_DEL:
        take_address_event(k, source, event, now);
        break;
    case CLIENT_MTU:
        linkmtu_take(&k->mtu, &k->standing.net, &k->link, source, event->mtu, k->has_local);
        break;
    case CLIENT_TIMERS:
        linktimers_take(&k->timers, &k->standing.net,
                        &(struct netconf_timers){event->reachable_ms, event->retrans_ms});
        break;
    case CLIENT_NAMES:
        take_names(k, source);
        break;
    case CLIENT_BOUND:
    case CLIENT_LOST:
        k->clients[source].bound = event->kind == CLIENT_BOUND;
        k->changes++;
        break;
    case CLIENT_MANAGED:
        take_flags(k, event->managed, event->other, now);
        break;
    case CLIENT_SAVE:
        save(k, source, event->bytes, event->len);
        break;
    case CLIENT_DUPLICATE:
    case CLIENT_NONE:
        break;
    }
}

/* Does all that a client says, after each call of it. */
static void pump(struct keeper *k, enum conf_source source, nsec_t now)
{
    const struct client_methods *methods = client_methods(source);
    struct client *c = &k->clients[source];
    struct client_event event;

    while (c->core != NULL && methods->next(c->core, &event) != CLIENT_NONE)
        take_event(k, source, &event, now);
    if (source == CONF_DHCP4)
        choose_way4(k);
}

/* --- the flags M and O --- */

static enum dhcp6_mode mode_wanted(const struct keeper *k)
{
    const struct client *c = &k->clients[CONF_DHCP6];

    bool may_be_off = c->router_decides && (k->routers_said || k->patience_until != NSEC_NEVER);

    if (k->routers_said && k->other && !k->managed)
        return DHCP6_MODE_STATELESS;
    return may_be_off && !k->managed ? DHCP6_MODE_OFF : DHCP6_MODE_STATEFUL;
}

/* Has DHCPv6 an address? Its names alone do not count. */
static bool has_address6(const struct keeper *k)
{
    const struct standing_item *at = NULL;
    struct standing_address address;

    return standing_next_address(&k->standing, CONF_DHCP6, &at, &address);
}

static void set_mode(struct keeper *k, nsec_t now)
{
    struct client *c = &k->clients[CONF_DHCP6];
    enum dhcp6_mode mode = mode_wanted(k);

    if (!is_running(c) || (mode != DHCP6_MODE_STATEFUL && has_address6(k)))
        return;
    dhcp6_client_mode(c->core, mode, now);
    pump(k, CONF_DHCP6, now);
}

static void take_flags(struct keeper *k, bool managed, bool other, nsec_t now)
{
    k->routers_said = true;
    k->managed = managed;
    k->other = other;
    k->patience_until = NSEC_NEVER;
    set_mode(k, now);
}

/* No router has answered. */
static void lose_patience(struct keeper *k, nsec_t now)
{
    k->patience_until = NSEC_NEVER;
    set_mode(k, now);
}

/* --- the link --- */

static bool is_link_ready(const struct keeper *k, enum conf_source source)
{
    return k->link.up && (source == CONF_DHCP4 || k->has_local);
}

/* Starts what can start. */
static void start_clients(struct keeper *k, nsec_t now)
{
    for (size_t i = 0; i < ARRAY_LEN(all_sources); i++) {
        enum conf_source source = all_sources[i];
        struct client *c = &k->clients[source];

        if (!is_running(c) || c->started || !is_link_ready(k, source))
            continue;
        c->started = true;
        if (source == CONF_DHCP6 && c->router_decides && !k->routers_said)
            k->patience_until = now + ROUTER_PATIENCE;
        if (source == CONF_DHCP6)
            set_mode(k, now);
        client_methods(source)->start(c->core, now);
        pump(k, source, now);
        if (source == CONF_DHCP6)
            register_addresses(k, now);
    }
}

static void on_link_down(struct keeper *k)
{
    k->has_local = false;
    for (size_t i = 0; i < ARRAY_LEN(all_sources); i++)
        k->clients[all_sources[i]].started = false;
}

static void search_local(const struct netconf_addr_state *addr, void *arg)
{
    if (nd_is_link_local(&addr->addr) && !addr->tentative && !addr->duplicate)
        *(bool *)arg = true;
}

static bool needs_local(const struct keeper *k)
{
    return k->link.up && !k->has_local &&
           (is_running(&k->clients[CONF_DHCP6]) || is_running(&k->clients[CONF_RD]));
}

static void look_for_local(struct keeper *k, nsec_t now)
{
    if (needs_local(k) && netconf_addrs(&k->standing.net, search_local, &k->has_local) == 0 && k->has_local)
        start_clients(k, now);
}

/* The interface is no more. One that comes in its place has another index. */
static void end_all(struct keeper *k, nsec_t now)
{
    k->link_due = NSEC_NEVER;
    for (size_t i = 0; i < ARRAY_LEN(all_sources); i++)
        keeper_end(k, all_sources[i], now);
}

/* was_down: it has been down since we looked last, though it may be up again. */
static void look_at_link(struct keeper *k, bool was_down, nsec_t now)
{
    bool was_up = k->link.up;
    int rc = netconf_link(&k->standing.net, &k->link);

    k->link_due = k->io.fd[CLIENTIO_LINK] >= 0 ? NSEC_NEVER : now + LINK_POLL;
    if (netconf_is_for_now(rc)) { /* nothing is known; nobody would tell it again */
        k->link_was_down |= was_down;
        k->link_due = now + LINK_POLL;
        return;
    }
    was_down |= k->link_was_down;
    k->link_was_down = false;
    if (rc < 0)
        k->link.up = false; /* it is gone */
    memcpy(k->io.mac, k->link.mac, sizeof(k->io.mac));
    if (was_up && (was_down || !k->link.up))
        on_link_down(k);
    if (k->link.up && (was_down || !was_up)) {
        standing_restore(&k->standing, now);
        k->address_due = now;
    }
    start_clients(k, now);
    if (rc == -ENODEV)
        end_all(k, now);
}

void keeper_look(struct keeper *k, nsec_t now)
{
    look_at_link(k, false, now);
}

/* --- addresses that are being tried --- */

static void tell_verdicts(struct keeper *k, nsec_t now)
{
    enum conf_source source;
    struct ipaddr addr;
    bool duplicate;

    while (standing_verdict(&k->standing, &source, &addr, &duplicate)) {
        struct client *c = &k->clients[source];

        if (c->core == NULL)
            continue;
        client_methods(source)->verdict(c->core, &addr, duplicate, now);
        pump(k, source, now);
        if (source == CONF_RD)
            register_addresses(k, now);
    }
}

static void look_at_addresses(struct keeper *k, nsec_t now)
{
    look_for_local(k, now);
    standing_retry(&k->standing, now);
    if (k->link.up)
        standing_look(&k->standing);
    tell_verdicts(k, now);
    k->address_due = needs_local(k) || standing_waits(&k->standing) ||
                             (k->link.up && standing_is_trying(&k->standing, CONF_STATIC))
                         ? now + ADDRESS_POLL
                         : NSEC_NEVER;
}

/* --- begin and end of clients --- */

static void free_client(struct keeper *k, enum conf_source source)
{
    struct client *c = &k->clients[source];

    client_methods(source)->free(c->core);
    free(c->statedir);
    free(c->fqdn);
    *c = (struct client){0};
    close_sockets(k, source);
}

/* A client that was told to end, and has no more to say. */
static void bury(struct keeper *k, enum conf_source source)
{
    struct client *c = &k->clients[source];

    if (c->ending && client_methods(source)->deadline(c->core) == NSEC_NEVER)
        free_client(k, source);
}

void keeper_end(struct keeper *k, enum conf_source source, nsec_t now)
{
    struct client *c = &k->clients[source];

    if (!is_running(c))
        return;
    c->stopping = true;
    client_methods(source)->stop(c->core, now);
    pump(k, source, now);
    c->ending = true;
    c->bound = false;
    standing_drop(&k->standing, source, now);
    plan_look(k, now);
    if (conf_state_set_names(k->state, source, k->ifindex, k->link.name, NULL) == 0)
        k->changes++;
    linkmtu_take(&k->mtu, &k->standing.net, &k->link, source, 0, k->has_local);
    if (source == CONF_RD) {
        autoconf_resume(&k->autoconf);
        k->routers_said = false;
    }
    if (source == CONF_DHCP4)
        choose_way4(k);
    bury(k, source);
}

static int make_client(struct keeper *k, enum conf_source source, const struct keeper_wish *wish)
{
    struct client *c = &k->clients[source];
    int rc = open_sockets(k, source);

    if (rc < 0)
        return rc;
    *c = (struct client){.slaac = wish->slaac, .router_decides = wish->router_decides};
    memcpy(c->mac, k->link.mac, sizeof(c->mac));
    rc = client_name(wish->fqdn, &c->fqdn);
    if (rc == 0 && wish->statedir[0] != '\0') {
        c->statedir = strdup(wish->statedir);
        rc = c->statedir == NULL ? -ENOMEM : 0;
    }
    if (rc == 0)
        rc = client_make(source, &k->link, k->ifindex, c->fqdn, wish, &c->core);
    if (rc < 0)
        free_client(k, source);
    return rc;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b) == 0;
}

/* Was it asked for in the same way before? */
static bool is_as_wished(const struct keeper *k, enum conf_source source, const struct keeper_wish *wish)
{
    const struct client *c = &k->clients[source];
    uint8_t *name;
    bool same;

    if (client_name(wish->fqdn, &name) < 0)
        return false;
    same = (name == NULL) == (c->fqdn == NULL) &&
           (name == NULL || dname_equal(name, dname_len(name), c->fqdn, dname_len(c->fqdn)));
    free(name);
    return same && c->slaac == wish->slaac && c->router_decides == wish->router_decides &&
           same_text(c->statedir, wish->statedir) && memcmp(c->mac, k->link.mac, sizeof(c->mac)) == 0;
}

int keeper_begin(struct keeper *k, enum conf_source source, const struct keeper_wish *wish, nsec_t now)
{
    struct client *c = &k->clients[source];
    int rc;

    look_at_link(k, false, now);
    if (is_running(c) && is_as_wished(k, source, wish))
        return 0;
    keeper_end(k, source, now);
    if (c->core != NULL)
        free_client(k, source);
    rc = make_client(k, source, wish);
    if (rc < 0)
        return rc;
    if (source == CONF_RD)
        autoconf_suspend(&k->autoconf, k->io.stack, k->link.name);
    if (source == CONF_DHCP4)
        choose_way4(k);
    start_clients(k, now);
    look_at_addresses(k, now);
    return 0;
}

int keeper_result(const struct keeper *k, enum conf_source source)
{
    const struct client *c = &k->clients[source];
    int error = standing_error(&k->standing, source);

    if (!is_running(c))
        return KEEPER_UNUSED;
    if (source == CONF_DHCP6 && c->started && c->router_decides && mode_wanted(k) == DHCP6_MODE_OFF &&
        k->routers_said)
        return KEEPER_UNUSED;
    if (!c->bound || standing_is_trying(&k->standing, source))
        return KEEPER_WAITS;
    return error < 0 ? error : KEEPER_STANDS;
}

/* --- what happens --- */

static enum conf_source listener_of(enum clientio_kind kind)
{
    static const enum conf_source listeners[] = {
        [CLIENTIO_UDP4] = CONF_DHCP4, [CLIENTIO_FRAMES] = CONF_DHCP4, [CLIENTIO_ARP] = CONF_DHCP4,
        [CLIENTIO_UDP6] = CONF_DHCP6, [CLIENTIO_ICMP6] = CONF_RD,
    };

    return listeners[kind];
}

static void hear_link(struct keeper *k, nsec_t now)
{
    bool was_down = false, down;
    int i;

    for (i = 0; i < PACKETS_A_TURN && clientio_link_message(&k->io, &k->buffer, &down) == 0; i++)
        was_down |= down;
    if (i > 0)
        look_at_link(k, was_down, now);
}

static void hear_packets(struct keeper *k, enum clientio_kind kind, nsec_t now)
{
    enum conf_source source = listener_of(kind);
    bool is_copy = kind == CLIENTIO_UDP4 && k->io.fd[CLIENTIO_FRAMES] >= 0;

    for (int i = 0; i < PACKETS_A_TURN && k->io.fd[kind] >= 0; i++) {
        struct client_packet packet;
        int got;

        if (kind == CLIENTIO_ICMP6 && !may_hear_advert(k, now))
            return;
        got = clientio_receive(&k->io, kind, &k->buffer, &packet);
        if (got < 0 && got != -EAGAIN)
            close_socket(k, kind); /* its stack is dead: it would be readable for ever */
        if (got < 0)
            return;
        k->adverts += kind == CLIENTIO_ICMP6;
        if (got == 0 || is_copy || k->clients[source].core == NULL)
            continue;
        if (kind == CLIENTIO_FRAMES) {
            k->server = packet.from.addr;
            memcpy(k->server_mac, packet.from_mac, sizeof(k->server_mac));
        }
        client_methods(source)->input(k->clients[source].core, &packet, now);
        pump(k, source, now);
    }
}

void keeper_readable(struct keeper *k, enum clientio_kind kind, nsec_t now)
{
    if (k->io.fd[kind] < 0)
        return; /* closed by an earlier event of the same round */
    if (kind == CLIENTIO_LINK)
        hear_link(k, now);
    else
        hear_packets(k, kind, now);
}

void keeper_turn(struct keeper *k, nsec_t now)
{
    if (k->link_due <= now)
        look_at_link(k, false, now);
    for (size_t i = 0; i < ARRAY_LEN(all_sources); i++) {
        enum conf_source source = all_sources[i];
        struct client *c = &k->clients[source];

        if (c->core == NULL)
            continue;
        if (client_methods(source)->deadline(c->core) <= now) {
            client_methods(source)->timeout(c->core, now);
            pump(k, source, now);
        }
        bury(k, source);
    }
    if (k->adverts_due <= now)
        hear_adverts_again(k, now);
    if (k->patience_until <= now)
        lose_patience(k, now);
    if (k->address_due <= now)
        look_at_addresses(k, now);
}

static nsec_t least(nsec_t a, nsec_t b)
{
    return a < b ? a : b;
}

nsec_t keeper_deadline(const struct keeper *k)
{
    nsec_t deadline = least(least(k->link_due, k->address_due), least(k->patience_until, k->adverts_due));

    for (size_t i = 0; i < ARRAY_LEN(all_sources); i++)
        if (k->clients[all_sources[i]].core != NULL)
            deadline =
                least(deadline, client_methods(all_sources[i])->deadline(k->clients[all_sources[i]].core));
    return deadline;
}

unsigned keeper_changes(const struct keeper *k)
{
    return k->changes + k->standing.changes;
}

/* --- its own begin and end --- */

int keeper_new(struct ioth *stack, struct conf_state *state, unsigned ifindex, int epoll, nsec_t now,
               struct keeper **ret)
{
    struct keeper *k = calloc(1, sizeof(*k));
    int rc;

    if (k == NULL)
        return -ENOMEM;
    k->state = state;
    k->epoll = epoll;
    k->ifindex = ifindex;
    k->address_due = k->patience_until = k->adverts_due = NSEC_NEVER;
    k->standing.net = (struct netconf){.stack = stack, .ifindex = ifindex};
    clientio_init(&k->io, stack, ifindex);
    for (int kind = 0; kind < CLIENTIO_KINDS; kind++)
        k->events[kind] = (struct keeper_event){.keeper = k, .kind = (enum clientio_kind)kind};
    rc = netconf_link(&k->standing.net, &k->link);
    if (rc == 0) {
        rc = open_socket(k, CLIENTIO_LINK);
        rc = rc == -EOPNOTSUPP ? 0 : rc; /* such a stack is asked */
    }
    if (rc < 0) {
        keeper_free(k);
        return rc;
    }
    k->link.up = false; /* what is up comes up now */
    k->link_due = now;
    *ret = k;
    return 0;
}

void keeper_free(struct keeper *k)
{
    if (k == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(all_sources); i++)
        free_client(k, all_sources[i]);
    close_socket(k, CLIENTIO_LINK);
    autoconf_resume(&k->autoconf);
    standing_fini(&k->standing);
    free(k);
}

unsigned keeper_ifindex(const struct keeper *k)
{
    return k->ifindex;
}

int keeper_sockets(const struct keeper *k)
{
    return clientio_count(&k->io);
}

int keeper_clients(const struct keeper *k)
{
    int n = 0;

    for (size_t i = 0; i < ARRAY_LEN(all_sources); i++)
        n += k->clients[all_sources[i]].core != NULL; /* one that ends still has its last word to say */
    return n;
}
