// SPDX-License-Identifier: Apache-2.0
#include "cmd/runfiles.h"

#include <string.h>

#include "vmm/debug/gdb/address.h"
#include "vmm/host/fileset.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/virtio/kinds.h"

int runfiles_check(const struct config *c, struct err *e)
{
	struct virtio_needs needs;
	CLEANUP_FREE char *path = NULL;
	CLEANUP_FREE char *snapshot = c->snapshot ? machine_snapshot_path(c->snapshot) : NULL;
	struct gdb_address gdb;
	struct fileset s = {0};

	fileset_add(&s, "this program,", "/proc/self/exe", FILE_READ);
	fileset_add(&s, "--config", c->config_file, FILE_READ);
	fileset_add(&s, "--kernel", c->kernel, FILE_READ);
	fileset_add(&s, "--initrd", c->initrd, FILE_READ);
	for (size_t i = 0; virtio_needs(c, i, &needs); i++)
		fileset_add(&s, needs.opens_as, needs.opens, FILE_READ);
	fileset_add_streams(&s);
	if (c->console == CONSOLE_FILE)
		fileset_add(&s, "--console file=", c->console_path, FILE_WRITE);
	if (c->console == CONSOLE_SOCKET)
		fileset_add(&s, "--console socket=", c->console_path, FILE_WRITE);
	for (size_t i = 0; virtio_needs(c, i, &needs); i++)
		fileset_add(&s, needs.makes_as, needs.makes, FILE_WRITE);
	fileset_add(&s, "--report", c->report, FILE_WRITE);
	fileset_add(&s, "--trace", c->trace, FILE_WRITE);
	if (c->gdb && gdb_parse(c->gdb, &gdb, e) == 0 && gdb.is_unix)
		path = strndup(gdb.text, gdb.len);
	fileset_add(&s, "--gdb", path, FILE_WRITE);
	if (c->core && !strchr(c->core, '%'))
		fileset_add(&s, "--core", c->core, FILE_WRITE);
	fileset_add(&s, "--snapshot", snapshot, FILE_WRITE);
	fileset_add(&s, "--working-set", c->working_set, FILE_WRITE);
	return fileset_check(&s, e);
}
