/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAB_PATTERN_H
#define LAB_PATTERN_H
/* Bytes of a stream that can be checked wherever in it they stand. */
#include <stdbool.h>
#include <stddef.h>

/* Writes, and checks, the `len` bytes that stand at byte `at` of the stream. */
void pattern_fill(unsigned char *buf, size_t len, size_t at);
bool pattern_holds(const unsigned char *buf, size_t len, size_t at);

#endif
