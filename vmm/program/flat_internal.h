/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by flat.c, flat_io.c and flat_run.c only.
 */
#ifndef VMM_PROGRAM_FLAT_INTERNAL_H
#define VMM_PROGRAM_FLAT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/debug_exit.h"
#include "devices/debugcon.h"
#include "devices/uart16550.h"
#include "vmm/debug/gdb/stub.h"
#include "vmm/kvm/holding.h"
#include "vmm/kvm/vcpu_thread.h"
#include "vmm/kvm/vm.h"
#include "vmm/program/flat.h"
#include "vmm/program/flat_layout.h"

#define FLAT_LINE_MAX  512
#define FLAT_WORDS_MAX 256
#define FLAT_SAID_MAX  64

/** struct flat_number - a port that prints numbers */
struct flat_number {
	struct device dev;
	struct char_host *out;
	bool is_signed;
};

/**
 * struct flat_program - one program
 * @vm: index of its VM, @slot: where its slot starts there
 * @pio: its ports; nobody else's
 * @line: where its devices print to
 * @said, @said_nr: what the port access under way prints. Its own thread only.
 * @text, @used: with several programs: the line so far. Its own thread only.
 * @input_ended: no key will come. Under @key_lock.
 * @thread: its vCPU and who runs it
 * @verdict, @words: of its own thread, until it has been joined
 */
struct flat_program {
	struct flat *flat;
	char *name;
	int fd;
	struct flat_wish wish;
	enum entry_mode mode;
	struct flat_image image;
	unsigned vm;
	uint64_t slot;
	struct vcpu_thread thread;

	struct bus pio;
	struct char_host line;
	char said[FLAT_SAID_MAX];
	size_t said_nr;
	char text[FLAT_LINE_MAX];
	size_t used;
	struct debugcon debugcon;
	struct uart uart;
	struct irq_line no_irq;
	struct flat_number number[2];
	struct device key;
	struct debug_exit exit;
	struct guest_events events;
	bool has_ports;

	pthread_mutex_t key_lock;
	pthread_cond_t key_came;
	bool input_ended;

	struct verdict verdict;
	char words[FLAT_WORDS_MAX];
	uint64_t create_ns;
	uint64_t guest_ns;
	uint64_t vmm_ns;
};

/**
 * struct flat
 * @vm: @nr_vms of them, each with the programs that say so
 * @keyboard: input goes to program[0]
 * @turn: who has it writes to the console; @room: it may have room again. Locks are taken in this order.
 * @crew: the threads of @program
 * @gdb: from OPEN on; NULL: nobody may debug; @gdb_hold: it has stopped the programs
 * @running: programs that have not ended
 * @end: verdict for those that are stopped; under @lock
 */
struct flat {
	struct kvm kvm;
	struct trace *trace;
	struct loop *loop;
	struct console *console;
	struct sandbox *sandbox;
	struct crew crew;
	struct flat_program *program;
	unsigned nr;
	struct vm *vm;
	unsigned nr_vms;
	uint64_t mem_bytes;
	bool isolate;
	bool timed;
	bool raw;
	uint64_t deadline_ns;
	struct loop_timer limit;
	struct char_guest keyboard;
	struct gdb_stub *gdb;
	struct hold gdb_hold;
	struct holding holding;

	pthread_mutex_t turn;
	pthread_mutex_t room_lock;
	pthread_cond_t room;
	uint64_t rooms;

	pthread_mutex_t lock;
	struct verdict end;
	_Atomic unsigned running;
};

/** flat_crew - what the threads do */
extern const struct crew_ops flat_crew;

/* flat_pause.c */

/** flat_pause_init() - Return: 0 or a negative errno */
int flat_pause_init(struct flat *f);

/* flat_gdb.c */

/** flat_gdb_init() - when the programs are there. Return: 0 or a negative errno */
int flat_gdb_init(struct flat *f, struct err *e);

/* flat_io.c */

/** flat_io_init() - locks and the keyboard; before any program's */
int flat_io_init(struct flat *f);

void flat_io_destroy(struct flat *f);

/** flat_program_ports() - put the devices of FLAT_PORTS on the program's bus */
int flat_program_ports(struct flat_program *p, bool keyboard, struct err *e);

void flat_program_ports_destroy(struct flat_program *p);

/** flat_access() - serve a VCPU_PIO exit; the program's thread */
void flat_access(struct flat_program *p, const struct vcpu_exit *x);

/** flat_print_rest() - a last line that no newline ended; the program's thread */
void flat_print_rest(struct flat_program *p);

/** flat_wake() - threads that wait for a key or for room look at crew_stopping() again; any thread */
void flat_wake(struct flat *f);

#endif
