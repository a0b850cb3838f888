/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of virtio devices: one table, and a file for each kind beside it.
 *
 * A new kind is a device in devices/virtio, a file here that defines its struct virtio_kind_ops, and a row of
 * VIRTIO_KINDS. The board, ACPI, the sandbox's plan, the report and the hints take what they need from the table; what
 * an operator may ask for is in struct config and the option table.
 */
#ifndef VMM_MACHINE_VIRTIO_KINDS_H
#define VMM_MACHINE_VIRTIO_KINDS_H

#include "devices/virtio/virtio.h"
#include "security/sandbox.h"
#include "vmm/base/err.h"
#include "vmm/config.h"

struct virtio_devices;

/*
 * X(kind, name, option, driver, thread): the name for errors; what an operator asks for it with, and the module of
 * Linux that drives it, NULL: none is missed; and whose thread serves its queues: of enum virtio_thread.
 *
 * The order of the rows is the order of the board's slots, so of addresses and interrupts, which is an interface to
 * guests: a new row is the last.
 */
#define VIRTIO_KINDS(X)                                                                                                \
	X(blk, "disk", "--disk", "virtio_blk", OWN)                                                                    \
	X(net, "network device", "--net", "virtio_net", SHARED)                                                        \
	X(rng, "entropy device", "--rng", NULL, LOOP)                                                                  \
	X(vsock, "socket device", "--vsock", "vmw_vsock_virtio_transport", SHARED)                                     \
	X(console, "virtio console", "--console virtio", "virtio_console", LOOP)                                       \
	X(balloon, "balloon", "--balloon", "virtio_balloon", SHARED)                                                   \
	/* A row is a line. */

/**
 * enum virtio_thread - where a kind's queues are served
 * @VIRTIO_LOOP: in the control loop, with its filter of system calls
 * @VIRTIO_SHARED: in the one thread of all such devices, in role SANDBOX_MISC
 * @VIRTIO_OWN: in threads of its own: it may block
 */
enum virtio_thread { VIRTIO_LOOP, VIRTIO_SHARED, VIRTIO_OWN };

/**
 * struct virtio_needs - what a device uses of the host; plain data, strings are the configuration's
 * @sandbox: SANDBOX_HAS() bits: the rules of the filters
 * @fds: descriptors that it may hold, beside its interrupt and its kicks
 * @fd: a descriptor of the caller's that it takes over, -1: none
 * @opens_as, @opens: the option and the file that it opens; NULL: none
 * @copies: what the guest writes is kept in another file, as large as @opens
 * @makes_as, @makes: the option and the file that it makes; NULL: none
 */
struct virtio_needs {
	uint32_t sandbox;
	unsigned fds;
	int fd;
	const char *opens_as;
	const char *opens;
	bool copies;
	const char *makes_as;
	const char *makes;
};

/**
 * struct virtio_kind_ops - what a kind does; @unit is its state for one device, zeroed before @open
 * @unit_size: bytes of that
 * @many: a machine may have several
 * @count: how many the configuration asks for
 * @check: refuse what cannot be. Return: 0 or -EINVAL with a message in @e.
 * @needs: of device @index; @ret is set to "nothing" before
 * @open: what has a path, in stage OPEN. Return: 0 or a negative errno, with a message in @e; then @destroy is not
 *        called.
 * @ready: wait for what @open has started; BUILD stage, before any @init. Return: 0 or a negative errno, with a message
 *         in @e.
 * @init: make the device, with what s->env has and, for a kind with VIRTIO_SHARED, in s->worker.loop. Return: 0 or a
 *        negative errno, without words.
 * @start: its own threads, before the CPUs run. Return: 0 or a negative errno, without words.
 * @quit: tell these threads to end, without waiting
 * @stop: wait for them until @deadline_ns on the monotonic clock. Return: false when one still hangs in a system call;
 *        it can be called again.
 * @destroy: no thread is in it any more; takes what is opened only, and what is half-built
 *
 * NULL: there is nothing to do. @count and @init are always there; @start, @quit and @stop are those of VIRTIO_OWN.
 * All are called by the control thread.
 */
struct virtio_kind_ops {
	size_t unit_size;
	bool many;
	size_t (*count)(const struct config *c);
	int (*check)(const struct config *c, struct err *e);
	void (*needs)(const struct config *c, size_t index, struct virtio_needs *ret);
	int (*open)(void *unit, const struct config *c, size_t index, struct err *e);
	int (*ready)(void *unit, struct virtio_devices *s, struct err *e);
	int (*init)(void *unit, size_t index, struct virtio_devices *s, struct virtio_device **ret);
	int (*start)(void *unit, struct sandbox *sandbox);
	void (*quit)(void *unit);
	bool (*stop)(void *unit, uint64_t deadline_ns);
	void (*destroy)(void *unit);
};

/** struct virtio_kind - a row */
struct virtio_kind {
	const char *name;
	const char *option;
	const char *driver;
	enum virtio_thread thread;
	const struct virtio_kind_ops *ops;
};

/** enum virtio_kind_id - their places in the table */
enum virtio_kind_id {
#define X(kind, name, option, driver, thread) VIRTIO_KIND_##kind,
	VIRTIO_KINDS(X)
#undef X
		VIRTIO_KINDS_NR
};

#define X(kind, name, option, driver, thread) extern const struct virtio_kind_ops virtio_##kind##_ops;
VIRTIO_KINDS(X)
#undef X

extern const struct virtio_kind virtio_kinds[VIRTIO_KINDS_NR];

#define for_each_virtio_kind(k)                                                                                        \
	for (const struct virtio_kind *k = virtio_kinds; k < virtio_kinds + VIRTIO_KINDS_NR; k++)

/** virtio_kinds_count() - how many devices @c asks for */
size_t virtio_kinds_count(const struct config *c);

/** virtio_kinds_check() - refuse what no device can be. Return: 0 or -EINVAL with a message in @e. */
int virtio_kinds_check(const struct config *c, struct err *e);

/** virtio_needs() - what the @nth device uses, in the order of slots. Return: false when there is no such. */
bool virtio_needs(const struct config *c, size_t nth, struct virtio_needs *ret);

#endif
