/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the remote serial protocol and the guest that it debugs: bytes in, bytes out, and no descriptor.
 *
 * The guest is stopped or runs, all CPUs together; a CPU is a thread to gdb, whose number is one more than the CPU's.
 * While it runs only an interrupt, kill and detach are taken: everything else is answered with an error.
 *
 * Spec: Debugging with GDB, appendix E.
 */
#ifndef VMM_DEBUG_GDB_SESSION_H
#define VMM_DEBUG_GDB_SESSION_H

#include "vmm/debug/gdb/breakpoints.h"
#include "vmm/debug/gdb/packet.h"
#include "vmm/debug/gdb/regs.h"

/** enum gdb_how - what a CPU is to do when the guest goes on */
enum gdb_how { GDB_STAY, GDB_GO, GDB_STEP };

/** enum gdb_end - the client ends the run: as the guest's reset does, or at once */
enum gdb_end { GDB_END_NONE, GDB_END_RESET, GDB_END_KILL };

/** enum gdb_why - why a CPU has stopped */
enum gdb_why {
	GDB_WHY_NONE,
	GDB_WHY_INTERRUPT,
	GDB_WHY_SOFTWARE,
	GDB_WHY_HARDWARE,
	GDB_WHY_WATCH,
	GDB_WHY_ACCESS,
	GDB_WHY_STEP,
};

/** struct gdb_stop - @address: what is watched */
struct gdb_stop {
	unsigned cpu;
	enum gdb_why why;
	uint64_t address;
};

struct gdb_target;

/**
 * struct gdb_target_ops - the guest, for a session
 * @read, @write: registers of a CPU. Return: 0 or a negative errno
 * @memory: guest RAM as a CPU sees it
 * @state: of a CPU, in a word or two
 * @resume: let the guest go on, @how has one for each CPU. Return: true: a CPU had something to report already, in
 * @ret,
 *	and the guest has stayed as it is
 * @interrupt: stop the guest; gdb_session_stopped() follows
 * @end: end the run
 * @core: write a core of the guest; gdb_session_cored() follows
 *
 * All but @interrupt and @end are called while the guest is stopped.
 */
struct gdb_target_ops {
	int (*read)(struct gdb_target *t, unsigned cpu, struct gdb_regs *ret);
	int (*write)(struct gdb_target *t, unsigned cpu, const struct gdb_regs *regs);
	const struct gmem *(*memory)(struct gdb_target *t, unsigned cpu);
	const char *(*state)(struct gdb_target *t, unsigned cpu);
	bool (*resume)(struct gdb_target *t, const uint8_t *how, struct gdb_stop *ret);
	void (*interrupt)(struct gdb_target *t);
	void (*end)(struct gdb_target *t, enum gdb_end end);
	void (*core)(struct gdb_target *t);
};

/** struct gdb_target - embedded by the owner of the guest; @nr_cpus is at least 1 and does not change */
struct gdb_target {
	const struct gdb_target_ops *ops;
	unsigned nr_cpus;
	struct gdb_breakpoints breakpoints;
};

/**
 * struct gdb_session - a client
 * @how: of each CPU, for the packet under way; @target->nr_cpus of them, owned
 * @running: the client waits for the guest to stop
 * @acks: packets are acknowledged
 * @physical: addresses are guest-physical
 * @wants_core: the client waits for a core, and sends nothing
 * @left: the client has detached, or ended the run
 * @reg_cpu, @step_cpu: whose registers and memory are meant, and who is stepped by the old packets
 * @stop: why the guest is stopped
 * @regs: scratch
 */
struct gdb_session {
	struct gdb_target *target;
	uint8_t *how;
	bool running;
	bool acks;
	bool physical;
	bool wants_core;
	bool left;
	bool kills;
	unsigned reg_cpu;
	unsigned step_cpu;
	struct gdb_stop stop;
	struct gdb_regs regs;
	struct gdb_reader in;
	struct gdb_writer out;
	uint8_t bytes[GDB_PACKET_MAX];
	char text[GDB_DESCRIPTION_MAX];
};

/**
 * gdb_session_new() - @target is borrowed; the caller owns the session: gdb_session_free()
 *
 * Return: NULL when memory ran out.
 */
struct gdb_session *gdb_session_new(struct gdb_target *target);

/** gdb_session_free() - takes NULL */
void gdb_session_free(struct gdb_session *s);

/** gdb_session_begin() - a new client; the guest is stopped */
void gdb_session_begin(struct gdb_session *s);

/**
 * gdb_session_input() - bytes of the client; replies are added to @s->out
 *
 * It stops behind a byte that completed something, so that a reply can be sent before the next one is made.
 *
 * Return: how many were taken, at least one.
 * Trust: the client may do with the guest what it likes, and with vmm nothing.
 */
size_t gdb_session_input(struct gdb_session *s, const void *data, size_t len);

/** gdb_session_stopped() - the guest has stopped, and @s->running is over; @stop says why */
void gdb_session_stopped(struct gdb_session *s, const struct gdb_stop *stop);

/** gdb_session_say() - a line for the person at gdb; only while @s->running, else it does nothing */
void gdb_session_say(struct gdb_session *s, const char *text);

/** gdb_session_cored() - answers the client that waits for a core; @text is a line for a person */
void gdb_session_cored(struct gdb_session *s, const char *text);

/** gdb_session_exited() - the run is over: a client that waits hears @status, 0 to 255 */
void gdb_session_exited(struct gdb_session *s, unsigned status);

#endif
