/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Router discovery: the client's life, and when it solicits. What advertisements say is learnt in rd_client_learn.c,
 * addresses are made in rd_client_address.c, the stack is told in rd_client_say.c.
 *
 * Each call runs in the same way: what has ended by now is taken out, then what came is put in, then rd_refresh() derives
 * what the stack should have; rd_client_next() tells the difference to what it was told. So there is no queue that
 * could grow, whatever comes in before somebody looks.
 *
 * Solicitation. The first one goes out within FIRST_DELAY. RFC 4861 s6.3.7 waits up to a second, for hosts that all
 * boot when the power comes back. Our stacks begin one by one, when a program makes them, and their program waits for
 * them; 100 ms keep a hundred that are made at once apart. The next follow in intervals of 4 s, doubled up to an hour
 * (RFC 7559 s2), until a router with a lifetime answers.
 *
 * They begin once more, from 4 s, when the last default router is about to end: LAST_CALL before, enough for four attempts
 * on a link that loses every second packet, but not in the first three quarters of its lifetime. A router that
 * still speaks has been heard by then in all likelihood, so this is silent where all is well. RFC 4861 knows no
 * such call, RFC 7559 would begin after the end; in between the node would have no route.
 *
 * No solicitation carries our MAC address. That option is for those who know that their source address is not
 * :: (s4.1), which only the stack knows; a router finds out the address by itself if it answers to us alone.
 */
#include "libiothconf/rd_client_state.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_DELAY    (100 * NSEC_PER_MSEC)
#define INTERVAL_FIRST (4 * NSEC_PER_SEC)    /* RFC 7559 IRT, RFC 4861 RTR_SOLICITATION_INTERVAL */
#define INTERVAL_MAX   (3600 * NSEC_PER_SEC) /* RFC 7559 MRT */
#define LAST_CALL      (60 * NSEC_PER_SEC)   /* 4 + 8 + 16 + 32 s */

enum {
    JITTER = 10,         /* an interval differs by 1/10 at the most (RFC 9915 s15: RAND) */
    LAST_CALL_SHARE = 4, /* of the lifetime */
    SECRET_MIN = 16      /* RFC 7217 s5: 128 bits */
};

static struct siphash_key key_of(const struct rd_settings *settings)
{
    struct siphash_key key = {{0}};

    for (unsigned i = 0; i < ARRAY_LEN(key.k); i++) {
        const struct siphash_key part = {{i}};
        key.k[i] = siphash24(&part, settings->secret, settings->secret_len);
    }
    return key;
}

int rd_client_new(const struct client_env *env, const struct rd_settings *settings, struct rd_client **ret)
{
    if ((settings->identifier == RD_HASHED && !env->fqdn) ||
        (settings->identifier == RD_OPAQUE && settings->secret_len < SECRET_MIN))
        return -EINVAL;
    struct rd_client *x = calloc(1, sizeof(*x));
    if (!x)
        return -ENOMEM;
    x->env = *env;
    x->identifier = settings->identifier;
    if (settings->identifier == RD_OPAQUE)
        x->key = key_of(settings);
    *ret = x;
    return 0;
}

void rd_client_free(struct rd_client *x)
{
    free(x);
}

/* --- solicitation --- */

/* An interval and its jitter. */
static nsec_t about(const struct rd_client *x, nsec_t interval)
{
    nsec_t jitter = interval / JITTER;

    return interval - jitter + rd_random(x, 2 * jitter);
}

static void solicit(struct rd_client *x)
{
    nsec_t before = x->interval;

    x->send = true;
    x->interval = before == 0 ? about(x, INTERVAL_FIRST) : before + about(x, before);
    if (x->interval > INTERVAL_MAX)
        x->interval = about(x, INTERVAL_MAX);
    x->solicit_at = x->now + x->interval;
    x->not_before = x->now + INTERVAL_FIRST;
}

/* When a solicitation is wanted: 0, already; or before the last default router ends. */
static nsec_t last_call(const struct rd_client *x)
{
    const struct rd_router *last = &x->routers[0];

    for (unsigned i = 1; i < RD_ROUTERS_MAX; i++) {
        if (x->routers[i].default_until > last->default_until)
            last = &x->routers[i];
    }
    if (!x->answered || last->default_until == 0)
        return 0;
    if (last->default_until == NSEC_NEVER)
        return NSEC_NEVER;
    nsec_t share = (last->default_until - last->default_since) / LAST_CALL_SHARE;
    return last->default_until - (share < LAST_CALL ? share : LAST_CALL);
}

static void plan_solicitation(struct rd_client *x)
{
    nsec_t call = last_call(x);

    if (call > x->now) {
        x->soliciting = false;
        x->solicit_at = call;
    } else if (!x->soliciting) {
        x->soliciting = true;
        x->interval = 0;
        x->solicit_at = (x->not_before > x->now ? x->not_before : x->now) + rd_random(x, FIRST_DELAY);
    }
}

/* --- the calls of client.h --- */

static void begin(struct rd_client *x, nsec_t now)
{
    x->now = now;
    rd_expire(x);
}

static void end(struct rd_client *x)
{
    for (unsigned i = 0; i < RD_ROUTERS_MAX && !x->answered; i++)
        x->answered = x->routers[i].default_until != 0 && x->routers[i].default_since == x->now;
    plan_solicitation(x);
    rd_refresh(x);
}

void rd_client_start(struct rd_client *x, nsec_t now)
{
    begin(x, now);
    x->runs = true;
    x->answered = x->soliciting = false;
    plan_solicitation(x);
    rd_refresh(x);
    rd_untell(x);
}

void rd_client_input(struct rd_client *x, const struct client_packet *packet, nsec_t now)
{
    struct nd_message msg;

    if (!x->runs || packet->way != CLIENT_ICMP6 || nd_read(packet->bytes, packet->len, &msg) < 0 ||
        msg.type != ND_ROUTER_ADVERT || !nd_is_valid(&msg, &packet->from.addr, NULL, packet->hop_limit))
        return;
    begin(x, now);
    rd_learn(x, &packet->from.addr, &msg);
    end(x);
}

void rd_client_timeout(struct rd_client *x, nsec_t now)
{
    if (!x->runs)
        return;
    begin(x, now);
    if (x->soliciting && x->solicit_at <= now)
        solicit(x);
    end(x);
}

nsec_t rd_client_deadline(const struct rd_client *x)
{
    nsec_t next_end;

    if (!x->runs)
        return NSEC_NEVER;
    next_end = rd_next_end(x);
    return next_end < x->solicit_at ? next_end : x->solicit_at;
}

void rd_client_stop(struct rd_client *x, nsec_t now)
{
    x->now = now;
    x->runs = false;
    x->send = x->bound = x->news = false;
    rd_forget(x);
    rd_refresh(x);
    x->flags_known = x->flags_said = false;
}
