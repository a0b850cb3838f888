// SPDX-License-Identifier: Apache-2.0
#include "cmd/confinement.h"

#include <stdio.h>
#include <unistd.h>

#include "cmd/terminal.h"

int confinement_complaints(struct confinement *c)
{
	if (nbio_open(&c->complaints, STDERR_FILENO, NBIO_OUT) < 0)
		c->complaints = NBIO_CLOSED;
	return c->complaints.fd;
}

/* What is reported to the operator at every log level. */
static void say_sandbox(const struct sandbox_achieved *got)
{
	if (got->mode == SANDBOX_OFF)
		fprintf(stderr,
			"vmm: warning: --sandbox off: a guest that takes over this program can do all that user %u "
			"can\n",
			(unsigned)got->uid);
	else if (*got->missing)
		fprintf(stderr, "vmm: warning: the sandbox is not complete: %s\n", got->missing);
}

int confinement_enter(struct confinement *c, struct terminal *terminal, struct err *e)
{
	int r = sandbox_confine(&c->sandbox, e);

	if (r < 0)
		return r;
	say_sandbox(&c->sandbox.got);
	sandbox_build(&c->sandbox);
	if (c->sandbox.got.seccomp)
		terminal_lock(terminal);
	return 0;
}

void confinement_close(struct confinement *c)
{
	nbio_close(&c->complaints);
}
