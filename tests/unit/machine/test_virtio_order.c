// SPDX-License-Identifier: Apache-2.0
/*
 * The order of virtio devices is an interface to guests: a guest that was installed finds its disks and networks by
 * address and interrupt, and a kernel command line may name them. So the machine that has every device has them here
 * as numbers, and no change of the table may move one.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"
#include "vmm/machine/board.h"
#include "vmm/machine/virtio/devices.h"

#define SECTOR 512

struct bench {
	char dir[32];
	int passt;
	struct config config;
	struct board board;
	struct gmem mem;
	struct loop *loop;
	struct virtio_devices *s;
};

static char *in_dir(const struct bench *b, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	return strdup(path);
}

/* A disk that is known by its size. */
static void add_disk(struct bench *b, const char *name, unsigned sectors)
{
	struct config *c = &b->config;
	char *path = in_dir(b, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)sectors * SECTOR), 0);
	close(fd);
	c->disk = reallocarray(c->disk, c->nr_disks + 1, sizeof(*c->disk));
	assert_non_null(c->disk);
	c->disk[c->nr_disks++] = (struct config_disk){.path = path, .logical = SECTOR, .queues = 1};
}

/* A network device that is known by the last byte of its address. */
static void add_net(struct bench *b, uint8_t last)
{
	struct config *c = &b->config;

	c->net = reallocarray(c->net, c->nr_nets + 1, sizeof(*c->net));
	assert_non_null(c->net);
	c->net[c->nr_nets++] = (struct config_net){
		.kind = CONFIG_NET_PASST, .name = in_dir(b, "passt"), .mac = {0x02, 0, 0, 0, 0, last}};
}

/* What passt is here: a socket that takes connections. */
static void listen_as_passt(struct bench *b)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/passt", b->dir);
	b->passt = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(b->passt, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(b->passt, 8), 0);
}

static void everything(struct bench *b)
{
	static uint8_t ram[PAGE_4K] __attribute__((aligned(PAGE_4K)));

	memset(b, 0, sizeof(*b));
	assert_int_equal(gmem_add(&b->mem, &(struct gmem_region){.size = sizeof(ram), .host = ram, .fd = -1}), 0);
	strcpy(b->dir, "/tmp/vmm-order-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	listen_as_passt(b);
	config_init(&b->config);
	add_disk(b, "first", 111);
	add_disk(b, "second", 222);
	add_net(b, 1);
	add_net(b, 2);
	b->config.vsock = (struct config_vsock){.cid = 42, .path = in_dir(b, "vsock")};
	b->config.console_virtio = true;
	b->config.balloon.on = true;
}

static void make(struct bench *b)
{
	struct virtio_env env = {.config = &b->config, .mem = &b->mem};
	struct err e = {0};

	assert_int_equal(loop_new(&b->loop), 0);
	env.loop = b->loop;
	assert_int_equal(board_draw(&b->config, &b->board, &e), 0);
	assert_int_equal(virtio_devices_open(&b->config, &b->s, &e), 0);
	assert_int_equal(virtio_devices_init(b->s, &env, &e), 0);
}

static void unmake(struct bench *b)
{
	assert_true(virtio_devices_destroy(b->s));
	loop_free(b->loop);
}

static void drop(struct bench *b)
{
	static const char *const names[] = {"first", "second", "passt"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *path = in_dir(b, names[i]);

		unlink(path);
		free(path);
	}
	close(b->passt);
	config_destroy(&b->config);
	assert_int_equal(rmdir(b->dir), 0);
}

struct wanted {
	uint64_t base;
	uint32_t gsi;
	uint32_t id;     /* virtio 1.2, 5 */
	unsigned offset; /* a byte of its configuration, by which two of a kind differ */
	uint8_t byte;
};

static void compare(struct bench *b, const struct wanted *wanted, size_t nr)
{
	make(b);
	assert_int_equal(b->s->nr, nr);
	assert_null(board_find(&b->board, BOARD_VIRTIO_MMIO, (unsigned)nr));
	for (unsigned i = 0; i < nr; i++) {
		const struct board_part *p = board_find(&b->board, BOARD_VIRTIO_MMIO, i);
		struct virtio_device *dev = b->s->slot[i].mmio.device;
		uint8_t byte = 0;

		assert_non_null(p);
		if (dev->ops->config_read)
			dev->ops->config_read(dev, wanted[i].offset, &byte, 1);
		if (p->base != wanted[i].base || p->gsi != wanted[i].gsi || dev->id != wanted[i].id ||
			byte != wanted[i].byte)
			fail_msg("device %u: 0x%jx, GSI %u, type %u, byte %u", i, (uintmax_t)p->base, p->gsi, dev->id,
				byte);
	}
	unmake(b);
}

static void a_machine_with_everything(void **state)
{
	static const struct wanted wanted[] = {
		{0xd0000000, 16, 2, 0, 111},                            /* disks: the capacity */
		{0xd0001000, 17, 2, 0, 222}, {0xd0002000, 18, 1, 5, 1}, /* networks: the MAC address */
		{0xd0003000, 19, 1, 5, 2}, {0xd0004000, 20, 4, 0, 0},   /* entropy */
		{0xd0005000, 21, 19, 0, 42},                            /* sockets: the context id */
		{0xd0006000, 22, 3, 0, 0},                              /* console */
		{0xd0007000, 23, 5, 0, 0},                              /* balloon */
	};
	struct bench b;

	everything(&b);
	compare(&b, wanted, ARRAY_SIZE(wanted));
	drop(&b);
}

/* Without ACPI a kernel may have no I/O APIC: interrupts of ISA come first. */
static void a_machine_with_everything_and_no_acpi(void **state)
{
	static const struct wanted wanted[] = {
		{0xd0000000, 5, 2, 0, 111},
		{0xd0001000, 10, 2, 0, 222},
		{0xd0002000, 11, 1, 5, 1},
		{0xd0003000, 6, 1, 5, 2},
		{0xd0004000, 7, 4, 0, 0},
		{0xd0005000, 3, 19, 0, 42},
		{0xd0006000, 14, 3, 0, 0},
		{0xd0007000, 15, 5, 0, 0},
	};
	struct bench b;

	everything(&b);
	b.config.acpi = false;
	compare(&b, wanted, ARRAY_SIZE(wanted));
	drop(&b);
}

/* What is not there takes no place. */
static void those_behind_move_up(void **state)
{
	static const struct wanted wanted[] = {
		{0xd0000000, 16, 1, 5, 1},
		{0xd0001000, 17, 1, 5, 2},
		{0xd0002000, 18, 3, 0, 0},
		{0xd0003000, 19, 5, 0, 0},
	};
	struct bench b;

	everything(&b);
	b.config.rng = false;
	free(b.config.vsock.path);
	b.config.vsock.path = NULL;
	for (size_t i = 0; i < b.config.nr_disks; i++) {
		unlink(b.config.disk[i].path);
		free(b.config.disk[i].path);
	}
	b.config.nr_disks = 0;
	compare(&b, wanted, ARRAY_SIZE(wanted));
	drop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_with_everything),
		cmocka_unit_test(a_machine_with_everything_and_no_acpi),
		cmocka_unit_test(those_behind_move_up),
	};

	return run_group(tests);
}
