// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/assert.h"

#include <string.h>
#include <unistd.h>

void assert_failed(const char *where)
{
	char line[128] = "vmm: bug at ";
	size_t len;

	strncat(line, where, sizeof(line) - strlen(line) - 2);
	len = strlen(line);
	line[len++] = '\n';
	/* One write, so that the line is whole beside those of other threads; nothing can be done about one that is lost. */
	if (write(STDERR_FILENO, line, len) < 0)
		__builtin_trap();
	__builtin_trap();
}
