/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host end of a guest's character line: stdio, a pty, a file, a socket, or none.
 *
 * The guest's output goes to a ring of CONSOLE_RING_BYTES and from there, in the loop, to the reader; a reader that
 * blocks never blocks a vCPU. When the ring is full, tx takes less and the device's transmitter is not ready until
 * there is space again. When the reader is lost (closed pipe, failed write, size limit), the console drops all further
 * output, and counts it as lost.
 *
 * A pty or a socket without a client is a reader that blocks: the first CONSOLE_RING_BYTES are kept, then the guest has
 * to wait; a client that connects later sees everything from the first byte. For unattended guests use file= or null. A
 * socket serves one client at a time; another gets a message and is closed.
 *
 * Input waits until the guest takes it. A pipe, a file, a socket or a pty is not read meanwhile, so its writer waits
 * and no byte is lost. A terminal with a filter is always read, since some of its keys are commands for vmm: see
 * input.c.
 *
 * Only console_open(), before the sandbox, uses paths; console_attach() starts the console.
 *
 * Requirements for the sandbox. Paths: reading and writing of console_pty_name(), to find out at the end whether the
 * pty has a reader (otherwise a pty without one delays the end by half of console_finish()'s time). System calls of the
 * loop's thread after console_attach(): those of vmm/host/nbio.h; write on an eventfd; epoll_ctl, timerfd_settime;
 * socket: accept4, fcntl(F_DUPFD_CLOEXEC); pty: ioctl(FIONREAD, TIOCGPTPEER); console_destroy() of a socket: those of
 * broker_close(). Of a vCPU's thread: write on an eventfd, futex.
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
/* Maximum length of an escaped tail, with its terminator. */
#define CONSOLE_TAIL_TEXT (4 * CONSOLE_TAIL_BYTES + 1)
#define CONSOLE_FINISH_NS (2 * NSEC_PER_SEC)

/**
 * struct console_filter - filters the keys of a terminal; implemented by cmd/terminal
 * @prepare: called before a read in the foreground: sets raw mode if necessary. Loop thread.
 * @filter: remove escapes from *@n bytes of @data, in place, up to the first command: *@n becomes the number of bytes
 *      left, *@brk is set when a BREAK follows them. Returns the number of bytes processed. Loop thread.
 * @refused: keys were dropped: the guest's line has no BREAK, or the guest does not read and the buffer is full.
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
 * @cap_bytes: CONSOLE_FILE: maximum size of the file, 0: none
 * @in_fd: CONSOLE_STDIO: the input, -1: none; borrowed until console_destroy()
 * @out_fd: CONSOLE_STDIO: the output; borrowed until console_destroy(). If it is closed, all output is lost.
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
 * @written: the part of these written to the reader
 * @lost: could not be delivered, or never reached us (char_host.tx_lost); CONSOLE_NULL loses nothing
 * @failed: the part of these lost because writing failed or the reader was too slow, but not because it had closed
 * @input: taken by the guest
 * @refused: typed on a terminal and dropped, since the guest did not read
 * @first_byte_ns: when the guest wrote its first byte
 * @banner_ns: when it wrote "Linux version " at the start of a line
 * @last_byte_ns: when it wrote its last one
 * @marks_lost: marks of the guest (vmm/console/timeline.h) beyond the maximum
 * @clock: the offset of the guest's clock; lines is 0 when it is unknown
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

/**
 * struct console_watch - somebody who reads the guest's output along
 * @text: the next @n bytes; @mark: the guest has set this mark by a line (timeline.h); as timeline_feed(), with the
 *	console's lock held: quick, and no call of the console
 * @written: output has been written or dropped: console_is_empty(), console_is_lost(). The loop's thread, no lock held.
 *
 * NULL: it does not want to know.
 */
struct console_watch {
	void (*text)(struct console_watch *w, const uint8_t *data, size_t n);
	void (*mark)(struct console_watch *w, const char *name);
	void (*written)(struct console_watch *w);
};

struct console;

/**
 * console_open() - open the console that @p describes
 * @ret: owned by the caller; untouched on failure
 * @e: may be NULL
 *
 * A file is created with mode 0600; an existing one is truncated by console_begin(). A path that names a descriptor
 * means that descriptor, to which output is appended. A socket is created with mode 0600 and replaces a stale one
 * without a listener; a file that is not a socket is never replaced.
 *
 * Return: 0 or a negative errno (-EEXIST: the path is no socket, -EADDRINUSE: another process listens there,
 * -ENAMETOOLONG: a socket path of more than 107 bytes).
 * Context: sandbox stage OPEN. Trust: operator.
 */
int console_open(const struct console_params *p, struct console **ret, struct err *e);

/** console_set_trace() - another trace, before console_attach(); borrowed until console_destroy() */
void console_set_trace(struct console *c, struct trace *trace);

/**
 * console_attach() - connect @guest, and start serving it in @loop
 * @loop, @guest: borrowed until console_finish() or console_destroy()
 *
 * Input is read, and the filter's prepare called, only when the loop runs.
 *
 * Return: 0 or a negative errno. Context: the loop's thread.
 */
int console_attach(struct console *c, struct loop *loop, struct char_guest *guest);

/** console_begin() - called before the machine runs: truncate the file of an earlier run; before LOCK */
void console_begin(struct console *c);

/** console_set_watch() - before the machine runs; @w: borrowed until console_destroy() */
void console_set_watch(struct console *c, struct console_watch *w);

/**
 * console_feed() - give the guest this input, after which there is none until the next call
 * @data: @n bytes; borrowed until the next call or console_restart()
 *
 * Context: the loop's thread; a console without an input of its own (CONSOLE_FILE, CONSOLE_NULL), after
 * console_attach(). Input that the guest has not taken yet is dropped.
 */
void console_feed(struct console *c, const uint8_t *data, size_t n);

/**
 * console_restart() - the guest is another one: forget what it has said so far (its panic, marks, the beginning of a
 * line), and the input that it has not taken
 *
 * Context: the loop's thread, while the guest is held.
 */
void console_restart(struct console *c);

/** console_host() - the interface for the device; valid as long as @c, also before console_attach() */
struct char_host *console_host(struct console *c);

/** console_pty_name() - "/dev/pts/N", or NULL when it is not a pty; borrowed from @c */
const char *console_pty_name(const struct console *c);

/**
 * console_finish() - write the remaining output, then leave the loop
 * @timeout_ns: time limit; a reader that takes nothing for half of it is given up
 *
 * Output that could not be written is counted, and reported once per reason by trace_console_lost. From then on output
 * is dropped and counted. May be called without console_attach(), and twice.
 *
 * Context: the loop's thread, the vCPUs stopped; blocks up to @timeout_ns.
 */
void console_finish(struct console *c, uint64_t timeout_ns);

/** console_is_empty() - whether all output so far has been written, or dropped. Any thread. */
bool console_is_empty(struct console *c);

/** console_is_lost() - whether all output from now on is dropped, since its reader is gone. Any thread. */
bool console_is_lost(struct console *c);

/** console_stats() - any thread */
void console_stats(struct console *c, struct console_stats *ret);

/**
 * console_tail() - the last CONSOLE_TAIL_BYTES or fewer of the guest's output, escaped for a terminal (printable.h)
 * @buf, @size: at least 1, CONSOLE_TAIL_TEXT is always enough; otherwise the front is cut. Starts with a complete line
 *              if possible.
 *
 * Return: the length. Context: any thread.
 */
size_t console_tail(struct console *c, char *buf, size_t size);

/** console_panic_text() - for panic_text_seen() and similar functions; valid as long as @c */
const struct panic_text *console_panic_text(const struct console *c);

/** console_panic_line() - panic_text_line() from any thread */
size_t console_panic_line(struct console *c, char *buf, size_t size);

/**
 * console_destroy() - takes NULL; never blocks: output that console_finish() did not write is dropped
 *
 * A socket's path is removed if it still names the socket that we made.
 */
void console_destroy(struct console *c);

#endif
