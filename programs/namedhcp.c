/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of namedhcp and namedhcp4: check a configuration, or serve until SIGTERM or SIGINT; SIGHUP loads it anew. Its
 * options are the rows of namedhcp_rows.c, so there is no list of them here. What a daemon is, and the order in which privilege
 * goes, is io/daemon.h.
 */
#include "io/daemon_run.h"
#include "libnamedhcp/namedhcp.h"

#include <ioth.h>

int main(int argc, char **argv)
{
    const struct daemon_program program = {
        .usage = {.version = IOTH_VERSION,
                  .synopsis = "[OPTION...]",
                  .summary = "Gives the hosts of a network the addresses that their names have in the DNS: "
                             "DHCPv6 and DHCPv4.",
                  .notes = "SIGHUP loads the file of -f again; SIGTERM and SIGINT end. See namedhcp(8).\n",
                  .rows = RC_ROWS(namedhcp_rows)},
        .doing = "Serving",
        .nothing = "nothing is served",
        .packaged_user = NAMEDHCP_USER,
        .load = namedhcp_load,
        .free = namedhcp_free,
        .check = namedhcp_check_start,
        .start = namedhcp_start,
        .reload = namedhcp_reload,
        .stop = namedhcp_stop,
        .keeps = namedhcp_keeps,
    };

    ioth_set_license("GPL-3.0-or-later");
    return daemon_run(&program, argc, argv);
}
