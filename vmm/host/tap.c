// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "vmm/base/util.h"

#define TUN_PATH "/dev/net/tun"

/**
 * struct net_tap
 * @made: we created the interface
 * @vnet_hdr: the fd uses struct net_hdr; otherwise headers are dropped and generated here
 */
struct net_tap {
	struct net_backend backend;
	bool vnet_hdr;
	bool made;
	char name[IFNAMSIZ];
};

static struct net_tap *to_tap(struct net_backend *b)
{
	return container_of(b, struct net_tap, backend);
}

/* EBADFD: the interface was deleted, and this fd will never be attached again. */
static int failure(void)
{
	return errno == EBADFD ? -ENOTCONN : -errno;
}

static int tap_send(struct net_backend *b, struct iovec *iov, size_t nr, size_t bytes)
{
	size_t skip = to_tap(b)->vnet_hdr ? 0 : 1;
	ssize_t r;

	do {
		r = writev(b->fd, iov + skip, (int)(nr - skip));
	} while (r < 0 && errno == EINTR);
	b->blocked = r < 0 && errno == EAGAIN;
	return r < 0 ? failure() : 0;
}

static ssize_t tap_receive(struct net_backend *b, const struct iovec *iov, size_t nr)
{
	bool vnet_hdr = to_tap(b)->vnet_hdr;
	size_t skip = vnet_hdr ? 0 : 1;
	ssize_t r;

	do {
		r = readv(b->fd, iov + skip, (int)(nr - skip));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return failure();
	if (!vnet_hdr) {
		memset(iov[0].iov_base, 0, NET_HDR_SIZE);
		r += NET_HDR_SIZE;
	}
	return r;
}

static int tap_flush(struct net_backend *b)
{
	b->blocked = false;
	return 0;
}

static void tap_set_offload(struct net_backend *b, uint64_t features)
{
	unsigned long flags = 0;

	if (!to_tap(b)->vnet_hdr)
		return;
	/* The kernel and the specification (5.1.3.1) require the checksum offload for all others. */
	if (features & VIRTIO_NET_F_GUEST_CSUM) {
		flags |= TUN_F_CSUM;
		flags |= features & VIRTIO_NET_F_GUEST_TSO4 ? TUN_F_TSO4 : 0;
		flags |= features & VIRTIO_NET_F_GUEST_TSO6 ? TUN_F_TSO6 : 0;
		if ((flags & (TUN_F_TSO4 | TUN_F_TSO6)) && (features & VIRTIO_NET_F_GUEST_ECN))
			flags |= TUN_F_TSO_ECN;
	}
	/* It was tested when the fd was opened. If it fails, frames that the driver cannot take are dropped. */
	ioctl(b->fd, TUNSETOFFLOAD, flags);
}

static int tap_ready(struct net_backend *b, struct loop *loop, struct trace *trace, struct err *e)
{
	if (to_tap(b)->made)
		trace_net_new_tap(trace, to_tap(b)->name);
	return 0;
}

static void tap_destroy(struct net_backend *b)
{
	if (b->fd >= 0)
		close(b->fd);
	free(to_tap(b));
}

static const struct net_backend_ops tap_ops = {
	.send = tap_send,
	.receive = tap_receive,
	.flush = tap_flush,
	.set_offload = tap_set_offload,
	.ready = tap_ready,
	.destroy = tap_destroy,
};

/*
 * The MTU of the interface behind @fd. If the fd comes from another network namespace, its name may be that of a
 * different interface here: the addresses are compared. Return: 0 when it is unknown.
 */
static uint16_t read_mtu(int fd, const char *name)
{
	CLEANUP_FD int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ours = {0}, named = {0};

	memcpy(named.ifr_name, name, sizeof(named.ifr_name));
	if (sock < 0 || ioctl(fd, SIOCGIFHWADDR, &ours) < 0 || ioctl(sock, SIOCGIFHWADDR, &named) < 0 ||
		memcmp(&ours.ifr_hwaddr, &named.ifr_hwaddr, sizeof(ours.ifr_hwaddr)) != 0)
		return 0;
	if (ioctl(sock, SIOCGIFMTU, &named) < 0 || named.ifr_mtu < NET_MTU_MIN)
		return 0;
	return (uint16_t)MIN(named.ifr_mtu, UINT16_MAX);
}

/* Makes the backend of an attached fd; takes the fd on success. */
static COLD int make(int fd, const struct ifreq *ifr, struct net_backend **ret, struct err *e)
{
	const unsigned long all = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	bool vnet_hdr = ifr->ifr_flags & IFF_VNET_HDR;
	int header = NET_HDR_SIZE, flags = fcntl(fd, F_GETFL);
	uint64_t offload = 0;
	struct net_tap *tap;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(e, -errno, "cannot set its flags");
	if (vnet_hdr) {
		if (ioctl(fd, TUNSETVNETHDRSZ, &header) < 0)
			return err_sys(e, -errno, "TUNSETVNETHDRSZ");
		offload = NET_OFFLOADS_TO_HOST;
		if (!ioctl(fd, TUNSETOFFLOAD, all))
			offload |= NET_OFFLOADS_TO_GUEST;
		ioctl(fd, TUNSETOFFLOAD, 0UL);
	}
	tap = calloc(1, sizeof(*tap));
	if (!tap)
		return err_sys(e, -ENOMEM, "cannot allocate a network backend");
	memcpy(tap->name, ifr->ifr_name, sizeof(tap->name));
	tap->name[sizeof(tap->name) - 1] = '\0';
	tap->vnet_hdr = vnet_hdr;
	tap->backend = (struct net_backend){
		.ops = &tap_ops,
		.peer = tap->name,
		.fd = fd,
		.offload = offload,
		.mtu = read_mtu(fd, tap->name),
	};
	*ret = &tap->backend;
	return 0;
}

static int refuse_attach(const char *name, bool exists, int code, struct err *e)
{
	switch (code) {
	case -EBUSY: return err_set(e, code, "interface %s is in use by another program", name);
	case -EPERM:
	case -EACCES:
		if (!exists)
			return err_set(e, code,
				"there is no interface %s, and making one is not permitted; as root: ip tuntap add dev "
				"%s mode tap user %u",
				name, name, getuid());
		return err_set(e, code,
			"interface %s belongs to another user; as root: ip tuntap add dev %s mode tap user %u", name,
			name, getuid());
	case -EINVAL:
		return err_set(
			e, code, "interface %s is not a TAP interface with one queue; choose another name", name);
	default: return err_sys(e, code, "cannot attach to interface %s", name);
	}
}

COLD int net_tap_check(const char *name, struct err *e)
{
	if (*name && strlen(name) < IFNAMSIZ && !strpbrk(name, "/%: \t") && strcmp(name, ".") && strcmp(name, ".."))
		return 0;
	return err_set(
		e, -EINVAL, "'%.40s' is no name of an interface (1 to %d characters, no / : %%)", name, IFNAMSIZ - 1);
}

COLD int net_tap_open(const char *name, struct net_backend **ret, struct err *e)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	CLEANUP_FD int fd = -1;
	bool exists;
	int r;

	r = net_tap_check(name, e);
	if (r < 0)
		return r;
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		return err_sys(e, -errno, "this host has no TUN driver (modprobe tun): " TUN_PATH);
	if (fd < 0)
		return err_sys(e, -errno, "cannot open " TUN_PATH);
	exists = if_nametoindex(name) != 0;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return err_operator(e, refuse_attach(name, exists, -errno, e));
	ifr.ifr_flags |= IFF_VNET_HDR;
	r = make(fd, &ifr, ret, e);
	if (r < 0)
		return err_wrap(e, r, "interface %s", name);
	(void)TAKE_FD(fd);
	to_tap(*ret)->made = !exists;
	return 0;
}

/* Checks the @fd that the launcher has passed. */
static int check_passed(int fd, struct ifreq *ret, struct err *e)
{
	int flags = fcntl(fd, F_GETFD);

	/*
	 * A descriptor that was passed through exec is not close-on-exec: one that is was opened by us.
	 */
	if (flags < 0 || (flags & FD_CLOEXEC))
		return err_set(e, -EBADF, "no file descriptor %d was passed to us", fd);
	if (ioctl(fd, TUNGETIFF, ret) < 0) {
		if (errno == EBADFD)
			return err_set(e, -EBADFD, "descriptor %d is not attached to an interface yet (TUNSETIFF)", fd);
		return err_set(e, -EINVAL, "descriptor %d is not a TAP interface", fd);
	}
	if (!(ret->ifr_flags & IFF_TAP))
		return err_set(e, -EINVAL, "descriptor %d is a TUN interface; Ethernet frames need a TAP", fd);
	if (!(ret->ifr_flags & IFF_NO_PI))
		return err_set(e, -EINVAL, "descriptor %d was opened without IFF_NO_PI", fd);
	return 0;
}

COLD int net_tap_adopt(int fd, struct net_backend **ret, struct err *e)
{
	struct ifreq ifr = {0};
	int r = err_operator(e, check_passed(fd, &ifr, e));

	return r < 0 ? r : make(fd, &ifr, ret, e);
}
