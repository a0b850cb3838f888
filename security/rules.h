/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls a thread may make once the guest runs, each with its reason. There is one table (rules.c):
 * gen/gen_filters.c converts it during the build for seccomp.c, which makes the filters, scripts/seccomp-report prints
 * it, and the tests try every row.
 *
 * A row belongs to a role and to a device; it applies to machines that have the device. Of several rows for one call it
 * is enough that one allows it. A call that no row allows traps, see seccomp.h.
 */
#ifndef SECURITY_RULES_H
#define SECURITY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(id, name, what the thread does) */
#define SANDBOX_ROLES(X)                                                                                               \
	X(LOOP, "loop", "the control loop: signals, timers, console, and the report at the end")                       \
	X(DISK, "disk", "the loop of a disk")                                                                          \
	X(SHARE, "share", "serves the files of a shared directory")                                                    \
	X(VIRTIO, "virtio", "the loop of network, socket device and balloon")                                          \
	X(VCPU, "vcpu", "a vCPU: runs the guest and answers its exits")                                                \
	X(PROGRAM, "program", "runs a Linux program without a kernel, and answers its system calls")                   \
	X(GDB, "gdb", "serves a debugger: registers and memory of a guest that is held")                               \
	X(STATE, "state", "writes cores or snapshots of the guest, and sleeps until one is asked for")                 \
	X(BROKER, "broker", "a process: owns the path of a socket, and connects to programs of the host by port")      \
	X(REPORT, "report", "a process: renames a report or trace when it is complete")                                \
	X(OUT, "out", "a process: writes the files that a command leaves behind")                                      \
	X(RUNNER, "runner", "a process of vmm test: reads what guests print, writes the results")                      \
	X(CLONES, "clones", "a process: prints what clones print, and learns how they end")

/* X(id, name, when a machine has it) */
#define SANDBOX_DEVICES(X)                                                                                             \
	X(ALWAYS, "", "every machine")                                                                                 \
	X(FILES, "files", "a standard stream is a pipe, a terminal or another device")                                 \
	X(TERMINAL, "terminal", "the console is on a terminal")                                                        \
	X(PTY, "pty", "the console is a pty of ours")                                                                  \
	X(SOCKET, "socket", "the console is a listening socket")                                                       \
	X(STREAM, "stream", "a standard stream is a socket")                                                           \
	X(TAP, "tap", "a network device has a TAP interface behind it")                                                \
	X(PASST, "passt", "a network device has passt behind it")                                                      \
	X(VSOCK, "vsock", "there is a socket device")                                                                  \
	X(SHARE, "share", "a directory is shared with the guest")                                                      \
	X(BALLOON, "balloon", "there is a memory balloon")                                                             \
	X(GIVEN_BACK, "given-back", "a restored guest has a memory balloon")                                           \
	X(PIT, "pit", "a machine, whose interval timer KVM makes when the guest programs it")                          \
	X(REPORT, "report", "a report or a trace is written at the end")                                               \
	X(GDB, "gdb", "a debugger may connect")                                                                        \
	X(CORE, "core", "cores of the guest are written")                                                              \
	X(SNAPSHOT, "snapshot", "snapshots of the guest are written")                                                  \
	X(RESET, "reset", "the guest goes back to where it began, again and again")                                    \
	X(FLAT, "flat", "programs without a kernel")                                                                   \
	X(ROUNDS, "rounds", "a Linux program without a kernel goes back to where it began, again and again")           \
	X(TREE, "tree", "a Linux program without a kernel has files of the host")                                      \
	X(CHANGES, "changes", "and may change some of them")                                                           \
	X(SANITIZER, "sanitizer", "built with a sanitizer; never in a release")

enum sandbox_role {
#define X(id, name, text) SANDBOX_##id,
	SANDBOX_ROLES(X)
#undef X
		SANDBOX_ROLE_COUNT
};

enum sandbox_device {
#define X(id, name, text) SANDBOX_DEVICE_##id,
	SANDBOX_DEVICES(X)
#undef X
		SANDBOX_DEVICE_COUNT
};

/* A set of devices; ALWAYS is in every set. */
#define SANDBOX_HAS(device) (1u << SANDBOX_DEVICE_##device)

/* Used as a value: the id of the process itself, filled in when a filter is installed. */
#define SANDBOX_OWN_PID UINT32_C(0x7ffe51d0)

/*
 * Used as a value: one of the descriptors of struct sandbox_fds. Other descriptors cannot be bound: they are opened and
 * closed while the guest runs (clients, connections), or there are too many of one kind (eventfds, timers).
 *
 * X(id, number, what they are)
 */
#define SANDBOX_FD_KINDS(X)                                                                                            \
	X(DISK, 2, "the disk's image, and its overlay")                                                                \
	X(DISK_BASE, 1, "the snapshot, which has blocks of the disk's overlay; only read")                             \
	X(VCPU, 1, "the thread's own vCPU")                                                                            \
	X(VM, 1, "the VM")                                                                                             \
	X(PROGRAM, 3, "the command's streams, which the program has")                                                  \
	X(TICK, 1, "the timer of turns of the program's threads")                                                      \
	X(FILES, 2, "the directory of cores, or of snapshots; those of logs and JUnit files")                          \
	X(FILE, 1, "the core or snapshot that is being written; the directory again while there is none")              \
	X(STREAM, 4, "streams of the caller's whose O_NONBLOCK is ours to take back; no file, none of sockets")

enum sandbox_fd {
#define X(id, number, text) SANDBOX_FD_##id,
	SANDBOX_FD_KINDS(X)
#undef X
		SANDBOX_FD_COUNT
};

#define SANDBOX_FD_MAX   4 /* per kind */
#define SANDBOX_FD(kind) (SANDBOX_OWN_PID + 1 + SANDBOX_FD_##kind)
#define SANDBOX_FD_OF(v) ((uint32_t)(v) - (SANDBOX_OWN_PID + 1)) /* SANDBOX_FD_COUNT and more: not a descriptor */

/**
 * struct sandbox_fds - the descriptors that a thread's filter names; start from SANDBOX_NO_FDS
 * @of: of each kind, -1: none
 */
struct sandbox_fds {
	int of[SANDBOX_FD_COUNT][SANDBOX_FD_MAX];
};

#define SANDBOX_NO_FD(id, number, text) [SANDBOX_FD_##id] = {-1, -1, -1, -1},
#define SANDBOX_NO_FDS                  ((struct sandbox_fds){.of = {SANDBOX_FD_KINDS(SANDBOX_NO_FD)}})

#define SANDBOX_CONDS_MAX 2

/**
 * struct sandbox_cond - (argument & mask) == value
 * @arg: 0 to 5; -1: no condition
 */
struct sandbox_cond {
	int arg;
	uint64_t mask;
	uint64_t value;
};

/**
 * struct sandbox_rule - a row
 * @nr, @call: the system call's number and name
 * @refused: not executed, but returns 0 instead of trapping: for brk, a break that did not move
 * @cond: all of them must be true
 * @what: the conditions as text; empty when all arguments are allowed
 * @why: what the thread needs it for
 */
struct sandbox_rule {
	enum sandbox_role role;
	enum sandbox_device device;
	int nr;
	const char *call;
	bool refused;
	struct sandbox_cond cond[SANDBOX_CONDS_MAX];
	const char *what;
	const char *why;
};

extern const struct sandbox_rule sandbox_rules[];
extern const size_t sandbox_rules_nr;

#endif
