/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command inside the test, and captures its output.
 */
#ifndef TESTS_UNIT_CMD_CAPTURED_H
#define TESTS_UNIT_CMD_CAPTURED_H

#include <sys/mman.h>

#include "tests/support/unit.h"

struct captured {
	int status;
	char out[32768], err[1024];
};

static inline void captured_take(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	assert_true(n >= 0 && (size_t)n < size - 1);
	buf[n] = '\0';
	close(fd);
}

static inline void captured_run(struct captured *r, int (*command)(int argc, char **argv), int argc, char **argv)
{
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);

	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	r->status = command(argc, argv);
	fflush(stdout);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	captured_take(out, r->out, sizeof(r->out));
	captured_take(err, r->err, sizeof(r->err));
}

#endif
