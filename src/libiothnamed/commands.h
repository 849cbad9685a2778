/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands of the control socket; iothnamedctl(8) says what they do. */
#ifndef IOTHNAMED_COMMANDS_H
#define IOTHNAMED_COMMANDS_H

#include "io/control.h"

/* Their arg is a struct iothnamed. */
extern const struct control_command command_table[];

#endif
