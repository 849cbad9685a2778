/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client side on a network namespace of the test's own: what it sets, ip(8) shows, and the other way
 * round; what it reads is what the C library reads. Everything twice: by nlq_X, and by nlqx_X on a stack of
 * libioth. */
#include <arpa/inet.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/if_addr.h>

#include <ioth.h>
#include <libnlq.h>

#include "fails.h"
#include "libnlq/namespace.h"

static const char name[] = "nlq0";

/* A kind of link that this kernel has. */
static const char *kind;

/* What a command prints, without blanks and line ends, so that JSON can be searched. */
static const char *output_of(const char *command)
{
    static char text[65536];
    size_t n = 0;
    FILE *pipe = popen(command, "r");
    int c;

    assert_non_null(pipe);
    while ((c = fgetc(pipe)) != EOF && n < sizeof(text) - 1)
        if (c != ' ' && c != '\n')
            text[n++] = (char)c;
    text[n] = '\0';
    assert_int_equal(pclose(pipe), 0);
    return text;
}

#define assert_shows(command, text)     assert_non_null(strstr(output_of(command), text))
#define assert_not_shown(command, text) assert_null(strstr(output_of(command), text))

/* One function of the library, on the kernel's stack (stack NULL) or by nlqx_ on a stack. */
#define NLQ(stack, function, ...)                                                                            \
    ((stack) == NULL ? nlq_##function(__VA_ARGS__) : nlqx_##function(stack, __VA_ARGS__))

static unsigned add_link(struct ioth *stack)
{
    static const char *const kinds[] = {"bridge", "dummy"};
    int ifindex = -1;
    size_t i;

    for (i = 0; i < 2 && ifindex < 0; i++)
        ifindex = NLQ(stack, iplink_add, name, 0, kind = kinds[i], NULL, 0);
    assert_true(ifindex > 0);
    return (unsigned)ifindex;
}

static void check_names(struct ioth *stack)
{
    char text[IF_NAMESIZE];
    unsigned ifindex = add_link(stack), found = 0;
    struct nlq_if_nameindex *list, *entry;

    assert_int_equal(if_nametoindex(name), ifindex);
    assert_int_equal(NLQ(stack, if_nametoindex, name), ifindex);
    errno = 0;
    assert_int_equal(NLQ(stack, if_nametoindex, "absent"), 0);
    assert_int_equal(errno, ENODEV);
    assert_int_equal(NLQ(stack, if_nametoindex, "a_name_of_more_than_fifteen_bytes"), 0);
    assert_int_equal(NLQ(stack, if_nametoindex, NULL), 0);
    assert_string_equal(NLQ(stack, if_indextoname, ifindex, text), name);
    assert_null(NLQ(stack, if_indextoname, 9999, text));
    assert_int_equal(errno, ENXIO);
    assert_null(NLQ(stack, if_indextoname, 0, text));
    assert_string_equal(text, name);

    list = stack == NULL ? nlq_if_nameindex() : nlqx_if_nameindex(stack);
    assert_non_null(list);
    for (entry = list; entry->if_index != 0; entry++, found++)
        assert_int_equal(if_nametoindex(entry->if_name), entry->if_index);
    assert_null(entry->if_name);
    assert_true(found >= 2);
    if (stack == NULL)
        nlq_if_freenameindex(list);
    else
        nlqx_if_freenameindex(stack, list);
    nlq_if_freenameindex(NULL);
    assert_int_equal(NLQ(stack, iplink_del, NULL, ifindex), 0);
    assert_int_equal(if_nametoindex(name), 0);
}

static void check_links(struct ioth *stack)
{
    struct nlq_iplink_data option = nlq_iplink_strdata(1, "x");
    unsigned ifindex = add_link(stack);

    assert_int_equal(option.len, 2);
    assert_fails(NLQ(stack, iplink_add, name, 0, kind, NULL, 0), EEXIST);
    assert_fails(NLQ(stack, iplink_add, name, 0, NULL, NULL, 0), EINVAL);
    assert_fails(NLQ(stack, iplink_add, "other", 0, "no such kind", NULL, 0), EOPNOTSUPP);
    assert_int_equal(NLQ(stack, linksetupdown, ifindex, 1), 0);
    assert_shows("ip -j link show dev nlq0", "\"UP\"");
    assert_int_equal(NLQ(stack, linksetupdown, ifindex, 0), 0);
    assert_not_shown("ip -j link show dev nlq0", "\"UP\"");
    assert_fails(NLQ(stack, linksetupdown, 9999, 1), ENODEV);
    assert_int_equal(NLQ(stack, iplink_add, "nlq1", 77, kind, NULL, 0), 0);
    assert_int_equal(if_nametoindex("nlq1"), 77);
    assert_int_equal(NLQ(stack, iplink_del, "nlq1", 0), 0);
    assert_int_equal(NLQ(stack, iplink_del, name, 0), 0);
    assert_fails(NLQ(stack, iplink_del, name, 0), ENODEV);
    assert_fails(NLQ(stack, iplink_del, NULL, 0), EINVAL);
}

static void check_addresses(struct ioth *stack)
{
    struct in_addr ip4 = {inet_addr("10.1.2.3")};
    struct in6_addr ip6;
    unsigned ifindex = add_link(stack);

    inet_pton(AF_INET6, "fc00::1:2", &ip6);
    assert_int_equal(NLQ(stack, ipaddr_add, AF_INET, &ip4, 20, ifindex), 0);
    assert_fails(NLQ(stack, ipaddr_add, AF_INET, &ip4, 20, ifindex), EEXIST);
    assert_int_equal(NLQ(stack, ipaddr_add, AF_INET6, &ip6, nlq_addrdata2prefix(65, IFA_F_NODAD, 0), ifindex),
                     0);
    assert_shows("ip -j addr show dev nlq0", "\"local\":\"10.1.2.3\",\"prefixlen\":20");
    assert_shows("ip -j addr show dev nlq0", "\"local\":\"fc00::1:2\",\"prefixlen\":65");
    assert_shows("ip -j addr show dev nlq0", "\"nodad\":true");
    assert_int_equal(NLQ(stack, ipaddr_del, AF_INET, &ip4, 20, ifindex), 0);
    assert_fails(NLQ(stack, ipaddr_del, AF_INET, &ip4, 20, ifindex), EADDRNOTAVAIL);
    assert_int_equal(NLQ(stack, ipaddr_del, AF_INET6, &ip6, 65, ifindex), 0);
    assert_not_shown("ip -j addr show dev nlq0", "10.1.2.3");
    assert_fails(NLQ(stack, ipaddr_add, AF_INET, &ip4, 33, ifindex), EINVAL);
    assert_fails(NLQ(stack, ipaddr_add, AF_INET, NULL, 20, ifindex), EINVAL);
    assert_fails(NLQ(stack, ipaddr_add, AF_UNIX, &ip4, 20, ifindex), EAFNOSUPPORT);
    assert_int_equal(NLQ(stack, iplink_del, name, 0), 0);
}

static void check_routes(struct ioth *stack)
{
    struct in_addr ip4 = {inet_addr("10.1.2.3")}, gw4 = {inet_addr("10.1.2.9")},
                   dst4 = {inet_addr("10.7.0.0")};
    struct in6_addr dst6;
    unsigned ifindex = add_link(stack);

    inet_pton(AF_INET6, "fc07::", &dst6);
    assert_int_equal(NLQ(stack, ipaddr_add, AF_INET, &ip4, 24, ifindex), 0);
    assert_int_equal(NLQ(stack, linksetupdown, ifindex, 1), 0);
    assert_int_equal(NLQ(stack, iproute_add, AF_INET, NULL, 0, &gw4, 0), 0);
    assert_int_equal(NLQ(stack, iproute_add, AF_INET, &dst4, 16, NULL, ifindex), 0);
    assert_int_equal(NLQ(stack, iproute_add, AF_INET6, &dst6, 32, NULL, ifindex), 0);
    assert_shows("ip -j route", "{\"dst\":\"default\",\"gateway\":\"10.1.2.9\",\"dev\":\"nlq0\"");
    assert_shows("ip -j route", "{\"dst\":\"10.7.0.0/16\",\"dev\":\"nlq0\",\"scope\":\"link\"");
    assert_shows("ip -j -6 route", "{\"dst\":\"fc07::/32\",\"dev\":\"nlq0\"");
    assert_fails(NLQ(stack, iproute_add, AF_INET, NULL, 0, &gw4, 0), EEXIST);
    assert_int_equal(NLQ(stack, iproute_del, AF_INET, NULL, 0, &gw4, 0), 0);
    assert_int_equal(NLQ(stack, iproute_del, AF_INET, &dst4, 16, NULL, ifindex), 0);
    assert_int_equal(NLQ(stack, iproute_del, AF_INET6, &dst6, 32, NULL, ifindex), 0);
    assert_fails(NLQ(stack, iproute_del, AF_INET, &dst4, 16, NULL, ifindex), ESRCH);
    assert_int_equal(
        NLQ(stack, iproute_add, AF_INET, &dst4, nlq_routedata2prefix(16, RTN_BLACKHOLE, 0), NULL, 0), 0);
    assert_shows("ip -j route", "{\"type\":\"blackhole\",\"dst\":\"10.7.0.0/16\"");
    assert_int_equal(
        NLQ(stack, iproute_del, AF_INET, &dst4, nlq_routedata2prefix(16, RTN_BLACKHOLE, 0), NULL, 0), 0);
    assert_int_equal(NLQ(stack, iplink_del, name, 0), 0);
}

static int find_addr(struct nlmsghdr *msg, struct nlattr **attr, const void *argin, void *argout,
                     void *argenv)
{
    (void)msg, (void)argenv;
    if (attr[IFA_LOCAL] != NULL && memcmp(nlq_attrdata(attr[IFA_LOCAL]), argin, 4) == 0)
        ++*(int *)argout;
    return 0;
}

/* What ip(8) has set is read; on a socket of one's own, twice, to see that the first answer was read up. */
static void check_own_socket(struct ioth *stack)
{
    struct in_addr ip4 = {inet_addr("10.3.2.1")};
    int fd = NLQ(stack, open, NETLINK_ROUTE), found = 0, i;

    add_link(stack);
    output_of("ip addr add 10.3.2.1/24 dev nlq0");
    assert_true(fd >= 0);
    for (i = 1; i <= 2; i++) {
        struct nlq_msg *msg = nlq_createmsg(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, (uint32_t)i, 0);

        nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_INET);
        if (i == 1) {
            assert_int_equal(nlq_complete(msg), 0);
            assert_int_equal(NLQ(stack, sendmsg, fd, msg), msg->nlq_size);
            nlq_freemsg(msg);
        } else {
            assert_int_equal(NLQ(stack, complete_send_freemsg, fd, msg), 0);
        }
        assert_int_equal(NLQ(stack, recv_process_rtreply, fd, find_addr, &ip4, &found, NULL), 0);
        assert_int_equal(found, i);
    }
    ioth_close(fd);
    assert_int_equal(NLQ(stack, iplink_del, name, 0), 0);
}

static void check_proc_net_dev(struct ioth *stack)
{
    char ours[4096] = "", theirs[4096] = "";
    FILE *f = fmemopen(ours, sizeof(ours), "w"), *proc;

    assert_int_equal(NLQ(stack, linksetupdown, 1, 1), 0);
    output_of("ping -c 3 -i 0.01 127.0.0.1 || true");
    assert_int_equal(NLQ(stack, proc_net_dev, f), 0);
    fclose(f);
    proc = fopen("/proc/net/dev", "r");
    assert_true(fread(theirs, 1, sizeof(theirs) - 1, proc) > 0);
    fclose(proc);
    assert_string_equal(ours, theirs);
    f = fopen("/dev/full", "w");
    setbuf(f, NULL);
    assert_fails(NLQ(stack, proc_net_dev, f), EIO);
    fclose(f);
}

static void check_all(struct ioth *stack)
{
    check_names(stack);
    check_links(stack);
    check_addresses(stack);
    check_routes(stack);
    check_own_socket(stack);
    check_proc_net_dev(stack);
}

static void test_native(void **state)
{
    (void)state;
    check_all(NULL);
}

static void test_stack_of_libioth(void **state)
{
    struct ioth *stack = ioth_newstack("kernel", NULL);

    (void)state;
    assert_non_null(stack);
    check_all(stack);
    assert_int_equal(nlqx_if_nametoindex(NULL, "lo"), 1); /* the default stack is the native one */
    assert_int_equal(ioth_delstack(stack), 0);            /* nobody has left a socket open */
}

static void test_dialogue(void **state)
{
    struct in_addr local = {inet_addr("127.0.0.1")};
    struct ioth *stack = ioth_newstack("kernel", NULL);
    int found = 0, i;

    (void)state;
    for (i = 0; i < 4; i++) {
        struct nlq_msg *msg = nlq_createmsg(RTM_GETADDR, NLM_F_DUMP, 0, 0);

        nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_INET);
        assert_int_equal(i == 0   ? nlq_rtdialog(msg, find_addr, &local, &found, NULL)
                         : i == 1 ? nlqx_rtdialog(stack, msg, find_addr, &local, &found, NULL)
                                  : nlq_general_rtdialog(msg, NULL, i == 2 ? stack : NULL, find_addr, &local,
                                                         &found, NULL),
                         0);
        assert_int_equal(found, i + 1);
    }
    ioth_delstack(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native),
        cmocka_unit_test(test_stack_of_libioth),
        cmocka_unit_test(test_dialogue),
    };

    if (own_network() < 0)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
