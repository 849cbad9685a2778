/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_APPLY_H
#define LIBIOTHCONF_APPLY_H

#include "base/base.h"
#include <ioth.h>

/* Does what a configuration string asks for, whose syntax has been checked. Returns a mask of IOTH_CONFIG_
   bits, or negative errno of the first step that failed. */
MUST_CHECK int conf_apply(struct ioth *stack, const char *config);

/* The interface that a (checked) configuration string names; 0 if it names none. Returns the index or
 * -ENODEV, ... */
MUST_CHECK int conf_named_ifindex(struct ioth *stack, const char *config);

#endif
