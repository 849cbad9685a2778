/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAB_FRAMES_H
#define LAB_FRAMES_H
/*
 * Ethernet frames from somebody hostile, and from a good neighbour, who share one place on the network. The subject has
 * the MAC address FRAMES_OWN_MAC, the addresses 10.0.0.1 and fc00::1, a TCP listener at port 80, an UDP socket at 53 and
 * an UDP echo at 7; the neighbour has 10.0.0.2 and fc00::2.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_BYTES = 1600, FRAMES_BEGUN_MAX = 128 };

#define FRAMES_OWN_MAC                                                                                       \
    {                                                                                                        \
        2, 0, 0, 0, 0, 1                                                                                     \
    }

/* ---- frames ---- */

/* How many seeds there are, and seed number n, a frame that means something to the subject; its length. */
unsigned frame_seeds(void);
size_t frame_seed(unsigned n, uint8_t frame[static FRAME_BYTES]);
/* Makes the checksums of IPv4, TCP, UDP and ICMP right. */
void frame_fix_checksums(uint8_t *frame, size_t len);

/* Chance that is the same in each run; begins as zeros. */
struct chance {
    uint64_t state;
};
uint32_t chance(struct chance *chance, uint32_t below);
/* Changes a few bytes and the length, which is returned. */
size_t frame_mutate(struct chance *random, uint8_t frame[static FRAME_BYTES], size_t len);

/* ---- connections ---- */

/* What the hostile peer knows of its connections, the last that was answered over IPv4 and IPv6, and how many were begun
 * and reset; begins as zeros. */
struct frame_peer {
    struct frame_connection {
        uint16_t port;
        uint32_t seq, ack;
    } last[2];
    uint32_t begun, reset;
    bool begun_by_v6[FRAMES_BEGUN_MAX];
};

/* If the frame is a TCP segment: a SYN opens a new connection, any other one becomes part of the one that was answered
 * last. */
void frame_peer_say(struct frame_peer *peer, uint8_t *frame, size_t len);
/* Looks at a frame that the subject sent. */
void frame_peer_hear(struct frame_peer *peer, const uint8_t *frame, size_t len);
/* Writes the reset of a connection that was begun some time ago and not yet reset; 0: there is none. */
size_t frame_peer_reset(struct frame_peer *peer, uint8_t frame[static FRAME_BYTES]);

/* A mutated seed, said by the peer; its length. */
size_t frame_make(struct chance *random, struct frame_peer *peer, uint8_t frame[static FRAME_BYTES]);

/* ---- the good neighbour ---- */

/* Writes the answer to a question for its MAC address (ARP, neighbour discovery); 0: the frame is none. */
size_t frame_answer(const uint8_t *question, size_t len, uint8_t frame[static FRAME_BYTES]);

enum frame_probe { FRAME_PING4, FRAME_PING6, FRAME_UDP4, FRAME_UDP6, FRAME_PROBES };

/* Writes a probe: ping or a datagram to the echo. */
size_t frame_probe(enum frame_probe probe, uint16_t number, uint8_t frame[static FRAME_BYTES]);
bool frame_is_reply(enum frame_probe probe, uint16_t number, const uint8_t *frame, size_t len);

#endif
