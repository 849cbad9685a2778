/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A library for LD_PRELOAD that makes a program short of memory, and sets its wall clock, while it runs.
 *
 * What it does is said by a file that test and program map: FAULTS_FILE, struct faults (test_faults.py writes it). It acts in
 * the program called FAULTS_PROGRAM alone, so that whoever starts that one is left in peace. Libraries named in FAULTS_SPARED (the
beginning of a file's name) have all the memory that they want: some of Debian's do not bear to be without.
 *
 *   memory       the allocation of number fail_at fails, or each of number N * fail_every; `counted` is how many there were
 *   wall clock   is step_s seconds ahead of the machine's; the monotonic one is as it is. Timers of the kernel that are set to a
 *                time of that clock go off when the program's clock says so. That the clock was set is not told by the kernel, so
 *                a program hears of it when it looks next.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FDS 4096 /* descriptors whose clock is remembered */

struct faults {
    _Atomic int64_t step_s;
    _Atomic uint64_t fail_every, fail_at; /* 0: none */
    _Atomic uint64_t counted, failed;
};

static struct faults *faults; /* NULL: not in this program */
static atomic_bool is_wall[FDS];
static uintptr_t spared_from, spared_bytes; /* code of a library that is spared; 0 bytes: none */

/* The function that this one stands before. */
#define REAL(name) real_##name
#define FIND(name)                                                                                           \
    do {                                                                                                     \
        if (REAL(name) == NULL)                                                                              \
            *(void **)&REAL(name) = dlsym(RTLD_NEXT, #name);                                                 \
    } while (0)

static void *(*REAL(malloc))(size_t);
static void *(*REAL(calloc))(size_t, size_t);
static void *(*REAL(realloc))(void *, size_t);
static void *(*REAL(aligned_alloc))(size_t, size_t);
static int (*REAL(posix_memalign))(void **, size_t, size_t);
static int (*REAL(pthread_getattr_np))(pthread_t, pthread_attr_t *);
static int (*REAL(clock_gettime))(clockid_t, struct timespec *);
static int (*REAL(timerfd_create))(int, int);
static int (*REAL(timerfd_settime))(int, int, const struct itimerspec *, struct itimerspec *);

/* Finds where the spared library is. */
static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
    const char *slash = strrchr(info->dlpi_name, '/'), *spared = arg;

    (void)size;
    if (slash == NULL || strncmp(slash + 1, spared, strlen(spared)) != 0)
        return 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
            spared_from = info->dlpi_addr + part->p_vaddr;
            spared_bytes = part->p_memsz;
        }
    }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_FILE"), *program = getenv("FAULTS_PROGRAM");

    if (path == NULL || program == NULL || strcmp(program, program_invocation_short_name) != 0)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        abort();
    void *mapped = mmap(NULL, sizeof(struct faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        abort();
    if (getenv("FAULTS_SPARED"))
        dl_iterate_phdr(look_at, getenv("FAULTS_SPARED"));
    faults = mapped;
}

/* ---- memory ---- */

static _Thread_local bool is_spared __attribute__((tls_model("initial-exec"))); /* this thread, for now */

static bool fails(const void *caller)
{
    if (faults == NULL || is_spared || (uintptr_t)caller - spared_from < spared_bytes)
        return false;
    uint64_t number = 1 + atomic_fetch_add(&faults->counted, 1), every = faults->fail_every;
    bool fail = number == faults->fail_at || (every > 0 && number % every == 0);
    if (fail) {
        atomic_fetch_add(&faults->failed, 1);
        errno = ENOMEM;
    }
    return fail;
}

void *malloc(size_t size)
{
    FIND(malloc);
    return fails(__builtin_return_address(0)) ? NULL : REAL(malloc)(size);
}

void *calloc(size_t n, size_t size)
{
    FIND(calloc);
    return fails(__builtin_return_address(0)) ? NULL : REAL(calloc)(n, size);
}

void *realloc(void *block, size_t size)
{
    FIND(realloc);
    return fails(__builtin_return_address(0)) ? NULL : REAL(realloc)(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    FIND(aligned_alloc);
    return fails(__builtin_return_address(0)) ? NULL : REAL(aligned_alloc)(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    FIND(posix_memalign);
    return fails(__builtin_return_address(0)) ? ENOMEM : REAL(posix_memalign)(ret, alignment, size);
}

/* What takes memory in here is a sanitizer's, which looks at each thread as it begins and ends the program where it cannot. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *ret)
{
    is_spared = true;
    FIND(pthread_getattr_np);
    int result = REAL(pthread_getattr_np)(thread, ret);
    is_spared = false;
    return result;
}

/* ---- the wall clock ---- */

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    FIND(clock_gettime);
    int result = REAL(clock_gettime)(clock, ret);
    if (result == 0 && faults && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ret->tv_sec += faults->step_s;
    return result;
}

time_t time(time_t *ret)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

int timerfd_create(int clock, int flags)
{
    FIND(timerfd_create);
    int fd = REAL(timerfd_create)(clock, flags);
    if (fd >= 0 && fd < FDS)
        is_wall[fd] = clock == CLOCK_REALTIME;
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
    struct itimerspec machines = *new;

    FIND(timerfd_settime);
    if (faults && fd >= 0 && fd < FDS && is_wall[fd] && (flags & TFD_TIMER_ABSTIME) &&
        new->it_value.tv_sec > 0)
        machines.it_value.tv_sec -= faults->step_s;
    return REAL(timerfd_settime)(fd, flags, &machines, old);
}
