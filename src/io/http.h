/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * As much of HTTP/1.1 (RFC 9110, RFC 9112) as it takes to be scraped: GET and HEAD of a few fixed paths, one request
 * a connection, the end of the answer told by the end of the connection. Nothing of a request but its method and
 * path is looked at, and nothing can be changed through it.
 */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include "io/serve.h"

#define HTTP_REQUEST_MAX 8192 /* bytes, head and all: what RFC 9112 s3 wants to be understood at the least */
#define HTTP_CLIENTS_MAX 8    /* scrapers; one that comes when all places are taken has that of the slowest */

struct http_page {
    const char *path;
    const char *type; /* Content-Type */
    /* The status: 200, or 503 for what does not work at the moment. */
    unsigned (*status)(void *arg);
    /* A piece of the body, for turn 0, 1, ...; false: the last one. */
    bool (*body)(void *arg, unsigned turn, struct text *out);
};

struct http {
    const struct http_page *pages; /* the last has no path */
    void *arg;
    struct serve_service service; /* for server_listen */
};

/* Fills h; `pages` and h live as long as the server. */
void http_init(struct http *h, const struct http_page *pages, void *arg);

#endif
