/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As much HTTP as there is, served by a thread: pages, errors, requests in pieces, and bytes that are none. */
#include "io/http.h"

#include "serving.h"

#include <stdatomic.h>

struct world {
    struct serving serving;
    struct http http;
    atomic_uint status;
};

static unsigned status_of(void *arg)
{
    struct world *w = arg;

    return atomic_load(&w->status);
}

static bool body(void *arg, unsigned turn, struct text *out)
{
    (void)arg;
    text_printf(out, "piece %u\n", turn);
    return turn < 2;
}

static const struct http_page pages[] = {
    {"/page", "text/x-test", status_of, body},
    {NULL, NULL, NULL, NULL},
};

static int begin(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    w->status = 200;
    http_init(&w->http, pages, w);
    serving_start(&w->serving, &w->http.service);
    *state = w;
    return 0;
}

#define HEAD(status, type, more)                                                                             \
    "HTTP/1.1 " status "\r\nContent-Type: " type "\r\nCache-Control: no-store\r\n"                           \
    "X-Content-Type-Options: nosniff\r\n" more "Connection: close\r\n\r\n"
#define PAGE     HEAD("200 OK", "text/x-test", "") "piece 0\npiece 1\npiece 2\n"
#define PLAIN    "text/plain; charset=utf-8"
#define ERROR(s) HEAD(s, PLAIN, "")

static void expect(struct world *w, const char *request, const char *answer)
{
    int fd = client_open(&w->serving);

    client_say(fd, request);
    client_expect(fd, answer);
    client_expect_end(fd);
}

static void a_page(void **state)
{
    struct world *w = *state;

    expect(w, "GET /page HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n", PAGE);
    expect(w, "GET /page HTTP/1.0\n\n", PAGE);
    expect(w, "GET /page?x=y HTTP/1.1\r\n\r\n", PAGE);
    expect(w, "HEAD /page HTTP/1.1\r\n\r\n", HEAD("200 OK", "text/x-test", ""));
    atomic_store(&w->status, 503);
    expect(w, "GET /page HTTP/1.1\r\n\r\n",
           HEAD("503 Service Unavailable", "text/x-test", "") "piece 0\npiece 1\npiece 2\n");
}

static void errors(void **state)
{
    static const char bad[] = ERROR("400 Bad Request") "Bad Request\n";
    struct world *w = *state;

    expect(w, "GET / HTTP/1.1\r\n\r\n", ERROR("404 Not Found") "Not Found\n");
    expect(w, "GET /pages HTTP/1.1\r\n\r\n", ERROR("404 Not Found") "Not Found\n");
    expect(w, "HEAD /pag HTTP/1.1\r\n\r\n", ERROR("404 Not Found"));
    expect(w, "POST /page HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
           HEAD("405 Method Not Allowed", PLAIN, "Allow: GET, HEAD\r\n") "Method Not Allowed\n");
    expect(w, "GET /page HTTP/2.0\r\n\r\n",
           ERROR("505 HTTP Version Not Supported") "HTTP Version Not Supported\n");
    expect(w, "GET /page\r\n\r\n", bad);
    expect(w, "GET  /page HTTP/1.1\r\n\r\n", bad);
    expect(w, "GET page HTTP/1.1\r\n\r\n", bad);
    expect(w, "GET /page SPDY/1.1\r\n\r\n", bad);
    expect(w, "\r\n\r\n", bad);
    expect(w, "\x16\x03\x01\x02\n\n", bad);
}

static void a_request_in_pieces(void **state)
{
    struct world *w = *state;
    const char *request = "GET /page HTTP/1.1\r\nA: b\r\n\r\n";
    int fd = client_open(&w->serving);

    for (const char *c = request; *c; c++)
        client_send(fd, c, 1);
    client_expect(fd, PAGE);
    client_expect_end(fd);
}

static void a_head_without_end(void **state)
{
    struct world *w = *state;
    char bytes[HTTP_REQUEST_MAX];
    int fd = client_open(&w->serving);

    memset(bytes, 'x', sizeof(bytes));
    client_send(fd, bytes, sizeof(bytes));
    client_expect(fd, ERROR("431 Request Header Fields Too Large") "Request Header Fields Too Large\n");
    client_expect_end(fd);
}

/* Clients that open and say nothing do not keep others out. */
static void silent_clients(void **state)
{
    struct world *w = *state;
    int silent[3 * HTTP_CLIENTS_MAX];

    for (unsigned i = 0; i < ARRAY_LEN(silent); i++)
        silent[i] = client_open(&w->serving);
    expect(w, "GET /page HTTP/1.1\r\n\r\n", PAGE);
    for (unsigned i = 0; i < ARRAY_LEN(silent); i++)
        close(silent[i]);
}

static void noise(void **state)
{
    struct world *w = *state;
    unsigned seed = 1;

    for (unsigned round = 0; round < 300; round++) {
        char bytes[2 * HTTP_REQUEST_MAX];
        int fd = client_open(&w->serving);
        for (unsigned i = 0; i < sizeof(bytes); i++)
            bytes[i] = "GET /page HTTP/1.1\r\n\r\n\0\xff:"[rand_r(&seed) % 25];
        ssize_t sent = send(fd, bytes, (size_t)rand_r(&seed) % sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)sent;
        close(fd);
    }
    expect(w, "GET /page HTTP/1.1\r\n\r\n", PAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(errors, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(a_request_in_pieces, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(a_head_without_end, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(silent_clients, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(noise, begin, serving_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
