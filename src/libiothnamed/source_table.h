/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One row a source; included with SOURCE defined. */
SOURCE(accept)
SOURCE(error)
SOURCE(static)
SOURCE(hash)
SOURCE(hrev)
SOURCE(zone)
SOURCE(otip)
SOURCE(cache)
SOURCE(fwd)
