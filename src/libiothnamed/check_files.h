/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is all there that a configuration names? It is read as a start or a reload would read it, and let go. */
#ifndef IOTHNAMED_CHECK_FILES_H
#define IOTHNAMED_CHECK_FILES_H

#include "libiothnamed/config.h"
#include "libiothnamed/list.h"
#include "libiothnamed/load_zones.h"

/* What a server has read, its configuration and the files that it names; all NULL: nothing. */
struct config_files {
    const struct config *config; /* by which it serves */
    const struct lists *lists;
    const struct zones *zones;
};

/* Whether all is there that the configuration names: kinds of stacks, lists, zones, and as warnings lease files and the folder of
 * hrevdb. For who checks what a start would do, or a reload of the server that has `old`. 0; -EINVAL: there are errors; -ENOMEM. */
MUST_CHECK int config_check_files(const struct config *config, const struct config_files *old,
                                  struct diags *diags);
/* config_read and config_check_files: all errors at once, into empty diags. 0 and *ret, to be freed; -EINVAL: there are errors;
 * -ENOMEM. */
MUST_CHECK int config_load_all(const char *path, const struct config_files *old, struct config **ret,
                               struct diags *diags);

#endif
