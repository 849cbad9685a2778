/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A channel: an exchange table (exchange.h) with the sockets of its attempts on the handle's stack. One thread uses it at a
 * time. Questions of a channel are under way all at once. Inside the library.
 */
#ifndef IOTHDNS_CHANNEL_H
#define IOTHDNS_CHANNEL_H

#include "libiothdns/exchange.h"
#include "libiothdns/handle.h"

/* Channels that rest in a handle, each with what it knows about the servers: as many as there are threads at work in most
 * programs; more are freed after use. */
#define CHANNELS_IDLE_MAX 16

/* Sockets of one channel at once: half of the descriptors that processes have at the least; servers that keep silent must
 * not take them all. */
#define OUTLETS_MAX 512

struct channel_question {
    struct exchange_waiter waiter; /* the first member */
    uint8_t name[DNAME_MAX];       /* in lower case */
    struct exchange_question asked;
    uint32_t id;            /* nothing else has it: no two questions share an exchange */
    bool trust_ad;          /* its reply may keep the bit AD */
    const uint8_t *spelled; /* the name as the caller spells it */
    /* Once it is over: */
    bool over;
    int error;      /* 0: there is a reply; else as struct resolve_question has it */
    uint8_t *reply; /* the caller's, to be freed */
    size_t reply_len;
    void (*ended)(struct channel_question *q); /* called as soon as it is over; asks nothing. NULL: nobody */
};

/* One for at most max questions at once. epoll: its sockets can be waited for by one descriptor (channel_fd). 0 or -errno. */
MUST_CHECK int channel_new(struct iothdns *d, uint32_t max, bool epoll, struct channel **ret);
/* What is under way is forgotten. Takes NULL. */
void channel_free(struct channel *ch);

/* An idle channel of the handle, or a new one, for RESOLVE_MAX questions; and back. */
MUST_CHECK int channel_take(struct iothdns *d, struct channel **ret);
void channel_give(struct iothdns *d, struct channel *ch);
void channels_free(struct iothdns *d);

/* Not from within `ended`, both of these. */

/* Asks for `name` (wire form, which must stay; as spelled) by the configuration, flags IOTHDNS_ASK_... 0, or -errno: it was
 * not asked. It may be over when this returns. */
MUST_CHECK int channel_ask(struct channel *ch, const struct resolvconf *conf, const uint8_t *name,
                           uint16_t type, int flags, struct channel_question *q);
/* Ends one that is under way, as timed out, without `ended`. */
void channel_cancel(struct channel *ch, struct channel_question *q);

/* When the channel wants to be served at the latest. */
nsec_t channel_deadline(const struct channel *ch);
/* Waits until something happens, at the latest at `until`, and serves it. 0 or -errno. */
MUST_CHECK int channel_wait(struct channel *ch, nsec_t until);
/* With epoll: what there is to wait for, and serving it without waiting. 0 or -errno. */
int channel_fd(const struct channel *ch);
MUST_CHECK int channel_dispatch(struct channel *ch);

#endif
