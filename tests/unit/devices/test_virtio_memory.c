// SPDX-License-Identifier: Apache-2.0
/*
 * Who makes a virtio device, uses and destroys it has as much memory and as many open files as before; and when the
 * host refuses one thing that the device needs, it refuses the device, and nothing is left either.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include "tests/support/unit.h"
#include "tests/support/virtio_rig.h"

/* --- The host ---------------------------------------------------------------------------------------------------- */

static long live;            /* allocations that have not been freed */
static int things_left = -1; /* that the host gives until it refuses one; -1: it refuses none */
static unsigned given;       /* so far */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
int __real_posix_memalign(void **ret, size_t align, size_t size);
int __wrap_posix_memalign(void **ret, size_t align, size_t size);
void *__real_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);
void __real_free(void *p);
void __wrap_free(void *p);
int __real_eventfd(unsigned int value, int flags);
int __wrap_eventfd(unsigned int value, int flags);
int __real_timerfd_create(int clock, int flags);
int __wrap_timerfd_create(int clock, int flags);
int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev);

static bool refused(void)
{
	given++;
	errno = ENOMEM;
	return things_left >= 0 && things_left-- == 0;
}

void *__wrap_malloc(size_t size)
{
	void *p = refused() ? NULL : __real_malloc(size);

	live += p != NULL;
	return p;
}

void *__wrap_calloc(size_t nr, size_t size)
{
	void *p = refused() ? NULL : __real_calloc(nr, size);

	live += p != NULL;
	return p;
}

char *__wrap_strdup(const char *s)
{
	char *p = refused() ? NULL : __real_strdup(s);

	live += p != NULL;
	return p;
}

void *__wrap_realloc(void *p, size_t size)
{
	void *grown = refused() ? NULL : __real_realloc(p, size);

	live += grown && !p;
	return grown;
}

int __wrap_posix_memalign(void **ret, size_t align, size_t size)
{
	int r = refused() ? ENOMEM : __real_posix_memalign(ret, align, size);

	live += r == 0;
	return r;
}

void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *p = refused() ? MAP_FAILED : __real_mmap64(at, size, prot, flags, fd, offset);

	live += p != MAP_FAILED;
	return p;
}

int __wrap_munmap(void *at, size_t size)
{
	live--;
	return __real_munmap(at, size);
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

int __wrap_eventfd(unsigned int value, int flags)
{
	return refused() ? -1 : __real_eventfd(value, flags);
}

int __wrap_timerfd_create(int clock, int flags)
{
	return refused() ? -1 : __real_timerfd_create(clock, flags);
}

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev)
{
	return op == EPOLL_CTL_ADD && refused() ? -1 : __real_epoll_ctl(epoll, op, fd, ev);
}

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* --- The devices, one after the other ---------------------------------------------------------------------------- */

static int init_rng(struct virtio_rig *r)
{
	return virtio_rng_init(&r->rng, r->fd, &r->d.mem, r->d.loop, r->d.trace);
}

static void drop_rng(struct virtio_rig *r)
{
	virtio_rng_destroy(&r->rng);
}

static int init_console(struct virtio_rig *r)
{
	return virtio_console_init(&r->console, &r->char_host, &r->d.mem, r->d.loop, r->d.trace);
}

static void drop_console(struct virtio_rig *r)
{
	virtio_console_destroy(&r->console);
}

static int init_balloon(struct virtio_rig *r)
{
	return virtio_balloon_init(&r->balloon, VIRTIO_BALLOON_PAGE, MIB, &r->d.mem, r->d.loop, r->d.trace);
}

static void drop_balloon(struct virtio_rig *r)
{
	virtio_balloon_destroy(&r->balloon);
}

static int init_vsock(struct virtio_rig *r)
{
	return virtio_vsock_init(&r->vsock, 3, &r->vsock_host, &r->d.mem, r->d.loop, r->d.trace);
}

static void drop_vsock(struct virtio_rig *r)
{
	virtio_vsock_destroy(&r->vsock);
}

static void end_backend(struct net_backend *b)
{
	close(b->fd);
}

static int init_net(struct virtio_rig *r)
{
	static const struct net_backend_ops ops = {.destroy = end_backend};
	static const uint8_t mac[VIRTIO_NET_MAC_SIZE] = {2};
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	close(fd[1]);
	r->backend = (struct net_backend){.ops = &ops, .fd = fd[0]};
	return virtio_net_init(&r->net, 0, mac, &r->backend, &r->d.mem, r->d.loop, r->d.trace);
}

static void drop_net(struct virtio_rig *r)
{
	virtio_net_destroy(&r->net);
}

static int init_blk(struct virtio_rig *r)
{
	const struct virtio_blk_params p = {
		.disk = &r->disk, .queues = 2, .mem = &r->d.mem, .trace = r->d.trace, .loop = {r->d.loop, r->d.loop}};

	return virtio_blk_init(&r->blk, &p);
}

static void drop_blk(struct virtio_rig *r)
{
	virtio_blk_destroy(&r->blk);
}

static int init_fs(struct virtio_rig *r)
{
	const struct virtio_fs_params p = {
		.tag = "t", .fuse = r->fuse, .mem = &r->d.mem, .loop = r->d.loop, .trace = r->d.trace};

	return virtio_fs_init(&r->fs, &p);
}

static void drop_fs(struct virtio_rig *r)
{
	virtio_fs_destroy(&r->fs);
}

static int init_fuse(struct virtio_rig *r)
{
	const struct fuse_params p = {.root = open("/", O_PATH | O_CLOEXEC), .nodes = 4096, .fds = 8};

	assert_true(p.root >= 0);
	return fuse_new(&p, &r->fuse);
}

static void drop_fuse(struct virtio_rig *r)
{
	fuse_free(r->fuse);
	r->fuse = NULL;
}

static int init_disk(struct virtio_rig *r)
{
	char path[32];
	const struct disk_params p = {.path = path, .overlay = true, .logical = 512, .raw = true};
	struct err e = {0};

	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fd);
	return disk_open(&p, &r->disk, &e);
}

static void drop_disk(struct virtio_rig *r)
{
	disk_close(&r->disk);
}

/* @needs: the least number of things that it asks the host for */
static const struct {
	const char *name;
	unsigned needs;
	int (*init)(struct virtio_rig *r);
	void (*drop)(struct virtio_rig *r);
} kinds[] = {
	{"rng", 0, init_rng, drop_rng},
	{"console", 4, init_console, drop_console},
	{"balloon", 2, init_balloon, drop_balloon},
	{"vsock", 5, init_vsock, drop_vsock},
	{"net", 6, init_net, drop_net},
	{"blk", 3, init_blk, drop_blk},
	{"fs", 1, init_fs, drop_fs},
	{"the server of fs", 2, init_fuse, drop_fuse},
	{"an overlay", 1, init_disk, drop_disk},
};

static void each_refusal_leaves_nothing(void **state)
{
	struct virtio_rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	vqd_init(&r->d, MIB);
	r->fd = memfd_create("image", MFD_CLOEXEC);
	assert_int_equal(ftruncate(r->fd, 65536), 0);
	r->disk = (struct disk){
		.fd = -1, .overlay_fd = -1, .size_bytes = 65536, .logical = 512, .align = 1, .block = 1};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		long before = live;
		unsigned fds = open_fds(), refusals = 0;
		int code;

		do {
			given = 0;
			things_left = (int)refusals;
			code = kinds[i].init(r);
			things_left = -1;
			if (code == 0)
				break;
			if (code != -ENOMEM || live != before || open_fds() != fds)
				fail_msg("%s, refusal %u: %d, %ld allocations and %d files are left", kinds[i].name,
					refusals, code, live - before, (int)(open_fds() - fds));
		} while (++refusals < 100);
		if (code || refusals < kinds[i].needs || refusals != given)
			fail_msg("%s: %d after %u refusals, it asked for %u", kinds[i].name, code, refusals, given);
		kinds[i].drop(r);
		if (live != before || open_fds() != fds)
			fail_msg("%s: %ld allocations and %d files are left", kinds[i].name, live - before,
				(int)(open_fds() - fds));
		/* A second time, and one that was never made: nothing happens. */
		kinds[i].drop(r);
		assert_true(live == before && open_fds() == fds);
	}
	close(r->fd);
	vqd_destroy(&r->d);
	free(r);
}

/* With all that a driver does in between. */
static void each_device_leaves_nothing(void **state)
{
	for_each_kind(k)
	{
		long before = live;
		unsigned fds = open_fds();
		struct virtio_rig *r = calloc(1, sizeof(*r));

		assert_non_null(r);
		rig_up(r, k);
		assert_true(k->works(r));
		if (k->host)
			k->host(r);
		rig_down(r);
		free(r);
		if (live != before || open_fds() != fds)
			fail_msg("%s: %ld allocations and %d files are left", k->name, live - before,
				(int)(open_fds() - fds));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_refusal_leaves_nothing),
		cmocka_unit_test(each_device_leaves_nothing),
	};

	return run_group(tests);
}
