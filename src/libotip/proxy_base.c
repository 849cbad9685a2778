/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A base that has a name is looked up again when its TTL is over, while the proxy serves: prefixes are renumbered, and servers
 * move. When it has another address the epochs follow at once; flows live on at the addresses that they have. When the look-up
 * fails the old address stays.
 *
 * It is one question of a session of libiothdns (proxy_renewal.h says when), on the proxy's own loop, so nothing waits for it. The
 * session lives as long as the question: what /etc/resolv.conf says is read again each time. The look-up at the start and at a
 * reload (proxy_settings.c) tells no TTL, so the first question follows soon.
 */
#include "libotip/otip_base.h"
#include "libotip/proxy_state.h"
#include "wire/rrtype.h"

#include <errno.h>
#include <iothdns.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 15000 };

struct proxy_base {
    struct watch watch; /* of the session */
    struct timer timer; /* the session's, or that of the next question */
    struct otip_proxy *proxy;
    struct renewal renewal;
    struct otip_base base; /* the name; "": there is nothing to look up */
    struct iothdns *dns;
    struct iothdns_session *session; /* NULL: nothing is being asked */
    bool over;                       /* the question, with one of these: */
    int error;                       /* positive */
    uint32_t ttl_s;
    struct renewal_choice choice;
};

/* ---- another base ---- */

static int move(struct otip_proxy *p, const struct ipaddr *base)
{
    struct settings old = p->settings;
    char addr[IPADDR_STRLEN];
    int e = otip_rebase(old.otip, base, &p->settings.otip);

    if (e < 0)
        return e;
    pthread_mutex_lock(&p->lock); /* a reload reads it */
    p->settings.base = *base;
    pthread_mutex_unlock(&p->lock);
    log_event(&p->log, LOG_LEVEL_INFO, "the base has another address",
              LOG_TEXT("address", ipaddr_format(base, addr)));
    proxy_epochs_change(p, &old);
    otip_free(old.otip);
    return 0;
}

/* ---- an answer ---- */

static void take_records(struct proxy_base *b, struct iothdns_pkt *pkt)
{
    struct iothdns_rr rr;
    struct ipaddr addr;
    int section;

    b->ttl_s = UINT32_MAX;
    b->choice = (struct renewal_choice){.present = b->proxy->settings.base};
    while ((section = iothdns_get_rr(pkt, &rr, NULL)) > 0) {
        if (section != IOTHDNS_SEC_ANSWER || rr.class != IOTHDNS_CLASS_IN)
            continue;
        if (rr.ttl < b->ttl_s)
            b->ttl_s = rr.ttl; /* of aliases too */
        if (rr.type == RR_AAAA && iothdns_get_aaaa(pkt, addr.b))
            renewal_see(&b->choice, &addr);
    }
    b->error = b->choice.n > 0 ? 0 : ENODATA;
}

static void on_answer(struct iothdns_lookup *lookup, int error, struct iothdns_header *header,
                      struct iothdns_pkt *pkt, void *arg)
{
    struct proxy_base *b = arg;

    (void)lookup, (void)header;
    b->over = true;
    b->error = error;
    if (error == 0)
        take_records(b, pkt);
}

/* ---- a question ---- */

static void close_session(struct proxy_base *b)
{
    if (b->session) {
        loop_unwatch(&b->proxy->loop, iothdns_session_fd(b->session));
        iothdns_session_close(b->session);
    }
    if (b->dns)
        iothdns_fini(b->dns);
    b->session = NULL;
    b->dns = NULL;
}

static void wait_until(struct proxy_base *b, nsec_t deadline)
{
    if (loop_set(&b->proxy->loop, &b->timer, deadline) < 0)
        log_event(&b->proxy->log, LOG_LEVEL_ERROR, "the base is not looked up any more: no memory");
}

/* It was answered, with b->error. */
static void settle(struct proxy_base *b)
{
    struct otip_proxy *p = b->proxy;
    bool failed_before = b->renewal.retry != 0;

    close_session(b);
    if (b->error == 0 && !ipaddr_equal(&b->choice.chosen, &p->settings.base))
        b->error = -move(p, &b->choice.chosen);
    nsec_t wait = b->error == 0 ? renewal_answered(&b->renewal, b->ttl_s) : renewal_failed(&b->renewal);
    if ((b->error != 0) != failed_before) /* not each time */
        log_event(&p->log, b->error ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                  b->error ? "the base cannot be looked up, its old address stays"
                           : "the base can be looked up again",
                  LOG_TEXT("base", b->base.name),
                  LOG_TEXT("reason", b->error ? otip_base_reason(b->error) : "answered"));
    wait_until(b, p->loop.now + wait);
}

/* A question is open, and something has happened to it. */
static void go_on(struct proxy_base *b)
{
    if (iothdns_dispatch(b->session) < 0 && !b->over && iothdns_session_deadline(b->session) == NSEC_NEVER) {
        b->over = true;
        b->error = errno;
    }
    if (b->over)
        settle(b);
    else
        wait_until(b, iothdns_session_deadline(b->session));
}

static int ask(struct proxy_base *b)
{
    struct otip_proxy *p = b->proxy;
    const char *server = p->settings.config->dns;

    b->over = false;
    b->dns = server ? iothdns_init_strcfg(p->intstack, server) : iothdns_init(p->intstack, NULL);
    b->session = b->dns ? iothdns_session_open(b->dns) : NULL;
    if (b->session == NULL)
        return -errno;
    int e = loop_watch(&p->loop, iothdns_session_fd(b->session), EPOLLIN, &b->watch);
    if (e == 0 &&
        iothdns_lookup_start(b->session, b->base.name, RR_AAAA, 0, TIMEOUT_MS, on_answer, b) == NULL)
        e = -errno;
    return e;
}

static void on_time(struct timer *t)
{
    struct proxy_base *b = (struct proxy_base *)((char *)t - offsetof(struct proxy_base, timer));
    int e = b->session ? 0 : ask(b);

    if (e == 0) {
        go_on(b);
    } else {
        b->error = -e;
        settle(b);
    }
}

static void on_session(struct watch *w, uint32_t events)
{
    struct proxy_base *b = (struct proxy_base *)((char *)w - offsetof(struct proxy_base, watch));

    (void)events;
    if (b->session)
        go_on(b);
}

/* ---- life ---- */

int proxy_base_open(struct otip_proxy *p)
{
    struct proxy_base *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return -ENOMEM;
    *b = (struct proxy_base){.watch.ready = on_session, .timer.fire = on_time, .proxy = p};
    p->base = b;
    proxy_base_change(p);
    return 0;
}

void proxy_base_change(struct otip_proxy *p)
{
    struct proxy_base *b = p->base;
    char why[OTIP_WHY_MAX];

    close_session(b);
    b->renewal = (struct renewal){0};
    if (otip_base_parse(proxy_base_text(p->settings.config), &b->base, why) < 0)
        b->base.name[0] = '\0'; /* cannot be: it was parsed for these settings */
    wait_until(b, b->base.name[0] == '\0' ? NSEC_NEVER : p->loop.now + RENEWAL_MIN);
}

void proxy_base_close(struct otip_proxy *p)
{
    if (p->base == NULL)
        return;
    close_session(p->base);
    heap_remove(&p->loop.timers, &p->base->timer.node);
    free(p->base);
    p->base = NULL;
}
