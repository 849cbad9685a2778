/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ioth_getifaddrs makes of answers of a stack, sound ones and others. The calls on the socket are this file's own. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <ioth.h>

#include "wire/netlink.h"

/* The answers to both requests, a datagram each. */
static struct {
    _Alignas(4) uint8_t bytes[512];
    size_t len;
} answers[2];
static unsigned requests;

int ioth_msocket(struct ioth *iothstack, int domain, int type, int protocol)
{
    (void)iothstack, (void)type, (void)protocol;
    requests = 0;
    return domain == AF_NETLINK ? 7 : -1;
}

int ioth_close(int fd)
{
    assert_int_equal(fd, 7);
    return 0;
}

ssize_t ioth_send(int fd, const void *buf, size_t len, int flags)
{
    const struct nlmsghdr *request = buf;

    (void)fd, (void)flags;
    assert_int_equal(request->nlmsg_len, len);
    assert_int_equal(request->nlmsg_type, requests == 0 ? RTM_GETLINK : RTM_GETADDR);
    requests++;
    return (ssize_t)len;
}

ssize_t ioth_recv(int fd, void *buf, size_t len, int flags)
{
    size_t there = answers[requests - 1].len;

    (void)fd, (void)flags;
    memcpy(buf, answers[requests - 1].bytes, there < len ? there : len);
    answers[requests - 1].len = 0; /* nothing follows */
    return (ssize_t)there;
}

static void put_message(struct writer *w, uint16_t type, uint32_t seq, const void *head, size_t head_len,
                        const void *attrs, size_t attrs_len)
{
    struct nlmsghdr msg = {
        .nlmsg_len = (uint32_t)(sizeof(msg) + head_len + attrs_len), .nlmsg_type = type, .nlmsg_seq = seq};

    netlink_put(w, &msg, sizeof(msg));
    netlink_put(w, head, head_len);
    netlink_put(w, attrs, attrs_len);
}

static void put_done(struct writer *w, uint32_t seq, int code)
{
    put_message(w, NLMSG_DONE, seq, &code, sizeof(code), NULL, 0);
}

/* One link with one address; each dump ends with such a code. */
static void make_answers(int link_code, int addr_code)
{
    const struct ifinfomsg link = {.ifi_index = 3, .ifi_flags = IFF_UP};
    const struct ifaddrmsg addr = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 3};
    uint8_t attrs[64], mac[6] = {2, 0, 0, 0, 0, 9}, ip[4] = {10, 0, 0, 1};
    struct writer w = writer_of(attrs, sizeof(attrs));
    struct writer first = writer_of(answers[0].bytes, sizeof(answers[0].bytes));
    struct writer second = writer_of(answers[1].bytes, sizeof(answers[1].bytes));

    netlink_put_attr(&w, IFLA_IFNAME, "vde0", sizeof("vde0"));
    netlink_put_attr(&w, IFLA_ADDRESS, mac, sizeof(mac));
    put_message(&first, RTM_NEWLINK, 99, &link, sizeof(link), attrs, w.pos); /* of somebody else's dump */
    put_message(&first, RTM_NEWLINK, 1, &link, sizeof(link), attrs, w.pos);
    put_done(&first, 1, link_code);
    w = writer_of(attrs, sizeof(attrs));
    netlink_put_attr(&w, IFA_LOCAL, ip, sizeof(ip));
    put_message(&second, RTM_NEWADDR, 2, &addr, sizeof(addr), attrs, w.pos);
    put_done(&second, 2, addr_code);
    answers[0].len = first.pos;
    answers[1].len = second.pos;
}

static void links_and_addresses(void **state)
{
    struct ifaddrs *list;

    (void)state;
    make_answers(0, 0);
    assert_int_equal(ioth_getifaddrs(NULL, &list), 0);
    assert_string_equal(list->ifa_name, "vde0");
    assert_int_equal(list->ifa_addr->sa_family, AF_PACKET);
    assert_string_equal(list->ifa_next->ifa_name, "vde0");
    assert_int_equal(list->ifa_next->ifa_addr->sa_family, AF_INET);
    assert_int_equal(list->ifa_next->ifa_flags, IFF_UP);
    assert_null(list->ifa_next->ifa_next);
    ioth_freeifaddrs(list);
}

/* A dump that the stack broke off is no list. */
static void dumps_that_failed(void **state)
{
    struct ifaddrs *list;

    (void)state;
    make_answers(-ENOBUFS, 0);
    assert_int_equal(ioth_getifaddrs(NULL, &list), -1);
    assert_int_equal(errno, ENOBUFS);
    make_answers(0, -EMSGSIZE);
    assert_int_equal(ioth_getifaddrs(NULL, &list), -1);
    assert_int_equal(errno, EMSGSIZE);
}

/* Cut anywhere, and with each byte changed: a list or an error. */
static void broken_answers(void **state)
{
    struct ifaddrs *list;

    (void)state;
    make_answers(0, 0);
    const size_t len = answers[1].len;
    for (size_t cut = 0; cut < len; cut++) {
        make_answers(0, 0);
        answers[1].len = cut;
        assert_int_equal(ioth_getifaddrs(NULL, &list), -1);
    }
    for (size_t at = 0; at < len; at++) {
        for (unsigned value = 0; value < 256; value++) {
            make_answers(0, 0);
            answers[1].bytes[at] = (uint8_t)value;
            if (ioth_getifaddrs(NULL, &list) == 0)
                ioth_freeifaddrs(list);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_and_addresses),
        cmocka_unit_test(dumps_that_failed),
        cmocka_unit_test(broken_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
