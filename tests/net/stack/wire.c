/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bad wire: frames go from one network to another and back, but one in LOSS is lost and one in SWAP arrives
 * after its successor.
 *
 * Which ones is decided by a generator with a fixed start, so a row meets much the same wire each time. A
 * frame that is held back leaves with the next one of its direction, or when the wire has been idle for
 * HOLD_MS. The thread ends with the process.
 */
#include "lab.h"

#include <fcntl.h>
#include <libvdeplug.h>

enum { LOSS = 50, SWAP = 20, HOLD_MS = 3 };

struct end {
    VDECONN *conn;
    size_t held; /* bytes of the frame that waits to be sent here, 0: none */
    unsigned char frame[VDE_ETHBUFSIZE];
};

static struct end ends[2];

static unsigned draw(unsigned *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void flush(struct end *end)
{
    if (end->held > 0)
        vde_send(end->conn, end->frame, end->held, 0);
    end->held = 0;
}

static void carry(struct end *from, struct end *to, unsigned *state)
{
    unsigned char frame[VDE_ETHBUFSIZE];
    ssize_t len = vde_recv(from->conn, frame, sizeof(frame), 0);
    bool held = to->held > 0;

    if (len < 14 || draw(state) % LOSS == 0)
        return;
    if (!held && draw(state) % SWAP == 0) {
        memcpy(to->frame, frame, (size_t)len);
        to->held = (size_t)len;
        return;
    }
    vde_send(to->conn, frame, (size_t)len, 0);
    flush(to);
}

static void *wire_main(void *arg)
{
    struct pollfd fds[2] = {{.fd = vde_datafd(ends[0].conn), .events = POLLIN},
                            {.fd = vde_datafd(ends[1].conn), .events = POLLIN}};
    unsigned state = 2463534242U;
    int i;

    (void)arg;
    for (;;) {
        if (poll(fds, 2, ends[0].held + ends[1].held > 0 ? HOLD_MS : -1) == 0)
            for (i = 0; i < 2; i++)
                flush(&ends[i]);
        for (i = 0; i < 2; i++)
            if (fds[i].revents != 0)
                carry(&ends[i], &ends[1 - i], &state);
    }
    return NULL;
}

void wire_start(const char *one, const char *other)
{
    static char descr[] = "bad wire";
    pthread_t thread;

    ends[0].conn = vde_open((char *)(uintptr_t)one, descr, NULL);
    ends[1].conn = vde_open((char *)(uintptr_t)other, descr, NULL);
    CHECK(ends[0].conn != NULL && ends[1].conn != NULL);
    CHECK(pthread_create(&thread, NULL, wire_main, NULL) == 0);
    pthread_detach(thread);
}
