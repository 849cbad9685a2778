/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Neighbour discovery: the four messages of RFC 4861 that hosts and routers say to each other and the options in
 * them, both ways.
 *
 *   struct nd_message msg;                                 struct writer w = writer_of(buffer, sizeof(buffer));
 *   if (nd_read(bytes, len, &msg) == 0 &&                  nd_write(&w, &msg);
 *       nd_is_valid(&msg, &from, &to, hop_limit))          nd_write_option(&w, &option);
 *       while (nd_next_option(&msg.options, &option))      if (!w.bad)
 *           ...                                                nd_set_checksum(&from, &to, w.base, w.pos);
 *
 * What is read points into the message and lives as long as that.
 */
#ifndef WIRE_ND_H
#define WIRE_ND_H

#include "base/base.h"
#include "base/cursor.h"
#include "base/ipaddr.h"
#include "wire/dname.h"

#define ND_HOP_LIMIT    255        /* RFC 4861 s6.1: a message with another one came over a router */
#define ND_INFINITE     UINT32_MAX /* a lifetime in seconds that does not end */
#define ND_MESSAGE_MAX  65535      /* bytes: the payload of an IPv6 packet */
#define ND_OPTION_MAX   (255 * 8)  /* bytes of one option, its head included */
#define ND_PORTAL_MAX   (ND_OPTION_MAX - 2)
#define ND_NONCE_MIN    6 /* bytes, RFC 3971 s5.3.2 */
#define ND_IPV6_MTU_MIN 1280
#define ND_ICMP6        58 /* next header */

/* ICMPv6 types. */
enum nd_type {
    ND_ROUTER_SOLICIT = 133,   /* RFC 4861 s4.1 */
    ND_ROUTER_ADVERT = 134,    /* s4.2 */
    ND_NEIGHBOR_SOLICIT = 135, /* s4.3 */
    ND_NEIGHBOR_ADVERT = 136,  /* s4.4 */
};

/* The preference of a router or of a route (RFC 4191 s2.1). */
enum nd_preference { ND_LOW = -1, ND_MEDIUM = 0, ND_HIGH = 1 };

/* Flags of a router advertisement. The two bits of the preference are not among them. */
enum {
    ND_RA_MANAGED = 0x80, /* M: addresses by DHCPv6 */
    ND_RA_OTHER = 0x40,   /* O: other things by DHCPv6 */
    ND_RA_HOME = 0x20,    /* H: a home agent (RFC 6275 s7.1) */
    ND_RA_PROXY = 0x04,   /* P: said again by a proxy (RFC 4389 s4.1.3.3) */
    ND_RA_SNAC = 0x02,    /* S: the router of a stub network */
    ND_RA_FLAGS = 0xe7,
};

/* Flags of a neighbour advertisement. */
enum { ND_NA_ROUTER = 0x80, ND_NA_SOLICITED = 0x40, ND_NA_OVERRIDE = 0x20, ND_NA_FLAGS = 0xe0 };

/* Flags of a prefix. */
enum {
    ND_PREFIX_ON_LINK = 0x80,    /* L */
    ND_PREFIX_AUTONOMOUS = 0x40, /* A */
    ND_PREFIX_ROUTER = 0x20,     /* R: the prefix field is the router's address (RFC 6275 s7.2) */
    ND_PREFIX_DELEGATED = 0x10,  /* P: rather ask DHCPv6 for a prefix of your own (RFC 9762) */
    ND_PREFIX_FLAGS = 0xf0,
};

struct nd_router {
    uint8_t hop_limit; /* for the host's packets; 0: says nothing */
    uint8_t flags;     /* ND_RA_ */
    enum nd_preference preference;
    uint16_t lifetime_s;               /* as a default router; 0: it is none */
    uint32_t reachable_ms, retrans_ms; /* 0: says nothing */
};

struct nd_neighbor {
    uint8_t flags; /* ND_NA_; 0 in a solicitation */
    struct ipaddr target;
};

/* A message. Written: all but `options`. */
struct nd_message {
    enum nd_type type;
    union {
        struct nd_router router;     /* ND_ROUTER_ADVERT */
        struct nd_neighbor neighbor; /* ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT */
    };
    struct reader options; /* for nd_next_option(); a copy of it reads them once more */
};

/* --- options --- */

enum nd_option_type {
    ND_SOURCE_MAC = 1,      /* RFC 4861 s4.6.1 */
    ND_TARGET_MAC = 2,      /* s4.6.1 */
    ND_PREFIX = 3,          /* s4.6.2, RFC 9762 */
    ND_MTU = 5,             /* s4.6.4 */
    ND_NONCE = 14,          /* RFC 3971 s5.3.2, RFC 7527 s4.1 */
    ND_ROUTE = 24,          /* RFC 4191 s2.3 */
    ND_RDNSS = 25,          /* RFC 8106 s5.1 */
    ND_DNSSL = 31,          /* RFC 8106 s5.2 */
    ND_CAPTIVE_PORTAL = 37, /* RFC 8910 s2.3 */
    ND_PREF64 = 38,         /* RFC 8781 s4 */
    ND_ENCRYPTED_DNS = 144, /* RFC 9463 s6.1 */
};

struct nd_prefix {
    struct ipaddr prefix; /* as it was sent: bits behind `bits` may be set */
    uint8_t bits;         /* 0..128 */
    uint8_t flags;        /* ND_PREFIX_ */
    uint32_t valid_s, preferred_s;
};

struct nd_route {
    struct ipaddr prefix; /* bits behind `bits` are 0 */
    uint8_t bits;         /* 0..128 */
    enum nd_preference preference;
    uint32_t lifetime_s;
};

struct nd_rdnss {
    uint32_t lifetime_s;
    unsigned n; /* 1..127 */
    const struct ipaddr *servers;
};

struct nd_dnssl {
    uint32_t lifetime_s;
    struct reader
        names; /* for nd_next_name(); written: whole names in wire form, uncompressed, from names.pos on */
};

struct nd_pref64 {
    uint32_t lifetime_s;  /* in steps of 8, to 65528; written: rounded up to that */
    uint8_t bits;         /* 32, 40, 48, 56, 64 or 96 */
    struct ipaddr prefix; /* bits behind `bits` are 0 */
};

/* A resolver that speaks encrypted DNS. Without addresses and parameters it is known by its name alone. */
struct nd_encrypted_dns {
    uint16_t priority; /* lower is better */
    uint32_t lifetime_s;
    const uint8_t *name; /* authentication domain name, wire form, uncompressed */
    unsigned n;
    const struct ipaddr *addrs;
    const uint8_t *params; /* SvcParams, RFC 9460 s2.2 */
    size_t params_len;
};

struct nd_bytes {
    const uint8_t *bytes;
    size_t len;
};

struct nd_option {
    enum nd_option_type type;
    union {
        uint8_t mac[6]; /* ND_SOURCE_MAC, ND_TARGET_MAC */
        struct nd_prefix prefix;
        uint32_t mtu;
        struct nd_bytes nonce; /* ND_NONCE_MIN bytes or more, 8n + 6 */
        struct nd_route route;
        struct nd_rdnss rdnss;
        struct nd_dnssl dnssl;
        struct nd_bytes portal; /* a URI without NUL, 1..ND_PORTAL_MAX bytes */
        struct nd_pref64 pref64;
        struct nd_encrypted_dns encrypted_dns;
    };
};

/* --- reading --- */

/* A message from its ICMPv6 type on. 0; or -EBADMSG: another type, a code that is not 0, too short for its type, an
 * option whose length is 0 or goes beyond the end (RFC 4861 s6.1, s7.1: the whole message is discarded). */
MUST_CHECK int nd_read(const uint8_t *bytes, size_t len, struct nd_message *ret);

/* What else RFC 4861 s6.1.1, s6.1.2, s7.1.1 and s7.1.2 demand before a message is believed: hop limit 255, a source
 * address that may say this, a target that is no multicast group. The checksum was seen to before, here or by the
 * stack. to: NULL if it is not known; then what depends on it is not checked. */
bool nd_is_valid(const struct nd_message *msg, const struct ipaddr *from, const struct ipaddr *to,
                 uint8_t hop_limit);

/* The next option of `options` that is known and right in itself; the others are stepped over, as the RFCs
 * say. False: no more. */
bool nd_next_option(struct reader *options, struct nd_option *ret);

/* The next option whatever it is: its type, and what follows type and length (6 bytes or more). False: no more; or,
 * with options->bad, what is there is no option (never so in a message from nd_read()). */
bool nd_next_body(struct reader *options, uint8_t *ret_type, struct reader *ret_body);

/* The next name of a ND_DNSSL; false: no more. The padding and a name that is no name end the list. Returns it in
 * lower case. */
bool nd_next_name(struct reader *names, uint8_t name[static DNAME_MAX]);

/* --- writing --- */

/* The fixed part; options follow by nd_write_option(). The checksum is 0. */
void nd_write(struct writer *w, const struct nd_message *msg);

/* One option. w->bad: no room, or what cannot be said (a name or list too long, a prefix longer than 128, ...). */
void nd_write_option(struct writer *w, const struct nd_option *option);

/* --- the checksum, for those who send and receive frames --- */

/* ICMPv6 checksum with its pseudo header (RFC 4443 s2.3, RFC 8200 s8.1), in host order. Over a message whose
 * checksum field holds it, it is 0: so it is right. len: up to ND_MESSAGE_MAX. */
uint16_t nd_checksum(const struct ipaddr *from, const struct ipaddr *to, const uint8_t *bytes, size_t len);
/* Stores it in a message of at least 4 bytes. */
void nd_set_checksum(const struct ipaddr *from, const struct ipaddr *to, uint8_t *bytes, size_t len);

/* --- addresses --- */

extern const struct ipaddr nd_all_nodes;   /* ff02::1 */
extern const struct ipaddr nd_all_routers; /* ff02::2 */

bool nd_is_unspecified(const struct ipaddr *a);
bool nd_is_multicast(const struct ipaddr *a);
bool nd_is_link_local(const struct ipaddr *a); /* fe80::/10 */
/* The group to which solicitations for `target` go: ff02::1:ffXX:XXXX (RFC 4291 s2.7.1). */
struct ipaddr nd_solicited_node(const struct ipaddr *target);

#endif
