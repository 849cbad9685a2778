/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands of the control socket; iothnamedctl(8) says what they do. */
#ifndef IOTHNAMED_COMMANDS_H
#define IOTHNAMED_COMMANDS_H

#include "io/control.h"
#include "io/pairs.h"

/* Arguments are a struct iothnamed. What all services have is io/attendant.h. */
extern const struct control_command command_table[];
void command_status(void *arg, struct pairs *p);

#endif
