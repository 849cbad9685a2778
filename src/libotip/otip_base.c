/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The base of one-time addresses, for programs: what the words for it mean, and its address, looked up if it has a name.

   An IPv6 address is one by having a colon, which no name of a host has; all else must be a name. The length of the
   prefix stands behind a slash, as everywhere.

   The look-up is one question by libiothdns. What may be wrong with it is told in the words of whoever wrote the command
   line: there is no such name, nobody answers, it has no address. */
#include "libotip/otip_base.h"

#include <errno.h>
#include <iothdns.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_MAX_LEN = OTIP_NAME_MAX - 1,
    LABEL_MAX_LEN = 63,
    FOUND_MAX = 64, /* addresses of a name; of more the present one may be missed */
};

PRINTF_LIKE(3, 4) static int fail(char why[static OTIP_WHY_MAX], int err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, OTIP_WHY_MAX, format, args);
    va_end(args);
    return err;
}

bool otip_is_name(const char *text)
{
    size_t len = strlen(text);

    if (len > 0 && text[len - 1] == '.')
        len--;
    if (len == 0 || len > NAME_MAX_LEN)
        return false;
    for (size_t label = 0; label <= len;) {
        size_t label_len = strcspn(text + label, ".");

        if (label_len == 0 || label_len > LABEL_MAX_LEN)
            return false;
        label += label_len + 1;
    }
    return true;
}

static bool read_length(const char *text, unsigned *ret)
{
    char *end;
    unsigned long bits = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || bits < OTIP_PREFIX_LEN_MIN ||
        bits > OTIP_PREFIX_LEN_MAX)
        return false;
    *ret = (unsigned)bits;
    return true;
}

int otip_base_parse(const char *text, struct otip_base *ret, char why[static OTIP_WHY_MAX])
{
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    struct otip_base base = {0};

    if (slash && !read_length(slash + 1, &base.prefix_len))
        return fail(why, -EINVAL, "expected a length from %d to %d", OTIP_PREFIX_LEN_MIN,
                    OTIP_PREFIX_LEN_MAX);
    if (ipaddr_parse(text, len, &base.addr) == 0) {
        if (ipaddr_is_v4(&base.addr))
            return fail(why, -EINVAL, "expected an IPv6 address or a name, this is an IPv4 address");
        *ret = base;
        return 0;
    }
    if (len <= OTIP_NAME_MAX) {
        memcpy(base.name, text, len);
        base.name[len] = '\0';
    }
    if (strchr(base.name, ':') || !otip_is_name(base.name))
        return fail(why, -EINVAL, "this is neither an IPv6 address nor a name");
    *ret = base;
    return 0;
}

const char *otip_base_reason(int error)
{
    switch (error) {
    case ENODATA:
        return "it has no IPv6 address (no AAAA record)";
    case ENOENT:
        return "there is no such name";
    case ETIMEDOUT:
        return "no name server answered in time";
    case ECONNREFUSED:
        return "no name server could be reached";
    case EAGAIN:
        return "the name servers failed or refused; try another one or later";
    default:
        return strerror(error);
    }
}

int otip_base_find(struct otip_base *base, struct ioth *stack, const char *dns, char why[static OTIP_WHY_MAX])
{
    struct iothdns *resolver;
    struct in6_addr found[FOUND_MAX];
    int count, err, chosen = 0;

    if (base->name[0] == '\0')
        return 0;
    resolver = dns ? iothdns_init_strcfg(stack, dns) : iothdns_init(stack, NULL);
    if (!resolver) {
        err = -errno;
        return fail(why, err, "the name servers cannot be known: %s; give one", strerror(-err));
    }
    count = iothdns_lookup_aaaa(resolver, base->name, found, FOUND_MAX);
    err = count > 0 ? 0 : count == 0 ? -ENODATA : -errno;
    iothdns_fini(resolver);
    if (err)
        return fail(why, err, "%s", otip_base_reason(-err));
    for (int i = 1; i < count && i < FOUND_MAX; i++)
        if (memcmp(&found[i], base->addr.b, sizeof(base->addr.b)) == 0)
            chosen = i;
    memcpy(base->addr.b, &found[chosen], sizeof(base->addr.b));
    return 0;
}
