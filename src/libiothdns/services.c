/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and aliases are found by a table of them all, as those of hosts are (hosts_table.c). They and protocols are compared
 * as they are spelled: "http" is a service and "HTTP" is none, for the C library as well.
 *
 * Ports are searched from the front: whoever asks for the name of a port shows it to a person.
 */
#include "libiothdns/services.h"
#include "libiothdns/hosts_table.h"

#include <errno.h>
#include <stdlib.h>

struct service {
    const char *name, *protocol;
    uint16_t port;
};

struct services {
    struct hosts_table names;
    size_t n_lines;
    struct service *lines;
};

/* "80/tcp", cut in two. False: it is something else. */
static bool read_port(char *text, struct service *ret)
{
    unsigned port = 0;
    char *at = text;

    for (; *at >= '0' && *at <= '9' && port <= UINT16_MAX; at++)
        port = port * 10 + (unsigned)(*at - '0');
    if (at == text || *at != '/' || at[1] == '\0' || port > UINT16_MAX)
        return false;
    ret->port = (uint16_t)port;
    ret->protocol = at + 1;
    return true;
}

static void read_line(struct services *s, char *text)
{
    struct service *service = &s->lines[s->n_lines];
    const char *name = lines_field(&text);
    char *port = name ? lines_field(&text) : NULL;

    if (!port || !read_port(port, service))
        return;
    service->name = name;
    table_add(&s->names, name, text, (uint32_t)s->n_lines++);
}

int services_parse(const void *text, size_t len, struct services **ret)
{
    size_t lines = 0;

    if (len > SERVICES_FILE_MAX)
        return -EFBIG;
    struct services *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    if (table_init(&s->names, text, len, strcmp, &lines) < 0 ||
        !(s->lines = calloc(lines, sizeof(*s->lines)))) {
        services_free(s);
        return -ENOMEM;
    }
    struct lines rest = lines_of(s->names.text, len);
    for (char *line = lines_next(&rest); line; line = lines_next(&rest))
        read_line(s, line);
    table_sort(&s->names);
    *ret = s;
    return 0;
}

void services_free(struct services *s)
{
    if (!s)
        return;
    table_fini(&s->names);
    free(s->lines);
    free(s);
}

int services_port(const struct services *s, const char *name, const char *protocol)
{
    size_t at = table_find(&s->names, name);

    for (int64_t line; (line = table_next(&s->names, name, &at)) >= 0;) {
        if (strcmp(s->lines[line].protocol, protocol) == 0)
            return s->lines[line].port;
    }
    return -ENOENT;
}

const char *services_name(const struct services *s, unsigned port, const char *protocol)
{
    for (size_t i = 0; i < s->n_lines; i++) {
        if (s->lines[i].port == port && strcmp(s->lines[i].protocol, protocol) == 0)
            return s->lines[i].name;
    }
    return NULL;
}
