/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of virtio devices: one table, and a file for each kind beside it.
 *
 * A new kind is a device in devices/virtio, a file here that defines its struct virtio_kind_ops, and a row of
 * VIRTIO_KINDS. The board, ACPI, the sandbox's plan, the report and the hints use the table; the operator's settings
 * are in struct config and the option table.
 */
#ifndef VMM_MACHINE_VIRTIO_KINDS_H
#define VMM_MACHINE_VIRTIO_KINDS_H

#include "devices/virtio/virtio.h"
#include "security/sandbox.h"
#include "vmm/base/err.h"
#include "vmm/config.h"

struct virtio_devices;

/*
 * X(kind, name, option, driver, thread): its name in messages; its option; its Linux module, NULL: no hint when it is
 * unused; the thread that serves its queues, of enum virtio_thread.
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
	X(fs, "share", "--share", "virtiofs", OWN)                                                                     \
	X(ports, "ports of a command", "--root", "virtio_console", LOOP)                                               \
	/* One row per line. */

/**
 * enum virtio_thread - the thread that serves a kind's queues
 * @VIRTIO_LOOP: the control loop, with its system call filter
 * @VIRTIO_SHARED: one thread shared by all such devices, in role SANDBOX_VIRTIO
 * @VIRTIO_OWN: threads of the device, which may block
 */
enum virtio_thread { VIRTIO_LOOP, VIRTIO_SHARED, VIRTIO_OWN };

/**
 * struct virtio_needs - what a device needs from the host; plain data, strings belong to the configuration
 * @sandbox: SANDBOX_HAS() bits: the rules of the filters
 * @fds: number of descriptors that it may have open, besides its interrupt and its kicks
 * @fd: an inherited descriptor that it takes, -1: none
 * @opens_as, @opens: the option and the file that it opens; NULL: none
 * @copies: the guest's writes go to another file, as large as @opens
 * @makes_as, @makes: the option and the file that it creates; NULL: none
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
 * struct virtio_kind_ops - implemented by a kind; @unit is the state of one device, zeroed before @open
 * @unit_size: its size in bytes
 * @many: a machine may have several
 * @count: number of devices in the configuration
 * @check: refuse an invalid configuration. Return: 0 or -EINVAL with a message in @e.
 * @needs: needs of device @index; @ret is initialised to none
 * @open: open everything with a path, in stage OPEN. Return: 0 or a negative errno, with a message in @e; then @destroy
 *        is not called.
 * @ready: wait for what @open has started; in stage BUILD, before any @init. Return: 0 or a negative errno, with a
 *         message in @e.
 * @init: make the device, using s->env and, for a kind with VIRTIO_SHARED, s->worker.loop. Return: 0 or a negative
 *        errno, without a message.
 * @start: start its threads, before the CPUs run. Return: 0 or a negative errno, without a message.
 * @forget: the machine goes back to where it began to run: drop what the guest has written on the host's side since;
 *          held as for virtio_devices_restore()
 * @quit: tell its threads to end, without waiting
 * @stop: wait for them until @deadline_ns on the monotonic clock. Return: false when one still hangs in a system call;
 *        it can be called again.
 * @destroy: called when no thread uses it any more; takes a device that was only opened or partly built
 *
 * NULL: nothing to do. @count and @init are mandatory; only VIRTIO_OWN has @start, @quit and @stop. All are called by
 * the control thread.
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
	void (*forget)(void *unit);
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

/** enum virtio_kind_id - indices of the table */
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

/** virtio_kinds_count() - number of devices in @c */
size_t virtio_kinds_count(const struct config *c);

/** virtio_kinds_check() - refuse invalid settings of devices. Return: 0 or -EINVAL with a message in @e. */
int virtio_kinds_check(const struct config *c, struct err *e);

/** virtio_needs() - needs of the @nth device, in the order of slots. Return: false when it does not exist. */
bool virtio_needs(const struct config *c, size_t nth, struct virtio_needs *ret);

#endif
