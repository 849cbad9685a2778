/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IOTHRADVD_RA_SPEAK_H
#define IOTHRADVD_RA_SPEAK_H

#include "wire/nd.h"

/* The option can be said at all: it is well-formed, and fits an advertisement of RA_MESSAGE_MAX bytes. */
bool ra_option_fits(const struct nd_option *option);

#endif
