/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses, masks and prefix lengths.
 *
 * A prefix length of the public functions is an int whose low byte is the length; the upper bytes may carry
 * what an address (flags, scope) or a route (type, scope) has besides. Plain lengths read as zeroes there,
 * which mean the usual.
 */
#include <libnlq.h>

#include <string.h>
#include <netinet/in.h>

int nlq_family2addrlen(int family)
{
    switch (family) {
    case AF_INET:
        return sizeof(struct in_addr);
    case AF_INET6:
        return sizeof(struct in6_addr);
    default:
        return 0;
    }
}

int nlq_prefix2mask(int family, void *mask, int prefixlen)
{
    uint8_t *bytes = mask;
    int len = nlq_family2addrlen(family), i;

    if (len == 0)
        return nlq_return_errno(-EAFNOSUPPORT);
    if (prefixlen < 0 || prefixlen > 8 * len)
        return nlq_return_errno(-EINVAL);
    memset(mask, 0, (size_t)len);
    for (i = 0; i < prefixlen; i++)
        bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return 0;
}

int nlq_mask2prefix(int family, const void *mask)
{
    uint8_t back[sizeof(struct in6_addr)];
    const uint8_t *bytes = mask;
    int len = nlq_family2addrlen(family), prefixlen = 0;

    if (len == 0)
        return nlq_return_errno(-EAFNOSUPPORT);
    while (prefixlen < 8 * len && (bytes[prefixlen / 8] & 0x80 >> prefixlen % 8) != 0)
        prefixlen++;
    nlq_prefix2mask(family, back, prefixlen);
    return memcmp(mask, back, (size_t)len) == 0 ? prefixlen : nlq_return_errno(-EINVAL);
}

int nlq_addrdata2prefix(unsigned char prefixlen, unsigned char flags, unsigned char scope)
{
    return (int)((unsigned)prefixlen | (unsigned)flags << 16 | (unsigned)scope << 24);
}

int nlq_routedata2prefix(unsigned char prefixlen, unsigned char type, unsigned char scope)
{
    return (int)((unsigned)prefixlen | (unsigned)type << 16 | (unsigned)scope << 24);
}
