/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A console with a loop in a thread of its own and a device made of a FIFO of 16 bytes, for the console's tests. The
 * test's thread plays the vCPU.
 */
#ifndef TESTS_UNIT_CONSOLE_RIG_H
#define TESTS_UNIT_CONSOLE_RIG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/clock.h"
#include "vmm/console/console.h"

#define RIG_FIFO 16
#define RIG_WAIT 10000 /* ms until a test gives up waiting */

/**
 * struct rig
 * @fifo: bytes that the device has accepted and the guest has not read
 * @starved: the device took less than offered and will call rx_room
 * @rooms: how often tx_room was called
 * @breaks: how many BREAKs came; a '!' in the input stands for each
 * @lost, @lost_events, @caps, @failures, @banners, @firsts, @panics: from the trace
 */
struct rig {
	struct console *c;
	struct char_host *host;
	struct loop *loop;
	struct trace *trace;
	struct trace_sink sink;
	struct char_guest guest;
	pthread_t thread;
	bool running;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint8_t fifo[RIG_FIFO];
	size_t fifo_nr;
	bool starved;
	unsigned rooms, breaks;

	uint64_t lost;
	unsigned lost_events, caps, failures, banners, firsts, panics;
	char why[TRACE_STRING_MAX];
	char panic[TRACE_STRING_MAX];
};

/** rig_open() - console_open() with the rig's trace; returns what it returns */
int rig_open(struct rig *r, const struct console_params *p, struct err *e);

/** rig_start() - attach and run the loop */
void rig_start(struct rig *r);

/** rig_stop() - end the loop's thread; the console is as the loop left it */
void rig_stop(struct rig *r);

/** rig_close() - stop, destroy all */
void rig_close(struct rig *r);

/** rig_stdio() - open and start a console on two fds */
void rig_stdio(struct rig *r, int in_fd, int out_fd);

/** rig_send() - all of it, waiting for room as a guest does; fails the test after RIG_WAIT without any */
void rig_send(struct rig *r, const void *data, size_t n);

/** rig_receive() - up to @n bytes as the guest reads them, until @n are there or @timeout_ms went by with none */
size_t rig_receive(struct rig *r, void *buf, size_t n, int timeout_ms);

/** rig_expect_input() - the guest receives exactly this text */
void rig_expect_input(struct rig *r, const char *text);

/** rig_stats() */
struct console_stats rig_stats(struct rig *r);

/** rig_wait_written() - until @n bytes were written, or fail */
void rig_wait_written(struct rig *r, uint64_t n);

/** rig_cpu_ms() - CPU time of the whole process during @ms of sleep */
unsigned rig_cpu_ms(unsigned ms);

/** fill() - bytes that depend on their place and on @seed */
void fill(uint8_t *buf, size_t n, uint64_t at, unsigned seed);

/** read_all() - @n bytes of @fd, waiting for RIG_WAIT at most for each part; returns how many there were */
size_t read_all(int fd, void *buf, size_t n);

/** expect_read() - exactly this text comes out of @fd */
void expect_read(int fd, const char *text);

/** sleep_ms() */
void sleep_ms(unsigned ms);

/** run_group_in_dir() - run_group() with @rig_dir, a directory of its own, which has to be empty at the end */
#define run_group_in_dir(tests) (rig_make_dir() || run_group(tests) || rig_remove_dir())
extern char rig_dir[];
int rig_make_dir(void);
int rig_remove_dir(void);

/** rig_in_dir() - the path of a file there, also in @rig_path until the next one */
const char *rig_in_dir(const char *name);
extern char rig_path[512];

/** rig_open_kind() - rig_open() with a path */
int rig_open_kind(struct rig *r, enum console_kind kind, const char *name, uint64_t cap, struct err *e);

/** rig_expect_error() - that this does not open, with this code, and says these words */
void rig_expect_error(enum console_kind kind, const char *name, int code, const char *words);

#endif
