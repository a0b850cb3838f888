// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "cmd/options/ini.h"
#include "cmd/options/settings.h"
#include "tests/support/fuzz.h"
#include "vmm/machine/machine.h"

/* A file either gives a configuration that passes its own check, or one line of words. */
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
	config_destroy(&c);
	return 0;
}
