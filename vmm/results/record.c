// SPDX-License-Identifier: Apache-2.0
/*
 * Lines are collected in memory and written by one call: a run that is killed leaves whole results, and at most one
 * line that has no end.
 */
#include "vmm/results/record.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/json.h"

/**
 * struct lines - lines that are written together
 * @out: NULL: there was no memory
 */
struct lines {
	FILE *out;
	char *text;
	size_t size;
	int r;
};

static void begin(struct lines *l)
{
	*l = (struct lines){0};
	l->out = open_memstream(&l->text, &l->size);
	l->r = l->out ? 0 : -ENOMEM;
}

static int end(struct lines *l, FILE *out)
{
	if (l->out && fclose(l->out))
		l->r = -ENOMEM;
	errno = 0;
	if (l->r == 0 && (fwrite(l->text, 1, l->size, out) != l->size || fflush(out)))
		l->r = errno ? -errno : -EIO;
	free(l->text);
	return l->r;
}

static void begin_line(struct json *j, struct lines *l)
{
	json_begin(j, l->out);
	j->line_depth = 0;
	json_object(j, NULL);
}

static void end_line(struct json *j, struct lines *l)
{
	int r;

	json_end(j);
	r = json_finish(j);
	if (r < 0)
		l->r = r;
}

static void put_text(struct json *j, const char *key, const char *text)
{
	json_bytes(j, key, text, strlen(text));
}

static void put_plan(struct lines *l, const struct record_plan *plan, unsigned shard, int64_t when)
{
	struct json j;

	begin_line(&j, l);
	json_string(&j, "format", RECORD_FORMAT);
	json_u64(&j, "shard", shard);
	json_u64(&j, "of", plan->of);
	json_i64(&j, "when", when);
	put_text(&j, "kernels", plan->kernels);
	json_u64(&j, "tests", plan->nr);
	end_line(&j, l);
	for (size_t i = 0; i < plan->nr; i++) {
		begin_line(&j, l);
		put_text(&j, "name", plan->test[i].name);
		put_text(&j, "kernel", plan->test[i].kernel);
		json_u64(&j, "shard", plan->test[i].shard);
		end_line(&j, l);
	}
}

int record_write_plan(FILE *out, const struct record_plan *plan, unsigned shard, int64_t when)
{
	struct lines l;

	begin(&l);
	if (l.out)
		put_plan(&l, plan, shard, when);
	return end(&l, out);
}

static void put_cases(struct lines *l, size_t test, const struct ktap_case *c, unsigned depth)
{
	struct json j;

	for (; c; c = c->next) {
		begin_line(&j, l);
		json_u64(&j, "case", test);
		json_u64(&j, "depth", depth);
		json_u64(&j, "number", c->number);
		put_text(&j, "name", c->name);
		json_string(&j, "outcome", ktap_outcome_name(c->outcome));
		json_bool(&j, "ok", c->said_ok);
		if (*c->reason)
			put_text(&j, "reason", c->reason);
		if (c->faults)
			json_u64(&j, "faults", c->faults);
		json_u64(&j, "from", c->log);
		json_u64(&j, "to", c->log_end);
		end_line(&j, l);
		put_cases(l, test, c->child, depth + 1);
	}
}

static void put_result(struct lines *l, size_t test, const struct result_test *t)
{
	struct json j;

	begin_line(&j, l);
	json_u64(&j, "result", test);
	json_u64(&j, "attempt", t->attempts);
	json_string(&j, "outcome", result_outcome_name(t->outcome));
	json_bool(&j, "expected", t->expected);
	json_u64(&j, "ns", t->took_ns);
	json_u64(&j, "status", (uint64_t)t->status);
	put_text(&j, "why", t->why);
	if (t->log_path)
		put_text(&j, "file", t->log_path);
	if (t->ktap && t->ktap->found) {
		json_string(&j, "cases", ktap_outcome_name(t->ktap->root.outcome));
		json_u64(&j, "faults", t->ktap->root.faults);
	}
	if (t->log)
		json_bytes(&j, "log", t->log, t->log_size);
	end_line(&j, l);
}

int record_write_result(FILE *out, size_t test, const struct result_test *t)
{
	struct lines l;

	begin(&l);
	if (l.out && t->ktap && t->ktap->found)
		put_cases(&l, test, t->ktap->root.child, 1);
	if (l.out)
		put_result(&l, test, t);
	return end(&l, out);
}

int record_write_end(FILE *out, size_t results, bool complete, uint64_t took_ns)
{
	struct lines l;
	struct json j;

	begin(&l);
	if (l.out) {
		begin_line(&j, &l);
		json_bool(&j, "end", true);
		json_bool(&j, "complete", complete);
		json_u64(&j, "results", results);
		json_u64(&j, "ns", took_ns);
		end_line(&j, &l);
	}
	return end(&l, out);
}
