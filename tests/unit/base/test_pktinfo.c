/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packet info in both families: what is written is what the kernel reads, what it tells is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/pktinfo.h"

static struct pktinfo info_of(const char *text, unsigned ifindex)
{
    struct pktinfo info = {.ifindex = ifindex};

    assert_int_equal(ipaddr_parse(text, strlen(text), &info.addr), 0);
    return info;
}

static void ipv6_there_and_back(void **state)
{
    const struct pktinfo info = info_of("2001:db8::7", 3);
    union pktinfo_control control;
    struct pktinfo got;

    (void)state;
    assert_int_equal(pktinfo_write(&info, &control), CMSG_SPACE(sizeof(struct in6_pktinfo)));
    assert_int_equal(control.head.cmsg_len, CMSG_LEN(sizeof(struct in6_pktinfo)));
    assert_true(pktinfo_read(&control.head, &got));
    assert_true(ipaddr_equal(&got.addr, &info.addr));
    assert_int_equal(got.ifindex, 3);
}

static void ipv4_has_two_addresses(void **state)
{
    const struct pktinfo info = info_of("10.1.2.3", 4);
    union pktinfo_control control;
    struct in_pktinfo raw;
    struct pktinfo got;

    (void)state;
    assert_int_equal(pktinfo_write(&info, &control), CMSG_SPACE(sizeof(raw)));
    assert_int_equal(control.head.cmsg_level, IPPROTO_IP);
    memcpy(&raw, CMSG_DATA(&control.head), sizeof(raw));
    assert_int_equal(raw.ipi_ifindex, 4);
    assert_int_equal(raw.ipi_spec_dst.s_addr, htonl(0x0a010203));
    assert_int_equal(raw.ipi_addr.s_addr, 0);
    raw.ipi_addr.s_addr = htonl(0x0a010204);
    memcpy(CMSG_DATA(&control.head), &raw, sizeof(raw));
    assert_true(pktinfo_read(&control.head, &got));
    assert_int_equal(ipaddr_to_v4(&got.addr), 0x0a010204);
    assert_int_equal(got.ifindex, 4);
}

static void another_message_is_none(void **state)
{
    union pktinfo_control control = {
        .head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_HOPLIMIT}};
    struct pktinfo got = {.ifindex = 9};

    (void)state;
    assert_false(pktinfo_read(&control.head, &got));
    assert_int_equal(got.ifindex, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ipv6_there_and_back),
                                       cmocka_unit_test(ipv4_has_two_addresses),
                                       cmocka_unit_test(another_message_is_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
