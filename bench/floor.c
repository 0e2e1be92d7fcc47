/* floor.c - what the kernel itself charges for a lab: the requests that every tool must make, packed as tightly as the
 * kernel takes them, with nothing around them. Everything bears a mark, as with ovsns.
 *
 *   floor up N BRIDGES THREADS    N namespaces, each with a veth pair, an address, lo and all else up, spread evenly
 *                                 over Linux bridges sw0, sw1 ...; BRIDGES 0: on none, and the namespaces compute
 *                                 checksums themselves, as Open vSwitch's userspace datapath needs it
 *   floor down N BRIDGES          takes it away: returns when the kernel has been told, not when all is gone
 *
 * Build: cc -O2 -pthread -o floor floor.c. Run as root, in network and mount namespaces of its own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

/* so many namespaces are made, then plugged in by one message, then set up inside */
#define CHUNK 64
#define MARK "ovsns-owner=bench"
/* struct ifinfomsg has room for these in a device that this program names itself */
#define LO 1
#define INSIDE 2
/* 10.0.0.1, and 10.1.0.1 on the second bridge */
#define FIRST_ADDRESS 0x0a000001u

struct batch {
    char data[32768];
    size_t length;
    struct nlmsghdr *last;
};

struct name {
    char text[64];
};

static int namespaces, bridges, threads, host;

static void check(long result, const char *what)
{
    if (result < 0) {
        perror(what);
        exit(1);
    }
}

static struct name named(const char *prefix, int number)
{
    struct name name;
    snprintf(name.text, sizeof name.text, "%s%d", prefix, number);
    return name;
}

static int open_netlink(void)
{
    int one = 1, netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    check(netlink, "socket");
    check(setsockopt(netlink, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one), "NETLINK_CAP_ACK");
    return netlink;
}

static void put_message(struct batch *batch, int type, int flags, const void *header, size_t length)
{
    batch->last = (void *)(batch->data + batch->length);
    *batch->last = (struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
    batch->last->nlmsg_len = NLMSG_LENGTH(length);
    memcpy(NLMSG_DATA(batch->last), header, length);
    batch->length += NLMSG_ALIGN(batch->last->nlmsg_len);
}

static struct rtattr *put(struct batch *batch, int type, const void *data, size_t length)
{
    struct rtattr *attribute = (void *)(batch->data + batch->length);
    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(length);
    memcpy(RTA_DATA(attribute), data, length);
    batch->length += RTA_SPACE(length);
    batch->last->nlmsg_len = batch->data + batch->length - (char *)batch->last;
    return attribute;
}

static void put_text(struct batch *batch, int type, const char *text)
{
    put(batch, type, text, strlen(text) + 1);
}

static void end_nest(struct batch *batch, struct rtattr *nest)
{
    nest->rta_len = batch->data + batch->length - (char *)nest;
}

/* Only the last message asks for an answer; one that is refused is answered in any case. */
static void flush(int netlink, struct batch *batch)
{
    char answer[4096];
    if (batch->length == 0)
        return;
    batch->last->nlmsg_flags |= NLM_F_ACK;
    check(send(netlink, batch->data, batch->length, 0), "send");
    check(recv(netlink, answer, sizeof answer, 0), "recv");
    struct nlmsgerr *error = NLMSG_DATA((struct nlmsghdr *)answer);
    if (error->error) {
        fprintf(stderr, "floor: netlink message of type %d: %s\n", error->msg.nlmsg_type, strerror(-error->error));
        exit(1);
    }
    batch->length = 0;
}

static void put_link_up(struct batch *batch, int index)
{
    struct ifinfomsg link = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    put_message(batch, RTM_NEWLINK, 0, &link, sizeof link);
    put_text(batch, IFLA_IFALIAS, MARK);
}

/* The inside end cannot be up in the same message: veth_open() answers ENOTCONN, the pair is not tied yet. */
static void put_pair(struct batch *batch, int number, int namespace, int bridge)
{
    struct ifinfomsg link = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP}, peer_link = {.ifi_index = INSIDE};
    put_message(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
    put_text(batch, IFLA_IFNAME, named("veth-ns", number).text);
    put_text(batch, IFLA_IFALIAS, MARK);
    if (bridge)
        put(batch, IFLA_MASTER, &bridge, sizeof bridge);
    struct rtattr *info = put(batch, IFLA_LINKINFO, "", 0);
    put(batch, IFLA_INFO_KIND, "veth", 4);
    struct rtattr *data = put(batch, IFLA_INFO_DATA, "", 0);
    struct rtattr *peer = put(batch, VETH_INFO_PEER, &peer_link, sizeof peer_link);
    put_text(batch, IFLA_IFNAME, named("eth1-ns", number).text);
    put(batch, IFLA_NET_NS_FD, &namespace, sizeof namespace);
    end_nest(batch, peer);
    end_nest(batch, data);
    end_nest(batch, info);
}

static void put_address(struct batch *batch, unsigned address)
{
    struct ifaddrmsg header = {.ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = INSIDE};
    unsigned local = htonl(address), broadcast = htonl(address | 0xffff);
    put_message(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
    put(batch, IFA_LOCAL, &local, sizeof local);
    put(batch, IFA_ADDRESS, &local, sizeof local);
    put(batch, IFA_BROADCAST, &broadcast, sizeof broadcast);
}

static void put_bridges(struct batch *batch)
{
    for (int number = 0; number < bridges; number++) {
        struct ifinfomsg link = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
        put_message(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
        put_text(batch, IFLA_IFNAME, named("sw", number).text);
        put_text(batch, IFLA_IFALIAS, MARK);
        struct rtattr *info = put(batch, IFLA_LINKINFO, "", 0);
        put(batch, IFLA_INFO_KIND, "bridge", 6);
        end_nest(batch, info);
    }
}

/* A namespace with a name, which this thread is in from now on. */
static int make_namespace(int number)
{
    struct name name = named("/run/netns/ns", number);
    const char *path = name.text;
    int file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    check(file, path);
    close(file);
    check(unshare(CLONE_NEWNET), "unshare");
    check(mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL), "mount");
    file = open(path, O_RDONLY | O_CLOEXEC);
    check(file, path);
    return file;
}

static void compute_checksums(int socket, int number)
{
    struct ethtool_value off = {.cmd = ETHTOOL_STXCSUM};
    struct ifreq request = {.ifr_data = (void *)&off}; /* ends in a zero */
    memcpy(request.ifr_name, named("eth1-ns", number).text, IFNAMSIZ - 1);
    check(ioctl(socket, SIOCETHTOOL, &request), "ETHTOOL_STXCSUM");
}

/* Namespaces first, first + 1 ... up to CHUNK of them, all on one bridge. */
static void make_chunk(int netlink, int first, int count, int bridge, unsigned address)
{
    static _Thread_local struct batch batch;
    int files[CHUNK], sockets[CHUNK];
    for (int i = 0; i < count; i++) {
        files[i] = make_namespace(first + i);
        sockets[i] = open_netlink();
    }
    check(setns(host, CLONE_NEWNET), "setns");
    for (int i = 0; i < count; i++)
        put_pair(&batch, first + i, files[i], bridge);
    flush(netlink, &batch);
    for (int i = 0; i < count; i++) {
        if (!bridges)
            compute_checksums(sockets[i], first + i);
        put_link_up(&batch, LO);
        put_address(&batch, address + i);
        put_link_up(&batch, INSIDE);
        flush(sockets[i], &batch);
        close(sockets[i]);
        close(files[i]);
    }
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Of every bridge's namespaces the share of one thread. */
static void *make_share(void *argument)
{
    int netlink = open_netlink(), switches = bridges ? bridges : 1, each = namespaces / switches;
    int share = (each + threads - 1) / threads, begin = (int)(long)argument * share, end = smaller(begin + share, each);
    for (int number = 0; number < switches; number++) {
        int bridge = bridges ? if_nametoindex(named("sw", number).text) : 0;
        for (int i = begin; i < end; i += CHUNK)
            make_chunk(netlink, number * each + i + 1, smaller(CHUNK, end - i), bridge, FIRST_ADDRESS + (number << 16) + i);
    }
    close(netlink);
    return NULL;
}

static void up(void)
{
    static struct batch batch;
    pthread_t others[threads];
    int netlink = open_netlink();
    put_bridges(&batch);
    flush(netlink, &batch);
    for (long i = 1; i < threads; i++)
        check(-pthread_create(&others[i], NULL, make_share, (void *)i), "pthread_create");
    make_share(0);
    for (int i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
}

/* The namespaces take the pairs along. Alone, a device takes 15 ms to delete, the kernel waits for RCU; together with so
 * many it is lost in the crowd. */
static void down(void)
{
    static struct batch batch;
    int netlink = open_netlink();
    for (int number = 1; number <= namespaces; number++) {
        struct name name = named("/run/netns/ns", number);
        check(umount2(name.text, MNT_DETACH), name.text);
        check(unlink(name.text), name.text);
    }
    for (int number = 0; number < bridges; number++) {
        struct ifinfomsg link = {0};
        put_message(&batch, RTM_DELLINK, 0, &link, sizeof link);
        put_text(&batch, IFLA_IFNAME, named("sw", number).text);
    }
    flush(netlink, &batch);
}

int main(int count, char **arguments)
{
    int is_up = count == 5 && strcmp(arguments[1], "up") == 0;
    if (!is_up && !(count == 4 && strcmp(arguments[1], "down") == 0)) {
        fputs("usage: floor up N BRIDGES THREADS | floor down N BRIDGES\n", stderr);
        return 2;
    }
    namespaces = atoi(arguments[2]);
    bridges = atoi(arguments[3]);
    threads = is_up ? atoi(arguments[4]) : 0;
    host = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    check(host, "/proc/thread-self/ns/net");
    is_up ? up() : down();
    return 0;
}
