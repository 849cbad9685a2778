/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A question in flight has a slot; its id is the slot's index and a count of the slot's uses, so an answer finds
 * its slot without a search, and a late answer to an earlier use is told apart.
 *
 * UDP goes by batches, recvmmsg and sendmmsg on a connected socket. TCP gathers the questions of one call in one
 * buffer and writes them at once; what the kernel does not take stays in the buffer, and no more is asked on that
 * connection until it is gone. A connection that the server ends is opened again: servers may limit the questions
 * of one connection, and what was in flight is lost to the client then.
 */
#include "lane.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 64,
    ANSWER_MAX = 4096,
    BUFFER_BYTES = 4 << 20, /* so that no answer is lost for want of room at our end */
    OUT_BYTES = LANE_SLOTS_MAX * (QUESTION_MAX + 2),
    IN_BYTES = 1 << 18,
    SLOT_BITS = 10,
};

struct stream {
    size_t out_at, out_len; /* of `out`, what is not written yet */
    size_t in_len;
    uint8_t out[OUT_BYTES];
    uint8_t in[IN_BYTES];
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void connect_lane(struct lane *lane)
{
    const int buffer_bytes = BUFFER_BYTES, one = 1;

    lane->fd = socket(AF_INET, (lane->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    if (lane->fd < 0 || connect(lane->fd, (struct sockaddr *)&lane->server, sizeof(lane->server)) != 0)
        die("dns_load: connect");
    if (lane->tcp) {
        setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        lane->stream->out_at = lane->stream->out_len = lane->stream->in_len = 0;
    } else {
        setsockopt(lane->fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
    }
}

void lane_open(struct lane *lane, const struct sockaddr_in *server, bool tcp, unsigned n_slots)
{
    lane->server = *server;
    lane->tcp = tcp;
    lane->n_slots = lane->n_free = n_slots;
    lane->slots = calloc(n_slots, sizeof(*lane->slots));
    lane->free_slots = calloc(n_slots, sizeof(*lane->free_slots));
    lane->stream = tcp ? malloc(sizeof(*lane->stream)) : NULL;
    if (lane->slots == NULL || lane->free_slots == NULL || (tcp && lane->stream == NULL))
        die("dns_load");
    for (unsigned i = 0; i < n_slots; i++)
        lane->free_slots[i] = (uint16_t)i;
    connect_lane(lane);
}

/* ---- slots */

static uint64_t next_number(struct supply *supply)
{
    const uint64_t count = names_count(supply->names);

    supply->left--;
    if (supply->in_order)
        return supply->next++ % count;
    supply->chance ^= supply->chance << 13; /* xorshift64 */
    supply->chance ^= supply->chance >> 7;
    supply->chance ^= supply->chance << 17;
    return supply->chance % count;
}

static size_t write_slot(struct lane *lane, unsigned index, uint64_t now,
                         uint8_t question[static QUESTION_MAX])
{
    struct slot *slot = &lane->slots[index];

    slot->sent_ns = now;
    slot->use++;
    lane->tally->sent++;
    return names_write(lane->supply->names, slot->number,
                       (uint16_t)(index | (unsigned)slot->use << SLOT_BITS), question);
}

/* Takes a free slot for the next question and writes that. */
static size_t write_next(struct lane *lane, uint64_t now, uint8_t question[static QUESTION_MAX])
{
    const unsigned index = lane->free_slots[--lane->n_free];

    lane->slots[index].number = next_number(lane->supply);
    return write_slot(lane, index, now, question);
}

static void free_slot(struct lane *lane, unsigned index)
{
    lane->slots[index].sent_ns = 0;
    lane->free_slots[lane->n_free++] = (uint16_t)index;
}

static void take_answer(struct lane *lane, const uint8_t *answer, size_t len, uint64_t now)
{
    struct tally *tally = lane->tally;
    const unsigned id = len < 12 ? 0 : (unsigned)answer[0] << 8 | answer[1];
    const unsigned index = id & ((1u << SLOT_BITS) - 1);
    struct slot *slot = index < lane->n_slots ? &lane->slots[index] : NULL;

    if (len < 12 || slot == NULL || slot->sent_ns == 0 || (slot->use & 0x3f) != id >> SLOT_BITS ||
        !(answer[2] & 0x80)) {
        tally->strange++;
        return;
    }
    tally->answered++;
    tally->answer_bytes += len;
    tally->rcodes[answer[3] & 0x0f]++;
    tally->with_records += (answer[6] | answer[7]) != 0;
    latency_add(&tally->latency, now - slot->sent_ns);
    free_slot(lane, index);
}

void lane_give_up(struct lane *lane, uint64_t before, uint64_t now, bool again)
{
    uint8_t question[QUESTION_MAX];

    for (unsigned i = 0; i < lane->n_slots; i++) {
        if (lane->slots[i].sent_ns == 0 || lane->slots[i].sent_ns >= before)
            continue;
        lane->tally->lost++;
        if (again && !lane->tcp) {
            const size_t len = write_slot(lane, i, now, question);
            (void)!send(lane->fd, question, len, MSG_DONTWAIT);
        } else {
            free_slot(lane, i);
        }
    }
}

/* ---- UDP */

static unsigned receive_datagrams(struct lane *lane, uint64_t now)
{
    static uint8_t answers[BATCH][ANSWER_MAX];
    static struct iovec vectors[BATCH];
    static struct mmsghdr headers[BATCH];

    for (unsigned i = 0; i < BATCH && vectors[i].iov_base == NULL; i++) {
        vectors[i] = (struct iovec){.iov_base = answers[i], .iov_len = ANSWER_MAX};
        headers[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[i], .msg_iovlen = 1}};
    }
    const int n = recvmmsg(lane->fd, headers, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        take_answer(lane, answers[i], headers[i].msg_len, now);
    return n < 0 ? 0 : (unsigned)n;
}

static void send_datagrams(struct lane *lane, unsigned n, uint64_t now)
{
    static uint8_t questions[BATCH][QUESTION_MAX];
    struct iovec vectors[BATCH];
    struct mmsghdr headers[BATCH];
    unsigned sent = 0;

    for (unsigned i = 0; i < n; i++) {
        vectors[i] = (struct iovec){.iov_base = questions[i], .iov_len = write_next(lane, now, questions[i])};
        headers[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[i], .msg_iovlen = 1}};
    }
    while (sent < n) {
        const int done = sendmmsg(lane->fd, headers + sent, n - sent, 0);
        if (done < 0 && errno != ECONNREFUSED && errno != EINTR) /* refused: said of an earlier one */
            die("dns_load: sendmmsg");
        sent += done < 0 ? 0 : (unsigned)done;
    }
}

/* ---- TCP */

/* The server has ended the connection: what was in flight is lost, and there is a new one. */
static void reopen(struct lane *lane)
{
    for (unsigned i = 0; i < lane->n_slots; i++) {
        if (lane->slots[i].sent_ns != 0) {
            lane->tally->lost++;
            free_slot(lane, i);
        }
    }
    lane->tally->closed++;
    close(lane->fd);
    connect_lane(lane);
}

static void write_out(struct lane *lane)
{
    struct stream *s = lane->stream;

    while (s->out_at < s->out_len) {
        const ssize_t n =
            send(lane->fd, s->out + s->out_at, s->out_len - s->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            reopen(lane);
            return;
        }
        s->out_at += (size_t)n;
    }
    s->out_at = s->out_len = 0;
}

static unsigned receive_stream(struct lane *lane, uint64_t now)
{
    struct stream *s = lane->stream;
    const ssize_t n = recv(lane->fd, s->in + s->in_len, IN_BYTES - s->in_len, MSG_DONTWAIT);
    size_t at = 0;
    unsigned taken = 0;

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        reopen(lane);
        return 0;
    }
    s->in_len += n < 0 ? 0 : (size_t)n;
    while (s->in_len - at >= 2) {
        const size_t len = (size_t)s->in[at] << 8 | s->in[at + 1];
        if (s->in_len - at < 2 + len)
            break;
        take_answer(lane, s->in + at + 2, len, now);
        taken++;
        at += 2 + len;
    }
    memmove(s->in, s->in + at, s->in_len - at);
    s->in_len -= at;
    return taken;
}

static void send_stream(struct lane *lane, unsigned n, uint64_t now)
{
    struct stream *s = lane->stream;

    for (unsigned i = 0; i < n; i++) {
        const size_t len = write_next(lane, now, s->out + s->out_len + 2);
        s->out[s->out_len] = (uint8_t)(len >> 8);
        s->out[s->out_len + 1] = (uint8_t)len;
        s->out_len += 2 + len;
    }
    write_out(lane);
}

/* ---- either */

unsigned lane_receive(struct lane *lane, uint64_t now)
{
    return lane->tcp ? receive_stream(lane, now) : receive_datagrams(lane, now);
}

unsigned lane_send(struct lane *lane, unsigned n, uint64_t now)
{
    n = n < lane->n_free ? n : lane->n_free;
    n = n < lane->supply->left ? n : (unsigned)lane->supply->left;
    if (lane->tcp && lane->stream->out_len > 0) {
        write_out(lane);
        return 0;
    }
    for (unsigned asked = 0, batch; asked < n; asked += batch) {
        batch = n - asked < BATCH ? n - asked : BATCH;
        if (lane->tcp)
            send_stream(lane, batch, now);
        else
            send_datagrams(lane, batch, now);
        if (lane->tcp && lane->stream->out_len > 0)
            return asked + batch;
    }
    return n;
}
