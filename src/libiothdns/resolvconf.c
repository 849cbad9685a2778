/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * resolv.conf(5), as glibc reads it: a keyword stands at the beginning of its line, before a blank; of search and domain
 * the last line counts; options add up; lines and options that make no sense are skipped, and numbers that are too large
 * mean the largest. Ours beyond that: any number of servers up to RESOLVCONF_SERVERS_MAX, ADDR@PORT, and lines that end
 * with CR LF.
 *
 *   nameserver ADDR[%SCOPE][@PORT]   domain NAME   search NAME...   options OPTION...
 *
 * Keywords and options are rows of two tables. What has a meaning for gethostbyname alone (sortlist), or is as it is told
 * anyway (edns0: always on; inet6; single-request-reopen: each question has a socket of its own), is no row, and skipped
 * with all that nobody knows.
 */
#include "libiothdns/resolvconf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORT_DNS 53

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

struct word {
    const char *text;
    size_t len;
};

/* The next word of a line, len 0: there is none. Steps over it. */
static struct word next_word(const char **at, const char *end)
{
    while (*at < end && is_blank(**at))
        ++*at;
    struct word w = {.text = *at};
    while (*at < end && !is_blank(**at))
        ++*at;
    w.len = (size_t)(*at - w.text);
    return w;
}

static bool word_is(struct word w, const char *text)
{
    return strlen(text) == w.len && memcmp(w.text, text, w.len) == 0;
}

/* --- servers --- */

/* ADDR[%SCOPE][@PORT]: false: it is none. */
static bool parse_server(struct word w, struct resolvconf_server *ret)
{
    char plain[IPENDPOINT_STRLEN];
    const char *percent = memchr(w.text, '%', w.len);
    const char *port = memchr(w.text, '@', w.len);
    size_t port_len = port ? (size_t)(w.text + w.len - port) : 0;
    size_t addr_len = percent ? (size_t)(percent - w.text) : w.len - port_len;
    struct resolvconf_server server = {0};

    if (percent && port && port < percent)
        return false;
    if (percent) {
        size_t scope_len = w.len - addr_len - 1 - port_len;
        if (scope_len == 0 || scope_len >= sizeof(server.scope))
            return false;
        memcpy(server.scope, percent + 1, scope_len);
    }
    if (addr_len + port_len >= sizeof(plain))
        return false;
    memcpy(plain, w.text, addr_len);
    if (port)
        memcpy(plain + addr_len, port, port_len);
    if (ipendpoint_parse(plain, addr_len + port_len, PORT_DNS, &server.endpoint) < 0)
        return false;
    *ret = server;
    return true;
}

static int take_server(struct resolvconf *conf, const char *at, const char *end)
{
    struct resolvconf_server server;

    if (parse_server(next_word(&at, end), &server) && conf->n_servers < RESOLVCONF_SERVERS_MAX)
        conf->servers[conf->n_servers++] = server;
    return 0;
}

/* --- the search list --- */

static void clear_search(struct resolvconf *conf)
{
    while (conf->n_search > 0)
        free(conf->search[--conf->n_search]);
}

/* What is no name is skipped. */
static int add_search(struct resolvconf *conf, struct word w)
{
    uint8_t name[DNAME_MAX];

    if (conf->n_search == RESOLVCONF_SEARCH_MAX || dname_from_text(w.text, w.len, name) < 0)
        return 0;
    if (w.text[w.len - 1] == '.')
        w.len--;
    char *domain = malloc(w.len + 1);
    if (!domain)
        return -ENOMEM;
    memcpy(domain, w.text, w.len);
    domain[w.len] = '\0';
    conf->search[conf->n_search++] = domain;
    return 0;
}

/* At most `max` words are a new search list; none leaves the old one. */
static int set_search(struct resolvconf *conf, const char *at, const char *end, unsigned max)
{
    struct word w = next_word(&at, end);

    if (w.len == 0)
        return 0;
    clear_search(conf);
    for (unsigned i = 0; i < max && w.len > 0; i++) {
        int error = add_search(conf, w);
        if (error < 0)
            return error;
        w = next_word(&at, end);
    }
    return 0;
}

static int take_domain(struct resolvconf *conf, const char *at, const char *end)
{
    return set_search(conf, at, end, 1);
}

static int take_search(struct resolvconf *conf, const char *at, const char *end)
{
    return set_search(conf, at, end, RESOLVCONF_SEARCH_MAX);
}

/* --- options --- */

struct flag_row {
    const char *name;
    size_t offset; /* of a bool in struct resolvconf */
};

static const struct flag_row flags[] = {
    {"rotate", offsetof(struct resolvconf, rotate)},
    {"use-vc", offsetof(struct resolvconf, use_vc)},
    {"trust-ad", offsetof(struct resolvconf, trust_ad)},
    {"no-aaaa", offsetof(struct resolvconf, no_aaaa)},
    {"no-reload", offsetof(struct resolvconf, no_reload)},
    {"no-tld-query", offsetof(struct resolvconf, no_tld_query)},
    {"single-request", offsetof(struct resolvconf, single_request)},
};

struct number_row {
    const char *name; /* with its colon */
    size_t offset;    /* of an unsigned in struct resolvconf */
    unsigned min, max;
};

static const struct number_row numbers[] = {
    {"ndots:", offsetof(struct resolvconf, ndots), 0, RESOLVCONF_NDOTS_MAX},
    {"timeout:", offsetof(struct resolvconf, timeout_s), 1, RESOLVCONF_TIMEOUT_MAX},
    {"attempts:", offsetof(struct resolvconf, attempts), 1, RESOLVCONF_ATTEMPTS_MAX},
};

/* The leading digits of `text`, between min and max. */
static unsigned number_within(const char *text, size_t len, unsigned min, unsigned max)
{
    unsigned value = 0;

    for (size_t i = 0; i < len && text[i] >= '0' && text[i] <= '9' && value <= max; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    return value < min ? min : value > max ? max : value;
}

static void take_option(struct resolvconf *conf, struct word w)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (word_is(w, flags[i].name))
            *(bool *)((char *)conf + flags[i].offset) = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct number_row *row = &numbers[i];
        size_t name_len = strlen(row->name);
        if (w.len <= name_len || memcmp(w.text, row->name, name_len) != 0)
            continue;
        unsigned value = number_within(w.text + name_len, w.len - name_len, row->min, row->max);
        memcpy((char *)conf + row->offset, &value, sizeof(value));
    }
}

static int take_options(struct resolvconf *conf, const char *at, const char *end)
{
    for (struct word w = next_word(&at, end); w.len > 0; w = next_word(&at, end))
        take_option(conf, w);
    return 0;
}

/* --- lines --- */

static const struct keyword_row {
    const char *name;
    int (*take)(struct resolvconf *conf, const char *at, const char *end);
} keywords[] = {
    {"nameserver", take_server},
    {"domain", take_domain},
    {"search", take_search},
    {"options", take_options},
};

static int take_line(struct resolvconf *conf, const char *at, const char *end)
{
    if (at == end || is_blank(*at))
        return 0;
    struct word w = next_word(&at, end);
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        if (word_is(w, keywords[i].name))
            return keywords[i].take(conf, at, end);
    }
    return 0; /* a comment, or what nobody knows */
}

static int take_text(struct resolvconf *conf, const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        if (!line_end)
            line_end = end;
        int error = take_line(conf, text, line_end);
        if (error < 0)
            return error;
        text = line_end < end ? line_end + 1 : end;
    }
    return 0;
}

static int take_env(struct resolvconf *conf, const struct resolvconf_env *env)
{
    const char *domain = env->hostname ? strchr(env->hostname, '.') : NULL;
    int error = 0;

    if (conf->n_search == 0 && domain)
        error = take_domain(conf, domain + 1, domain + strlen(domain));
    if (error == 0 && env->localdomain)
        error = take_search(conf, env->localdomain, env->localdomain + strlen(env->localdomain));
    if (error == 0 && env->res_options)
        error = take_options(conf, env->res_options, env->res_options + strlen(env->res_options));
    return error;
}

int resolvconf_parse(const char *text, size_t len, const struct resolvconf_env *env, struct resolvconf *ret)
{
    struct resolvconf conf = {.ndots = 1};
    int error = take_text(&conf, text, len);

    if (error == 0 && env)
        error = take_env(&conf, env);
    if (error < 0) {
        resolvconf_fini(&conf);
        return error;
    }
    *ret = conf;
    return 0;
}

static bool is_separator(char c)
{
    return c == ',' || c == '\n' || is_blank(c);
}

int resolvconf_parse_list(const char *text, size_t len, struct resolvconf *ret)
{
    struct resolvconf conf = {.ndots = 1};
    const char *at = text, *end = text + len;

    while (at < end) {
        const char *from = at;
        while (at < end && !is_separator(*at))
            at++;
        struct word w = {from, (size_t)(at - from)};
        struct resolvconf_server server;
        if (w.len > 0 && !parse_server(w, &server))
            return -EINVAL;
        if (w.len > 0 && conf.n_servers < RESOLVCONF_SERVERS_MAX)
            conf.servers[conf.n_servers++] = server;
        at += at < end;
    }
    if (conf.n_servers == 0)
        return -EINVAL;
    *ret = conf;
    return 0;
}

int resolvconf_copy(const struct resolvconf *conf, struct resolvconf *ret)
{
    struct resolvconf copy = *conf;

    copy.n_search = 0;
    while (copy.n_search < conf->n_search) {
        char *domain = strdup(conf->search[copy.n_search]);
        if (!domain) {
            resolvconf_fini(&copy);
            return -ENOMEM;
        }
        copy.search[copy.n_search++] = domain;
    }
    *ret = copy;
    return 0;
}

void resolvconf_fini(struct resolvconf *conf)
{
    clear_search(conf);
}
