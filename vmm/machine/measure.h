/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of a run: plain data for the report, collected before the machine is destroyed.
 */
#ifndef VMM_MACHINE_MEASURE_H
#define VMM_MACHINE_MEASURE_H

#include "devices/virtio/virtio.h"
#include "vmm/base/board.h"
#include "vmm/base/bus.h"
#include "vmm/check/facts.h"
#include "vmm/console/console.h"
#include "vmm/kvm/stats.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/machine/machine.h"

/** struct measure_counter - a counter of KVM; those of vCPUs are summed over CPUs */
struct measure_counter {
	char name[64];
	uint64_t value;
};

/** struct measure_counters - in KVM's order */
struct measure_counters {
	struct measure_counter *counter;
	size_t nr;
};

/**
 * struct measure_device - a part of the board: accesses to its registers, and bytes transferred by a virtio device
 * @name: of the virtio device; empty: not virtio
 * @driven: as of struct virtio_device
 */
struct measure_device {
	struct board_part part;
	char name[24];
	bool driven;
	struct virtio_payload payload;
	uint64_t reads;
	uint64_t writes;
	uint64_t bytes;
};

/**
 * struct measures - owns its arrays; measures_destroy()
 * @kvm_api: 0 when KVM was not opened
 * @startup_ioctl_ns: of the time to the first KVM_RUN, inside KVM's ioctls
 * @exits: @cpus rows of VCPU_EVENTS counts
 * @vm, @vcpu: KVM's counters; empty if KVM has none
 * @memory_known: whether @memory could be read
 * @ram_bytes: of guest RAM
 * @marks_lost: marks of the guest over the limit
 * @failure: message about a failure of the host, or empty
 * @panic_line: the kernel's panic message, escaped, or empty
 * @core: path of the last core, owned, or NULL
 * @exit_trace: one per CPU, owned; NULL without --trace
 */
struct measures {
	int kvm_api;
	uint64_t startup_ioctl_ns;
	unsigned cpus;
	char *core;
	uint64_t (*exits)[VCPU_EVENTS];
	struct measure_counters vm;
	struct measure_counters vcpu;
	struct measure_device device[BOARD_PARTS_MAX];
	size_t nr_devices;
	struct console_stats console;
	bool memory_known;
	struct memory_use memory;
	uint64_t ram_bytes;
	uint64_t marks_lost;
	char failure[ERR_TEXT_MAX];
	char panic_line[PANIC_TEXT_LINE_MAX * 4 + 1];
	struct exit_trace **exit_trace;
};

/** measures_destroy() - takes a zeroed struct */
void measures_destroy(struct measures *m);

/** vcpu_event_name() - its name in the report */
const char *vcpu_event_name(enum vcpu_event what);

#endif
