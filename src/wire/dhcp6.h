/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DHCPv6 messages (RFC 9915) both ways: one struct is what a message says, dhcp6_read makes it of bytes,
 * dhcp6_write makes bytes of it. Clients, servers, tests and fuzzers use the same. Relayed messages (s9) are
 * read level by level.
 *
 * What a struct holds of a message that was read are copies (numbers, addresses, names) and views (struct
 * dhcp6_bytes) of the bytes given, valid as long as these. Each struct begins with `has`: which of its
 * options are there. A reader looks there first; a writer sets it for what is to be written.
 */
#ifndef WIRE_DHCP6_H
#define WIRE_DHCP6_H

#include "base/cursor.h"
#include "base/ipaddr.h"
#include "wire/dname.h"

#define DHCP6_CLIENT_PORT 546
#define DHCP6_SERVER_PORT 547
/* ff02::1:2, All_DHCP_Relay_Agents_and_Servers (s7.1). */
#define DHCP6_ALL_AGENTS ((struct ipaddr){{0xff, 2, [13] = 1, [15] = 2}})
#define DHCP6_INFINITY   UINT32_MAX /* of a lifetime, T1 or T2 (s7.7) */

enum dhcp6_type {
    DHCP6_SOLICIT = 1,
    DHCP6_ADVERTISE,
    DHCP6_REQUEST,
    DHCP6_CONFIRM,
    DHCP6_RENEW,
    DHCP6_REBIND,
    DHCP6_REPLY,
    DHCP6_RELEASE,
    DHCP6_DECLINE,
    DHCP6_RECONFIGURE,
    DHCP6_INFORMATION_REQUEST,
    DHCP6_RELAY_FORW,
    DHCP6_RELAY_REPL,
    DHCP6_ADDR_REG_INFORM = 36, /* RFC 9686 */
    DHCP6_ADDR_REG_REPLY,
};

enum dhcp6_option {
    DHCP6_OPT_CLIENT_ID = 1,
    DHCP6_OPT_SERVER_ID = 2,
    DHCP6_OPT_IA_NA = 3,
    DHCP6_OPT_IAADDR = 5,
    DHCP6_OPT_ORO = 6,
    DHCP6_OPT_PREFERENCE = 7,
    DHCP6_OPT_ELAPSED_TIME = 8,
    DHCP6_OPT_RELAY_MSG = 9,
    DHCP6_OPT_AUTH = 11,
    DHCP6_OPT_STATUS_CODE = 13,
    DHCP6_OPT_RAPID_COMMIT = 14,
    DHCP6_OPT_USER_CLASS = 15,
    DHCP6_OPT_VENDOR_CLASS = 16,
    DHCP6_OPT_VENDOR_OPTS = 17,
    DHCP6_OPT_INTERFACE_ID = 18,
    DHCP6_OPT_RECONF_MSG = 19,
    DHCP6_OPT_RECONF_ACCEPT = 20,
    DHCP6_OPT_DNS_SERVERS = 23, /* RFC 3646 */
    DHCP6_OPT_DOMAIN_LIST = 24,
    DHCP6_OPT_IA_PD = 25,
    DHCP6_OPT_IAPREFIX = 26,
    DHCP6_OPT_INFORMATION_REFRESH_TIME = 32,
    DHCP6_OPT_REMOTE_ID = 37,        /* RFC 4649 */
    DHCP6_OPT_CLIENT_FQDN = 39,      /* RFC 4704 */
    DHCP6_OPT_NTP_SERVER = 56,       /* RFC 5908 */
    DHCP6_OPT_CLIENT_LINKLAYER = 79, /* RFC 6939 */
    DHCP6_OPT_SOL_MAX_RT = 82,
    DHCP6_OPT_INF_MAX_RT = 83,
    DHCP6_OPT_CAPTIVE_PORTAL = 103,  /* RFC 8910; among the others */
    DHCP6_OPT_DNR = 144,             /* RFC 9463 */
    DHCP6_OPT_ADDR_REG_ENABLE = 148, /* RFC 9686 */
};

/* Status codes (s21.13). */
enum dhcp6_status_code {
    DHCP6_SUCCESS,
    DHCP6_UNSPEC_FAIL,
    DHCP6_NO_ADDRS_AVAIL,
    DHCP6_NO_BINDING,
    DHCP6_NOT_ON_LINK,
    DHCP6_USE_MULTICAST, /* obsolete with server unicast; old servers may still say it */
    DHCP6_NO_PREFIX_AVAIL,
};

/* Which options a struct has: bits of `has`. */
#define DHCP6_HAS_CLIENT_ID       (1u << 0)
#define DHCP6_HAS_SERVER_ID       (1u << 1)
#define DHCP6_HAS_IA              (1u << 2) /* IA_NA or IA_PD: n_ia of them */
#define DHCP6_HAS_ADDR            (1u << 3) /* an IAADDR of the message itself (RFC 9686); of an IA: leases */
#define DHCP6_HAS_ORO             (1u << 4)
#define DHCP6_HAS_PREFERENCE      (1u << 5)
#define DHCP6_HAS_ELAPSED         (1u << 6)
#define DHCP6_HAS_STATUS          (1u << 7) /* also of an IA, and of a lease */
#define DHCP6_HAS_RAPID_COMMIT    (1u << 8)
#define DHCP6_HAS_USER_CLASS      (1u << 9)
#define DHCP6_HAS_VENDOR_CLASS    (1u << 10)
#define DHCP6_HAS_VENDOR_OPTS     (1u << 11)
#define DHCP6_HAS_RECONF_MSG      (1u << 12)
#define DHCP6_HAS_RECONF_ACCEPT   (1u << 13)
#define DHCP6_HAS_DNS             (1u << 14)
#define DHCP6_HAS_DOMAINS         (1u << 15)
#define DHCP6_HAS_REFRESH_TIME    (1u << 16)
#define DHCP6_HAS_FQDN            (1u << 17)
#define DHCP6_HAS_NTP             (1u << 18)
#define DHCP6_HAS_SOL_MAX_RT      (1u << 19)
#define DHCP6_HAS_INF_MAX_RT      (1u << 20)
#define DHCP6_HAS_DNR             (1u << 21)
#define DHCP6_HAS_ADDR_REG_ENABLE (1u << 22)
#define DHCP6_HAS_AUTH            (1u << 23)
#define DHCP6_HAS_OTHERS          (1u << 24) /* also of a relay */
#define DHCP6_HAS_RELAY_MSG       (1u << 25) /* of a relay, as the next three */
#define DHCP6_HAS_INTERFACE_ID    (1u << 26)
#define DHCP6_HAS_REMOTE_ID       (1u << 27)
#define DHCP6_HAS_LINKLAYER       (1u << 28)

/* What is more than these is left out when a message is read. No honest message comes near. */
#define DHCP6_IAS_MAX       4  /* a client has one IA_NA for an interface, a router one IA_PD more */
#define DHCP6_LEASES_MAX    8  /* in one IA */
#define DHCP6_ORO_MAX       64 /* some 150 codes exist; clients ask for twenty */
#define DHCP6_SERVERS_MAX   16 /* DNS servers; a resolver uses three */
#define DHCP6_DOMAINS_MAX   16
#define DHCP6_NTP_MAX       8
#define DHCP6_DNR_MAX       4
#define DHCP6_DNR_ADDRS     4
#define DHCP6_OTHERS_MAX    32
#define DHCP6_DUID_MIN      3 /* a type and one byte (s11.1) */
#define DHCP6_DUID_MAX      130
#define DHCP6_RELAYS_MAX    9  /* hop counts 0 to HOP_COUNT_LIMIT, 8 (s7.6) */
#define DHCP6_LINKLAYER_MAX 32 /* as the kernel's MAX_ADDR_LEN: InfiniBand has 20 */
#define DHCP6_XID_MASK      0xffffffu

struct dhcp6_bytes {
    const uint8_t *at; /* somebody else's; may be NULL if len is 0 */
    uint16_t len;
};

struct dhcp6_status {
    uint16_t code;
    struct dhcp6_bytes text; /* UTF-8, as the peer says */
};

/* IAADDR (s21.6) or IAPREFIX (s21.22). */
struct dhcp6_lease {
    uint32_t has; /* STATUS */
    struct ipaddr addr;
    uint8_t prefix_len; /* of an IAPREFIX; 128 */
    uint32_t preferred_s, valid_s;
    struct dhcp6_status status;
};

/* IA_NA (s21.4) or IA_PD (s21.21). */
struct dhcp6_ia {
    uint32_t has;  /* ADDR, STATUS */
    uint16_t code; /* DHCP6_OPT_IA_NA or DHCP6_OPT_IA_PD */
    uint32_t iaid, t1_s, t2_s;
    struct dhcp6_status status;
    unsigned n_leases;
    struct dhcp6_lease leases[DHCP6_LEASES_MAX];
};

/* RFC 4704 s4. */
#define DHCP6_FQDN_S 1 /* the server does the AAAA update */
#define DHCP6_FQDN_O 2 /* ... and overrides what the client wanted */
#define DHCP6_FQDN_N 4 /* no update by the server */
struct dhcp6_fqdn {
    uint8_t flags;
    bool partial; /* the name goes on somehow: its root label is not sent */
    uint8_t name[DNAME_MAX];
};

enum dhcp6_ntp_kind {
    DHCP6_NTP_ADDR = 1,
    DHCP6_NTP_MULTICAST,
    DHCP6_NTP_NAME,
};

struct dhcp6_ntp {
    uint16_t kind;
    struct ipaddr addr; /* ADDR, MULTICAST */
    uint8_t name[DNAME_MAX];
};

/* RFC 9463 s4.1. */
struct dhcp6_dnr {
    uint16_t priority; /* lower is better; 0 is not allowed in ServiceMode, and up to the caller */
    uint8_t adn[DNAME_MAX];
    unsigned n_addrs;
    struct ipaddr addrs[DHCP6_DNR_ADDRS];
    struct dhcp6_bytes params; /* SvcParams in wire form, not looked into */
};

struct dhcp6_other {
    uint16_t code;
    struct dhcp6_bytes data;
};

struct dhcp6_others {
    unsigned n;
    struct dhcp6_other option[DHCP6_OTHERS_MAX];
};

struct dhcp6_message {
    uint32_t has;
    uint8_t type;
    uint32_t xid;       /* 24 bits */
    unsigned malformed; /* options that were left out since they say nothing that makes sense */
    struct dhcp6_bytes client_id, server_id; /* DUIDs: DHCP6_DUID_MIN to _MAX bytes */
    unsigned n_ia;
    struct dhcp6_ia ia[DHCP6_IAS_MAX];
    struct dhcp6_lease addr;
    unsigned n_oro;
    uint16_t oro[DHCP6_ORO_MAX];
    uint8_t preference;
    uint16_t elapsed_cs; /* hundredths of a second */
    struct dhcp6_status status;
    struct dhcp6_bytes auth, user_class, vendor_class, vendor_opts; /* raw */
    uint8_t reconf_msg;
    unsigned n_dns;
    struct ipaddr dns[DHCP6_SERVERS_MAX];
    unsigned n_domains;
    uint8_t domains[DHCP6_DOMAINS_MAX][DNAME_MAX];
    uint32_t refresh_time_s, sol_max_rt_s, inf_max_rt_s;
    struct dhcp6_fqdn fqdn;
    unsigned n_ntp;
    struct dhcp6_ntp ntp[DHCP6_NTP_MAX];
    unsigned n_dnr;
    struct dhcp6_dnr dnr[DHCP6_DNR_MAX];
    struct dhcp6_others others; /* options that have no row here, in their order */
};

/* One level of RELAY-FORW or RELAY-REPL (s9). */
struct dhcp6_relay {
    uint32_t has;
    uint8_t type, hop_count;
    struct ipaddr link, peer;
    struct dhcp6_bytes message; /* what it carries */
    struct dhcp6_bytes interface_id;
    struct dhcp6_bytes remote_id; /* enterprise number and all */
    struct dhcp6_bytes linklayer; /* hardware type in two bytes, then the address (RFC 6939 s4) */
    struct dhcp6_others others;
};

/* Reads a message of a client or server, any type but RELAY-FORW and RELAY-REPL. An option that stands twice
 * where it may stand once: the first one counts. 0; -EBADMSG: cut, or an option that matters (identifiers,
 * IAs, their addresses, status codes, ORO, numbers of the protocol) has not the form that it must have; *ret
 * is then unspecified. Malformed options of other kinds are left out and counted. */
MUST_CHECK int dhcp6_read(const void *bytes, size_t len, struct dhcp6_message *ret);

/* Writes what `has` says. 0 or -EMSGSIZE, w->bad then set. */
MUST_CHECK int dhcp6_write(struct writer *w, const struct dhcp6_message *m);

/* The type of a message, 0: it is empty. */
static inline uint8_t dhcp6_type(const void *bytes, size_t len)
{
    return len > 0 ? *(const uint8_t *)bytes : 0;
}

/* Reads the relay levels of a message, outermost first, at most DHCP6_RELAYS_MAX, and says where the message
 * of client or server lies within them (the whole, if it was not relayed). All levels have the same type.
 * Returns how many levels there are, or -EBADMSG: cut, nested deeper, a level that carries no message, mixed
 * types. */
MUST_CHECK int dhcp6_unwrap(const void *bytes, size_t len, struct dhcp6_relay relays[static DHCP6_RELAYS_MAX],
                            struct dhcp6_bytes *ret_message);

/* The other way: writes n levels, outermost first, around the message. What relays[i].message says is not
 * used. 0 or -EMSGSIZE. */
MUST_CHECK int dhcp6_wrap(struct writer *w, const struct dhcp6_relay *relays, unsigned n, const void *message,
                          size_t len);

/* The name of a message type or option, as the RFC writes it; NULL: not known here. For logs and tests. */
const char *dhcp6_type_name(uint8_t type);
const char *dhcp6_option_name(uint16_t code);

/* The IA of that code and identifier; NULL. */
const struct dhcp6_ia *dhcp6_find_ia(const struct dhcp6_message *m, uint16_t code, uint32_t iaid);
/* The Option Request option asks for it. */
bool dhcp6_asks_for(const struct dhcp6_message *m, uint16_t code);
bool dhcp6_bytes_equal(struct dhcp6_bytes a, struct dhcp6_bytes b);

#endif
