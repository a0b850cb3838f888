/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorded hosts of tests/data/cpuid, for unit tests that are built with CPUID_DATA.
 */
#ifndef TESTS_SUPPORT_CPUID_HOSTS_H
#define TESTS_SUPPORT_CPUID_HOSTS_H

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/cpuid/text.h"

#ifndef CPUID_DATA
#define CPUID_DATA "tests/data/cpuid" /* from the top of the tree; a build says where that is */
#endif

/** cpuid_host_load() - one of them, by the name of its file; a cmocka assertion */
static inline void cpuid_host_load(const char *name, struct cpuid_set *ret)
{
	struct err e = {0};
	char path[512];
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", CPUID_DATA, name);
	in = fopen(path, "r");
	if (!in) {
		fail_msg("%s: %s", path, strerror(errno));
		return;
	}
	if (cpuid_text_read(in, path, ret, &e))
		fail_msg("%s", e.text);
	fclose(in);
}

/** cpuid_hosts_each() - call @check for each of them; fewer than the 13 that there are is a failure */
static inline void cpuid_hosts_each(void (*check)(const char *name, const struct cpuid_set *host))
{
	DIR *d = opendir(CPUID_DATA);
	struct cpuid_set host;
	struct dirent *e;
	int nr = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (!strstr(e->d_name, ".txt"))
			continue;
		cpuid_host_load(e->d_name, &host);
		check(e->d_name, &host);
		nr++;
	}
	closedir(d);
	assert_true(nr >= 13);
}

#endif
