/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's terminal while a guest uses it: raw mode, the Ctrl-A escape, and restoring it.
 *
 * Raw mode is that of cfmakeraw(): no signals from keys, no echo, and output unchanged. It is entered when the console
 * first reads, from the loop, so that errors of the set-up are printed on a normal terminal; only in the foreground,
 * and again after a stop. It is left by terminal_close(), by exit(), and by a handler for every signal that ends a
 * process and can be caught, whose default action follows then (with its core dump and status). SIGKILL leaves the
 * terminal raw: `stty sane`.
 *
 * Keys: those of escape_keys.h always work. The bell rings when keys do not reach the guest: it does not read and
 * CONSOLE_KEYS_BYTES wait already, or its line has no BREAK (hvc0).
 *
 * The handlers belong to the process, as the terminal does: one struct terminal at a time. A thread that takes such a
 * signal needs these system calls: ioctl(TIOCGPGRP, TCSETS), tgkill, rt_sigreturn; the one that called terminal_open()
 * also fcntl(F_GETFL, F_SETFL): where another one ends us, O_NONBLOCK stays set on a terminal that could not be opened
 * again (vmm/host/nbio.h).
 */
#ifndef CMD_TERMINAL_H
#define CMD_TERMINAL_H

#include <stdbool.h>

#include "vmm/base/err.h"
#include "vmm/console/console.h"

struct terminal;

/**
 * struct terminal_ops - actions of keys; called in the loop's thread, possibly repeatedly
 * @quit: Ctrl-A X was pressed
 * @pause: Ctrl-A P was pressed; NULL: this guest cannot be paused, the key means nothing
 * @dump: Ctrl-A D was pressed; NULL: there are no cores of this guest, the key means nothing
 * @snapshot: Ctrl-A S was pressed; NULL: there are no snapshots of this guest, the key means nothing
 */
struct terminal_ops {
	void (*quit)(void *arg);
	void (*pause)(void *arg);
	void (*dump)(void *arg);
	void (*snapshot)(void *arg);
};

/**
 * terminal_open() - save the settings of @fd, and install the handlers
 * @fd: borrowed until terminal_close(); usually 0
 * @ops: borrowed until terminal_close()
 * @arg: for @ops
 * @ret: owned by the caller; NULL when @fd is not a terminal, which is not an error. Unchanged on failure.
 *
 * O_NONBLOCK of fds 0 to 2 is remembered as well, so that a signal does not leave it set (see vmm/host/nbio.h): call
 * this before console_open(), and after gmem_install_sigbus(), whose handler is asked first.
 *
 * Return: 0, -EBUSY (there is one already), or a negative errno, with a message in @e.
 * Context: sandbox stage OPEN.
 */
int terminal_open(int fd, const struct terminal_ops *ops, void *arg, struct terminal **ret, struct err *e);

/** terminal_filter() - for struct console_params; NULL for NULL */
struct console_filter *terminal_filter(struct terminal *t);

/** terminal_say() - show the operator @text, which ends each line in "\r\n"; takes NULL for @t. The loop. */
void terminal_say(struct terminal *t, const char *text);

/**
 * terminal_say_paused(), terminal_say_resumed() - what came of Ctrl-A P; take NULL
 * @held: a debugger still holds the guest
 *
 * Context: the loop that writes the console, so that it follows the last bytes from before the pause.
 */
void terminal_say_paused(struct terminal *t);
void terminal_say_resumed(struct terminal *t, bool held);

/** terminal_is_raw() - a newline alone does not return the carriage now; false for NULL; any thread */
bool terminal_is_raw(const struct terminal *t);

/**
 * terminal_continue() - after SIGCONT: enter raw mode again, if we had it and are in the foreground
 *
 * A handler calls it; only a process that blocks SIGCONT has to call it itself. Takes NULL; async-signal-safe.
 */
void terminal_continue(struct terminal *t);

/**
 * terminal_lock() - from now on signal handlers can be neither set nor taken back; takes NULL
 *
 * terminal_close() then leaves them, and the little memory they use, where they are.
 */
void terminal_lock(struct terminal *t);

/** terminal_restore() - restore the terminal, if there is one, before an abnormal end; async-signal-safe */
void terminal_restore(void);

/** terminal_close() - restore the settings and the handlers; takes NULL */
void terminal_close(struct terminal *t);

#endif
