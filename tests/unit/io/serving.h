/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server of io/serve.h in a thread of its own, with one service on a socket in a folder of this test, and clients
 * of it that do not wait for ever. */
#ifndef TESTS_IO_SERVING_H
#define TESTS_IO_SERVING_H

#include "io/serve.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct serving {
    struct server *server;
    pthread_t thread;
    char folder[64], path[96];
};

static inline void *serving_run(void *arg)
{
    struct serving *s = arg;

    server_run(s->server);
    return NULL;
}

static inline void serving_start(struct serving *s, const struct serve_service *service)
{
    const struct server_settings settings = {0};

    snprintf(s->folder, sizeof(s->folder), "/tmp/serving-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->path, sizeof(s->path), "%s/socket", s->folder);
    assert_int_equal(server_new(&settings, &s->server), 0);
    int fd = serve_listen_unix(s->path, (unsigned)-1);
    assert_true(fd >= 0);
    assert_int_equal(server_listen(s->server, fd, service), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serving_run, s), 0);
}

static inline void serving_end(struct serving *s)
{
    server_stop(s->server);
    pthread_join(s->thread, NULL);
    server_free(s->server);
    unlink(s->path);
    assert_int_equal(rmdir(s->folder), 0);
}

/* What begins with a struct serving, from malloc: for cmocka. */
static inline int serving_teardown(void **state)
{
    serving_end(*state);
    free(*state);
    return 0;
}

static inline int client_open(const struct serving *s)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path, s->path, strlen(s->path));
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static inline void client_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        assert_true(n > 0);
        bytes += n;
        len -= (size_t)n;
    }
}

static inline void client_say(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

/* Reads until `expected` has come, and it must come exactly. */
static inline void client_expect(int fd, const char *expected)
{
    size_t len = strlen(expected), have = 0;
    char *got = calloc(1, len + 1);

    while (have < len) {
        ssize_t n = recv(fd, got + have, len - have, 0);
        if (n <= 0)
            fail_msg("ended or silent after '%s', expected '%s'", got, expected);
        have += (size_t)n;
    }
    assert_string_equal(got, expected);
    free(got);
}

/* The connection has ended, with nothing more in it; a reset is an end too. */
static inline void client_expect_end(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);

    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    close(fd);
}

#endif
