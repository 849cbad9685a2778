/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a service manager hears, on a socket of this test. */
#include "io/notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A manager at a name of the abstract namespace ("@...") or at a path. */
static int manager(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path, name, strlen(name));
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static const char *heard(int fd)
{
    static char message[1024];
    ssize_t n = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT);

    message[n < 0 ? 0 : n] = '\0';
    return message;
}

static void what_it_says(void **state)
{
    struct notify n;
    char name[64];
    (void)state;

    snprintf(name, sizeof(name), "@notify-test-%ld", (long)getpid());
    int fd = manager(name);
    setenv("WATCHDOG_USEC", "2000000", 1);
    unsetenv("WATCHDOG_PID");
    assert_int_equal(notify_init(&n), 0);
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_true(n.watchdog == 2 * NSEC_PER_SEC);

    notify_ready(&n, "Serving");
    assert_string_equal(heard(fd), "READY=1\nSTATUS=Serving\n");
    notify_reloading(&n);
    unsigned long long usec = 0;
    assert_int_equal(sscanf(heard(fd), "RELOADING=1\nMONOTONIC_USEC=%llu\n", &usec), 1);
    assert_true(usec > 0);
    notify_status(&n, "Busy");
    assert_string_equal(heard(fd), "STATUS=Busy\n");
    notify_alive(&n);
    assert_string_equal(heard(fd), "WATCHDOG=1\n");
    notify_stopping(&n);
    assert_string_equal(heard(fd), "STOPPING=1\nSTATUS=Ending\n");
    notify_fini(&n);
    close(fd);
}

static void a_manager_at_a_path(void **state)
{
    char folder[] = "/tmp/notify-XXXXXX", path[64];
    struct notify n;
    (void)state;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    int fd = manager(path);
    assert_int_equal(notify_init(&n), 0);
    notify_alive(&n);
    assert_string_equal(heard(fd), "WATCHDOG=1\n");
    close(fd);
    notify_alive(&n); /* it has gone: nothing happens */
    notify_fini(&n);
    unlink(path);
    rmdir(folder);
}

static void nobody_to_tell(void **state)
{
    static char too_long[200];
    struct notify n;
    (void)state;

    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "1", 1);
    assert_int_equal(notify_init(&n), 0);
    assert_int_equal(n.fd, -1);
    assert_true(n.watchdog == 0);
    notify_ready(&n, "x");
    setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    assert_int_equal(notify_init(&n), -ENOENT);
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(notify_init(&n), -EINVAL);
    memset(too_long, '/', sizeof(too_long) - 1);
    setenv("NOTIFY_SOCKET", too_long, 1);
    assert_int_equal(notify_init(&n), -EINVAL);
    assert_int_equal(n.fd, -1);
    notify_fini(&n);
}

static void whose_watchdog(void **state)
{
    static const char *const nonsense[] = {"", "x", "-1", "99999999999999999999999"};
    char name[64], pid[32];
    struct notify n;
    (void)state;

    snprintf(name, sizeof(name), "@notify-test-%ld", (long)getpid());
    int fd = manager(name);
    setenv("WATCHDOG_USEC", "3000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_init(&n), 0);
    assert_true(n.watchdog == 0);
    notify_fini(&n);

    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "3000000", 1);
    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_init(&n), 0);
    assert_true(n.watchdog == 3 * NSEC_PER_SEC);
    notify_fini(&n);

    for (unsigned i = 0; i < ARRAY_LEN(nonsense); i++) {
        setenv("NOTIFY_SOCKET", name, 1);
        setenv("WATCHDOG_USEC", nonsense[i], 1);
        assert_int_equal(notify_init(&n), 0);
        assert_true(n.watchdog == 0);
        notify_fini(&n);
    }
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says),
        cmocka_unit_test(a_manager_at_a_path),
        cmocka_unit_test(nobody_to_tell),
        cmocka_unit_test(whose_watchdog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
