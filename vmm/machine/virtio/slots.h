/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's virtio devices: a slot for each, in the order of the board's BOARD_VIRTIO_MMIO parts.
 *
 * A new kind of device is: its settings in struct config; its number in count_virtio() of ../board.c; and here its
 * state in struct virtio_slots, what it opens in virtio_slots_open(), and an init function in the list of
 * slots.c, which calls virtio_slots_add() for each device. The order of that list is the order of the slots.
 */
#ifndef VMM_MACHINE_VIRTIO_SLOTS_H
#define VMM_MACHINE_VIRTIO_SLOTS_H

#include "devices/virtio/blk.h"
#include "devices/virtio/net.h"
#include "devices/virtio/virtio_mmio.h"
#include "vmm/base/board.h"
#include "vmm/config.h"
#include "vmm/host/worker.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/virtio/misc.h"

/**
 * struct virtio_slot - what every device has: a register page and an interrupt
 */
struct virtio_slot {
	struct virtio_mmio mmio;
	struct irq_line irq;
};

/**
 * struct disk_unit - a disk with its threads
 * @worker, @nr_workers: one for each queue; one for all of them with an overlay
 */
struct disk_unit {
	struct disk disk;
	struct blk blk;
	struct worker worker[CONFIG_DISK_QUEUES_MAX];
	unsigned nr_workers;
};

/**
 * struct net_unit - a network device, and before it exists what it will use
 */
struct net_unit {
	struct net_backend *backend;
	struct net net;
};

/**
 * struct virtio_slots - owns everything in it
 * @slot: @nr of them are in use
 * @worker: the loop of network devices, sockets and balloon, without any of them none. Nothing there blocks but
 *          TUNSETOFFLOAD, which waits for the host's rtnl lock.
 */
struct virtio_slots {
	struct virtio_slot slot[BOARD_VIRTIO_MAX];
	unsigned nr;
	struct worker worker;
	struct virtio_misc misc;
	struct disk_unit *disk;
	size_t nr_disks;
	struct net_unit *net;
	size_t nr_nets;
};

/**
 * struct virtio_env - what devices are made from; all borrowed until virtio_slots_destroy()
 * @loop: the control loop
 * @console: for a virtio console
 */
struct virtio_env {
	const struct config *config;
	const struct gmem *mem;
	struct loop *loop;
	struct trace *trace;
	struct char_host *console;
};

/**
 * virtio_slots_open() - open what has a path: disk images, network backends
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno, with words.
 * Context: OPEN stage. Trust: operator.
 */
int virtio_slots_open(const struct config *config, struct virtio_slots **ret, struct err *e);

/**
 * virtio_slots_init() - make the devices and their transports; BUILD stage. Return: 0 or a negative errno, with words.
 */
int virtio_slots_init(struct virtio_slots *s, const struct virtio_env *env, struct err *e);

/** virtio_slots_add() - for the init functions: put a device into the next slot. Return: 0 or a negative errno. */
int virtio_slots_add(struct virtio_slots *s, struct virtio_device *device);

/** virtio_slots_attach() - the device at @part's address: kicks and reads of registers without leaving KVM */
int virtio_slots_attach(struct virtio_slots *s, const struct board_part *part, struct vm *vm, struct err *e);

/**
 * virtio_slots_start() - the threads of devices that have their own; before the CPUs run
 * @sandbox: borrowed; as of worker_start()
 *
 * Return: 0 or a negative errno.
 */
int virtio_slots_start(struct virtio_slots *s, struct sandbox *sandbox, struct err *e);

/**
 * virtio_slots_stop() - end those threads, once the CPUs have stopped
 *
 * A thread that hangs in a system call (a disk behind a network that does not answer) is left behind.
 */
void virtio_slots_stop(struct virtio_slots *s);

/**
 * virtio_slots_destroy() - takes NULL and what is half-built
 *
 * Return: true when all is gone; false when a thread was left behind: then @s and guest RAM have to stay as they are
 * until the process ends.
 */
bool virtio_slots_destroy(struct virtio_slots *s);

#endif
