// SPDX-License-Identifier: Apache-2.0
#include "cmd/tool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/options/commands.h"
#include "vmm/base/outcome.h"

bool tool_is(const char *name)
{
	return !strcmp(name, "initramfs") || !strcmp(name, "kernel");
}

int tool_exec(const char *name, char **argv)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *base;
	size_t room;

	if (n < 0) {
		fprintf(stderr, "vmm: %s: cannot read /proc/self/exe: %s\n", name, strerror(errno));
		return EXIT_FAILED;
	}
	path[n] = '\0';
	base = strrchr(path, '/') + 1;
	room = sizeof(path) - (size_t)(base - path);
	if ((size_t)snprintf(base, room, VMM_TOOLS "/%s", name) >= room)
		errno = ENAMETOOLONG;
	else
		execv((argv[0] = path), argv);
	fprintf(stderr, "vmm: %s: cannot run %s: %s\n", name, path, strerror(errno));
	return EXIT_FAILED;
}

int cmd_initramfs(int argc, char **argv)
{
	return tool_exec("initramfs", argv);
}

int cmd_kernel(int argc, char **argv)
{
	return tool_exec("kernel", argv);
}
