/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The window is kept by number alone: an answer makes room for a message, whichever it answers. When nothing has
 * come for 20 ms, far longer than any echo takes here, all that is in flight is given up. An answer that comes
 * after that counts as an echo too, so the window may be too large for a moment; on a network that loses
 * nothing that does not happen.
 */
#include "window.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { LOST_MS = 20, WARM_S = 10 };

static void send_one(const struct carrier *carrier)
{
    uint8_t message[MESSAGE_LEN] = {0};
    const uint64_t now = now_ns();

    memcpy(message, &now, sizeof(now));
    carrier->send(carrier->context, message);
}

/* Takes all that is there. Returns how many echoes. */
static unsigned take_all(const struct carrier *carrier, struct seen *seen)
{
    uint8_t message[MESSAGE_LEN];
    unsigned echoes = 0;
    int taken;

    while ((taken = carrier->take(carrier->context, message)) >= 0) {
        uint64_t sent;
        if (taken == 0)
            continue;
        memcpy(&sent, message, sizeof(sent));
        latency_add(&seen->latency, now_ns() - sent);
        echoes++;
    }
    return echoes;
}

void window_run(const struct carrier *carrier, unsigned outstanding, double seconds, struct seen *seen)
{
    struct pollfd fd = {.fd = carrier->fd, .events = POLLIN};
    const uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
    unsigned flying = 0;

    while (now_ns() < end) {
        for (; flying < outstanding; flying++)
            send_one(carrier);
        if (poll(&fd, 1, LOST_MS) == 0) {
            seen->lost += flying;
            flying = 0;
        }
        const unsigned echoes = take_all(carrier, seen);
        seen->echoes += echoes;
        flying -= echoes < flying ? echoes : flying;
    }
    seen->seconds = (double)(now_ns() - start) / 1e9;
}

bool window_warm(const struct carrier *carrier)
{
    struct pollfd fd = {.fd = carrier->fd, .events = POLLIN};
    const uint64_t end = now_ns() + UINT64_C(1000000000) * WARM_S;
    struct seen seen = {0};

    while (now_ns() < end) {
        send_one(carrier);
        if (poll(&fd, 1, 100) > 0 && take_all(carrier, &seen) > 0)
            return true;
    }
    return false;
}

void window_print(const struct seen *seen)
{
    printf("{\"echoes\": %llu, \"lost\": %llu, \"seconds\": %.6f, \"pps\": %.0f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f}\n",
           (unsigned long long)seen->echoes, (unsigned long long)seen->lost, seen->seconds,
           (double)seen->echoes / seen->seconds, latency_us(&seen->latency, 0.5),
           latency_us(&seen->latency, 0.99));
}
