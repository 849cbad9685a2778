/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kinds of nodes: a new one is a file node_X.c and a row here. */
#include "world.h"

const struct node_kind *const node_kinds[] = {
    &kind_router, &kind_dhcp6, &kind_dhcp4, &kind_named,  &kind_upstream,
    &kind_forger, &kind_host,  &kind_otip,  &kind_caller, NULL,
};
