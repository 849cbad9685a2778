/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a confined process can and cannot do, each tried in a child of its own. Where a filter cannot be put around a
 * process the tests are skipped. */
#include "io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CANNOT = 77, WORKED = 0, REFUSED = 1, OTHER = 2 };

/* Runs `what` in a child, confined; its wait status. */
static int confined(int (*what)(void))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        char why[256];
        if (sandbox_enter(why, sizeof(why)) < 0)
            _exit(CANNOT);
        _exit(what());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT) {
        print_message("no seccomp filter can be had here\n");
        skip();
    }
    return status;
}

static int refused(bool worked)
{
    return worked ? WORKED : errno == ENOSYS ? REFUSED : OTHER;
}

static void *count(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

/* What serving takes. */
static int serve(void)
{
    int counted = 0, udp = socket(AF_INET6, SOCK_DGRAM, 0), file = open("/etc/passwd", O_RDONLY);
    char bytes[16];
    pthread_t thread;
    void *memory = malloc(64 << 20);
    bool good = udp >= 0 && file >= 0 && read(file, bytes, sizeof(bytes)) > 0 && memory;

    good = good && pthread_create(&thread, NULL, count, &counted) == 0;
    good = good && pthread_join(thread, NULL) == 0 && counted == 1;
    signal(SIGUSR1, SIG_IGN);
    good = good && raise(SIGUSR1) == 0;
    free(memory);
    return good && prctl(PR_GET_DUMPABLE) >= 0 ? WORKED : OTHER;
}

static int netlink(void)
{
    return refused(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
}

static int packet(void)
{
    return refused(socket(AF_PACKET, SOCK_RAW, 0) >= 0);
}

static int signal_others(void)
{
    return refused(syscall(SYS_tgkill, getppid(), getppid(), 0) == 0);
}

static int change_mode(void)
{
    return refused(chmod("/nonexistent", 0777) == 0);
}

#ifndef IOTH_SANITIZED
static int executable_memory(void)
{
    return refused(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                   MAP_FAILED);
}

static int new_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return refused(pid > 0);
}

static int limits(void)
{
    struct {
        uint64_t soft, hard;
    } limit = {10, 10};

    return refused(syscall(SYS_prlimit64, 0, 7, &limit, NULL) == 0);
}
#endif

static int run_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return OTHER;
}

static int new_namespace(void)
{
    return unshare(CLONE_NEWUSER) == 0 ? WORKED : OTHER;
}

static int mount_something(void)
{
    return mount("none", "/tmp", "tmpfs", 0, NULL) == 0 ? WORKED : OTHER;
}

static int become_root(void)
{
    return setuid(0) == 0 ? WORKED : OTHER;
}

static int io_uring(void)
{
    char params[256] = {0};

    return syscall(SYS_io_uring_setup, 1, params) >= 0 ? WORKED : OTHER;
}

static void serving_works(void **state)
{
    (void)state;
    int status = confined(serve);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), WORKED);
}

static void expect_refused(int (*what)(void))
{
    int status = confined(what);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), REFUSED);
}

static void what_is_refused(void **state)
{
    (void)state;
    expect_refused(netlink);
    expect_refused(packet);
    expect_refused(signal_others);
    expect_refused(change_mode);
#ifndef IOTH_SANITIZED
    expect_refused(executable_memory);
    expect_refused(new_process);
    expect_refused(limits);
#endif
}

static void expect_killed(int (*what)(void))
{
    int status = confined(what);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void what_is_deadly(void **state)
{
    (void)state;
    expect_killed(run_program);
    expect_killed(new_namespace);
    expect_killed(mount_something);
    expect_killed(become_root);
    expect_killed(io_uring);
}

static int may_splice(void)
{
    int ends[2];

    return refused(pipe2(ends, O_CLOEXEC) == 0 &&
                   (splice(-1, NULL, ends[1], NULL, 1, 0) >= 0 || errno == EBADF));
}

/* What a service asks for beside, and no more. */
static void extras(void **state)
{
    static const struct {
        struct sandbox_extras extras;
        int splice, netlink;
    } cases[] = {
        {{.calls = ""}, REFUSED, REFUSED},
        {{.calls = "splice tee no_such_call"}, WORKED, REFUSED},
        {{.calls = "splice", .netlink = true}, WORKED, WORKED},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            char why[256];
            if (sandbox_enter_with(&cases[i].extras, why, sizeof(why)) < 0)
                _exit(CANNOT);
            _exit(10 + 4 * may_splice() + netlink());
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == CANNOT)
            skip();
        assert_int_equal(WEXITSTATUS(status), 10 + 4 * cases[i].splice + cases[i].netlink);
    }
}

/* A thread that ran before is confined as well. */
static pthread_barrier_t both;

static void *enter_late(void *arg)
{
    int *result = arg;

    pthread_barrier_wait(&both); /* it runs */
    pthread_barrier_wait(&both); /* the filter is in place */
    *result = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 && errno != ENOSYS ? OTHER : netlink();
    return NULL;
}

static void older_threads_are_confined(void **state)
{
    (void)state;
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        char why[256];
        int result = OTHER;
        pthread_t thread;
        pthread_barrier_init(&both, NULL, 2);
        pthread_create(&thread, NULL, enter_late, &result);
        pthread_barrier_wait(&both);
        int e = sandbox_enter(why, sizeof(why));
        pthread_barrier_wait(&both);
        pthread_join(thread, NULL);
        _exit(e < 0 ? CANNOT : result);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT)
        skip();
    assert_int_equal(WEXITSTATUS(status), REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serving_works),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_is_deadly),
        cmocka_unit_test(extras),
        cmocka_unit_test(older_threads_are_confined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
