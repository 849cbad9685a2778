/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control protocol on a real socket, served by a thread: whatever clients send, several at once, slow ones, and ones that
 * go. */
#include "io/control.h"

#include "serving.h"

#include <stdatomic.h>
#include <sys/stat.h>

struct world {
    struct serving serving;
    struct control control;
    atomic_bool may_end;
    atomic_uint ended; /* calls of end_wait */
    atomic_uint pieces;
};

static enum control_result run_echo(struct control_call *call)
{
    for (unsigned i = 1; i < call->n_words; i++)
        text_printf(&call->out, "%s\n", call->words[i]);
    return CONTROL_DONE;
}

/* What could look like an end, and a line without its own. */
static enum control_result run_bad_lines(struct control_call *call)
{
    (void)call->turn;
    text_puts(&call->out, "ok\n\nerror x\nlast");
    return CONTROL_DONE;
}

static enum control_result run_fail(struct control_call *call)
{
    snprintf(call->why, sizeof(call->why), "it went wrong");
    return CONTROL_FAILED;
}

static enum control_result run_wait(struct control_call *call)
{
    struct world *w = call->arg;

    call->own = w;
    return atomic_load(&w->may_end) ? CONTROL_DONE : CONTROL_WAIT;
}

static void end_wait(struct control_call *call)
{
    struct world *w = call->own;

    atomic_fetch_add(&w->ended, 1);
}

#define BIG_PIECES 2000
#define BIG_LINE   1000

static enum control_result run_big(struct control_call *call)
{
    struct world *w = call->arg;

    atomic_fetch_add(&w->pieces, 1);
    text_printf(&call->out, "%0*u\n", BIG_LINE, call->turn);
    return call->turn + 1 < BIG_PIECES ? CONTROL_MORE : CONTROL_DONE;
}

static const struct control_command commands[] = {
    {"echo", "[WORD...]", "says it again", 0, 7, run_echo, NULL},
    {"bad-lines", "", "", 0, 0, run_bad_lines, NULL},
    {"fail", "", "", 0, 0, run_fail, NULL},
    {"wait", "", "", 0, 0, run_wait, end_wait},
    {"big", "", "", 0, 0, run_big, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};

static int begin(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    control_init(&w->control, commands, w);
    serving_start(&w->serving, &w->control.service);
    *state = w;
    return 0;
}

static void answers(void **state)
{
    struct world *w = *state;
    int fd = client_open(&w->serving);

    client_say(fd, "echo\n");
    client_expect(fd, "ok\n");
    client_say(fd, "  echo one\t two  \r\n");
    client_expect(fd, " one\n two\nok\n");
    client_say(fd, "bad-lines\n");
    client_expect(fd, " ok\n \n error x\n last\nok\n");
    client_say(fd, "fail\n");
    client_expect(fd, "error it went wrong\n");
    close(fd);
}

static void the_table_is_the_help(void **state)
{
    struct world *w = *state;
    int fd = client_open(&w->serving);

    client_say(fd, "help\n");
    client_expect(fd, " echo [WORD...]           says it again\n bad-lines ");
    close(fd);
}

static void what_is_wrong_with_a_request(void **state)
{
    struct world *w = *state;
    int fd = client_open(&w->serving);

    client_say(fd, "\n");
    client_expect(fd, "error this is no command; try 'help'\n");
    client_say(fd, "shout\n");
    client_expect(fd, "error unknown command 'shout'; try 'help'\n");
    client_say(fd, "fail now\n");
    client_expect(fd, "error usage: fail\n");
    client_say(fd, "echo 1 2 3 4 5 6 7 8\n");
    client_expect(fd, "error this is no command; try 'help'\n");
    client_send(fd, "echo\0x\n", 7);
    client_expect(fd, "error this is no command; try 'help'\n");
    client_say(fd, "\xff\xfe\x1b[31m\n");
    client_expect(fd, "error this is no command; try 'help'\n");
    client_say(fd, "echo still\n");
    client_expect(fd, " still\nok\n");
    close(fd);
}

static void the_longest_line(void **state)
{
    struct world *w = *state;
    char line[CONTROL_LINE_MAX + 1];
    int fd = client_open(&w->serving);

    memset(line, ' ', sizeof(line));
    memcpy(line, "echo", 4);
    line[CONTROL_LINE_MAX - 1] = '\n';
    client_send(fd, line, CONTROL_LINE_MAX);
    client_expect(fd, "ok\n");
    line[CONTROL_LINE_MAX - 1] = ' ';
    client_send(fd, line, CONTROL_LINE_MAX);
    client_expect(fd, "error the line is too long\n");
    client_expect_end(fd);
}

/* Byte by byte, all in one piece, and with the sending side closed behind it. */
static void requests_in_a_row(void **state)
{
    struct world *w = *state;
    const char *all = "echo 1\nfail\necho 2\n";
    int fd = client_open(&w->serving);

    for (const char *c = all; *c; c++)
        client_send(fd, c, 1);
    client_expect(fd, " 1\nok\nerror it went wrong\n 2\nok\n");
    client_say(fd, all);
    shutdown(fd, SHUT_WR);
    client_expect(fd, " 1\nok\nerror it went wrong\n 2\nok\n");
    client_expect_end(fd);
}

static void half_a_request_is_none(void **state)
{
    struct world *w = *state;
    int fd = client_open(&w->serving);

    client_say(fd, "echo 1");
    shutdown(fd, SHUT_WR);
    client_expect_end(fd);
}

/* Who waits keeps nobody waiting; who goes meanwhile is cleaned up after. */
static void waiting(void **state)
{
    struct world *w = *state;
    int waits = client_open(&w->serving), goes = client_open(&w->serving), other = client_open(&w->serving);

    client_say(waits, "wait\n");
    client_say(goes, "wait\n");
    client_say(other, "echo 1\n");
    client_expect(other, " 1\nok\n");
    close(goes);
    while (atomic_load(&w->ended) == 0) {
        client_say(other, "echo 2\n");
        client_expect(other, " 2\nok\n");
    }
    server_wake(w->serving.server);
    atomic_store(&w->may_end, true);
    server_wake(w->serving.server);
    client_expect(waits, "ok\n");
    close(waits);
    close(other);
}

/* A reader that takes nothing holds as much as the socket does and a piece or two; and gets it all in the end. */
static void slow_reader(void **state)
{
    struct world *w = *state;
    char line[BIG_LINE + 3];
    int slow = client_open(&w->serving), other = client_open(&w->serving);

    client_say(slow, "big\n");
    unsigned pieces = 0, same = 0;
    while (same < 100) {
        client_say(other, "echo 1\n");
        client_expect(other, " 1\nok\n");
        same = atomic_load(&w->pieces) == pieces ? same + 1 : 0;
        pieces = atomic_load(&w->pieces);
    }
    assert_true(pieces < BIG_PIECES);
    for (unsigned i = 0; i < BIG_PIECES; i++) {
        snprintf(line, sizeof(line), " %0*u\n", BIG_LINE, i);
        client_expect(slow, line);
    }
    client_expect(slow, "ok\n");
    close(slow);
    close(other);
}

/* More clients than there are places: the one that was idle longest goes. */
static void too_many_clients(void **state)
{
    struct world *w = *state;
    int clients[CONTROL_CLIENTS_MAX + 1];

    for (unsigned i = 0; i <= CONTROL_CLIENTS_MAX; i++) {
        clients[i] = client_open(&w->serving);
        client_say(clients[i], "echo 1\n");
        client_expect(clients[i], " 1\nok\n");
    }
    client_expect_end(clients[0]);
    for (unsigned i = 1; i <= CONTROL_CLIENTS_MAX; i++) {
        client_say(clients[i], "echo 2\n");
        client_expect(clients[i], " 2\nok\n");
        close(clients[i]);
    }
}

static void noise(void **state)
{
    struct world *w = *state;
    unsigned seed = 1;

    for (unsigned round = 0; round < 300; round++) {
        char bytes[3000];
        int fd = client_open(&w->serving);
        for (unsigned i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(rand_r(&seed) >> 7);
        ssize_t sent = send(fd, bytes, (size_t)rand_r(&seed) % sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)sent;
        close(fd);
    }
    int fd = client_open(&w->serving);
    client_say(fd, "echo alive\n");
    client_expect(fd, " alive\nok\n");
    close(fd);
}

static void the_socket_in_the_file_system(void **state)
{
    struct world *w = *state;
    struct stat st;
    char left[112], long_path[200];

    assert_int_equal(stat(w->serving.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(serve_listen_unix(w->serving.path, (unsigned)-1), -EADDRINUSE);

    /* One that a server left behind is replaced, anything else is not. */
    snprintf(left, sizeof(left), "%s/left", w->serving.folder);
    int fd = serve_listen_unix(left, getegid());
    assert_true(fd >= 0);
    assert_int_equal(stat(left, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    close(fd);
    fd = serve_listen_unix(left, (unsigned)-1);
    assert_true(fd >= 0);
    close(fd);
    unlink(left);
    FILE *file = fopen(left, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(serve_listen_unix(left, (unsigned)-1), -EEXIST);
    unlink(left);
    memset(long_path, 'x', sizeof(long_path));
    long_path[108] = '\0';
    assert_int_equal(serve_listen_unix(long_path, (unsigned)-1), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(the_table_is_the_help, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_with_a_request, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(the_longest_line, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(requests_in_a_row, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(half_a_request_is_none, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(waiting, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(slow_reader, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(too_many_clients, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(noise, begin, serving_teardown),
        cmocka_unit_test_setup_teardown(the_socket_in_the_file_system, begin, serving_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
