/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A node is an address in text, or a name. A name is looked for in hosts(5), then it may be one of the local machine
 * (RFC 6761 s6.3), then the DNS is asked, A and AAAA at once, for each name that the search list makes of it; the first
 * place that knows an address of the families wanted has the last word.
 *
 * Who wants IPv6 addresses and IPv4 ones mapped to them (AI_V4MAPPED) gets the former of a place, and the latter if there is
 * none or all are asked for (AI_ALL).
 *
 * The search goes on after "no such name", "no such record" and the failure of a server, and ends when no server answers at
 * all. What it says when it has found nothing is what resolv.conf(5) programs expect: the answer to the name as it was
 * given, if that was asked first; else "no such record" if any name was there; else a failure; else that there is none.
 */
#include "libiothdns/addrinfo_host.h"
#include "libiothdns/addrinfo_files.h"
#include "libiothdns/answer.h"
#include "libiothdns/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libnlq.h>

/* A look for addresses. */
struct quest {
    struct iothdns *d;
    const char *node;
    const struct addrinfo *hints;
    struct gai_host *host;
};

/* --- addresses in text --- */

int gai_parse_scope(struct iothdns *d, const struct in6_addr *addr, const char *text, uint32_t *ret)
{
    if (IN6_IS_ADDR_LINKLOCAL(addr) || IN6_IS_ADDR_MC_LINKLOCAL(addr)) {
        unsigned index = nlqx_if_nametoindex(resolve_stack(d), text);
        if (index > 0) {
            *ret = index;
            return 0;
        }
    }
    if (*text < '0' || *text > '9')
        return -EINVAL;
    char *end;
    errno = 0;
    unsigned long long index = strtoull(text, &end, 10);
    if (*end != '\0' || errno != 0 || index > UINT32_MAX)
        return -EINVAL;
    *ret = (uint32_t)index;
    return 0;
}

static void map_v4(const void *v4, struct in6_addr *ret)
{
    *ret = (struct in6_addr){{{[10] = 0xff, [11] = 0xff}}};
    memcpy(ret->s6_addr + 12, v4, 4);
}

static int add(struct quest *q, int family, const void *addr, uint32_t scope)
{
    return gai_host_add(q->host, family, addr, scope) < 0 ? EAI_MEMORY : 0;
}

/* The forms of inet_aton(3), but nothing behind them. */
static bool parse_v4(const char *text, struct in_addr *ret)
{
    return strpbrk(text, " \t\n\v\f\r") == NULL && inet_aton(text, ret) != 0;
}

static int take_v4(struct quest *q, const struct in_addr *in)
{
    struct in6_addr in6;

    if (q->hints->ai_family != AF_INET6)
        return add(q, AF_INET, in, 0);
    if (!(q->hints->ai_flags & AI_V4MAPPED))
        return EAI_ADDRFAMILY;
    map_v4(in, &in6);
    return add(q, AF_INET6, &in6, 0);
}

static int take_v6(struct quest *q, const struct in6_addr *in6, const char *scope_text)
{
    uint32_t scope = 0;
    bool as_v4 = q->hints->ai_family == AF_INET;

    if (as_v4 && !IN6_IS_ADDR_V4MAPPED(in6))
        return EAI_ADDRFAMILY;
    if (scope_text && gai_parse_scope(q->d, in6, scope_text, &scope) < 0)
        return EAI_NONAME;
    return as_v4 ? add(q, AF_INET, in6->s6_addr + 12, 0) : add(q, AF_INET6, in6, scope);
}

/* The part before "%", which must be an address. */
static bool parse_v6(const char *text, const char *percent, struct in6_addr *ret)
{
    char addr[INET6_ADDRSTRLEN];
    size_t len = percent ? (size_t)(percent - text) : strlen(text);

    if (len >= sizeof(addr))
        return false;
    memcpy(addr, text, len);
    addr[len] = '\0';
    return inet_pton(AF_INET6, addr, ret) == 1;
}

/* *ret_error is 0 or an EAI_ code if the node is an address; false: it is none. */
static bool take_address(struct quest *q, int *ret_error)
{
    const char *percent = strchr(q->node, '%');
    struct in6_addr in6;
    struct in_addr in;

    if (parse_v4(q->node, &in))
        *ret_error = take_v4(q, &in);
    else if (parse_v6(q->node, percent, &in6))
        *ret_error = take_v6(q, &in6, percent ? percent + 1 : NULL);
    else
        return false;
    return true;
}

/* No node: the loopback addresses, or those to bind to. */
static int take_own(struct quest *q)
{
    bool passive = q->hints->ai_flags & AI_PASSIVE;
    const struct in_addr in = {passive ? INADDR_ANY : htonl(INADDR_LOOPBACK)};
    int error = 0;

    if (q->hints->ai_family != AF_INET)
        error = add(q, AF_INET6, passive ? &in6addr_any : &in6addr_loopback, 0);
    if (error == 0 && q->hints->ai_family != AF_INET6)
        error = add(q, AF_INET, &in, 0);
    return error;
}

/* --- the places to look in: an outcome, or -errno --- */

static int from_hosts(struct quest *q, int family)
{
    struct file_copy *file = file_get(q->d, FILE_HOSTS);
    unsigned before = q->host->count;
    uint8_t addr[16];
    int error = 0;

    if (!file)
        return -ENOMEM;
    struct hosts_walk walk = hosts_find(file_hosts(file), q->node);
    for (const struct hosts_line *line; error == 0 && (line = hosts_next(&walk));) {
        int as = family == AF_UNSPEC ? line->family : family;
        if (!hosts_address(line, as, addr))
            continue;
        error = gai_host_add(q->host, as, addr, 0);
        if (error == 0)
            error = gai_host_name(q->host, line->canonical);
    }
    file_put(file);
    if (error < 0)
        return error;
    return q->host->count > before ? GAI_FOUND : GAI_NONAME;
}

/* localhost, and what is below it; a final dot does not matter. */
static bool is_localhost(const char *node)
{
    static const char localhost[] = "localhost";
    const size_t len = sizeof(localhost) - 1;
    size_t node_len = strlen(node);

    if (node_len > 0 && node[node_len - 1] == '.')
        node_len--;
    if (node_len < len || strncasecmp(node + node_len - len, localhost, len) != 0)
        return false;
    return node_len == len || (node_len > len + 1 && node[node_len - len - 1] == '.');
}

/* RFC 6761 s6.3: names that are never asked of a server. */
static int from_localhost(struct quest *q, int family)
{
    const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    int error = 0;

    if (!is_localhost(q->node))
        return GAI_NONAME;
    if (family != AF_INET)
        error = gai_host_add(q->host, AF_INET6, &in6addr_loopback, 0);
    if (error == 0 && family != AF_INET6)
        error = gai_host_add(q->host, AF_INET, &loopback, 0);
    return error < 0 ? error : GAI_FOUND;
}

/* What a question came to. */
static int read_reply(const struct resolve_question *question, struct gai_host *host)
{
    if (question->error < 0)
        return gai_outcome_of_error(question->error);
    return gai_read_addresses(question->reply, question->reply_len, question->type, host);
}

/* Of two questions about one name: an address is an address, an error is one, and a failure leaves open what there is. */
static int worse(int a, int b)
{
    static const int rank[] = {
        [GAI_FOUND] = 4, [GAI_SILENCE] = 3, [GAI_SERVFAIL] = 2, [GAI_NODATA] = 1, [GAI_NONAME] = 0};

    if (a < 0 || b < 0)
        return a < 0 ? a : b;
    return rank[a] >= rank[b] ? a : b;
}

/* Asks for the A records of the name, the AAAA records, or both at once. */
static int ask(struct quest *q, const struct resolvconf *conf, const uint8_t *name, bool a, bool aaaa)
{
    struct resolve_question questions[2];
    unsigned count = 0;
    int outcome = GAI_NONAME;

    if (a)
        questions[count++] = (struct resolve_question){.name = name, .type = RR_A};
    if (aaaa)
        questions[count++] = (struct resolve_question){.name = name, .type = RR_AAAA};
    int error = resolve_all(q->d, conf, questions, count);
    if (error < 0)
        return gai_outcome_of_error(error);
    for (unsigned i = 0; i < count; i++)
        outcome = worse(read_reply(&questions[i], q->host), outcome);
    resolve_free(questions, count);
    return outcome;
}

/* IPv6 addresses where resolv.conf(5) says `no-aaaa`: none, but the A records tell whether the name is there. */
static int ask_without_aaaa(struct quest *q, const struct resolvconf *conf, const uint8_t *name)
{
    struct gai_host unwanted = {0};
    struct quest other = {q->d, q->node, q->hints, &unwanted};
    int outcome = ask(&other, conf, name, true, false);

    gai_host_fini(&unwanted);
    return outcome == GAI_FOUND ? GAI_NODATA : outcome;
}

static int ask_name(struct quest *q, const struct resolvconf *conf, const uint8_t *name, int family)
{
    if (family == AF_INET6 && conf->no_aaaa)
        return ask_without_aaaa(q, conf, name);
    return ask(q, conf, name, family != AF_INET6, family != AF_INET && !conf->no_aaaa);
}

/* What a search has met with so far. */
struct trail {
    bool asked_as_is;
    int as_is; /* the outcome for the name as given, if that was asked first */
    bool nodata, servfail;
};

static int end_of_trail(const struct trail *trail)
{
    if (trail->asked_as_is)
        return trail->as_is;
    if (trail->nodata)
        return GAI_NODATA;
    return trail->servfail ? GAI_SERVFAIL : GAI_NONAME;
}

/* Whether the name is the node itself, without a domain of the search list. */
static bool is_as_given(const uint8_t *name, const char *node)
{
    uint8_t given[DNAME_MAX];
    int len = dname_from_text(node, strlen(node), given);

    return len > 0 && dname_equal(name, dname_len(name), given, (size_t)len);
}

/* A name that is no host's has no addresses that would be told. The root is there, without any. */
static bool may_be_asked(const uint8_t *name)
{
    return *name == 0 || answer_is_host_name(name);
}

static int search(struct quest *q, const struct resolvconf *conf, int family)
{
    struct trail trail = {0};
    uint8_t name[DNAME_MAX];

    for (unsigned step = 0; resolve_candidate(conf, q->node, step, name) > 0; step++) {
        int outcome = may_be_asked(name) ? ask_name(q, conf, name, family) : GAI_NONAME;
        if (outcome < 0 || outcome == GAI_FOUND || outcome == GAI_SILENCE)
            return outcome;
        if (step == 0 && is_as_given(name, q->node)) {
            trail.asked_as_is = true;
            trail.as_is = outcome;
        }
        trail.nodata |= outcome == GAI_NODATA;
        trail.servfail |= outcome == GAI_SERVFAIL;
    }
    return end_of_trail(&trail);
}

static int from_dns(struct quest *q, int family)
{
    const struct resolvconf *conf = resolve_conf_get(q->d);
    int outcome = search(q, conf, family);

    resolve_conf_put(conf);
    return outcome;
}

/* --- names --- */

/* Two searches of one place, for IPv6 and for IPv4 addresses, have found nothing. */
static int neither(int six, int four)
{
    bool six_failed = six == GAI_SERVFAIL || six == GAI_SILENCE;
    bool four_failed = four == GAI_SERVFAIL || four == GAI_SILENCE;

    if (six_failed && four_failed)
        return GAI_SERVFAIL;
    return six == GAI_NONAME || four == GAI_NONAME ? GAI_NONAME : GAI_NODATA;
}

/* IPv6 addresses of a place, and IPv4 ones mapped to them. */
static int look_for_mapped(struct quest *q, int (*place)(struct quest *q, int family))
{
    int six = place(q, AF_INET6);
    unsigned at = q->host->count;

    if (six < 0 || (six == GAI_FOUND && !(q->hints->ai_flags & AI_ALL)))
        return six;
    int four = place(q, AF_INET);
    if (four < 0)
        return four;
    for (; at < q->host->count; at++) {
        struct in6_addr in6;
        map_v4(q->host->addresses[at].addr, &in6);
        q->host->addresses[at].family = AF_INET6;
        memcpy(q->host->addresses[at].addr, &in6, sizeof(in6));
    }
    return six == GAI_FOUND || four == GAI_FOUND ? GAI_FOUND : neither(six, four);
}

static int look_up(struct quest *q)
{
    static int (*const places[])(struct quest * q, int family) = {from_hosts, from_localhost, from_dns};
    bool mapped = q->hints->ai_family == AF_INET6 && (q->hints->ai_flags & AI_V4MAPPED);
    int outcome = GAI_NONAME;

    for (unsigned i = 0; i < ARRAY_LEN(places) && outcome != GAI_FOUND; i++) {
        outcome = mapped ? look_for_mapped(q, places[i]) : places[i](q, q->hints->ai_family);
        if (outcome < 0)
            break;
    }
    return outcome;
}

/* As EAI_ code, with errno where that says so. */
static int eai_of(int outcome)
{
    switch (outcome) {
    case GAI_FOUND:
        return 0;
    case GAI_NODATA:
        return EAI_NODATA;
    case GAI_NONAME:
        return EAI_NONAME;
    case GAI_SERVFAIL:
    case GAI_SILENCE:
        return EAI_AGAIN;
    case -ENOMEM:
        return EAI_MEMORY;
    default:
        errno = -outcome;
        return EAI_SYSTEM;
    }
}

static bool is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

int gai_find_host(struct iothdns *d, const char *node, const struct addrinfo *hints, struct gai_host *host)
{
    struct quest q = {d, node, hints, host};
    int error = 0;

    if (!node)
        return take_own(&q);
    if ((hints->ai_flags & AI_IDN) && !is_ascii(node))
        return EAI_IDN_ENCODE;
    if (!take_address(&q, &error)) {
        if (hints->ai_flags & AI_NUMERICHOST)
            return EAI_NONAME;
        error = eai_of(look_up(&q));
    }
    if (error != 0 || !(hints->ai_flags & AI_CANONNAME))
        return error;
    return gai_host_name(host, node) < 0 ? EAI_MEMORY : 0;
}
