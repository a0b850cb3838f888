// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/clock.h"
#include "vmm/base/json.h"
#include "vmm/results/results.h"

#define DEPTH_MAX 4 /* levels of cases; deeper ones are represented by their parent alone */

static void put_faults(struct json *j, uint32_t faults)
{
	if (!faults)
		return;
	json_array(j, "faults");
	for (int f = 0; f < KTAP_FAULT_COUNT; f++)
		if (faults & (1u << f))
			json_string(j, NULL, ktap_fault_text(f));
	json_end(j);
}

static void put_cases(struct json *j, const struct ktap_case *c, unsigned depth)
{
	json_array(j, "cases");
	for (; c; c = c->next) {
		json_object(j, NULL);
		json_string(j, "name", c->name);
		json_string(j, "outcome", ktap_outcome_name(c->outcome));
		json_bool(j, "passed", ktap_passed(c));
		if (*c->reason)
			json_string(j, "reason", c->reason);
		put_faults(j, c->faults);
		if (c->child && depth < DEPTH_MAX)
			put_cases(j, c->child, depth + 1);
		json_end(j);
	}
	json_end(j);
}

static void put_totals(struct json *j, const struct ktap *k)
{
	struct ktap_totals t;

	ktap_count(k, &t);
	json_object(j, "totals");
	for (int o = 0; o < KTAP_OUTCOME_COUNT; o++)
		json_u64(j, ktap_outcome_name(o), t.of[o]);
	json_end(j);
}

static void put_test(struct json *j, const struct result_test *t)
{
	json_object(j, NULL);
	json_string(j, "name", t->name);
	if (*t->kernel)
		json_string(j, "kernel", t->kernel);
	json_string(j, "outcome", result_outcome_name(t->outcome));
	json_bool(j, "expected", t->expected);
	json_bool(j, "flaky", result_is_flaky(t));
	json_u64(j, "attempts", t->attempts);
	json_double(j, "seconds", (double)t->took_ns / NSEC_PER_SEC);
	json_i64(j, "status", t->status);
	if (*t->why)
		json_string(j, "why", t->why);
	if (t->log_path)
		json_string(j, "log", t->log_path);
	if (t->ktap && t->ktap->found) {
		put_totals(j, t->ktap);
		put_faults(j, t->ktap->root.faults);
		put_cases(j, t->ktap->root.child, 1);
	}
	json_end(j);
}

int results_json(const struct results *r, FILE *out)
{
	struct json j;

	json_begin(&j, out);
	j.line_depth = 2;
	json_object(&j, NULL);
	json_string(&j, "format", RESULTS_FORMAT);
	json_string(&j, "name", r->name);
	json_bool(&j, "complete", r->complete);
	json_i64(&j, "when", r->when);
	json_double(&j, "seconds", (double)r->took_ns / NSEC_PER_SEC);
	json_array(&j, "tests");
	for (size_t i = 0; i < r->nr; i++)
		put_test(&j, &r->test[i]);
	json_end(&j);
	json_end(&j);
	return json_finish(&j);
}
