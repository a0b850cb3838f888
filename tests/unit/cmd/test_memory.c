// SPDX-License-Identifier: Apache-2.0
/*
 * Out of memory at each allocation in turn: words, -ENOMEM, and nothing left behind (the leak checker of the sanitizer
 * build says so). Linked with --wrap for what cmd/ allocates with.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cmd/options/parse.h"
#include "tests/support/unit.h"

/* How many allocations still succeed; negative: all. */
static int left = -1;

static bool fails(void)
{
	if (left < 0)
		return false;
	return left-- == 0 ? (left = 0, true) : false;
}

#define WRAP(type, name, params, args)                                                                                 \
	type __real_##name params;                                                                                     \
	type __wrap_##name params;                                                                                     \
	type __wrap_##name params                                                                                      \
	{                                                                                                              \
		return fails() ? NULL : __real_##name args;                                                            \
	}

WRAP(void *, malloc, (size_t size), (size))
WRAP(char *, strdup, (const char *s), (s))
WRAP(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size))

int __wrap_asprintf(char **ret, const char *fmt, ...);
int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (fails())
		return -1;
	va_start(ap, fmt);
	n = vasprintf(ret, fmt, ap);
	va_end(ap);
	return n;
}

static void every_allocation_fails_once(void **state)
{
	static const char text[] = "[boot]\nkernel = k\ninitrd = i\n[console]\nconsole = file=x\n";
	char path[] = "/tmp/test-cmd-memory-XXXXXX";
	char *argv[] = {(char *)"vmm", (char *)"--config", path, (char *)"--append=a", (char *)"--append=b",
		(char *)"--cmdline=c", NULL};
	int fd = mkstemp(path), n;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	for (n = 0;; n++) {
		struct config c = {.cpus = 4711};
		struct err e = {0};
		int r;

		left = n;
		r = options_parse(6, argv, "run", &c, &e);
		left = -1;
		if (r == 0) {
			assert_string_equal(c.append, "a b");
			assert_string_equal(c.console_path, "x");
			config_destroy(&c);
			break;
		}
		assert_int_equal(r, -ENOMEM);
		/* The second: the board's command line, which is drawn to see that it can be. */
		if (strcmp(e.text, "out of memory") && !strstr(e.text, ": Cannot allocate memory"))
			fail_msg("%s", e.text);
		assert_int_equal(c.cpus, 4711);
		assert_true(n < 100);
	}
	/* Two for each of seven settings, two for the file, six to store. */
	assert_true(n > 20);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_fails_once),
	};

	return run_group(tests);
}
