// SPDX-License-Identifier: LGPL-2.1-or-later
/* An upstream for floods: answers every question that comes by UDP with one A record, whatever was asked.

       dns_responder IPV4 PORT [DELAY_MS]

   With DELAY_MS each answer comes that much later, as from a server far away.
   It prints "ready" once its socket is bound, and runs until it is killed. It trusts its only client, the
   server under test, as far as the length of a packet goes: what is shorter than a question, or does not fit
   its buffer with the answer added, is dropped. A reply is the question, the letter case and the id as they
   came, flags QR RD RA, and the record; an OPT record that followed the question is not repeated.
*/
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH       64
#define HEADER_LEN  12
#define MESSAGE_MAX 512
#define DELAYED_MAX 8192 /* answers that wait for their time; more are lost */

static const uint8_t answer_record[] = {
    0xc0, 0x0c,                   /* the name of the question */
    0,    1,    0,    1,          /* A IN */
    0,    0,    0x0e, 0x10,       /* 3600 s */
    0,    4,    192,  0,    2, 1, /* 192.0.2.1 */
};

/* Where the question that starts after the header ends; 0 if it does not end within len bytes. */
static size_t question_end(const uint8_t *message, size_t len)
{
    size_t at = HEADER_LEN;
    while (at < len && message[at] != 0 && message[at] < 64)
        at += message[at] + 1u;
    at += 1 + 4;
    return at <= len ? at : 0;
}

/* Turns the question in `message` into its reply; returns the reply's length, or 0 if there is none. */
static size_t make_reply(uint8_t message[static MESSAGE_MAX], size_t len)
{
    const size_t end = question_end(message, len);
    if (end == 0 || end + sizeof(answer_record) > MESSAGE_MAX || (message[2] & 0x80) != 0)
        return 0;
    static const uint8_t flags_and_counts[] = {0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0};
    memcpy(message + 2, flags_and_counts, sizeof(flags_and_counts));
    memcpy(message + end, answer_record, sizeof(answer_record));
    return end + sizeof(answer_record);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* All wait equally long, so the first that came is the first to go. */
static struct delayed {
    uint64_t due_ms;
    size_t len;
    struct sockaddr_in client;
    uint8_t message[MESSAGE_MAX];
} delayed[DELAYED_MAX];

static void serve_late(int fd, unsigned delay_ms)
{
    unsigned first = 0, next = 0;
    for (;;) {
        for (; first != next && delayed[first % DELAYED_MAX].due_ms <= now_ms(); first++) {
            const struct delayed *d = &delayed[first % DELAYED_MAX];
            sendto(fd, d->message, d->len, 0, (const struct sockaddr *)&d->client, sizeof(d->client));
        }
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (poll(&readable, 1, first == next ? -1 : 1) != 1 || next - first == DELAYED_MAX)
            continue;
        struct delayed *d = &delayed[next % DELAYED_MAX];
        socklen_t client_len = sizeof(d->client);
        const ssize_t len =
            recvfrom(fd, d->message, MESSAGE_MAX, 0, (struct sockaddr *)&d->client, &client_len);
        d->len = len > 0 ? make_reply(d->message, (size_t)len) : 0;
        d->due_ms = now_ms() + delay_ms;
        next += d->len > 0;
    }
}

static void serve(int fd)
{
    static uint8_t messages[BATCH][MESSAGE_MAX];
    static struct sockaddr_in clients[BATCH];
    struct iovec vectors[BATCH];
    struct mmsghdr headers[BATCH];

    for (;;) {
        for (unsigned i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){.iov_base = messages[i], .iov_len = MESSAGE_MAX};
            headers[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &clients[i],
                                                      .msg_namelen = sizeof(clients[i]),
                                                      .msg_iov = &vectors[i],
                                                      .msg_iovlen = 1}};
        }
        const int received = recvmmsg(fd, headers, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < received; i++) {
            const size_t len = make_reply(messages[i], headers[i].msg_len);
            vectors[i].iov_len = len;
            if (len > 0)
                sendmsg(fd, &headers[i].msg_hdr, 0);
        }
    }
}

int main(int argc, char *argv[])
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    if (argc < 3 || argc > 4 || inet_pton(AF_INET, argv[1], &own.sin_addr) != 1) {
        fprintf(stderr, "usage: dns_responder IPV4 PORT [DELAY_MS]\n");
        return 2;
    }
    own.sin_port = htons((uint16_t)atoi(argv[2]));

    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const int buffer_bytes = 8 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) != 0) {
        perror("dns_responder");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    if (argc == 4)
        serve_late(fd, (unsigned)atoi(argv[3]));
    serve(fd);
}
