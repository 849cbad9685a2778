/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The forwarder on real sockets of the loopback interface. A server in a thread of this test does what the
 * first label of a question says, over UDP and TCP: `silent` gets nothing; before the answer to `forged`
 * comes one with another id, in place of that to `guess` many; `pieces`, `close`, `middle`, `zero`, `over-tcp` and
 * `leave` are truncated over UDP and then tried over TCP; all others are answered. `leave` ends a connection that has
 * served before.
 *
 * The clock of the forwarder is uv_hrtime, which is this file's own: where a test counts what is sent it stands still, so
 * nothing is asked again because the machine was slow. Tests about silence let it run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libiothnamed/forward.h"

/* --- the clock --- */

static uint64_t stands_at; /* 0: it runs */

static uint64_t running(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t uv_hrtime(void)
{
    return stands_at > 0 ? stands_at : running();
}

/* --- the server --- */

enum { MESSAGE_MAX = 4096, PIECE_PAUSE_MS = 20, LIMIT_MS = 60000 };

struct server {
    int udp, tcp, stop[2];
    struct ipendpoint at;
    pthread_t thread;
    atomic_uint udp_queries, tcp_connections, tcp_queries;
    atomic_uint connections;          /* open now */
    atomic_uint uses[UINT16_MAX + 1]; /* of each source port */
};

static int bound_socket(int type, const struct ipendpoint *at)
{
    struct sockaddr_storage sa;
    socklen_t len = ipendpoint_to_sockaddr(at, false, &sa);
    int fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0), on = 1;

    if (fd >= 0 && type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage sa;
    struct ipendpoint at;
    socklen_t len = sizeof(sa);

    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(ipendpoint_from_sockaddr((struct sockaddr *)&sa, &at), 0);
    return at.port;
}

/* With n addresses 192.0.2.1. */
static size_t make_reply(const uint8_t *query, size_t len, uint16_t flags, unsigned n, uint8_t *out)
{
    static const uint8_t addr[] = {192, 0, 2, 1};
    struct reader r = reader_of(query, len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question q;
    struct dns_writer dw;

    dns_read_question(&r, &q);
    dns_writer_init(&dw, out, MESSAGE_MAX, header.id, (uint16_t)(DNS_QR | DNS_RA | flags));
    dns_put_question(&dw, q.name, q.type, q.class);
    for (unsigned i = 0; i < n; i++) {
        if (dns_put_rr(&dw, DNS_ANSWER, q.name, RR_A, CLASS_IN, 60, addr, sizeof(addr)) < 0)
            break;
    }
    return dns_finish(&dw);
}

static bool asks(const uint8_t *query, const char *label)
{
    return query[DNS_HEADER_LEN] == strlen(label) &&
           strncasecmp((const char *)query + DNS_HEADER_LEN + 1, label, strlen(label)) == 0;
}

static bool wants_tcp(const uint8_t *query)
{
    static const char *const labels[] = {"pieces", "close", "middle", "zero", "over-tcp", "leave"};
    bool wants = false;

    for (unsigned i = 0; i < ARRAY_LEN(labels); i++)
        wants |= asks(query, labels[i]);
    return wants;
}

static void serve_udp(struct server *s)
{
    uint8_t query[MESSAGE_MAX], reply[MESSAGE_MAX];
    struct sockaddr_storage from;
    struct ipendpoint client;
    socklen_t from_len = sizeof(from);
    ssize_t n = recvfrom(s->udp, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);

    if (n < DNS_HEADER_LEN + 5 || ipendpoint_from_sockaddr((struct sockaddr *)&from, &client) < 0)
        return;
    s->udp_queries++;
    s->uses[client.port]++;
    if (asks(query, "silent"))
        return;
    bool cut = wants_tcp(query);
    size_t len = make_reply(query, (size_t)n, cut ? DNS_TC : 0, cut ? 0 : 1, reply);
    bool guess = asks(query, "guess");
    for (unsigned i = 1; i <= (guess ? 20 : asks(query, "forged") ? 1 : 0); i++) {
        reply[0] ^= (uint8_t)i;
        sendto(s->udp, reply, len, 0, (struct sockaddr *)&from, from_len);
        reply[0] ^= (uint8_t)i;
    }
    if (guess)
        return;
    sendto(s->udp, reply, len, 0, (struct sockaddr *)&from, from_len);
}

/* In pieces that arrive one by one. */
static void send_pieces(int fd, const uint8_t *bytes, size_t len)
{
    const size_t cuts[] = {1, 2, 30, 700, len};
    size_t from = 0;

    for (unsigned i = 0; i < ARRAY_LEN(cuts); i++) {
        if (send(fd, bytes + from, cuts[i] - from, MSG_NOSIGNAL) < 0)
            return;
        from = cuts[i];
        poll(NULL, 0, PIECE_PAUSE_MS);
    }
}

/* False: the connection ends with it. */
static bool answer_tcp(int fd, const uint8_t *query, size_t len, unsigned served)
{
    uint8_t reply[2 + MESSAGE_MAX];
    size_t reply_len = make_reply(query, len, 0, 60, reply + 2);

    put_be16(reply, (uint16_t)reply_len);
    if (asks(query, "pieces"))
        send_pieces(fd, reply, 2 + reply_len);
    else if (asks(query, "middle"))
        send(fd, reply, 100, MSG_NOSIGNAL);
    else if (asks(query, "zero"))
        send(fd, "\0\0", 2, MSG_NOSIGNAL);
    else if (asks(query, "over-tcp") || asks(query, "guess") || (asks(query, "leave") && served == 0))
        return send(fd, reply, 2 + reply_len, MSG_NOSIGNAL) > 0;
    return false;
}

static bool serve_one(struct server *s, int fd, unsigned served)
{
    uint8_t query[MESSAGE_MAX];
    ssize_t n = recv(fd, query, 2, MSG_WAITALL);

    if (n == 2)
        n = recv(fd, query, get_be16(query), MSG_WAITALL);
    if (n <= DNS_HEADER_LEN + 5)
        return false;
    s->tcp_queries++;
    return answer_tcp(fd, query, (size_t)n, served);
}

/* A thread for each connection, which ends with it. */
struct connection {
    struct server *server;
    int fd;
};

static void *serve_connection(void *arg)
{
    struct connection *c = arg;
    unsigned served = 0;

    while (serve_one(c->server, c->fd, served))
        served++;
    close(c->fd);
    c->server->connections--;
    free(c);
    return NULL;
}

static void serve_tcp(struct server *s)
{
    struct timeval limit = {.tv_sec = 20};
    int on = 1, fd = accept(s->tcp, NULL, NULL);
    pthread_t thread;

    if (fd < 0)
        return;
    s->tcp_connections++;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    struct connection *c = malloc(sizeof(*c));
    assert_non_null(c);
    *c = (struct connection){s, fd};
    s->connections++;
    assert_int_equal(pthread_create(&thread, NULL, serve_connection, c), 0);
    pthread_detach(thread);
}

static void *serve(void *arg)
{
    struct server *s = arg;

    for (;;) {
        struct pollfd fds[] = {{.fd = s->udp, .events = POLLIN},
                               {.fd = s->tcp, .events = POLLIN},
                               {.fd = s->stop[0], .events = POLLIN}};
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 || fds[2].revents)
            return NULL;
        if (fds[0].revents)
            serve_udp(s);
        if (fds[1].revents)
            serve_tcp(s);
    }
}

/* On one port for both; false: the address is not there. */
static bool server_start(struct server *s, const char *addr)
{
    *s = (struct server){0};
    assert_int_equal(ipaddr_parse(addr, strlen(addr), &s->at.addr), 0);
    for (unsigned tries = 0; tries < 20; tries++) {
        s->at.port = 0;
        s->udp = bound_socket(SOCK_DGRAM, &s->at);
        if (s->udp < 0)
            return false;
        s->at.port = port_of(s->udp);
        s->tcp = bound_socket(SOCK_STREAM, &s->at);
        if (s->tcp >= 0)
            break;
        close(s->udp);
    }
    assert_true(s->tcp >= 0);
    assert_int_equal(listen(s->tcp, 10), 0);
    assert_int_equal(pipe(s->stop), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    return true;
}

static void server_stop(struct server *s)
{
    assert_int_equal(write(s->stop[1], "", 1), 1);
    pthread_join(s->thread, NULL);
    while (s->connections > 0) /* the other side has closed them */
        poll(NULL, 0, 1);
    close(s->udp);
    close(s->tcp);
    close(s->stop[0]);
    close(s->stop[1]);
}

/* A port at which nobody listens. */
static struct ipendpoint dead_endpoint(void)
{
    struct ipendpoint at = {0};

    assert_int_equal(ipaddr_parse("127.0.0.1", 9, &at.addr), 0);
    int fd = bound_socket(SOCK_DGRAM, &at);
    assert_true(fd >= 0);
    at.port = port_of(fd);
    close(fd);
    return at;
}

/* --- the client --- */

struct ask {
    struct exchange_waiter waiter;
    struct world *world;
    struct ask *then; /* what its waiter asks when it is told */
    const char *text;
    uint8_t name[DNAME_MAX];
    bool done, answered;
    unsigned answers; /* records */
};

struct world {
    uv_loop_t loop;
    uv_timer_t limit;
    struct forwarder *forwarder;
    struct ipendpoint endpoints[2];
    struct exchange_servers list;
    unsigned waiting;
    bool asking; /* forwarder_ask is running */
    bool closed;
};

static int try_ask(struct world *w, struct ask *ask, const char *text)
{
    int len = dname_from_text(text, strlen(text), ask->name);
    assert_true(len > 0);
    ask->world = w;
    struct exchange_question q = {
        .name = ask->name, .name_len = (uint8_t)len, .type = RR_A, .class = CLASS_IN};
    bool was_asking = w->asking;
    w->asking = true;
    int error = forwarder_ask(w->forwarder, &q, &w->list, &ask->waiter);
    w->asking = was_asking;
    w->waiting += error == 0;
    return error;
}

static void on_done(struct exchange_waiter *waiters, const struct exchange_event *done, void *arg)
{
    struct world *w = arg;

    assert_false(w->asking);
    while (waiters) {
        struct ask *ask = (struct ask *)waiters;
        waiters = waiters->next;
        assert_ptr_equal(ask->world, w);
        assert_false(ask->done);
        ask->done = true;
        if (ask->then)
            assert_int_equal(try_ask(w, ask->then, ask->then->text), 0);
        ask->answered = done->reply != NULL;
        if (done->reply)
            ask->answers = get_be16(done->reply + 6);
        assert_memory_equal(done->question.name, ask->name, done->question.name_len);
        w->waiting--;
    }
}

static void on_limit(uv_timer_t *limit)
{
    (void)limit;
    fail_msg("the test takes too long");
}

static struct world *world_new(struct ipendpoint first, struct ipendpoint second, unsigned n)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_timer_init(&w->loop, &w->limit), 0);
    uv_timer_start(&w->limit, on_limit, LIMIT_MS, 0);
    uv_unref((uv_handle_t *)&w->limit);
    w->endpoints[0] = first;
    w->endpoints[1] = second;
    w->list = (struct exchange_servers){.id = 1, .count = n, .servers = w->endpoints};
    const struct siphash_key cookie_key = {{1, 2}};
    const struct forwarder_settings settings = {.cookie_key = &cookie_key, .done = on_done, .arg = w};
    assert_int_equal(forwarder_new(&w->loop, &settings, &w->forwarder), 0);
    return w;
}

static void ask_of(struct world *w, struct ask *ask, const char *text)
{
    *ask = (struct ask){0};
    assert_int_equal(try_ask(w, ask, text), 0);
    assert_false(ask->done);
}

static void wait_all(struct world *w)
{
    while (w->waiting > 0)
        uv_run(&w->loop, UV_RUN_ONCE);
}

static void on_closed(void *arg)
{
    ((struct world *)arg)->closed = true;
}

static void world_free(struct world *w)
{
    forwarder_close(w->forwarder, on_closed, w);
    assert_int_equal(w->waiting, 0);
    uv_close((uv_handle_t *)&w->limit, NULL);
    assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
    assert_true(w->closed);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    forwarder_free(w->forwarder);
    free(w);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* The server of this test's own, and a world that asks it alone. */
struct pair {
    struct server server;
    struct world *world;
    unsigned descriptors;
};

static int set_up(void **state)
{
    struct pair *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    stands_at = running();
    p->descriptors = open_descriptors();
    assert_true(server_start(&p->server, "127.0.0.1"));
    p->world = world_new(p->server.at, p->server.at, 1);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;

    stands_at = 0;
    world_free(p->world);
    server_stop(&p->server);
    assert_int_equal(open_descriptors(), p->descriptors);
    free(p);
    return 0;
}

static void test_udp(void **state)
{
    struct pair *p = *state;
    struct ask ask;

    ask_of(p->world, &ask, "ok.example.org");
    wait_all(p->world);
    assert_true(ask.answered);
    assert_int_equal(ask.answers, 1);
}

static void test_udp_over_ipv6(void **state)
{
    (void)state;
    struct server server;
    struct ask ask;

    if (!server_start(&server, "::1")) {
        print_message("no IPv6 on this machine's loopback interface\n");
        skip();
    }
    struct world *w = world_new(server.at, server.at, 1);
    ask_of(w, &ask, "ok.example.org");
    wait_all(w);
    assert_true(ask.answered);
    world_free(w);
    server_stop(&server);
}

static void test_forged_first(void **state)
{
    struct pair *p = *state;
    struct exchange_stats stats;
    struct ask ask;

    ask_of(p->world, &ask, "forged.example.org");
    wait_all(p->world);
    assert_true(ask.answered);
    forwarder_stats(p->world->forwarder, &stats);
    assert_int_equal(stats.disbelieved, 1);
    assert_int_equal(stats.sent_udp, 1);
}

static void test_truncated_then_tcp_in_pieces(void **state)
{
    struct pair *p = *state;
    struct ask ask;

    ask_of(p->world, &ask, "pieces.example.org");
    wait_all(p->world);
    assert_true(ask.answered);
    assert_int_equal(ask.answers, 60);
    assert_int_equal(p->server.tcp_queries, 1);
}

/* Closed before, and in the middle of, the message; and a message without bytes. */
static void test_tcp_without_answer(void **state)
{
    struct pair *p = *state;
    const char *const names[] = {"close.example.org", "middle.example.org", "zero.example.org"};
    struct ask ask;

    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        ask_of(p->world, &ask, names[i]);
        wait_all(p->world);
        assert_false(ask.answered);
    }
    assert_int_equal(p->server.tcp_queries, 3);
}

static void test_refused_port(void **state)
{
    struct pair *p = *state;
    struct world *w = world_new(dead_endpoint(), p->server.at, 2);
    struct ask ask;

    ask_of(w, &ask, "ok.example.org"); /* silence would not end while the clock stands */
    wait_all(w);
    assert_true(ask.answered);
    world_free(w);
}

static void test_only_a_refused_port(void **state)
{
    (void)state;
    struct world *w = world_new(dead_endpoint(), (struct ipendpoint){0}, 1);
    struct ask ask;

    ask_of(w, &ask, "ok.example.org");
    wait_all(w);
    assert_false(ask.answered);
    world_free(w);
}

static void test_silence(void **state)
{
    struct pair *p = *state;
    struct ask ask;

    stands_at = 0;
    uint64_t start = running();
    ask_of(p->world, &ask, "silent.example.org");
    wait_all(p->world);
    assert_false(ask.answered);
    assert_in_range((running() - start) / 1000000, EXCHANGE_TOTAL / 1000000 - 10, LIMIT_MS);
    assert_in_range(p->server.udp_queries, 1,
                    EXCHANGE_ATTEMPTS_MAX); /* how many is for the tests of the exchange core */
}

static void test_no_servers(void **state)
{
    struct pair *p = *state;
    struct ask ask = {0};

    p->world->list.count = 0;
    assert_int_equal(try_ask(p->world, &ask, "ok.example.org"), -EDESTADDRREQ);
}

/* No descriptor is left: the waiter hears so, later; and when there are some again, all is well. */
static void test_no_descriptors(void **state)
{
    struct pair *p = *state;
    struct rlimit limit, none;
    struct ask asks[3];

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    stands_at = 0; /* it is tried again until the time is over */
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(lowest >= 0);
    close(lowest);
    none = limit;
    none.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    ask_of(p->world, &asks[0], "one.example.org");
    ask_of(p->world, &asks[1], "two.example.org");
    wait_all(p->world);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_false(asks[0].answered || asks[1].answered);
    ask_of(p->world, &asks[2], "ok.example.org");
    wait_all(p->world);
    assert_true(asks[2].answered);
}

/* Many at once, on sockets that are shared: each of a bounded number of questions, from ports all over 1024..65535. */
static void test_many(void **state)
{
    struct pair *p = *state;
    static struct ask asks[1000];
    struct exchange_stats stats;
    char name[40];

    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        snprintf(name, sizeof(name), "host%u.example.org", i);
        ask_of(p->world, &asks[i], name);
        if (i % 100 == 99)
            wait_all(p->world);
    }
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        assert_true(asks[i].answered);
    forwarder_stats(p->world->forwarder, &stats);
    assert_int_equal(stats.answered, ARRAY_LEN(asks));
    unsigned ports = 0, low = 0;
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        unsigned uses = p->server.uses[port];
        assert_true(uses == 0 || port >= 1024);
        assert_true(uses <= 64);
        ports += uses > 0;
        low += uses > 0 && port < 32768;
    }
    assert_in_range(ports, ARRAY_LEN(asks) / 64, 100);
    assert_in_range(low, 1, ports - 1); /* none, or all of them, is a matter of 1 in 10^4 for 16 ports */
}

/* Replies that nobody asked for give the port away: it is left, and the question goes on over TCP. */
static void test_guessed_port(void **state)
{
    struct pair *p = *state;
    struct exchange_stats stats;
    struct ask ask;

    ask_of(p->world, &ask, "guess.example.org");
    wait_all(p->world);
    assert_true(ask.answered);
    forwarder_stats(p->world->forwarder, &stats);
    assert_int_equal(stats.guessed, 1);
    assert_int_equal(stats.sent_tcp, 1);
    assert_true(stats.disbelieved > 16);
}

/* One connection carries all, whose answers come in any order. */
static void test_tcp_is_shared(void **state)
{
    struct pair *p = *state;
    struct ask asks[20];
    char name[40];

    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        snprintf(name, sizeof(name), "over-tcp.host%u.example.org", i);
        ask_of(p->world, &asks[i], name);
    }
    wait_all(p->world);
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        assert_true(asks[i].answered);
    ask_of(p->world, &asks[0], "over-tcp.later.example.org");
    wait_all(p->world);
    assert_true(asks[0].answered);
    assert_int_equal(p->server.tcp_queries, ARRAY_LEN(asks) + 1);
    assert_int_equal(p->server.tcp_connections, 1);
}

/* The server closes a connection that it has served on, with a question under way: that is asked over another. */
static void test_tcp_ends_between_questions(void **state)
{
    struct pair *p = *state;
    struct ask ask;

    ask_of(p->world, &ask, "over-tcp.first.example.org");
    wait_all(p->world);
    assert_true(ask.answered);
    ask_of(p->world, &ask, "leave.example.org");
    wait_all(p->world);
    assert_true(ask.answered);
    assert_int_equal(p->server.tcp_connections, 2);
}

static void test_ask_when_told(void **state)
{
    struct pair *p = *state;
    struct ask first = {0}, second = {0}, third = {0};

    first.then = &second;
    second.text = "second.example.org";
    second.then = &third;
    third.text = "third.example.org";
    assert_int_equal(try_ask(p->world, &first, "first.example.org"), 0);
    wait_all(p->world);
    assert_true(first.answered && second.answered && third.answered);
}

/* Whoever waits is told, and may then ask no more. */
static void test_close_while_asking(void **state)
{
    (void)state;
    struct server server;
    struct ask asks[10], late = {0};
    char name[40];

    assert_true(server_start(&server, "127.0.0.1"));
    struct world *w = world_new(server.at, server.at, 1);
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        snprintf(name, sizeof(name), "silent.host%u.example.org", i);
        ask_of(w, &asks[i], name);
    }
    while (server.udp_queries == 0)
        uv_run(&w->loop, UV_RUN_NOWAIT);
    forwarder_close(w->forwarder, on_closed, w);
    assert_int_equal(try_ask(w, &late, "late.example.org"), -ECANCELED);
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        assert_true(asks[i].done && !asks[i].answered);
    uv_close((uv_handle_t *)&w->limit, NULL);
    assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
    assert_true(w->closed);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    forwarder_free(w->forwarder);
    free(w);
    server_stop(&server);
}

/* libuv opens descriptors for the process with its first loop, for good. */
static int warm_up(void **state)
{
    uv_loop_t loop;

    (void)state;
    return uv_loop_init(&loop) < 0 || uv_loop_close(&loop) < 0 ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_udp, set_up, tear_down),
        cmocka_unit_test(test_udp_over_ipv6),
        cmocka_unit_test_setup_teardown(test_forged_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncated_then_tcp_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tcp_without_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_port, set_up, tear_down),
        cmocka_unit_test(test_only_a_refused_port),
        cmocka_unit_test_setup_teardown(test_silence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_servers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_guessed_port, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tcp_is_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tcp_ends_between_questions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ask_when_told, set_up, tear_down),
        cmocka_unit_test(test_close_while_asking),
    };
    return cmocka_run_group_tests(tests, warm_up, NULL);
}
