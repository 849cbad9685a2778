/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line is an address as inet_pton(3) takes it (no scope id, no short forms), the canonical name, and other names. What
 * does not look like that is skipped. A name may stand on many lines: it has all their addresses, and the first line's first
 * name is its canonical one.
 *
 * Names are found by a table of them all (hosts_table.c). Addresses are searched from the front, since that is done once for
 * a client and not for each of a hundred.
 */
#include "libiothdns/hosts.h"
#include "libiothdns/hosts_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

struct hosts {
    struct hosts_table names;
    size_t n_lines;
    struct hosts_line *lines;
};

static void read_line(struct hosts *h, char *text)
{
    struct hosts_line *line = &h->lines[h->n_lines];
    const char *addr = lines_field(&text), *name = addr ? lines_field(&text) : NULL;

    if (!name)
        return;
    if (inet_pton(AF_INET, addr, line->addr) == 1)
        line->family = AF_INET;
    else if (inet_pton(AF_INET6, addr, line->addr) == 1)
        line->family = AF_INET6;
    else
        return;
    line->canonical = name;
    table_add(&h->names, name, text, (uint32_t)h->n_lines++);
}

int hosts_parse(const void *text, size_t len, struct hosts **ret)
{
    size_t lines = 0;

    if (len > HOSTS_FILE_MAX)
        return -EFBIG;
    struct hosts *h = calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    if (table_init(&h->names, text, len, ascii_casecmp, &lines) < 0 ||
        !(h->lines = calloc(lines, sizeof(*h->lines)))) {
        hosts_free(h);
        return -ENOMEM;
    }
    struct lines rest = lines_of(h->names.text, len);
    for (char *line = lines_next(&rest); line; line = lines_next(&rest))
        read_line(h, line);
    table_sort(&h->names);
    *ret = h;
    return 0;
}

void hosts_free(struct hosts *h)
{
    if (!h)
        return;
    table_fini(&h->names);
    free(h->lines);
    free(h);
}

struct hosts_walk hosts_find(const struct hosts *h, const char *name)
{
    return (struct hosts_walk){h, name, table_find(&h->names, name)};
}

const struct hosts_line *hosts_next(struct hosts_walk *walk)
{
    int64_t line = table_next(&walk->h->names, walk->name, &walk->at);

    return line < 0 ? NULL : &walk->h->lines[line];
}

bool hosts_address(const struct hosts_line *line, int family, void *ret)
{
    struct in6_addr in6;

    if (line->family == family) {
        memcpy(ret, line->addr, family == AF_INET ? 4 : 16);
        return true;
    }
    if (family != AF_INET)
        return false;
    memcpy(&in6, line->addr, sizeof(in6));
    if (IN6_IS_ADDR_LOOPBACK(&in6)) {
        const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
        memcpy(ret, &loopback, sizeof(loopback));
        return true;
    }
    if (IN6_IS_ADDR_V4MAPPED(&in6)) {
        memcpy(ret, line->addr + 12, 4);
        return true;
    }
    return false;
}

const char *hosts_reverse(const struct hosts *h, int family, const void *addr)
{
    for (size_t i = 0; i < h->n_lines; i++) {
        uint8_t own[16];
        if (hosts_address(&h->lines[i], family, own) && memcmp(own, addr, family == AF_INET ? 4 : 16) == 0)
            return h->lines[i].canonical;
    }
    return NULL;
}
