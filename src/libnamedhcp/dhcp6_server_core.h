/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of the DHCPv6 server: requests under way. dhcp6_server.c takes them in and along, dhcp6_server_reply.c writes
 * what is answered. */
#ifndef LIBNAMEDHCP_DHCP6_SERVER_CORE_H
#define LIBNAMEDHCP_DHCP6_SERVER_CORE_H

#include "libnamedhcp/dhcp6_server.h"
#include "libnamedhcp/dhcp_aside.h"
#include "libnamedhcp/dhcp_requests.h"

#define DHCP6_REPLY_MAX 4096                 /* with its relays' levels */
#define DECLINED_MAX    256                  /* addresses; then the oldest may be given out again */
#define DECLINED_TIME   (600 * NSEC_PER_SEC) /* it is its name's only address, so not for long */
#define REMEMBERED      1024                 /* clients; of two that share a place the later one stays */

enum request_state {
    REQUEST_NEW,   /* the DNS is to be asked */
    REQUEST_ASKED, /* it has been, and waits */
    REQUEST_READY, /* what there is to say is known */
    REQUEST_KEPT,  /* the claim on the name has been said to be kept */
};

struct request {
    struct dhcp_request head;
    enum request_state state;
    uint8_t type;
    enum name_verdict verdict;
    uint8_t name[DNAME_MAX]; /* if it is NAME_GIVEN */
    enum server_answer_status status;
    uint32_t ttl_s;
    unsigned n_addrs;
    struct ipaddr addrs[SERVER_ANSWER_ADDRS]; /* sorted, those that may be given out */
    bool keep;                                /* the claim is to be kept until then */
    int64_t claim_ends;
};

/* The name that a client gave last: some of its messages have none (RFC 4704 s5). */
struct remembered {
    uint8_t duid_len; /* 0: nobody */
    uint8_t duid[DHCP6_DUID_MAX];
    uint8_t name[DNAME_MAX];
};

struct dhcp6_server {
    struct server_env env;
    struct siphash_key key;
    struct dhcp6_server_settings set;
    uint8_t duid[DHCP6_DUID_MAX];
    struct dhcp_requests requests;
    struct remembered *remembered; /* REMEMBERED of them, by the hash of the DUID */
    struct {
        struct ipaddr addr;
        nsec_t until;
    } declined[DECLINED_MAX];
    struct server_time now; /* of the last call */
    struct dhcp_aside aside;
    struct server_lease lease;
    uint8_t reply[DHCP6_REPLY_MAX];
    struct dhcp6_server_stats stats;
};

/* A message that was taken apart. */
struct dhcp6_received {
    int n_relays;
    struct dhcp6_relay relays[DHCP6_RELAYS_MAX];
    struct dhcp6_message m;
};

/* 0 or -EBADMSG. */
MUST_CHECK int dhcp6_received_read(const void *bytes, size_t len, struct dhcp6_received *ret);

/* Something is to be said to the client, now that what there is to know is known. */
bool request_has_reply(const struct request *r);
/* Writes the reply into s->reply; fills in where it goes. Its length, 0: it does not fit. */
size_t request_reply(struct dhcp6_server *s, const struct request *r, struct server_packet *ret);

#endif
