/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Going to the background: the process that a person started stays until the daemon has begun its work, so its exit status
 * tells how that went.
 */
#ifndef IO_BACKGROUND_H
#define IO_BACKGROUND_H

#include "base/base.h"

/* Makes the child that is to be the daemon; before any thread. In the parent it never returns: it waits for the child, and
 * exits with success if that called background_begun, else with failure. In the child: what to give to background_begun. -errno:
 * there is no child. */
MUST_CHECK int background_enter(void);
/* The work has begun: lets go of the terminal, and the parent exits. 0, or -errno: the parent does not know. */
MUST_CHECK int background_begun(int parent);

#endif
