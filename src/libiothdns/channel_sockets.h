/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sockets of a channel (outlets), one for each attempt. Inside the channel: channel.c drives, channel_sockets.c opens
 * and closes, channel_udp.c and channel_tcp.c speak. */
#ifndef IOTHDNS_CHANNEL_SOCKETS_H
#define IOTHDNS_CHANNEL_SOCKETS_H

#include "libiothdns/channel.h"
#include "libiothdns/exchange_message.h"
#include "libiothdns/upstream/upstream_socket.h"

enum {
    LENGTH_LEN = 2, /* RFC 1035 s4.2.2 */
    STREAM_QUERY_MAX = LENGTH_LEN + QUERY_LEN_MAX,
    STREAM_REPLY_MAX = LENGTH_LEN + DNS_MSG_MAX,
    DATAGRAM_MAX =
        4096,        /* we ask for 1232 bytes at the most (DNS_UDP_EDNS); what is longer than this is cut */
    STRAYS_MAX = 16, /* wrong replies after which a port counts as found out */
};

struct outlet {
    struct outlet *next, **at; /* among the open ones; `next` among the dead */
    int fd;                    /* -1: closed */
    attempt_id attempt;
    struct ipendpoint server;
    unsigned strays;
    bool tcp, connecting;
    size_t out_len, out_sent; /* TCP: of `out` */
    uint8_t out[STREAM_QUERY_MAX];
    uint8_t *in; /* TCP: of the reply, with its length; grows with what has come */
    size_t in_len, in_size;
};

struct channel {
    struct channel *next; /* among the idle ones */
    struct iothdns *d;
    struct exchange_table *table;
    int epoll;                  /* -1: none, poll is used */
    struct outlet *open, *dead; /* dead: closed, but events and replies may still name them */
    unsigned n_open;
    uint32_t last_id; /* of a question */
    int own_fault;    /* the last error of our own side, 0: none so far */
    bool no_random;   /* there was none when some was wanted */
};

/* --- channel.c --- */

/* Unpredictable bytes; arg is the channel. */
void channel_draw(void *arg, void *bytes, size_t len);
/* A message that came for it goes to the exchange table, and what follows is carried out. False: it was not to what was
 * asked. The outlet may be dead afterwards, its memory stays. */
bool channel_input(struct channel *ch, struct outlet *o, const uint8_t *bytes, size_t len);
/* Its socket has come to an end. */
void channel_failed(struct channel *ch, struct outlet *o);
/* Somebody guesses. */
void channel_guessed(struct channel *ch, struct outlet *o);

/* --- channel_sockets.c --- */

/* A socket connected, or connecting (TCP), to the server, for this attempt. 0 or -errno. */
MUST_CHECK int outlet_open(struct channel *ch, const struct exchange_event *e, struct outlet **ret);
/* Takes NULL, and one that is dead. */
void outlet_close(struct channel *ch, struct outlet *o);
void outlets_bury(struct channel *ch);
/* What poll, or epoll, is to say about it. */
short outlet_events(const struct outlet *o);
/* The same for epoll, after it has changed. 0 or -errno. */
MUST_CHECK int outlet_watch(const struct channel *ch, struct outlet *o, int operation);

/* --- channel_udp.c, channel_tcp.c: send the message, serve what poll says --- */

/* 0, or -errno: -ECONNREFUSED is the server's, all others are ours. */
MUST_CHECK int udp_send(struct outlet *o, const struct exchange_event *e);
void udp_serve(struct channel *ch, struct outlet *o);
MUST_CHECK int tcp_send(struct outlet *o, const struct exchange_event *e);
void tcp_serve(struct channel *ch, struct outlet *o, short events);

#endif
