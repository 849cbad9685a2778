/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * getnameinfo(3) on a stack: POSIX has the frame, glibc of Debian 12 the details.
 *
 * The name of an address is looked for in hosts(5), then asked of the DNS as PTR; one that has none is written as digits,
 * unless NI_NAMEREQD says that a name is wanted. When the servers fail it is EAI_AGAIN all the same: whether there is a name
 * is not known. A name from the network is one of a host or none (addrinfo_answer.h).
 *
 * The scope of a link-local address is written as the name of the interface on the handle's stack, or in digits.
 */
#include "libiothdns/addrinfo_answer.h"
#include "libiothdns/addrinfo_files.h"
#include "libiothdns/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <sys/utsname.h>

#include <libnlq.h>

enum {
    KNOWN_FLAGS =
        NI_NUMERICHOST | NI_NUMERICSERV | NI_NOFQDN | NI_NAMEREQD | NI_DGRAM | NI_IDN | NI_NUMERICSCOPE,
    DEPRECATED_FLAGS = 0x40 | 0x80, /* see addrinfo.c */
};

/* Text that a caller wants, and the room for it. */
struct place {
    char *text;
    socklen_t size;
};

static int write_text(const struct place *to, const char *text)
{
    size_t size = strlen(text) + 1;

    if (size > to->size)
        return EAI_OVERFLOW;
    memcpy(to->text, text, size);
    return 0;
}

/* An address of either family, apart from its sockaddr. */
struct peer {
    int family;
    uint8_t addr[16];
    uint32_t scope;
    uint16_t port; /* host byte order */
};

static int read_peer(const struct sockaddr *sa, socklen_t len, struct peer *ret)
{
    struct sockaddr_in6 in6;
    struct sockaddr_in in;

    *ret = (struct peer){.family = sa->sa_family};
    if (sa->sa_family == AF_INET && len >= sizeof(in)) {
        memcpy(&in, sa, sizeof(in));
        memcpy(ret->addr, &in.sin_addr, sizeof(in.sin_addr));
        ret->port = ntohs(in.sin_port);
        return 0;
    }
    if (sa->sa_family == AF_INET6 && len >= sizeof(in6)) {
        memcpy(&in6, sa, sizeof(in6));
        memcpy(ret->addr, &in6.sin6_addr, sizeof(in6.sin6_addr));
        ret->scope = in6.sin6_scope_id;
        ret->port = ntohs(in6.sin6_port);
        return 0;
    }
    return EAI_FAMILY;
}

/* --- names of hosts --- */

static int from_hosts(struct iothdns *d, const struct peer *peer, char name[static DNAME_TEXT_MAX])
{
    struct file_copy *file = file_get(d, FILE_HOSTS);

    if (!file)
        return EAI_MEMORY;
    const char *found = hosts_reverse(file_hosts(file), peer->family, peer->addr);
    size_t len = found ? strlen(found) : DNAME_TEXT_MAX;
    if (len < DNAME_TEXT_MAX)
        memcpy(name, found, len + 1);
    file_put(file);
    return len < DNAME_TEXT_MAX ? 0 : EAI_NONAME;
}

static int eai_of(int outcome)
{
    if (outcome == GAI_FOUND)
        return 0;
    if (outcome == GAI_SERVFAIL || outcome == GAI_SILENCE)
        return EAI_AGAIN;
    if (outcome >= 0)
        return EAI_NONAME;
    errno = -outcome;
    return outcome == -ENOMEM ? EAI_MEMORY : EAI_SYSTEM;
}

/* What the question for a PTR came to. */
static int read_reply(const struct resolve_question *question, char name[static DNAME_TEXT_MAX])
{
    if (question->error < 0)
        return gai_outcome_of_error(question->error);
    return gai_read_pointer(question->reply, question->reply_len, name);
}

static int from_dns(struct iothdns *d, const struct peer *peer, char name[static DNAME_TEXT_MAX])
{
    struct ipaddr addr = {{[10] = 0xff, [11] = 0xff}};
    uint8_t reverse[DNAME_MAX];

    if (peer->family == AF_INET)
        memcpy(addr.b + 12, peer->addr, 4);
    else
        memcpy(addr.b, peer->addr, 16);
    dname_reverse(&addr, 128, reverse);
    struct resolve_question question = {.name = reverse, .type = RR_PTR};
    const struct resolvconf *conf = resolve_conf_get(d);
    int error = resolve_all(d, conf, &question, 1);
    resolve_conf_put(conf);
    if (error < 0)
        return eai_of(gai_outcome_of_error(error));
    int outcome = read_reply(&question, name);
    resolve_free(&question, 1);
    return eai_of(outcome);
}

/* The domain of this machine: that of its name, or of its name's first name in hosts(5); "": not known. */
static int own_domain(struct iothdns *d, char domain[static DNAME_TEXT_MAX])
{
    char host[HOST_NAME_MAX + 1] = "";
    const char *dot = gethostname(host, sizeof(host) - 1) == 0 ? strchr(host, '.') : NULL;

    domain[0] = '\0';
    if (dot) {
        snprintf(domain, DNAME_TEXT_MAX, "%s", dot + 1);
        return 0;
    }
    struct file_copy *file = file_get(d, FILE_HOSTS);
    if (!file)
        return EAI_MEMORY;
    struct hosts_walk walk = hosts_find(file_hosts(file), host);
    const struct hosts_line *line = hosts_next(&walk);
    if (line && (dot = strchr(line->canonical, '.')))
        snprintf(domain, DNAME_TEXT_MAX, "%s", dot + 1);
    file_put(file);
    return 0;
}

/* NI_NOFQDN: without the domain, if it is this machine's. */
static int cut_domain(struct iothdns *d, char *name)
{
    char domain[DNAME_TEXT_MAX];
    int error = own_domain(d, domain);
    size_t len = strlen(name), domain_len = error == 0 ? strlen(domain) : 0;

    if (domain_len > 0 && len > domain_len + 1 && name[len - domain_len - 1] == '.' &&
        strcasecmp(name + len - domain_len, domain) == 0)
        name[len - domain_len - 1] = '\0';
    return error;
}

/* EAI_NONAME: it has none. */
static int write_name(struct iothdns *d, const struct peer *peer, int flags, const struct place *to)
{
    char name[DNAME_TEXT_MAX];
    int error = from_hosts(d, peer, name);

    if (error == EAI_NONAME)
        error = from_dns(d, peer, name);
    if (error == 0 && (flags & NI_NOFQDN))
        error = cut_domain(d, name);
    return error == 0 ? write_text(to, name) : error;
}

/* --- digits --- */

/* "%vde0" or "%3". */
static void write_scope(struct iothdns *d, const struct peer *peer, int flags,
                        char text[static IF_NAMESIZE + 1])
{
    struct in6_addr in6;

    memcpy(&in6, peer->addr, sizeof(in6));
    bool local = IN6_IS_ADDR_LINKLOCAL(&in6) || IN6_IS_ADDR_MC_LINKLOCAL(&in6);
    text[0] = '%';
    if (!local || (flags & NI_NUMERICSCOPE) || !nlqx_if_indextoname(resolve_stack(d), peer->scope, text + 1))
        snprintf(text + 1, IF_NAMESIZE, "%u", (unsigned)peer->scope);
}

static int write_digits(struct iothdns *d, const struct peer *peer, int flags, const struct place *to)
{
    char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];

    if (!inet_ntop(peer->family, peer->addr, text, INET6_ADDRSTRLEN))
        return EAI_SYSTEM;
    if (peer->scope != 0)
        write_scope(d, peer, flags, text + strlen(text));
    return write_text(to, text);
}

/* --- the parts --- */

static int write_host(struct iothdns *d, const struct peer *peer, int flags, const struct place *to)
{
    if (!(flags & NI_NUMERICHOST)) {
        int error = write_name(d, peer, flags, to);
        if (error != EAI_NONAME)
            return error;
    }
    return flags & NI_NAMEREQD ? EAI_NONAME : write_digits(d, peer, flags, to);
}

static int write_service(struct iothdns *d, const struct peer *peer, int flags, const struct place *to)
{
    char digits[sizeof("65535")];
    struct file_copy *file = NULL;
    const char *name = NULL;

    if (!(flags & NI_NUMERICSERV)) {
        if (!(file = file_get(d, FILE_SERVICES)))
            return EAI_MEMORY;
        name = services_name(file_services(file), peer->port, flags & NI_DGRAM ? "udp" : "tcp");
    }
    snprintf(digits, sizeof(digits), "%u", (unsigned)peer->port);
    int error = write_text(to, name ? name : digits);
    file_put(file);
    return error;
}

/* AF_UNIX: this machine, and the path. */
static int write_local(const struct sockaddr *sa, socklen_t len, int flags, const struct place *host,
                       const struct place *service)
{
    const size_t head = offsetof(struct sockaddr_un, sun_path);
    char path[sizeof(struct sockaddr_un) - offsetof(struct sockaddr_un, sun_path) + 1] = "";
    struct utsname machine;
    int error = 0;

    if (len < head)
        return EAI_FAMILY;
    size_t path_len = len - head < sizeof(path) - 1 ? len - head : sizeof(path) - 1;
    memcpy(path, (const char *)sa + head, path_len);
    if (host->size > 0) {
        bool named = !(flags & NI_NUMERICHOST) && uname(&machine) == 0;
        if (!named && (flags & NI_NAMEREQD))
            return EAI_NONAME;
        error = write_text(host, named ? machine.nodename : "localhost");
    }
    return error == 0 && service->size > 0 ? write_text(service, path) : error;
}

int iothdns_getnameinfo(struct iothdns *iothdns, const struct sockaddr *addr, socklen_t addrlen, char *host,
                        socklen_t hostlen, char *serv, socklen_t servlen, int flags)
{
    const struct place to_host = {host, host ? hostlen : 0}, to_service = {serv, serv ? servlen : 0};
    struct peer peer;

    if (flags & ~(KNOWN_FLAGS | DEPRECATED_FLAGS))
        return EAI_BADFLAGS;
    if (!addr || addrlen < sizeof(sa_family_t))
        return EAI_FAMILY;
    if ((flags & NI_NAMEREQD) && !host && !serv)
        return EAI_NONAME;
    if (addr->sa_family == AF_UNIX)
        return write_local(addr, addrlen, flags, &to_host, &to_service);
    int error = read_peer(addr, addrlen, &peer);
    if (error == 0 && to_host.size > 0)
        error = write_host(iothdns, &peer, flags, &to_host);
    if (error == 0 && to_service.size > 0)
        error = write_service(iothdns, &peer, flags, &to_service);
    return error;
}
