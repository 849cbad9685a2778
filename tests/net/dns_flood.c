// SPDX-License-Identifier: LGPL-2.1-or-later
/* Floods a name server under test on an address of this machine, and says whether it still answers.

       dns_flood mutate IP PORT COUNT SEED NAME      COUNT spoilt messages; NAME, type A, is asked again and
   again meanwhile dns_flood names  IP PORT COUNT SUFFIX TYPE    COUNT different names below SUFFIX, TYPE as a number

   mutate: messages of several kinds are spoilt by a few random changes each (bits, bytes, lengths, counts,
   pieces repeated or cut) and sent in batches. After each batch a well-formed question is asked from a socket
   of its own, until it is answered: so nothing piles up in the server's socket buffer unread, and a server
   that is gone or stuck is noticed within the batch that did it. The same SEED gives the same messages.

   names: a window of questions is kept in flight; each answer makes room for the next name. A name that is
   not answered within a second gives up its place and is counted as lost.

   The last line of output is "sent N answered M"; the exit status is 0 if the server answered until the end.
*/
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER_LEN     12
#define MESSAGE_MAX    1500
#define BATCH          64
#define WINDOW         256 /* questions in flight at most: a server's socket buffer holds them with ease */
#define ANSWER_WAIT_MS 1000
#define ANSWER_TRIES   4

struct message {
    size_t len;
    uint8_t bytes[MESSAGE_MAX];
};

static uint64_t random_state;

/* xorshift64*: reproducible, and good enough to spoil messages with. */
static uint32_t random_below(uint32_t bound)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545f4914f6cdd1dull) >> 33) % bound;
}

static void put_bytes(struct message *m, const void *bytes, size_t len)
{
    memcpy(m->bytes + m->len, bytes, len);
    m->len += len;
}

static void put_name(struct message *m, const char *text)
{
    while (*text != '\0') {
        const size_t label = strcspn(text, ".");
        m->bytes[m->len++] = (uint8_t)label;
        put_bytes(m, text, label);
        text += label;
        text += *text == '.';
    }
    m->bytes[m->len++] = 0;
}

/* A question for `name` with RD, id 0. */
static void make_question(struct message *m, const char *name, uint8_t type)
{
    m->len = 0;
    put_bytes(m, (const uint8_t[HEADER_LEN]){0, 0, 1, 0, 0, 1}, HEADER_LEN);
    put_name(m, name);
    put_bytes(m, (const uint8_t[]){0, type, 0, 1}, 4);
}

static void add_opt(struct message *m)
{
    /* 1232 bytes, version 0, DO; a client cookie of 8 bytes (RFC 7873) and an empty option. */
    static const uint8_t opt[] = {0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 16, 0, 10, 0,
                                  8, 1, 2,  3, 4,    5, 6, 7,    8, 0, 3,  0, 0};
    put_bytes(m, opt, sizeof(opt));
    m->bytes[11] = 1;
}

/* The messages that are spoilt. */
#define KINDS 8
static void make_kind(struct message *m, uint32_t kind, const char *name)
{
    static const char *const hashed = "spoilt.hash.local";
    static const char *const reverse =
        "a.3.0.d.5.6.7.6.9.4.0.8.c.c.4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa";
    const char *const names[KINDS] = {name, hashed,        reverse, name, hashed, "forwarded.example",
                                      name, "version.bind"};
    static const uint8_t types[KINDS] = {1, 28, 12, 255, 28, 16, 252, 16};
    make_question(m, names[kind], types[kind]);
    if (kind % 2 == 1)
        add_opt(m);
    if (kind == 7)
        m->bytes[m->len - 27 - 1] = 3; /* class CHAOS */
}

static void spoil_once(struct message *m)
{
    static const uint8_t telling[] = {0, 1, 12, 63, 64, 0x80, 0xc0, 0xff};
    if (m->len == 0)
        return;
    const size_t at = random_below((uint32_t)m->len);
    const size_t piece = random_below(64) < m->len - at ? random_below((uint32_t)(m->len - at)) : 0;
    switch (random_below(8)) {
    case 0:
        m->bytes[at] ^= (uint8_t)(1u << random_below(8));
        break;
    case 1:
        m->bytes[at] = telling[random_below(sizeof(telling))];
        break;
    case 2:
        m->len = at;
        break;
    case 3: /* counts, flags */
        m->bytes[2 + random_below(HEADER_LEN - 2) % m->len] = telling[random_below(sizeof(telling))];
        break;
    case 4: /* a pointer, perhaps to itself */
        m->bytes[at] = 0xc0;
        m->bytes[at + 1] = (uint8_t)(random_below(2) ? at : random_below(256));
        break;
    case 5:
        if (m->len + piece <= MESSAGE_MAX / 2) {
            memmove(m->bytes + at + piece, m->bytes + at, m->len - at);
            m->len += piece;
        }
        break;
    case 6:
        memmove(m->bytes + at, m->bytes + at + piece, m->len - at - piece);
        m->len -= piece;
        break;
    default:
        for (uint32_t added = random_below(40); added > 0; added--)
            m->bytes[m->len++] = (uint8_t)random_below(256);
    }
}

static void make_spoilt(struct message *m, const char *name)
{
    memset(m, 0, sizeof(*m));
    make_kind(m, random_below(KINDS), name);
    m->bytes[0] = (uint8_t)random_below(256);
    m->bytes[1] = (uint8_t)random_below(256);
    for (uint32_t times = 1 + random_below(6); times > 0; times--)
        spoil_once(m);
}

static int connected_socket(const char *ip, const char *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = in.sin_port};
    const bool is_ipv4 = inet_pton(AF_INET, ip, &in.sin_addr) == 1;
    if (!is_ipv4 && inet_pton(AF_INET6, ip, &in6.sin6_addr) != 1) {
        fprintf(stderr, "dns_flood: %s is not an address\n", ip);
        exit(2);
    }
    const int fd = socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
    const struct sockaddr *to = is_ipv4 ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
    if (fd < 0 || connect(fd, to, is_ipv4 ? sizeof(in) : sizeof(in6)) != 0) {
        perror("dns_flood");
        exit(1);
    }
    const int buffer_bytes = 8 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    return fd;
}

static bool readable(int fd, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, wait_ms) == 1;
}

/* Asks the well-formed question until it is answered; false if it never is. */
static bool still_answers(int fd, struct message *question, uint16_t id)
{
    uint8_t answer[MESSAGE_MAX];
    question->bytes[0] = (uint8_t)(id >> 8);
    question->bytes[1] = (uint8_t)id;
    for (unsigned try = 0; try < ANSWER_TRIES; try++) {
        if (send(fd, question->bytes, question->len, 0) < 0 && errno != ECONNREFUSED)
            return false;
        while (readable(fd, ANSWER_WAIT_MS)) {
            const ssize_t len = recv(fd, answer, sizeof(answer), 0);
            if (len >= HEADER_LEN && memcmp(answer, question->bytes, 2) == 0)
                return (answer[3] & 0x0f) == 0 && answer[7] > 0; /* NOERROR and an answer */
        }
    }
    return false;
}

static void drain(int fd)
{
    uint8_t answer[MESSAGE_MAX];
    while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) >= 0 || errno == ECONNREFUSED)
        ;
}

static bool flood_mutated(const char *ip, const char *port, uint64_t count, const char *name)
{
    const int spoilt_fd = connected_socket(ip, port), good_fd = connected_socket(ip, port);
    struct message spoilt, question;
    uint64_t sent = 0, answered = 0;
    bool alive = true;

    make_question(&question, name, 1);
    while (alive && sent < count) {
        for (unsigned i = 0; i < BATCH && sent < count; i++, sent++) {
            make_spoilt(&spoilt, name);
            (void)!send(spoilt_fd, spoilt.bytes, spoilt.len, 0);
        }
        alive = still_answers(good_fd, &question, (uint16_t)(sent / BATCH));
        answered += alive;
        drain(spoilt_fd);
    }
    printf("sent %llu answered %llu\n", (unsigned long long)sent, (unsigned long long)answered);
    return alive;
}

static void ask_name(int fd, uint64_t number, const char *suffix, uint8_t type)
{
    struct message question;
    char name[256];
    snprintf(name, sizeof(name), "n%llu.%s", (unsigned long long)number, suffix);
    make_question(&question, name, type);
    question.bytes[0] = (uint8_t)(number >> 8);
    question.bytes[1] = (uint8_t)number;
    (void)!send(fd, question.bytes, question.len, 0);
}

/* Takes all answers that are there; returns how many had NOERROR and an answer, and adds all to *ret_taken.
 */
static uint64_t take_answers(int fd, uint64_t *ret_taken)
{
    uint8_t answer[MESSAGE_MAX];
    uint64_t good = 0;
    ssize_t len;
    while ((len = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) >= HEADER_LEN) {
        good += (answer[3] & 0x0f) == 0 && answer[7] > 0;
        *ret_taken += 1;
    }
    return good;
}

static bool flood_names(const char *ip, const char *port, uint64_t count, const char *suffix, uint8_t type)
{
    const int fd = connected_socket(ip, port);
    uint64_t sent = 0, done = 0, answered = 0; /* done: answered or given up */
    while (done < count) {
        for (; sent < count && sent - done < WINDOW; sent++)
            ask_name(fd, sent, suffix, type);
        if (readable(fd, ANSWER_WAIT_MS))
            answered += take_answers(fd, &done);
        else
            done = sent;
        if (done > sent) /* an answer that came after it was given up */
            done = sent;
    }
    printf("sent %llu answered %llu\n", (unsigned long long)sent, (unsigned long long)answered);
    return answered > 0;
}

int main(int argc, char *argv[])
{
    if (argc == 7 && strcmp(argv[1], "mutate") == 0) {
        random_state = strtoull(argv[5], NULL, 10) | 1ull << 32;
        return flood_mutated(argv[2], argv[3], strtoull(argv[4], NULL, 10), argv[6]) ? 0 : 1;
    }
    if (argc == 7 && strcmp(argv[1], "names") == 0)
        return flood_names(argv[2], argv[3], strtoull(argv[4], NULL, 10), argv[5], (uint8_t)atoi(argv[6]))
                   ? 0
                   : 1;
    fprintf(stderr,
            "usage: dns_flood mutate IP PORT COUNT SEED NAME | dns_flood names IP PORT COUNT SUFFIX TYPE\n");
    return 2;
}
