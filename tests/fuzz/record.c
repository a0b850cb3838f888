// SPDX-License-Identifier: Apache-2.0
/*
 * A record of unknown origin. What was read of it is written again, and must be read as the same.
 */
#include <string.h>

#include "tests/support/fuzz.h"
#include "vmm/results/record.h"

static void must(bool right)
{
	if (!right)
		abort();
}

/* Return: whether all lines were read. */
static bool read_lines(struct record *r, const char *data, size_t size)
{
	for (const char *end = data + size; data < end;) {
		const char *nl = memchr(data, '\n', (size_t)(end - data));
		size_t n = nl ? (size_t)(nl - data) : 0;
		char *line = nl ? malloc(n + 1) : NULL;
		int code;

		if (!line)
			return !nl;
		memcpy(line, data, n);
		line[n] = '\0';
		code = record_read_line(r, line, n, NULL);
		free(line);
		if (code < 0)
			return false;
		data = nl + 1;
	}
	return true;
}

/* A record keeps the last attempt alone, and one that is read begins with the first. */
static void write_again(const struct record *r, FILE *out)
{
	must(record_write_plan(out, r->plan, r->shard, r->when) == 0);
	for (size_t i = 0; i < r->tests; i++) {
		struct result_test t;

		if (!r->result[i])
			continue;
		t = r->result[i]->t;
		t.attempts = 1;
		must(record_write_result(out, i, &t) == 0);
	}
	must(record_write_end(out, r->nr, r->nr == r->mine, r->took_ns) == 0);
}

static void compare_cases(const struct ktap_case *a, const struct ktap_case *b)
{
	for (; a && b; a = a->next, b = b->next) {
		must(!strcmp(a->name, b->name) && !strcmp(a->reason, b->reason));
		must(a->outcome == b->outcome && a->faults == b->faults && a->number == b->number);
		must(a->log == b->log && a->log_end == b->log_end && a->said_ok == b->said_ok);
		compare_cases(a->child, b->child);
	}
	must(!a && !b);
}

static void compare_results(const struct record_result *a, const struct record_result *b)
{
	must(a->t.outcome == b->t.outcome && a->t.expected == b->t.expected && a->t.took_ns == b->t.took_ns);
	must(a->t.status == b->t.status && a->t.log_size == b->t.log_size && !strcmp(a->why, b->why));
	must(!a->log == !b->log && (!a->log || !memcmp(a->log, b->log, a->t.log_size)));
	compare_cases(a->ktap.root.child, b->ktap.root.child);
}

static void check_again(struct record *r)
{
	struct record again;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	write_again(r, out);
	fclose(out);
	record_begin(&again, r->plan);
	must(read_lines(&again, text, size));
	must(again.ended && again.nr == r->nr && again.mine == r->mine && again.complete == (r->nr == r->mine));
	for (size_t i = 0; i < r->tests; i++) {
		must(!again.result[i] == !r->result[i]);
		if (r->result[i])
			compare_results(again.result[i], r->result[i]);
	}
	record_destroy(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_plan plan = {0};
	struct record r;

	record_begin(&r, &plan);
	read_lines(&r, (const char *)data, size);
	if (record_has_plan(&r))
		check_again(&r);
	record_destroy(&r);
	record_plan_destroy(&plan);
	return 0;
}
