/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the proxy says in bytes: the head of the PROXY protocol, and the filter of listeners, run by an interpreter here and by the
 * kernel. */
#include "base/cursor.h"
#include "libotip/proxy_filter.h"
#include "libotip/proxy_header.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct ipaddr addr(const char *text)
{
    struct ipaddr a;

    assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
    return a;
}

/* The example is made by hand from proxy-protocol.txt s2.2. */
static void the_head_says_who_came_from_where_to_where(void **state)
{
    static const uint8_t expected[PROXY_HEADER_LEN] = "\r\n\r\n\0\r\nQUIT\n"
                                                      "\x21\x21\0\x24"
                                                      "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0c"
                                                      "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
                                                      "\xc0\x01\0\x16";
    struct ipendpoint client = {.addr = addr("fd00::c"), .port = 0xc001};
    struct ipendpoint asked = {.addr = addr("fd00::1"), .port = 22};
    uint8_t head[PROXY_HEADER_LEN];
    (void)state;

    proxy_header_write(head, false, &client, &asked);
    assert_memory_equal(head, expected, sizeof(head));
    proxy_header_write(head, true, &client, &asked);
    assert_int_equal(head[13], 0x22);
}

/* As much of classic BPF as the filter uses; ip: the IPv6 header. */
static bool passes(const struct sock_filter *code, unsigned n, const uint8_t *ip)
{
    uint32_t a = 0;

    for (unsigned at = 0; at < n; at++) {
        const struct sock_filter *f = &code[at];
        switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            a = get_be32(ip + (f->k - (uint32_t)SKF_NET_OFF));
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == f->k ? f->jt : f->jf;
            break;
        case BPF_RET | BPF_K:
            return f->k != 0;
        default:
            fail();
        }
    }
    fail();
    return false;
}

static bool lets_through(const struct sock_filter *code, unsigned n, const struct ipaddr *to)
{
    uint8_t ip[40] = {0x60};

    memcpy(ip + 24, to->b, sizeof(to->b));
    return passes(code, n, ip);
}

static void only_open_addresses_get_through(void **state)
{
    static struct sock_filter code[PROXY_FILTER_MAX];
    static struct ipaddr addrs[PROXY_BREADTH_MAX];
    (void)state;

    for (unsigned i = 0; i < PROXY_BREADTH_MAX; i++) {
        addrs[i] = addr("fd00::");
        put_be32(addrs[i].b + 8, 0x9e3779b9 * (i + 1));
        put_be32(addrs[i].b + 12, 0x85ebca6b * (i + 1));
    }
    for (unsigned n = 0; n <= PROXY_BREADTH_MAX; n = n < 4 ? n + 1 : n * 4) {
        unsigned len = proxy_filter_write(code, addrs, n);
        assert_in_range(len, 1, PROXY_FILTER_MAX);
        for (unsigned i = 0; i < PROXY_BREADTH_MAX; i++) {
            assert_int_equal(lets_through(code, len, &addrs[i]), i < n);
            for (unsigned bit = 0; bit < 128; bit += 7) {
                struct ipaddr near = addrs[i];
                near.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_false(lets_through(code, len, &near));
            }
        }
    }
    assert_int_equal(proxy_filter_write(code, addrs, PROXY_BREADTH_MAX), PROXY_FILTER_MAX);
}

/* On the loopback interface: a connection is taken, or is not even refused. */
static void the_kernel_takes_it(void **state)
{
    struct sock_filter code[PROXY_FILTER_MAX];
    struct ipaddr allowed[] = {addr("fd00::1"), addr("::1")};
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET6, SOCK_STREAM, 0);
    (void)state;

    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0)
        skip(); /* no IPv6 here */
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    for (unsigned n = 0; n <= 2; n++) {
        struct sock_fprog program = {.len = (unsigned short)proxy_filter_write(code, allowed, n),
                                     .filter = code};
        int client = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
        struct pollfd p = {.fd = client, .events = POLLOUT};
        assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
        assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof(at)), -1);
        assert_int_equal(poll(&p, 1, n == 2 ? 5000 : 100), n == 2);
        assert_true(n < 2 || p.revents == POLLOUT);
        close(client);
    }
    close(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_head_says_who_came_from_where_to_where),
        cmocka_unit_test(only_open_addresses_get_through),
        cmocka_unit_test(the_kernel_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
