/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The program. Seeds are shared out among processes, seed by seed: each takes those that are its number modulo their count, so the
 * work is even and nothing is shared. A seed that breaks is printed with what is broken, at once, and how to see it again.
 */
#include "scenario.h"
#include "standard.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 64, TEXT_MAX = 1 << 20 };

struct wanted {
    const struct standard_size *size;
    unsigned long seeds, from, jobs;
    bool trace, print, digest, stop;
};

static const char usage[] =
    "usage: world --seeds N [--from S] [--large] [--jobs N]   N seeds, from S (1) on\n"
    "             --stop                                      no further than the first that is broken\n"
    "             --digest                                    and what each came to\n"
    "       world --trace [--large] SEED                      one seed, all that happens\n"
    "       world --print [--large] SEED                      its scenario\n"
    "       world [--trace] [--from SEED] FILE.world...       scenarios\n";

struct result {
    bool broken;
    unsigned line;
    uint64_t digest;
    char why[WORLD_WHY_MAX + 64];
};

/* Runs a scenario. */
static struct result run(const char *text, uint64_t seed, FILE *trace)
{
    char why[WORLD_WHY_MAX];
    struct result result = {.broken = true};
    struct world *w = world_new(seed);

    if (!w)
        abort();
    w->trace = trace;
    if (scenario_read(w, text, why) < 0) {
        snprintf(result.why, sizeof(result.why), "%s", why);
    } else {
        world_run(w);
        result = (struct result){.broken = w->broken, .line = w->line, .digest = w->digest};
        memcpy(result.why, w->why, sizeof(result.why));
        if (trace)
            fprintf(trace, "%llu packets, %llu questions, %llu forged replies, digest %016llx\n",
                    (unsigned long long)w->delivered, (unsigned long long)w->questions,
                    (unsigned long long)w->forged, (unsigned long long)w->digest);
    }
    world_free(w);
    return result;
}

/* --- seeds --- */

static char *text_of(const struct wanted *wanted, uint64_t seed)
{
    char *text = standard_text(wanted->size, seed);

    if (!text)
        abort();
    return text;
}

/* Those of one process; how many are broken, as far as an exit status can say. */
static int run_some(const struct wanted *wanted, unsigned long first)
{
    int broken = 0;

    for (unsigned long i = first; i < wanted->seeds && !(wanted->stop && broken > 0); i += wanted->jobs) {
        unsigned long seed = wanted->from + i;
        char *text = text_of(wanted, seed);
        const struct result result = run(text, seed, NULL);
        if (wanted->digest)
            printf("seed %lu: %016llx\n", seed, (unsigned long long)result.digest);
        if (result.broken) {
            printf("seed %lu: %s\n    to see it: script/world --trace%s %lu\n", seed, result.why,
                   wanted->size == &large_world ? " --large" : "", seed);
            broken++;
        }
        fflush(stdout);
        free(text);
    }
    return broken;
}

/* The child's count comes by a pipe: an exit status would be too small for it. */
static int start_job(const struct wanted *wanted, unsigned long number)
{
    int ends[2];

    if (pipe(ends) < 0)
        return -errno;
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        int broken = run_some(wanted, number);
        _exit(write(ends[1], &broken, sizeof(broken)) == sizeof(broken) ? 0 : 1);
    }
    close(ends[1]);
    return ends[0];
}

static int run_seeds(const struct wanted *wanted)
{
    int pipes[JOBS_MAX];
    int total = 0;

    for (unsigned long i = 0; i < wanted->jobs; i++)
        if ((pipes[i] = start_job(wanted, i)) < 0) {
            fprintf(stderr, "world: %s\n", strerror(-pipes[i]));
            return 2;
        }
    for (unsigned long i = 0; i < wanted->jobs; i++) {
        int broken, status;
        if (read(pipes[i], &broken, sizeof(broken)) != sizeof(broken)) {
            printf("process %lu has died\n", i);
            broken = 1;
        }
        total += broken;
        wait(&status);
    }
    printf("%lu seeds, %d broken\n", wanted->seeds, total);
    return total > 0;
}

static int run_one(const struct wanted *wanted, const char *word)
{
    char *end;
    unsigned long seed = strtoul(word, &end, 10);
    char *text = text_of(wanted, seed);
    struct result result = {0};

    if (wanted->print)
        fputs(text, stdout);
    else
        result = run(text, seed, stdout);
    free(text);
    return result.broken;
}

/* --- files --- */

static char *read_file(const char *path)
{
    FILE *in = fopen(path, "re");
    char *text = in ? calloc(1, TEXT_MAX) : NULL;

    if (text && fread(text, 1, TEXT_MAX - 1, in) == 0 && ferror(in)) {
        free(text);
        text = NULL;
    }
    if (in)
        fclose(in);
    return text;
}

static int run_file(const struct wanted *wanted, const char *path)
{
    char *text = read_file(path);

    if (!text) {
        fprintf(stderr, "world: cannot read %s: %s\n", path, strerror(errno));
        return 1;
    }
    const struct result result = run(text, wanted->from, wanted->trace ? stdout : NULL);
    if (result.broken && result.line > 0)
        printf("%s:%u: %s\n", path, result.line, result.why);
    else if (result.broken)
        printf("%s:%s\n", path, result.why);
    else
        printf("%s: as expected\n", path);
    free(text);
    return result.broken;
}

/* --- the command line --- */

static bool is_number(const char *word)
{
    return word[0] != '\0' && word[strspn(word, "0123456789")] == '\0';
}

static bool read_options(int argc, char **argv, struct wanted *ret)
{
    static const struct option options[] = {{"seeds", required_argument, NULL, 's'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"large", no_argument, NULL, 'l'},
                                            {"trace", no_argument, NULL, 't'},
                                            {"print", no_argument, NULL, 'p'},
                                            {"digest", no_argument, NULL, 'd'},
                                            {"stop", no_argument, NULL, 'o'},
                                            {0}};
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == '?' || (optarg && !is_number(optarg)))
            return false;
        if (c == 's')
            ret->seeds = strtoul(optarg, NULL, 10);
        else if (c == 'f')
            ret->from = strtoul(optarg, NULL, 10);
        else if (c == 'j')
            ret->jobs = strtoul(optarg, NULL, 10);
        else if (c == 'l')
            ret->size = &large_world;
        ret->trace |= c == 't';
        ret->print |= c == 'p';
        ret->digest |= c == 'd';
        ret->stop |= c == 'o';
    }
    if (ret->jobs < 1 || ret->jobs > JOBS_MAX)
        ret->jobs = 1;
    return ret->seeds > 0 || optind < argc;
}

int main(int argc, char **argv)
{
    struct wanted wanted = {
        .size = &standard_world, .from = 1, .jobs = (unsigned long)sysconf(_SC_NPROCESSORS_ONLN)};
    int status = 0;

    if (!read_options(argc, argv, &wanted)) {
        fputs(usage, stderr);
        return 2;
    }
    if (wanted.seeds > 0)
        return run_seeds(&wanted);
    for (int i = optind; i < argc; i++)
        status |= is_number(argv[i]) ? run_one(&wanted, argv[i]) : run_file(&wanted, argv[i]);
    return status;
}
