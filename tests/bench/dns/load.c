/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dns_load: asks a DNS server as much as it can answer, or at a fixed rate, with as little work of its own as
 * possible, and prints what it saw as one line of JSON.
 *
 *     dns_load [OPTIONS] IPV4 PORT
 *
 *     -n PATTERN   names; a run of # stands for the number, e.g. h#######.static.bench
 *     -t TYPE      A, AAAA, ... or a number (A)
 *     -c COUNT     how many names the pattern has (1000)
 *     -f FILE      "NAME TYPE" lines instead of a pattern
 *     -i FIRST     names in order, from number FIRST; else by chance
 *     -w N         questions in flight, over all sockets (150)
 *     -s N         UDP sockets, or TCP connections (1)
 *     -T           over TCP
 *     -r RATE      questions per second; else as many as are answered
 *     -l SECONDS   how long (3)
 *     -1           each name once, again if it is lost, then end: fills a cache. Fails if that takes over a minute
 *
 * Without a rate a question is sent for each that is answered or lost, so the server always has about N of them
 * before it. With a rate questions leave at their times, whatever the server does, as far as N allows, and the latency counts
 * from when the question was handed to the kernel. A question is lost if there is no answer within a second.
 *
 * The program's own CPU time is printed as well: where it is near one core, the figures are the generator's.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lane.h"

enum {
    LANES_MAX = 1024,
    LOST_NS = 1000000000,
    LOOK_NS = 50000000, /* how often is looked for lost questions */
    ONCE_S = 60,
};

struct options {
    const char *pattern, *type, *file;
    uint64_t count, first;
    unsigned outstanding, sockets;
    bool in_order, tcp, once;
    double rate, seconds;
    struct sockaddr_in server;
};

static void usage(void)
{
    fprintf(stderr, "usage: dns_load [-n PATTERN | -f FILE] [-t TYPE] [-c COUNT] [-i FIRST] [-w N] [-s N] "
                    "[-T] [-r RATE]\n"
                    "                [-l SECONDS] [-1] IPV4 PORT\n");
    exit(2);
}

static struct options read_options(int argc, char *argv[])
{
    struct options o = {.type = "A", .count = 1000, .outstanding = 150, .sockets = 1, .seconds = 3};
    int option;

    while ((option = getopt(argc, argv, "n:t:c:f:i:w:s:Tr:l:1")) != -1) {
        switch (option) {
        case 'n':
            o.pattern = optarg;
            break;
        case 't':
            o.type = optarg;
            break;
        case 'c':
            o.count = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            o.file = optarg;
            break;
        case 'i':
            o.first = strtoull(optarg, NULL, 10), o.in_order = true;
            break;
        case 'w':
            o.outstanding = (unsigned)atoi(optarg);
            break;
        case 's':
            o.sockets = (unsigned)atoi(optarg);
            break;
        case 'T':
            o.tcp = true;
            break;
        case 'r':
            o.rate = atof(optarg);
            break;
        case 'l':
            o.seconds = atof(optarg);
            break;
        case '1':
            o.once = o.in_order = true;
            break;
        default:
            usage();
        }
    }
    o.server.sin_family = AF_INET;
    if (argc != optind + 2 || inet_pton(AF_INET, argv[optind], &o.server.sin_addr) != 1 ||
        (o.pattern == NULL) == (o.file == NULL) || o.sockets < 1 || o.sockets > LANES_MAX ||
        o.outstanding < o.sockets || o.outstanding / o.sockets >= LANE_SLOTS_MAX)
        usage();
    o.server.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
    return o;
}

struct load {
    struct options options;
    struct supply supply;
    struct tally tally;
    unsigned n_lanes, turn; /* turn: the lane that sends first */
    struct lane lanes[LANES_MAX];
    struct pollfd poll_fds[LANES_MAX];
    uint64_t start, end, looked;
};

static void open_lanes(struct load *load)
{
    const struct options *o = &load->options;

    load->n_lanes = o->sockets;
    for (unsigned i = 0; i < load->n_lanes; i++) {
        const unsigned slots = o->outstanding / o->sockets + (i < o->outstanding % o->sockets);
        load->lanes[i].tally = &load->tally;
        load->lanes[i].supply = &load->supply;
        lane_open(&load->lanes[i], &o->server, o->tcp, slots);
    }
}

/* How many questions may be sent now. */
static uint64_t due(const struct load *load, uint64_t now)
{
    const double rate = load->options.rate;

    if (rate == 0)
        return UINT64_MAX;
    const uint64_t until_now = (uint64_t)((double)(now - load->start) * rate / 1e9);
    return until_now > load->tally.sent ? until_now - load->tally.sent : 0;
}

static unsigned send_due(struct load *load, uint64_t now)
{
    uint64_t left = now < load->end ? due(load, now) : 0;
    unsigned sent = 0;

    for (unsigned i = 0; i < load->n_lanes && left > 0; i++) {
        const unsigned most = left < LANE_SLOTS_MAX ? (unsigned)left : LANE_SLOTS_MAX;
        const unsigned n = lane_send(&load->lanes[(load->turn + i) % load->n_lanes], most, now);
        sent += n;
        left -= n;
    }
    load->turn++;
    return sent;
}

/* Until an answer is there, or a question is due. */
static void wait_for_something(struct load *load, uint64_t now)
{
    uint64_t wait_ns = LOOK_NS;

    if (load->options.rate > 0 && now < load->end)
        wait_ns = (uint64_t)(1e9 / load->options.rate);
    const struct timespec timeout = {.tv_nsec = (long)(wait_ns < LOOK_NS ? wait_ns : LOOK_NS)};
    for (unsigned i = 0; i < load->n_lanes; i++)
        load->poll_fds[i] = (struct pollfd){.fd = load->lanes[i].fd, .events = POLLIN};
    ppoll(load->poll_fds, load->n_lanes, &timeout, NULL);
}

static bool in_flight(const struct load *load)
{
    for (unsigned i = 0; i < load->n_lanes; i++)
        if (load->lanes[i].n_free < load->lanes[i].n_slots)
            return true;
    return false;
}

static void run(struct load *load)
{
    load->start = load->looked = now_ns();
    load->end = load->start + (uint64_t)(load->options.seconds * 1e9);
    for (;;) {
        const uint64_t now = now_ns();
        unsigned moved = 0;

        for (unsigned i = 0; i < load->n_lanes; i++)
            moved += lane_receive(&load->lanes[i], now);
        if ((now >= load->end || load->supply.left == 0) && !in_flight(load))
            break;
        moved += send_due(load, now);
        if (now - load->looked > LOOK_NS) {
            load->looked = now;
            for (unsigned i = 0; i < load->n_lanes; i++)
                lane_give_up(&load->lanes[i], now - LOST_NS, now, load->options.once && now < load->end);
        }
        if (moved == 0)
            wait_for_something(load, now);
    }
}

static void print(const struct load *load)
{
    const struct tally *t = &load->tally;
    const uint64_t took = now_ns() - load->start, planned = load->end - load->start;
    const double seconds = (double)(took < planned ? took : planned) / 1e9;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    const double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"sent\": %llu, \"answered\": %llu, \"with_records\": %llu, \"lost\": %llu, \"strange\": %llu, "
           "\"closed\": %llu, "
           "\"answer_bytes\": %llu, \"seconds\": %.6f, \"qps\": %.0f, \"cpu_s\": %.6f, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, "
           "\"rcodes\": {",
           (unsigned long long)t->sent, (unsigned long long)t->answered, (unsigned long long)t->with_records,
           (unsigned long long)t->lost, (unsigned long long)t->strange, (unsigned long long)t->closed,
           (unsigned long long)t->answer_bytes, seconds, (double)t->answered / seconds, cpu,
           latency_us(&t->latency, 0.5), latency_us(&t->latency, 0.99));
    const char *comma = "";
    for (unsigned i = 0; i < RCODES; i++) {
        if (t->rcodes[i] > 0) {
            printf("%s\"%u\": %llu", comma, i, (unsigned long long)t->rcodes[i]);
            comma = ", ";
        }
    }
    puts("}}");
}

int main(int argc, char *argv[])
{
    static struct load load;
    struct options *o = &load.options;

    *o = read_options(argc, argv);
    struct names *names =
        o->file != NULL ? names_from_file(o->file) : names_from_pattern(o->pattern, o->type, o->count);
    if (names == NULL)
        return 2;
    load.supply = (struct supply){.names = names,
                                  .next = o->first,
                                  .left = UINT64_MAX,
                                  .in_order = o->in_order,
                                  .chance = now_ns() | 1};
    if (o->once) {
        load.supply.left = names_count(names);
        o->seconds = ONCE_S;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1);
    open_lanes(&load);
    run(&load);
    print(&load);
    return o->once && load.tally.answered < names_count(names);
}
