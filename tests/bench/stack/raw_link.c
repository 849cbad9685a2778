/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a virtual network can carry by itself: frames straight from and to libvdeplug, no stack anywhere. The
 * figures of stacks on the same network stand beside these.
 *
 *     raw_link serve VNL                          the far end, until it is killed
 *     raw_link echo VNL OUTSTANDING SECONDS       frames of 106 bytes, as a UDP message of 64 has, there and back
 *     raw_link flood VNL LEN SECONDS              frames of LEN bytes one way, as fast as they are taken
 *
 * The far end echoes frames of kind ECHO, counts those of kind DATA, and tells the count when asked by REPORT,
 * which starts it anew. The clients print one line of JSON.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libvdeplug.h>

#include "window.h"

enum {
    HEADER_LEN = 14,
    ECHO_LEN = HEADER_LEN + 20 + 8 + MESSAGE_LEN, /* with the room of an IPv4 and a UDP header */
    KIND_AT = HEADER_LEN,
    MESSAGE_AT = ECHO_LEN - MESSAGE_LEN,
    COUNT_AT = KIND_AT + 8,
    FRAME_MAX = VDE_ETHBUFSIZE,
};

enum kind { ECHO = 1, DATA, REPORT };

static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

struct link {
    VDECONN *conn;
    unsigned end; /* which one: 0 or 1 */
};

static void link_open(struct link *link, char *vnl, unsigned end)
{
    link->conn = vde_open(vnl, (char *)"raw_link", NULL);
    link->end = end;
    if (link->conn == NULL) {
        perror(vnl);
        exit(1);
    }
}

/* The header of a frame to the other end; an Ethernet type of the kind for local experiments. */
static void address_frame(const struct link *link, uint8_t *frame, enum kind kind)
{
    memcpy(frame, macs[!link->end], 6);
    memcpy(frame + 6, macs[link->end], 6);
    frame[12] = 0x88;
    frame[13] = 0xb5;
    frame[KIND_AT] = (uint8_t)kind;
}

/* Is this frame from the other end? */
static bool is_ours(const struct link *link, const uint8_t *frame, ssize_t len)
{
    return len >= ECHO_LEN && memcmp(frame, macs[link->end], 6) == 0 && frame[12] == 0x88 &&
           frame[13] == 0xb5;
}

static void serve(struct link *link)
{
    static uint8_t frame[FRAME_MAX];
    uint64_t count = 0;

    puts("ready");
    fflush(stdout);
    for (;;) {
        const ssize_t len = vde_recv(link->conn, frame, sizeof(frame), 0);
        if (len < 0 && errno != EAGAIN && errno != EINTR)
            exit(1);
        if (!is_ours(link, frame, len))
            continue;
        const enum kind kind = frame[KIND_AT];
        if (kind == DATA) {
            count++;
            continue;
        }
        if (kind == REPORT) {
            memcpy(frame + COUNT_AT, &count, sizeof(count));
            count = 0;
        }
        address_frame(link, frame, kind);
        vde_send(link->conn, frame, (size_t)len, 0);
    }
}

static void send_message(void *context, const uint8_t message[static MESSAGE_LEN])
{
    struct link *link = context;
    uint8_t frame[ECHO_LEN] = {0};

    address_frame(link, frame, ECHO);
    memcpy(frame + MESSAGE_AT, message, MESSAGE_LEN);
    vde_send(link->conn, frame, sizeof(frame), 0);
}

/* Polls first: vde_recv waits where nothing is there, whatever its flags, and on vxvde whatever its descriptor's. */
static int take_message(void *context, uint8_t message[static MESSAGE_LEN])
{
    static uint8_t frame[FRAME_MAX];
    struct link *link = context;
    struct pollfd fd = {.fd = vde_datafd(link->conn), .events = POLLIN};

    if (poll(&fd, 1, 0) != 1)
        return -1;
    const ssize_t len = vde_recv(link->conn, frame, sizeof(frame), 0);
    if (!is_ours(link, frame, len) || frame[KIND_AT] != ECHO)
        return 0;
    memcpy(message, frame + MESSAGE_AT, MESSAGE_LEN);
    return 1;
}

static struct carrier carrier_of(struct link *link)
{
    const struct carrier carrier = {
        .context = link, .fd = vde_datafd(link->conn), .send = send_message, .take = take_message};

    if (!window_warm(&carrier)) {
        fprintf(stderr, "raw_link: nobody answers\n");
        exit(1);
    }
    return carrier;
}

static void run_echo(struct link *link, unsigned outstanding, double seconds)
{
    static struct seen seen;
    const struct carrier carrier = carrier_of(link);

    window_run(&carrier, outstanding, seconds, &seen);
    window_print(&seen);
}

/* Asks the far end how many frames it got; frames before the question are delivered before it. */
static uint64_t ask_count(struct link *link)
{
    static uint8_t frame[FRAME_MAX];
    struct pollfd fd = {.fd = vde_datafd(link->conn), .events = POLLIN};
    uint64_t count = 0, told;

    for (unsigned tries = 0; tries < 100; tries++) {
        address_frame(link, frame, REPORT);
        vde_send(link->conn, frame, ECHO_LEN, 0);
        while (poll(&fd, 1, 50) > 0) {
            const ssize_t len = vde_recv(link->conn, frame, sizeof(frame), 0);
            if (!is_ours(link, frame, len) || frame[KIND_AT] != REPORT)
                continue;
            memcpy(&told, frame + COUNT_AT, sizeof(told));
            return count + told;
        }
    }
    fprintf(stderr, "raw_link: no report\n");
    exit(1);
}

static void run_flood(struct link *link, size_t len, double seconds)
{
    static uint8_t frame[FRAME_MAX];
    uint64_t sent = 0;

    carrier_of(link);
    ask_count(link);
    address_frame(link, frame, DATA);
    const uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
    while (now_ns() < end)
        sent += vde_send(link->conn, frame, len, 0) >= 0;
    const double took = (double)(now_ns() - start) / 1e9;
    const uint64_t count = ask_count(link);
    printf("{\"sent\": %llu, \"received\": %llu, \"seconds\": %.6f, \"pps\": %.0f, \"gbits\": %.4f}\n",
           (unsigned long long)sent, (unsigned long long)count, took, (double)count / took,
           (double)count * (double)len * 8 / took / 1e9);
}

int main(int argc, char *argv[])
{
    struct link link;

    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        link_open(&link, argv[2], 1);
        serve(&link);
    } else if (argc == 5 && strcmp(argv[1], "echo") == 0) {
        link_open(&link, argv[2], 0);
        run_echo(&link, (unsigned)atoi(argv[3]), atof(argv[4]));
    } else if (argc == 5 && strcmp(argv[1], "flood") == 0 && atoi(argv[3]) >= ECHO_LEN &&
               atoi(argv[3]) <= FRAME_MAX) {
        link_open(&link, argv[2], 0);
        run_flood(&link, (size_t)atoi(argv[3]), atof(argv[4]));
    } else {
        fprintf(stderr, "usage: raw_link serve VNL | echo VNL OUTSTANDING SECONDS | flood VNL LEN SECONDS\n");
        return 2;
    }
    vde_close(link.conn);
    return 0;
}
