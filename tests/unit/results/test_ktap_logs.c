// SPDX-License-Identifier: Apache-2.0
/*
 * Saved logs of KUnit and kselftests (tests/data/ktap): the totals of each are those of its line in the file `totals`,
 * which were counted by others.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/file.h"
#include "vmm/base/units.h"
#include "vmm/base/util.h"
#include "vmm/results/ktap.h"

static const char *data = "tests/data/ktap";

static void read_log(const char *name, struct ktap_totals *ret, bool *ret_passed)
{
	CLEANUP_FREE char *text = NULL;
	char path[512];
	struct ktap k;
	size_t size;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", data, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		fail_msg("%s cannot be opened", path);
	assert_int_equal(file_read_all(fd, MIB, &text, &size), 0);
	close(fd);
	assert_int_equal(ktap_read(text, size, &k), 0);
	ktap_count(&k, ret);
	*ret_passed = ktap_passed(&k.root);
	ktap_destroy(&k);
}

static void each_log_has_the_totals_that_others_counted(void **state)
{
	char path[512], line[512], name[64];
	unsigned pass, failed, skip, other, faults;
	size_t logs = 0, different = 0;
	struct dirent *d;
	DIR *dir = opendir(data);
	FILE *f;

	snprintf(path, sizeof(path), "%s/totals", data);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(dir);
	while (fgets(line, sizeof(line), f)) {
		struct ktap_totals t;
		bool passed;

		if (sscanf(line, "%63s %u %u %u %u %u", name, &pass, &failed, &skip, &other, &faults) != 6)
			continue;
		logs++;
		read_log(name, &t, &passed);
		if (t.of[KTAP_PASS] == pass && t.of[KTAP_FAIL] == failed && t.of[KTAP_SKIP] == skip &&
			t.total - pass - failed - skip == other && t.faults == faults &&
			passed == (!failed && !faults && t.total == pass + skip + t.of[KTAP_XFAIL]))
			continue;
		different++;
		print_error("%s %u %u %u %u %u: passed %d\n", name, t.of[KTAP_PASS], t.of[KTAP_FAIL], t.of[KTAP_SKIP],
			t.total - t.of[KTAP_PASS] - t.of[KTAP_FAIL] - t.of[KTAP_SKIP], t.faults, passed);
	}
	fclose(f);
	assert_int_equal(different, 0);
	while ((d = readdir(dir)))
		if (strstr(d->d_name, ".log"))
			logs--;
	closedir(dir);
	/* Each log has a line. */
	assert_int_equal(logs, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_log_has_the_totals_that_others_counted),
	};

	data = argc > 1 ? argv[1] : data;
	return run_group(tests);
}
