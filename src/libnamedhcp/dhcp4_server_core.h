/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of the DHCPv4 server. dhcp4_server.c takes requests in and along, dhcp4_server_address.c finds the client's
 * address, dhcp4_server_reply.c writes what is answered. */
#ifndef LIBNAMEDHCP_DHCP4_SERVER_CORE_H
#define LIBNAMEDHCP_DHCP4_SERVER_CORE_H

#include "libnamedhcp/dhcp4_server.h"
#include "libnamedhcp/dhcp_aside.h"
#include "libnamedhcp/dhcp_requests.h"

#define ASKED_TOO_LONG (2 * SERVER_ASK_TIME) /* the driver has promised to answer before */
#define PROBES_MAX     3                     /* addresses tried for one client that others use */

enum request4_state {
    REQUEST4_NEW,     /* the A record of its name is to be asked for */
    REQUEST4_ASKED,   /* it has been */
    REQUEST4_NEXT,    /* the TXT record is to be asked for */
    REQUEST4_DETAILS, /* it has been */
    REQUEST4_PROBE,   /* its address is to be probed */
    REQUEST4_PROBING,
    REQUEST4_READY, /* what there is to do is known: `todo`, then the reply */
};

enum reply4 { REPLY4_NONE, REPLY4_OFFER, REPLY4_ACK, REPLY4_NAK };

/* What is to be said before the reply goes out. */
enum {
    KEEP_CLAIM = 1,
    KEEP_LEASE = 2, /* what the table knows of `addr` */
    FORGET = 4,     /* of `forgotten` */
};

struct request4 {
    struct dhcp_request head;
    enum request4_state state;
    enum reply4 reply;
    unsigned todo;
    unsigned subnet;
    uint32_t addr;      /* the client's; 0: none, or none of its own (INFORM) */
    uint32_t forgotten; /* KEEP: the table was full */
    uint32_t lease_s;
    int64_t claim_ends;
    unsigned probes;
    uint8_t user[6]; /* who uses `addr`, by ARP; zero: nobody is known to */
    bool pooled;     /* addr is of a pool */
    bool known;      /* there is a record of the client: a lease, a binding, a name */
    bool named;
    uint8_t name[DNAME_MAX];
    uint8_t identity_len;
    uint8_t identity[SERVER_IDENTITY_MAX];
    char details[SERVER_ANSWER_TEXT]; /* the TXT record of the name, "" */
};

struct dhcp4_server {
    struct server_env env;
    struct siphash_key key;
    struct dhcp4_server_settings set;
    struct dhcp_requests requests;
    struct server_time now;
    struct dhcp_aside aside;
    struct server_lease lease;
    uint8_t bytes[DHCP4_MESSAGE_MAX];
    struct dhcp4_message in; /* of the request that is worked on */
    struct dhcp4_server_stats stats;
};

/* The message of a request, in s->in. */
void request4_read(struct dhcp4_server *s, const struct request4 *r);
const struct dhcp4_subnet *subnet_of(const struct dhcp4_server *s, const struct request4 *r);
/* What the server is called in its reply: as the client has called it, else by its address on the request's link. */
uint32_t server_id_for(const struct dhcp4_server *s, const struct request4 *r);
/* A person hears of it, now and then. */
void note4(struct dhcp4_server *s, const struct request4 *r, const char *what);

/* --- dhcp4_server_address.c --- */

/* Has the client's address looked for, or knows it at once; request4_decide follows when it is known (0: there is none). */
void request4_find_address(struct dhcp4_server *s, struct request4 *r);
/* The probed address is in use: another one, unless the client itself uses it. mac: as dhcp4_server_in_use. */
void request4_hear_of_use(struct dhcp4_server *s, struct request4 *r, const uint8_t *mac);
/* Who the client is to the policy of names, with its wish, if it has one, in `wanted`; views into that, r and s->in, which is the
 * request's message. */
struct name_policy_client client4_of(const struct dhcp4_server *s, const struct request4 *r,
                                     uint8_t wanted[static DNAME_MAX]);
/* The client's name by the policy, in r->name. */
void request4_find_name(struct dhcp4_server *s, struct request4 *r);
bool is_of_client(const struct lease *l, const struct request4 *r);
/* Puts down what is known of r->addr from now on. False: no room. */
bool put_lease(struct dhcp4_server *s, struct request4 *r, enum server_lease_state state, int64_t ends,
               bool offered);

/* --- dhcp4_server.c --- */
void request4_decide(struct dhcp4_server *s, struct request4 *r);

/* --- dhcp4_server_reply.c --- */

/* Writes the reply into s->bytes; fills in where it goes. Its length; 0: it does not fit. */
size_t request4_reply(struct dhcp4_server *s, const struct request4 *r, struct server_packet *ret);

#endif
