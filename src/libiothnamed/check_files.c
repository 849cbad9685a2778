/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See check_files.h. Each kind of file has its own reader; here they are asked in turn. */
#include "libiothnamed/check_files.h"
#include "io/own_file.h"
#include "libiothnamed/lease_keeper.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* It is made when it is not there; without a folder the table is in memory alone. */
static void check_hrevdb(const struct config *config, struct diags *diags)
{
    const struct config_text *file = &config->options.hrevdb;
    char path[PATH_MAX];

    if (file->len == 0 || config_path(config, file->text, path, sizeof(path)) < 0)
        return;
    int e = own_file_check_folder(path, W_OK | X_OK);
    if (e < 0)
        diag_warning(diags, config_option_at(config, "hrevdb"),
                     "%s cannot be used: %s; names of hashed addresses would be in memory alone", path,
                     own_file_reason(e));
}

/* Each has its say; what is out of memory ends it. */
int config_check_files(const struct config *config, const struct config_files *old, struct diags *diags)
{
    int of_stacks = stacks_check(config, diags);
    int of_lists = of_stacks == -ENOMEM ? -ENOMEM : lists_check(config, old->lists, diags);
    int of_zones = of_lists == -ENOMEM ? -ENOMEM : zones_check(config, old->zones, diags);

    int of_rules = old->config ? config_check_emptiness(config, old->config, diags) : 0;
    if (of_zones != -ENOMEM)
        of_zones = leases_check(config, diags) < 0 ? -ENOMEM : of_zones;
    check_hrevdb(config, diags);
    diags_sort(diags);
    return of_zones < 0 ? of_zones : of_lists < 0 ? of_lists : of_stacks < 0 ? of_stacks : of_rules;
}

int config_load_all(const char *path, const struct config_files *old, struct config **ret,
                    struct diags *diags)
{
    struct config *config;
    int e = config_read(path, &config, diags);

    if (e < 0)
        return e;
    e = config_check_files(config, old, diags);
    if (e == 0 && diags->errors > 0)
        e = -EINVAL;
    if (e < 0)
        config_free(config);
    else
        *ret = config;
    return e;
}
