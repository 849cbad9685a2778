/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vde_open(3) that nobody has to wait for. */
#ifndef VDE_OPENING_H
#define VDE_OPENING_H

#include "base/base.h"

#include <libvdeplug.h>

struct opening;

/* Begins to open a port of the network `vnl`, whose port it is told by `descr`. 0 or negative errno: -ENOMEM, -EAGAIN. */
MUST_CHECK int opening_begin(const char *vnl, const char *descr, struct opening **ret);
/* What has come of it by `until`. 0 and the connection, or negative errno, what vde_open says (-ENODEV where it says nothing):
 * it has ended. -EINPROGRESS: it is still under way. */
MUST_CHECK int opening_take(struct opening *o, nsec_t until, VDECONN **ret);
/* Nobody wants it any more. NULL is fine. */
void opening_abandon(struct opening *o);

/* vde_close(3), at once or in a moment; never waits for another's opening. NULL is fine. */
void opening_close(VDECONN *conn);

#endif
