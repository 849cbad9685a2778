/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread of the service. A turn:
 *
 *   wait for a datagram, an answer of the DNS, a deadline or a call from outside
 *   take in what has come, up to NAMEDHCP_BATCH datagrams; let time pass; take the answers of the DNS
 *   do what the cores say: leases into a transaction of the store, replies into a buffer, questions and probes off
 *   commit
 *   send the replies
 *
 * So nothing is said that is not on record, and the more comes in while the disk is waited for, the more one commit is for.
 * If the commit fails the replies are dropped: clients ask again, and the cores keep a lease anew each time it is granted, and
 * a claim when it is used next.
 */
#include "base/clock.h"
#include "libnamedhcp/namedhcp_state.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_MAX (5 * NSEC_PER_SEC) /* so that the figures are fresh */

struct out_head {
    struct server_packet packet; /* but for the bytes, which follow */
    uint32_t from;
};

/* --- answers of the DNS --- */

static void on_answer6(void *arg, const struct server_answer *answer)
{
    struct namedhcp *n = arg;

    dhcp6_server_answer(n->engine->v6, answer, n->now);
}

static void on_answer4(void *arg, const struct server_answer *answer)
{
    struct namedhcp *n = arg;

    dhcp4_server_answer(n->engine->v4, answer, n->now);
}

/* Which is right where all clients are behind relays, and else a number that was mistyped. */
static void say_links_without_subnet(const struct namedhcp *n)
{
    for (unsigned i = 0; i < n->n_links && n->serve4; i++)
        if (!namedhcp_engine_has_subnet(n->engine, i))
            log_event(
                &n->log, LOG_LEVEL_WARNING,
                "clients that are heard without a relay get no IPv4 address here: no subnet has an address "
                "of the interface",
                LOG_TEXT("iface", n->links[i]->name));
}

int namedhcp_take(struct namedhcp *n, struct namedhcp_config *config, char *why, size_t why_size)
{
    struct namedhcp_ground ground = {.links = n->links,
                                     .n_links = n->n_links,
                                     .store = n->store,
                                     .duid = n->duid,
                                     .duid_len = n->duid_len,
                                     .serve6 = n->serve6,
                                     .serve4 = n->serve4,
                                     .now = namedhcp_now(n)};
    struct asker *asker6 = NULL, *asker4 = NULL;
    struct namedhcp_engine *engine;
    int e = n->serve6 ? asker_open(n->dns, &n->counted.dns, on_answer6, n, &asker6) : 0;

    if (e == 0 && n->serve4)
        e = asker_open(n->dns, &n->counted.dns, on_answer4, n, &asker4);
    if (e < 0)
        snprintf(why, why_size, "cannot ask the DNS: %s", strerrordesc_np(-e));
    if (e == 0)
        e = namedhcp_engine_new(config, &ground, &engine, why, why_size);
    if (e < 0) {
        asker_close(asker6);
        asker_close(asker4);
        return e;
    }
    asker_close(n->asker6);
    asker_close(n->asker4);
    if (n->engine && (n->engine->config == n->started || n->engine->config == config))
        n->engine->config = NULL; /* it is kept */
    namedhcp_keep_counts(n);
    namedhcp_engine_free(n->engine);
    n->asker6 = asker6;
    n->asker4 = asker4;
    n->engine = engine;
    n->probes.n = 0;
    say_links_without_subnet(n);
    if (engine->damaged > 0)
        log_event(&n->log, LOG_LEVEL_WARNING, "records of the lease file are damaged, or of no use",
                  LOG_NUMBER("count", engine->damaged));
    return 0;
}

/* --- probes --- */

static void send_probes(struct namedhcp *n)
{
    const struct dhcp_probe *p;
    int e;

    while ((p = dhcp_probes_due(&n->probes, n->now.mono))) {
        struct dhcp_link *link = n->links[p->link];
        struct icmp4_echo echo = {.type = ICMP4_ECHO_REQUEST, .id = p->id, .sequence = p->sequence};
        if (p->echo)
            e = link->ops->echo(link, namedhcp_engine_id(n->engine, p->link), p->addr, p->via_mac, &echo);
        else
            e = link->ops->probe(link, p->addr);
        n->counted.lost += e < 0 && e != -EOPNOTSUPP;
    }
}

static void hear_arp(struct namedhcp *n, unsigned link, const struct arp_packet *arp)
{
    uint32_t question;

    while (dhcp_probes_hear_arp(&n->probes, link, n->links[link]->mac, arp, &question))
        dhcp4_server_in_use(n->engine->v4, question, arp->sender_mac, n->now);
}

static void hear_echo(struct namedhcp *n, const struct dhcp_heard *heard)
{
    uint32_t question;

    while (dhcp_probes_hear_echo(&n->probes, heard->from, &heard->echo, &question))
        dhcp4_server_in_use(n->engine->v4, question, NULL, n->now);
}

/* --- what the cores say --- */

static void keep(struct namedhcp *n, const struct server_event *event)
{
    int e = event->kind == SERVER_LEASE ? store_put(n->store, event->lease)
                                        : store_forget(n->store, event->lease);

    if (e < 0) {
        n->keep_failed = true;
        n->keep_error = e;
    }
}

static void add_out(struct namedhcp *n, const struct server_packet *packet)
{
    struct out_head head = {.packet = *packet, .from = namedhcp_engine_id(n->engine, packet->link)};

    if (sizeof(head) + packet->len > NAMEDHCP_OUT_BYTES - n->out.len) {
        n->counted.lost++;
        return;
    }
    memcpy(n->out.bytes + n->out.len, &head, sizeof(head));
    memcpy(n->out.bytes + n->out.len + sizeof(head), packet->bytes, packet->len);
    n->out.len += sizeof(head) + packet->len;
}

/* What the DNS has told a moment ago is not asked again. That it cannot be asked now is as if it were silent. */
static void ask(struct namedhcp *n, enum namedhcp_protocol protocol, const struct server_event *event)
{
    struct server_answer answer = {.question = event->question, .status = SERVER_UNKNOWN};
    struct asker *asker = protocol == NAMEDHCP_V6 ? n->asker6 : n->asker4;

    if (!asker_remembers(asker, event->name, event->qtype, &answer)) {
        if (asker_ask(asker, event->question, event->name, event->qtype) == 0)
            return;
        n->counted.failed_questions++;
    }
    if (protocol == NAMEDHCP_V6)
        on_answer6(n, &answer);
    else
        on_answer4(n, &answer);
}

static void obey(struct namedhcp *n, enum namedhcp_protocol protocol, const struct server_event *event)
{
    switch (event->kind) {
    case SERVER_SEND:
        add_out(n, &event->packet);
        break;
    case SERVER_ASK:
        ask(n, protocol, event);
        break;
    case SERVER_LEASE:
    case SERVER_FORGET:
        keep(n, event);
        break;
    case SERVER_PROBE:
        dhcp_probes_begin(&n->probes, event, n->now.mono);
        break;
    case SERVER_NOTE:
        log_event(&n->log, LOG_LEVEL_WARNING, "a client", LOG_TEXT("what", event->text));
        break;
    case SERVER_NONE:
        break;
    }
}

static void obey_all(struct namedhcp *n)
{
    struct server_event event;

    while (n->engine->v6 && dhcp6_server_next(n->engine->v6, &event) != SERVER_NONE)
        obey(n, NAMEDHCP_V6, &event);
    while (n->engine->v4 && dhcp4_server_next(n->engine->v4, &event) != SERVER_NONE)
        obey(n, NAMEDHCP_V4, &event);
}

/* --- on record, and off --- */

static void say_store(struct namedhcp *n, int before)
{
    if (n->keep_error == before)
        return;
    if (n->keep_error < 0)
        log_event(&n->log, LOG_LEVEL_ERROR, "clients get no leases: they cannot be kept",
                  LOG_TEXT("reason", strerrordesc_np(-n->keep_error)));
    else
        log_event(&n->log, LOG_LEVEL_INFO, "leases are kept again");
}

/* True: all is on record. */
static bool commit(struct namedhcp *n, int error_before)
{
    bool changes = store_has_changes(n->store) || n->keep_failed;
    int e = n->keep_failed ? n->keep_error : store_commit(n->store);

    if (!changes)
        return true;
    store_abort(n->store);
    n->keep_failed = false;
    n->keep_error = e;
    n->counted.commits++;
    n->counted.failed_commits += e < 0;
    if (e < 0)
        name_policy_lost(n->engine->names);
    say_store(n, error_before);
    return e == 0;
}

static void send_all(struct namedhcp *n)
{
    for (size_t at = 0; at < n->out.len;) {
        struct out_head head;
        memcpy(&head, n->out.bytes + at, sizeof(head));
        head.packet.bytes = n->out.bytes + at + sizeof(head);
        at += sizeof(head) + head.packet.len;
        struct dhcp_link *link = n->links[head.packet.link];
        int e = link->ops->send(link, &head.packet, head.from);
        n->counted.sent += e == 0;
        n->counted.lost += e < 0;
        if (e < 0)
            log_event(&n->log, LOG_LEVEL_WARNING, "a reply is lost", LOG_TEXT("reason", strerrordesc_np(-e)));
    }
    n->out.len = 0;
}

static void settle(struct namedhcp *n)
{
    int error_before = n->keep_error;

    obey_all(n);
    send_probes(n);
    if (!commit(n, error_before))
        n->out.len = 0;
    send_all(n);
}

/* --- what comes in --- */

static void hear(struct namedhcp *n, unsigned link, struct dhcp_heard *heard)
{
    heard->packet.link = link;
    switch (heard->kind) {
    case DHCP_HEARD_UDP6:
        if (n->engine->v6)
            dhcp6_server_input(n->engine->v6, &heard->packet, n->now);
        break;
    case DHCP_HEARD_UDP4:
        if (n->engine->v4)
            dhcp4_server_input(n->engine->v4, &heard->packet, n->now);
        break;
    case DHCP_HEARD_ARP:
        hear_arp(n, link, &heard->arp);
        break;
    case DHCP_HEARD_ECHO:
        hear_echo(n, heard);
        break;
    case DHCP_HEARD_NOTHING:
        break;
    }
}

static void receive(struct namedhcp *n, unsigned i)
{
    struct dhcp_link *link = n->links[i];
    struct dhcp_heard heard;
    int got = 0;

    for (unsigned k = 0; k < NAMEDHCP_BATCH && got != -EAGAIN; k++) {
        got = link->ops->receive(link, n->now.mono, &heard);
        if (got == 1)
            hear(n, i, &heard);
        else if (got < 0 && got != -EAGAIN)
            log_event(&n->log, LOG_LEVEL_WARNING, "nothing can be received", LOG_TEXT("iface", link->name),
                      LOG_TEXT("reason", strerrordesc_np(-got)));
    }
}

/* A person should know: where privileges are missing to listen on the interface that was made anew, it takes a restart. */
static void tell_of_deaf_links(struct namedhcp *n)
{
    for (unsigned i = 0; i < n->n_links; i++) {
        struct dhcp_link *link = n->links[i];
        if (link->deaf == link->deaf_told)
            continue;
        if (link->deaf < 0)
            log_event(&n->log, LOG_LEVEL_ERROR, "nothing is heard on an interface",
                      LOG_TEXT("iface", link->name), LOG_TEXT("reason", strerrordesc_np(-link->deaf)));
        else
            log_event(&n->log, LOG_LEVEL_INFO, "the interface is there again", LOG_TEXT("iface", link->name));
        link->deaf_told = link->deaf;
    }
}

/* Its own addresses are part of what a DHCPv4 server says, so it becomes another one when they change. Where that fails for want of
 * descriptors or memory it is tried again; the old one serves until then. */
static void follow_addresses(struct namedhcp *n)
{
    char why[NAMEDHCP_WHY_MAX];
    bool changed = false;

    for (unsigned i = 0; i < n->n_links; i++) {
        changed |= n->links[i]->changed;
        n->links[i]->changed = false;
    }
    if (changed)
        n->follow_at = n->now.mono;
    if (n->follow_at > n->now.mono || !n->engine->v4)
        return;
    int e = namedhcp_take(n, n->engine->config, why, sizeof(why));
    n->follow_at = e == 0 || e == -EINVAL ? NSEC_NEVER : n->now.mono + TURN_MAX;
    if (e == 0)
        log_event(&n->log, LOG_LEVEL_INFO, "the addresses of our interfaces have changed",
                  LOG_NUMBER("subnets", n->engine->v4_settings.n_subnets));
    else if (changed)
        log_event(
            &n->log, LOG_LEVEL_WARNING,
            "the addresses of our interfaces have changed, and nothing can be served with those there are",
            LOG_TEXT("reason", why));
}

/* For a configuration that comes; what it is made of is fresh then. */
static void look_at_links(struct namedhcp *n)
{
    n->now = namedhcp_now(n);
    for (unsigned i = 0; i < n->n_links; i++) {
        n->links[i]->ops->look(n->links[i]);
        n->links[i]->ops->timeout(n->links[i], n->now.mono);
        n->links[i]->changed = false;
    }
}

static void take_in_links(struct namedhcp *n)
{
    for (unsigned i = 0; i < n->n_links; i++) {
        receive(n, i);
        n->links[i]->ops->timeout(n->links[i], n->now.mono);
    }
}

static void take_in(struct namedhcp *n)
{
    n->now = namedhcp_now(n);
    take_in_links(n);
    if (n->engine->v6) {
        dhcp6_server_timeout(n->engine->v6, n->now);
        asker_dispatch(n->asker6);
    }
    if (n->engine->v4) {
        dhcp4_server_timeout(n->engine->v4, n->now);
        asker_dispatch(n->asker4);
    }
}

/* --- waiting --- */

static void sooner(nsec_t *at, nsec_t other)
{
    if (other < *at)
        *at = other;
}

static int patience(const struct namedhcp *n)
{
    nsec_t now = monotonic_now(), at = now + TURN_MAX;

    if (n->engine->v6) {
        sooner(&at, dhcp6_server_deadline(n->engine->v6));
        sooner(&at, asker_deadline(n->asker6));
    }
    if (n->engine->v4) {
        sooner(&at, dhcp4_server_deadline(n->engine->v4));
        sooner(&at, asker_deadline(n->asker4));
        sooner(&at, dhcp_probes_deadline(&n->probes));
    }
    for (unsigned i = 0; i < n->n_links; i++)
        sooner(&at, n->links[i]->ops->deadline(n->links[i]));
    return at <= now ? 0 : (int)((at - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

static void wait_for_something(struct namedhcp *n)
{
    struct pollfd polled[3 + SERVER_LINKS_MAX * DHCP_LINK_FDS_MAX] = {
        {.fd = n->wake, .events = POLLIN},
        {.fd = n->asker6 ? asker_fd(n->asker6) : -1, .events = POLLIN},
        {.fd = n->asker4 ? asker_fd(n->asker4) : -1, .events = POLLIN},
    };
    nsec_t now = monotonic_now();
    uint64_t count;
    nfds_t used = 3;

    for (unsigned i = 0; i < n->n_links; i++) {
        struct dhcp_link *link = n->links[i];
        link->ops->watch(link, now);
        memcpy(polled + used, link->polled, link->n_polled * sizeof(*polled));
        used += link->n_polled;
    }
    if (poll(polled, used, patience(n)) > 0 && polled[0].revents)
        (void)!read(n->wake, &count, sizeof(count));
    used = 3;
    for (unsigned i = 0; i < n->n_links; i++) {
        memcpy(n->links[i]->polled, polled + used, n->links[i]->n_polled * sizeof(*polled));
        used += n->links[i]->n_polled;
    }
}

/* --- calls from outside --- */

/* True: it is time to end. */
static bool hear_outside(struct namedhcp *n)
{
    pthread_mutex_lock(&n->lock);
    struct namedhcp_config *wanted = n->wanted;
    bool stop = n->stop;
    pthread_mutex_unlock(&n->lock);
    if (wanted) {
        look_at_links(n);
        char why[NAMEDHCP_WHY_MAX] = "cannot use the new configuration";
        int e = namedhcp_take(n, wanted, why, sizeof(why));
        pthread_mutex_lock(&n->lock);
        n->wanted = NULL;
        n->result = e;
        memcpy(n->why, why, sizeof(n->why));
        pthread_cond_broadcast(&n->taken);
        pthread_mutex_unlock(&n->lock);
    }
    namedhcp_run_calls(n);
    return stop;
}

void *namedhcp_run(void *arg)
{
    struct namedhcp *n = arg;

    pthread_setname_np(pthread_self(), "namedhcp");
    while (!hear_outside(n)) {
        wait_for_something(n);
        take_in(n);
        settle(n);
        follow_addresses(n);
        tell_of_deaf_links(n);
        namedhcp_follow_clock(n);
        namedhcp_publish(n);
    }
    namedhcp_end_calls(n);
    return NULL;
}
