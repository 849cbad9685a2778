/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_OTIP_TERMINAL_H
#define LIBOTIP_OTIP_TERMINAL_H
/* A password from whoever sits at the terminal. For programs, before they have threads. */
#include "libotip/otip_file.h"

/* Shows the prompt on the terminal `fd`, and reads a line that is not shown. 0; or a negative errno and `why`, as in
 * otip_file.h: -ENOTTY, -EINTR (a signal came; it is delivered before this returns), or what is wrong with the line. */
MUST_CHECK int otip_password_ask(int fd, const char *prompt, char ret[static OTIP_PASSWORD_MAX + 1],
                                 char why[static OTIP_WHY_MAX]);

#endif
