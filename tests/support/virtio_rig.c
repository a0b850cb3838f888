// SPDX-License-Identifier: Apache-2.0
#include "tests/support/virtio_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/virtio/fuse_wire.h"
#include "tests/support/unit.h"
#include "vmm/base/le.h"

struct virtqueue *virtio_rig_fed;

/* --- A driver --------------------------------------------------------------------------------------------------- */

void rig_fresh(struct virtio_rig *r)
{
	r->d.next = VQD_RAM_START;
	if (!vqd_start(&r->d, r->kind->features | VIRTIO_F_INDIRECT_DESC))
		fail_msg("%s does not start", r->kind->name);
	vqd_run(&r->d);
}

bool rig_needs_reset(struct virtio_rig *r)
{
	return vqd_get(&r->d, VQD_STATUS) & VQD_NEEDS_RESET;
}

bool rig_answered(struct virtio_rig *r, unsigned queue, uint16_t head)
{
	uint16_t back;
	uint32_t len;

	for (unsigned i = 0; i < 4; i++) {
		while (vqd_used(&r->d, queue, &back, &len))
			if (back == head)
				return true;
		vqd_run(&r->d);
	}
	return false;
}

uint16_t rig_offer(struct virtio_rig *r, unsigned queue, const struct vqd_buf *buf, unsigned nr, bool indirect)
{
	uint16_t head = vqd_add(&r->d, queue, buf, nr, indirect);

	vqd_offer(&r->d, queue, head);
	vqd_kick(&r->d, queue);
	return head;
}

bool rig_ask(struct virtio_rig *r, unsigned queue, const struct vqd_buf *buf, unsigned nr)
{
	return rig_answered(r, queue, rig_offer(r, queue, buf, nr, false));
}

/* The request that the kind itself names. */
bool rig_ask_usual(struct virtio_rig *r, unsigned queue)
{
	struct vqd_buf buf[4];

	return rig_ask(r, queue, buf, r->kind->chain(r, queue, buf));
}

struct vqd_buf rig_room(struct virtio_rig *r, uint32_t len, bool write)
{
	return (struct vqd_buf){vqd_alloc(&r->d, len, 16), len, write};
}

/* --- The devices ------------------------------------------------------------------------------------------------ */

static struct virtio_device *make_rng(struct virtio_rig *r)
{
	r->fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	assert_true(r->fd >= 0);
	assert_int_equal(virtio_rng_init(&r->rng, r->fd, &r->d.mem, r->d.loop, r->d.trace), 0);
	return &r->rng.dev;
}

static void drop_rng(struct virtio_rig *r)
{
	virtio_rng_destroy(&r->rng);
	close(r->fd);
}

static unsigned chain_rng(struct virtio_rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = rig_room(r, 16, true);
	return 1;
}

static bool rng_works(struct virtio_rig *r)
{
	static const uint8_t zeroes[64];
	struct vqd_buf buf = rig_room(r, sizeof(zeroes), true);

	/* What the rate holds up is not what this is about. */
	r->rng.tokens = VIRTIO_RNG_BURST;
	if (r->rng.waiting)
		r->rng.wait.fired(&r->rng.wait);
	return rig_ask(r, 0, &buf, 1) && memcmp(vqd_ptr(&r->d, buf.gpa), zeroes, sizeof(zeroes));
}

static size_t print(struct char_host *h, const uint8_t *data, size_t n)
{
	struct virtio_rig *r = container_of(h, struct virtio_rig, char_host);

	if (r->console_full)
		n = MIN(n, r->console_room);
	r->console_room -= MIN(n, r->console_room);
	r->printed += n;
	return n;
}

static void rx_room(struct char_host *h)
{
}

static struct virtio_device *make_console(struct virtio_rig *r)
{
	r->char_host = (struct char_host){.tx = print, .rx_room = rx_room};
	assert_int_equal(virtio_console_init(&r->console, &r->char_host, &r->d.mem, r->d.loop, r->d.trace), 0);
	return &r->console.dev;
}

static void drop_console(struct virtio_rig *r)
{
	virtio_console_destroy(&r->console);
}

static unsigned chain_console(struct virtio_rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = rig_room(r, 1, queue == 0);
	return 1;
}

static bool type(struct virtio_rig *r)
{
	return r->console.guest.rx(&r->console.guest, (const uint8_t *)"x", 1) == 1;
}

static void host_console(struct virtio_rig *r)
{
	type(r);
}

/*
 * What is typed waits until a reader is there: a driver that fills its queue and offers what comes back empty once more
 * (devices/virtio/console.c).
 */
static bool console_works(struct virtio_rig *r)
{
	struct vqd_buf out = rig_room(r, 10, false), in = rig_room(r, 10, true);
	uint64_t before = r->printed;
	uint32_t len = 0;
	uint16_t head;
	bool taken;

	if (!rig_ask(r, 1, &out, 1) || r->printed < before + 10)
		return false;
	for (unsigned i = 0; !(taken = type(r)) && i < 2u * r->d.queue[0].size; i++) {
		while (vqd_used(&r->d, 0, &head, &len))
			;
		rig_offer(r, 0, &in, 1, false);
		vqd_run(&r->d);
	}
	while (taken && vqd_used(&r->d, 0, &head, &len))
		if (len == 1)
			return true;
	return false;
}

static struct virtio_device *make_ports(struct virtio_rig *r)
{
	struct virtio_port_params p[VIRTIO_PORTS_MAX];

	r->char_host = (struct char_host){.tx = print, .rx_room = rx_room};
	for (unsigned i = 0; i < VIRTIO_PORTS_MAX; i++)
		p[i] = (struct virtio_port_params){"rig", &r->char_host};
	assert_int_equal(virtio_ports_init(&r->ports, p, VIRTIO_PORTS_MAX, &r->d.mem, r->d.loop, r->d.trace), 0);
	return &r->ports.dev;
}

static void drop_ports(struct virtio_rig *r)
{
	virtio_ports_destroy(&r->ports);
}

/* Queues of ports, but for the second two, which are all ports' (5.3.2) */
#define PORTS_CONTROL_RX 2
#define PORTS_CONTROL_TX 3
#define PORTS_OPEN       6

static struct vqd_buf open_port(struct virtio_rig *r, uint32_t id)
{
	struct vqd_buf buf = rig_room(r, 8, false);
	uint8_t *raw = vqd_ptr(&r->d, buf.gpa);

	le32_put(raw, id);
	le16_put(raw + 4, PORTS_OPEN);
	le16_put(raw + 6, 1);
	return buf;
}

static unsigned chain_ports(struct virtio_rig *r, unsigned queue, struct vqd_buf *buf)
{
	if (queue == PORTS_CONTROL_TX)
		buf[0] = open_port(r, 1);
	else
		buf[0] = rig_room(r, queue == PORTS_CONTROL_RX ? 64 : 1, queue % 2 == 0);
	return 1;
}

static bool type_to(struct virtio_rig *r, unsigned port)
{
	struct char_guest *g = &r->ports.port[port].guest;

	return g->rx(g, (const uint8_t *)"x", 1) == 1;
}

static void host_ports(struct virtio_rig *r)
{
	for (unsigned i = 0; i < VIRTIO_PORTS_MAX; i++)
		type_to(r, i);
}

static bool port_works(struct virtio_rig *r, unsigned port)
{
	unsigned rx = port ? 2 + 2 * port : 0;
	struct vqd_buf out = rig_room(r, 10, false), in = rig_room(r, 10, true), open = open_port(r, port);
	uint64_t before = r->printed;
	uint16_t head;
	uint32_t len;

	if (!rig_ask(r, rx + 1, &out, 1) || r->printed < before + 10 || !rig_ask(r, PORTS_CONTROL_TX, &open, 1))
		return false;
	while (vqd_used(&r->d, rx, &head, &len))
		;
	rig_offer(r, rx, &in, 1, false);
	vqd_run(&r->d);
	return type_to(r, port) && vqd_used(&r->d, rx, &head, &len) && len == 1;
}

static bool ports_work(struct virtio_rig *r)
{
	for (unsigned i = 0; i < VIRTIO_PORTS_MAX; i++)
		if (!port_works(r, i))
			return false;
	return true;
}

static struct virtio_device *make_balloon(struct virtio_rig *r)
{
	assert_int_equal(virtio_balloon_init(&r->balloon, VIRTIO_BALLOON_PAGE, 0, &r->d.mem, r->d.loop, r->d.trace), 0);
	return &r->balloon.dev;
}

static void drop_balloon(struct virtio_rig *r)
{
	virtio_balloon_destroy(&r->balloon);
}

/* Not that of the rings: where RIG_RAM begins at a page of the host, it is really returned. */
#define LAST_PAGE (uint32_t)((VQD_RAM_START + RIG_RAM - VIRTIO_BALLOON_PAGE) >> 12)

/* Page numbers or statistics; to report, less than a page, so that nothing of the heap is returned. */
static unsigned chain_balloon(struct virtio_rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = rig_room(r, queue == 2 ? 10 : 4, queue > 2);
	if (queue < 2)
		le32_put(vqd_ptr(&r->d, buf[0].gpa), LAST_PAGE);
	return 1;
}

static void host_balloon(struct virtio_rig *r)
{
	r->balloon.poll.fired(&r->balloon.poll);
}

static bool balloon_works(struct virtio_rig *r)
{
	struct vqd_buf stats = rig_room(r, 10, false);
	uint64_t value = r->balloon.stat[VIRTIO_BALLOON_S_MEMFREE] + 1;

	le16_put(vqd_ptr(&r->d, stats.gpa), VIRTIO_BALLOON_S_MEMFREE);
	le64_put((uint8_t *)vqd_ptr(&r->d, stats.gpa) + 2, value);
	if (!rig_ask_usual(r, 0) || !rig_ask_usual(r, 1) || !rig_ask_usual(r, 3))
		return false;
	rig_offer(r, 2, &stats, 1, false);
	vqd_run(&r->d);
	/* Those that were offered before come first. */
	for (unsigned i = 0; i < 200 && r->balloon.stat[VIRTIO_BALLOON_S_MEMFREE] != value; i++)
		host_balloon(r);
	return r->balloon.stat[VIRTIO_BALLOON_S_MEMFREE] == value;
}

#define CID 42

static int host_connect(struct vsock_host *h, uint32_t ticket, uint32_t port)
{
	struct virtio_rig *r = container_of(h, struct virtio_rig, vsock_host);
	int fd[2];

	if (r->peer >= 0)
		close(r->peer);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	r->peer = fd[0];
	return vsock_answers_add(&r->vsock_answers, ticket, fd[1]);
}

static void host_answered(struct vsock_host *h, int fd, uint32_t port)
{
}

static struct virtio_device *make_vsock(struct virtio_rig *r)
{
	r->vsock_host = (struct vsock_host){.connect = host_connect, .answered = host_answered};
	assert_int_equal(virtio_vsock_init(&r->vsock, CID, &r->vsock_host, &r->d.mem, r->d.loop, r->d.trace), 0);
	vsock_answers_init(&r->vsock_answers, &r->vsock, r->d.loop);
	return &r->vsock.dev;
}

static void drop_vsock(struct virtio_rig *r)
{
	vsock_answers_destroy(&r->vsock_answers);
	virtio_vsock_destroy(&r->vsock);
}

static struct vqd_buf packet(struct virtio_rig *r, uint16_t op)
{
	struct vqd_buf buf = rig_room(r, VIRTIO_VSOCK_HDR_SIZE, false);
	uint8_t *raw = vqd_ptr(&r->d, buf.gpa);

	le64_put(raw, CID);
	le64_put(raw + 8, VIRTIO_VSOCK_HOST_CID);
	le32_put(raw + 16, 1000);
	le32_put(raw + 20, 80);
	le16_put(raw + 28, VIRTIO_VSOCK_TYPE_STREAM);
	le16_put(raw + 30, op);
	le32_put(raw + 36, 1 << 20);
	return buf;
}

static unsigned chain_vsock(struct virtio_rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = queue == 1 ? packet(r, VIRTIO_VSOCK_OP_RST) : rig_room(r, VIRTIO_VSOCK_HDR_SIZE + 20, true);
	return 1;
}

static bool connect_vsock(struct virtio_rig *r)
{
	struct vqd_buf rst = packet(r, VIRTIO_VSOCK_OP_RST), request = packet(r, VIRTIO_VSOCK_OP_REQUEST);

	return rig_ask(r, 1, &rst, 1) && rig_ask(r, 1, &request, 1);
}

static void host_vsock(struct virtio_rig *r)
{
	static const uint8_t much[65536];

	assert_true(connect_vsock(r));
	assert_true(write(r->peer, much, sizeof(much)) > 0);
}

static bool vsock_works(struct virtio_rig *r)
{
	struct vqd_buf in = rig_room(r, 512, true);
	uint16_t head = rig_offer(r, 0, &in, 1, false);

	return connect_vsock(r) && rig_answered(r, 0, head) &&
		le16_get((uint8_t *)vqd_ptr(&r->d, in.gpa) + 30) == VIRTIO_VSOCK_OP_RESPONSE;
}

static int net_send(struct net_backend *b, struct iovec *iov, size_t nr, size_t bytes)
{
	/* What the other side does not read is lost: a queue that is virtio_rig_fed is not held up. */
	return writev(b->fd, iov, (int)nr) < 0 ? -EIO : 0;
}

static ssize_t net_receive(struct net_backend *b, const struct iovec *iov, size_t nr)
{
	ssize_t n;

	/* A queue of the guest's that is virtio_rig_fed has no lack of frames either. */
	if (virtio_rig_fed)
		return (ssize_t)vq_write(iov, nr, 0, (const uint8_t[NET_HDR_SIZE + 60]){0}, NET_HDR_SIZE + 60);
	n = readv(b->fd, iov, (int)nr);
	return n > 0 ? n : n == 0 ? -ENOTCONN : -errno;
}

static int net_flush(struct net_backend *b)
{
	return 0;
}

static void net_close(struct net_backend *b)
{
	close(b->fd);
}

static struct virtio_device *make_net(struct virtio_rig *r)
{
	static const struct net_backend_ops ops = {
		.send = net_send, .receive = net_receive, .flush = net_flush, .destroy = net_close};
	static const uint8_t mac[VIRTIO_NET_MAC_SIZE] = {2};
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	r->backend = (struct net_backend){.ops = &ops, .peer = "the test", .fd = fd[0]};
	r->peer = fd[1];
	assert_int_equal(virtio_net_init(&r->net, 0, mac, &r->backend, &r->d.mem, r->d.loop, r->d.trace), 0);
	return &r->net.dev;
}

static void drop_net(struct virtio_rig *r)
{
	virtio_net_destroy(&r->net);
}

static unsigned chain_net(struct virtio_rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = rig_room(r, queue == VIRTIO_NET_RX ? 512 : NET_HDR_SIZE + 60, queue == VIRTIO_NET_RX);
	return 1;
}

static void host_net(struct virtio_rig *r)
{
	static const uint8_t frame[NET_HDR_SIZE + 60];

	assert_true(write(r->peer, frame, sizeof(frame)) > 0);
}

static bool net_works(struct virtio_rig *r)
{
	static uint8_t frame[NET_HDR_SIZE + 60];
	struct vqd_buf out = rig_room(r, sizeof(frame), false), in = rig_room(r, 512, true);
	uint16_t head;

	/* What is still under way, in both directions. */
	while (read(r->peer, frame, sizeof(frame)) > 0 || read(r->backend.fd, frame, sizeof(frame)) > 0)
		;
	memset((uint8_t *)vqd_ptr(&r->d, out.gpa) + NET_HDR_SIZE, 0x5a, 60);
	if (!rig_ask(r, VIRTIO_NET_TX, &out, 1) || read(r->peer, frame, sizeof(frame)) != sizeof(frame) ||
		frame[70] != 0x5a)
		return false;
	memset(frame, 0, NET_HDR_SIZE);
	assert_true(write(r->peer, frame, sizeof(frame)) > 0);
	head = rig_offer(r, VIRTIO_NET_RX, &in, 1, false);
	return rig_answered(r, VIRTIO_NET_RX, head) && *((uint8_t *)vqd_ptr(&r->d, in.gpa) + 70) == 0x5a;
}

/* An overlay: its queues share a loop. */
static struct virtio_device *make_blk(struct virtio_rig *r)
{
	struct virtio_blk_params p = {.disk = &r->disk, .queues = 2, .mem = &r->d.mem, .trace = r->d.trace};
	char path[32];
	struct disk_params dp = {.path = path, .overlay = true, .logical = 512};
	struct err e = {0};

	r->fd = memfd_create("image", MFD_CLOEXEC);
	assert_int_equal(ftruncate(r->fd, 65536), 0);
	assert_int_equal(pwrite(r->fd, "sector 5", 8, 5 * 512), 8);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fd);
	if (disk_open(&dp, &r->disk, &e) < 0)
		fail_msg("%s", e.text);
	p.loop[0] = p.loop[1] = r->d.loop;
	assert_int_equal(virtio_blk_init(&r->blk, &p), 0);
	return &r->blk.dev;
}

static void drop_blk(struct virtio_rig *r)
{
	virtio_blk_destroy(&r->blk);
	disk_close(&r->disk);
	close(r->fd);
}

/* A read of sector 5. */
static unsigned chain_blk(struct virtio_rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = rig_room(r, 16, false);
	le64_put((uint8_t *)vqd_ptr(&r->d, buf[0].gpa) + 8, 5);
	buf[1] = rig_room(r, 512, true);
	buf[2] = rig_room(r, 1, true);
	return 3;
}

static bool blk_works(struct virtio_rig *r)
{
	for (unsigned q = 0; q < 2; q++) {
		struct vqd_buf buf[3];

		chain_blk(r, q, buf);
		if (!rig_ask(r, q, buf, 3) || memcmp(vqd_ptr(&r->d, buf[1].gpa), "sector 5", 8))
			return false;
	}
	return true;
}

static struct virtio_device *make_fs(struct virtio_rig *r)
{
	struct fuse_params fp = {.nodes = 4096, .fds = 8};
	struct virtio_fs_params p = {.tag = "rig", .mem = &r->d.mem, .loop = r->d.loop, .trace = r->d.trace};
	struct err e = {0};

	if (fuse_open_root("/", &fp.root, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(fuse_new(&fp, &r->fuse), 0);
	p.fuse = r->fuse;
	assert_int_equal(virtio_fs_init(&r->fs, &p), 0);
	return &r->fs.dev;
}

static void drop_fs(struct virtio_rig *r)
{
	virtio_fs_destroy(&r->fs);
	fuse_free(r->fuse);
}

#define ATTR_REPLY (sizeof(struct fuse_out) + sizeof(struct fuse_attr_out))

/* The attributes of the shared directory. */
static unsigned chain_fs(struct virtio_rig *r, unsigned queue, struct vqd_buf *buf)
{
	struct fuse_in head = {.opcode = FUSE_GETATTR, .unique = 0x5a5a, .nodeid = FUSE_ROOT};

	head.len = sizeof(head) + sizeof(struct fuse_getattr_in);
	buf[0] = rig_room(r, head.len, false);
	buf[1] = rig_room(r, ATTR_REPLY, true);
	memcpy(vqd_ptr(&r->d, buf[0].gpa), &head, sizeof(head));
	return 2;
}

static bool fs_works(struct virtio_rig *r)
{
	for (unsigned q = 0; q < VIRTIO_FS_QUEUES; q++) {
		struct fuse_out out;
		struct vqd_buf buf[2];

		chain_fs(r, q, buf);
		if (!rig_ask(r, q, buf, 2))
			return false;
		memcpy(&out, vqd_ptr(&r->d, buf[1].gpa), sizeof(out));
		if (out.len != ATTR_REPLY || out.error || out.unique != 0x5a5a)
			return false;
	}
	return true;
}

/* clang-format off */
const struct virtio_rig_kind virtio_rig_kinds[VIRTIO_RIG_KINDS] = {
	{"rng", 0, 1 << 0, 300, make_rng, drop_rng, chain_rng, NULL, rng_works},
	{"console", 0, 1 << 1, 1025, make_console, drop_console, chain_console, host_console, console_works},
	{"ports", BIT(1), 1 << 1 | 1 << PORTS_CONTROL_TX | 1 << 5 | 1 << 7, 1025, make_ports, drop_ports, chain_ports,
		host_ports, ports_work},
	{"balloon", VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_PAGE_REPORTING, 1 << 0 | 1 << 1 | 1 << 3, 64,
		make_balloon, drop_balloon, chain_balloon, host_balloon, balloon_works},
	{"vsock", 0, 1 << 1, 64, make_vsock, drop_vsock, chain_vsock, host_vsock, vsock_works},
	{"net", VIRTIO_NET_F_MRG_RXBUF, 1 << VIRTIO_NET_TX, 256, make_net, drop_net, chain_net, host_net, net_works},
	{"blk", 0, 1 << 0 | 1 << 1, 16, make_blk, drop_blk, chain_blk, NULL, blk_works},
	{"fs", 0, 1 << 0 | 1 << 1, 32, make_fs, drop_fs, chain_fs, NULL, fs_works},
};
/* clang-format on */

void rig_make(struct virtio_rig *r)
{
	r->peer = -1;
	r->dev = r->kind->make(r);
	vqd_attach(&r->d, r->dev);
}

void rig_drop(struct virtio_rig *r)
{
	vqd_detach(&r->d);
	r->kind->drop(r);
	if (r->peer >= 0)
		close(r->peer);
}

void rig_up(struct virtio_rig *r, const struct virtio_rig_kind *k)
{
	r->kind = k;
	vqd_init(&r->d, RIG_RAM);
	rig_make(r);
	rig_fresh(r);
}

void rig_down(struct virtio_rig *r)
{
	rig_drop(r);
	vqd_destroy(&r->d);
}
