// SPDX-License-Identifier: Apache-2.0
#include "cmd/working_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/base/file.h"
#include "vmm/base/path.h"

static int read_set(struct run_set *r, int fd, const struct snapshot *s, struct err *e)
{
	CLEANUP_FREE char *data = NULL;
	uint64_t regular;
	size_t size;
	int code = file_regular_size(fd, &regular, e);

	if (code < 0)
		return err_wrap(e, code, "--working-set %s", r->path);
	code = file_read_all(fd, WORKING_SET_FILE_MAX, &data, &size);
	if (code < 0)
		return err_sys(e, code, "--working-set: cannot read %s", r->path);
	code = working_set_read((const uint8_t *)data, size, s, &r->set, e);
	return code < 0 ? err_wrap(e, code, "--working-set %s", r->path) : 0;
}

/* Before the process stops being dumpable: then only root could open it. */
static int record(struct run_set *r, bool alone, struct err *e)
{
	if (!alone)
		return err_set(e, -EINVAL,
			"--working-set: there is no %s yet: one guest alone records it, without --clones, --each-line "
			"and "
			"--each-frame",
			r->path);
	r->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return r->pagemap < 0 ? err_sys(e, -errno, "--working-set: cannot open /proc/self/pagemap") : 0;
}

int run_set_new(const struct config *c, const struct snapshot *s, bool alone, struct run_set **ret, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct run_set *r;
	int code;

	if (!c->working_set)
		return 0;
	if (c->prefault)
		return err_set(e, -EINVAL, "--working-set: not with --prefault, which takes all of memory");
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_sys(e, -ENOMEM, "--working-set");
	*r = (struct run_set){.path = c->working_set, .as = config_as(c), .pagemap = -1, .out = OUTFILE_CLOSED};
	fd = path_open(c->working_set, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd >= 0)
		code = read_set(r, fd, s, e);
	else if (fd == -ENOENT)
		code = record(r, alone, e);
	else
		code = err_sys(e, fd, "--working-set: cannot open %s", c->working_set);
	if (code < 0)
		run_set_free(r);
	else
		*ret = r;
	return code;
}

int run_set_open(struct run_set *r, struct err *e)
{
	int code;

	if (!r || r->pagemap < 0)
		return 0;
	code = outfile_open("--working-set", r->path, &r->as, &r->out, e);
	if (code < 0)
		return code;
	/* To allocate a buffer stdio would call fstat(). */
	setvbuf(r->out.out, r->buffer, _IOFBF, sizeof(r->buffer));
	outfile_begin(&r->out);
	return 0;
}

void run_set_write(struct run_set *r, const struct machine *m, const struct snapshot *s)
{
	CLEANUP(working_set_destroy) struct working_set found = {0};
	struct err e = {};
	int code;

	if (!r || r->pagemap < 0)
		return;
	code = machine_working_set(m, r->pagemap, &found);
	if (code == 0)
		code = working_set_write(&found, s, r->out.out);
	if (outfile_commit(&r->out, code, &e) < 0)
		fprintf(stderr, "vmm: %s\n", e.text);
}

void run_set_free(struct run_set *r)
{
	if (!r)
		return;
	outfile_close(&r->out);
	if (r->pagemap >= 0)
		close(r->pagemap);
	working_set_destroy(&r->set);
	free(r);
}
