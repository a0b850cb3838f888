/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host end of a guest's character line: stdio, a pty, a file, a socket, or nothing.
 *
 * What the guest sends goes to a ring of CONSOLE_RING_BYTES and from there, in the loop, to the reader; a reader that
 * blocks never blocks a vCPU. When the ring is full, tx takes less and the device withholds its transmitter until
 * there is room again. A reader that is gone for good (closed pipe, failed write, size cap) makes the console take and
 * drop everything from then on, and count it as lost.
 *
 * A pty or a socket that nobody is connected to is a reader that blocks: CONSOLE_RING_BYTES are kept from the start
 * on, then the guest has to wait; who connects later sees everything from the first byte. For a guest that should run
 * on unwatched, file= and null are the kinds to choose. A socket serves one client at a time; another is told so and
 * closed.
 *
 * Input waits until the guest takes it. A pipe, a file, a socket or a pty is not read meanwhile, so its writer waits
 * and no byte is lost. A terminal with a filter is read all the same, since some of its keys are meant for us: see
 * input.c.
 *
 * console_open() is what needs paths, before the sandbox closes; console_attach() puts it to work.
 *
 * What the sandbox has to leave. Paths: to tell at the end whether anybody has the pty open, reading and writing of
 * console_pty_name() (without it a pty that nobody reads holds up the end for half of console_finish()'s time). System
 * calls of the loop's thread after console_attach(): those of vmm/host/nbio.h; write on an eventfd; epoll_ctl,
 * timerfd_settime; socket: accept4, fcntl(F_DUPFD_CLOEXEC); pty: ioctl(FIONREAD, TIOCGPTPEER); console_destroy() of a
 * socket: those of broker_close(). Of a vCPU's thread: write on an eventfd, futex.
 */
#ifndef VMM_CONSOLE_CONSOLE_H
#define VMM_CONSOLE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/chardev.h"
#include "vmm/base/clock.h"
#include "vmm/base/err.h"
#include "vmm/base/loop.h"
#include "vmm/base/trace.h"
#include "vmm/config.h"
#include "vmm/console/panic_text.h"
#include "vmm/console/timeline.h"

#define CONSOLE_RING_BYTES (1 * MIB)
#define CONSOLE_TAIL_BYTES 4096
/* The longest an escaped tail gets, with its terminator. */
#define CONSOLE_TAIL_TEXT (4 * CONSOLE_TAIL_BYTES + 1)
#define CONSOLE_FINISH_NS (2 * NSEC_PER_SEC)

/**
 * struct console_filter - stands between a terminal's keyboard and the guest; implemented by cmd/terminal
 * @prepare: about to read, and in the foreground: makes sure of raw mode. Loop thread.
 * @filter: take escapes out of *@n bytes of @data, in place, up to the first one that asks for something: *@n becomes
 *      how many are left (never more), *@brk is set when a BREAK follows them. Returns how many were looked at. Loop
 *      thread.
 * @refused: the guest did not get what was typed: its line has no BREAK, or it does not read and the buffer is full.
 *      Loop thread.
 */
struct console_filter {
	void (*prepare)(struct console_filter *f);
	size_t (*filter)(struct console_filter *f, uint8_t *data, size_t *n, bool *brk);
	void (*refused)(struct console_filter *f);
};

/**
 * struct console_params - what to open
 * @kind: as in the configuration
 * @path: for CONSOLE_FILE and CONSOLE_SOCKET; borrowed during console_open()
 * @cap_bytes: CONSOLE_FILE: largest size of the file, 0: none
 * @in_fd: CONSOLE_STDIO: where input comes from, -1: nowhere; borrowed until console_destroy()
 * @out_fd: CONSOLE_STDIO: where output goes; borrowed until console_destroy(). A closed one loses everything.
 * @filter: for the input of CONSOLE_STDIO, or NULL; borrowed until console_destroy()
 * @trace: borrowed until console_destroy(), or NULL
 * @as: CONSOLE_SOCKET: of the process that owns the path (vmm/host/broker.h)
 */
struct console_params {
	enum console_kind kind;
	const char *path;
	uint64_t cap_bytes;
	int in_fd;
	int out_fd;
	struct console_filter *filter;
	struct trace *trace;
	struct sandbox_as as;
};

/**
 * struct console_stats - counts in bytes, times on CLOCK_MONOTONIC (0: not yet)
 * @taken: from the guest
 * @written: of these, to the reader
 * @lost: could not be delivered, or never reached us (char_host.tx_lost); CONSOLE_NULL loses nothing
 * @failed: of these, because writing failed or the reader did not take it in time: not for a reader that has gone
 * @input: taken by the guest
 * @refused: typed on a terminal whose guest did not read, and dropped
 * @first_byte_ns: when the guest wrote its first byte
 * @banner_ns: when it had written "Linux version " at the start of a line
 * @last_byte_ns: when it wrote its last one
 * @marks_lost: marks of the guest (vmm/console/timeline.h) beyond the number that is kept
 * @clock: where the guest's clock lies on ours; lines is 0 when it is not known
 */
struct console_stats {
	uint64_t taken;
	uint64_t written;
	uint64_t lost;
	uint64_t failed;
	uint64_t input;
	uint64_t refused;
	uint64_t first_byte_ns;
	uint64_t banner_ns;
	uint64_t last_byte_ns;
	uint64_t marks_lost;
	struct guest_clock clock;
};

struct console;

/**
 * console_open() - open what @p names
 * @ret: owned by the caller; untouched on failure
 * @e: words; may be NULL
 *
 * A file is created 0600; one that is there is emptied by console_begin(). A path that names a descriptor is that
 * descriptor, written behind what is there. A socket is created 0600, in place of a stale one that nobody listens on;
 * what is not a socket is never replaced.
 *
 * Return: 0 or a negative errno (-EEXIST: the path is no socket, -EADDRINUSE: somebody listens there,
 * -ENAMETOOLONG: a socket path of more than 107 bytes).
 * Context: sandbox stage OPEN. Trust: operator.
 */
int console_open(const struct console_params *p, struct console **ret, struct err *e);

/**
 * console_attach() - serve @guest from @loop
 * @loop, @guest: borrowed until console_finish() or console_destroy()
 *
 * Input is first read, and the filter's prepare first called, when the loop runs.
 *
 * Return: 0 or a negative errno. Context: the loop's thread.
 */
int console_attach(struct console *c, struct loop *loop, struct char_guest *guest);

/** console_begin() - the machine is about to run: what the last one left in the file goes; before LOCK */
void console_begin(struct console *c);

/** console_host() - what the device is given; lives as long as @c, and works before console_attach() */
struct char_host *console_host(struct console *c);

/** console_pty_name() - "/dev/pts/N", or NULL when it is no pty; borrowed from @c */
const char *console_pty_name(const struct console *c);

/**
 * console_finish() - write what is left, then leave the loop
 * @timeout_ns: at most so long; a reader that takes nothing for half of it is given up
 *
 * What could not be written is counted, and told once per reason as trace_console_lost. From then on output is
 * dropped and counted. Works without console_attach() and takes a second call.
 *
 * Context: the loop's thread, the vCPUs stopped; blocks up to @timeout_ns.
 */
void console_finish(struct console *c, uint64_t timeout_ns);

/** console_stats() - any thread */
void console_stats(struct console *c, struct console_stats *ret);

/**
 * console_tail() - the last CONSOLE_TAIL_BYTES or fewer that the guest printed, made safe for a terminal (printable.h)
 * @buf, @size: at least 1; CONSOLE_TAIL_TEXT holds any; the front is cut to fit. Starts with a whole line if it can.
 *
 * Return: the length. Context: any thread.
 */
size_t console_tail(struct console *c, char *buf, size_t size);

/** console_panic_text() - for panic_text_seen() and the like; lives as long as @c */
const struct panic_text *console_panic_text(const struct console *c);

/** console_panic_line() - panic_text_line() from any thread */
size_t console_panic_line(struct console *c, char *buf, size_t size);

/**
 * console_destroy() - takes NULL; never blocks: what console_finish() did not write is dropped
 *
 * A socket's path is removed if it still names the socket that we made.
 */
void console_destroy(struct console *c);

#endif
