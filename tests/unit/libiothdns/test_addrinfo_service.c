/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which sockets are offered for a service: names, numbers, types and protocols, and their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "libiothdns/addrinfo_service.h"

static const char file[] =
    "domain 53/tcp\ndomain 53/udp\nhttp 80/tcp\nsip 5060/tcp\nsip 5061/udp\nsip 5062/sctp\n"
    "odd 7/dccp\nlite 8/udplite\nraw 9/raw\n";

static void sockets_and_errors(void **state)
{
    static const struct {
        const char *service;
        struct gai_wish wish;
        const char *sockets; /* "TYPE/PROTOCOL:PORT ..." */
        int error;
    } rows[] = {
        {NULL, {0, 0, false}, "1/6:0 2/17:0 3/0:0", 0},
        {"", {0, 0, false}, "1/6:0 2/17:0 3/0:0", 0},
        {"80", {0, 0, false}, "1/6:80 2/17:80 3/0:80", 0},
        {"0080", {0, 0, true}, "1/6:80 2/17:80 3/0:80", 0},
        {"65535", {SOCK_DGRAM, 0, false}, "2/17:65535", 0},
        {"65536", {SOCK_DGRAM, 0, false}, "", EAI_SERVICE},
        {"99999999999999999999999", {0, 0, false}, "", EAI_SERVICE},
        {"-1", {0, 0, false}, "", EAI_SERVICE},
        {"80 ", {0, 0, false}, "", EAI_SERVICE},
        {"domain", {0, 0, false}, "1/6:53 2/17:53", 0},
        {"sip", {0, 0, false}, "1/6:5060 2/17:5061 1/132:5062 5/132:5062", 0},
        {"odd", {0, 0, false}, "6/33:7", 0},
        {"lite", {SOCK_DGRAM, IPPROTO_UDPLITE, false}, "2/136:8", 0},
        {"raw", {0, 0, false}, "", EAI_SERVICE},
        {"http", {0, 0, true}, "", EAI_NONAME},
        {"http", {SOCK_DGRAM, 0, false}, "", EAI_SERVICE},
        {"http", {SOCK_RAW, 0, false}, "", EAI_SERVICE},
        {"80", {SOCK_RAW, 0, false}, "", EAI_SERVICE},
        {NULL, {SOCK_RAW, 0, false}, "3/0:0", 0},
        {NULL, {SOCK_RAW, 89, false}, "3/89:0", 0},
        {NULL, {0, 89, false}, "3/89:0", 0},
        {NULL, {0, IPPROTO_SCTP, false}, "1/132:0", 0},
        {NULL, {SOCK_SEQPACKET, 0, false}, "5/132:0", 0},
        {NULL, {SOCK_STREAM, IPPROTO_UDP, false}, "", EAI_SOCKTYPE},
        {NULL, {SOCK_PACKET, 0, false}, "", EAI_SOCKTYPE},
        {"80", {0, IPPROTO_UDP, false}, "2/17:80", 0},
    };
    struct gai_socket got[GAI_SOCKETS_MAX];
    struct services *services;

    (void)state;
    assert_int_equal(services_parse(file, sizeof(file) - 1, &services), 0);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256] = "";
        size_t len = 0;
        bool is_name = gai_service_is_name(rows[i].service);
        int count = gai_sockets(&rows[i].wish, rows[i].service, is_name ? services : NULL, got);
        for (int k = 0; k < count; k++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d/%d:%u", k > 0 ? " " : "",
                                    got[k].socktype, got[k].protocol, (unsigned)got[k].port);
        assert_string_equal(text, rows[i].sockets);
        assert_int_equal(count < 0 ? count : 0, rows[i].error);
    }
    services_free(services);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sockets_and_errors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
