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
 * If the commit fails the replies are dropped: clients ask again, and the cores keep a lease anew each time it is granted.
 */
#include "libnamedhcp/namedhcp_state.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TURN_MAX    (5 * NSEC_PER_SEC) /* so that the figures are fresh */
#define REST        NSEC_PER_SEC
#define PROBE_PAUSE (SERVER_PROBE_TIME / NAMEDHCP_REPEATS)

struct out_head {
    struct server_packet packet; /* but for the bytes, which follow */
    uint32_t from;
};

struct server_time namedhcp_now(void)
{
    struct timespec mono, wall;

    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct server_time){.mono = mono.tv_sec * NSEC_PER_SEC + mono.tv_nsec, .wall_s = wall.tv_sec};
}

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

int namedhcp_take(struct namedhcp *n, struct namedhcp_config *config, char *why, size_t why_size)
{
    struct namedhcp_ground ground = {.link = &n->link,
                                     .store = n->store,
                                     .duid = n->duid,
                                     .duid_len = n->duid_len,
                                     .serve6 = n->serve6,
                                     .serve4 = n->serve4,
                                     .now = namedhcp_now()};
    struct asker *asker6 = NULL, *asker4 = NULL;
    struct namedhcp_engine *engine;
    int e = n->serve6 ? asker_open(n->dns, on_answer6, n, &asker6) : 0;

    if (e == 0 && n->serve4)
        e = asker_open(n->dns, on_answer4, n, &asker4);
    if (e == 0)
        e = namedhcp_engine_new(config, &ground, &engine, why, why_size);
    if (e < 0) {
        asker_close(asker6);
        asker_close(asker4);
        return e;
    }
    asker_close(n->asker6);
    asker_close(n->asker4);
    if (n->engine && n->engine->config == n->started) {
        n->engine->config = NULL; /* it is kept */
    }
    namedhcp_engine_free(n->engine);
    n->asker6 = asker6;
    n->asker4 = asker4;
    n->engine = engine;
    n->n_probes = 0;
    if (engine->damaged > 0)
        log_event(&n->log, LOG_LEVEL_WARNING, "records of the lease file are damaged, or of no use",
                  LOG_NUMBER("count", engine->damaged));
    return 0;
}

/* --- probes --- */

static void send_probe(struct namedhcp *n, struct namedhcp_probe *p)
{
    p->repeats--;
    p->at = p->repeats > 0 ? n->now.mono + PROBE_PAUSE : p->until;
    if (dhcp_link_probe(&n->link, p->addr) < 0)
        n->counted.lost++;
}

/* Behind a relay nobody would hear it: such an address counts as free. */
static void begin_probe(struct namedhcp *n, const struct server_event *event)
{
    if (event->relayed || n->n_probes == NAMEDHCP_PROBES_MAX)
        return;
    struct namedhcp_probe *p = &n->probes[n->n_probes++];
    *p = (struct namedhcp_probe){.addr = ipaddr_to_v4(&event->addr),
                                 .question = event->question,
                                 .repeats = NAMEDHCP_REPEATS,
                                 .until = n->now.mono + SERVER_PROBE_TIME};
    send_probe(n, p);
}

static void end_probe(struct namedhcp *n, unsigned i)
{
    n->probes[i] = n->probes[--n->n_probes];
}

static nsec_t probe_deadline(const struct namedhcp *n)
{
    nsec_t first = NSEC_NEVER;

    for (unsigned i = 0; i < n->n_probes; i++)
        if (n->probes[i].at < first)
            first = n->probes[i].at;
    return first;
}

static void time_probes(struct namedhcp *n)
{
    for (unsigned i = 0; i < n->n_probes;) {
        struct namedhcp_probe *p = &n->probes[i];
        if (p->at > n->now.mono) {
            i++;
        } else if (p->repeats > 0) {
            send_probe(n, p);
        } else {
            end_probe(n, i); /* nobody has said anything */
        }
    }
}

static void hear_arp(struct namedhcp *n, const struct arp_packet *arp)
{
    for (unsigned i = 0; i < n->n_probes;) {
        struct namedhcp_probe p = n->probes[i];
        if (!arp_denies(arp, n->link.mac, p.addr)) {
            i++;
            continue;
        }
        end_probe(n, i);
        dhcp4_server_in_use(n->engine->v4, p.question, n->now);
    }
}

/* --- what the cores say --- */

static void keep(struct namedhcp *n, enum store_protocol protocol, const struct server_event *event)
{
    int e = event->kind == SERVER_LEASE ? store_put(n->store, protocol, event->lease)
                                        : store_forget(n->store, protocol, event->lease);

    if (e < 0) {
        n->keep_failed = true;
        n->keep_error = e;
    }
}

static void add_out(struct namedhcp *n, const struct server_packet *packet)
{
    struct out_head head = {.packet = *packet, .from = n->engine->server_id};

    if (sizeof(head) + packet->len > NAMEDHCP_OUT_BYTES - n->out.len) {
        n->counted.lost++;
        return;
    }
    memcpy(n->out.bytes + n->out.len, &head, sizeof(head));
    memcpy(n->out.bytes + n->out.len + sizeof(head), packet->bytes, packet->len);
    n->out.len += sizeof(head) + packet->len;
}

/* What the DNS has told a moment ago is not asked again. That it cannot be asked now is as if it were silent. */
static void ask(struct namedhcp *n, enum store_protocol protocol, const struct server_event *event)
{
    struct server_answer answer = {.question = event->question, .status = SERVER_UNKNOWN};
    struct asker *asker = protocol == STORE_DHCP6 ? n->asker6 : n->asker4;

    if (!asker_remembers(asker, event->name, event->qtype, &answer)) {
        if (asker_ask(asker, event->question, event->name, event->qtype) == 0)
            return;
        n->counted.failed_questions++;
    }
    if (protocol == STORE_DHCP6)
        on_answer6(n, &answer);
    else
        on_answer4(n, &answer);
}

static void obey(struct namedhcp *n, enum store_protocol protocol, const struct server_event *event)
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
        keep(n, protocol, event);
        break;
    case SERVER_PROBE:
        begin_probe(n, event);
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
        obey(n, STORE_DHCP6, &event);
    while (n->engine->v4 && dhcp4_server_next(n->engine->v4, &event) != SERVER_NONE)
        obey(n, STORE_DHCP4, &event);
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
        int e = dhcp_link_send(&n->link, &head.packet, head.from);
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
    if (!commit(n, error_before))
        n->out.len = 0;
    send_all(n);
}

/* --- what comes in --- */

/* A socket that gives errors alone, such as that of a stack that has died, is left alone for a while. */
static void rest(struct namedhcp *n, enum dhcp_link_kind kind, int error)
{
    if (error == -EAGAIN)
        return;
    n->rests_until[kind] = n->now.mono + REST;
    log_event(&n->log, LOG_LEVEL_WARNING, "nothing can be received", LOG_NUMBER("socket", kind),
              LOG_TEXT("reason", strerrordesc_np(-error)));
}

static void receive(struct namedhcp *n, enum dhcp_link_kind kind)
{
    struct server_packet packet;
    int got = 0;

    for (unsigned i = 0; i < NAMEDHCP_BATCH && got >= 0; i++) {
        got = dhcp_link_receive(&n->link, kind, &packet);
        if (got == 1 && kind == DHCP_LINK_UDP6)
            dhcp6_server_input(n->engine->v6, &packet, n->now);
        else if (got == 1)
            dhcp4_server_input(n->engine->v4, &packet, n->now);
    }
    if (got < 0)
        rest(n, kind, got);
}

static void receive_arp(struct namedhcp *n)
{
    struct arp_packet arp;
    int got = 0;

    for (unsigned i = 0; i < NAMEDHCP_BATCH && got >= 0; i++)
        if ((got = dhcp_link_receive_arp(&n->link, &arp)) == 1)
            hear_arp(n, &arp);
    if (got < 0)
        rest(n, DHCP_LINK_FRAMES, got);
}

static void take_in(struct namedhcp *n)
{
    n->now = namedhcp_now();
    if (n->engine->v6) {
        receive(n, DHCP_LINK_UDP6);
        dhcp6_server_timeout(n->engine->v6, n->now);
        asker_dispatch(n->asker6);
    }
    if (n->engine->v4) {
        receive(n, DHCP_LINK_UDP4);
        receive_arp(n);
        time_probes(n);
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
    nsec_t now = namedhcp_now().mono, at = now + TURN_MAX;

    if (n->engine->v6) {
        sooner(&at, dhcp6_server_deadline(n->engine->v6));
        sooner(&at, asker_deadline(n->asker6));
    }
    if (n->engine->v4) {
        sooner(&at, dhcp4_server_deadline(n->engine->v4));
        sooner(&at, asker_deadline(n->asker4));
        sooner(&at, probe_deadline(n));
    }
    if (n->host.alive_interval)
        sooner(&at, n->alive_at);
    for (unsigned kind = 0; kind < DHCP_LINK_KINDS; kind++)
        if (n->rests_until[kind] > now)
            sooner(&at, n->rests_until[kind]);
    return at <= now ? 0 : (int)((at - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

/* -1: it is not to be looked at. */
static int fd_of(const struct namedhcp *n, enum dhcp_link_kind kind)
{
    return n->rests_until[kind] > n->now.mono ? -1 : n->link.fd[kind];
}

static void wait_for_something(struct namedhcp *n)
{
    struct pollfd polled[] = {
        {.fd = n->wake, .events = POLLIN},
        {.fd = fd_of(n, DHCP_LINK_UDP6), .events = POLLIN},
        {.fd = fd_of(n, DHCP_LINK_UDP4), .events = POLLIN},
        {.fd = fd_of(n, DHCP_LINK_FRAMES), .events = POLLIN},
        {.fd = n->asker6 ? asker_fd(n->asker6) : -1, .events = POLLIN},
        {.fd = n->asker4 ? asker_fd(n->asker4) : -1, .events = POLLIN},
    };
    uint64_t count;

    if (poll(polled, ARRAY_LEN(polled), patience(n)) > 0 && polled[0].revents)
        (void)!read(n->wake, &count, sizeof(count));
}

/* --- calls from outside --- */

static void publish(struct namedhcp *n)
{
    struct namedhcp_stats stats = n->counted;

    if (n->engine->v6)
        dhcp6_server_stats(n->engine->v6, &stats.v6);
    if (n->engine->v4) {
        dhcp4_server_stats(n->engine->v4, &stats.v4);
        stats.leases = lease_count(n->engine->leases);
    }
    pthread_mutex_lock(&n->lock);
    n->stats = stats;
    pthread_mutex_unlock(&n->lock);
}

/* True: it is time to end. */
static bool hear_outside(struct namedhcp *n)
{
    pthread_mutex_lock(&n->lock);
    struct namedhcp_config *wanted = n->wanted;
    bool stop = n->stop;
    pthread_mutex_unlock(&n->lock);
    if (wanted) {
        char why[NAMEDHCP_WHY_MAX] = "cannot use the new configuration";
        int e = namedhcp_take(n, wanted, why, sizeof(why));
        pthread_mutex_lock(&n->lock);
        n->wanted = NULL;
        n->result = e;
        memcpy(n->why, why, sizeof(n->why));
        pthread_cond_broadcast(&n->taken);
        pthread_mutex_unlock(&n->lock);
    }
    return stop;
}

static void say_alive(struct namedhcp *n)
{
    if (!n->host.alive || !n->host.alive_interval || n->now.mono < n->alive_at)
        return;
    n->host.alive(n->host.arg);
    n->alive_at = n->now.mono + n->host.alive_interval;
}

void *namedhcp_run(void *arg)
{
    struct namedhcp *n = arg;

    pthread_setname_np(pthread_self(), "namedhcp");
    while (!hear_outside(n)) {
        wait_for_something(n);
        take_in(n);
        settle(n);
        publish(n);
        say_alive(n);
    }
    return NULL;
}
