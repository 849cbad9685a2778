/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IO_PRIVILEGE_THREADS_H
#define IO_PRIVILEGE_THREADS_H

#include "base/base.h"

/* The other threads of the process drop all capabilities but those in `kept`, a bit each. Each has done so when this
 * returns: 0; -EBUSY: one of them has not, within two seconds; else -errno, of /proc mostly. Nothing else makes threads or uses
 * SIGSYS meanwhile. */
MUST_CHECK int privilege_drop_in_threads(uint64_t kept);

#endif
