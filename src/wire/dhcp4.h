/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIRE_DHCP4_H
#define WIRE_DHCP4_H
/*
 * Messages of DHCPv4 (RFC 2131 s2), read and written alike for clients, servers and relays. An address is a
 * number: 10.0.0.1 is 0x0a000001. Domain names are in wire form, uncompressed (wire/dname.h).
 *
 * A message that was read has each of its options once, whole: pieces of long ones are put together, wherever
 * in the three fields they stood (RFC 3396). An option that this file knows but whose bytes have not the
 * shape of its kind counts as absent.
 */
#include "base/base.h"
#include "base/cursor.h"
#include "wire/dname.h"

#define DHCP4_SERVER_PORT 67
#define DHCP4_CLIENT_PORT 68

#define DHCP4_MESSAGE_MIN 300  /* bytes of what is sent at the least: BOOTP, RFC 951 s3; RFC 1542 s2.1 */
#define DHCP4_MESSAGE_MAX 1472 /* what an Ethernet frame holds; our option 57 says so, and servers obey it */
#define DHCP4_DATAGRAM    576  /* with IP and UDP header; that each client takes (RFC 2131 s2) */

enum dhcp4_op { DHCP4_BOOTREQUEST = 1, DHCP4_BOOTREPLY = 2 };

enum dhcp4_type {                    /* of message, option 53 (RFC 2132 s9.6; 3203, 4388, 6926) */
                  DHCP4_NO_TYPE = 0, /* BOOTP */
                  DHCP4_DISCOVER = 1,
                  DHCP4_OFFER = 2,
                  DHCP4_REQUEST = 3,
                  DHCP4_DECLINE = 4,
                  DHCP4_ACK = 5,
                  DHCP4_NAK = 6,
                  DHCP4_RELEASE = 7,
                  DHCP4_INFORM = 8,
                  DHCP4_FORCERENEW = 9,
                  DHCP4_LEASEQUERY = 10,
};

/* Options that somebody here calls by name. All that are known: dhcp4_option_kinds. */
enum dhcp4_code {
    DHCP4_PAD = 0,
    DHCP4_SUBNET_MASK = 1,
    DHCP4_ROUTERS = 3,
    DHCP4_NAME_SERVERS = 6,
    DHCP4_HOST_NAME = 12,
    DHCP4_DOMAIN_NAME = 15,
    DHCP4_MTU = 26,
    DHCP4_BROADCAST_ADDRESS = 28,
    DHCP4_STATIC_ROUTES = 33,
    DHCP4_NTP_SERVERS = 42,
    DHCP4_REQUESTED_ADDRESS = 50,
    DHCP4_LEASE_TIME = 51,
    DHCP4_OVERLOAD = 52,
    DHCP4_MESSAGE_TYPE = 53,
    DHCP4_SERVER_ID = 54,
    DHCP4_PARAMETER_LIST = 55,
    DHCP4_MESSAGE = 56,
    DHCP4_MAX_SIZE = 57, /* a u16: of the datagram with its IP and UDP header */
    DHCP4_RENEWAL_TIME = 58,
    DHCP4_REBINDING_TIME = 59,
    DHCP4_VENDOR_CLASS = 60,
    DHCP4_CLIENT_ID = 61,
    DHCP4_USER_CLASS = 77,
    DHCP4_RAPID_COMMIT = 80,
    DHCP4_FQDN = 81,
    DHCP4_RELAY_INFORMATION = 82,
    DHCP4_IPV6_ONLY = 108,
    DHCP4_CAPTIVE_PORTAL = 114, /* RFC 8910 */
    DHCP4_SUBNET_SELECTION = 118,
    DHCP4_DOMAIN_SEARCH = 119,
    DHCP4_CLASSLESS_ROUTES = 121,
    DHCP4_DNR = 162, /* RFC 9463 */
    DHCP4_END = 255,
};

#define DHCP4_FOREVER UINT32_MAX /* of a time in seconds (RFC 2131 s3.3) */

struct dhcp4_header {
    uint8_t op, htype, hlen, hops; /* hlen at most 16 */
    uint32_t xid;
    uint16_t secs;
    bool broadcast; /* the one flag; the others must be zero (s2) */
    uint32_t ciaddr, yiaddr, siaddr, giaddr;
    uint8_t chaddr[16];
    uint8_t sname[64], file[128]; /* NUL-padded; all zero if options stood there */
};

/* A message that was read; owns all its bytes. */
struct dhcp4_message {
    struct dhcp4_header header;
    enum dhcp4_type type;
    uint16_t at[256], len[256]; /* by code: 1 + where in `values` (0: absent), and how many bytes */
    uint8_t values[DHCP4_MESSAGE_MAX];
};

/* ---- options by kind ---- */

enum dhcp4_shape {
    DHCP4_IS_BYTES, /* any, at least as many as `min` of its row says */
    DHCP4_IS_EMPTY, /* it is there, or not */
    DHCP4_IS_FLAG,  /* a byte, 0 or 1 */
    DHCP4_IS_U8,
    DHCP4_IS_U16,
    DHCP4_IS_U32,
    DHCP4_IS_U16S, /* one or more */
    DHCP4_IS_ADDR,
    DHCP4_IS_ADDRS,     /* one or more */
    DHCP4_IS_PAIRS,     /* of addresses, one or more */
    DHCP4_IS_TEXT,      /* one or more bytes, no terminating NUL (RFC 2132 s2) */
    DHCP4_IS_NAMES,     /* domain names, compressed (RFC 3397) */
    DHCP4_IS_ROUTES,    /* RFC 3442 */
    DHCP4_IS_FQDN,      /* RFC 4702 */
    DHCP4_IS_SUBOPTIONS /* code, length, value, one or more (RFC 3046) */
};

struct dhcp4_option_kind {
    uint8_t code;
    const char *name; /* as configurations write it: "domain-search" */
    enum dhcp4_shape shape;
    uint8_t min; /* DHCP4_IS_BYTES: bytes at the least */
};

/* The row of a code, or of a name in any letter case; NULL: not known. */
const struct dhcp4_option_kind *dhcp4_kind_of(uint8_t code);
const struct dhcp4_option_kind *dhcp4_kind_named(const char *name);
/* Has that many bytes the shape of `code`? Always, if the code is not known. */
bool dhcp4_fits(uint8_t code, const uint8_t *bytes, size_t len);

/* ---- reading ---- */

/* 0; -EBADMSG: no DHCP message: too short, another magic cookie, an option cut off; -EMSGSIZE: longer than
 * DHCP4_MESSAGE_MAX. A missing END is forgiven (RFC 2131 s4.1 wants one), bytes behind it are not looked
 * at. */
MUST_CHECK int dhcp4_read(const void *bytes, size_t len, struct dhcp4_message *ret);

/* The value of an option and its length; NULL: absent, or not of its shape. */
const uint8_t *dhcp4_option(const struct dhcp4_message *m, uint8_t code, size_t *ret_len);
bool dhcp4_has(const struct dhcp4_message *m, uint8_t code);

/* Values of one number or address: true and *ret, or false if there is none. dhcp4_u32 serves addresses too. */
bool dhcp4_u8(const struct dhcp4_message *m, uint8_t code, uint8_t *ret);
bool dhcp4_u16(const struct dhcp4_message *m, uint8_t code, uint16_t *ret);
bool dhcp4_u32(const struct dhcp4_message *m, uint8_t code, uint32_t *ret);
/* Addresses of an option, the first `max` of them; how many. */
size_t dhcp4_addrs(const struct dhcp4_message *m, uint8_t code, uint32_t *ret, size_t max);

struct dhcp4_route {
    uint32_t dest;
    unsigned bits;    /* 0..32; dest has no others */
    uint32_t gateway; /* 0: on the link (RFC 3442) */
};

/* The first `max` routes of CLASSLESS_ROUTES, or (dhcp4_static_routes) those of STATIC_ROUTES, whose destinations
 * are single addresses or, if they end in zeros, networks by class (RFC 2132 s5.8); how many. */
size_t dhcp4_classless_routes(const struct dhcp4_message *m, struct dhcp4_route *ret, size_t max);
size_t dhcp4_static_routes(const struct dhcp4_message *m, struct dhcp4_route *ret, size_t max);
/* The first `max` names of DOMAIN_SEARCH; how many. */
size_t dhcp4_domains(const struct dhcp4_message *m, uint8_t (*ret)[DNAME_MAX], size_t max);

/* RFC 4702 s2. */
struct dhcp4_fqdn {
    bool server_updates; /* S: the server enters the address in the DNS */
    bool overridden;     /* O: the server decided otherwise about S */
    bool wire;           /* E: the name is in wire form; else ASCII */
    bool no_updates;     /* N: the server enters nothing at all */
    uint8_t rcode1, rcode2;
    bool complete;           /* the name is whole; else its last labels are missing */
    uint8_t name[DNAME_MAX]; /* with a root label in either case */
};

bool dhcp4_fqdn(const struct dhcp4_message *m, struct dhcp4_fqdn *ret);

/* One of the suboptions in an option of that shape; NULL: absent. */
const uint8_t *dhcp4_suboption(const uint8_t *bytes, size_t len, uint8_t code, size_t *ret_len);

/* ---- writing ---- */

/* Where a message is being written. What does not fit makes it bad, which dhcp4_end tells. */
struct dhcp4_writer {
    struct writer field; /* that options go to now */
    struct writer options;
    uint8_t *base;
    size_t size;
    uint8_t vacant; /* bits of OVERLOAD: fields that may take options, too */
    uint8_t used;   /* that do */
    const uint8_t *relay;
    size_t relay_len;
};

/* How options are laid out. */
struct dhcp4_layout {
    bool overload; /* `file` and `sname` may hold options if they are empty (RFC 2132 s9.3) */
    /* RELAY_INFORMATION to be given back, as the last of all options and not in `file` or `sname` (RFC 3046
     * s2.2); it must live until dhcp4_end. NULL: none. */
    const uint8_t *relay;
    size_t relay_len; /* at most 255 */
};

/* Begins a message of at most `size` bytes in the buffer; layout: NULL for the plain one. */
void dhcp4_begin(struct dhcp4_writer *dw, void *buffer, size_t size, const struct dhcp4_header *header,
                 const struct dhcp4_layout *layout);
/* The end; the length of the message, at least DHCP4_MESSAGE_MIN; or -EMSGSIZE: it did not fit. */
MUST_CHECK int dhcp4_end(struct dhcp4_writer *dw);

/* An option; in pieces if it is longer than 255 bytes (RFC 3396 s5). */
void dhcp4_put(struct dhcp4_writer *dw, uint8_t code, const void *bytes, size_t len);
void dhcp4_put_u8(struct dhcp4_writer *dw, uint8_t code, uint8_t v);
void dhcp4_put_u16(struct dhcp4_writer *dw, uint8_t code, uint16_t v);
void dhcp4_put_u32(struct dhcp4_writer *dw, uint8_t code, uint32_t v); /* and addresses */
void dhcp4_put_addrs(struct dhcp4_writer *dw, uint8_t code, const uint32_t *addrs, size_t n);

/* These write the value of an option alone, for dhcp4_put. The last labels of names are shared where they can be.
 * A domain name is uncompressed in an FQDN. */
void dhcp4_write_routes(struct writer *w, const struct dhcp4_route *routes, size_t n);
void dhcp4_write_domains(struct writer *w, const uint8_t (*names)[DNAME_MAX], size_t n);
void dhcp4_write_fqdn(struct writer *w, const struct dhcp4_fqdn *fqdn);

/* ---- masks ---- */

/* How many bits a subnet mask has, 0..32; -EINVAL: not contiguous. */
int dhcp4_mask_bits(uint32_t mask);
uint32_t dhcp4_mask_of(unsigned bits); /* 0..32 */
/* The bits of the network of an address by its class (RFC 791): 8, 16, 24; 32 above. */
unsigned dhcp4_class_bits(uint32_t addr);

#endif
