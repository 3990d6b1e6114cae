/* The container's network: what only a process in its namespace can do. */
#include "init.h"
#include "sys.h"

#include <linux/if.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

void do_loopback_up(const struct op *op) {
    (void)op;
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT) return; /* a kernel without IPv4 */
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0) fail("ioctl", "lo");
    request.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) fail("ioctl", "lo");
    close(fd);
}

/* A netlink socket belongs to the namespace in which it was made, whoever speaks through it: the host fetches ours. */
void do_net_devices(const struct op *op) {
    (void)op;
    char number[16];
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) fail("socket", "netlink");
    int length = snprintf(number, sizeof number, "%d", fd);
    message_send(MESSAGE_SYNC, POINT_NET_DEVICES, number, (size_t)length, -1);
    message_expect(MESSAGE_CONTINUE, POINT_NET_DEVICES, NULL, 0);
    close(fd);
}
