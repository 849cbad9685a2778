/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Room in a loop of libuv for all descriptors that it may come to watch: see loop_room.c. */
#ifndef IOTHNAMED_LOOP_ROOM_H
#define IOTHNAMED_LOOP_ROOM_H

#include "base/base.h"
#include <uv.h>

/* uv_loop_init, which ends the process if it finds no descriptors; here that is an error. 0 or negative errno. */
MUST_CHECK int loop_init(uv_loop_t *loop);
/* For a loop that is new. *room is the loop's until it has run for the last time. 0, or negative errno: nothing has been done. */
MUST_CHECK int loop_make_room(uv_loop_t *loop, uv_poll_t *room);

#endif
