/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of struct machine, shared by build.c (building), run.c (running) and crash.c (reporting).
 */
#ifndef VMM_MACHINE_INTERNAL_H
#define VMM_MACHINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "boot/boot.h"
#include "vmm/base/board.h"
#include "vmm/console/console.h"
#include "vmm/console/split.h"
#include "vmm/kvm/exitlog.h"
#include "vmm/kvm/stats.h"
#include "vmm/kvm/vcpu_thread.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/chips.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/virtio/devices.h"

/**
 * enum cpu_probe - what a look at a CPU found (see the theory of operation in run.c)
 */
enum cpu_probe { CPU_NOT_PROBED, CPU_PROBING, CPU_ALIVE, CPU_DEAD };

/**
 * struct cpu - a CPU of the machine and its thread
 * @exits: where to note every exit, or NULL
 * @stats: KVM's counters, empty without --report
 * @cpu_ns: CPU time of the thread when the tick last looked
 * @probe: enum cpu_probe; set to PROBING by the tick, answered by the thread
 */
struct cpu {
	struct machine *m;
	struct vcpu_thread thread;
	struct exitlog *exits;
	struct kvm_stats stats;
	uint64_t cpu_ns;
	_Atomic int probe;
};

/**
 * struct machine
 * @lock: guards @verdict, @panic_ns, @failure; taken last, never held across a blocking call
 * @verdict: the first one wins
 * @crew: the threads of @cpu
 * @press_read: the guest has read an event of the power button; @press_rests: ticks since it was pressed
 */
struct machine {
	const struct config *config;
	struct trace *trace;
	struct loop *loop;
	struct sandbox *sandbox;

	/* OPEN */
	struct kvm kvm;
	int kernel_fd;
	int initrd_fd;
	struct console *console;

	/* BUILD */
	struct board board;
	uint32_t tsc_khz; /* for the guest's command line; 0: not there */
	struct loaded kernel;
	struct vm vm;
	struct chips chips;
	struct console_split split;
	struct pit_host pit_host;
	struct pmtimer_host pmtimer_host;
	struct virtio_devices *virtio; /* from OPEN on: it holds the disks' files */
	struct guest_events events;

	/* RUN */
	struct crew crew;
	struct cpu *cpu;
	pthread_mutex_t lock;
	struct verdict verdict;
	uint64_t panic_ns;
	bool terminating;
	int dead_rounds;
	struct loop_timer tick;
	struct loop_timer limit;
	struct loop_timer grace;
	int term_signal;
	bool press_read;
	unsigned press_rests;
	_Atomic unsigned marks;
	uint64_t startup_ioctl_ns;
	struct kvm_stats vm_stats;
	char failure[ERR_TEXT_MAX];
	struct {
		uint64_t reason, ndata, data[4];
	} error_detail;
};

/** machine_guest_event() - struct guest_events.raise of the machine */
void machine_guest_event(struct guest_events *ev, enum guest_event what, uint64_t value);

/** machine_crew - what the CPU threads do */
extern const struct crew_ops machine_crew;

/** machine_guest_has_clock() - struct pmtimer_host.has_clock of the machine; a vCPU's thread */
bool machine_guest_has_clock(struct pmtimer_host *host);

#endif
