/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How stacks begin and end: what is refused, what is left behind (nothing), the child of a killed program, a
 * hub that goes away and comes back, threads and signals of the program around it. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "lab.h"

/* ---- what there is ---- */

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* The children of a process, of all its threads: how many, and the last of them. */
static int children_of(pid_t pid, pid_t *ret_last)
{
    char path[300];
    struct dirent *task;
    int n = 0, child;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    dir = opendir(path);
    while (dir != NULL && (task = readdir(dir)) != NULL) {
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid, task->d_name);
        file = task->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (file != NULL && fscanf(file, "%d", &child) == 1) {
            *ret_last = child;
            n++;
        }
        if (file != NULL)
            fclose(file);
    }
    if (dir != NULL)
        closedir(dir);
    return n;
}

static int own_children(void)
{
    pid_t last;

    return children_of(getpid(), &last);
}

/* ---- the tests ---- */

static void test_busy_while_a_socket_is_open(void **state)
{
    struct ioth *stack = lab_stack("vdestack", NULL, "10.0.0.1");
    int fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0);

    (void)state;
    errno = 0;
    assert_int_equal(ioth_delstack(stack), -1);
    assert_int_equal(errno, EBUSY);
    assert_int_equal(ioth_close(fd), 0);
    assert_int_equal(ioth_delstack(stack), 0);
}

static void test_what_is_refused(void **state)
{
    char twice[128], too_long[128];
    int descriptors = open_descriptors(), children = own_children();
    const struct {
        const char *stack, *first, *second;
        int error; /* 0: any */
    } cases[] = {
        {"vdestack,nonsense", NULL, NULL, EINVAL},
        {"vdestack,accept_ra=3", NULL, NULL, EINVAL},
        {"vdestack,accept_ra=", NULL, NULL, EINVAL},
        {"vdestack,dad=10", NULL, NULL, EINVAL},
        {"vdestack", too_long, NULL, EINVAL},
        {"vdestack", "vde:///nowhere/hub", NULL, 0},
        {"vdestack", lab_vnl(), "vde:///nowhere/hub", 0},
        {"vdestack", "nosuchnetwork://", NULL, 0},
        {"vdestack", twice, twice, EBUSY},
    };
    size_t i;

    (void)state;
    snprintf(twice, sizeof(twice), "eth0:%s", lab_vnl());
    snprintf(too_long, sizeof(too_long), "name_of_sixteen_:%s", lab_vnl());
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        errno = 0;
        assert_null(ioth_newstackl(cases[i].stack, cases[i].first, cases[i].second, NULL));
        assert_int_not_equal(errno, 0);
        if (cases[i].error != 0)
            assert_int_equal(errno, cases[i].error);
    }
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(own_children(), children);
}

static void test_options(void **state)
{
    struct ioth *stack = ioth_newstack("vdestack,accept_ra=2,dad=0,", lab_vnl());

    (void)state;
    assert_non_null(stack);
    assert_int_equal(ioth_delstack(stack), 0);
}

static void test_nothing_is_left_behind(void **state)
{
    int descriptors = open_descriptors(), children = own_children(), i;

    (void)state;
    for (i = 0; i < 5; i++) {
        struct ioth *stack = ioth_newstackl("vdestack", lab_vnl(), lab_vnl(), NULL);

        assert_non_null(stack);
        assert_int_equal(own_children(), children + 1);
        assert_int_equal(ioth_delstack(stack), 0);
    }
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(own_children(), children);
}

static void test_descriptors_are_close_on_exec(void **state)
{
    struct ioth *stack = ioth_newstack("vdestack", lab_vnl());
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int fd;

    (void)state;
    assert_non_null(stack);
    while ((entry = readdir(dir)) != NULL) {
        fd = atoi(entry->d_name);
        if (fd > STDERR_FILENO && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) {
            char path[300], target[256] = "";

            snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
            (void)!readlink(path, target, sizeof(target) - 1);
            /* those that the test was started with, such as the log of its runner, are not ours */
            if (strncmp(target, "/", 1) != 0 && strncmp(target, "pipe:", 5) != 0)
                fail_msg("descriptor %d, %s, would be inherited", fd, target);
        }
    }
    closedir(dir);
    fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    ioth_close(fd);
    fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(fcntl(fd, F_GETFD), 0);
    assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
    ioth_close(fd);
    assert_int_equal(ioth_delstack(stack), 0);
}

/* The program's own handling of its children never meets ours. */
static void test_invisible_to_wait(void **state)
{
    struct ioth *stack;
    siginfo_t info = {0};

    (void)state;
    signal(SIGCHLD, SIG_IGN);
    stack = ioth_newstack("vdestack", lab_vnl());
    assert_non_null(stack);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT),
                     0); /* there is the hub, and it lives */
    assert_int_equal(info.si_pid, 0);
    assert_int_equal(ioth_delstack(stack), 0);
    signal(SIGCHLD, SIG_DFL);
}

static void test_errno_of_the_plugin(void **state)
{
    struct ioth *stack = ioth_newstack("vdestack", NULL);

    (void)state;
    errno = 0;
    assert_int_equal(ioth_msocket(stack, 12345, SOCK_DGRAM, 0), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    errno = 0;
    assert_int_equal(ioth_msocket(stack, AF_INET, SOCK_DGRAM, 9999), -1);
    assert_true(errno == EPROTONOSUPPORT || errno == EINVAL);
    assert_int_equal(ioth_delstack(stack), 0);
}

/* ---- the program is killed ---- */

/* What the victim does: a stack, a sign of life, and nothing more. */
static int be_victim(const char *vnl)
{
    struct ioth *stack = ioth_newstack("vdestack", vnl);

    if (stack == NULL || write(STDOUT_FILENO, "up", 2) != 2)
        return 1;
    for (;;)
        pause();
}

static pid_t start_victim(int *ret_output)
{
    int output[2];
    char word[2];
    pid_t pid;

    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(output[1], STDOUT_FILENO);
        execl("/proc/self/exe", "victim", lab_vnl(), (char *)NULL);
        _exit(127);
    }
    close(output[1]);
    assert_int_equal(read(output[0], word, sizeof(word)), 2);
    *ret_output = output[0];
    return pid;
}

static void test_killed_program_leaves_no_child(void **state)
{
    int output, helper;
    pid_t victim = start_victim(&output), child = 0;

    (void)state;
    assert_int_equal(children_of(victim, &child), 1);
    helper = (int)syscall(SYS_pidfd_open, child, 0);
    assert_true(helper >= 0);
    assert_int_equal(kill(victim, SIGKILL), 0);
    assert_true(lab_readable(helper)); /* readable once it has ended */
    assert_int_equal(waitpid(victim, NULL, 0), victim);
    close(helper);
    close(output);
}

/* Ctrl-C and the like reach the child too; it stays as long as the program does. */
static void test_child_ignores_signals(void **state)
{
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE, SIGUSR1};
    struct ioth *stack;
    pid_t child = 0, sibling = 0;
    size_t i;
    int fd;

    (void)state;
    assert_int_equal(children_of(getpid(), &sibling), 1); /* the hub */
    stack = ioth_newstack("vdestack", lab_vnl());
    assert_int_equal(children_of(getpid(), &child), 2);
    assert_int_not_equal(child, sibling);
    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        assert_int_equal(kill(child, signals[i]), 0);
    fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    ioth_close(fd);
    assert_int_equal(ioth_delstack(stack), 0);
}

static void test_child_that_is_gone(void **state)
{
    struct ioth *stack = ioth_newstack("vdestack", lab_vnl());
    pid_t child = 0;
    int pidfd;

    (void)state;
    assert_int_equal(children_of(getpid(), &child), 2);
    pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    kill(child, SIGKILL);
    assert_true(lab_readable(pidfd));
    close(pidfd);
    errno = 0;
    assert_int_equal(ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0), -1);
    assert_int_equal(errno, ENETDOWN);
    assert_int_equal(ioth_delstack(stack), 0);
}

/* ---- threads ---- */

static void *make_stack(void *arg)
{
    (void)arg;
    return lab_stack("vdestack", NULL, "10.0.0.1");
}

static void test_stack_outlives_the_thread_that_made_it(void **state)
{
    struct ioth *other = lab_stack("vdestack", NULL, "10.0.0.2");
    pthread_t thread;
    void *stack;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, make_stack, NULL), 0);
    assert_int_equal(pthread_join(thread, &stack), 0);
    lab_exchange(stack, other, "10.0.0.2", 100);
    lab_exchange(other, stack, "10.0.0.1", 100);
    assert_int_equal(ioth_delstack(stack), 0);
    assert_int_equal(ioth_delstack(other), 0);
}

enum { THREADS = 4, SOCKETS = 100 };

static void *open_sockets(void *arg)
{
    int i, fd, type, wanted;
    socklen_t len = sizeof(type);

    for (i = 0; i < SOCKETS; i++) {
        wanted = i % 2 == 0 ? SOCK_DGRAM : SOCK_STREAM;
        fd = ioth_msocket(arg, AF_INET, wanted | SOCK_CLOEXEC, 0);
        if (fd < 0 || ioth_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != wanted ||
            ioth_close(fd) < 0)
            return NULL;
    }
    return arg;
}

static void test_threads_open_sockets(void **state)
{
    struct ioth *stack = ioth_newstack("vdestack", lab_vnl());
    pthread_t threads[THREADS];
    void *result;
    int i;

    (void)state;
    for (i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_sockets, stack), 0);
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, stack);
    }
    assert_int_equal(ioth_delstack(stack), 0);
}

/* ---- a hub that goes away ---- */

static bool has_carrier(void *arg)
{
    return (lab_flags(arg, "vde0") & IFF_RUNNING) != 0;
}

static bool has_no_carrier(void *arg)
{
    return !has_carrier(arg);
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_hub_goes_and_comes_back(void **state)
{
    struct hub fickle;
    struct ioth *a, *b;
    double before, begun;

    (void)state;
    lab_hub_start(&fickle, "fickle");
    a = lab_stack("vdestack", fickle.vnl, "10.0.0.1");
    b = lab_stack("vdestack", fickle.vnl, "10.0.0.2");
    lab_exchange(a, b, "10.0.0.2", 100);
    lab_hub_kill(&fickle);
    assert_true(lab_wait(has_no_carrier, a));
    assert_true(lab_wait(has_no_carrier, b));
    before = cpu_seconds();
    begun = seconds_now();
    lab_hub_start(&fickle, "fickle");
    assert_true(
        lab_wait(has_carrier, a)); /* about a second later: a relay that spins would have used it all */
    assert_true(lab_wait(has_carrier, b));
    assert_true(cpu_seconds() - before < 0.7 * (seconds_now() - begun));
    lab_exchange(a, b, "10.0.0.2", 100);
    lab_exchange(b, a, "10.0.0.1", 100);
    lab_hub_kill(&fickle);
    assert_int_equal(ioth_delstack(a), 0); /* without its hub */
    assert_int_equal(ioth_delstack(b), 0);
}

int main(int argc, char *argv[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy_while_a_socket_is_open),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_nothing_is_left_behind),
        cmocka_unit_test(test_descriptors_are_close_on_exec),
        cmocka_unit_test(test_invisible_to_wait),
        cmocka_unit_test(test_errno_of_the_plugin),
        cmocka_unit_test(test_killed_program_leaves_no_child),
        cmocka_unit_test(test_child_ignores_signals),
        cmocka_unit_test(test_child_that_is_gone),
        cmocka_unit_test(test_stack_outlives_the_thread_that_made_it),
        cmocka_unit_test(test_threads_open_sockets),
        cmocka_unit_test(test_hub_goes_and_comes_back),
    };

    if (argc == 2 && strcmp(argv[0], "victim") == 0)
        return be_victim(argv[1]);
    return lab_run(tests);
}
