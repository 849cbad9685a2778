/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A daemon as the person who starts it sees it: its command line, its pid file, signals, what it gives up. Each process that
 * is one is a child of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/daemon.h"
#include "io/daemon_options.h"
#include "io/privilege.h"

struct own_row {
    struct rc_row row;
};

static const struct own_row rows[] = {
    {{"rcfile", 'f', "FILE", "further options"}},
    {{"daemon", 'd', NULL, "to the background"}},
    {{"tcp", 't', "PORT", "a port"}},
    {{"tcp-timeout-of-connections", 0, "SECONDS", "a long one"}},
    {{0}},
};

static const char *one_word(struct daemon_options *o, int n, char **words)
{
    if (n > 1)
        return "one word alone";
    return n == 0 || daemon_add_word(o, "word", words[0]) ? NULL : "too many words";
}

static const struct daemon_usage usage = {.version = "7",
                                          .synopsis = "[OPTION...]",
                                          .summary = "Tests.",
                                          .notes = "The end.\n",
                                          .rows = {.first = &rows[0].row, .stride = sizeof(rows[0])},
                                          .check_letter = 'n',
                                          .operands = one_word};

/* --- the command line --- */

static void read_words(char **argv, struct daemon_options *ret)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    optind = 1;
    daemon_options_read(&usage, argc, argv, ret);
}

static void words_of_a_command_line(void **state)
{
    char *argv[] = {"/usr/bin/x", "-t", "80",   "--tcp=81", "-d", "-n", "--tcp-timeout-of-connections",
                    "5",          "-f", "/dev", "here",     NULL};
    struct daemon_options o;

    (void)state;
    read_words(argv, &o);
    assert_string_equal(o.program, "x");
    assert_true(o.check);
    assert_string_equal(o.rcfile, "/dev");
    assert_int_equal(o.n_words, 5);
    assert_string_equal(daemon_value(&o, "tcp"), "81");
    assert_string_equal(o.words[0].value, "80");
    assert_true(daemon_says(&o, "daemon"));
    assert_null(daemon_value(&o, "daemon"));
    assert_string_equal(daemon_value(&o, "word"), "here");
    assert_false(daemon_says(&o, "udp"));
    daemon_options_fini(&o);
}

/* Exit status of a command line; what it prints on both outputs. */
static int exit_of(char **argv, char *said, size_t size)
{
    int ends[2], status;
    size_t len = 0;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct daemon_options o;
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        read_words(argv, &o);
        _exit(99);
    }
    close(ends[1]);
    for (ssize_t n = 1; n > 0 && len + 1 < size; len += n > 0 ? (size_t)n : 0)
        n = read(ends[0], said + len, size - 1 - len);
    said[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void help_version_and_mistakes(void **state)
{
    static const struct {
        char *argv[4];
        int status;
        const char *said;
    } cases[] = {
        {{"x", "--help"}, 0, "-t, --tcp PORT                 a port\n"},
        {{"x", "-h"}, 0, "usage: x [OPTION...]\n       x -n [OPTION...]    check only\n\nTests.\n\n"},
        {{"x", "-h"},
         0,
         "      --tcp-timeout-of-connections SECONDS\n                                 a long one\n"},
        {{"x", "-h"}, 0, "\nThe end.\n"},
        {{"x", "--version"}, 0, "x 7\n"},
        {{"x", "--nonsense"}, EXIT_USAGE, "Try 'x --help'.\n"},
        {{"x", "-t"}, EXIT_USAGE, "Try 'x --help'.\n"},
        {{"x", "a", "b"}, EXIT_USAGE, "x: one word alone. Try 'x --help'.\n"},
    };
    char said[4096];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        char *argv[4];
        memcpy(argv, cases[i].argv, sizeof(argv));
        assert_int_equal(exit_of(argv, said, sizeof(said)), cases[i].status);
        assert_non_null(strstr(said, cases[i].said));
    }
}

static int append(void *arg, const struct rc_row *row, const char *value, const struct rc_place *place,
                  char *why, size_t why_size)
{
    char *all = arg;

    (void)place, (void)why, (void)why_size;
    strcat(strcat(strcat(strcat(all, row->name), "="), value), " ");
    return 0;
}

/* The file comes first, so the command line wins; and it is read anew each time. */
static void file_and_command_line(void **state)
{
    char path[] = "/tmp/daemon-XXXXXX", all[256] = "", why[256];
    char *argv[] = {"x", "-t", "3", "-f", path, NULL};
    const struct rc_reader reader = {.rows = RC_ROWS(rows), .such_as = "'tcp'", .take = append, .arg = all};
    struct daemon_options o;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    read_words(argv, &o);
    assert_true(dprintf(fd, "tcp 1\n") > 0);
    assert_int_equal(daemon_options_load(&o, &reader, why, sizeof(why)), 0);
    assert_string_equal(all, "tcp=1 tcp=3 ");
    assert_true(dprintf(fd, "tcp 2\nudp\n") > 0);
    assert_int_equal(daemon_options_load(&o, &reader, why, sizeof(why)), -EINVAL);
    assert_non_null(strstr(why, ":3:1: there is no option 'udp', expected one such as 'tcp'"));
    close(fd);
    unlink(path);
    assert_int_equal(daemon_options_load(&o, &reader, why, sizeof(why)), -ENOENT);
    assert_non_null(strstr(why, "cannot read "));
    daemon_options_fini(&o);
}

/* --- the process --- */

static int count_reloads(void *arg)
{
    int *reloads = arg;

    return ++*reloads == 2 ? -EINVAL : 0;
}

/* What the child does: 10 and the reloads, or where it failed. */
static int serve(const char *pidfile)
{
    struct daemon d;
    char why[256];
    int reloads = 0;
    const struct daemon_wish wish = {.pidfile = pidfile, .user = "none", .packaged_user = "nobody"};

    if (daemon_open(&d, "tested", true) < 0)
        return 1;
    if (daemon_give_up(&d, &wish, why, sizeof(why)) < 0)
        return 2;
    daemon_begun(&d, "Testing");
    daemon_wait(&d, "Testing", count_reloads, &reloads);
    daemon_close(&d);
    return 10 + reloads;
}

static pid_t pid_in(const char *path)
{
    char text[32] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    return (pid_t)atol(text);
}

/* Polls until `path` is gone. */
static bool goes(const char *path)
{
    const struct timespec a_while = {.tv_nsec = 2000000};
    struct stat st;

    for (unsigned i = 0; i < 10000; i++, nanosleep(&a_while, NULL))
        if (stat(path, &st) < 0)
            return true;
    return false;
}

static void a_daemon_lives_and_ends(void **state)
{
    char path[] = "/tmp/daemon-pid-XXXXXX";
    int fd = mkstemp(path), status;

    (void)state;
    close(fd);
    pid_t starter = fork();
    assert_true(starter >= 0);
    if (starter == 0)
        _exit(serve(path));
    assert_int_equal(waitpid(starter, &status, 0), starter);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    pid_t pid = pid_in(path);
    assert_true(pid != starter && kill(pid, SIGHUP) == 0 && kill(pid, SIGTERM) == 0);
    assert_true(goes(path));
}

static void signals_and_reloads(void **state)
{
    struct daemon d;
    int reloads = 0;

    (void)state;
    assert_int_equal(daemon_open(&d, "tested", false), 0);
    daemon_reload_soon(&d);
    kill(getpid(), SIGTERM); /* blocked: both wait for daemon_wait, the hang-up first */
    daemon_begun(&d, "Testing");
    daemon_wait(&d, "Testing", count_reloads, &reloads);
    assert_int_equal(reloads, 1);
    daemon_close(&d);
}

static void no_such_user(void **state)
{
    struct daemon d;
    char why[256];
    const struct daemon_wish nobody = {.user = "no-such-user", .packaged_user = "nobody"},
                             nowhere = {.pidfile = "/nowhere/at/all", .packaged_user = "nobody"};

    (void)state;
    assert_int_equal(daemon_open(&d, "tested", false), 0);
    assert_int_equal(daemon_give_up(&d, &nobody, why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "there is no user 'no-such-user'");
    assert_int_equal(daemon_give_up(&d, &nowhere, why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "cannot write the pidfile /nowhere/at/all: its folder is not there");
    assert_int_equal(daemon_check_user("no-such-user", why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "there is no user 'no-such-user'");
    assert_int_equal(daemon_check_user("root:no-such-group", why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "there is no group 'no-such-group' for the user");
    assert_int_equal(daemon_check_user("root:0", why, sizeof(why)), 0);
    assert_int_equal(daemon_check_user("none", why, sizeof(why)), 0);
    assert_int_equal(daemon_check_user(NULL, why, sizeof(why)), 0);
    daemon_close(&d);
}

/* --- capabilities --- */

static uint64_t own_capabilities(const char *status)
{
    char line[256];
    uint64_t effective = 0;
    FILE *in = fopen(status, "re");

    while (in && fgets(line, sizeof(line), in))
        if (sscanf(line, "CapEff: %lx", &effective) == 1)
            break;
    if (in)
        fclose(in);
    return effective;
}

static uint64_t capabilities(void)
{
    return own_capabilities("/proc/self/status");
}

/* What a child has left that keeps CAP_NET_RAW, as the user of that number or as it is. */
static uint64_t kept(unsigned uid)
{
    int ends[2];
    uint64_t left = UINT64_MAX;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        const struct identity who = {.change = uid != 0, .uid = uid, .gid = uid, .name = "tested"};
        char why[256];
        int e = privilege_keep(&who, CAPABILITY(CAP_NET_RAW), why, sizeof(why));
        left = e == 0 ? capabilities() : UINT64_MAX;
        _exit(write(ends[1], &left, sizeof(left)) == sizeof(left) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &left, sizeof(left)), sizeof(left));
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    return left;
}

static void one_capability_stays(void **state)
{
    uint64_t given = capabilities() & CAPABILITY(CAP_NET_RAW);

    (void)state;
    assert_int_equal(kept(0), given);
    if (geteuid() != 0 || !(capabilities() & CAPABILITY(CAP_SETUID)))
        skip();
    uint64_t as_nobody = kept(65534);
    if (as_nobody == UINT64_MAX) { /* a user namespace that has root alone */
        print_message("there is nobody else to become here\n");
        skip();
    }
    assert_int_equal(as_nobody, given);
}

/* A thread as stacks make them: it hears of no signal but those about its own calls; of those later, if its maker blocks them. */
static void *thread_of_a_stack(void *arg)
{
    int *ends = arg;
    char byte = 0;

    if (write(ends[1], &byte, 1) != 1) /* by now its mask is its own: all is blocked while it is made */
        return NULL;
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
        continue;
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    uint64_t left = own_capabilities("/proc/thread-self/status");
    (void)!write(ends[1], &left, sizeof(left));
    return NULL;
}

/* What such a thread has, once the process has given up all but CAP_NET_RAW, or has found that it could not. */
static uint64_t left_to_an_older_thread(bool is_deaf)
{
    int to[2], from[2];
    const struct identity who = {0};
    uint64_t left = UINT64_MAX;
    sigset_t all;
    pthread_t thread;
    char why[256], byte;

    if (pipe(to) < 0 || pipe(from) < 0)
        return left;
    sigfillset(&all);
    if (!is_deaf)
        sigdelset(&all, SIGSYS);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    int ends[2] = {to[0], from[1]};
    if (pthread_create(&thread, NULL, thread_of_a_stack, ends) != 0 || read(from[0], &byte, 1) != 1)
        return left;
    bool is_told = privilege_keep(&who, CAPABILITY(CAP_NET_RAW), why, sizeof(why)) == 0;
    if (is_told != is_deaf && write(to[1], "", 1) == 1)
        left = read(from[0], &left, sizeof(left)) == sizeof(left) ? left : UINT64_MAX;
    close(to[1]); /* the thread's end, if nothing was asked of it */
    pthread_join(thread, NULL);
    return left;
}

static void assert_an_older_thread_loses_its_own(bool is_deaf)
{
    uint64_t given = capabilities() & CAPABILITY(CAP_NET_RAW), left = UINT64_MAX;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        left = left_to_an_older_thread(is_deaf);
        _exit(write(ends[1], &left, sizeof(left)) == sizeof(left) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &left, sizeof(left)), sizeof(left));
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(left, given);
}

static void older_threads_lose_theirs(void **state)
{
    (void)state;
    assert_an_older_thread_loses_its_own(false);
}

static void a_thread_that_hears_late_loses_the_same(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* one that blocks SIGSYS is taken for the sanitizer's */
#endif
    if ((capabilities() & ~CAPABILITY(CAP_NET_RAW)) == 0)
        skip(); /* there is nothing to lose */
    assert_an_older_thread_loses_its_own(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_a_command_line),
        cmocka_unit_test(help_version_and_mistakes),
        cmocka_unit_test(file_and_command_line),
        cmocka_unit_test(one_capability_stays),
        cmocka_unit_test(older_threads_lose_theirs),
        cmocka_unit_test(a_thread_that_hears_late_loses_the_same),
        cmocka_unit_test(a_daemon_lives_and_ends),
        cmocka_unit_test(signals_and_reloads),
        cmocka_unit_test(no_such_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
