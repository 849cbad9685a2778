/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of otip_rproxy: check a configuration, or serve until SIGTERM or SIGINT; SIGHUP loads it anew. Its options
 * are the rows of libotip/proxy_config.c, so there is no list of them here. What a daemon is, and the order in which privilege
 * goes, is io/daemon.h; what this one keeps of it, otip_proxy_keeps.
 */
#include "io/daemon_run.h"
#include "libotip/proxy.h"

#include <ioth.h>

int main(int argc, char **argv)
{
    const struct daemon_program program = {
        .usage = {.version = IOTH_VERSION,
                  .synopsis = "[OPTION...]",
                  .summary = "A reverse proxy at the one-time addresses of a name: TCP and UDP to hidden "
                             "servers.",
                  .notes = "SIGHUP loads the file of -f again; SIGTERM and SIGINT end. See otip_rproxy(1).\n",
                  .rows = proxy_rows(),
                  .secret = "passwd"},
        .doing = "Serving",
        .nothing = "nothing is served",
        .packaged_user = OTIP_RPROXY_USER,
        .load = otip_proxy_load,
        .free = otip_proxy_free,
        .check = otip_proxy_check,
        .start = otip_proxy_start,
        .reload = otip_proxy_reload,
        .stop = otip_proxy_stop,
        .keeps = otip_proxy_keeps,
        .check_files = otip_proxy_check_files,
    };

    ioth_set_license("GPL-3.0-or-later");
    return daemon_run(&program, argc, argv);
}
