/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of struct machine, shared by build.c (building), run.c (running), pause.c, core.c and crash.c
 * (reporting).
 */
#ifndef VMM_MACHINE_INTERNAL_H
#define VMM_MACHINE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "boot/boot.h"
#include "vmm/base/board.h"
#include "vmm/console/console.h"
#include "vmm/console/split.h"
#include "vmm/debug/gdb/stub.h"
#include "vmm/kvm/exit_trace.h"
#include "vmm/kvm/stats.h"
#include "vmm/kvm/holding.h"
#include "vmm/kvm/vcpu_thread.h"
#include "vmm/kvm/vm.h"
#include "vmm/kvm/vm_saved.h"
#include "vmm/machine/chips.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/virtio/devices.h"
#include "vmm/snapshot/snapshot.h"

/**
 * enum cpu_probe - the result of checking a CPU (see the theory of operation in run.c)
 */
enum cpu_probe { CPU_NOT_PROBED, CPU_PROBING, CPU_ALIVE, CPU_DEAD };

/**
 * struct cpu - a CPU of the machine and its thread
 * @exit_trace: its exits, with --trace; else NULL
 * @stats: KVM's counters, empty without --report
 * @cpu_ns: CPU time of the thread at the last tick
 * @probe: enum cpu_probe; set to PROBING by the tick, then to the result by the thread
 */
struct cpu {
	struct machine *m;
	struct vcpu_thread thread;
	struct exit_trace *exit_trace;
	struct kvm_stats stats;
	uint64_t cpu_ns;
	_Atomic int probe;
};

/**
 * struct machine_image - kernel and initrd
 * @kernel_fd, @initrd_fd: opened first, read in BUILD; -1: none
 * @kernel: the result of boot_load()
 * @tsc_khz: for its command line; 0: not included
 */
struct machine_image {
	int kernel_fd;
	int initrd_fd;
	struct loaded kernel;
	uint32_t tsc_khz;
};

/** struct machine_hosts - interfaces of the machine for its chips */
struct machine_hosts {
	struct guest_events events;
	struct pit_host pit;
	struct pmtimer_host pmtimer;
	struct marker_host marker;
};

/**
 * struct machine_ending - how the run ends, and details
 * @lock: guards the other members; taken last, never held across a blocking call
 * @verdict: the first one is kept
 * @panic_ns: when pvpanic reported a panic; 0: it did not
 * @failure: message about a failure of the host or KVM; empty: none
 * @internal_error: KVM's data about an internal error
 */
struct machine_ending {
	pthread_mutex_t lock;
	struct verdict verdict;
	uint64_t panic_ns;
	char failure[ERR_TEXT_MAX];
	struct {
		uint64_t reason, ndata, data[4];
	} internal_error;
};

/**
 * struct machine_button - the power button, pressed because of a signal
 * @signo: the signal; 0: none yet
 * @command: the signal was sent to the command instead
 * @read: the guest has read an event of it
 * @rests: number of ticks since it was pressed
 * @grace: time limit of the guest from then on
 */
struct machine_button {
	int signo;
	bool command;
	bool read;
	unsigned rests;
	struct loop_timer grace;
};

/**
 * struct machine_tick - checks made four times a second
 * @dead_rounds: how often all CPUs were found permanently halted; -1: idle, do not check again before there is progress
 */
struct machine_tick {
	struct loop_timer timer;
	int dead_rounds;
};

/**
 * struct machine_counts - for the report
 * @marks: of the guest, including those over the limit
 * @startup_ioctl_ns: time in KVM's ioctls before the first KVM_RUN
 * @vm: KVM's counters, empty without --report
 */
struct machine_counts {
	_Atomic unsigned marks;
	uint64_t startup_ioctl_ns;
	struct kvm_stats vm;
};

/**
 * struct machine - in the order of its life: borrowed, opened in OPEN, made in BUILD, needed by the run
 * @virtio: from OPEN on: it contains the disks' files
 * @crew: the threads of @cpu
 * @gdb: from OPEN on; NULL: without --gdb; @gdb_hold: it has stopped the guest
 * @holding: the guest is held still; @resumed_ns: when it last went on, 0: never
 * @gdb_core: .done is set while a core is written for it, and @gdb_released when it wants the guest to go on meanwhile
 * @limit: timer for the time limit, at @limit_at_ns; 0: none
 * @core: from OPEN on; NULL: without --core
 * @facts: of machine_describe(); @restored: inotify of its snapshot's file, perhaps shared
 * @snapshot: from OPEN on; NULL: without --snapshot; @cpuid: of the guest, kept for it
 * @saved: of machine_saved_init(), or NULL; @saved_size: bytes of machine_save()
 * @random_fd: of machine_unique_open(), or -1
 * @reset: NULL unless machine_reset_init() was called (vmm/machine/reset.h)
 * @command: from OPEN on; NULL: the guest runs none (vmm/machine/command.h)
 * @rounds: NULL unless it runs in rounds (vmm/machine/rounds.h)
 */
struct machine {
	const struct config *config;
	struct trace *trace;
	struct loop *loop;
	struct sandbox *sandbox;

	struct machine_image image;
	struct virtio_devices *virtio;
	struct kvm kvm;
	struct console *console;

	struct board board;
	struct vm vm;
	struct chips chips;
	struct machine_hosts hosts;
	struct console_split split;
	struct crew crew;
	struct cpu *cpu;

	struct machine_tick tick;
	struct loop_timer limit;
	uint64_t limit_at_ns;
	struct holding holding;
	uint64_t resumed_ns;
	struct gdb_stub *gdb;
	struct hold gdb_hold;
	struct core_request gdb_core;
	bool gdb_released;
	struct machine_core *core;
	struct machine_facts facts;
	struct loop_source restored;
	struct machine_snapshot *snapshot;
	struct cpuid_set *cpuid;
	struct vm_saved *saved;
	size_t saved_size;
	struct machine_reset *reset;
	int random_fd;
	struct machine_command *command;
	struct machine_rounds *rounds;
	struct machine_button button;
	struct machine_ending end;
	struct machine_counts counts;
};

/** machine_guest_event() - struct guest_events.raise of the machine */
void machine_guest_event(struct guest_events *ev, enum guest_event what, uint64_t value);

/**
 * machine_mark() - the guest has set a mark: for snapshots, rounds and the timeline; any thread
 * @by: static
 */
void machine_mark(struct machine *m, const char *name, const char *by);

/** machine_unique_open() - for a machine that is reset; stage OPEN. Return: 0 or a negative errno, with a message. */
int machine_unique_open(struct machine *m, struct err *e);

/** machine_new_generation() - another VM generation id; as machine_unique(), which tells the guest too */
int machine_new_generation(struct machine *m, struct err *e);

/** machine_unique_init() - before the chips are made */
void machine_unique_init(struct machine *m);

/**
 * machine_unique() - make a restored guest another one than all that were restored from the same snapshot
 *
 * Return: 0 or a negative errno, with a message in @e. Context: the machine is held, or does not run yet; after its
 * devices were restored.
 */
int machine_unique(struct machine *m, struct err *e);

/** machine_pause_init() - make its timer. Return: 0 or a negative errno. */
int machine_pause_init(struct machine *m);

/**
 * machine_gdb_open(), machine_gdb_init() - with --gdb, in OPEN and after the CPUs were made
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int machine_gdb_open(struct machine *m, struct err *e);
int machine_gdb_init(struct machine *m, struct err *e);
/* The value of %s in --core for a request; CORE_REASON_LONGEST is the longest value */
#define CORE_REASON_REQUEST "request"
#define CORE_REASON_LONGEST "internal-error"

/**
 * machine_core_open(), machine_core_init(), machine_core_start() - steps of --core in OPEN, in BUILD after the CPUs
 * were made, and before the filters; do nothing without it
 *
 * Return: 0 or a negative errno, with a message in @e.
 */
int machine_core_open(struct machine *m, struct err *e);
int machine_core_init(struct machine *m, struct err *e);
int machine_core_start(struct machine *m, struct err *e);

/**
 * machine_core_finish() - after the CPUs and devices have stopped: write a core if the verdict requires one
 *
 * It runs the control loop until the core is complete, or until machine_core_interrupt().
 */
void machine_core_finish(struct machine *m);

/** machine_core_interrupt() - end machine_core_finish(). Return: whether it is running. Called in the loop. */
bool machine_core_interrupt(struct machine *m);

/**
 * machine_core_destroy() - takes NULL. Return: false when its thread hangs in the host, and may still read guest RAM
 */
bool machine_core_destroy(struct machine_core *c);

/**
 * machine_snapshot_open(), machine_snapshot_init(), machine_snapshot_start() - as those of a core
 */
int machine_snapshot_open(struct machine *m, struct err *e);
int machine_snapshot_init(struct machine *m, struct err *e);
int machine_snapshot_start(struct machine *m, struct err *e);

/** machine_snapshot_mark() - the guest has set a mark; any thread */
void machine_snapshot_mark(struct machine *m, const char *name);

/** machine_snapshot_ready() - the guest is ready for its command; any thread */
void machine_snapshot_ready(struct machine *m);

/** machine_snapshot_waits() - one was asked for by the guest, and is not written yet; any thread */
bool machine_snapshot_waits(const struct machine *m);

/** machine_snapshot_finish() - after the CPUs and devices have stopped: nobody wants one any more */
void machine_snapshot_finish(struct machine *m);

/** machine_snapshot_destroy() - as machine_core_destroy() */
bool machine_snapshot_destroy(struct machine_snapshot *s);

/**
 * machine_restore_memory(), machine_restore_cpuid(), machine_restore_state() - the steps in which a machine that is
 * restored is built otherwise than one that boots
 *
 * Return: 0 or a negative errno, with a message in @e. Trust: guest.
 */
int machine_restore_memory(struct machine *m, struct err *e);
int machine_restore_cpuid(struct machine *m, struct cpuid_set *cpuid, struct err *e);
int machine_restore_state(struct machine *m, struct err *e);

/**
 * machine_snapshot_disks() - what a snapshot has of the disks
 * @ret: SNAPSHOT_DISKS_MAX, borrowed descriptors and maps in them
 *
 * Return: how many there are.
 */
uint32_t machine_snapshot_disks(const struct machine *m, struct snapshot_source *ret);

/**
 * machine_restore_disks() - compare the images with those of the snapshot, and put its blocks below the overlays
 *
 * Return: 0 or a negative errno, with a message in @e. Context: BUILD, before the devices are made. Trust: guest.
 */
int machine_restore_disks(struct machine *m, struct err *e);

/**
 * machine_restore_open(), machine_restore_watch() - learn of changes of the snapshot's file: stage OPEN, and with a
 * loop; as machine_restore_memory()
 */
int machine_restore_open(struct machine *m, struct err *e);
int machine_restore_watch(struct machine *m, struct err *e);

/** machine_restore_changed() - look whether there was one: if so, that ends the run. In the loop's thread. */
void machine_restore_changed(struct machine *m);

/** machine_restore_forget() - undo machine_restore_watch() */
void machine_restore_forget(struct machine *m);

/**
 * machine_rounds_take_end() - is this the end of a round instead of the run's? Any thread; one of a vCPU is then held
 * when its exit is complete.
 */
bool machine_rounds_take_end(struct machine *m, const struct verdict *v);

/** machine_rounds_mark() - the guest has set a mark, which ends a round; any thread, as machine_rounds_take_end() */
void machine_rounds_mark(struct machine *m);

/** machine_rounds_start() - before the gate is opened: the guest waits for the first round */
void machine_rounds_start(struct machine *m);

/** machine_rounds_destroy() - takes NULL; before the console is destroyed */
void machine_rounds_destroy(struct machine_rounds *r);

/** machine_forget_probe() - what the checks for a permanent halt have seen does not count any more; the loop */
void machine_forget_probe(struct machine *m);

/** machine_failed() - end the run since the host failed, which counts before any other end. In the loop's thread. */
void machine_failed(struct machine *m, const char *why);

/** machine_saved_destroy() - undo machine_saved_init() */
void machine_saved_destroy(struct machine *m);

/** machine_crew - the functions of the CPU threads */
extern const struct crew_ops machine_crew;

/** machine_guest_has_clock() - struct pmtimer_host.has_clock of the machine; a vCPU's thread */
bool machine_guest_has_clock(struct pmtimer_host *host);

#endif
