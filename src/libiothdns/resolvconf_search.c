/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The search list, in the order of glibc's res_search: a name with at least `ndots` dots is tried as it is, then below each
 * domain of the list, and, if it has not been, as it is at the end (a name without a dot not if no-tld-query forbids it).
 * A name with a final dot is tried as it is alone. The root in the list is the name as it is, and not tried twice.
 */
#include "libiothdns/resolve.h"

#include <errno.h>

/* Dots of the text that are not escaped, the final one left out. *ret_absolute: there is a final one. */
static unsigned count_dots(const char *name, bool *ret_absolute)
{
    unsigned dots = 0;

    *ret_absolute = false;
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
            continue;
        }
        *ret_absolute = *at == '.' && at[1] == '\0';
        dots += *at == '.' && !*ret_absolute;
    }
    return dots;
}

/* The name followed by a domain ("": the root); false: it is too long. */
static bool join(const uint8_t *name, size_t len, const char *domain, uint8_t ret[static DNAME_MAX])
{
    uint8_t tail[DNAME_MAX];
    int tail_len =
        dname_from_text(domain[0] == '\0' ? "." : domain, domain[0] == '\0' ? 1 : strlen(domain), tail);

    if (tail_len < 0 || len - 1 + (size_t)tail_len > DNAME_MAX)
        return false;
    memcpy(ret, name, len - 1);
    memcpy(ret + len - 1, tail, (size_t)tail_len);
    return true;
}

enum { BARE = RESOLVCONF_SEARCH_MAX, PLACES_MAX }; /* a place is a domain of the list, or the name as it is */

/* Where the name is looked for, one after the other. How many places these are. */
static unsigned list_places(const struct resolvconf *conf, unsigned dots, bool absolute,
                            uint8_t places[static PLACES_MAX])
{
    bool bare_listed = absolute || dots >= conf->ndots;
    unsigned n = 0;

    if (bare_listed)
        places[n++] = BARE;
    for (unsigned i = 0; i < conf->n_search && !absolute; i++) {
        bool is_root = conf->search[i][0] == '\0';
        if (is_root && bare_listed)
            continue;
        places[n++] = is_root ? BARE : (uint8_t)i;
        bare_listed |= is_root;
    }
    if (!bare_listed && (dots > 0 || n == 0 || !conf->no_tld_query))
        places[n++] = BARE;
    return n;
}

int resolve_candidate(const struct resolvconf *conf, const char *name, unsigned step,
                      uint8_t ret[static DNAME_MAX])
{
    uint8_t bare[DNAME_MAX], places[PLACES_MAX];
    bool absolute;
    unsigned dots = count_dots(name, &absolute);
    int len = dname_from_text(name, strlen(name), bare);

    if (len < 0)
        return len;
    unsigned n = list_places(conf, dots, absolute, places);
    for (unsigned i = 0; i < n; i++) {
        const char *domain = places[i] == BARE ? "" : conf->search[places[i]];
        uint8_t joined[DNAME_MAX];
        if (!join(bare, (size_t)len, domain, joined) || step-- > 0)
            continue;
        memcpy(ret, joined, dname_len(joined));
        return 1;
    }
    return 0;
}
