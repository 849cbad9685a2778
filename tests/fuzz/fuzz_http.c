/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The input is what a client says to a page of metrics. */
#include "service_feed.h"

#include "io/http.h"

static unsigned status(void *arg)
{
    (void)arg;
    return 200;
}

static bool body(void *arg, unsigned turn, struct text *out)
{
    (void)arg;
    text_puts(out, "a line\n");
    return turn < 3;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http_page pages[] = {
        {"/", "text/plain", status, body}, {"/metrics", "text/plain", status, body}, {.path = NULL}};
    struct http http;

    http_init(&http, pages, NULL);
    feed(&http.service, data, size);
    return 0;
}
