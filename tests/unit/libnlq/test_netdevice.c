/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The netdevice ioctls, four times the same steps on a link of the same name, each time in the beginning
 * state: by the kernel itself, by nlq_ioctl, by nlqx_ioctl on a stack of libioth, by nlq_server_ioctl on a
 * small stack. After each step all that can be asked is asked, and must be what the kernel answered. */
#include <arpa/inet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include <ioth.h>
#include <libnlq.h>

#include "libnlq/fake_stack.h"
#include "libnlq/namespace.h"

static const char name[] = "nlq0";
static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7};

/* One way to execute an ioctl, and its world. */
struct way {
    int (*call)(struct way *way, unsigned long request, void *arg);
    int fd; /* a socket of the kernel */
    struct ioth *stack;
    int stack_fd;
    struct fake_stack fake;
};

static int by_kernel(struct way *way, unsigned long request, void *arg)
{
    return ioctl(way->fd, request, arg);
}

static int by_nlq(struct way *way, unsigned long request, void *arg)
{
    return request == SIOCGIFINDEX ? nlq_ioctl_nofd(request, arg) : nlq_ioctl(way->fd, request, arg);
}

static int by_nlqx(struct way *way, unsigned long request, void *arg)
{
    return request == SIOCGIFINDEX ? nlqx_ioctl_nofd(way->stack, request, arg)
                                   : nlqx_ioctl(way->stack, way->stack_fd, request, arg);
}

static int by_server(struct way *way, unsigned long request, void *arg)
{
    return nlq_server_ioctl(fake_handlers, &way->fake, request, arg);
}

static struct sockaddr in_addr_of(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(text)};
    struct sockaddr any;

    memcpy(&any, &in, sizeof(any));
    return any;
}

/* ---- what a link looks like ---- */

static const unsigned long questions[] = {SIOCGIFFLAGS,   SIOCGIFMTU,  SIOCGIFTXQLEN,  SIOCGIFMETRIC,
                                          SIOCGIFHWADDR,  SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR,
                                          SIOCGIFNETMASK, SIOCGIFMAP};
enum { QUESTIONS = sizeof(questions) / sizeof(questions[0]), CONF_MAX = 8 };

struct look {
    int results[QUESTIONS];
    struct ifreq answers[QUESTIONS];
    int conf_needed, conf_len;
    struct ifreq conf[CONF_MAX];
};

static void take_look(struct way *way, const char *ifname, struct look *look)
{
    struct ifconf count = {.ifc_req = NULL}, conf = {.ifc_len = sizeof(look->conf), .ifc_req = look->conf};
    size_t i;

    memset(look, 0, sizeof(*look));
    for (i = 0; i < QUESTIONS; i++) {
        strcpy(look->answers[i].ifr_name, ifname);
        look->results[i] = way->call(way, questions[i], &look->answers[i]) < 0 ? errno : 0;
    }
    /* Running and lower-layer bits depend on the kind of link and on time. */
    look->answers[0].ifr_flags &=
        IFF_UP | IFF_BROADCAST | IFF_NOARP | IFF_PROMISC | IFF_ALLMULTI | IFF_MULTICAST;
    assert_int_equal(way->call(way, SIOCGIFCONF, &count), 0);
    assert_int_equal(way->call(way, SIOCGIFCONF, &conf), 0);
    look->conf_needed = count.ifc_len;
    look->conf_len = conf.ifc_len;
}

/* ---- the steps ---- */

struct step {
    unsigned long request;
    const char *label, *addr;
    int number;
};

static const struct step steps[] = {
    {SIOCGIFADDR, "absent", NULL, 0},
    {SIOCSIFMTU, name, NULL, 1400},
    {SIOCSIFMTU, name, NULL, -1},
    {SIOCSIFMTU, name, NULL, 10},
    {SIOCSIFTXQLEN, name, NULL, 77},
    {SIOCSIFTXQLEN, name, NULL, -1},
    {SIOCSIFMETRIC, name, NULL, 1},
    {SIOCSIFFLAGS, name, NULL, IFF_UP | IFF_NOARP | IFF_MULTICAST},
    {SIOCSIFFLAGS, name, NULL, IFF_UP | IFF_MULTICAST},
    {SIOCSIFNETMASK, name, "255.255.0.0", 0},
    {SIOCSIFADDR, name, "192.168.7.9", 0},
    {SIOCSIFADDR, name, "192.168.7.9", 0},
    {SIOCSIFNETMASK, name, "255.255.240.0", 0},
    {SIOCSIFNETMASK, name, "255.0.255.0", 0},
    {SIOCSIFNETMASK, name, "255.255.240.0", 0},
    {SIOCSIFBRDADDR, name, "192.168.15.254", 0},
    {SIOCSIFNETMASK, name, "255.255.255.0", 0},
    {SIOCSIFDSTADDR, name, "192.168.7.77", 0},
    {SIOCSIFADDR, "nlq0:1", "10.1.1.1", 0},
    {SIOCSIFADDR, "nlq0:2", "172.16.1.1", 0},
    {SIOCGIFADDR, "nlq0:1", NULL, 0},
    {SIOCGIFNETMASK, "nlq0:2", NULL, 0},
    {SIOCGIFADDR, "nlq0:3", NULL, 0},
    {SIOCGIFADDR, name, "10.1.1.1", 0},
    {SIOCSIFFLAGS, "nlq0:2", NULL, 0},
    {SIOCSIFFLAGS, "nlq0:3", NULL, 0},
    {SIOCSIFADDR, name, "224.0.0.1", 0},
    {SIOCSIFADDR, name, "131.4.1.1", 0},
    {SIOCSIFADDR, name, "0.0.0.0", 0},
    {SIOCSIFFLAGS, name, NULL, IFF_MULTICAST},
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static struct ifreq request_of(const struct step *step)
{
    struct ifreq ifr = {0};

    strcpy(ifr.ifr_name, step->label);
    if (step->addr != NULL)
        ifr.ifr_addr = in_addr_of(step->addr);
    else if (step->request == SIOCSIFFLAGS)
        ifr.ifr_flags = (short)step->number;
    else
        ifr.ifr_mtu = step->number; /* the place of all numbers */
    return ifr;
}

struct diary {
    int results[STEPS];
    struct look looks[STEPS];
};

static void keep_diary(struct way *way, struct diary *diary)
{
    size_t i;

    for (i = 0; i < STEPS; i++) {
        struct ifreq ifr = request_of(&steps[i]);

        diary->results[i] = way->call(way, steps[i].request, &ifr) < 0 ? errno : 0;
        take_look(way, name, &diary->looks[i]);
    }
}

static void compare(const struct diary *theirs, const struct diary *ours, bool same_map)
{
    size_t i, k;

    for (i = 0; i < STEPS; i++) {
        const struct look *a = &theirs->looks[i], *b = &ours->looks[i];

        if (theirs->results[i] != ours->results[i])
            print_error("step %zu: %s, not %s\n", i, strerror(ours->results[i]),
                        strerror(theirs->results[i]));
        assert_int_equal(theirs->results[i], ours->results[i]);
        for (k = 0; k < QUESTIONS; k++) {
            if (questions[k] == SIOCGIFMAP && !same_map)
                continue;
            if (a->results[k] != b->results[k] ||
                memcmp(&a->answers[k], &b->answers[k], sizeof(struct ifreq)) != 0)
                print_error("after step %zu, question %zu\n", i, k);
            assert_int_equal(a->results[k], b->results[k]);
            assert_memory_equal(&a->answers[k], &b->answers[k], sizeof(struct ifreq));
        }
        assert_int_equal(a->conf_needed, b->conf_needed);
        assert_int_equal(a->conf_len, b->conf_len);
        assert_memory_equal(a->conf, b->conf, sizeof(a->conf));
    }
}

static void make_link(struct way *way)
{
    struct ifreq ifr = {0};

    fake_init(&way->fake, name);
    if (nlq_iplink_add(name, 0, "bridge", NULL, 0) < 0)
        assert_true(nlq_iplink_add(name, 0, "dummy", NULL, 0) > 0);
    strcpy(ifr.ifr_name, name);
    ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(ifr.ifr_hwaddr.sa_data, mac, sizeof(mac));
    assert_int_equal(way->call(way, SIOCSIFHWADDR, &ifr), 0);
    ifr.ifr_hwaddr.sa_family = ARPHRD_LOOPBACK;
    errno = 0;
    assert_int_equal(way->call(way, SIOCSIFHWADDR, &ifr), -1);
    assert_int_equal(errno, EINVAL);
}

static struct way way = {.fd = -1};
static struct diary of_kernel, ours;

static void run(int (*call)(struct way *, unsigned long, void *), struct diary *diary)
{
    way.call = call;
    make_link(&way);
    keep_diary(&way, diary);
    assert_int_equal(nlq_iplink_del(name, 0), 0);
}

static void test_nlq(void **state)
{
    (void)state;
    run(by_nlq, &ours);
    compare(&of_kernel, &ours, true);
}

static void test_nlqx(void **state)
{
    (void)state;
    run(by_nlqx, &ours);
    compare(&of_kernel, &ours, true);
}

static void test_server(void **state)
{
    (void)state;
    run(by_server, &ours);
    compare(&of_kernel, &ours, false);
}

/* The kernel's first steps are those one expects: the comparison compares something. */
static void test_kernel_itself(void **state)
{
    const struct look *look = &of_kernel.looks[10];
    struct sockaddr netmask = in_addr_of("255.255.255.0");

    (void)state;
    assert_int_equal(of_kernel.results[0], ENODEV);
    assert_int_equal(of_kernel.results[9], EADDRNOTAVAIL);
    assert_int_equal(look->results[8], 0);
    assert_memory_equal(&look->answers[8].ifr_netmask, &netmask, sizeof(netmask));
    assert_int_equal(look->conf_len, sizeof(struct ifreq));
}

static void check_names(int (*call)(struct way *, unsigned long, void *), int index)
{
    struct ifreq ifr = {.ifr_ifindex = index};
    char renamed[IFNAMSIZ] = "renamed";
    int value = -1;

    way.call = call;
    make_link(&way);
    if (index == 0)
        ifr.ifr_ifindex = (int)nlq_if_nametoindex(name);
    index = ifr.ifr_ifindex;
    assert_int_equal(way.call(&way, SIOCGIFNAME, &ifr), 0);
    assert_string_equal(ifr.ifr_name, name);
    assert_int_equal(way.call(&way, SIOCGIFINDEX, &ifr), 0);
    assert_int_equal(ifr.ifr_ifindex, index);
    memcpy(ifr.ifr_newname, renamed, IFNAMSIZ);
    assert_int_equal(way.call(&way, SIOCSIFNAME, &ifr), 0);
    ifr.ifr_ifindex = index;
    assert_int_equal(way.call(&way, SIOCGIFNAME, &ifr), 0);
    assert_string_equal(ifr.ifr_name, renamed);
    memcpy(ifr.ifr_newname, name, sizeof(name));
    assert_int_equal(way.call(&way, SIOCSIFNAME, &ifr), 0);
    ifr.ifr_ifindex = 9999;
    errno = 0;
    assert_int_equal(way.call(&way, SIOCGIFNAME, &ifr), -1);
    assert_int_equal(errno, ENODEV);
    /* Another request goes to the descriptor, if there is one. */
    assert_int_equal(way.call(&way, FIONREAD, &value), call == by_server ? -1 : 0);
    assert_int_equal(value, call == by_server ? -1 : 0);
    errno = 0;
    assert_int_equal(nlq_ioctl_nofd(FIONREAD, &value), -1);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(nlq_ioctl_nofd(SIOCGIFCONF, NULL), -1);
    assert_int_equal(nlq_ioctl_nofd(SIOCGIFADDR, NULL), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(nlq_iplink_del(name, 0), 0);
}

static void test_names(void **state)
{
    (void)state;
    check_names(by_kernel, 0);
    check_names(by_nlq, 0);
    check_names(by_nlqx, 0);
    check_names(by_server, 7);
}

/* A stack whose addresses have no labels: they are those of the link's name. */
static void test_stack_without_labels(void **state)
{
    struct ifreq ifr = {.ifr_addr = in_addr_of("10.9.8.7")}, conf[2];
    struct ifconf ifc = {.ifc_len = sizeof(conf), .ifc_req = conf};

    (void)state;
    way.call = by_server;
    fake_init(&way.fake, "fake0");
    way.fake.without_labels = true;
    strcpy(ifr.ifr_name, "fake0");
    assert_int_equal(way.call(&way, SIOCSIFADDR, &ifr), 0);
    assert_int_equal(way.call(&way, SIOCGIFBRDADDR, &ifr), 0);
    assert_int_equal(((struct sockaddr_in *)&ifr.ifr_broadaddr)->sin_addr.s_addr,
                     inet_addr("10.255.255.255"));
    assert_int_equal(way.call(&way, SIOCGIFCONF, &ifc), 0);
    assert_int_equal(ifc.ifc_len, sizeof(struct ifreq));
    assert_string_equal(conf[0].ifr_name, "fake0");
}

static void test_proc_net_dev_of_a_stack(void **state)
{
    char text[2048] = "";
    FILE *f = fmemopen(text, sizeof(text), "w");

    (void)state;
    fake_init(&way.fake, "fake0");
    way.fake.links[0].stats = (struct rtnl_link_stats64){.rx_bytes = 1234567890123,
                                                         .rx_dropped = 3,
                                                         .rx_missed_errors = 4,
                                                         .tx_packets = 5,
                                                         .tx_carrier_errors = 6};
    assert_int_equal(nlq_server_proc_net_dev(fake_handlers, &way.fake, f), 0);
    fclose(f);
    assert_string_equal(strstr(text, " fake0"), " fake0: 1234567890123       0    0    7    0     0          "
                                                "0         0        0       5    0    0    0"
                                                "     0       6          0\n");
}

static int setup(void **state)
{
    (void)state;
    way.fd = socket(AF_INET, SOCK_DGRAM, 0);
    way.stack = ioth_newstack("kernel", NULL);
    way.stack_fd = ioth_msocket(way.stack, AF_INET, SOCK_DGRAM, 0);
    if (way.fd < 0 || way.stack_fd < 0)
        return -1;
    run(by_kernel, &of_kernel);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(way.fd);
    ioth_close(way.stack_fd);
    return ioth_delstack(way.stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel_itself),
        cmocka_unit_test(test_nlq),
        cmocka_unit_test(test_nlqx),
        cmocka_unit_test(test_server),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_stack_without_labels),
        cmocka_unit_test(test_proc_net_dev_of_a_stack),
    };

    if (own_network() < 0)
        return 77;
    return cmocka_run_group_tests(tests, setup, teardown);
}
