/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The attendant of a server (io/attendant.h): a thread beside the workers that answers those who run it, on the control socket
 * and at the metrics port, and looks after the workers. Queries never wait for it, nor it for queries.
 */
#ifndef IOTHNAMED_ATTENDANT_H
#define IOTHNAMED_ATTENDANT_H

#include "io/attendant.h"

struct iothnamed;

/* Opens what the configuration in force wants; its thread comes with attendant_run. 0 and server->attendant, or -errno and one
 * sentence in why. */
MUST_CHECK int attend(struct iothnamed *server, char *why, size_t why_size);

#endif
