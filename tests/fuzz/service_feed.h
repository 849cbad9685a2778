/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service of io/serve.h without a socket: bytes come in pieces, answers are thrown away as they are made. */
#ifndef SERVICE_FEED_H
#define SERVICE_FEED_H

#include "fuzz.h"
#include "io/serve.h"

enum { FEED_TURNS_MAX = 1000 }; /* pieces of one answer: no command of these tests has more */

/* Answers the request that was just taken. */
static void feed_answer(struct serve_client *client)
{
    enum serve_state state = SERVE_MORE;

    for (unsigned turns = 0; state != SERVE_DONE; turns++) {
        FUZZ_ASSERT(turns < FEED_TURNS_MAX);
        state = client->service->answer(client);
        FUZZ_ASSERT(client->out.len == 0 || client->out.bytes[client->out.len - 1] != '\0');
        text_fini(&client->out);
    }
}

/* As the server does: shows what has come, piece by piece, until the service has had enough. The first byte is the length of
 * the pieces. */
static void feed(const struct serve_service *service, const uint8_t *data, size_t size)
{
    struct serve_client client = {.service = service, .fd = -1};
    size_t piece = size > 0 ? data[0] + 1u : 1, at = 1, shown = 1;

    client.state = calloc(1, service->state_size + 1);
    while (at < size && !client.last) {
        size_t most = size - at < service->request_max ? size - at : service->request_max;
        shown = shown + piece > most ? most : shown + piece;
        char *exact = malloc(shown);
        memcpy(exact, data + at, shown);
        int taken = service->request(&client, exact, shown);
        free(exact);
        FUZZ_ASSERT(taken <= (int)shown);
        FUZZ_ASSERT(taken != 0 || shown < service->request_max);
        if (taken < 0 || (taken == 0 && shown == most))
            break;
        if (taken > 0) {
            at += (size_t)taken;
            shown = 0;
            feed_answer(&client);
        }
    }
    if (service->gone)
        service->gone(&client);
    text_fini(&client.out);
    free(client.state);
}

#endif
