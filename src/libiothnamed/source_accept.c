/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `auth accept NETS`: who may come by TCP. It speaks of clients and not of names: policy_accepted gathers its
 * nets, and the TCP frontend looks at them. */
#include "libiothnamed/source.h"

const struct source source_accept = {.keyword = "accept"};
