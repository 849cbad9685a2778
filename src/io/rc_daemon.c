/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See rc_daemon.h. Each option is a row: its name, its kind, and where it lies in struct daemon_config. The rows of a service's
 * own table have the help, since what "verbose" means is the service's.
 */
#include "io/rc_daemon.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum kind { ELSEWHERE, FLAG, SWITCH, TEXT, ENDPOINT };

static const struct {
    const char *name;
    enum kind kind;
    size_t offset, at_offset; /* at_offset 0: nobody asks where it was said */
} rows[] = {
    {"rcfile", ELSEWHERE, 0, 0}, /* read before all others, by the program */
    {"daemon", FLAG, offsetof(struct daemon_config, background), 0},
    {"verbose", FLAG, offsetof(struct daemon_config, verbose), 0},
    {"sandbox", SWITCH, offsetof(struct daemon_config, sandbox), 0},
    {"pidfile", TEXT, offsetof(struct daemon_config, pidfile), offsetof(struct daemon_config, pidfile_at)},
    {"user", TEXT, offsetof(struct daemon_config, user), offsetof(struct daemon_config, user_at)},
    {"control", TEXT, offsetof(struct daemon_config, control), offsetof(struct daemon_config, control_at)},
    {"controlgroup", TEXT, offsetof(struct daemon_config, controlgroup),
     offsetof(struct daemon_config, controlgroup_at)},
    {"metrics", ENDPOINT, offsetof(struct daemon_config, metrics), 0},
};

static int read_switch(const char *value, bool *ret, char *why, size_t why_size)
{
    bool on = strcasecmp(value, "on") == 0;

    if (!on && strcasecmp(value, "off") != 0) {
        snprintf(why, why_size, "'%.40s', expected 'on' or 'off'", value);
        return -EINVAL;
    }
    *ret = on;
    return 0;
}

static int read_text(struct arena *arena, const char *value, const char **ret)
{
    const char *copy = arena_text(arena, value, strlen(value));

    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

static int read_endpoint(const char *value, struct ipendpoint *ret, char *why, size_t why_size)
{
    struct ipendpoint at = {.port = 0};

    if (strcasecmp(value, "none") != 0 && (ipendpoint_parse(value, strlen(value), 0, &at) < 0 || !at.port)) {
        snprintf(why, why_size, "'%.40s' is no address with a port, expected one such as 127.0.0.1@9153",
                 value);
        return -EINVAL;
    }
    *ret = at;
    return 0;
}

static int read_place(struct arena *arena, const char *place, const char **ret)
{
    *ret = NULL;
    return place ? read_text(arena, place, ret) : 0;
}

int daemon_config_read(struct daemon_config *c, struct arena *arena, const char *name, const char *value,
                       const char *place, char *why, size_t why_size)
{
    size_t i = 0;

    while (i < ARRAY_LEN(rows) && strcmp(rows[i].name, name) != 0)
        i++;
    if (i == ARRAY_LEN(rows))
        return -ENOENT;
    void *member = (char *)c + rows[i].offset;
    if (rows[i].at_offset &&
        read_place(arena, place, (const char **)(void *)((char *)c + rows[i].at_offset)) < 0)
        return -ENOMEM;
    switch (rows[i].kind) {
    case ELSEWHERE:
        break;
    case FLAG:
        *(bool *)member = true;
        break;
    case SWITCH:
        return read_switch(value, member, why, why_size);
    case TEXT:
        return read_text(arena, value, member);
    case ENDPOINT:
        return read_endpoint(value, member, why, why_size);
    }
    return 0;
}

int daemon_config_warn(struct daemon_config *c, struct arena *arena, const char *text)
{
    for (unsigned i = 0; i < c->n_warnings; i++)
        if (strcmp(c->warnings[i], text) == 0)
            return 0;
    if (c->n_warnings == DAEMON_WARNINGS_MAX)
        return 0;
    const char *copy = arena_text(arena, text, strlen(text));
    if (!copy)
        return -ENOMEM;
    c->warnings[c->n_warnings++] = copy;
    return 0;
}
