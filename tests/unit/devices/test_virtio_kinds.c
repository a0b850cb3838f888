// SPDX-License-Identifier: Apache-2.0
/*
 * What every virtio device has to stand, whatever it is for: a driver that asks for nothing, one that always has more
 * on another CPU, one that kicks and resets for its own sake. A new device is a row of kinds[].
 *
 * The linker puts our own vq_pop() in front of the device's, where the second CPU of the guest lives: a queue that is
 * fed has one more chain each time that the device looks. And epoll_wait(), to count how often a loop wakes up, and
 * irq_raise(), to see what a guest sees when its interrupt comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/net.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/vsock.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "tests/support/vsock_answers.h"
#include "vmm/base/le.h"

/* Where a turn is given up that has no end. */
#define FOR_EVER 50000

#define RAM      MIB
#define QUIET_NS UINT64_C(40000000)

struct rig;

/**
 * struct kind - a device to be tried
 * @takes: queues, as a mask, whose chains come back by themselves; the others' are kept until there is something for
 *         the guest
 * @turn: how many chains it may look at before others have their turn
 * @make: the device, on r->d; @drop: the opposite
 * @chain: a request that @queue takes. Return: how many buffers.
 * @host: there is much for the guest; may be NULL
 * @works: does the device do what it is for, as far as a driver sees it?
 */
struct kind {
	const char *name;
	uint64_t features;
	unsigned takes;
	unsigned turn;
	struct virtio_device *(*make)(struct rig *r);
	void (*drop)(struct rig *r);
	unsigned (*chain)(struct rig *r, unsigned queue, struct vqd_buf *buf);
	void (*host)(struct rig *r);
	bool (*works)(struct rig *r);
};

struct rig {
	struct vq_driver d;
	const struct kind *kind;
	struct virtio_device *dev;
	struct virtio_rng rng;
	struct virtio_console console;
	struct char_host char_host;
	uint64_t printed;
	struct virtio_balloon balloon;
	struct virtio_vsock vsock;
	struct vsock_host vsock_host;
	struct vsock_answers vsock_answers;
	struct virtio_net net;
	struct net_backend backend;
	struct disk disk;
	struct virtio_blk blk;
	int fd, peer;
};

/* --- In front of the C library and the queue -------------------------------------------------------------------- */

static struct rig *rig; /* the one at hand */
static struct virtqueue *fed;
static unsigned pops, wakeups, early;
static bool noisy; /* at the first look of a turn the driver was asked to kick */

int __real_vq_pop(struct virtqueue *q, struct vq_chain *c);
int __wrap_vq_pop(struct virtqueue *q, struct vq_chain *c);
int __real_epoll_wait(int fd, struct epoll_event *ev, int max, int timeout);
int __wrap_epoll_wait(int fd, struct epoll_event *ev, int max, int timeout);
void __real_irq_raise(const struct irq_line *line);
void __wrap_irq_raise(const struct irq_line *line);

int __wrap_vq_pop(struct virtqueue *q, struct vq_chain *c)
{
	if (q == fed && q->ready) {
		noisy |= !pops && !le16_get(vqd_ptr(&rig->d, q->used));
		if (pops++ >= FOR_EVER)
			fed = NULL;
		le16_put((uint8_t *)vqd_ptr(&rig->d, q->avail) + 2, (uint16_t)(q->next_avail + 2));
	}
	return __real_vq_pop(q, c);
}

int __wrap_epoll_wait(int fd, struct epoll_event *ev, int max, int timeout)
{
	wakeups++;
	return __real_epoll_wait(fd, ev, max, timeout);
}

/* A guest on another CPU reads InterruptStatus at once; where it finds nothing, the interrupt was for nothing. */
void __wrap_irq_raise(const struct irq_line *line)
{
	early += !__atomic_load_n(&rig->d.page[VQD_INTERRUPT_STATUS / 4], __ATOMIC_ACQUIRE) ||
		!rig->d.mmio.regs.interrupt_status;
	__real_irq_raise(line);
}

/* --- A driver --------------------------------------------------------------------------------------------------- */

static void fresh(struct rig *r)
{
	r->d.next = VQD_RAM_START;
	if (!vqd_start(&r->d, r->kind->features | VIRTIO_F_INDIRECT_DESC))
		fail_msg("%s does not start", r->kind->name);
	vqd_run(&r->d);
}

static bool needs_reset(struct rig *r)
{
	return vqd_get(&r->d, VQD_STATUS) & VQD_NEEDS_RESET;
}

static bool answered(struct rig *r, unsigned queue, uint16_t head)
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

static uint16_t offer(struct rig *r, unsigned queue, const struct vqd_buf *buf, unsigned nr, bool indirect)
{
	uint16_t head = vqd_add(&r->d, queue, buf, nr, indirect);

	vqd_offer(&r->d, queue, head);
	vqd_kick(&r->d, queue);
	return head;
}

static bool ask(struct rig *r, unsigned queue, const struct vqd_buf *buf, unsigned nr)
{
	return answered(r, queue, offer(r, queue, buf, nr, false));
}

/* The request that the kind itself names. */
static bool ask_usual(struct rig *r, unsigned queue)
{
	struct vqd_buf buf[4];

	return ask(r, queue, buf, r->kind->chain(r, queue, buf));
}

static struct vqd_buf room(struct rig *r, uint32_t len, bool write)
{
	return (struct vqd_buf){vqd_alloc(&r->d, len, 16), len, write};
}

/* --- The devices ------------------------------------------------------------------------------------------------ */

static struct virtio_device *make_rng(struct rig *r)
{
	r->fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	assert_true(r->fd >= 0);
	assert_int_equal(virtio_rng_init(&r->rng, r->fd, &r->d.mem, r->d.loop, r->d.trace), 0);
	return &r->rng.dev;
}

static void drop_rng(struct rig *r)
{
	virtio_rng_destroy(&r->rng);
	close(r->fd);
}

static unsigned chain_rng(struct rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = room(r, 16, true);
	return 1;
}

static bool rng_works(struct rig *r)
{
	static const uint8_t zeroes[64];
	struct vqd_buf buf = room(r, sizeof(zeroes), true);

	/* What the rate holds up is not what this is about. */
	r->rng.tokens = VIRTIO_RNG_BURST;
	if (r->rng.waiting)
		r->rng.wait.fired(&r->rng.wait);
	return ask(r, 0, &buf, 1) && memcmp(vqd_ptr(&r->d, buf.gpa), zeroes, sizeof(zeroes));
}

static size_t print(struct char_host *h, const uint8_t *data, size_t n)
{
	container_of(h, struct rig, char_host)->printed += n;
	return n;
}

static void rx_room(struct char_host *h)
{
}

static struct virtio_device *make_console(struct rig *r)
{
	r->char_host = (struct char_host){.tx = print, .rx_room = rx_room};
	assert_int_equal(virtio_console_init(&r->console, &r->char_host, &r->d.mem, r->d.loop, r->d.trace), 0);
	return &r->console.dev;
}

static void drop_console(struct rig *r)
{
	virtio_console_destroy(&r->console);
}

static unsigned chain_console(struct rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = room(r, 1, queue == 0);
	return 1;
}

static bool type(struct rig *r)
{
	return r->console.guest.rx(&r->console.guest, (const uint8_t *)"x", 1) == 1;
}

static void host_console(struct rig *r)
{
	type(r);
}

/*
 * What is typed waits until a reader is there: a driver that fills its queue and offers what comes back empty once more
 * (devices/virtio/console.c).
 */
static bool console_works(struct rig *r)
{
	struct vqd_buf out = room(r, 10, false), in = room(r, 10, true);
	uint64_t before = r->printed;
	uint32_t len = 0;
	uint16_t head;
	bool taken;

	if (!ask(r, 1, &out, 1) || r->printed < before + 10)
		return false;
	for (unsigned i = 0; !(taken = type(r)) && i < 2u * r->d.queue[0].size; i++) {
		while (vqd_used(&r->d, 0, &head, &len))
			;
		offer(r, 0, &in, 1, false);
		vqd_run(&r->d);
	}
	while (taken && vqd_used(&r->d, 0, &head, &len))
		if (len == 1)
			return true;
	return false;
}

static struct virtio_device *make_balloon(struct rig *r)
{
	assert_int_equal(virtio_balloon_init(&r->balloon, VIRTIO_BALLOON_PAGE, 0, &r->d.mem, r->d.loop, r->d.trace), 0);
	return &r->balloon.dev;
}

static void drop_balloon(struct rig *r)
{
	virtio_balloon_destroy(&r->balloon);
}

/* Not that of the rings: where RAM begins at a page of the host, it is really returned. */
#define LAST_PAGE (uint32_t)((VQD_RAM_START + RAM - VIRTIO_BALLOON_PAGE) >> 12)

/* Page numbers or statistics; to report, less than a page, so that nothing of the heap is returned. */
static unsigned chain_balloon(struct rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = room(r, queue == 2 ? 10 : 4, queue > 2);
	if (queue < 2)
		le32_put(vqd_ptr(&r->d, buf[0].gpa), LAST_PAGE);
	return 1;
}

static void host_balloon(struct rig *r)
{
	r->balloon.poll.fired(&r->balloon.poll);
}

static bool balloon_works(struct rig *r)
{
	struct vqd_buf stats = room(r, 10, false);
	uint64_t value = r->balloon.stat[VIRTIO_BALLOON_S_MEMFREE] + 1;

	le16_put(vqd_ptr(&r->d, stats.gpa), VIRTIO_BALLOON_S_MEMFREE);
	le64_put((uint8_t *)vqd_ptr(&r->d, stats.gpa) + 2, value);
	if (!ask_usual(r, 0) || !ask_usual(r, 1) || !ask_usual(r, 3))
		return false;
	offer(r, 2, &stats, 1, false);
	vqd_run(&r->d);
	/* Those that were offered before come first. */
	for (unsigned i = 0; i < 200 && r->balloon.stat[VIRTIO_BALLOON_S_MEMFREE] != value; i++)
		host_balloon(r);
	return r->balloon.stat[VIRTIO_BALLOON_S_MEMFREE] == value;
}

#define CID 42

static int host_connect(struct vsock_host *h, uint32_t ticket, uint32_t port)
{
	struct rig *r = container_of(h, struct rig, vsock_host);
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

static struct virtio_device *make_vsock(struct rig *r)
{
	r->vsock_host = (struct vsock_host){.connect = host_connect, .answered = host_answered};
	assert_int_equal(virtio_vsock_init(&r->vsock, CID, &r->vsock_host, &r->d.mem, r->d.loop, r->d.trace), 0);
	vsock_answers_init(&r->vsock_answers, &r->vsock, r->d.loop);
	return &r->vsock.dev;
}

static void drop_vsock(struct rig *r)
{
	vsock_answers_destroy(&r->vsock_answers);
	virtio_vsock_destroy(&r->vsock);
}

static struct vqd_buf packet(struct rig *r, uint16_t op)
{
	struct vqd_buf buf = room(r, VIRTIO_VSOCK_HDR_SIZE, false);
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

static unsigned chain_vsock(struct rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = queue == 1 ? packet(r, VIRTIO_VSOCK_OP_RST) : room(r, VIRTIO_VSOCK_HDR_SIZE + 20, true);
	return 1;
}

static bool connect_vsock(struct rig *r)
{
	struct vqd_buf rst = packet(r, VIRTIO_VSOCK_OP_RST), request = packet(r, VIRTIO_VSOCK_OP_REQUEST);

	return ask(r, 1, &rst, 1) && ask(r, 1, &request, 1);
}

static void host_vsock(struct rig *r)
{
	static const uint8_t much[65536];

	assert_true(connect_vsock(r));
	assert_true(write(r->peer, much, sizeof(much)) > 0);
}

static bool vsock_works(struct rig *r)
{
	struct vqd_buf in = room(r, 512, true);
	uint16_t head = offer(r, 0, &in, 1, false);

	return connect_vsock(r) && answered(r, 0, head) &&
		le16_get((uint8_t *)vqd_ptr(&r->d, in.gpa) + 30) == VIRTIO_VSOCK_OP_RESPONSE;
}

static int net_send(struct net_backend *b, struct iovec *iov, size_t nr, size_t bytes)
{
	/* What the other side does not read is lost: a queue that is fed is not held up. */
	return writev(b->fd, iov, (int)nr) < 0 ? -EIO : 0;
}

static ssize_t net_receive(struct net_backend *b, const struct iovec *iov, size_t nr)
{
	ssize_t n;

	/* A queue of the guest's that is fed has no lack of frames either. */
	if (fed)
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

static struct virtio_device *make_net(struct rig *r)
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

static void drop_net(struct rig *r)
{
	virtio_net_destroy(&r->net);
}

static unsigned chain_net(struct rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = room(r, queue == VIRTIO_NET_RX ? 512 : NET_HDR_SIZE + 60, queue == VIRTIO_NET_RX);
	return 1;
}

static void host_net(struct rig *r)
{
	static const uint8_t frame[NET_HDR_SIZE + 60];

	assert_true(write(r->peer, frame, sizeof(frame)) > 0);
}

static bool net_works(struct rig *r)
{
	static uint8_t frame[NET_HDR_SIZE + 60];
	struct vqd_buf out = room(r, sizeof(frame), false), in = room(r, 512, true);
	uint16_t head;

	/* What is still under way, in both directions. */
	while (read(r->peer, frame, sizeof(frame)) > 0 || read(r->backend.fd, frame, sizeof(frame)) > 0)
		;
	memset((uint8_t *)vqd_ptr(&r->d, out.gpa) + NET_HDR_SIZE, 0x5a, 60);
	if (!ask(r, VIRTIO_NET_TX, &out, 1) || read(r->peer, frame, sizeof(frame)) != sizeof(frame) ||
		frame[70] != 0x5a)
		return false;
	memset(frame, 0, NET_HDR_SIZE);
	assert_true(write(r->peer, frame, sizeof(frame)) > 0);
	head = offer(r, VIRTIO_NET_RX, &in, 1, false);
	return answered(r, VIRTIO_NET_RX, head) && *((uint8_t *)vqd_ptr(&r->d, in.gpa) + 70) == 0x5a;
}

/* An overlay: its queues share a loop. */
static struct virtio_device *make_blk(struct rig *r)
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

static void drop_blk(struct rig *r)
{
	virtio_blk_destroy(&r->blk);
	disk_close(&r->disk);
	close(r->fd);
}

/* A read of sector 5. */
static unsigned chain_blk(struct rig *r, unsigned queue, struct vqd_buf *buf)
{
	buf[0] = room(r, 16, false);
	le64_put((uint8_t *)vqd_ptr(&r->d, buf[0].gpa) + 8, 5);
	buf[1] = room(r, 512, true);
	buf[2] = room(r, 1, true);
	return 3;
}

static bool blk_works(struct rig *r)
{
	for (unsigned q = 0; q < 2; q++) {
		struct vqd_buf buf[3];

		chain_blk(r, q, buf);
		if (!ask(r, q, buf, 3) || memcmp(vqd_ptr(&r->d, buf[1].gpa), "sector 5", 8))
			return false;
	}
	return true;
}

/* clang-format off */
static const struct kind kinds[] = {
	{"rng", 0, 1 << 0, 300, make_rng, drop_rng, chain_rng, NULL, rng_works},
	{"console", 0, 1 << 1, 1025, make_console, drop_console, chain_console, host_console, console_works},
	{"balloon", VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_PAGE_REPORTING, 1 << 0 | 1 << 1 | 1 << 3, 64,
		make_balloon, drop_balloon, chain_balloon, host_balloon, balloon_works},
	{"vsock", 0, 1 << 1, 64, make_vsock, drop_vsock, chain_vsock, host_vsock, vsock_works},
	{"net", VIRTIO_NET_F_MRG_RXBUF, 1 << VIRTIO_NET_TX, 256, make_net, drop_net, chain_net, host_net, net_works},
	{"blk", 0, 1 << 0 | 1 << 1, 16, make_blk, drop_blk, chain_blk, NULL, blk_works},
};
/* clang-format on */

static struct rig *up(const struct kind *k)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	rig = r;
	r->kind = k;
	r->peer = -1;
	vqd_init(&r->d, RAM);
	r->dev = k->make(r);
	vqd_attach(&r->d, r->dev);
	fresh(r);
	return r;
}

static void down(struct rig *r)
{
	vqd_detach(&r->d);
	r->kind->drop(r);
	vqd_destroy(&r->d);
	if (r->peer >= 0)
		close(r->peer);
	assert_int_equal(early, 0);
	free(r);
}

/* Without a reset, unless the device asks for one. */
static void must_work(struct rig *r, const char *after, unsigned queue)
{
	if (!needs_reset(r) && r->kind->works(r))
		return;
	if (!needs_reset(r))
		fail_msg("%s is stuck after %s in queue %u", r->kind->name, after, queue);
	fresh(r);
	if (!r->kind->works(r))
		fail_msg("%s: a reset after %s in queue %u does not mend it", r->kind->name, after, queue);
}

static void on_end(struct loop_timer *t)
{
	loop_stop(t->source.loop);
}

/* Nothing to do, and nothing done: the loop sleeps. */
static void must_sleep(struct rig *r, const char *after, unsigned queue)
{
	struct loop_timer end = {0};

	vqd_run(&r->d);
	assert_int_equal(loop_timer_init(r->d.loop, &end, on_end), 0);
	assert_int_equal(loop_timer_set(&end, QUIET_NS, 0), 0);
	wakeups = 0;
	assert_int_equal(loop_run(r->d.loop), 0);
	loop_timer_destroy(&end);
	/* The end itself is two; what was left over may be one or two more. */
	if (wakeups > 4)
		fail_msg("%s wakes up %u times after %s in queue %u", r->kind->name, wakeups, after, queue);
}

/* --- The drivers that nobody wants ------------------------------------------------------------------------------ */

static void requests_for_nothing(void **state)
{
	static const struct {
		const char *what;
		unsigned nr;
		uint8_t write; /* a mask */
		bool indirect;
	} row[] = {
		{"one empty buffer to read", 1, 0, false},
		{"one empty buffer to write", 1, 1, false},
		{"an empty buffer of each", 2, 2, false},
		{"many empty buffers to read", 8, 0, false},
		{"many empty buffers to write", 8, 0xff, false},
		{"an indirect empty buffer to read", 1, 0, true},
		{"an indirect empty buffer to write", 1, 1, true},
		{"indirect empty buffers", 8, 0xf0, true},
	};

	for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
		struct rig *r = up(k);

		for (unsigned q = 0; q < r->dev->nr_queues; q++) {
			for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
				struct vqd_buf buf[8];
				uint16_t head;

				for (unsigned n = 0; n < row[i].nr; n++)
					buf[n] = (struct vqd_buf){VQD_RAM_START, 0, row[i].write >> n & 1};
				fresh(r);
				head = offer(r, q, buf, row[i].nr, row[i].indirect);
				if (k->takes >> q & 1 && !answered(r, q, head) && !needs_reset(r))
					fail_msg("%s keeps %s in queue %u", k->name, row[i].what, q);
				must_sleep(r, row[i].what, q);
				must_work(r, row[i].what, q);
			}
		}
		down(r);
	}
}

/* Fills the ring of a queue with the same request over and over; from now on there is always one more. */
static void feed(struct rig *r, unsigned queue, bool empty)
{
	struct vqd_queue *q = &r->d.queue[queue];
	struct vqd_buf buf[4] = {{VQD_RAM_START, 0, false}};
	unsigned nr = empty ? 1 : r->kind->chain(r, queue, buf);
	uint16_t head = vqd_add(&r->d, queue, buf, nr, false);

	for (unsigned i = 0; i < q->size; i++)
		le16_put((uint8_t *)vqd_ptr(&r->d, q->avail) + 4 + 2 * (size_t)i, head);
	fed = &r->dev->queue[queue];
	pops = 0;
	noisy = false;
}

static void must_end(const struct rig *r, unsigned queue, unsigned turns)
{
	if (pops > turns * r->kind->turn)
		fail_msg("%s looks at %u requests of queue %u in %u turns", r->kind->name, pops, queue, turns);
}

static void without_end(struct rig *r, unsigned queue, bool empty)
{
	const struct kind *k = r->kind;

	fresh(r);
	if (k->host)
		k->host(r);
	feed(r, queue, empty);
	pthread_mutex_lock(&r->dev->lock);
	r->dev->ops->kick(r->dev, queue);
	pthread_mutex_unlock(&r->dev->lock);
	must_end(r, queue, 1);
	/* While it works on a queue there is no need to kick (2.7.10). */
	if (noisy && k->takes >> queue & 1)
		fail_msg("%s works on queue %u and asks for kicks", k->name, queue);
	/* It goes on by itself, and the loop's other sources have their turn in between: else rounds would not end. */
	for (unsigned i = 0; i < 4; i++) {
		unsigned before = pops;

		vqd_run(&r->d);
		must_end(r, queue, 1 + (i + 1) * 6);
		/* What a rate holds up goes on later. */
		if (k->takes >> queue & 1 && !needs_reset(r) && pops == before && !r->rng.waiting)
			fail_msg("%s gives up on queue %u", k->name, queue);
	}
	fed = NULL;
	fresh(r);
	must_work(r, "requests without end", queue);
	must_sleep(r, "requests without end", queue);
}

static void requests_without_end(void **state)
{
	for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
		struct rig *r = up(k);

		for (unsigned q = 0; q < r->dev->nr_queues; q++) {
			without_end(r, q, false);
			without_end(r, q, true);
		}
		down(r);
	}
}

static void queues_take_turns(void **state)
{
	for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
		struct rig *r = up(k);

		for (unsigned greedy = 0; greedy < r->dev->nr_queues; greedy++) {
			for (unsigned q = 0; q < r->dev->nr_queues; q++) {
				if (q == greedy || !(k->takes >> q & 1))
					continue;
				fresh(r);
				feed(r, greedy, false);
				vqd_kick(&r->d, greedy);
				vqd_run(&r->d);
				if (!ask_usual(r, q))
					fail_msg("%s: queue %u has no turn beside queue %u", k->name, q, greedy);
				must_end(r, greedy, 60);
				fed = NULL;
			}
		}
		down(r);
	}
}

/* A driver that does as it is told kicks only when asked to, and looks for answers only when interrupted (2.7.10). */
static void drivers_that_do_as_they_are_told(void **state)
{
	static const uint64_t modes[] = {0, VIRTIO_F_EVENT_IDX};

	for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
			struct rig *r = up(k);

			r->d.next = VQD_RAM_START;
			assert_true(vqd_start(&r->d, k->features | modes[m]));
			vqd_run(&r->d);
			for (unsigned i = 0; i < 2 * r->dev->nr_queues; i++) {
				unsigned q = i % r->dev->nr_queues;
				const struct vqd_queue *ring = &r->d.queue[q];
				const uint8_t *used = vqd_ptr(&r->d, ring->used);

				if (!(k->takes >> q & 1))
					continue;
				if (modes[m])
					le16_put((uint8_t *)vqd_ptr(&r->d, ring->avail) + 4 + 2 * (size_t)ring->size,
						ring->last_used);
				vqd_set(&r->d, VQD_INTERRUPT_ACK, 3);
				if (!ask_usual(r, q))
					fail_msg("%s does not answer in queue %u", k->name, q);
				if (!(vqd_get(&r->d, VQD_INTERRUPT_STATUS) & 1))
					fail_msg("%s answers in queue %u without an interrupt", k->name, q);
				if (modes[m] ? le16_get(used + 4 + 8 * (size_t)ring->size) != ring->avail_idx
					     : le16_get(used) != 0)
					fail_msg("%s wants no kick for queue %u any more", k->name, q);
			}
			down(r);
		}
	}
}

static void kicks_and_resets(void **state)
{
	for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
		struct rig *r = up(k);
		struct vqd_buf buf[4];

		for (unsigned i = 0; i < 2000; i++) {
			vqd_kick(&r->d, i % 16);
			if (i % 10 == 0)
				vqd_run(&r->d);
		}
		must_sleep(r, "kicks", 0);
		must_work(r, "kicks", 0);
		for (unsigned i = 0; i < 100; i++) {
			unsigned q = i % r->dev->nr_queues;

			r->d.next = VQD_RAM_START;
			assert_true(vqd_start(&r->d, k->features));
			offer(r, q, buf, k->chain(r, q, buf), false);
			if (i % 2)
				vqd_run(&r->d);
		}
		fresh(r);
		must_work(r, "resets", 0);
		must_sleep(r, "resets", 0);
		down(r);
	}
}

/*
 * Held, a device neither answers nor touches the guest's memory, whatever driver and host have for it, and its thread
 * sleeps; released, it answers all of it, though no kick comes any more.
 */
static void devices_that_are_held(void **state)
{
	for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
		for (unsigned q = 0;; q++) {
			CLEANUP_FREE uint8_t *ram = malloc(RAM);
			struct rig *r = up(k);
			struct vqd_buf buf[4];
			uint16_t head;

			assert_non_null(ram);
			if (q == r->dev->nr_queues) {
				down(r);
				break;
			}
			if (k->host)
				k->host(r);
			assert_int_equal(virtio_hold(r->dev), 0);
			head = offer(r, q, buf, k->chain(r, q, buf), false);
			memcpy(ram, r->d.ram, RAM);
			must_sleep(r, "a hold", q);
			assert_int_equal(virtio_hold(r->dev), 0);
			if (memcmp(ram, r->d.ram, RAM))
				fail_msg("%s writes to memory while it is held, queue %u", k->name, q);
			virtio_release(r->dev);
			/* Queue 0, where it is not taken, is for what the host has; a console asks first. */
			if ((k->takes >> q & 1 || (!q && k->make != make_console)) && !answered(r, q, head))
				fail_msg("%s has forgotten a request over a hold, queue %u", k->name, q);
			must_sleep(r, "a release", q);
			fresh(r);
			must_work(r, "a hold", q);
			down(r);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_for_nothing),
		cmocka_unit_test(requests_without_end),
		cmocka_unit_test(queues_take_turns),
		cmocka_unit_test(drivers_that_do_as_they_are_told),
		cmocka_unit_test(kicks_and_resets),
		cmocka_unit_test(devices_that_are_held),
	};

	return run_group(tests);
}
