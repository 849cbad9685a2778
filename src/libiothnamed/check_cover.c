/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Domains by key: kind, tag and what the kind has, a name or a prefix. To find those that hold all names of a
 * domain, every key that would is looked up:
 *
 *   a name        itself; "below" of each name above it; each shorter prefix, if it is a reverse name
 *   below a name  the same, with "below" instead of the name itself
 *   a prefix      it and each shorter one; "below" of each name above its own reverse name
 *   a base prefix the same base with it or a shorter one; "below" of what is above all IPv6 reverse names
 *   a list        the same list; ".": what names it has is for its file to say
 *
 * So a question costs as many look-ups as a name has labels or a prefix has bits, however many domains there
 * are. Holding is decided domain by domain: two that together hold a third are not seen.
 */
#include "libiothnamed/check_cover.h"

#include <string.h>

static const uint8_t ip6_arpa[] = "\3ip6\4arpa", root_name[1];

enum {
    KEY_HEAD = 1 + 1 + 4, /* kind, bits, tag */
    V4_BITS = 96,
};

struct key {
    uint8_t bytes[KEY_HEAD + DNAME_MAX];
    size_t len;
};

static struct key key_of(enum domain_kind kind, unsigned bits, unsigned tag, const void *what, size_t len)
{
    struct key key = {.bytes = {(uint8_t)kind, (uint8_t)bits}, .len = KEY_HEAD + len};

    put_be32(key.bytes + 2, tag);
    memcpy(key.bytes + KEY_HEAD, what, len);
    return key;
}

static struct key domain_key(const struct config_domain *d, unsigned tag)
{
    if (d->kind == DOMAIN_PREFIX)
        return key_of(d->kind, d->bits, tag, &d->addr, sizeof(d->addr));
    if (d->kind == DOMAIN_LIST)
        return key_of(d->kind, 0, tag, &d->list, sizeof(d->list));
    return key_of(d->kind, d->kind == DOMAIN_BASE_PREFIX ? d->bits : 0, tag, d->name.wire, d->name.len);
}

bool cover_add(struct cover *cover, const struct config_domain *domain, unsigned tag, unsigned owner)
{
    struct key key = domain_key(domain, tag);
    unsigned known = cover->keys.count;
    int number = numbering_add(&cover->keys, cover->arena, key.bytes, key.len);

    if (number < 0)
        return false;
    if ((unsigned)number < known)
        return true;
    unsigned *owners = array_more(cover->arena, cover->owners, known, sizeof(*owners));
    if (!owners)
        return false;
    owners[number] = owner;
    cover->owners = owners;
    return true;
}

static unsigned owner_of(const struct cover *cover, struct key key)
{
    int number = numbering_find(&cover->keys, key.bytes, key.len);

    return number < 0 ? COVER_NONE : cover->owners[number];
}

static unsigned min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned max(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* "below" of the names above this one; of the root, its own: "." holds the root too. */
static unsigned find_above(const struct cover *cover, const uint8_t *name, unsigned tag)
{
    unsigned found = COVER_NONE;

    do {
        name += *name ? *name + 1 : 0;
        found = min(found, owner_of(cover, key_of(DOMAIN_BELOW, 0, tag, name, dname_len(name))));
    } while (*name);
    return found;
}

static unsigned find_prefixes(const struct cover *cover, struct ipaddr addr, unsigned bits, unsigned tag)
{
    unsigned found = COVER_NONE, least = ipaddr_is_v4(&addr) && bits >= V4_BITS ? V4_BITS : 0;

    for (unsigned left = bits + 1; left-- > least;) {
        ipaddr_mask(&addr, left);
        found = min(found, owner_of(cover, key_of(DOMAIN_PREFIX, left, tag, &addr, sizeof(addr))));
    }
    return found;
}

/* A name, or what is below it. */
static unsigned find_name(const struct cover *cover, enum domain_kind kind, const struct config_name *name,
                          unsigned tag)
{
    unsigned found = owner_of(cover, key_of(kind, 0, tag, name->wire, name->len));
    struct ipaddr addr;
    int bits = dname_reverse_addr(name->wire, &addr);

    found = min(found, find_above(cover, name->wire, tag));
    return bits < 0 ? found : min(found, find_prefixes(cover, addr, (unsigned)bits, tag));
}

static unsigned find_prefix(const struct cover *cover, const struct config_domain *d, unsigned tag)
{
    unsigned step = ipaddr_is_v4(&d->addr) && d->bits >= V4_BITS ? 8 : 4;
    uint8_t name[DNAME_MAX];
    unsigned found = find_prefixes(cover, d->addr, d->bits, tag);

    dname_reverse(&d->addr, d->bits / step * step, name);
    if (d->bits % step != 0) /* all its names are below that one */
        found = min(found, owner_of(cover, key_of(DOMAIN_BELOW, 0, tag, name, dname_len(name))));
    return min(found, find_above(cover, name, tag));
}

static unsigned find_base_prefix(const struct cover *cover, const struct config_domain *d, unsigned tag)
{
    unsigned found = find_above(cover, ip6_arpa, tag);

    if (d->bits > 0)
        found = min(found, owner_of(cover, key_of(DOMAIN_BELOW, 0, tag, ip6_arpa, sizeof(ip6_arpa))));
    for (unsigned left = d->bits + 1; left-- > 0;)
        found = min(found, owner_of(cover, key_of(DOMAIN_BASE_PREFIX, left, tag, d->name.wire, d->name.len)));
    return found;
}

unsigned cover_find(const struct cover *cover, const struct config_domain *domain, unsigned tag)
{
    switch (domain->kind) {
    case DOMAIN_NAME:
    case DOMAIN_BELOW:
        return find_name(cover, domain->kind, &domain->name, tag);
    case DOMAIN_TREE: /* held by a domain that holds the name and one, maybe another, that holds the rest */
        return max(find_name(cover, DOMAIN_NAME, &domain->name, tag),
                   find_name(cover, DOMAIN_BELOW, &domain->name, tag));
    case DOMAIN_PREFIX:
        return find_prefix(cover, domain, tag);
    case DOMAIN_BASE_PREFIX:
        return find_base_prefix(cover, domain, tag);
    case DOMAIN_LIST:
        return min(owner_of(cover, domain_key(domain, tag)),
                   owner_of(cover, key_of(DOMAIN_BELOW, 0, tag, root_name, sizeof(root_name))));
    default:
        return COVER_NONE;
    }
}

unsigned cover_find_name(const struct cover *cover, const struct config_name *name, unsigned tag)
{
    return find_name(cover, DOMAIN_NAME, name, tag);
}
