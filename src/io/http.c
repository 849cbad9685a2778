/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See http.h. A request is its head, up to the empty line; the lines behind the first are not looked at. A body is
 * made in pieces of which the length is not known before, so the end of the connection ends it (RFC 9112 s6.3), and
 * formats that care end with a mark of their own.
 */
#include "io/http.h"
#include <errno.h>
#include <string.h>

struct exchange {
    const struct http_page *page; /* NULL: an error, which is answered already */
    bool head, begun;
    unsigned turn;
};

/* --- what is asked --- */

/* The length of the head with its empty line, or 0: it is not all there. Lines end with LF, with or without CR
 * (RFC 9112 s2.2). */
static size_t head_len(const char *bytes, size_t len)
{
    size_t line = 0; /* where the line begins */
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n')
            continue;
        if (line > 0 && (i == line || (i == line + 1 && bytes[line] == '\r')))
            return i + 1;
        line = i + 1;
    }
    return 0;
}

/* The next word of the first line, up to a blank or the end of the line. */
static size_t word(const char **at, const char *end)
{
    const char *begin = *at;
    while (*at < end && **at != ' ' && **at != '\r' && **at != '\n')
        (*at)++;
    return (size_t)(*at - begin);
}

static bool is(const char *word, size_t len, const char *expected)
{
    return strlen(expected) == len && memcmp(word, expected, len) == 0;
}

static const struct http_page *find(const struct http *h, const char *path, size_t len)
{
    const char *query = memchr(path, '?', len);
    len = query ? (size_t)(query - path) : len;
    for (const struct http_page *page = h->pages; page->path; page++)
        if (is(path, len, page->path))
            return page;
    return NULL;
}

static const char *reason(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "HTTP Version Not Supported";
    }
}

static void put_head(struct text *out, unsigned status, const char *type)
{
    text_printf(out,
                "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nCache-Control: no-store\r\n"
                "X-Content-Type-Options: nosniff\r\n%sConnection: close\r\n\r\n",
                status, reason(status), type, status == 405 ? "Allow: GET, HEAD\r\n" : "");
}

static void put_error(struct serve_client *client, unsigned status)
{
    const struct exchange *e = client->state;
    put_head(&client->out, status, "text/plain; charset=utf-8");
    if (!e->head)
        text_printf(&client->out, "%s\n", reason(status));
    client->last = true;
}

/* The status of an error, or 0: e->page is asked for. */
static unsigned understand(const struct http *h, const char *line, size_t len, struct exchange *e)
{
    const char *at = line, *end = line + len;
    size_t method_len = word(&at, end);
    if (at == end || *at != ' ')
        return 400;
    const char *path = ++at;
    size_t path_len = word(&at, end);
    if (path_len == 0 || path[0] != '/' || at == end || *at != ' ')
        return 400;
    const char *version = ++at;
    size_t version_len = word(&at, end);
    if (version_len != 8 || memcmp(version, "HTTP/", 5) != 0)
        return 400;
    if (memcmp(version, "HTTP/1.", 7) != 0)
        return 505;
    e->head = is(line, method_len, "HEAD");
    if (!e->head && !is(line, method_len, "GET"))
        return 405;
    e->page = find(h, path, path_len);
    return e->page ? 0 : 404;
}

static int take_request(struct serve_client *client, const char *bytes, size_t len)
{
    struct exchange *e = client->state;
    size_t head = head_len(bytes, len);
    if (head == 0 && len < HTTP_REQUEST_MAX)
        return 0;
    unsigned error = head == 0 ? 431 : understand(client->service->arg, bytes, head, e);
    client->last = true;
    if (error) {
        put_error(client, error);
        return -EBADMSG;
    }
    return (int)head;
}

static enum serve_state answer(struct serve_client *client)
{
    struct exchange *e = client->state;
    const struct http *h = client->service->arg;
    if (!e->begun)
        put_head(&client->out, e->page->status(h->arg), e->page->type);
    e->begun = true;
    if (e->head)
        return SERVE_DONE;
    return e->page->body(h->arg, e->turn++, &client->out) ? SERVE_MORE : SERVE_DONE;
}

#define PATIENCE (10 * NSEC_PER_SEC)
#define LIFETIME (60 * NSEC_PER_SEC) /* a scrape that takes longer is of no use to anybody */

void http_init(struct http *h, const struct http_page *pages, void *arg)
{
    *h = (struct http){
        .pages = pages,
        .arg = arg,
        .service =
            {
                .request_max = HTTP_REQUEST_MAX,
                .clients_max = HTTP_CLIENTS_MAX,
                .patience = PATIENCE,
                .lifetime = LIFETIME,
                .state_size = sizeof(struct exchange),
                .request = take_request,
                .answer = answer,
                .arg = h,
            },
    };
}
