/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is a file of hosts(5), of services(5) and of gai.conf(5). What is found in it leads back to where it was found,
 * and addresses come out of the sort as they went in. */
#include "fuzz.h"
#include "libiothdns/addrorder.h"
#include "libiothdns/hosts.h"
#include "libiothdns/services.h"

#include <netinet/in.h>

static void check_hosts(const uint8_t *data, size_t size)
{
    struct hosts *h;
    struct in6_addr any = {0};

    if (hosts_parse(data, size, &h) < 0)
        return;
    for (size_t at = 0; at < size && at < 64; at++) { /* each word, and pieces of words */
        char name[64] = "";
        memcpy(name, data + at, size - at < sizeof(name) - 1 ? size - at : sizeof(name) - 1);
        name[strcspn(name, " \t\n\v\f\r#")] = '\0';
        struct hosts_walk walk = hosts_find(h, name);
        for (const struct hosts_line *line; (line = hosts_next(&walk));) {
            const char *first = hosts_reverse(h, line->family, line->addr);
            FUZZ_ASSERT(first && *first != '\0' && *line->canonical != '\0');
        }
    }
    hosts_reverse(h, AF_INET6, &any);
    hosts_free(h);
}

static void check_services(const uint8_t *data, size_t size)
{
    struct services *s;

    if (services_parse(data, size, &s) < 0)
        return;
    for (unsigned port = 0; port < 128; port++) {
        const char *name = services_name(s, port, "tcp");
        FUZZ_ASSERT(!name || services_port(s, name, "tcp") >= 0);
    }
    services_free(s);
}

static void check_policy(const uint8_t *data, size_t size)
{
    static struct addrorder_policy policy;
    struct addrorder_candidate candidates[8] = {0};
    unsigned order[8], seen = 0;

    if (addrorder_policy_parse((const char *)data, size, &policy) < 0)
        return;
    for (unsigned i = 0; i < 8; i++) {
        size_t at = size > 0 ? i * 16 % size : 0;
        memcpy(candidates[i].dst.b, data + at, size - at < 16 ? size - at : 16);
        memcpy(candidates[i].src.b, data, size < 16 ? size : 16);
        candidates[i].has_source = i % 3 > 0;
    }
    if (addrorder_sort(&policy, candidates, 8, order) < 0)
        return;
    for (unsigned i = 0; i < 8; i++)
        seen |= 1U << order[i];
    FUZZ_ASSERT(seen == 0xff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_hosts(data, size);
    check_services(data, size);
    check_policy(data, size);
    return 0;
}
