/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See sandbox.h. Three answers to a system call:
 *
 *   allowed   what serving takes: the lists below, some for certain arguments alone
 *   killed    what no code of ours ever does and what whoever has taken over a process wants next: another
 *             program, another process's memory, namespaces, mounts, modules. The process ends, the service manager
 *             says so and starts a new one
 *   ENOSYS    all else. A newer C library tries a newer call first and goes back to an older one when it is told
 *             that there is none; killing for it would turn an upgrade into an outage
 *
 * Memory is never writable and executable, nor becomes executable: plug-ins are loaded before. Sockets are those
 * of the Internet and of the file system (syslog). clone makes threads alone, no processes, and brings no
 * namespaces; clone3, whose arguments a filter cannot see, does not exist, and the C library takes clone.
 *
 * What stays possible is opening files by the user's own rights: the configuration and its files are read again
 * on a reload. The user that the daemon runs as bounds that, and the unit of the service manager.
 */
#include "io/sandbox.h"
#include <errno.h>
#include <linux/if_tun.h>
#include <seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* By name, with blanks between: not all exist on all architectures. */
static const char *const allowed[] = {
    /* memory */
    "brk munmap mremap madvise msync mincore membarrier",
    /* threads and signals */
    "exit exit_group futex futex_waitv get_robust_list set_robust_list rseq restart_syscall",
    "sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler",
    "set_tid_address rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait rt_sigpending",
    "sigaltstack getpid gettid getppid getcpu arch_prctl",
    /* the ends of helper processes of stacks, by their descriptors */
    "pidfd_send_signal waitid",
    /* time */
    "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time timerfd_create",
    "timerfd_settime timerfd_gettime",
    /* waiting */
    "epoll_create1 epoll_create epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll select",
    "pselect6 eventfd2 pipe2 pipe",
    /* sockets; `socket` itself is below */
    "socketpair bind connect listen accept accept4 getsockname getpeername sendto recvfrom sendmsg",
    "recvmsg sendmmsg recvmmsg setsockopt getsockopt shutdown",
    /* files: the configuration, zones and lists, the database, the pid file */
    "read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat close",
    "close_range fstat stat lstat newfstatat statx fstatfs statfs lseek fcntl dup dup2 dup3",
    "getdents64 readlink readlinkat access faccessat faccessat2 getcwd unlink unlinkat rename",
    "renameat renameat2 ftruncate fallocate fadvise64 fsync fdatasync flock umask",
    /* who and where we are */
    "getrandom uname sysinfo getrlimit getrusage getuid geteuid getgid getegid getresuid getresgid",
    /* the same on machines of 32 bits */
    "_llseek _newselect clock_getres_time64 clock_gettime64 clock_nanosleep_time64 fadvise64_64",
    "fcntl64 fstat64 fstatat64 fstatfs64 ftruncate64 futex_time64 getegid32 geteuid32 getgid32",
    "getresgid32 getresuid32 getuid32 lstat64 ppoll_time64 pselect6_time64 recv recvmmsg_time64",
    "rt_sigtimedwait_time64 send sigreturn stat64 statfs64 timerfd_gettime64 timerfd_settime64",
    "ugetrlimit",
};

static const char *const deadly[] = {
#ifndef IOTH_SANITIZED
    "ptrace process_vm_readv",
#endif
    "execve execveat fork vfork process_vm_writev kcmp pidfd_getfd mount umount2 move_mount open_tree",
    "fsopen fsmount pivot_root chroot unshare setns init_module finit_module delete_module kexec_load",
    "kexec_file_load bpf perf_event_open userfaultfd add_key request_key keyctl io_uring_setup setuid",
    "setgid setreuid setregid setresuid setresgid setgroups capset reboot swapon swapoff acct",
    "quotactl iopl ioperm modify_ldt mknod mknodat open_by_handle_at personality settimeofday",
    "clock_settime clock_adjtime adjtimex sethostname setdomainname syslog vhangup",
};

/* Allowed if argument `arg`, masked, has that value. */
struct condition {
    const char *name;
    unsigned arg;
    uint64_t mask, value;
};

#define NEW_NAMESPACES                                                                                       \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |            \
     CLONE_NEWNET)

/* Architectures whose clone has its arguments in another order (s390) are not among those that are built for. */
static const struct condition conditions[] = {
    {"mmap", 2, PROT_EXEC, 0},
    {"mmap2", 2, PROT_EXEC, 0},
    {"mprotect", 2, PROT_EXEC, 0},
    {"clone", 0, NEW_NAMESPACES | CLONE_THREAD, CLONE_THREAD},
    {"socket", 0, UINT32_MAX, AF_INET},
    {"socket", 0, UINT32_MAX, AF_INET6},
    {"socket", 0, UINT32_MAX, AF_UNIX},
    {"ioctl", 1, UINT32_MAX, FIONBIO},
    {"ioctl", 1, UINT32_MAX, FIONREAD},
    {"ioctl", 1, UINT32_MAX, FIOCLEX},
    {"ioctl", 1, UINT32_MAX, TCGETS},        /* isatty */
    {"ioctl", 1, UINT32_MAX, TUNSETCARRIER}, /* vdestack: its network has gone, or is back */
    {"prctl", 0, UINT32_MAX, PR_SET_NAME},
    {"prctl", 0, UINT32_MAX, PR_GET_DUMPABLE},
#ifdef PR_SET_VMA
    {"prctl", 0, UINT32_MAX, PR_SET_VMA}, /* malloc names its memory */
#endif
};

/* What the sanitizers' runtimes do beside: the leak checker stops all threads by ptrace from a child. */
#ifdef IOTH_SANITIZED
static const char *const sanitizers[] = {
    "mmap mprotect clone prctl ptrace wait4 process_vm_readv kill setrlimit getdents",
};
#endif

static int allow_if(scmp_filter_ctx filter, int number, struct scmp_arg_cmp condition)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &condition);
}

/* Limits may be asked for, not set: pthread_create looks at the stack's. */
static int allow_reading_limits(scmp_filter_ctx filter)
{
#ifdef IOTH_SANITIZED
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 0);
#else
    return allow_if(filter, SCMP_SYS(prlimit64),
                    (struct scmp_arg_cmp){.arg = 2, .op = SCMP_CMP_EQ, .datum_a = 0});
#endif
}

/* Signals to ourselves: raise(3) and pthread_kill(3). */
static int allow_own_signals(scmp_filter_ctx filter)
{
    return allow_if(filter, SCMP_SYS(tgkill),
                    (struct scmp_arg_cmp){.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)getpid()});
}

static int add_words(scmp_filter_ctx filter, uint32_t action, const char *words)
{
    int e = 0;
    while (*words && e == 0) {
        char name[64];
        size_t len = strcspn(words, " ");
        snprintf(name, sizeof(name), "%.*s", (int)len, words);
        int number = seccomp_syscall_resolve_name(name);
        if (number >= 0)
            e = seccomp_rule_add(filter, action, number, 0);
        words += len + (words[len] == ' ');
    }
    return e;
}

static int add_all(scmp_filter_ctx filter, uint32_t action, const char *const *lists, size_t n)
{
    int e = 0;
    for (size_t i = 0; i < n && e == 0; i++)
        e = add_words(filter, action, lists[i]);
    return e;
}

static int add_conditions(scmp_filter_ctx filter)
{
    int e = 0;
    for (size_t i = 0; i < ARRAY_LEN(conditions) && e == 0; i++) {
        const struct condition *c = &conditions[i];
        int number = seccomp_syscall_resolve_name(c->name);
        if (number >= 0)
            e = allow_if(
                filter, number,
                (struct scmp_arg_cmp){
                    .arg = c->arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = c->mask, .datum_b = c->value});
    }
    return e;
}

static int add_extras(scmp_filter_ctx filter, const struct sandbox_extras *extras)
{
    int e = add_words(filter, SCMP_ACT_ALLOW, extras->calls);
    return e < 0 || !extras->netlink
               ? e
               : allow_if(filter, SCMP_SYS(socket),
                          (struct scmp_arg_cmp){.arg = 0, .op = SCMP_CMP_EQ, .datum_a = AF_NETLINK});
}

static int build(scmp_filter_ctx filter, const struct sandbox_extras *extras)
{
    int e = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1); /* threads of stacks run already */
    if (e == 0) /* a binary tree: a call costs some 7 comparisons and not 200 */
        e = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (e == 0) /* older kernels would slow the whole process down, against code of others running in it */
        e = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    if (e == 0)
        e = add_all(filter, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
    if (e == 0)
        e = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_LEN(deadly));
#ifdef IOTH_SANITIZED
    if (e == 0)
        e = add_all(filter, SCMP_ACT_ALLOW, sanitizers, ARRAY_LEN(sanitizers));
#endif
    if (e == 0)
        e = add_conditions(filter);
    if (e == 0)
        e = add_extras(filter, extras);
    if (e == 0)
        e = allow_reading_limits(filter);
    return e == 0 ? allow_own_signals(filter) : e;
}

int sandbox_enter(char *why, size_t why_size)
{
    return sandbox_enter_with(&(struct sandbox_extras){.calls = ""}, why, why_size);
}

int sandbox_enter_with(const struct sandbox_extras *extras, char *why, size_t why_size)
{
    int e = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
    scmp_filter_ctx filter = e == 0 ? seccomp_init(SCMP_ACT_ERRNO(ENOSYS)) : NULL;
    if (e == 0 && !filter)
        e = -ENOMEM;
    if (e == 0)
        e = build(filter, extras);
    if (e == 0)
        e = seccomp_load(filter);
    seccomp_release(filter);
    if (e < 0)
        snprintf(why, why_size, "cannot confine the process by seccomp: %s", strerror(-e));
    return e;
}
