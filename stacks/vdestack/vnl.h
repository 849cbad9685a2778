/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VDESTACK_VNL_H
#define VDESTACK_VNL_H

#include <net/if.h>

/* Splits "[IFNAME:]VNL" of interface number `number` into the interface's name, vde<number> if none is given,
 * and the locator, a pointer into `text`. 0, or -EINVAL for a name that no interface can have. */
__attribute__((warn_unused_result)) int vnl_parse(const char *text, unsigned number,
                                                  char ret_name[static IFNAMSIZ], const char **ret_locator);

#endif
