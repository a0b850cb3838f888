/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio devices of a machine: a slot for each, in the order of the board's BOARD_VIRTIO_MMIO parts, which is that
 * of the table in kinds.h.
 */
#ifndef VMM_MACHINE_VIRTIO_DEVICES_H
#define VMM_MACHINE_VIRTIO_DEVICES_H

#include "devices/virtio/virtio_mmio.h"
#include "vmm/base/board.h"
#include "vmm/config.h"
#include "vmm/host/worker.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/virtio/kinds.h"

struct disk;
struct virtio_console;
struct virtio_port_params;
struct virtio_ports;

/**
 * struct virtio_slot - register page and interrupt of a device
 */
struct virtio_slot {
	const struct virtio_kind *kind;
	struct virtio_mmio mmio;
	struct irq_line irq;
};

/**
 * struct virtio_units - the devices of one kind: @nr open ones, of ops->unit_size bytes each
 */
struct virtio_units {
	void *unit;
	size_t nr;
};

/**
 * struct virtio_env - parameters of the devices; all borrowed until virtio_devices_destroy()
 * @loop: the control loop
 * @console: for a virtio console
 * @port: of a command, @nr_ports of them
 */
struct virtio_env {
	const struct config *config;
	const struct gmem *mem;
	struct loop *loop;
	struct trace *trace;
	struct char_host *console;
	const struct virtio_port_params *port;
	unsigned nr_ports;
};

/**
 * struct virtio_devices - owns everything in it except what @env borrows
 * @slot: the first @nr are in use
 * @units: by enum virtio_kind_id
 * @worker: the thread of the kinds with VIRTIO_SHARED, if there are any. Its only blocking call is TUNSETOFFLOAD, which
 *          waits for the host's rtnl lock.
 */
struct virtio_devices {
	struct virtio_env env;
	struct virtio_slot slot[BOARD_VIRTIO_MAX];
	unsigned nr;
	struct virtio_units units[VIRTIO_KINDS_NR];
	struct worker worker;
};

/**
 * virtio_devices_open() - open everything with a path: disk images, network backends
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with a message in @e.
 * Context: OPEN stage. Trust: operator.
 */
int virtio_devices_open(const struct config *config, struct virtio_devices **ret, struct err *e);

/**
 * virtio_devices_init() - make the devices and their transports; BUILD stage
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int virtio_devices_init(struct virtio_devices *s, const struct virtio_env *env, struct err *e);

/** virtio_devices_attach() - connect the device at @part's address to KVM: kicks and register reads without exits */
int virtio_devices_attach(struct virtio_devices *s, const struct board_part *part, struct vm *vm, struct err *e);

/** virtio_devices_unit() - the state of a device of one kind, or NULL */
void *virtio_devices_unit(struct virtio_devices *s, enum virtio_kind_id kind, size_t index);

/**
 * virtio_devices_start() - the threads of devices that are not in the control loop; before the CPUs run
 * @sandbox: borrowed; as of worker_start()
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int virtio_devices_start(struct virtio_devices *s, struct sandbox *sandbox, struct err *e);

/**
 * virtio_devices_hold() - start no new requests; current ones are finished
 *
 * Return: the name of a device that still works on a request; NULL: none. Call it again until it returns NULL.
 * Context: the control loop, the CPUs held; does not block.
 */
const char *virtio_devices_hold(struct virtio_devices *s);

/** virtio_devices_release() - undo virtio_devices_hold(); before the CPUs are resumed */
void virtio_devices_release(struct virtio_devices *s);

/**
 * virtio_devices_save(), virtio_devices_restore() - the state of all of them; vmm/base/state.h
 *
 * The devices must have been made with the same configuration.
 *
 * Return: 0 or -EINVAL, with a message in @e; after a failure the machine must not be used.
 * Context: the CPUs held; between virtio_devices_hold() and virtio_devices_release(), or, to restore, before a driver
 * has used them. Trust: guest.
 */
void virtio_devices_save(struct virtio_devices *s, struct state_writer *w);
int virtio_devices_restore(struct virtio_devices *s, struct state_reader *r, struct err *e);

/**
 * virtio_devices_saved_room() - bytes that virtio_devices_save() may write besides those that it writes for new devices
 */
size_t virtio_devices_saved_room(const struct virtio_devices *s);

/**
 * virtio_devices_savable() - whether all can be saved now
 *
 * Return: 0, -ENOTSUP with the device's name and its reason in @e. Context: as of virtio_devices_save().
 */
int virtio_devices_savable(struct virtio_devices *s, struct err *e);

/** virtio_devices_forget() - before virtio_devices_restore() of devices that were used: see @forget in kinds.h */
void virtio_devices_forget(struct virtio_devices *s);

/**
 * virtio_devices_stop() - end the devices' threads, after the CPUs have stopped
 *
 * A thread that hangs in a system call (a network disk that does not respond) is left running.
 */
void virtio_devices_stop(struct virtio_devices *s);

/**
 * virtio_devices_destroy() - takes NULL and a partly built struct
 *
 * Return: true when everything was freed; false when a thread was left running: then @s and guest RAM must be kept
 * until the process ends.
 */
bool virtio_devices_destroy(struct virtio_devices *s);

/** virtio_devices_share() - a path to the opened directory of share @index, for the sandbox, or NULL; borrowed */
const char *virtio_devices_share(struct virtio_devices *s, size_t index);

/** virtio_devices_disk() - the image of disk @i, or NULL when there are no more; borrowed; usable from OPEN on */
struct disk *virtio_devices_disk(struct virtio_devices *s, size_t i);

/** virtio_devices_console() - borrowed, NULL when there is none; usable after virtio_devices_init() */
struct virtio_console *virtio_devices_console(struct virtio_devices *s);

/** virtio_devices_ports() - as virtio_devices_console(), of a machine that runs a command */
struct virtio_ports *virtio_devices_ports(struct virtio_devices *s);

/**
 * virtio_devices_balloon() - change the balloon's target by a step; does nothing without a balloon
 *
 * Context: the control loop.
 */
void virtio_devices_balloon(struct virtio_devices *s, bool more);

#endif
