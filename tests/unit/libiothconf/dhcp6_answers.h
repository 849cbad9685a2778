/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of servers made by hand, for the tests of the DHCPv6 client, and the worlds in which they are
 * given. */
#ifndef TEST_DHCP6_ANSWERS_H
#define TEST_DHCP6_ANSWERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WORLD_ASSERT(condition) assert_true(condition)
#include "dhcp6_world.h"

#define SEC  NSEC_PER_SEC
#define MSEC NSEC_PER_MSEC

/* --- messages --- */

static inline struct ipaddr addr_of(const char *text)
{
    struct ipaddr addr;

    assert_int_equal(ipaddr_parse(text, strlen(text), &addr), 0);
    return addr;
}

/* What the client sent last. Valid until the next call. */
static inline const struct dhcp6_message *last_sent(struct world *w)
{
    static struct dhcp6_message m;
    const struct world_sent *s = world_last(w);

    assert_int_equal(dhcp6_read(s->bytes, s->len, &m), 0);
    return &m;
}

static const uint8_t server_1[] = {0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 0xf1};
static const uint8_t server_2[] = {0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 0xf2};

/* A message of the first server that answers what was sent last, with an IA if that had one; to be completed.
 * It stays the same struct; what it views of the client is in w->sent. */
static inline struct dhcp6_message *answer(struct world *w, enum dhcp6_type type)
{
    static struct dhcp6_message m;
    const struct dhcp6_message *sent = last_sent(w);

    memset(&m, 0, sizeof(m));
    m.type = (uint8_t)type;
    m.xid = sent->xid;
    m.client_id = sent->client_id;
    m.server_id = (struct dhcp6_bytes){server_1, sizeof(server_1)};
    m.has = DHCP6_HAS_CLIENT_ID | DHCP6_HAS_SERVER_ID;
    if (sent->n_ia > 0) {
        m.n_ia = 1;
        m.has |= DHCP6_HAS_IA;
        m.ia[0].code = DHCP6_OPT_IA_NA;
        m.ia[0].iaid = sent->ia[0].iaid;
    }
    return &m;
}

static inline void put_lease(struct dhcp6_message *m, const char *addr, uint32_t preferred_s,
                             uint32_t valid_s)
{
    struct dhcp6_ia *ia = &m->ia[0];

    ia->leases[ia->n_leases++] =
        (struct dhcp6_lease){.addr = addr_of(addr), .preferred_s = preferred_s, .valid_s = valid_s};
    ia->has |= DHCP6_HAS_ADDR;
}

static inline void put_status(struct dhcp6_message *m, enum dhcp6_status_code code)
{
    m->status.code = (uint16_t)code;
    m->has |= DHCP6_HAS_STATUS;
}

static inline void put_ia_status(struct dhcp6_message *m, enum dhcp6_status_code code)
{
    m->ia[0].status.code = (uint16_t)code;
    m->ia[0].has |= DHCP6_HAS_STATUS;
}

static inline void put_dns(struct dhcp6_message *m, const char *addr)
{
    m->dns[m->n_dns++] = addr_of(addr);
    m->has |= DHCP6_HAS_DNS;
}

static inline void put_domain(struct dhcp6_message *m, const char *name)
{
    assert_true(dname_from_text(name, strlen(name), m->domains[m->n_domains++]) > 0);
    m->has |= DHCP6_HAS_DOMAINS;
}

/* The usual lease: 2001:db8::1 for an hour and two, T1 1800, T2 2880; a name server, a domain. */
static inline struct dhcp6_message *usual(struct world *w, enum dhcp6_type type)
{
    struct dhcp6_message *m = answer(w, type);

    m->ia[0].t1_s = 1800;
    m->ia[0].t2_s = 2880;
    put_lease(m, "2001:db8::1", 3600, 7200);
    put_dns(m, "2001:db8::53");
    put_domain(m, "example.org");
    return m;
}

static inline void give_usual(struct world *w, enum dhcp6_type type)
{
    world_give(w, usual(w, type));
}

/* --- worlds --- */

static inline void open_world(struct world *w, enum dhcp6_mode mode)
{
    world_init(w, mode, NULL);
    world_open(w);
}

/* Started, and its first message is out. */
static inline void begin(struct world *w, enum dhcp6_mode mode)
{
    open_world(w, mode);
    world_start(w);
    world_wait(w, 100 * MSEC);
    assert_int_equal(w->n_sent, 1);
}

static inline void close_world(struct world *w)
{
    dhcp6_client_free(w->x);
}

/* Bound to the usual lease, by four messages. */
static inline void be_bound(struct world *w)
{
    begin(w, DHCP6_MODE_STATEFUL);
    give_usual(w, DHCP6_ADVERTISE);
    world_wait(w, 1100 * MSEC);
    assert_int_equal(last_sent(w)->type, DHCP6_REQUEST);
    give_usual(w, DHCP6_REPLY);
    assert_true(w->bound);
}

static inline bool stands(struct world *w, const char *addr)
{
    struct ipaddr a = addr_of(addr);

    return world_find(w, &a) != NULL;
}

#define assert_last(w, wanted)  assert_int_equal(last_sent(w)->type, wanted)
#define assert_none_since(w, n) assert_int_equal((w)->n_sent, n)

static inline void give_verdict(struct world *w, const char *addr, bool duplicate)
{
    struct ipaddr a = addr_of(addr);

    dhcp6_client_verdict(w->x, &a, duplicate, w->now);
    world_drain(w);
}

/* Messages that no answer is: each of them changes one thing of a good one. */
static inline void spoil(struct dhcp6_message *m, unsigned how)
{
    static const uint8_t other[] = {0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 2};

    switch (how) {
    case 0:
        m->xid ^= 1;
        break;
    case 1:
        m->has &= ~DHCP6_HAS_CLIENT_ID;
        break;
    case 2:
        m->client_id = (struct dhcp6_bytes){other, sizeof(other)};
        break;
    case 3:
        m->has &= ~DHCP6_HAS_SERVER_ID;
        break;
    case 4:
        m->ia[0].iaid++;
        break;
    case 5:
        m->ia[0].t1_s = m->ia[0].t2_s + 1;
        break;
    case 6:
        m->ia[0].leases[0].preferred_s = m->ia[0].leases[0].valid_s + 1;
        break;
    case 7:
        m->ia[0].leases[0].addr = addr_of("ff02::1");
        break;
    case 8:
        m->ia[0].leases[0].addr = addr_of("fe80::1");
        break;
    case 9:
        m->ia[0].leases[0].addr = addr_of("10.0.0.1");
        break;
    case 10:
        put_status(m, DHCP6_UNSPEC_FAIL);
        break;
    case 11:
        put_ia_status(m, DHCP6_UNSPEC_FAIL);
        break;
    case 12:
        put_status(m, DHCP6_USE_MULTICAST);
        break;
    case 13:
        m->ia[0].leases[0].status.code = DHCP6_UNSPEC_FAIL;
        m->ia[0].leases[0].has = DHCP6_HAS_STATUS;
        break;
    case 14:
        m->type = DHCP6_RECONFIGURE;
        break;
    case 15:
        m->type = DHCP6_SOLICIT;
        break;
    case 16:
        m->ia[0].code = DHCP6_OPT_IA_PD;
        break;
    case 17:
        m->ia[0].leases[0].valid_s = m->ia[0].leases[0].preferred_s = 0;
        break;
    default:
        m->n_ia = 0;
        break;
    }
}
enum { SPOILT = 19 };

#endif
