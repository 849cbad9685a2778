/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTH_OPS_H
#define LIBIOTH_OPS_H

#include <ioth_plugin.h>

/* The system calls themselves; the context is ignored. */
extern const struct ioth_ops ops_native;

/* The operations to call for a plug-in: its own where it has them, else those of ops_native if it is native,
 * else a slower way through its other operations, or an error where there is none. */
void ops_resolve(const struct ioth_plugin *plugin, struct ioth_ops *ret_ops);

#endif
