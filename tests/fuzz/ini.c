// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/config_kit.h"
#include "tests/support/fuzz.h"
#include "vmm/machine/machine.h"

/* What a file could say, a file can say again; it may have become too long. */
static void survives(const struct config *c)
{
	for (enum ini_extent extent = INI_CHANGED; extent <= INI_ALL; extent++) {
		CLEANUP_FREE char *text = NULL;
		int r = ini_write(c, extent, &text, NULL);
		struct config back;

		if (r == -EFBIG)
			continue;
		if (r < 0 || config_reread(text, &back, NULL) < 0 || config_difference(c, &back))
			abort();
		config_destroy(&back);
	}
}

/*
 * A file either gives a configuration that passes its own check and that makes the same file again, or one line of
 * words.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_SETTINGS struct settings file = {.file = "x.ini"};
	struct settings none = {0};
	struct config c;
	struct err e = {0};
	int r;

	if (size > INI_FILE_MAX)
		return 0;
	r = ini_read_text((const char *)data, size, &file, &e);
	if (r == 0)
		r = settings_apply(&file, &none, &c, &e);
	if (r < 0) {
		if (!*e.text || strchr(e.text, '\n'))
			abort();
		return 0;
	}
	if (machine_check(&c, NULL))
		abort();
	survives(&c);
	config_destroy(&c);
	return 0;
}
