/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One row a source; included with SOURCE defined. */
SOURCE(accept)
SOURCE(error)
SOURCE(static)
SOURCE(hash)
SOURCE(hrev)
SOURCE(zone)
SOURCE(lease)
SOURCE(otip)
SOURCE(otip2)
SOURCE(cache)
SOURCE(fwd)
