/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the DHCPv6 client share; nobody else includes it.
 *
 *   dhcp6_client.c          the life of a client: start, modes, stop, deadlines, which exchange follows which
 *   dhcp6_client_send.c     retransmission (RFC 9915 s15) and the making of messages
 *   dhcp6_client_reply.c    what comes in: whom to believe, what it means (s18.2.9, s18.2.10)
 *   dhcp6_client_reconfigure.c  servers that call (s18.2.11), and their keys (s20.4)
 *   dhcp6_client_lease.c    the addresses that stand, their times, and the form in which they are saved
 *   dhcp6_client_register.c registration of self-made addresses (RFC 9686)
 *
 * Events are not queued. A change of state leaves a mark (struct binding.add, x->say_lost, transmission.send)
 * and dhcp6_client_next turns marks into events, so there is no queue that a flood could fill, and what has
 * been overtaken is never said.
 */
#ifndef LIBIOTHCONF_DHCP6_CLIENT_STATE_H
#define LIBIOTHCONF_DHCP6_CLIENT_STATE_H

#include "libiothconf/dhcp6_client.h"
#include "wire/dhcp6.h"

/* What this client does at the moment. */
enum dhcp6_state {
    DHCP6_AT_REST,
    DHCP6_WAITING, /* until wait_until, and for the end of a DECLINE; then it solicits */
    DHCP6_SOLICITING,
    DHCP6_REQUESTING,
    DHCP6_CONFIRMING,
    DHCP6_BOUND,
    DHCP6_RENEWING,
    DHCP6_REBINDING,
    DHCP6_ASKING,   /* INFORMATION-REQUEST */
    DHCP6_INFORMED, /* until x->refresh_at */
};

/* SOL_MAX_RT and INF_MAX_RT (s7.6) until a server sets them. */
#define DHCP6_MAX_RT (3600 * NSEC_PER_SEC)

/* When a message is sent again and for how long (RFC 9915 s7.6, s15). */
struct dhcp6_schedule {
    uint8_t type;
    unsigned parts;  /* of the message, as dhcp6_client_send.c has them */
    nsec_t irt, mrt; /* initial and maximum retransmission time; mrt 0: no maximum */
    unsigned mrc;    /* how many times in all; 0: any number */
    nsec_t mrd;      /* for how long; 0: for ever */
};

struct dhcp6_transmission {
    const struct dhcp6_schedule *schedule; /* NULL: none is going on */
    uint32_t xid;
    nsec_t began; /* its first message was sent: count > 0 */
    nsec_t rt;
    nsec_t due; /* the next message, or the end */
    unsigned count;
    bool send;   /* a message is to be made by dhcp6_client_next */
    bool called; /* a RECONFIGURE began it */
};

/* Seconds can be long ones: the largest there are, counted from now. */
static inline nsec_t dhcp6_after(nsec_t now, uint32_t seconds)
{
    return seconds == DHCP6_INFINITY ? NSEC_NEVER : now + seconds * NSEC_PER_SEC;
}

/* Leases are few: an IA holds up to DHCP6_LEASES_MAX, and as many again may be on their way out. */
#define DHCP6_BINDINGS_MAX (2 * DHCP6_LEASES_MAX)

struct dhcp6_binding {
    struct ipaddr addr;
    nsec_t preferred_until, valid_until;
    bool used;     /* it is ours; a place that is neither used nor to be taken away is free */
    bool told;     /* ADDR_ADD was said */
    bool add, del; /* ... is to be said */
};

/* The best ADVERTISE so far, then what is asked for in a REQUEST. */
struct dhcp6_offer {
    bool is_there;
    struct duid server;
    uint8_t preference;
    unsigned n;
    struct ipaddr addrs[DHCP6_LEASES_MAX];
};

/* RELEASE or DECLINE: addresses that are not ours any more, and of whom we had them. */
struct dhcp6_parting {
    struct dhcp6_transmission sending;
    struct duid server;
    unsigned n;
    struct ipaddr addrs[DHCP6_LEASES_MAX];
};

#define DHCP6_KEY_LEN  16                          /* s20.4.1 */
#define DHCP6_AUTH_LEN (3 + 8 + 1 + DHCP6_KEY_LEN) /* an Authentication option with one (s21.11) */

/* By which a server proves that a RECONFIGURE is its own. */
struct dhcp6_key {
    struct duid server; /* len 0: there is no key */
    uint8_t bytes[DHCP6_KEY_LEN];
    uint64_t count; /* of the last message: replay detection (s20.3) */
};

struct dhcp6_registration {
    struct ipaddr addr;
    nsec_t preferred_until, valid_until;
    bool used;
    bool leaving; /* a last message is to be said, that it goes */
    struct dhcp6_transmission sending;
    bool known;               /* servers were told, of ... */
    nsec_t known_valid_until; /* ... this end */
    nsec_t next_refresh;      /* NextAddrRegRefreshTime (RFC 9686 s4.6) */
    nsec_t refresh_at;        /* scheduled; NSEC_NEVER */
};

/* A message of ours is far below this: the smallest MTU less the headers of IPv6 and UDP. */
#define DHCP6_SEND_MAX (1280 - 48)
/* A saved lease is a message with all name servers and domains. */
#define DHCP6_SAVE_MAX 8192

struct dhcp6_client {
    struct client_env env;
    struct duid duid;
    uint32_t iaid;
    bool rapid_commit;
    enum dhcp6_mode mode;
    bool started;
    bool restored; /* from a saved lease, and not started yet */

    enum dhcp6_state state;
    nsec_t now; /* of the latest call */
    struct dhcp6_transmission main;
    struct dhcp6_offer offer;
    struct dhcp6_parting parting;
    nsec_t wait_until;
    unsigned failures; /* discoveries in a row that led to nothing useful */
    nsec_t sol_max_rt, inf_max_rt;

    struct duid server; /* who gave the leases; len 0: nobody */
    nsec_t t1_at, t2_at;
    nsec_t refresh_at;
    struct dhcp6_key key;
    nsec_t deaf_until; /* no other RECONFIGURE is heard so soon, by whatever key */
    struct dhcp6_binding bindings[DHCP6_BINDINGS_MAX];
    struct client_names names;

    bool configured; /* something stands */
    bool told_bound; /* BOUND was said, and LOST was not */
    bool say_bound, say_lost, say_names, say_save;

    bool registers;  /* a server wants to know of self-made addresses */
    uint32_t desync; /* in 1/65536: 0.9 to 1.1 */
    struct dhcp6_registration registrations[DHCP6_REGISTRATIONS_MAX];

    uint8_t bytes[DHCP6_SAVE_MAX]; /* of the event that was taken last */
};

/* --- dhcp6_client_send.c --- */

/* What is left of a lifetime, in whole seconds. */
uint32_t dhcp6_seconds_left(nsec_t until, nsec_t now);
uint32_t dhcp6_random(const struct dhcp6_client *x);
/* A random part of span, 0 to all of it. */
nsec_t dhcp6_random_part(const struct dhcp6_client *x, nsec_t span);
/* The first message of that type goes out after `delay`. */
void dhcp6_begin(struct dhcp6_client *x, struct dhcp6_transmission *t, uint8_t type, nsec_t delay);
void dhcp6_end(struct dhcp6_transmission *t);
static inline bool dhcp6_is_due(const struct dhcp6_transmission *t, nsec_t now)
{
    return t->schedule && t->due <= now;
}
/* To be called when it is due: marks the next message as to be sent and computes when the one after it is;
 * false: that was all, and it is ended. */
bool dhcp6_again(struct dhcp6_client *x, struct dhcp6_transmission *t);
static inline nsec_t dhcp6_due(const struct dhcp6_transmission *t)
{
    return t->schedule ? t->due : NSEC_NEVER;
}
/* Make the message that is to be sent, and fill in a CLIENT_SEND. */
void dhcp6_send_main(struct dhcp6_client *x, struct client_event *ret);
void dhcp6_send_parting(struct dhcp6_client *x, struct client_event *ret);
void dhcp6_send_registration(struct dhcp6_client *x, const struct dhcp6_registration *r,
                             struct client_event *ret);

/* --- dhcp6_client.c --- */

/* Looks for servers from now on; `delay`: before the first message. */
void dhcp6_discover(struct dhcp6_client *x, nsec_t delay);
/* The same after a failure: later each time. */
void dhcp6_discover_again(struct dhcp6_client *x);
/* Asks x->offer.server for x->offer.addrs. */
void dhcp6_request(struct dhcp6_client *x);
/* What is to be done next about the leases that stand, by the times that they have; without any:
 * discovery. */
void dhcp6_settle(struct dhcp6_client *x);
/* Nothing stands any more: DEL for all, LOST. */
void dhcp6_lose(struct dhcp6_client *x);
/* A whole new configuration stands: BOUND is to be said. */
void dhcp6_configured(struct dhcp6_client *x);

/* --- dhcp6_client_reply.c --- */

/* A message of a server: whom it answers, and what follows from it. */
void dhcp6_take_message(struct dhcp6_client *x, const struct dhcp6_message *m);

/* --- dhcp6_client_reconfigure.c --- */

/* The key of a REPLY, if it has one; without one that of another server is forgotten. */
void dhcp6_take_key(struct dhcp6_client *x, const struct dhcp6_message *m);
void dhcp6_forget_key(struct dhcp6_client *x);
/* Adds it, if there is one, to a message that views `bytes`. */
void dhcp6_put_key(const struct dhcp6_client *x, struct dhcp6_message *m,
                   uint8_t bytes[static DHCP6_AUTH_LEN]);
/* What is asked for now is meant for the server that has called for it, and for no other (s18.2.6). */
bool dhcp6_asks_caller(const struct dhcp6_client *x);
/* The exchange that a RECONFIGURE leads to, the type of its first message; 0: it is to be dropped. m: as read from the
 * packet. */
uint8_t dhcp6_take_reconfigure(struct dhcp6_client *x, const struct client_packet *packet,
                               const struct dhcp6_message *m);

/* --- dhcp6_client_lease.c --- */

/* An address that a server may give, and that may be registered: global or unique local unicast. */
bool dhcp6_is_assignable(const struct ipaddr *addr);
/* A lease that can be used: its lifetimes make sense, and are not 0. */
bool dhcp6_is_usable(const struct dhcp6_lease *lease);
/* How many there are in the IA. */
unsigned dhcp6_usable(const struct dhcp6_ia *ia);
/* T1 is not beyond T2; an IA of which that is not true is as if it were not there (s21.4). */
bool dhcp6_ia_is_sane(const struct dhcp6_ia *ia);
unsigned dhcp6_n_bound(const struct dhcp6_client *x);
/* The addresses that stand; returns how many. */
unsigned dhcp6_bound(const struct dhcp6_client *x, struct ipaddr ret[static DHCP6_LEASES_MAX]);
/* That of an address, NULL; it may be on its way out (`used` false). */
struct dhcp6_binding *dhcp6_binding_of(struct dhcp6_client *x, const struct ipaddr *addr);
/* When the next of them ends; NSEC_NEVER. */
nsec_t dhcp6_next_end(const struct dhcp6_client *x);
void dhcp6_unbind(struct dhcp6_client *x, struct dhcp6_binding *b);
void dhcp6_unbind_all(struct dhcp6_client *x);
/* All of them stand (again): ADDR_ADD for each, NAMES. */
void dhcp6_tell_bindings(struct dhcp6_client *x);
/* The IA takes away, by a lifetime of 0, an address that stands. */
bool dhcp6_withdraws(const struct dhcp6_client *x, const struct dhcp6_ia *ia);
/* Takes over what the IA of a REPLY says. `whole`: addresses that it does not name end. Returns whether other
 * addresses stand now than before. */
bool dhcp6_bind(struct dhcp6_client *x, const struct dhcp6_ia *ia, bool whole);
/* Takes over name servers and search domains; returns whether they are others now. */
bool dhcp6_take_names(struct dhcp6_client *x, const struct dhcp6_message *m);
void dhcp6_forget_names(struct dhcp6_client *x);
/* What is to be kept over a restart, into x->bytes; returns its length, 0: nothing. */
size_t dhcp6_save(struct dhcp6_client *x);
/* The other way; what is restored stands as of time 0, is not told, and to be moved by dhcp6_shift when time
 * begins. */
void dhcp6_restore(struct dhcp6_client *x, const void *saved, size_t len, nsec_t age);
void dhcp6_shift(struct dhcp6_client *x, nsec_t by);

/* --- dhcp6_client_register.c --- */

/* A server wants to know. */
void dhcp6_registers(struct dhcp6_client *x);
/* The link is another, perhaps: nobody has asked yet, and nobody knows. */
void dhcp6_registers_no_more(struct dhcp6_client *x);
/* `to`: where the packet went to; all zero: not known. */
void dhcp6_registration_reply(struct dhcp6_client *x, const struct dhcp6_message *m, const struct ipaddr *to);
void dhcp6_registrations_timeout(struct dhcp6_client *x);
nsec_t dhcp6_registrations_deadline(const struct dhcp6_client *x);
/* A message about one of them, if there is one to be sent. */
bool dhcp6_registration_next(struct dhcp6_client *x, struct client_event *ret);

#endif
