// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/known.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define BLANKS " \t\r"

static int add_line(struct known *k, const char *test, const char *kernel, struct err *e)
{
	void *grown = reallocarray(k->line, k->nr + 1, sizeof(*k->line));

	if (!grown)
		return err_set(e, -ENOMEM, "out of memory");
	k->line = grown;
	k->line[k->nr].test = strdup(test);
	k->line[k->nr].kernel = strdup(kernel);
	k->nr++;
	return k->line[k->nr - 1].test && k->line[k->nr - 1].kernel ? 0 : err_set(e, -ENOMEM, "out of memory");
}

int known_add_text(struct known *k, const char *file, const char *text, size_t size, struct err *e)
{
	CLEANUP_FREE char *copy = strndup(text, size);
	char *next = copy, *line, *save;
	int r = 0;

	if (!copy)
		return err_set(e, -ENOMEM, "out of memory");
	if (strlen(copy) < size)
		return err_set(e, -EINVAL, "%s: not a text file: it has a byte 0", file);
	for (unsigned nr = 1; r == 0 && (line = strsep(&next, "\n")); nr++) {
		const char *test, *kernel;

		line[strcspn(line, "#")] = '\0';
		test = strtok_r(line, BLANKS, &save);
		kernel = test ? strtok_r(NULL, BLANKS, &save) : NULL;
		if (kernel && strtok_r(NULL, BLANKS, &save))
			return err_set(e, -EINVAL, "%s:%u: more than the patterns of a test and of a kernel", file, nr);
		if (test)
			r = add_line(k, test, kernel ? kernel : "*", e);
	}
	return r;
}

bool known_has(const struct known *k, const char *test, const char *kernel)
{
	for (size_t i = 0; i < k->nr; i++)
		if (!fnmatch(k->line[i].test, test, 0) && !fnmatch(k->line[i].kernel, kernel, 0))
			return true;
	return false;
}

void known_destroy(struct known *k)
{
	for (size_t i = 0; i < k->nr; i++) {
		free(k->line[i].test);
		free(k->line[i].kernel);
	}
	free(k->line);
	*k = (struct known){0};
}
