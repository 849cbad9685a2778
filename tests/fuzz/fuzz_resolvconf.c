/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as resolv.conf(5), as the environment and as the short form: what comes of them is within its limits, its servers
 * have ports, its domains are names, a copy is the same, and the names that are tried for a name are valid and not too many. */
#include "fuzz.h"
#include "libiothdns/resolve.h"

#include <stdlib.h>

static void check(const struct resolvconf *conf)
{
    static const char *const names[] = {"host", "host.sub", "host.", "a.b.c.d.e.f", "a\\.b"};
    uint8_t wire[DNAME_MAX];

    FUZZ_ASSERT(conf->n_servers <= RESOLVCONF_SERVERS_MAX && conf->n_search <= RESOLVCONF_SEARCH_MAX);
    FUZZ_ASSERT(conf->ndots <= RESOLVCONF_NDOTS_MAX && conf->timeout_s <= RESOLVCONF_TIMEOUT_MAX);
    FUZZ_ASSERT(conf->attempts <= RESOLVCONF_ATTEMPTS_MAX);
    for (unsigned i = 0; i < conf->n_servers; i++) {
        FUZZ_ASSERT(conf->servers[i].endpoint.port != 0);
        FUZZ_ASSERT(memchr(conf->servers[i].scope, '\0', RESOLVCONF_SCOPE_SIZE));
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unsigned step = 0;
        while (resolve_candidate(conf, names[i], step, wire) > 0) {
            FUZZ_ASSERT(dname_len(wire) <= DNAME_MAX);
            step++;
        }
        FUZZ_ASSERT(step <= RESOLVCONF_SEARCH_MAX + 1);
    }
}

static void check_copy(const struct resolvconf *conf)
{
    struct resolvconf copy;

    FUZZ_ASSERT(resolvconf_copy(conf, &copy) == 0 && copy.n_search == conf->n_search);
    for (unsigned i = 0; i < conf->n_search; i++)
        FUZZ_ASSERT(strcmp(copy.search[i], conf->search[i]) == 0);
    resolvconf_fini(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct resolvconf conf;
    char *text = malloc(size + 1);

    FUZZ_ASSERT(text);
    memcpy(text, data, size);
    text[size] = '\0';
    struct resolvconf_env env = {.localdomain = text, .res_options = text, .hostname = text};
    if (resolvconf_parse(text, size, NULL, &conf) == 0) {
        check(&conf);
        check_copy(&conf);
        resolvconf_fini(&conf);
    }
    if (resolvconf_parse("search a.example\n", 17, &env, &conf) == 0) {
        check(&conf);
        resolvconf_fini(&conf);
    }
    if (resolvconf_parse_list(text, size, &conf) == 0) {
        check(&conf);
        resolvconf_fini(&conf);
    }
    free(text);
    return 0;
}
