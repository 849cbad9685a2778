/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The driver of the exchange core for a program's own questions. It carries out what the table says (pump), tells it what
 * comes on the sockets and that time passes, and gives the replies to those who asked.
 *
 * A channel waits by poll when a thread waits for its own questions: then it holds no descriptor at rest. With epoll its
 * sockets are behind one descriptor, for programs that wait by themselves.
 *
 * The configuration becomes the plan of an exchange (plan_of). Without `timeout` and `attempts` questions are repeated
 * soon and then less and less often, within TOTAL; with them they leave exactly as resolv.conf says. Servers are asked in
 * the order in which they are listed, since that is what people rely on who list a server of their own first; those that
 * were silent come last for a while.
 *
 * A reply goes to the caller with the question as he spelled it: the letter case of the exchange is a matter between us and
 * the server. The bit AD is taken away unless the configuration trusts the servers and the way to them.
 *
 * Random bytes are drawn one by one from the system, never kept: after a fork no two processes have the same.
 */
#include "base/clock.h"
#include "libiothdns/channel_sockets.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

/* What resolv.conf(5) says when nothing is said: two times five seconds for one server. */
#define TIMEOUT_DEFAULT_S 5
#define ATTEMPTS_DEFAULT  2
#define TOTAL             (10 * NSEC_PER_SEC)

#define EVENTS_MAX 32

void channel_draw(void *arg, void *bytes, size_t len)
{
    struct channel *ch = arg;

    if (getrandom(bytes, len, 0) == (ssize_t)len)
        return;
    ch->no_random = true;
    memset(bytes, 0, len);
}

/* --- the reply --- */

/* Writes the name over the one at `at`, as far as that stands there itself. */
static void respell(uint8_t *bytes, size_t at, const uint8_t *name)
{
    while (bytes[at] != 0 && bytes[at] <= DNAME_LABEL_MAX) {
        size_t label_len = bytes[at] + (size_t)1;
        memcpy(bytes + at, name, label_len);
        at += label_len;
        name += label_len;
    }
}

/* The name asked for stands in the reply as the caller spelled it: in the question, to which the records point, and where
 * a server has copied it. The reply was found to be well-formed. */
static void restore_spelling(uint8_t *bytes, size_t len, const uint8_t *spelled, size_t name_len)
{
    struct reader r = reader_of(bytes, len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;
    struct dns_rr rr;

    if (header.qdcount != 1)
        return;
    dns_read_question(&r, &question);
    respell(bytes, DNS_HEADER_LEN, spelled);
    for (unsigned left = (unsigned)header.count[DNS_ANSWER] + header.count[DNS_AUTHORITY]; left > 0; left--) {
        size_t at = r.pos;
        dns_read_rr(&r, &rr);
        if (r.bad)
            return;
        if (dname_equal(rr.owner, rr.owner_len, spelled, name_len))
            respell(bytes, at, spelled);
    }
}

static int keep_reply(struct channel_question *q, const struct exchange_event *e)
{
    q->reply = malloc(e->reply_len);
    if (!q->reply)
        return -ENOMEM;
    q->reply_len = e->reply_len;
    memcpy(q->reply, e->reply, e->reply_len);
    restore_spelling(q->reply, q->reply_len, q->spelled, q->asked.name_len);
    if (!q->trust_ad)
        put_be16(q->reply + 2, (uint16_t)(get_be16(q->reply + 2) & ~DNS_AD));
    return 0;
}

static int error_of(const struct channel *ch, enum exchange_failure failure)
{
    switch (failure) {
    case EXCHANGE_SILENT:
        return -ETIMEDOUT;
    case EXCHANGE_REFUSED:
        return -EAGAIN;
    default:
        return ch->own_fault < 0 ? ch->own_fault : -ECONNREFUSED;
    }
}

static void end_question(struct channel *ch, const struct exchange_event *e)
{
    struct channel_question *q = (struct channel_question *)e->waiters;

    if (q->over) /* cancelled */
        return;
    q->error = e->reply ? keep_reply(q, e) : error_of(ch, e->failure);
    q->over = true;
    if (q->ended)
        q->ended(q);
}

/* --- the pump --- */

static int send_attempt(struct channel *ch, const struct exchange_event *e)
{
    struct outlet *o;

    int error = outlet_open(ch, e, &o);
    if (error < 0)
        return error;
    exchange_attach(ch->table, e->attempt, o);
    if (ch->no_random) {
        ch->no_random = false;
        return -EIO;
    }
    return e->tcp ? tcp_send(o, e) : udp_send(o, e);
}

/* No way leads to the server: to ask it again in a moment is of no use, and somebody waits. */
static bool is_out_of_reach(int error)
{
    return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -ENETDOWN;
}

static void carry_out(struct channel *ch, const struct exchange_event *e)
{
    attempt_id attempt = e->attempt;
    int error = send_attempt(ch, e);

    if (error < 0 && error != -ECONNREFUSED)
        ch->own_fault = error;
    if (error == -ECONNREFUSED || is_out_of_reach(error))
        exchange_failed(ch->table, attempt, monotonic_now());
    else if (error < 0)
        exchange_unsent(ch->table, attempt, monotonic_now());
}

static void pump(struct channel *ch)
{
    struct exchange_event e;

    while (exchange_next(ch->table, &e) != EXCHANGE_NONE) {
        if (e.kind == EXCHANGE_SEND)
            carry_out(ch, &e);
        else if (e.kind == EXCHANGE_CLOSE)
            outlet_close(ch, e.handle);
        else
            end_question(ch, &e);
    }
}

bool channel_input(struct channel *ch, struct outlet *o, const uint8_t *bytes, size_t len)
{
    bool asked_for = exchange_input(ch->table, o->attempt, bytes, len, monotonic_now());

    pump(ch);
    return asked_for;
}

void channel_failed(struct channel *ch, struct outlet *o)
{
    if (o->fd < 0)
        return;
    exchange_failed(ch->table, o->attempt, monotonic_now());
    pump(ch);
}

void channel_guessed(struct channel *ch, struct outlet *o)
{
    exchange_guessed(ch->table, o->attempt, monotonic_now());
    pump(ch);
}

/* --- waiting --- */

nsec_t channel_deadline(const struct channel *ch)
{
    return exchange_deadline(ch->table);
}

static void serve(struct channel *ch, struct outlet *o, short events)
{
    if (o->fd < 0 || events == 0)
        return;
    if (o->tcp)
        tcp_serve(ch, o, events);
    else
        udp_serve(ch, o);
}

static void pass_time(struct channel *ch)
{
    exchange_timeout(ch->table, monotonic_now());
    pump(ch);
    outlets_bury(ch);
}

static struct timespec span_until(nsec_t until)
{
    nsec_t span = until - monotonic_now();

    return timespec_of(span > 0 ? span : 0);
}

int channel_wait(struct channel *ch, nsec_t until)
{
    struct pollfd fds[RESOLVE_MAX * EXCHANGE_ATTEMPTS_MAX];
    struct outlet *outlets[RESOLVE_MAX * EXCHANGE_ATTEMPTS_MAX];
    nsec_t deadline = channel_deadline(ch);
    nfds_t n = 0;

    for (struct outlet *o = ch->open; o && n < ARRAY_LEN(fds); o = o->next) {
        fds[n] = (struct pollfd){.fd = o->fd, .events = outlet_events(o)};
        outlets[n++] = o;
    }
    struct timespec span = span_until(deadline < until ? deadline : until);
    int ready = ppoll(fds, n, &span, NULL);
    if (ready < 0 && errno != EINTR)
        return -errno;
    for (nfds_t i = 0; i < n && ready > 0; i++)
        serve(ch, outlets[i], fds[i].revents);
    pass_time(ch);
    return 0;
}

int channel_fd(const struct channel *ch)
{
    return ch->epoll;
}

int channel_dispatch(struct channel *ch)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(ch->epoll, events, EVENTS_MAX, 0);

    if (n < 0 && errno != EINTR)
        return -errno;
    for (int i = 0; i < n; i++)
        serve(ch, events[i].data.ptr, (short)events[i].events);
    pass_time(ch);
    return 0;
}

/* --- asking --- */

/* The index of the interface that `scope` names or numbers, on the handle's stack; 0: there is none. */
static uint32_t scope_index(struct iothdns *d, const char *scope)
{
    char *end;
    unsigned long number = strtoul(scope, &end, 10);

    if (*end == '\0' && number <= UINT32_MAX)
        return (uint32_t)number;
    struct ioth *stack = d->stack ? d->stack : ioth_get_defstack();
    int index = ioth_if_nametoindex(stack, scope);
    return index > 0 ? (uint32_t)index : 0;
}

/* The servers to ask, those on interfaces that are not there left out. Their number. */
static unsigned list_servers(struct iothdns *d, const struct resolvconf *conf,
                             struct ipendpoint ret[static RESOLVCONF_SERVERS_MAX])
{
    unsigned first =
        conf->rotate && conf->n_servers > 0 ? atomic_fetch_add(&d->turn, 1) % conf->n_servers : 0;
    unsigned n = 0;

    for (unsigned i = 0; i < conf->n_servers; i++) {
        const struct resolvconf_server *server = &conf->servers[(first + i) % conf->n_servers];
        ret[n] = server->endpoint;
        if (server->scope[0] != '\0')
            ret[n].scope = scope_index(d, server->scope);
        n += server->scope[0] == '\0' || ret[n].scope != 0;
    }
    if (conf->n_servers == 0)
        ret[n++] = (struct ipendpoint){.addr = ipaddr_of_v4(INADDR_LOOPBACK), .port = IOTHDNS_DEFAULT_PORT};
    return n;
}

static struct exchange_plan plan_of(const struct resolvconf *conf, unsigned n_servers, bool tcp)
{
    unsigned timeout_s = conf->timeout_s > 0 ? conf->timeout_s : TIMEOUT_DEFAULT_S;
    unsigned attempts = (conf->attempts > 0 ? conf->attempts : ATTEMPTS_DEFAULT) * n_servers;
    struct exchange_plan plan = {.listed = true, .tcp = conf->use_vc || tcp, .total = TOTAL};

    if (conf->timeout_s == 0 && conf->attempts == 0)
        return plan;
    plan.attempts = attempts < EXCHANGE_ATTEMPTS_MAX ? attempts : EXCHANGE_ATTEMPTS_MAX;
    plan.interval = conf->timeout_s * NSEC_PER_SEC;
    plan.total = (nsec_t)(timeout_s * plan.attempts) * NSEC_PER_SEC;
    return plan;
}

int channel_ask(struct channel *ch, const struct resolvconf *conf, const uint8_t *name, uint16_t type,
                int flags, struct channel_question *q)
{
    struct ipendpoint list[RESOLVCONF_SERVERS_MAX];
    unsigned n = list_servers(ch->d, conf, list);
    struct exchange_servers servers = {
        .id = ++ch->last_id, .count = n, .servers = list, .plan = plan_of(conf, n, flags & IOTHDNS_ASK_TCP)};
    size_t len = dname_len(name);

    if (n == 0)
        return -ENODEV;
    q->spelled = name;
    q->trust_ad = conf->trust_ad;
    q->id = servers.id;
    q->over = false;
    dname_lower(q->name, name, len);
    q->asked = (struct exchange_question){.name = q->name,
                                          .name_len = (uint8_t)len,
                                          .type = type,
                                          .class = CLASS_IN,
                                          .dnssec_ok = flags & IOTHDNS_ASK_DNSSEC,
                                          .checking_disabled = flags & IOTHDNS_ASK_NOCHECK,
                                          .authentic_data = conf->trust_ad};
    ch->own_fault = 0;
    int error = exchange_ask(ch->table, &q->asked, &servers, &q->waiter, monotonic_now());
    if (error == 0)
        pump(ch);
    outlets_bury(ch); /* also of who asks and cancels, and serves nothing */
    return error;
}

void channel_cancel(struct channel *ch, struct channel_question *q)
{
    if (q->over)
        return;
    q->over = true;
    q->error = -ETIMEDOUT;
    exchange_cancel(ch->table, &q->asked, q->id);
    pump(ch);
    outlets_bury(ch);
}

/* --- its life --- */

int channel_new(struct iothdns *d, uint32_t max, bool epoll, struct channel **ret)
{
    struct channel *ch = calloc(1, sizeof(*ch));

    if (!ch)
        return -ENOMEM;
    ch->d = d;
    ch->epoll = -1;
    struct exchange_settings settings = {
        .max = max, .max_waiters = 1, .random = channel_draw, .arg = ch, .cookie_key = d->cookie_key};
    int error = exchange_table_new(&settings, &ch->table);
    if (error == 0 && ch->no_random)
        error = -EIO;
    if (error == 0 && epoll && (ch->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        error = -errno;
    if (error < 0) {
        channel_free(ch);
        return error;
    }
    *ret = ch;
    return 0;
}

void channel_free(struct channel *ch)
{
    if (!ch)
        return;
    while (ch->open)
        outlet_close(ch, ch->open);
    outlets_bury(ch);
    exchange_table_free(ch->table);
    if (ch->epoll >= 0)
        close(ch->epoll);
    free(ch);
}

int channel_take(struct iothdns *d, struct channel **ret)
{
    pthread_mutex_lock(&d->lock);
    struct channel *ch = d->idle;
    if (ch) {
        d->idle = ch->next;
        d->n_idle--;
    }
    pthread_mutex_unlock(&d->lock);
    if (!ch)
        return channel_new(d, RESOLVE_MAX, false, ret);
    *ret = ch;
    return 0;
}

void channel_give(struct iothdns *d, struct channel *ch)
{
    outlets_bury(ch);
    pthread_mutex_lock(&d->lock);
    bool kept = d->n_idle < CHANNELS_IDLE_MAX;
    if (kept) {
        ch->next = d->idle;
        d->idle = ch;
        d->n_idle++;
    }
    pthread_mutex_unlock(&d->lock);
    if (!kept)
        channel_free(ch);
}

void channels_free(struct iothdns *d)
{
    while (d->idle) {
        struct channel *ch = d->idle;
        d->idle = ch->next;
        channel_free(ch);
    }
}
