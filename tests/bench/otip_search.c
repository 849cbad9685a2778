/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* otip_search: somebody has seen one address of a server, knows its name and the time, and looks for the password in a list
 * of words, as it is done at home with nobody to stop it. What a guess costs is what stands between an eavesdropper and a
 * password, so it is measured for both generations, on the same search:
 *
 *   otip_search GENERATION SECONDS        the generation, 1 or 2; how long to search at least
 *
 * The words are "word0", "word1", ...; the password is the one behind the last that fits the time, so that each search goes
 * through all of them and then finds it. Printed are the guesses and what each cost in seconds of processor time, by the
 * clock of the process alone: another program on the machine makes the search longer and not dearer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libotip/otip_password.h"

enum {
    EPOCH = 56133846,
    BATCH_OTIP1 = 10000, /* guesses between two looks at the clock */
    BATCH_OTIP2 = 1,
    WORD_MAX = 32,
};

struct target {
    enum otip_generation generation;
    struct ipaddr seen;
};

static void word_of(unsigned long number, char word[static WORD_MAX])
{
    snprintf(word, WORD_MAX, "word%lu", number);
}

/* The address that a password gives. */
static struct ipaddr address_of(enum otip_generation generation, const char *password)
{
    static const char name[] = "renzo.otip.example";
    struct otip_setup setup = {
        .generation = generation,
        .name = name,
        .base = {.b = {0x20, 0x01, 0x0d, 0xb8}},
        .password = password,
    };
    struct ipaddr addr;
    struct otip *o;
    int err;

    if (generation == OTIP1) { /* as cheap as it gets: no object, the digest alone */
        otip1_address(&setup.base, name, sizeof(name) - 1, password, EPOCH, &addr);
        return addr;
    }
    err = otip_new_from_password(&setup, &o);
    if (err) {
        fprintf(stderr, "otip_search: %s\n", strerror(-err));
        exit(EXIT_FAILURE);
    }
    otip_address(o, EPOCH, &addr);
    otip_free(o);
    return addr;
}

static bool guess(const struct target *t, unsigned long number)
{
    char word[WORD_MAX];
    struct ipaddr addr;

    word_of(number, word);
    addr = address_of(t->generation, word);
    return ipaddr_equal(&addr, &t->seen);
}

static double cpu_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Words that are not the password, for as long as it was said. Returns how many. */
static unsigned long search_in_vain(const struct target *t, double seconds)
{
    unsigned long number = 0, batch = t->generation == OTIP1 ? BATCH_OTIP1 : BATCH_OTIP2;
    double end_s = cpu_now_s() + seconds;

    do {
        for (unsigned long last = number + batch; number < last; number++) {
            if (guess(t, number)) {
                fprintf(stderr, "otip_search: word%lu was not the password\n", number);
                exit(EXIT_FAILURE);
            }
        }
    } while (cpu_now_s() < end_s);
    return number;
}

int main(int argc, char *argv[])
{
    struct target t = {.generation = argc == 3 && argv[1][0] == '2' ? OTIP2 : OTIP1};
    double start_s, seconds = argc == 3 ? strtod(argv[2], NULL) : 0;
    unsigned long guesses;
    char word[WORD_MAX];

    if (argc != 3) {
        fprintf(stderr, "usage: %s 1|2 SECONDS\n", argv[0]);
        return 2;
    }
    t.seen = address_of(t.generation, "not in the list");
    start_s = cpu_now_s();
    guesses = search_in_vain(&t, seconds);
    seconds = (cpu_now_s() - start_s) / (double)guesses;
    word_of(guesses, word);
    t.seen = address_of(t.generation, word);
    if (!guess(&t, guesses)) {
        fprintf(stderr, "otip_search: the password was not found\n");
        return EXIT_FAILURE;
    }
    printf("generation %d guesses %lu seconds %.9f found %s\n", t.generation, guesses, seconds, word);
    return 0;
}
