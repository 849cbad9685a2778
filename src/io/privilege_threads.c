/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See privilege_threads.h. Capabilities are a thread's, and none can take those of another. A stack that was made before has a
 * thread of its own (lwip's loop, vdestack's relay, the clients of libiothconf), which has what its maker had.
 *
 * So each of them gets SIGSYS, with what it is to keep, and does it in the handler: a system call and nothing else, which a
 * handler may. SIGSYS, since the threads of stacks block all signals but those that are about a thread's own calls, and
 * nobody else sends it. /proc tells who has too much, before and afterwards: a thread is believed when the kernel says so.
 *
 * The C library does the same for the user's identity, by a signal of its own; where that changed, the kernel has cleared the
 * capabilities of all threads, and there is nothing left to do here.
 */
#include "io/privilege_threads.h"

#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    TRIES = 2000, /* of a millisecond: a thread that sleeps is woken by the signal */
};

static void on_signal(int number, siginfo_t *info, void *context)
{
    int before = errno;

    (void)number, (void)context;
    if (info->si_code == SI_QUEUE && info->si_pid == getpid()) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct own[_LINUX_CAPABILITY_U32S_3] = {0};
        uint64_t kept = (uintptr_t)info->si_value.sival_ptr;

        for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
            own[i].permitted = own[i].effective = (uint32_t)(kept >> 32 * i);
        (void)syscall(SYS_capset, &header, own); /* /proc tells whether it worked */
    }
    errno = before;
}

/* The thread sanitizer's own thread blocks all signals; nothing else is passed over. */
static bool is_the_sanitizers(unsigned long long blocked)
{
#ifdef __SANITIZE_THREAD__
    return blocked >> (SIGSYS - 1) & 1;
#else
    (void)blocked;
    return false;
#endif
}

/* Whether this thread may do more than it is to. One that has ended may do nothing. */
static int has_more(const char *thread, uint64_t kept)
{
    char path[64], line[256];
    unsigned long long permitted = 0, blocked = 0; /* SigBlk stands before CapPrm: proc(5) */

    snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", thread);
    FILE *in = fopen(path, "re");
    if (!in)
        return errno == ENOENT || errno == ESRCH ? 0 : -errno;
    while (fgets(line, sizeof(line), in) && sscanf(line, "CapPrm: %llx", &permitted) != 1)
        sscanf(line, "SigBlk: %llx", &blocked);
    fclose(in);
    return (permitted & ~kept) != 0 && !is_the_sanitizers(blocked);
}

/* The signal may come late, so it carries the bits themselves, no pointer to them; those of our services fit into any pointer. */
static void tell(pid_t thread, uint64_t kept)
{
    siginfo_t info = {.si_signo = SIGSYS, .si_code = SI_QUEUE};

    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = (void *)(uintptr_t)kept;
    (void)syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, SIGSYS, &info); /* it may have ended */
}

/* How many others have too much; `first`: they are told. */
static int look(uint64_t kept, bool first)
{
    pid_t own = (pid_t)syscall(SYS_gettid);
    DIR *tasks = opendir("/proc/self/task");
    int n = 0, e = tasks ? 0 : -errno;

    for (const struct dirent *entry; e >= 0 && (entry = readdir(tasks));) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread <= 0 || thread == own || (e = has_more(entry->d_name, kept)) <= 0)
            continue;
        n++;
        if (first)
            tell(thread, kept);
    }
    if (tasks)
        closedir(tasks);
    return e < 0 ? e : n;
}

/* Whether a signal may be on its way, with so many that have too much. The thread sanitizer blocks all signals while it hands one
 * on, so that thread is taken for its own. */
static bool may_still_come(int n)
{
#ifdef __SANITIZE_THREAD__
    (void)n;
    return true;
#else
    return n > 0;
#endif
}

int privilege_drop_in_threads(uint64_t kept)
{
    const struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    const struct timespec pause = {.tv_nsec = NSEC_PER_MSEC};
    struct sigaction before;

    if (sigaction(SIGSYS, &action, &before) < 0)
        return -errno;
    int n = look(kept, true);
    for (int i = 0; n > 0 && i < TRIES; i++) {
        nanosleep(&pause, NULL);
        n = look(kept, false);
    }
    if (!may_still_come(n))
        sigaction(SIGSYS, &before, NULL);
    return n > 0 ? -EBUSY : n;
}
