/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * getaddrinfo(3) on a stack: POSIX has the frame, glibc of Debian 12 the details.
 *
 *   1. the hints are checked; AI_ADDRCONFIG takes away families of which the stack has no address (addrinfo_stack.c)
 *   2. the service becomes a list of sockets: type, protocol, port (addrinfo_service.c)
 *   3. the node becomes a list of addresses and a canonical name (addrinfo_host.c)
 *   4. two or more addresses are put in the order in which to try them (addrinfo_stack.c, addrorder.c)
 *   5. each address with each socket is an entry of the result
 *
 * An entry is one piece of memory with its address in it, and the canonical name of the first one is another: as the C
 * library's own are, so a program that mixes up freeaddrinfo and ours does no harm.
 */
#include "libiothdns/addrinfo_files.h"
#include "libiothdns/addrinfo_host.h"
#include "libiothdns/addrinfo_service.h"
#include "libiothdns/addrinfo_stack.h"
#include "libiothdns/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    KNOWN_FLAGS = AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | AI_IDN |
                  AI_CANONIDN | AI_NUMERICSERV,
    /* Flags of glibc that ask for something which IDNA 2008 has dropped; they are taken there without effect. */
    DEPRECATED_FLAGS = 0x100 | 0x200,
};

static const struct addrinfo default_hints = {.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};

/* All that one call gathers. */
struct call {
    struct iothdns *d;
    const char *node, *service;
    struct addrinfo hints;
    struct stack_addresses own;
    bool own_read;
    struct gai_socket sockets[GAI_SOCKETS_MAX];
    int n_sockets;
    struct gai_host host;
};

static int check_hints(const struct addrinfo *hints, const char *node)
{
    if (hints->ai_flags & ~(KNOWN_FLAGS | DEPRECATED_FLAGS))
        return EAI_BADFLAGS;
    if ((hints->ai_flags & AI_CANONNAME) && !node)
        return EAI_BADFLAGS;
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET && hints->ai_family != AF_INET6)
        return EAI_FAMILY;
    return 0;
}

static int read_own(struct call *call)
{
    if (call->own_read)
        return 0;
    call->own_read = true;
    return stack_addresses_read(resolve_stack(call->d), &call->own) < 0 ? EAI_MEMORY : 0;
}

/* AI_ADDRCONFIG. A stack with no address of either family, which is one about to be configured, takes nothing away. */
static int narrow_family(struct call *call)
{
    struct addrinfo *hints = &call->hints;
    int error = read_own(call);

    if (error != 0)
        return error;
    bool has_v4 = stack_has_family(&call->own, AF_INET), has_v6 = stack_has_family(&call->own, AF_INET6);
    if (hints->ai_family == AF_UNSPEC && has_v4 != has_v6)
        hints->ai_family = has_v4 ? AF_INET : AF_INET6;
    else if ((hints->ai_family == AF_INET && !has_v4) || (hints->ai_family == AF_INET6 && !has_v6))
        return EAI_NONAME;
    return 0;
}

static int find_sockets(struct call *call)
{
    const struct gai_wish wish = {call->hints.ai_socktype, call->hints.ai_protocol,
                                  (call->hints.ai_flags & AI_NUMERICSERV) != 0};
    struct file_copy *file = NULL;

    if (gai_service_is_name(call->service) && !(file = file_get(call->d, FILE_SERVICES)))
        return EAI_MEMORY;
    int count = gai_sockets(&wish, call->service, file ? file_services(file) : NULL, call->sockets);
    file_put(file);
    call->n_sockets = count;
    return count < 0 ? count : 0;
}

static int order_addresses(struct call *call)
{
    int error = read_own(call);

    if (error != 0)
        return error;
    struct file_copy *file = file_get(call->d, FILE_POLICY);
    if (!file)
        return EAI_MEMORY;
    error = stack_order(resolve_stack(call->d), &call->own, file_policy(file), &call->host);
    file_put(file);
    return error < 0 ? EAI_MEMORY : 0;
}

/* --- the result --- */

struct entry {
    struct addrinfo info; /* first: the list is of these */
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } addr;
};

static struct addrinfo *new_entry(const struct call *call, const struct gai_address *address,
                                  const struct gai_socket *socket)
{
    struct entry *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->info = (struct addrinfo){.ai_flags = call->hints.ai_flags,
                                .ai_family = address->family,
                                .ai_socktype = socket->socktype,
                                .ai_protocol = socket->protocol,
                                .ai_addr = &e->addr.any};
    if (address->family == AF_INET) {
        e->addr.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(socket->port)};
        memcpy(&e->addr.in.sin_addr, address->addr, sizeof(e->addr.in.sin_addr));
        e->info.ai_addrlen = sizeof(e->addr.in);
    } else {
        e->addr.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(socket->port)};
        e->addr.in6.sin6_scope_id = address->scope;
        memcpy(&e->addr.in6.sin6_addr, address->addr, sizeof(e->addr.in6.sin6_addr));
        e->info.ai_addrlen = sizeof(e->addr.in6);
    }
    return &e->info;
}

static int make_result(struct call *call, struct addrinfo **ret)
{
    struct addrinfo *first = NULL, **next = &first;

    for (unsigned i = 0; i < call->host.count; i++) {
        for (int k = 0; k < call->n_sockets; k++) {
            *next = new_entry(call, &call->host.addresses[i], &call->sockets[k]);
            if (!*next) {
                iothdns_freeaddrinfo(first);
                return EAI_MEMORY;
            }
            next = &(*next)->ai_next;
        }
    }
    if (call->hints.ai_flags & AI_CANONNAME) {
        first->ai_canonname = call->host.canonical;
        call->host.canonical = NULL;
    }
    *ret = first;
    return 0;
}

static int resolve_call(struct call *call, struct addrinfo **ret)
{
    int error = 0;

    if (call->hints.ai_flags & AI_ADDRCONFIG)
        error = narrow_family(call);
    if (error == 0)
        error = find_sockets(call);
    if (error == 0)
        error = gai_find_host(call->d, call->node, &call->hints, &call->host);
    if (error == 0 && call->host.count > 1)
        error = order_addresses(call);
    return error == 0 ? make_result(call, ret) : error;
}

/* "*" is another way to say NULL, in glibc. */
static const char *null_if_star(const char *text)
{
    return text && strcmp(text, "*") == 0 ? NULL : text;
}

int iothdns_getaddrinfo(struct iothdns *iothdns, const char *node, const char *service,
                        const struct addrinfo *hints, struct addrinfo **res)
{
    struct call call = {.d = iothdns,
                        .node = null_if_star(node),
                        .service = null_if_star(service),
                        .hints = hints ? *hints : default_hints};

    if (!call.node && !call.service)
        return EAI_NONAME;
    int error = check_hints(&call.hints, call.node);
    if (error != 0)
        return error;
    error = resolve_call(&call, res);
    int saved_errno = errno; /* says more if the error is EAI_SYSTEM */
    stack_addresses_fini(&call.own);
    gai_host_fini(&call.host);
    errno = saved_errno;
    return error;
}

void iothdns_freeaddrinfo(struct addrinfo *res)
{
    while (res) {
        struct addrinfo *next = res->ai_next;
        free(res->ai_canonname);
        free(res);
        res = next;
    }
}

const char *iothdns_gai_strerror(int errcode)
{
    static const struct {
        int code;
        const char *text;
    } texts[] = {
        {0, "No error"},
        {EAI_ADDRFAMILY, "The node has no address of that family"},
        {EAI_AGAIN, "The name servers do not answer or failed for now"},
        {EAI_BADFLAGS, "Flags that make no sense"},
        {EAI_FAIL, "The name servers failed for good"},
        {EAI_FAMILY, "Address family that is not supported"},
        {EAI_MEMORY, "Out of memory"},
        {EAI_NODATA, "The name is there and has no address"},
        {EAI_NONAME, "No such node or service"},
        {EAI_OVERFLOW, "The buffer is too small"},
        {EAI_SERVICE, "No such service for that type of socket"},
        {EAI_SOCKTYPE, "Type of socket that is not supported"},
        {EAI_SYSTEM, "System error"},
        {EAI_IDN_ENCODE, "The name is not in ASCII letters"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].code == errcode)
            return texts[i].text;
    }
    return "Unknown error";
}
