/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libiothdns finds out, for the network tests to read.

       dns_lookup [-s STACK VNL ADDR/LEN] [-p FILE | -c CONFIG] [-t MS] [-f FLAGS] [-j THREADS -r REPEATS] [-n] [QUESTION...]

   QUESTION is a:NAME, aaaa:NAME, compat:NAME, or TYPE:NAME with a number; without questions they are read from standard
   input, one a line, and answered as they come. Each gives one line, QUESTION, a tab, and the addresses, or the records as
   SECTION/TYPE/OWNER, or the name of the error. -s asks on a stack of its own, whose interface vde0 has that address. -n asks
   all questions at once without blocking. -j has so many threads ask all questions on one handle, -r times each, and prints
   lines that differ from the first thread's first ones.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <iothdns.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 8192, QUESTIONS_MAX = 64, ADDRESSES_MAX = 64 };

struct job {
    struct iothdns *d;
    int flags, timeout_ms;
    char **questions;
    int n_questions;
    unsigned repeats, differences;
    char (*expected)[LINE_SIZE];
};

static void append(char *line, const char *text)
{
    size_t len = strlen(line);

    snprintf(line + len, LINE_SIZE - len, " %s", text);
}

static void append_error(char *line, int error)
{
    append(line, strerrorname_np(error));
}

static int append_record(int section, struct iothdns_rr *rr, struct iothdns_pkt *pkt, void *arg)
{
    char text[64 + IOTHDNS_MAXNAME];

    (void)pkt;
    snprintf(text, sizeof(text), "%d/%u/%s", section, rr->type, rr->name);
    append(arg, text);
    return 0;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void append_addresses(char *line, int family, const void *addrs, int n)
{
    static const size_t sizes[] = {[AF_INET] = sizeof(struct in_addr), [AF_INET6] = sizeof(struct in6_addr)};
    char texts[ADDRESSES_MAX][INET6_ADDRSTRLEN];

    if (n <= 0)
        return;
    if (n > ADDRESSES_MAX)
        n = ADDRESSES_MAX;
    for (int i = 0; i < n; i++)
        inet_ntop(family, (const char *)addrs + (size_t)i * sizes[family], texts[i], sizeof(texts[i]));
    qsort(texts, (size_t)n, sizeof(texts[0]), compare_texts);
    for (int i = 0; i < n; i++)
        append(line, texts[i]);
}

static void look_up(const struct job *job, const char *question, char *line)
{
    struct in_addr a[ADDRESSES_MAX];
    struct in6_addr aaaa[ADDRESSES_MAX];
    const char *name = strchr(question, ':') + 1;
    int n;

    snprintf(line, LINE_SIZE, "%s\t", question);
    if (strncmp(question, "a:", 2) == 0) {
        n = iothdns_lookup_a(job->d, name, a, ADDRESSES_MAX);
        append_addresses(line, AF_INET, a, n);
    } else if (strncmp(question, "aaaa:", 5) == 0) {
        n = iothdns_lookup_aaaa(job->d, name, aaaa, ADDRESSES_MAX);
        append_addresses(line, AF_INET6, aaaa, n);
    } else if (strncmp(question, "compat:", 7) == 0) {
        n = iothdns_lookup_aaaa_compat(job->d, name, aaaa, ADDRESSES_MAX);
        append_addresses(line, AF_INET6, aaaa, n);
    } else {
        n = iothdns_ask(job->d, name, atoi(question), job->flags, job->timeout_ms, append_record, line);
    }
    if (n < 0)
        append_error(line, errno);
}

/* --- without blocking --- */

static void on_done(struct iothdns_lookup *lookup, int error, struct iothdns_header *header,
                    struct iothdns_pkt *pkt, void *arg)
{
    char line[LINE_SIZE], name[IOTHDNS_MAXNAME];
    struct iothdns_rr rr;
    int section;

    (void)lookup;
    (void)header;
    snprintf(line, sizeof(line), "%s\t", (char *)arg);
    if (error)
        append_error(line, error);
    while (!error && (section = iothdns_get_rr(pkt, &rr, name)) > 0)
        append_record(section, &rr, pkt, line);
    puts(line);
}

static int ask_all(const struct job *job)
{
    struct iothdns_session *session = iothdns_session_open(job->d);
    int left = 0;

    for (int i = 0; session && i < job->n_questions; i++) {
        const char *name = strchr(job->questions[i], ':') + 1;
        left += iothdns_lookup_start(session, name, atoi(job->questions[i]), job->flags, job->timeout_ms,
                                     on_done, job->questions[i]) != NULL;
    }
    while (left > 0) {
        struct pollfd p = {.fd = iothdns_session_fd(session), .events = POLLIN};
        if (poll(&p, 1, iothdns_session_timeout(session)) < 0)
            return EXIT_FAILURE;
        int n = iothdns_dispatch(session);
        if (n < 0)
            return EXIT_FAILURE;
        left -= n;
    }
    iothdns_session_close(session);
    return session ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- many threads --- */

static void *thread_main(void *arg)
{
    struct job *job = arg;
    char line[LINE_SIZE];

    for (unsigned r = 0; r < job->repeats; r++) {
        for (int i = 0; i < job->n_questions; i++) {
            look_up(job, job->questions[i], line);
            job->differences += strcmp(line, job->expected[i]) != 0;
        }
    }
    return NULL;
}

static int ask_in_threads(struct job *job, unsigned n_threads)
{
    static char expected[QUESTIONS_MAX][LINE_SIZE];
    struct job *jobs = calloc(n_threads, sizeof(*jobs));
    pthread_t *threads = calloc(n_threads, sizeof(*threads));
    unsigned differences = 0;

    for (int i = 0; i < job->n_questions; i++) {
        look_up(job, job->questions[i], expected[i]);
        puts(expected[i]);
    }
    job->expected = expected;
    for (unsigned i = 0; i < n_threads; i++) {
        jobs[i] = *job;
        if (pthread_create(&threads[i], NULL, thread_main, &jobs[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
        differences += jobs[i].differences;
    }
    printf("%u differences\n", differences);
    free(jobs);
    free(threads);
    return differences == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- the command line --- */

static struct ioth *make_stack(const char *stack, const char *vnl, char *address)
{
    struct ioth *made = ioth_newstack(stack, vnl);
    char *slash = strchr(address, '/');
    int family = strchr(address, ':') ? AF_INET6 : AF_INET;
    unsigned char addr[sizeof(struct in6_addr)];

    if (!made) {
        printf("no stack %s: %s\n", stack, strerror(errno));
        exit(77);
    }
    *slash = '\0';
    int ifindex = ioth_if_nametoindex(made, "vde0");
    if (inet_pton(family, address, addr) != 1 || ifindex < 0 ||
        ioth_ipaddr_add(made, family, addr, atoi(slash + 1), (unsigned)ifindex) < 0 ||
        ioth_linksetupdown(made, (unsigned)ifindex, 1) < 0) {
        perror("cannot configure the stack");
        exit(EXIT_FAILURE);
    }
    return made;
}

static void answer_lines(const struct job *job)
{
    char question[1024], line[LINE_SIZE];

    while (fgets(question, sizeof(question), stdin)) {
        question[strcspn(question, "\n")] = '\0';
        look_up(job, question, line);
        puts(line);
        fflush(stdout);
    }
}

static int run(struct job *job, bool at_once, unsigned n_threads)
{
    char line[LINE_SIZE];

    if (at_once)
        return ask_all(job);
    if (n_threads > 0)
        return ask_in_threads(job, n_threads);
    if (job->n_questions == 0)
        answer_lines(job);
    for (int i = 0; i < job->n_questions; i++) {
        look_up(job, job->questions[i], line);
        puts(line);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct job job = {.timeout_ms = -1, .repeats = 1};
    const char *path = NULL, *config = NULL;
    struct ioth *stack = NULL;
    unsigned n_threads = 0;
    bool at_once = false;

    ioth_set_license("LGPL-2.1-or-later");
    for (int option; (option = getopt(argc, argv, "s:p:c:t:f:j:r:n")) != -1;) {
        if (option == 's') {
            stack = make_stack(optarg, argv[optind], argv[optind + 1]);
            optind += 2;
        } else if (option == 'n') {
            at_once = true;
        } else if (option == 'p') {
            path = optarg;
        } else if (option == 'c') {
            config = optarg;
        } else if (option == 't') {
            job.timeout_ms = atoi(optarg);
        } else if (option == 'f') {
            job.flags = atoi(optarg);
        } else if (option == 'j') {
            n_threads = (unsigned)atoi(optarg);
        } else if (option == 'r') {
            job.repeats = (unsigned)atoi(optarg);
        } else {
            return EXIT_FAILURE;
        }
    }
    job.questions = argv + optind;
    job.n_questions = argc - optind < QUESTIONS_MAX ? argc - optind : QUESTIONS_MAX;
    job.d = config ? iothdns_init_strcfg(stack, config) : iothdns_init(stack, path);
    if (!job.d) {
        perror("iothdns_init");
        return EXIT_FAILURE;
    }
    if (job.timeout_ms >= 0)
        iothdns_set_timeout(job.d, job.timeout_ms);
    int status = run(&job, at_once, n_threads);
    iothdns_fini(job.d);
    return stack && ioth_delstack(stack) < 0 ? EXIT_FAILURE : status;
}
