// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/earlier.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cmd/test/memory.h"
#include "vmm/base/file.h"
#include "vmm/base/path.h"
#include "vmm/results/results.h"

#define EARLIER_MAX (64 * MIB)

static int compare(const struct earlier_row *a, const char *name, const char *kernel)
{
	int r = strcmp(a->name, name);

	return r ? r : strcmp(a->kernel, kernel);
}

static int compare_rows(const void *a, const void *b)
{
	const struct earlier_row *x = a, *y = b;
	int r = compare(x, y->name, y->kernel);

	return r ? r : (x->node > y->node) - (x->node < y->node);
}

static int sort_rows(struct earlier *a, struct err *e)
{
	const struct json_node *tests = json_get(&a->doc, a->doc.node, "tests");

	a->row = calloc(a->doc.nr + 1, sizeof(*a->row));
	if (!a->row)
		return no_memory(e);
	for (const struct json_node *t = json_first(&a->doc, tests); t; t = json_next(&a->doc, tests, t))
		a->row[a->nr++] = (struct earlier_row){.name = json_text(json_get(&a->doc, t, "name"), ""),
			.kernel = json_text(json_get(&a->doc, t, "kernel"), ""),
			.node = t};
	qsort(a->row, a->nr, sizeof(*a->row), compare_rows);
	return 0;
}

int earlier_read(struct earlier *a, const char *option, const char *path, struct err *e)
{
	CLEANUP_FD int fd = path_open(path, O_RDONLY | O_NOCTTY, 0);
	size_t size = 0;
	int r;

	if (fd < 0)
		return err_sys(e, -errno, "--%s %s", option, path);
	r = file_read_all(fd, EARLIER_MAX, &a->text, &size);
	if (r < 0)
		return err_sys(e, r, "--%s %s: cannot read", option, path);
	r = json_read(a->text, size, &a->doc, e);
	if (r < 0)
		return err_wrap(e, r, "--%s %s", option, path);
	if (strcmp(json_text(json_get(&a->doc, a->doc.node, "format"), ""), RESULTS_FORMAT))
		return err_set(e, -EINVAL, "--%s %s: not what --json of vmm test writes", option, path);
	return sort_rows(a, e);
}

/* Of several the first. */
static const struct json_node *find(const struct earlier *a, const char *test, const char *kernel, const char *key)
{
	size_t low = 0, high = a->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&a->row[middle], test, kernel) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == a->nr || compare(&a->row[low], test, kernel))
		return NULL;
	return json_get(&a->doc, a->row[low].node, key);
}

bool earlier_was_expected(const struct earlier *a, const char *test, const char *kernel)
{
	const struct json_node *n = find(a, test, kernel, "expected");

	return n && n->type == JSON_BOOL && n->number > 0;
}

bool earlier_seconds(const struct earlier *a, const char *test, const char *kernel, double *ret)
{
	const struct json_node *n = find(a, test, kernel, "seconds");

	if (!n || n->type != JSON_NUMBER)
		return false;
	*ret = n->number;
	return true;
}

void earlier_destroy(struct earlier *a)
{
	json_doc_destroy(&a->doc);
	free(a->text);
	free(a->row);
	*a = (struct earlier){0};
}
