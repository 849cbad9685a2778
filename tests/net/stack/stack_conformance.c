/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_conformance [--long] [--native] [--only TEXT] STACK [VNL-A VNL-B]
 * stack_conformance --table STACK...
 *
 * One suite for all stacks: what a program sees of a stack through <ioth.h>, written once, run on any stack
 * by its name. The kernel's stack is the reference, as it is among those that the suite is run on.
 *
 * A row is one thing that a full stack does: a call, an error, what poll shows, a load it carries. Each is
 * run in a process of its own, with two new stacks on a new wire, so that a row that crashes or hangs (a
 * deadline ends it) is one row. It ends in one of these:
 *
 *   works            as the kernel does it
 *   refused: ERRNO   the call that the row is about failed: the stack says that it does not have this
 *   differs          it does something else, which is known
 *   skipped          it makes no sense there
 *   FAILED           anything else
 *
 * known.c lists, by stack and row, what is refused and what differs. The program fails if a row does not
 * end as listed there, be it that it works all of a sudden: then the list, and the manual's table, have to
 * follow. --table prints that table from the list, for ioth_stacks(7).
 *
 * Exit status: 0; 1, a row did not end as it has to; 77, this stack cannot be made here; 2, usage.
 */
#include "lab.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "known.h"

enum { ROW_DEADLINE_S = 100, HEAVY_DEADLINE_S = 200, LONG_DEADLINE_S = 600 };

enum { AT_ONCE = 4 }; /* most of a row's time is waiting */

enum verdict { NOTHING, WORKS, REFUSED, SKIPPED, FAILED };

struct outcome {
    enum verdict verdict;
    int error;
    uint64_t took_ms;
    char text[240];
};

struct options {
    bool more, table, native;
    const char *only;
};

static const struct {
    const char *title;
    const struct row *rows;
} sections[] = {
    {"Sockets", socket_rows},
    {"Addresses", name_rows},
    {"Options", option_rows},
    {"TCP: connections", connect_rows},
    {"TCP: data, and the end", stream_rows},
    {"UDP", datagram_rows},
    {"Groups and packet information", multicast_rows},
    {"Raw sockets", raw_rows},
    {"Packets", packet_rows},
    {"Readiness", ready_rows},
    {"Configuration", link_rows},
    {"Netlink and ioctl", netlink_rows},
    {"Networks", network_rows},
    {"Load", load_rows},
};

enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

/* ---- in the row's process ---- */

static int report_to;
static int family_now;
static uint64_t started_ms;

static void report(const struct outcome *outcome)
{
    struct outcome timed = *outcome;

    timed.took_ms = now_ms() - started_ms;
    if (write(report_to, &timed, sizeof(timed)) < 0)
        _exit(3);
}

static _Noreturn void end_row(const struct outcome *outcome)
{
    report(outcome);
    _exit(0);
}

void lab_fail(const char *file, int line, const char *format, ...)
{
    const char *base = strrchr(file, '/');
    struct outcome outcome = {.verdict = FAILED};
    va_list args;
    int at;

    at = snprintf(outcome.text, sizeof(outcome.text), "%s:%d:%s ", base == NULL ? file : base + 1, line,
                  family_now == AF_INET6 ? " over IPv6:" : "");
    va_start(args, format);
    vsnprintf(outcome.text + at, sizeof(outcome.text) - (size_t)at, format, args);
    va_end(args);
    end_row(&outcome);
}

void lab_refuse(int error)
{
    const struct outcome outcome = {.verdict = REFUSED, .error = error};

    end_row(&outcome);
}

void lab_skip(const char *why)
{
    struct outcome outcome = {.verdict = SKIPPED};

    snprintf(outcome.text, sizeof(outcome.text), "%s", why);
    end_row(&outcome);
}

int lab_must(long result, const char *text, const char *file, int line)
{
    if (result < 0)
        lab_fail(file, line, "%s: %s", text, strerrorname_np(errno));
    return (int)result;
}

int lab_op(long result)
{
    if (result < 0)
        lab_refuse(errno);
    return (int)result;
}

void lab_fails(long result, int error, const char *text, const char *file, int line)
{
    if (result >= 0)
        lab_fail(file, line, "%s: %ld, not %s", text, result, strerrorname_np(error));
    if (errno != error)
        lab_fail(file, line, "%s: %s, not %s", text, strerrorname_np(errno), strerrorname_np(error));
}

static unsigned deadline_of(const struct row *row, const struct lab_plan *plan)
{
    if (plan->more)
        return LONG_DEADLINE_S;
    return (row->flags & ROW_HEAVY) != 0 ? HEAVY_DEADLINE_S : ROW_DEADLINE_S;
}

static void run_here(const struct row *row, const struct lab_plan *plan)
{
    const struct rlimit files = {4096, 4096};
    const struct outcome works = {.verdict = WORKS};
    struct lab lab;
    int error;

    started_ms = now_ms();
    alarm(deadline_of(row, plan)); /* whatever hangs */
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_NOFILE, &files); /* the system's limit may be lower: rows that need more say so */
    error = lab_open(&lab, plan);
    if (error < 0)
        lab_fail(__FILE__, __LINE__, "no stack: %s", strerrorname_np(-error));
    row->run(&lab);
    if ((row->flags & ROW_BOTH) != 0) {
        lab.family = family_now = AF_INET6;
        row->run(&lab);
    }
    lab_close(&lab);
    report(&works);
    exit(0); /* sanitizers have their word */
}

/* ---- in the parent ---- */

/* What the row's process said before it ended. */
static struct outcome hear(int from, pid_t pid, unsigned deadline_s)
{
    struct outcome outcome = {.verdict = NOTHING};
    int status = 0;

    if (read(from, &outcome, sizeof(outcome)) != (ssize_t)sizeof(outcome))
        outcome.verdict = NOTHING;
    waitpid(pid, &status, 0);
    if (outcome.verdict != NOTHING && status == 0)
        return outcome;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(outcome.text, sizeof(outcome.text), "not done within %u s", deadline_s);
    else
        snprintf(outcome.text, sizeof(outcome.text), "the process ended by %s %d",
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    outcome.verdict = FAILED;
    return outcome;
}

/* A row that runs. */
struct running {
    const struct row *row;
    int from;
    pid_t pid;
};

static struct running start_apart(const struct row *row, struct lab_plan *plan)
{
    struct running running = {.row = row};
    int ends[2];

    plan->flags = row->flags;
    if (pipe2(ends, O_CLOEXEC) < 0 || fflush(NULL) != 0 || (running.pid = fork()) < 0) {
        perror("stack_conformance");
        exit(1);
    }
    if (running.pid == 0) {
        report_to = ends[1];
        close(ends[0]);
        run_here(row, plan);
    }
    close(ends[1]);
    running.from = ends[0];
    return running;
}

static struct outcome end_apart(const struct running *running, const struct lab_plan *plan)
{
    struct outcome outcome = hear(running->from, running->pid, deadline_of(running->row, plan));

    close(running->from);
    return outcome;
}

/* Is it as known? Prints the row. */
static bool judge(const struct row *row, const char *stack, const struct outcome *outcome)
{
    const struct known *known = known_find(stack, row->name);
    bool good;

    if (outcome->verdict == REFUSED) {
        good = known != NULL && known->error == outcome->error;
        printf("%-64s refused: %s%s", row->name, strerrorname_np(outcome->error),
               good ? "" : ", which is not known of it: FAILED");
    } else if (outcome->verdict == FAILED) {
        good = known != NULL && known->differs != NULL;
        printf("%-64s %s: %s", row->name, good ? "differs" : "FAILED", outcome->text);
    } else if (outcome->verdict == SKIPPED) {
        good = true;
        printf("%-64s skipped: %s", row->name, outcome->text);
    } else {
        good = known == NULL;
        printf("%-64s works%s", row->name, good ? "" : ", though it is known not to: FAILED");
    }
    if (outcome->took_ms >= 1000)
        printf(" (%.1f s)", (double)outcome->took_ms / 1000);
    printf("\n");
    return good;
}

static bool is_wanted(const struct row *row, const struct options *options)
{
    if ((row->flags & ROW_LONG) != 0 && !options->more)
        return false;
    return options->only == NULL || strstr(row->name, options->only) != NULL;
}

/* Rows that run at the same time, in a ring; they are judged in their order. */
struct course {
    struct lab_plan *plan;
    struct running rows[AT_ONCE];
    unsigned first, count;
    int judged, bad;
};

static void judge_first(struct course *course)
{
    const struct running *running = &course->rows[course->first];
    struct outcome outcome = end_apart(running, course->plan);

    course->bad += !judge(running->row, course->plan->stack, &outcome);
    course->judged++;
    course->first = (course->first + 1) % AT_ONCE;
    course->count--;
}

/* Starts a row when there is room; a heavy one has the machine for itself, and so has one of two on a network
 * that was given. */
static void start_row(struct course *course, const struct row *row)
{
    bool alone = (row->flags & ROW_HEAVY) != 0 || course->plan->vnl[0] != NULL;

    while (course->count == AT_ONCE || (alone && course->count > 0))
        judge_first(course);
    course->rows[(course->first + course->count) % AT_ONCE] = start_apart(row, course->plan);
    course->count++;
    if (alone)
        judge_first(course);
}

static int run_all(struct lab_plan *plan, const struct options *options)
{
    struct course course = {.plan = plan};
    const struct row *row;
    size_t i;

    for (i = 0; i < SECTIONS; i++)
        for (row = sections[i].rows; row->name != NULL; row++)
            if (is_wanted(row, options))
                start_row(&course, row);
    while (course.count > 0)
        judge_first(&course);
    printf("%s: %d rows, %d not as they have to be\n", plan->stack, course.judged, course.bad);
    return course.bad == 0 ? 0 : 1;
}

/* ---- can it be run at all? ---- */

static void do_nothing(struct lab *lab)
{
    (void)lab;
}

/* 0, or 77 after saying why not, or 1. */
static int probe(struct lab_plan *plan)
{
    static const struct row row = {.name = "the stack", .run = do_nothing};
    struct running running;
    struct outcome outcome;
    char *text;

    if (!plan->native && plan->vnl[0] == NULL && system("command -v vde_plug >/dev/null") != 0) {
        printf("skipped: vde_plug is not installed\n");
        return 77;
    }
    running = start_apart(&row, plan);
    outcome = end_apart(&running, plan);
    if (outcome.verdict == WORKS)
        return 0;
    text = strstr(outcome.text, "no stack: ");
    if (outcome.verdict == SKIPPED ||
        (text != NULL && strstr("EPERM EACCES ENOSPC ENOENT ENODEV", text + strlen("no stack: ")) != NULL)) {
        printf("skipped: %s\n", outcome.text);
        return 77;
    }
    printf("FAILED: %s\n", outcome.text);
    return 1;
}

/* ---- the manual's table ---- */

/* Longer names are folded, and so is what a stack has to say of its own: the page fits 80 columns. */
enum { NAME_WIDTH = 36 };

static void print_table(char *const stacks[], int n)
{
    const struct row *row;
    size_t i;
    int j;

    for (i = 0; i < SECTIONS; i++) {
        printf(".SS %s\n.na\n.nh\n.TS\nlw(%dn)", sections[i].title, NAME_WIDTH);
        for (j = 0; j < n; j++)
            printf(j == n - 1 ? " lw(12n)" : " l");
        printf(".\n\\&");
        for (j = 0; j < n; j++)
            printf("\t%s", stacks[j]);
        printf("\n");
        for (row = sections[i].rows; row->name != NULL; row++) {
            if ((row->flags & ROW_LONG) != 0)
                continue;
            printf(strlen(row->name) > NAME_WIDTH ? "T{\n%s\nT}" : "%s", row->name);
            for (j = 0; j < n; j++) {
                const struct known *known = known_find(stacks[j], row->name);

                if (known != NULL && known->differs != NULL)
                    printf("\tT{\n%s\nT}", known->differs);
                else
                    printf("\t%s", known == NULL ? "works" : strerrorname_np(known->error));
            }
            printf("\n");
        }
        printf(".TE\n.ad\n.hy\n");
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: stack_conformance [--long] [--native] [--only TEXT] STACK [VNL-A VNL-B]\n"
                    "       stack_conformance --table STACK...\n");
    return 2;
}

static int run_suite(struct lab_plan *plan, const struct options *options)
{
    char folder[] = "/tmp/ioth-conform-XXXXXX", command[64];
    int status;

    plan->folder = mkdtemp(folder);
    if (plan->folder == NULL) {
        perror(folder);
        return 1;
    }
    status = probe(plan);
    if (status == 0)
        status = run_all(plan, options);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", folder);
    return status;
}

int main(int argc, char *argv[])
{
    static const struct option known_options[] = {{"long", no_argument, NULL, 'l'},
                                                  {"table", no_argument, NULL, 't'},
                                                  {"native", no_argument, NULL, 'n'},
                                                  {"only", required_argument, NULL, 'o'},
                                                  {NULL, 0, NULL, 0}};
    struct options options = {0};
    struct lab_plan plan = {0};
    int c;

    setvbuf(stdout, NULL, _IOLBF, 0);
    while ((c = getopt_long(argc, argv, "", known_options, NULL)) != -1) {
        if (c == 'l')
            options.more = true;
        else if (c == 't')
            options.table = true;
        else if (c == 'n')
            options.native = true;
        else if (c == 'o')
            options.only = optarg;
        else
            return usage();
    }
    if (options.table && argc > optind) {
        print_table(argv + optind, argc - optind);
        return 0;
    }
    if (options.table || (argc - optind != 1 && argc - optind != 3))
        return usage();
    plan.stack = argv[optind];
    plan.vnl[0] = argv[optind + 1]; /* NULL if there is no more */
    plan.vnl[1] = argc - optind == 3 ? argv[optind + 2] : NULL;
    plan.more = options.more;
    plan.native = options.native || strcmp(plan.stack, "kernel") == 0;
    return run_suite(&plan, &options);
}
