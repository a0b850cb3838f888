// SPDX-License-Identifier: Apache-2.0
/*
 * A report of unknown origin: read, and when it is one, shown in every form. What is shown must not drive a terminal.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/report/report.h"
#include "tests/support/fuzz.h"

static void check_printable(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < ' ' && text[i] != '\n')
			abort();
}

static void show(const struct run_report *r)
{
	for (int how = 0; how < 4; how++) {
		struct run_report two[2] = {*r, *r};
		char *text = NULL;
		size_t size;
		FILE *f = open_memstream(&text, &size);

		if (!f)
			return;
		if (how == 0)
			report_text(r, 80, f);
		else if (how == 1)
			report_compare(two, 2, 80, f);
		else
			report_svg(two, (size_t)how - 1, f);
		fclose(f);
		check_printable(text, size);
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/tmp/fuzz-report-XXXXXX";
	struct run_report r;
	struct json_doc d = {0};
	char *text = malloc(size + 1);
	int fd;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (json_read(text, size, &d, NULL) == 0 && (!d.nr || d.node[0].end != d.nr))
		abort();
	json_doc_destroy(&d);
	free(text);
	/* Few inputs are a report: spare the others the file. */
	if (!memmem(data, size, "vmm-report", 10))
		return 0;
	fd = mkstemp(path);
	if (fd < 0)
		return 0;
	if (write(fd, data, size) == (ssize_t)size && run_report_read(path, &r, NULL) == 0) {
		show(&r);
		run_report_destroy(&r);
	}
	close(fd);
	unlink(path);
	return 0;
}
