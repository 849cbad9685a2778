/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The public functions (iothradvd.h): routers (router.h) with errors as errno tells them. A handle is a router that runs. */
#include "libiothradvd/router.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The handle, run; NULL and errno. */
static struct iothradvd *begin(int e, struct iothradvd *r)
{
    if (e == 0) {
        e = router_run(r);
        if (e < 0)
            router_close(r);
    }
    if (e == 0)
        return r;
    errno = -e;
    return NULL;
}

struct iothradvd *iothradvd_start(struct ioth *stack, unsigned ifindex, int period, struct iothradata *data,
                                  struct iothraprefix *prefixes, int n)
{
    struct ra_settings settings;
    struct iothradvd *r = NULL;
    int e = ra_settings_of(period, data, prefixes, n, &settings);
    if (e == 0)
        e = router_open_stack(stack, ifindex, &settings, NULL, &r);
    return begin(e, r);
}

struct iothradvd *iothradvd_vdestart(char *vnl, void *mac, int period, struct iothradata *data,
                                     struct iothraprefix *prefixes, int n)
{
    struct ra_settings settings;
    struct iothradvd *r = NULL;
    int e = vnl ? ra_settings_of(period, data, prefixes, n, &settings) : -EINVAL;
    if (e == 0)
        e = router_open_port(vnl, mac, &settings, NULL, &r);
    return begin(e, r);
}

void iothradvd_stop(struct iothradvd *radvd)
{
    router_close(radvd);
}

/* --- from text --- */

static void copy_why(char *errbuf, size_t size, const char *why)
{
    if (errbuf && size > 0)
        snprintf(errbuf, size, "%s", why);
}

/* One interface. 0 or negative errno, with errbuf filled for -EINVAL. */
static int parse(const char *text, char *errbuf, size_t errbuf_size, struct ra_config **ret)
{
    struct ra_draft *draft = NULL;
    int e = text ? ra_draft_new(&draft) : -EINVAL;
    if (e == 0)
        e = ra_draft_text(draft, "line", text, strlen(text));
    if (e == 0)
        e = ra_draft_finish(draft, ret);
    if (e == -EINVAL)
        copy_why(errbuf, errbuf_size, draft ? ra_draft_error(draft) : "the text is missing");
    if (e == 0 && (*ret)->n_interfaces != 1) {
        copy_why(errbuf, errbuf_size, "several interfaces, expected one for each handle");
        ra_config_free(*ret);
        e = -EINVAL;
    }
    ra_draft_free(draft);
    return e;
}

static int open_interface(struct ioth *stack, const struct ra_interface *it, char *errbuf, size_t errbuf_size,
                          struct iothradvd **ret)
{
    if (!stack && it->is_port)
        return router_open_port(it->stack, it->has_mac ? it->mac : NULL, &it->settings, NULL, ret);
    if (it->stack) {
        copy_why(errbuf, errbuf_size,
                 stack ? "the text says another stack, expected none" : "this makes a stack, expected a VNL");
        return -EINVAL;
    }
    errno = 0;
    int ifindex = ioth_if_nametoindex(stack, it->name);
    if (ifindex <= 0)
        return errno ? -errno : -ENODEV;
    return router_open_stack(stack, (unsigned)ifindex, &it->settings, NULL, ret);
}

struct iothradvd *iothradvd_startc(struct ioth *stack, const char *text, char *errbuf, size_t errbuf_size)
{
    struct ra_config *config = NULL;
    struct iothradvd *r = NULL;
    int e = parse(text, errbuf, errbuf_size, &config);
    if (e < 0)
        return begin(e, NULL);
    e = open_interface(stack, &config->interfaces[0], errbuf, errbuf_size, &r);
    ra_config_free(config);
    return begin(e, r);
}

int iothradvd_update(struct iothradvd *radvd, const char *text, char *errbuf, size_t errbuf_size)
{
    struct ra_config *config = NULL;
    int e = parse(text, errbuf, errbuf_size, &config);
    if (e == 0) {
        e = router_update(radvd, &config->interfaces[0].settings);
        ra_config_free(config);
    }
    if (e == 0)
        return 0;
    errno = -e;
    return -1;
}

void iothradvd_getstats(struct iothradvd *radvd, struct iothradvd_stats *ret)
{
    struct router_status status;
    router_status(radvd, &status);
    *ret = status.stats;
}
