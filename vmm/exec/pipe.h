/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes and event counters of a program, in memory: nobody but the program itself has an end of them.
 *
 * Context: as files.h.
 */
#ifndef VMM_EXEC_PIPE_H
#define VMM_EXEC_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EXEC_PIPES_MAX 64
#define EXEC_PIPE_SIZE (64 * 1024) /* as in Linux */
#define EXEC_EVENT_MAX (UINT64_MAX - 1)

/**
 * struct exec_pipe - zero-initialised: free
 * @readers, @writers: open files of each end
 * @at: the first of @used bytes, which go on at the beginning of @data
 */
struct exec_pipe {
	uint32_t readers;
	uint32_t writers;
	uint32_t at;
	uint32_t used;
	uint8_t data[EXEC_PIPE_SIZE];
};

/** exec_pipe_read() - Return: bytes; 0: the end; -EAGAIN: none yet */
ssize_t exec_pipe_read(struct exec_pipe *p, uint8_t *buf, size_t len);

/** exec_pipe_write() - Return: bytes; -EAGAIN: no room; -EPIPE: nobody reads */
ssize_t exec_pipe_write(struct exec_pipe *p, const uint8_t *buf, size_t len);

/** exec_pipe_events() - what poll() says of an end */
short exec_pipe_events(const struct exec_pipe *p, bool out);

/**
 * exec_event_read(), exec_event_write() - of an eventfd
 *
 * Return: 8; -EAGAIN: it is 0, or would get too large; -EINVAL: fewer bytes, or UINT64_MAX.
 */
ssize_t exec_event_read(uint64_t *counter, bool semaphore, uint8_t *buf, size_t len);
ssize_t exec_event_write(uint64_t *counter, const uint8_t *buf, size_t len);

#endif
