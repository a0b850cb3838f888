// SPDX-License-Identifier: Apache-2.0
/*
 * The threads of virtio devices, behind their real filters: of the disks, of the socket device and the balloon. Nothing
 * here runs the control loop, so what happens is those threads' work. The test plays the vCPU and the programs of the
 * host.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "devices/virtio/vsock.h"
#include "security/seccomp.h"
#include "security/sigsys.h"
#include "security/stages.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/clock.h"
#include "vmm/base/le.h"
#include "vmm/host/worker.h"
#include "vmm/machine/virtio/devices.h"

#define WAIT_MS 10000

/* The socket device's queues, the balloon's, and a disk's */
#define RX      0
#define TX      1
#define INFLATE 0
#define DISK    0

#define BIG_GPA  (UINT64_C(1) << 32)
#define BIG_SIZE (2 * MIB)

struct bench {
	char dir[32];
	char path[64];
	struct config config;
	struct vq_driver d; /* its loop is the control loop, which never runs */
	uint8_t *big;
	struct virtio_devices *s;
	struct sandbox_plan plan;
	struct sandbox sandbox;
};

static void sleep_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* How many threads of ours have this name. */
static unsigned threads(const char *name)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *de;
	unsigned n = 0;

	assert_non_null(d);
	while ((de = readdir(d))) {
		char path[300], comm[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", de->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(comm, sizeof(comm), f))
			comm[strcspn(comm, "\n")] = '\0';
		n += !strcmp(comm, name);
		fclose(f);
	}
	closedir(d);
	return n;
}

struct wish {
	bool vsock, balloon, disk, overlay;
	int ram_fd; /* the file behind RAM, 0: none */
};

/* A sparse image. */
static void add_disk(struct bench *b, bool overlay)
{
	struct config_disk *d = calloc(1, sizeof(*d));
	int fd;

	assert_non_null(d);
	snprintf(b->path, sizeof(b->path), "%s/image", b->dir);
	fd = open(b->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, MIB), 0);
	close(fd);
	*d = (struct config_disk){
		.path = strdup(b->path), .overlay = overlay, .rate_bytes = 2 * MIB, .logical = 512, .queues = 1};
	b->config.disk = d;
	b->config.nr_disks = 1;
}

static void up_as(struct bench *b, struct wish w)
{
	struct gmem_region big = {
		.gpa = BIG_GPA, .size = BIG_SIZE, .fd = w.ram_fd ? w.ram_fd : -1, .shared = w.ram_fd != 0};
	struct virtio_env env;
	struct err e = {0};

	memset(b, 0, sizeof(*b));
	strcpy(b->dir, "/tmp/vmm-threads-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	config_init(&b->config);
	b->config.sandbox = SANDBOX_BEST_EFFORT;
	if (w.disk)
		add_disk(b, w.overlay);
	if (w.vsock) {
		snprintf(b->path, sizeof(b->path), "%s/guest", b->dir);
		b->config.vsock = (struct config_vsock){.cid = 42, .path = strdup(b->path)};
	}
	b->config.balloon.on = w.balloon;
	vqd_init(&b->d, 2 * MIB);
	b->big = mmap(NULL, BIG_SIZE, PROT_READ | PROT_WRITE, big.shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS,
		big.fd, 0);
	assert_ptr_not_equal(b->big, MAP_FAILED);
	memset(b->big, 'x', BIG_SIZE);
	big.host = b->big;
	assert_int_equal(gmem_add(&b->d.mem, &big), 0);
	env = (struct virtio_env){.config = &b->config, .mem = &b->d.mem, .loop = b->d.loop, .trace = b->d.trace};
	assert_int_equal(virtio_devices_open(&b->config, &b->s, &e), 0);
	assert_int_equal(virtio_devices_init(b->s, &env, &e), 0);

	/* As after CONFINE: a call that is not allowed ends this program with status 159 and the call's name. */
	b->plan.devices = (w.vsock ? SANDBOX_HAS(VSOCK) : 0) | (w.balloon ? SANDBOX_HAS(BALLOON) : 0);
	b->sandbox = (struct sandbox){.plan = &b->plan, .got.seccomp = true, .stage = SANDBOX_STAGE_BUILD};
	assert_int_equal(sigsys_install(STDERR_FILENO, NULL), 0);
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
}

static void up(struct bench *b, bool vsock, bool balloon)
{
	up_as(b, (struct wish){.vsock = vsock, .balloon = balloon});
}

static void start(struct bench *b)
{
	struct err e = {0};

	assert_int_equal(virtio_devices_start(b->s, &b->sandbox, &e), 0);
}

static void down(struct bench *b)
{
	virtio_devices_stop(b->s);
	vqd_detach(&b->d);
	/* On a busy host a thread may end later than virtio_devices_stop() waits. */
	for (unsigned i = 0; !virtio_devices_destroy(b->s); i++) {
		assert_true(i < WAIT_MS);
		sleep_ms(1);
	}
	/* /proc shows a thread for a moment after it was joined. */
	for (unsigned i = 0; threads("virtio") + threads("disk0.0"); i++) {
		assert_true(i < WAIT_MS);
		sleep_ms(1);
	}
	vqd_destroy(&b->d);
	munmap(b->big, BIG_SIZE);
	if (b->config.nr_disks)
		unlink(b->path);
	config_destroy(&b->config);
	assert_int_equal(rmdir(b->dir), 0); /* the socket is gone */
}

static int unix_socket(const char *path, struct sockaddr_un *ret)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret->sun_path, sizeof(ret->sun_path), "%s", path);
	return fd;
}

/* A program of the host that wants to `port` of the guest. */
static int dial(const struct bench *b, unsigned port)
{
	struct sockaddr_un addr;
	int fd = unix_socket(b->path, &addr);
	char line[32];
	int n = snprintf(line, sizeof(line), "CONNECT %u\n", port);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(write(fd, line, (size_t)n), n);
	return fd;
}

/* A program of the host that the guest can connect to as `port`. */
static int listen_at(const struct bench *b, unsigned port, char *path, size_t size)
{
	struct sockaddr_un addr;
	int fd;

	snprintf(path, size, "%s_%u", b->path, port);
	fd = unix_socket(path, &addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* What arrives: bytes, or 0 at the end. */
static ssize_t receive(int fd, char *buf, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	return read(fd, buf, size);
}

static uint32_t await_used(struct bench *b, unsigned queue)
{
	uint16_t head;
	uint32_t len = 0;

	for (unsigned i = 0; !vqd_used(&b->d, queue, &head, &len); i++) {
		assert_true(i < WAIT_MS);
		sleep_ms(1);
	}
	return len;
}

/* --- The socket device -------------------------------------------------------------------------------------------- */

static uint64_t give_rx(struct bench *b)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, 4096, 16), 4096, true};

	vqd_offer(&b->d, RX, vqd_add(&b->d, RX, &buf, 1, false));
	vqd_kick(&b->d, RX);
	return buf.gpa;
}

static void say(struct bench *b, uint32_t guest_port, uint32_t host_port, uint16_t op, uint32_t flags, const char *data)
{
	uint32_t len = (uint32_t)strlen(data);
	struct vqd_buf buf = {vqd_alloc(&b->d, VIRTIO_VSOCK_HDR_SIZE + len, 8), VIRTIO_VSOCK_HDR_SIZE + len, false};
	uint8_t *raw = vqd_ptr(&b->d, buf.gpa);

	le64_put(raw, 42);
	le64_put(raw + 8, VIRTIO_VSOCK_HOST_CID);
	le32_put(raw + 16, guest_port);
	le32_put(raw + 20, host_port);
	le32_put(raw + 24, len);
	le16_put(raw + 28, VIRTIO_VSOCK_TYPE_STREAM);
	le16_put(raw + 30, op);
	le32_put(raw + 32, flags);
	le32_put(raw + 36, 65536);
	memcpy(raw + VIRTIO_VSOCK_HDR_SIZE, data, len);
	vqd_offer(&b->d, TX, vqd_add(&b->d, TX, &buf, 1, false));
	vqd_kick(&b->d, TX);
	await_used(b, TX);
}

static uint16_t op_of(struct bench *b, uint64_t packet)
{
	return le16_get((uint8_t *)vqd_ptr(&b->d, packet) + 30);
}

static struct virtio_device *device_of(const struct bench *b, uint32_t id)
{
	for (unsigned i = 0; i < b->s->nr; i++)
		if (b->s->slot[i].mmio.device->id == id)
			return b->s->slot[i].mmio.device;
	fail_msg("no device of type %u", id);
	return NULL;
}

static void drive_vsock(struct bench *b)
{
	vqd_attach(&b->d, device_of(b, VIRTIO_ID_VSOCK));
	start(b);
	assert_int_equal(threads("virtio"), 1);
	assert_true(vqd_start(&b->d, VIRTIO_F_EVENT_IDX));
}

static void no_thread_without_need(void **state)
{
	struct bench b;

	up(&b, false, false);
	start(&b);
	assert_int_equal(threads("virtio"), 0);
	down(&b);
}

/* Built and never started, as `vmm check` does it. */
static void never_started(void **state)
{
	struct bench b;

	up(&b, true, true);
	down(&b);
}

static void a_client_before_the_driver(void **state)
{
	struct bench b;
	char buf[8];
	int fd;

	up(&b, true, false);
	start(&b);
	fd = dial(&b, 5);
	assert_int_equal(receive(fd, buf, sizeof(buf)), 0);
	close(fd);
	down(&b);
}

static void a_client_talks_to_the_guest(void **state)
{
	uint64_t packet[3];
	struct bench b;
	char buf[32];
	ssize_t n;
	uint32_t host_port;
	int fd;

	up(&b, true, true);
	drive_vsock(&b);
	for (size_t i = 0; i < ARRAY_SIZE(packet); i++)
		packet[i] = give_rx(&b);
	fd = dial(&b, 5);
	await_used(&b, RX);
	assert_int_equal(op_of(&b, packet[0]), VIRTIO_VSOCK_OP_REQUEST);
	host_port = le32_get((uint8_t *)vqd_ptr(&b.d, packet[0]) + 16);
	say(&b, 5, host_port, VIRTIO_VSOCK_OP_RESPONSE, 0, "");
	n = receive(fd, buf, sizeof(buf) - 1);
	assert_true(n > 3);
	buf[n] = '\0';
	assert_memory_equal(buf, "OK ", 3);
	assert_int_equal(strtoul(buf + 3, NULL, 10), host_port);
	say(&b, 5, host_port, VIRTIO_VSOCK_OP_RW, 0, "from the guest");
	assert_int_equal(receive(fd, buf, sizeof(buf)), 14);
	assert_memory_equal(buf, "from the guest", 14);
	assert_int_equal(write(fd, "to it", 5), 5);
	assert_int_equal(await_used(&b, RX), VIRTIO_VSOCK_HDR_SIZE + 5);
	assert_memory_equal((char *)vqd_ptr(&b.d, packet[1]) + VIRTIO_VSOCK_HDR_SIZE, "to it", 5);
	/* The end of the machine is the end of the connection. */
	down(&b);
	assert_int_equal(receive(fd, buf, sizeof(buf)), 0);
	close(fd);
}

/* The guest connects, sends, says that it will send no more; then it resets the device, from a vCPU's thread. */
static void the_guest_connects_and_resets(void **state)
{
	uint64_t packet;
	struct bench b;
	char path[80], buf[32];
	int listener, fd;

	up(&b, true, false);
	listener = listen_at(&b, 80, path, sizeof(path));
	drive_vsock(&b);
	for (unsigned round = 0; round < 20; round++) {
		packet = give_rx(&b);
		say(&b, 1000, 80, VIRTIO_VSOCK_OP_REQUEST, 0, "");
		fd = accept(listener, NULL, NULL);
		assert_true(fd >= 0);
		await_used(&b, RX);
		assert_int_equal(op_of(&b, packet), VIRTIO_VSOCK_OP_RESPONSE);
		if (round % 2) {
			say(&b, 1000, 80, VIRTIO_VSOCK_OP_RW, 0, "bye");
			say(&b, 1000, 80, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_SHUTDOWN_SEND, "");
			assert_int_equal(receive(fd, buf, sizeof(buf)), 3);
			assert_int_equal(receive(fd, buf, sizeof(buf)), 0);
		}
		vqd_set(&b.d, VQD_STATUS, 0);
		b.d.next = VQD_RAM_START;
		memset(b.d.ram, 0, MIB);
		assert_true(vqd_start(&b.d, VIRTIO_F_EVENT_IDX));
		assert_int_equal(receive(fd, buf, sizeof(buf)), 0);
		close(fd);
	}
	close(listener);
	unlink(path);
	down(&b);
}

/* The process beside us that owns the socket's path; 0: there is none. */
static pid_t broker(void)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	pid_t found = 0;

	assert_non_null(d);
	while (!found && (de = readdir(d))) {
		char path[300], comm[32] = "", state;
		int pid, parent;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", de->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%d (%31[^)]) %c %d", &pid, comm, &state, &parent) == 4 && parent == getpid() &&
			!strcmp(comm, "vmm-broker") && state != 'Z')
			found = pid;
		fclose(f);
	}
	closedir(d);
	return found;
}

/* Requests a connection to port 80. Return: the answer to the guest. */
static uint16_t request_80(struct bench *b, uint32_t guest_port)
{
	uint64_t packet = give_rx(b);

	say(b, guest_port, 80, VIRTIO_VSOCK_OP_REQUEST, 0, "");
	await_used(b, RX);
	return op_of(b, packet);
}

/* A program of the host still gets through to the guest. */
static void still_serves(struct bench *b)
{
	uint64_t packet = give_rx(b);
	int fd = dial(b, 5);

	await_used(b, RX);
	assert_int_equal(op_of(b, packet), VIRTIO_VSOCK_OP_REQUEST);
	close(fd);
}

/* The broker is killed: the guest's connections are refused from then on, and nothing waits. */
static void the_broker_dies(void **state)
{
	char path[80];
	struct bench b;
	int listener;

	up(&b, true, false);
	listener = listen_at(&b, 80, path, sizeof(path));
	drive_vsock(&b);
	assert_int_equal(request_80(&b, 1000), VIRTIO_VSOCK_OP_RESPONSE);
	kill(broker(), SIGKILL);
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(request_80(&b, 1001 + i), VIRTIO_VSOCK_OP_RST);
	still_serves(&b);
	assert_int_equal(unlink(b.path), 0); /* who else? */
	close(listener);
	unlink(path);
	down(&b);
}

/*
 * The broker hangs: the guest's requests are refused after 2 s, those beyond its limit at once, and the thread
 * continues meanwhile. When the broker works again, so do connections.
 */
static void the_broker_hangs(void **state)
{
	uint64_t packet[64];
	char path[80];
	struct bench b;
	uint64_t begin;
	int listener;
	pid_t pid;

	up(&b, true, false);
	listener = listen_at(&b, 80, path, sizeof(path));
	drive_vsock(&b);
	pid = broker();
	kill(pid, SIGSTOP);
	begin = trace_now_ns();
	for (size_t i = 0; i < ARRAY_SIZE(packet); i++)
		packet[i] = give_rx(&b);
	for (uint32_t i = 0; i < ARRAY_SIZE(packet); i++)
		say(&b, 1000 + i, 80, VIRTIO_VSOCK_OP_REQUEST, 0, "");
	/* Half of them at once. */
	for (size_t i = 0; i < ARRAY_SIZE(packet) / 2; i++) {
		await_used(&b, RX);
		assert_int_equal(op_of(&b, packet[i]), VIRTIO_VSOCK_OP_RST);
	}
	assert_true(trace_now_ns() - begin < NSEC_PER_SEC);
	for (size_t i = ARRAY_SIZE(packet) / 2; i < ARRAY_SIZE(packet); i++) {
		await_used(&b, RX);
		assert_int_equal(op_of(&b, packet[i]), VIRTIO_VSOCK_OP_RST);
	}
	assert_in_range(trace_now_ns() - begin, NSEC_PER_SEC, 8 * NSEC_PER_SEC);
	still_serves(&b);
	kill(pid, SIGCONT);
	/* It has made the connections that were given up; a program that is slow to accept them refuses the next. */
	assert_int_equal(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
	for (unsigned i = 0; request_80(&b, 2000 + i) != VIRTIO_VSOCK_OP_RESPONSE; i++) {
		int fd;

		assert_true(i < WAIT_MS);
		while ((fd = accept(listener, NULL, NULL)) >= 0)
			close(fd);
		sleep_ms(1);
	}
	close(listener);
	unlink(path);
	down(&b);
	assert_int_equal(broker(), 0);
}

/* --- The balloon -------------------------------------------------------------------------------------------------- */

static unsigned resident(const struct bench *b)
{
	unsigned char in[BIG_SIZE / 4096];
	unsigned n = 0;

	assert_int_equal(mincore(b->big, BIG_SIZE, in), 0);
	for (size_t i = 0; i < sizeof(in); i++)
		n += in[i] & 1;
	return n;
}

/* The control loop does not wait for it. */
static void await_target(struct bench *b, uint64_t bytes)
{
	for (unsigned i = 0; vqd_get(&b->d, VQD_CONFIG) != bytes / 4096; i++) {
		assert_true(i < WAIT_MS);
		sleep_ms(1);
	}
}

static void balloon_on(int fd)
{
	struct vqd_buf buf;
	struct bench b;

	up_as(&b, (struct wish){.balloon = true, .ram_fd = fd});
	b.config.mem_bytes = 2 * MIB + BIG_SIZE;
	vqd_attach(&b.d, device_of(&b, VIRTIO_ID_BALLOON));
	start(&b);
	assert_int_equal(threads("virtio"), 1);
	assert_true(vqd_start(&b.d, VIRTIO_F_EVENT_IDX));
	assert_int_equal(resident(&b), BIG_SIZE / 4096);
	buf = (struct vqd_buf){vqd_alloc(&b.d, BIG_SIZE / 4096 * 4, 4), BIG_SIZE / 4096 * 4, false};
	for (uint32_t i = 0; i < BIG_SIZE / 4096; i++)
		le32_put((uint8_t *)vqd_ptr(&b.d, buf.gpa) + (size_t)4 * i, (uint32_t)(BIG_GPA >> 12) + i);
	vqd_offer(&b.d, INFLATE, vqd_add(&b.d, INFLATE, &buf, 1, false));
	vqd_kick(&b.d, INFLATE);
	/* Meanwhile the operator asks for more, and for less: the control loop's part. */
	for (unsigned i = 0; i < 8; i++)
		virtio_devices_balloon(b.s, true);
	await_target(&b, 2 * MIB + BIG_SIZE);
	virtio_devices_balloon(b.s, false);
	await_target(&b, (2 * MIB + BIG_SIZE) / 8 * 7);
	await_used(&b, INFLATE);
	assert_int_equal(resident(&b), 0);
	down(&b);
}

static void the_balloon_takes_and_is_asked(void **state)
{
	balloon_on(0);
}

static void the_balloon_takes_from_a_file(void **state)
{
	int fd = memfd_create("ram", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BIG_SIZE), 0);
	balloon_on(fd);
	close(fd);
}

/* --- Disks -------------------------------------------------------------------------------------------------------- */

/* 5.2.6 */
enum { IN = 0, OUT = 1, FLUSH = 4, DISCARD = 11, WRITE_ZEROES = 13 };

/* @data: what goes to the disk or comes from it */
static uint8_t request(struct bench *b, uint32_t type, uint64_t sector, void *data, uint32_t len)
{
	struct vqd_buf buf[3] = {{vqd_alloc(&b->d, 16, 8), 16, false},
		{len ? vqd_alloc(&b->d, len, 8) : 0, len, type == IN}, {vqd_alloc(&b->d, 1, 1), 1, true}};
	uint8_t *head = vqd_ptr(&b->d, buf[0].gpa);
	const uint64_t status = buf[2].gpa;

	le32_put(head, type);
	le64_put(head + 8, sector);
	if (len && type != IN)
		memcpy(vqd_ptr(&b->d, buf[1].gpa), data, len);
	if (!len)
		buf[1] = buf[2];
	*(uint8_t *)vqd_ptr(&b->d, status) = 0xee;
	vqd_offer(&b->d, DISK, vqd_add(&b->d, DISK, buf, len ? 3 : 2, false));
	vqd_kick(&b->d, DISK);
	await_used(b, DISK);
	if (type == IN)
		memcpy(data, vqd_ptr(&b->d, buf[1].gpa), len);
	return *(uint8_t *)vqd_ptr(&b->d, status);
}

/* 5.2.6: struct virtio_blk_discard_write_zeroes */
static uint8_t forget(struct bench *b, uint32_t type, uint64_t sector, uint32_t nr)
{
	uint8_t range[16] = {0};

	le64_put(range, sector);
	le32_put(range + 8, nr);
	return request(b, type, 0, range, sizeof(range));
}

/* Every kind of request, with a rate that makes some of them wait. */
static void a_disk(bool overlay)
{
	uint8_t out[16 * KIB], in[sizeof(out)];
	struct bench b;

	up_as(&b, (struct wish){.disk = true, .overlay = overlay});
	vqd_attach(&b.d, device_of(&b, VIRTIO_ID_BLOCK));
	start(&b);
	assert_int_equal(threads("disk0.0"), 1);
	assert_true(vqd_start(&b.d, UINT64_MAX));
	for (unsigned i = 0; i < 30; i++) {
		memset(out, (int)i + 1, sizeof(out));
		assert_int_equal(request(&b, OUT, (uint64_t)i * 8, out, sizeof(out)), 0);
		assert_int_equal(request(&b, IN, (uint64_t)i * 8, in, sizeof(in)), 0);
		assert_memory_equal(in, out, sizeof(in));
	}
	assert_int_equal(request(&b, FLUSH, 0, NULL, 0), 0);
	assert_int_equal(forget(&b, WRITE_ZEROES, 0, 8), 0);
	assert_int_equal(forget(&b, DISCARD, 8, 8), 0);
	assert_int_equal(request(&b, IN, 0, in, 4096), 0);
	memset(out, 0, sizeof(out));
	assert_memory_equal(in, out, 4096);
	down(&b);
}

static void a_disk_of_its_own(void **state)
{
	a_disk(false);
}

static void a_disk_with_an_overlay(void **state)
{
	a_disk(true);
}

/* Stops this process with all of its threads, after_ms from now, for 50 ms. Return: the process that does it. */
static pid_t stop_and_go(unsigned after_ms)
{
	pid_t self = getpid(), pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		sleep_ms(after_ms);
		if (kill(self, SIGSTOP) < 0)
			_exit(1);
		sleep_ms(50);
		_exit(kill(self, SIGCONT) < 0);
	}
	return pid;
}

static void went_on(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A stop while a request waits for its rate: 512 KiB at 2 MiB a second make the next one wait 250 ms. */
static void a_stop_while_a_disk_waits_for_its_rate(void **state)
{
	static uint8_t data[512 * KIB];
	struct timespec begin, end;
	struct bench b;
	pid_t pid;

	up_as(&b, (struct wish){.disk = true});
	vqd_attach(&b.d, device_of(&b, VIRTIO_ID_BLOCK));
	start(&b);
	assert_true(vqd_start(&b.d, UINT64_MAX));
	memset(data, 'x', sizeof(data));
	assert_int_equal(request(&b, OUT, 0, data, sizeof(data)), 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	pid = stop_and_go(20);
	memset(data, 0, sizeof(data));
	assert_int_equal(request(&b, IN, 0, data, sizeof(data)), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	went_on(pid);
	assert_int_equal(data[sizeof(data) - 1], 'x');
	/* It waited. */
	assert_in_range((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000, 60, 5000);
	/* And a stop while idle. */
	pid = stop_and_go(1);
	went_on(pid);
	assert_int_equal(request(&b, IN, 0, data, 512), 0);
	down(&b);
}

struct hung {
	struct loop_source source;
	int pipe[2];
};

static void hang(struct loop_source *s, uint32_t events)
{
	char c;

	assert_int_equal(read(container_of(s, struct hung, source)->pipe[0], &c, 1), 1);
}

/* The control loop, behind its filter, waits for a disk's thread that hangs: a stop does not end us, nor the wait. */
static void stop_a_worker(void)
{
	struct hung h = {.source = {.fd = eventfd(1, EFD_CLOEXEC), .ready = hang}};
	struct worker w;
	uint64_t begin;

	assert_int_equal(pipe(h.pipe), 0);
	assert_int_equal(sigsys_install(STDERR_FILENO, NULL), 0);
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(worker_init(&w, "disk0.0", SANDBOX_DISK), 0);
	assert_int_equal(loop_add(w.loop, &h.source, EPOLLIN), 0);
	assert_int_equal(worker_start(&w, NULL), 0);
	stop_and_go(50);
	if (seccomp_install(SANDBOX_LOOP, SANITIZED ? SANDBOX_HAS(SANITIZER) : 0, NULL) < 0)
		_exit(2);
	begin = trace_now_ns();
	_exit(worker_stop(&w, begin + UINT64_C(300000000)) || trace_now_ns() - begin < UINT64_C(290000000));
}

static void a_stop_while_the_control_loop_waits_for_a_disk(void **state)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		stop_a_worker();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Another thread holds the device's lock for longer than a spin would last: its thread waits in the kernel. */
static void a_lock_that_is_taken(void **state)
{
	struct vqd_buf buf[2];
	struct bench b;
	uint16_t head;
	uint32_t len;

	up_as(&b, (struct wish){.disk = true});
	vqd_attach(&b.d, device_of(&b, VIRTIO_ID_BLOCK));
	start(&b);
	assert_true(vqd_start(&b.d, UINT64_MAX));
	buf[0] = (struct vqd_buf){vqd_alloc(&b.d, 16, 8), 16, false};
	buf[1] = (struct vqd_buf){vqd_alloc(&b.d, 1, 1), 1, true};
	le32_put(vqd_ptr(&b.d, buf[0].gpa), FLUSH);
	vqd_offer(&b.d, DISK, vqd_add(&b.d, DISK, buf, 2, false));
	pthread_mutex_lock(&device_of(&b, VIRTIO_ID_BLOCK)->lock);
	vqd_kick(&b.d, DISK);
	sleep_ms(50);
	assert_false(vqd_used(&b.d, DISK, &head, &len));
	pthread_mutex_unlock(&device_of(&b, VIRTIO_ID_BLOCK)->lock);
	await_used(&b, DISK);
	down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_thread_without_need),
		cmocka_unit_test(never_started),
		cmocka_unit_test(a_client_before_the_driver),
		cmocka_unit_test(a_client_talks_to_the_guest),
		cmocka_unit_test(the_guest_connects_and_resets),
		cmocka_unit_test(the_broker_dies),
		cmocka_unit_test(the_broker_hangs),
		cmocka_unit_test(the_balloon_takes_and_is_asked),
		cmocka_unit_test(the_balloon_takes_from_a_file),
		cmocka_unit_test(a_disk_of_its_own),
		cmocka_unit_test(a_disk_with_an_overlay),
		cmocka_unit_test(a_stop_while_a_disk_waits_for_its_rate),
		cmocka_unit_test(a_stop_while_the_control_loop_waits_for_a_disk),
		cmocka_unit_test(a_lock_that_is_taken),
	};

	if (!seccomp_available())
		return skip_program("this kernel has no seccomp filters");
	return run_group(tests);
}
