// SPDX-License-Identifier: Apache-2.0
/*
 * Forged saved state with correct checksums: the reader of a snapshot's devices. The input selects a device, the values
 * of its fields, and the driver's actions afterwards.
 *
 * Asserted: a state is restored completely or not at all; a restored state is saved again unchanged; and a restored
 * device withstands every driver, like a new one, and works after a reset.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/i8042.h"
#include "devices/marker.h"
#include "devices/pit.h"
#include "devices/pm1.h"
#include "devices/pmtimer.h"
#include "devices/power.h"
#include "devices/rtc.h"
#include "devices/uart16550.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/console.h"
#include "devices/virtio/fs.h"
#include "devices/virtio/ports.h"
#include "devices/virtio/rng.h"
#include "tests/support/chip.h"
#include "tests/support/fuse_client.h"
#include "tests/support/fuzz.h"
#include "tests/support/vq_driver.h"
#include "vmm/base/crc.h"

#define RAM (512 * KIB)

/** struct input - the rest of the input; zeroes are read after its end */
struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t next(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

/* Fields from the input, in every section, and the checksums that belong to them. */
static void write_by_hand(struct state_writer *w, struct input *in)
{
	for (size_t at = 0; at < w->used;) {
		uint8_t *section = w->data + at;
		size_t n = le32_get(section + STATE_HEADER - 4), size = STATE_HEADER + n + STATE_TRAILER;

		/* A count, and that number of bytes: most fields stay as they are. */
		for (unsigned edits = next(in) % 16; edits--;) {
			unsigned where = (unsigned)next(in) | (unsigned)next(in) << 8;

			section[STATE_HEADER + where % n] = next(in);
		}
		le32_put(section + size - STATE_TRAILER, crc32c(0, section, size - STATE_TRAILER));
		at += size;
	}
}

/* --- Chips -------------------------------------------------------------------------------------------------------- */

struct chips {
	struct irq_line irq;
	struct fake_host host;
	struct fake_events events;
	struct uart uart;
	struct i8042 i8042;
	struct pit pit;
	struct pit_host pit_host;
	struct rtc rtc;
	struct pm1 pm1;
	struct pmtimer pmtimer;
	struct pmtimer_host pmtimer_host;
	struct power power;
	struct marker marker;
	struct marker_host marker_host;
};

static int start_pit(struct pit_host *host, uint8_t control, uint8_t speaker)
{
	return 0;
}

static bool no_clock(struct pmtimer_host *host)
{
	return false;
}

static void no_mark(struct marker_host *h, const char *name)
{
}

static bool not_busy(struct marker_host *h)
{
	return false;
}

static bool all_is_ram(struct marker_host *h, uint64_t gpa, uint64_t size)
{
	return true;
}

static int64_t rtc_now(const struct rtc *r)
{
	return INT64_C(1800000000123456789);
}

static uint64_t pmtimer_now(const struct pmtimer *t)
{
	return 123456789;
}

static void drive(struct device *const dev[], unsigned nr, struct chips *c, struct input *in)
{
	static const uint8_t widths[] = {1, 2, 4, 8};
	uint8_t byte;

	while (in->size) {
		struct device *d = dev[next(in) % nr];
		uint8_t what = next(in), at = next(in) % 8;

		if (what & 0x80)
			out_wide(d, at, next(in) * UINT64_C(0x0101010101010101), widths[what & 3]);
		else
			in_wide(d, at, widths[what & 3]);
		byte = next(in);
		if (what & 0x40)
			c->uart.guest.rx(&c->uart.guest, &byte, 1);
		c->host.room = what & 0x20 ? 3 : 0;
		if (what & 0x10)
			c->uart.guest.tx_room(&c->uart.guest);
	}
}

/* One chip: saved as new, written by hand, restored, saved, restored from that, saved: all the same from then on. */
#define TRY(chip, init, ...)                                                                                           \
	do {                                                                                                           \
		struct device *const devices_[] = {__VA_ARGS__};                                                       \
		uint8_t bytes_[1024], again_[1024], third_[1024];                                                      \
		struct state_writer w_ = {.data = bytes_, .size = sizeof(bytes_)};                                     \
		struct chip##_regs before_;                                                                            \
		assert((init) == 0);                                                                                   \
		chip##_save(&c->chip, &w_);                                                                            \
		write_by_hand(&w_, in);                                                                                \
		memcpy(&before_, &c->chip.regs, sizeof(before_));                                                      \
		if (chip##_restore(&c->chip, &(struct state_reader){.data = bytes_, .size = w_.used}, NULL) < 0) {     \
			assert(!memcmp(&before_, &c->chip.regs, sizeof(before_)));                                     \
		} else {                                                                                               \
			struct state_writer a_ = {.data = again_, .size = sizeof(again_)},                             \
					    t_ = {.data = third_, .size = sizeof(third_)};                             \
			chip##_save(&c->chip, &a_);                                                                    \
			assert(chip##_restore(                                                                         \
				       &c->chip, &(struct state_reader){.data = again_, .size = a_.used}, NULL) == 0); \
			chip##_save(&c->chip, &t_);                                                                    \
			assert(a_.used == t_.used && !memcmp(again_, third_, a_.used));                                \
			drive(devices_, ARRAY_SIZE(devices_), c, in);                                                  \
		}                                                                                                      \
		chip##_destroy(&c->chip);                                                                              \
	} while (0)

static void try_chip(unsigned which, struct chips *c, struct input *in)
{
	switch (which) {
	case 0: TRY(uart, uart_init(&c->uart, &c->irq, &c->host.host), &c->uart.dev); break;
	case 1: TRY(i8042, i8042_init(&c->i8042, &c->events.events), &c->i8042.data, &c->i8042.cmd); break;
	case 2: TRY(pit, pit_init(&c->pit, &c->pit_host), &c->pit.timer, &c->pit.port61); break;
	case 3: TRY(rtc, rtc_init(&c->rtc, RAM) ?: (c->rtc.now = rtc_now, 0), &c->rtc.dev); break;
	case 4: TRY(pm1, pm1_init(&c->pm1, &c->events.events), &c->pm1.dev); break;
	case 5:
		TRY(pmtimer, pmtimer_init(&c->pmtimer, &c->pmtimer_host) ?: (c->pmtimer.now = pmtimer_now, 0),
			&c->pmtimer.dev);
		break;
	case 10: TRY(marker, marker_init(&c->marker, &c->marker_host), &c->marker.dev); break;
	default: TRY(power, power_init(&c->power, &c->irq, &c->events.events), &c->power.dev); break;
	}
}

static void chip(unsigned which, struct input *in)
{
	struct chips *c = calloc(1, sizeof(*c));

	if (!c || irq_line_init(&c->irq) < 0)
		abort();
	fake_host_init(&c->host);
	c->events = (struct fake_events)FAKE_EVENTS;
	c->pit_host.start = start_pit;
	c->pmtimer_host.has_clock = no_clock;
	c->marker_host = (struct marker_host){.mark = no_mark, .busy = not_busy, .is_ram = all_is_ram};
	/* For drive(), whichever chip it is about. */
	if (uart_init(&c->uart, &c->irq, &c->host.host) < 0)
		abort();
	try_chip(which, c, in);
	irq_line_destroy(&c->irq);
	free(c);
}

/* --- Virtio ------------------------------------------------------------------------------------------------------- */

static size_t print(struct char_host *h, const uint8_t *data, size_t n)
{
	return n;
}

static void rx_room(struct char_host *h)
{
}

enum { BALLOON, CONSOLE, RNG, PORTS, SHARE };

/**
 * struct virtio - @client: of the share's server, without its queues
 */
struct virtio {
	struct vq_driver d;
	struct virtio_balloon balloon;
	struct virtio_console console;
	struct virtio_rng rng;
	struct virtio_ports ports;
	struct virtio_fs fs;
	struct fuse_client client;
	struct char_host host;
	unsigned which;
};

static char tree[] = "/tmp/fuzz-state.XXXXXX";

static void remove_tree(void)
{
	int dir = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	unlinkat(dir, "sub/file", 0);
	unlinkat(dir, "sub", AT_REMOVEDIR);
	close(dir);
	rmdir(tree);
}

static void make_tree(void)
{
	int dir;

	if (access(tree, F_OK) == 0)
		return;
	if (!mkdtemp(tree))
		abort();
	atexit(remove_tree);
	dir = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(dir, "sub", 0700) < 0 || mknodat(dir, "sub/file", S_IFREG | 0600, 0) < 0)
		abort();
	close(dir);
}

static int make_share(struct virtio *v)
{
	struct fuse_params server = {.nodes = 4096, .fds = 4};
	struct virtio_fs_params p = {.tag = "fuzz", .mem = &v->d.mem, .loop = v->d.loop, .trace = v->d.trace};

	make_tree();
	if (fuse_open_root(tree, &server.root, NULL) < 0 || fuse_new(&server, &v->client.f) < 0)
		abort();
	v->client.room = 4096;
	p.fuse = v->client.f;
	return virtio_fs_init(&v->fs, &p);
}

static int make_ports(struct virtio *v)
{
	struct virtio_port_params p[VIRTIO_PORTS_MAX];

	for (unsigned i = 0; i < VIRTIO_PORTS_MAX; i++)
		p[i] = (struct virtio_port_params){"fuzz", &v->host};
	return virtio_ports_init(&v->ports, p, VIRTIO_PORTS_MAX, &v->d.mem, v->d.loop, v->d.trace);
}

static void make(struct virtio *v)
{
	struct vq_driver *d = &v->d;
	struct virtio_device *const dev[] = {&v->balloon.dev, &v->console.dev, &v->rng.dev, &v->ports.dev, &v->fs.dev};
	int r;

	v->host = (struct char_host){.tx = print, .rx_room = rx_room};
	switch (v->which) {
	case BALLOON: r = virtio_balloon_init(&v->balloon, 4 * KIB, 1000000000, &d->mem, d->loop, d->trace); break;
	case CONSOLE: r = virtio_console_init(&v->console, &v->host, &d->mem, d->loop, d->trace); break;
	case RNG: r = virtio_rng_init(&v->rng, -1, &d->mem, d->loop, d->trace); break;
	case PORTS: r = make_ports(v); break;
	default: r = make_share(v); break;
	}
	if (r < 0)
		abort();
	vqd_attach(d, dev[v->which]);
}

static void drop(struct virtio *v)
{
	vqd_detach(&v->d);
	switch (v->which) {
	case BALLOON: virtio_balloon_destroy(&v->balloon); break;
	case CONSOLE: virtio_console_destroy(&v->console); break;
	case RNG: virtio_rng_destroy(&v->rng); break;
	case PORTS: virtio_ports_destroy(&v->ports); break;
	default:
		virtio_fs_destroy(&v->fs);
		fuse_free(v->client.f);
		break;
	}
}

/* Nodes for the state: a directory, and an open file in it. */
static void look_around(struct virtio *v)
{
	struct fuse_entry_out sub, file;

	if (v->which != SHARE)
		return;
	if (client_lookup(&v->client, FUSE_ROOT, "sub", &sub) < 0 ||
		client_lookup(&v->client, sub.nodeid, "file", &file) < 0 ||
		client_open(&v->client, file.nodeid, false, O_RDONLY) < 0)
		abort();
}

/* Whatever the state says of the nodes, each is used, and then forgotten. */
static void use_nodes(struct virtio *v)
{
	uint32_t nodes;
	unsigned fds;

	if (v->which != SHARE)
		return;
	for (uint64_t place = 0; place < 8; place++)
		for (uint64_t generation = 0; generation < 4; generation++) {
			uint64_t id = generation << 32 | place;
			struct fuse_entry_out e;
			struct fuse_attr a;

			client_getattr(&v->client, id, &a);
			client_lookup(&v->client, id, "file", &e);
			client_open(&v->client, id, generation & 1, O_RDONLY);
			client_read(&v->client, FUSE_READ, id, 0, 10);
			client_forget(&v->client, id, UINT64_MAX);
		}
	fuse_counts(v->client.f, &nodes, &fds);
	assert(fds <= 4);
}

static void between(void *arg, uint8_t what)
{
	struct virtio *v = arg;

	if (v->which == BALLOON && what & 2)
		v->balloon.poll.fired(&v->balloon.poll);
	if (v->which == CONSOLE && what & 2)
		v->console.guest.rx(&v->console.guest, &what, 1);
	if (v->which == PORTS && what & 2)
		v->ports.port[what % 3].guest.rx(&v->ports.port[what % 3].guest, &what, 1);
}

static void device(unsigned which, struct input *in)
{
	struct virtio *v = calloc(1, sizeof(*v));
	uint8_t bytes[4096];
	struct state_writer w = {.data = bytes, .size = sizeof(bytes)};

	if (!v)
		abort();
	v->which = which;
	vqd_init(&v->d, RAM);
	make(v);
	assert(vqd_start(&v->d, next(in) & 1 ? UINT64_MAX : VIRTIO_F_VERSION_1));
	vqd_run(&v->d);
	look_around(v);
	assert(virtio_hold(v->d.dev) == 0);
	virtio_mmio_save(&v->d.mmio, 0, &w);
	assert(w.used <= w.size);
	drop(v);
	write_by_hand(&w, in);
	make(v);
	if (virtio_mmio_restore(&v->d.mmio, 0, &(struct state_reader){.data = bytes, .size = w.used}, NULL) < 0)
		assert(!vqd_get(&v->d, VQD_STATUS));
	use_nodes(v);
	vqd_run(&v->d);
	vqd_fuzz(&v->d, in->data, in->size, between, v);
	v->d.next = VQD_RAM_START;
	assert(vqd_start(&v->d, UINT64_MAX));
	drop(v);
	vqd_destroy(&v->d);
	free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned which = next(&in) % 13;

	if (which < 7 || which == 10)
		chip(which, &in);
	else
		device(which > 10 ? which - 8 : which - 7, &in);
	return 0;
}
