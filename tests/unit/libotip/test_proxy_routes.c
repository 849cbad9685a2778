/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules and routes of a proxy, in a kernel of the test's own: it keeps the messages that make them, and any dialogue with it
 * may fail.
 */
#include "libotip/proxy_routes.h"

#include <errno.h>
#include <libnlq.h>
#include <linux/fib_rules.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { THINGS_MAX = 1024, MESSAGE_MAX = 256, ATTRIBUTES_MAX = 64, MUTED = 70 };

/* ---- the kernel ---- */

/* A rule or a route: what made it, and what tells it from others. */
struct thing {
    union {
        struct nlmsghdr head;
        uint8_t bytes[MESSAGE_MAX];
    } message;
    struct key {
        uint32_t type, table, priority, kind;
        uint8_t dst[16], ports[4], protocol;
    } key;
};

static struct {
    struct thing things[THINGS_MAX];
    unsigned n;
    struct thing request;
    int fails_at; /* counts down at each answer; 0: this one is an error */
} kernel;

static void read_attributes(const struct nlmsghdr *head, struct nlattr *ret[static ATTRIBUTES_MAX])
{
    size_t len = head->nlmsg_len - NLMSG_LENGTH(sizeof(struct rtmsg));
    struct rtattr *attr = (struct rtattr *)((uint8_t *)NLMSG_DATA(head) + NLMSG_ALIGN(sizeof(struct rtmsg)));

    memset(ret, 0, ATTRIBUTES_MAX * sizeof(ret[0]));
    for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))
        ret[attr->rta_type] = (struct nlattr *)attr;
}

static void copy_attribute(struct nlattr *attr, void *ret, size_t size)
{
    if (attr != NULL) {
        assert_int_equal(nlq_attrlen(attr), size);
        memcpy(ret, nlq_attrdata(attr), size);
    }
}

_Static_assert(sizeof(struct fib_rule_hdr) == sizeof(struct rtmsg), "attributes begin at one place");
_Static_assert((int)FRA_TABLE == (int)RTA_TABLE, "the number of the table is the same attribute");

static void read_key(struct thing *thing)
{
    const struct nlmsghdr *head = &thing->message.head;
    const struct rtmsg *rt = NLMSG_DATA(head);
    bool is_rule = head->nlmsg_type >= RTM_NEWRULE;
    struct nlattr *attr[ATTRIBUTES_MAX];

    read_attributes(head, attr);
    memset(&thing->key, 0, sizeof(thing->key));
    thing->key.type = is_rule ? RTM_NEWRULE : RTM_NEWROUTE;
    thing->key.kind = rt->rtm_type;
    copy_attribute(attr[RTA_TABLE], &thing->key.table, 4);
    copy_attribute(attr[RTA_PRIORITY], &thing->key.priority, 4);
    if (is_rule) {
        copy_attribute(attr[FRA_DPORT_RANGE], thing->key.ports, 4);
        copy_attribute(attr[FRA_IP_PROTO], &thing->key.protocol, 1);
    } else {
        copy_attribute(attr[RTA_DST], thing->key.dst, 16);
    }
}

static struct thing *find_thing(const struct key *key)
{
    for (unsigned i = 0; i < kernel.n; i++)
        if (memcmp(&kernel.things[i].key, key, sizeof(*key)) == 0)
            return &kernel.things[i];
    return NULL;
}

static int obey(void)
{
    struct thing *thing = find_thing(&kernel.request.key);
    bool makes = kernel.request.message.head.nlmsg_type == kernel.request.key.type;

    if (makes && thing != NULL)
        return -EEXIST;
    if (!makes && thing == NULL)
        return kernel.request.key.type == RTM_NEWRULE ? -ENOENT : -ESRCH;
    if (makes) {
        assert_true(kernel.n < THINGS_MAX);
        kernel.things[kernel.n++] = kernel.request;
    } else {
        *thing = kernel.things[--kernel.n];
    }
    return 0;
}

static int tell(nlq_doit_f cb, const void *in, void *out, void *env)
{
    struct nlattr *attr[ATTRIBUTES_MAX];
    int e = 0;

    for (unsigned i = 0; i < kernel.n && e >= 0; i++) {
        struct thing *thing = &kernel.things[i];
        if (thing->key.type != kernel.request.key.type)
            continue;
        read_attributes(&thing->message.head, attr);
        e = cb(&thing->message.head, attr, in, out, env);
    }
    return e;
}

int __wrap_nlqx_complete_send_freemsg(struct ioth *stack, int fd, struct nlq_msg *msg);
int __wrap_nlqx_complete_send_freemsg(struct ioth *stack, int fd, struct nlq_msg *msg)
{
    (void)stack, (void)fd;
    assert_int_equal(nlq_complete(msg), 0);
    assert_true(msg->nlq_size <= MESSAGE_MAX);
    memcpy(kernel.request.message.bytes, msg->nlq_packet, msg->nlq_size);
    read_key(&kernel.request);
    nlq_freemsg(msg);
    return 0;
}

int __wrap_nlqx_recv_process_rtreply(struct ioth *stack, int fd, nlq_doit_f cb, const void *in, void *out,
                                     void *env);
int __wrap_nlqx_recv_process_rtreply(struct ioth *stack, int fd, nlq_doit_f cb, const void *in, void *out,
                                     void *env)
{
    (void)stack, (void)fd;
    if (kernel.fails_at >= 0 && kernel.fails_at-- == 0)
        return -ENOMEM;
    return (kernel.request.message.head.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP ? tell(cb, in, out, env)
                                                                                : obey();
}

static unsigned things_of(uint32_t table)
{
    unsigned n = 0;

    for (unsigned i = 0; i < kernel.n; i++)
        n += (kernel.things[i].key.table & ~1u) == table;
    return n;
}

/* ---- the tests ---- */

static const struct proxy_place here = {.iface = "lan0", .name = "here.otip", .base.b = {0xfd}, .bits = 128},
                                there = {
                                    .iface = "lan0", .name = "there.otip", .base.b = {0xfd}, .bits = 128};

static void places_have_tables_of_their_own(void **state)
{
    enum { PLACES = 3000 };
    static uint32_t tables[PLACES];
    char name[32];
    struct proxy_place place = here;

    (void)state;
    place.name = name;
    for (unsigned i = 0; i < PLACES; i++) {
        snprintf(name, sizeof(name), "server%u.otip", i);
        tables[i] = proxy_routes_table(&place);
        assert_int_equal(tables[i] & 1, 0);
        assert_true(tables[i] >= 0x40000000 && tables[i] < 0x80000000);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(tables[i], tables[j]);
    }
}

/* A proxy with two ports and MUTED addresses: what the kernel has of it, it says. */
static unsigned open_here(struct proxy_addresses *a)
{
    const struct proxy_port ports[] = {{.udp = false, .port = 7}, {.udp = true, .port = 7}};
    struct ipaddr addr = here.base;

    memset(&kernel, 0, sizeof(kernel));
    kernel.fails_at = -1;
    *a = (struct proxy_addresses){.bits = here.bits};
    assert_int_equal(proxy_routes_open(a, &here), 0);
    assert_int_equal(proxy_addresses_serve(a, ports, ARRAY_LEN(ports)), 0);
    for (unsigned i = 0; i < MUTED; i++) {
        addr.b[15] = (uint8_t)i;
        assert_int_equal(proxy_routes_mute(a, &addr), 0);
    }
    assert_int_equal(things_of(a->table), 3 + 2 * MUTED);
    return kernel.n;
}

static void all_of_it_moves(void **state)
{
    struct proxy_addresses a;
    unsigned n = open_here(&a);

    (void)state;
    assert_int_equal(proxy_addresses_move(&a, &there), 0);
    assert_int_equal(a.table, proxy_routes_table(&there));
    assert_int_equal(kernel.n, n);
    assert_int_equal(things_of(a.table), 3 + 2 * MUTED);
}

/* Whatever fails: what was there stays whole, or what is to be there is. */
static void a_move_fails_half_way(void **state)
{
    struct proxy_addresses a;
    unsigned stayed = 0, went = 0;

    (void)state;
    for (int at = 0;; at++) {
        unsigned n = open_here(&a);
        kernel.fails_at = at;
        int e = proxy_addresses_move(&a, &there);
        assert_int_equal(things_of(a.table), 3 + 2 * MUTED);
        if (e == 0) {
            assert_true(kernel.fails_at >= 0);
            break;
        }
        assert_int_equal(e, -ENOMEM);
        if (a.table == proxy_routes_table(&here))
            assert_int_equal(kernel.n, n); /* nothing else */
        else
            assert_int_equal(kernel.n, n + 1); /* that which would not go */
        stayed += a.table == proxy_routes_table(&here);
        went += a.table != proxy_routes_table(&here);
    }
    assert_true(stayed > 2 * MUTED && went > 2 * MUTED);
}

static void what_was_left_goes_at_the_start(void **state)
{
    struct proxy_addresses a, next = {.bits = here.bits};

    (void)state;
    open_here(&a);
    kernel.fails_at = 1; /* its routes are not told */
    assert_int_equal(proxy_routes_open(&next, &here), -ENOMEM);
    assert_int_equal(proxy_routes_open(&next, &here), 0);
    assert_int_equal(things_of(next.table), 3); /* rules */
    proxy_routes_close(&next);
    assert_int_equal(kernel.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_have_tables_of_their_own),
        cmocka_unit_test(all_of_it_moves),
        cmocka_unit_test(a_move_fails_half_way),
        cmocka_unit_test(what_was_left_goes_at_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
