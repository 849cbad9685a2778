/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The other end of the measurements of tests/bench/dns:
 *
 *     dns_answer echo IPV4 PORT [THREADS]      sends every packet back with QR set
 *     dns_answer upstream IPV4 PORT [THREADS]  answers every question
 *
 * `echo` is the least that a DNS server can do on this machine: 64 packets by one recvmmsg, one bit, one
 * sendmmsg. What a server needs beyond it is the server's own. `upstream` is whom forwarders ask: each name
 * has the address 192.0.2.1 for an hour, whatever the type, but names whose first label begins with "nx" do
 * not exist. An OPT record of the question comes back, so that nobody takes this for a server without EDNS.
 *
 * Each thread has a socket of its own on the same port. `upstream` also answers over TCP, which dnsdist asks by
 * when it was asked so: a thread for each connection, no limits, since the clients are the servers under test.
 * What is no question, or does not fit with its answer, is dropped. "ready" is printed when all are bound.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, HEADER_LEN = 12, MESSAGE_MAX = 1232, THREADS_MAX = 256, BUFFER_BYTES = 4 << 20 };

static const uint8_t address_record[] = {
    0xc0, 0x0c,                   /* the name of the question */
    0,    1,    0,    1,          /* A IN */
    0,    0,    0x0e, 0x10,       /* 3600 s */
    0,    4,    192,  0,    2, 1, /* 192.0.2.1 */
};

/* The SOA of the root for a name that does not exist, which may be remembered for an hour. */
static const uint8_t soa_record[] = {
    0,                                   /* . */
    0, 6, 0, 1, 0, 0, 0x0e, 0x10, 0, 22, /* SOA IN 3600 s */
    0, 0, 0, 0, 0, 1, 0,    0,    0, 1,  /* . . serial 1, refresh */
    0, 0, 0, 1, 0, 0, 0,    1,    0, 0,  0x0e, 0x10,
};

/* The kind of server: makes the reply of `len` bytes in place; 0 if there is none. */
typedef size_t reply_maker(uint8_t message[static MESSAGE_MAX], size_t len);

static size_t flip(uint8_t message[static MESSAGE_MAX], size_t len)
{
    if (len < HEADER_LEN)
        return 0;
    message[2] |= 0x80;
    return len;
}

/* Where the question that follows the header ends; 0 if it does not end within len bytes. */
static size_t question_end(const uint8_t *message, size_t len)
{
    size_t at = HEADER_LEN;

    while (at < len && message[at] != 0 && message[at] < 64)
        at += message[at] + 1u;
    at += 1 + 4;
    return at <= len ? at : 0;
}

static size_t answer(uint8_t message[static MESSAGE_MAX], size_t len)
{
    static const uint8_t opt[] = {0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
    const size_t end = question_end(message, len);
    const bool asked_by_edns = len >= HEADER_LEN && message[11] != 0;
    size_t at = end;

    if (end == 0 || end + sizeof(soa_record) + sizeof(opt) > MESSAGE_MAX || (message[2] & 0x80) != 0)
        return 0;
    const bool exists = message[HEADER_LEN] < 2 || (message[HEADER_LEN + 1] | 0x20) != 'n' ||
                        (message[HEADER_LEN + 2] | 0x20) != 'x';
    const uint8_t flags_and_counts[] = {0x81, exists ? 0x80 : 0x83, 0, 1, 0, exists, 0, !exists,
                                        0,    asked_by_edns};
    memcpy(message + 2, flags_and_counts, sizeof(flags_and_counts));
    if (exists) {
        memcpy(message + at, address_record, sizeof(address_record));
        at += sizeof(address_record);
    } else {
        memcpy(message + at, soa_record, sizeof(soa_record));
        at += sizeof(soa_record);
    }
    if (asked_by_edns) {
        memcpy(message + at, opt, sizeof(opt));
        at += sizeof(opt);
    }
    return at;
}

struct server {
    pthread_t thread;
    int fd;
    reply_maker *make_reply;
};

static void *serve(void *arg)
{
    struct server *server = arg;
    uint8_t(*messages)[MESSAGE_MAX] = calloc(BATCH, MESSAGE_MAX);
    struct sockaddr_in clients[BATCH];
    struct iovec in[BATCH], out[BATCH];
    struct mmsghdr received[BATCH], replies[BATCH];

    for (unsigned i = 0; i < BATCH; i++) {
        in[i] = (struct iovec){.iov_base = messages[i], .iov_len = MESSAGE_MAX};
        received[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &clients[i],
                                                   .msg_namelen = sizeof(clients[i]),
                                                   .msg_iov = &in[i],
                                                   .msg_iovlen = 1}};
        replies[i] = received[i];
        replies[i].msg_hdr.msg_iov = &out[i];
    }
    for (;;) {
        const int n = recvmmsg(server->fd, received, BATCH, MSG_WAITFORONE, NULL);
        unsigned n_replies = 0;

        for (int i = 0; i < n; i++) {
            const size_t len = server->make_reply(messages[i], received[i].msg_len);
            if (len == 0)
                continue;
            out[n_replies] = (struct iovec){.iov_base = messages[i], .iov_len = len};
            replies[n_replies++].msg_hdr.msg_name = &clients[i];
        }
        if (n_replies > 0)
            sendmmsg(server->fd, replies, n_replies, 0);
    }
    return NULL;
}

/* ---- TCP */

static bool read_whole(int fd, uint8_t *bytes, size_t len)
{
    return recv(fd, bytes, len, MSG_WAITALL) == (ssize_t)len;
}

static void *serve_connection(void *arg)
{
    const int fd = *(int *)arg;
    uint8_t prefix[2], message[MESSAGE_MAX + 2];

    free(arg);
    while (read_whole(fd, prefix, 2)) {
        size_t len = (size_t)prefix[0] << 8 | prefix[1];
        if (len > MESSAGE_MAX || !read_whole(fd, message + 2, len))
            break;
        len = answer(message + 2, len);
        message[0] = (uint8_t)(len >> 8);
        message[1] = (uint8_t)len;
        if (len > 0 && send(fd, message, len + 2, MSG_NOSIGNAL) < 0)
            break;
    }
    close(fd);
    return NULL;
}

static void *accept_connections(void *arg)
{
    const int *listener = arg, one = 1;

    for (;;) {
        int *fd = malloc(sizeof(*fd));
        pthread_t thread;

        if (fd == NULL || (*fd = accept(*listener, NULL, NULL)) < 0)
            exit(1);
        setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (pthread_create(&thread, NULL, serve_connection, fd) != 0)
            exit(1);
        pthread_detach(thread);
    }
    return NULL;
}

/* ---- start */

static int open_socket(const struct sockaddr_in *own, int type)
{
    const int fd = socket(AF_INET, type, 0), one = 1, buffer_bytes = BUFFER_BYTES;

    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    if (fd < 0 || bind(fd, (const struct sockaddr *)own, sizeof(*own)) != 0 ||
        (type == SOCK_STREAM && listen(fd, SOMAXCONN) != 0)) {
        perror("dns_answer");
        exit(1);
    }
    return fd;
}

static reply_maker *maker_of(const char *mode)
{
    return strcmp(mode, "echo") == 0 ? flip : strcmp(mode, "upstream") == 0 ? answer : NULL;
}

int main(int argc, char *argv[])
{
    static struct server servers[THREADS_MAX];
    struct sockaddr_in own = {.sin_family = AF_INET};
    const int n_threads = argc > 4 ? atoi(argv[4]) : 1;
    reply_maker *make_reply = argc > 3 ? maker_of(argv[1]) : NULL;

    if (make_reply == NULL || inet_pton(AF_INET, argv[2], &own.sin_addr) != 1 || n_threads < 1 ||
        n_threads > THREADS_MAX) {
        fprintf(stderr, "usage: dns_answer echo|upstream IPV4 PORT [THREADS]\n");
        return 2;
    }
    own.sin_port = htons((uint16_t)atoi(argv[3]));
    for (int i = 0; i < n_threads; i++)
        servers[i] = (struct server){.fd = open_socket(&own, SOCK_DGRAM), .make_reply = make_reply};
    if (make_reply == answer) {
        static int listener;
        pthread_t thread;
        listener = open_socket(&own, SOCK_STREAM);
        pthread_create(&thread, NULL, accept_connections, &listener);
    }
    puts("ready");
    fflush(stdout);
    for (int i = 1; i < n_threads; i++)
        pthread_create(&servers[i].thread, NULL, serve, &servers[i]);
    serve(&servers[0]);
}
