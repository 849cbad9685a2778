/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of iothradvd: check a configuration, or advertise until SIGTERM or SIGINT; SIGHUP loads it anew. Its
 * options are the rows of ra_rows.c, so there is no list of them here; prefixes may stand behind them. What a daemon is, and the
 * order in which privilege goes, is io/daemon.h.
 */
#include "io/daemon_run.h"
#include "libiothradvd/daemon/service.h"

#include <ioth.h>
#include <string.h>

/* Behind the options: the word prefix, and prefixes. */
static const char *take_prefixes(struct daemon_options *o, int n, char **words)
{
    if (n == 0)
        return NULL;
    if (strcmp(words[0], "prefix") != 0)
        return "behind the options the word 'prefix' is expected, and prefixes";
    if (n == 1)
        return "behind 'prefix' a prefix is expected, such as fc01::/64/LA/86400/14400";
    for (int i = 1; i < n; i++)
        if (strcmp(words[i], "prefix") != 0 && !daemon_add_word(o, "prefix", words[i]))
            return "too many prefixes";
    return NULL;
}

int main(int argc, char **argv)
{
    const struct daemon_program program = {
        .usage = {.version = IOTH_VERSION,
                  .synopsis = "[OPTION...] [prefix PREFIX...]",
                  .summary = "Tells the hosts of a network how to configure themselves: router "
                             "advertisements for IPv6.",
                  .notes = "PREFIX is ADDR/LEN/FLAGS/VALID/PREFERRED, such as fc01::/64/LA/86400/14400.\n"
                           "SIGHUP loads the file of -f again; SIGTERM and SIGINT end. See iothradvd(8).\n",
                  .rows = RC_ROWS(ra_rows),
                  .check_letter = 'n',
                  .operands = take_prefixes},
        .doing = "Advertising",
        .nothing = "nothing is advertised",
        .packaged_user = IOTHRADVD_USER,
        .load = radvd_load,
        .free = radvd_free,
        .check = radvd_check,
        .start = radvd_start,
        .reload = radvd_reload,
        .stop = radvd_stop,
    };

    ioth_set_license("GPL-3.0-or-later");
    return daemon_run(&program, argc, argv);
}
