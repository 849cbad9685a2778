/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A DHCPv6 server on a desk: what a client says goes in, and what came out lies there; the test is the DNS and the network. */
#ifndef TEST_DHCP6_DESK_H
#define TEST_DHCP6_DESK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libnamedhcp/dhcp6_server.h"
#include "wire/rrtype.h"

#define CLIENT_DUID "\0\3\0\1\2\0\0\0\0\1"
#define SERVER_DUID "\0\3\0\1\2\0\0\0\0\x99"
#define OTHER_DUID  "\0\3\0\1\2\0\0\0\0\x98"
#define DUID_LEN    10
#define VIEW(text)  ((struct dhcp6_bytes){(const uint8_t *)(text), DUID_LEN})

struct desk {
    struct name_policy *names;
    struct dhcp6_server *server;
    struct dhcp6_server_settings settings;
    struct server_time now;
    struct ipendpoint from, to;
    /* what came out */
    unsigned n_sent, n_asked, n_kept, n_forgotten, n_notes;
    uint32_t question;
    char asked[DNAME_TEXT_MAX], noted[600];
    struct server_lease kept;
    uint8_t bytes[4096];
    size_t len;
    struct dhcp6_message reply; /* points into bytes */
    struct ipendpoint reply_to;
};

static inline void no_chance(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 7, len);
}

static inline struct ipaddr addr(const char *text)
{
    struct ipaddr a;

    assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
    return a;
}

static inline void collect(struct desk *d)
{
    struct server_event e;
    enum server_event_kind kind;

    while ((kind = dhcp6_server_next(d->server, &e)) != SERVER_NONE) {
        switch (kind) {
        case SERVER_ASK:
            assert_int_equal(e.qtype, RR_AAAA);
            d->n_asked++;
            d->question = e.question;
            dname_to_text(e.name, d->asked);
            break;
        case SERVER_SEND:
            d->n_sent++;
            d->len = e.packet.len;
            assert_true(d->len > 0 && d->len <= sizeof(d->bytes));
            memcpy(d->bytes, e.packet.bytes, d->len);
            d->reply_to = e.packet.to;
            break;
        case SERVER_LEASE:
            assert_int_equal(d->n_sent, 0); /* it is kept before anybody hears of it */
            d->n_kept++;
            d->kept = *e.lease;
            break;
        case SERVER_FORGET:
            d->n_forgotten++;
            break;
        default:
            assert_int_equal(kind, SERVER_NOTE);
            d->n_notes++;
            snprintf(d->noted, sizeof(d->noted), "%s", e.text);
        }
    }
}

static inline struct desk open_desk(const struct name_policy_settings *names,
                                    const struct dhcp6_server_settings *settings)
{
    struct desk d = {.now = {NSEC_PER_SEC, 1000000},
                     .to = {.addr = DHCP6_ALL_AGENTS, .port = DHCP6_SERVER_PORT}};
    const struct server_env env = {.random = no_chance};

    d.from = (struct ipendpoint){.addr = addr("fe80::1"), .port = DHCP6_CLIENT_PORT};
    assert_int_equal(name_policy_new(names, &d.names), 0);
    d.settings = *settings;
    d.settings.names = d.names;
    d.settings.duid = (const uint8_t *)SERVER_DUID;
    d.settings.duid_len = DUID_LEN;
    if (d.settings.lifetime_max_s == 0)
        d.settings.lifetime_max_s = 86400;
    if (d.settings.waiting_max == 0)
        d.settings.waiting_max = 16;
    assert_int_equal(dhcp6_server_new(&env, &d.settings, &d.server), 0);
    return d;
}

static inline struct desk plain_desk(void)
{
    return open_desk(&(struct name_policy_settings){0}, &(struct dhcp6_server_settings){0});
}

static inline void close_desk(struct desk *d)
{
    dhcp6_server_free(d->server);
    name_policy_free(d->names);
}

static inline struct dhcp6_message message(enum dhcp6_type type, const char *name)
{
    struct dhcp6_message m = {.has = DHCP6_HAS_CLIENT_ID, .type = (uint8_t)type, .xid = 0x123456};

    m.client_id = VIEW(CLIENT_DUID);
    if (name) {
        m.has |= DHCP6_HAS_FQDN;
        assert_true(dname_from_text(name, strlen(name), m.fqdn.name) > 0);
    }
    if (type == DHCP6_REQUEST || type == DHCP6_RENEW || type == DHCP6_RELEASE || type == DHCP6_DECLINE) {
        m.has |= DHCP6_HAS_SERVER_ID;
        m.server_id = VIEW(SERVER_DUID);
    }
    return m;
}

static inline void add_ia(struct dhcp6_message *m, uint32_t iaid, const char *text)
{
    struct dhcp6_ia *ia = &m->ia[m->n_ia++];

    m->has |= DHCP6_HAS_IA;
    *ia = (struct dhcp6_ia){.code = DHCP6_OPT_IA_NA, .iaid = iaid};
    if (text) {
        ia->has = DHCP6_HAS_ADDR;
        ia->leases[ia->n_leases++] = (struct dhcp6_lease){.addr = addr(text), .prefix_len = 128};
    }
}

static inline void put_bytes(struct desk *d, const uint8_t *bytes, size_t len)
{
    const struct server_packet packet = {.from = d->from, .to = d->to, .bytes = bytes, .len = len};

    d->n_sent = d->n_asked = d->n_kept = 0;
    dhcp6_server_input(d->server, &packet, d->now);
    collect(d);
}

static inline void put(struct desk *d, const struct dhcp6_message *m)
{
    uint8_t bytes[1500];
    struct writer w = writer_of(bytes, sizeof(bytes));

    assert_int_equal(dhcp6_write(&w, m), 0);
    put_bytes(d, bytes, w.pos);
}

static inline void answer(struct desk *d, enum server_answer_status status, uint32_t ttl_s, unsigned n, ...)
{
    struct server_answer a = {.question = d->question, .status = status, .ttl_s = ttl_s, .n_addrs = n};
    va_list list;

    va_start(list, n);
    for (unsigned i = 0; i < n; i++)
        a.addrs[i] = addr(va_arg(list, const char *));
    va_end(list);
    dhcp6_server_answer(d->server, &a, d->now);
    collect(d);
}

static inline struct dhcp6_message *reply_of(struct desk *d, enum dhcp6_type type)
{
    const struct dhcp6_bytes own = VIEW(SERVER_DUID);

    assert_int_equal(d->n_sent, 1);
    assert_int_equal(dhcp6_read(d->bytes, d->len, &d->reply), 0);
    assert_int_equal(d->reply.type, type);
    assert_int_equal(d->reply.xid, 0x123456);
    assert_true(dhcp6_bytes_equal(d->reply.server_id, own));
    return &d->reply;
}

static inline void assert_lease(const struct dhcp6_ia *ia, unsigned i, const char *text, uint32_t valid_s)
{
    struct ipaddr a = addr(text);

    assert_true(i < ia->n_leases);
    assert_true(ipaddr_equal(&ia->leases[i].addr, &a));
    assert_int_equal(ia->leases[i].valid_s, valid_s);
    assert_true(ia->leases[i].preferred_s <= valid_s);
}

#endif
