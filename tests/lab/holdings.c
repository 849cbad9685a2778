/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc tells of descriptors, threads, children and mappings; the allocator of the heap: the C library's, or that
 * of the sanitizer that has taken its place (whose mappings are then not ours to count).
 */
#include "lab/holdings.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature) /* clang */
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

#if SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc has no header for it */
#endif

static int entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;

    while (dir != NULL && readdir(dir) != NULL)
        n++;
    if (dir != NULL)
        closedir(dir);
    return n;
}

/* A thread that has been joined is in /proc for a moment longer, with the kernel's PF_EXITING among its flags (proc(5), stat). */
static bool lives(const char *tid)
{
    enum { PF_EXITING = 0x4 };
    char path[64];
    unsigned flags = PF_EXITING;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", tid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
        flags = PF_EXITING;
    fclose(file);
    return (flags & PF_EXITING) == 0;
}

static int threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    const struct dirent *entry;
    int n = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        n += entry->d_name[0] != '.' && lives(entry->d_name);
    if (dir != NULL)
        closedir(dir);
    return n;
}

/* How many times c stands in a file. */
static int count_in(const char *path, int c)
{
    FILE *file = fopen(path, "re");
    int n = 0, got;

    while (file != NULL && (got = getc(file)) != EOF)
        n += got == c;
    if (file != NULL)
        fclose(file);
    return n;
}

static size_t heap_in_use(void)
{
#if SANITIZED
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

struct holdings holdings_now(void)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    return (struct holdings){.descriptors = entries("/proc/self/fd"),
                             .threads = threads(),
                             .children = count_in(path, ' '),
                             .mappings = count_in("/proc/self/maps", '\n'),
                             .heap = heap_in_use()};
}

bool holdings_are_back(const struct holdings *before, struct holdings *ret_now)
{
    const struct timespec step = {.tv_nsec = 1000000};
    int tries;

    for (tries = 10000; tries > 0; tries--) {
        *ret_now = holdings_now();
        if (ret_now->descriptors == before->descriptors && ret_now->threads == before->threads &&
            ret_now->children == before->children)
            return true;
        nanosleep(&step, NULL);
    }
    return false;
}

bool holdings_are_a_sanitizers(void)
{
    return SANITIZED;
}

size_t holdings_resident(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long size, resident = 0;

    if (file != NULL && fscanf(file, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (file != NULL)
        fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}
