// SPDX-License-Identifier: Apache-2.0
/*
 * The first line and the plan come first, then results, then the end; a line that is none, or that stands elsewhere, is
 * an error. So of a record that is cut off everything in front of the cut can be read.
 */
#include <errno.h>
#include <string.h>

#include "vmm/base/clock.h"
#include "vmm/results/record.h"

#define NS_MAX UINT64_C(9000000000000000000) /* ns: a time of day and a duration have a sum */

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

struct line {
	const struct json_doc *d;
	struct err *e;
};

static int wrong(const struct line *l, const char *what)
{
	return err_set(l->e, -EINVAL, "not a line of a record: %s", what);
}

static const struct json_node *get(const struct line *l, const char *key)
{
	return json_get(l->d, l->d->node, key);
}

/* A whole number of at most @max. */
static int get_number(const struct line *l, const char *key, uint64_t max, uint64_t *ret)
{
	const struct json_node *n = get(l, key);

	if (!n || n->type != JSON_NUMBER || !n->whole || n->n > max)
		return wrong(l, key);
	*ret = n->n;
	return 0;
}

static int get_bool(const struct line *l, const char *key, bool *ret)
{
	const struct json_node *n = get(l, key);

	if (!n || n->type != JSON_BOOL)
		return wrong(l, key);
	*ret = n->number > 0;
	return 0;
}

static int get_bytes(const struct line *l, const char *key, char **ret, size_t *ret_size)
{
	int r = json_bytes_copy(get(l, key), ret, ret_size);

	return r == -EINVAL ? wrong(l, key) : r < 0 ? no_memory(l->e) : 0;
}

/* A string that is ""  if it is not there, without a NUL. */
static int get_text(const struct line *l, const char *key, char **ret)
{
	size_t size = 0;
	int r;

	if (!get(l, key)) {
		*ret = strdup("");
		return *ret ? 0 : no_memory(l->e);
	}
	r = get_bytes(l, key, ret, &size);
	return r == 0 && strlen(*ret) != size ? wrong(l, key) : r;
}

/* --- The plan -------------------------------------------------------------------------------------------------- */

void record_begin(struct record *r, struct record_plan *plan)
{
	*r = (struct record){.plan = plan, .first = !plan->of};
}

bool record_has_plan(const struct record *r)
{
	return r->shard && r->planned == r->tests;
}

void record_plan_destroy(struct record_plan *plan)
{
	for (size_t i = 0; i < plan->nr; i++) {
		free(plan->test[i].name);
		free(plan->test[i].kernel);
	}
	free(plan->test);
	free(plan->kernels);
	*plan = (struct record_plan){0};
}

static int begin_results(struct record *r, struct err *e)
{
	if (!record_has_plan(r))
		return 0;
	r->result = calloc(r->tests + 1, sizeof(struct record_result *));
	return r->result ? 0 : no_memory(e);
}

/* Of the first record it is the plan of the run; of another it must be the same. */
static int take_head_of(struct record *r, const struct line *l, unsigned of, char **kernels)
{
	struct record_plan *plan = r->plan;

	if (r->first) {
		plan->of = of;
		plan->kernels = TAKE_PTR(*kernels);
		return 0;
	}
	if (plan->of != of)
		return err_set(l->e, -EXDEV, "it is a shard of %u, not of %u", of, plan->of);
	if (strcmp(plan->kernels, *kernels))
		return err_set(l->e, -EXDEV, "its kernels are %.200s, not %.200s", *kernels, plan->kernels);
	if (plan->nr != r->tests)
		return err_set(l->e, -EXDEV, "its run has %zu tests, not %zu", r->tests, plan->nr);
	return 0;
}

static int take_head(struct record *r, const struct line *l)
{
	CLEANUP_FREE char *kernels = NULL;
	uint64_t shard = 0, of = 0, when = 0, tests = 0;
	int code;

	if (strcmp(json_text(get(l, "format"), ""), RECORD_FORMAT))
		return err_set(l->e, -EINVAL, "not what --record of vmm test writes");
	code = get_number(l, "shard", RECORD_SHARDS_MAX, &shard) ?: get_number(l, "of", RECORD_SHARDS_MAX, &of)
		?: get_number(l, "when", NS_MAX / NSEC_PER_SEC, &when)
		?: get_number(l, "tests", SIZE_MAX / 64, &tests) ?: get_text(l, "kernels", &kernels);
	if (code < 0)
		return code;
	if (!shard || shard > of)
		return wrong(l, "shard");
	r->shard = (unsigned)shard;
	r->when = (int64_t)when;
	r->tests = tests;
	return take_head_of(r, l, (unsigned)of, &kernels) ?: begin_results(r, l->e);
}

static int add_test(struct record_plan *plan, const struct record_test *t, struct err *e)
{
	struct record_test *grown = plan->test;

	if (!(plan->nr & (plan->nr - 1)))
		grown = reallocarray(plan->test, plan->nr ? 2 * plan->nr : 1, sizeof(*grown));
	if (!grown)
		return no_memory(e);
	plan->test = grown;
	plan->test[plan->nr++] = *t;
	return 0;
}

static int compare_test(const struct record *r, const struct record_test *t, struct err *e)
{
	const struct record_test *own = &r->plan->test[r->planned];

	if (strcmp(own->name, t->name) || strcmp(own->kernel, t->kernel))
		return err_set(e, -EXDEV, "its test %zu is %.100s%s%.50s, not %.100s%s%.50s", r->planned, t->name,
			*t->kernel ? " on " : "", t->kernel, own->name, *own->kernel ? " on " : "", own->kernel);
	if (own->shard != t->shard)
		return err_set(e, -EXDEV, "its test %.100s is in shard %u, not %u", t->name, t->shard, own->shard);
	return 0;
}

static int take_test(struct record *r, const struct line *l)
{
	struct record_test t = {0};
	uint64_t shard = 0;
	int code = get_text(l, "name", &t.name) ?: get_text(l, "kernel", &t.kernel)
		?: get_number(l, "shard", r->plan->of, &shard);

	t.shard = (unsigned)shard;
	if (code == 0 && (!shard || !get(l, "name")))
		code = wrong(l, "shard");
	if (code == 0)
		code = r->first ? add_test(r->plan, &t, l->e) : compare_test(r, &t, l->e);
	if (code < 0 || !r->first) {
		free(t.name);
		free(t.kernel);
	}
	if (code < 0)
		return code;
	r->planned++;
	r->mine += shard == r->shard;
	return begin_results(r, l->e);
}

/* --- Results --------------------------------------------------------------------------------------------------- */

static int get_test(const struct record *r, const struct line *l, const char *key, size_t *ret)
{
	uint64_t n = 0;
	int code = get_number(l, key, UINT64_MAX, &n);

	if (code < 0)
		return code;
	if (n >= r->tests || r->plan->test[n].shard != r->shard)
		return err_set(l->e, -EINVAL, "test %llu is not of shard %u", (unsigned long long)n, r->shard);
	*ret = n;
	return 0;
}

static int get_case_outcome(const struct line *l, const char *key, enum ktap_outcome *ret)
{
	const char *name = json_text(get(l, key), "");

	for (int o = 0; o < KTAP_OUTCOME_COUNT; o++)
		if (!strcmp(name, ktap_outcome_name((enum ktap_outcome)o))) {
			*ret = (enum ktap_outcome)o;
			return 0;
		}
	return wrong(l, key);
}

static int get_faults(const struct line *l, uint32_t *ret)
{
	uint64_t n = 0;
	int code = get(l, "faults") ? get_number(l, "faults", BIT(KTAP_FAULT_COUNT) - 1, &n) : 0;

	*ret = (uint32_t)n;
	return code;
}

static int fill_case(const struct line *l, struct ktap_case *c)
{
	uint64_t number = 0, from = 0, to = 0;
	int code = get_text(l, "name", &c->name) ?: get_text(l, "reason", &c->reason)
		?: get_case_outcome(l, "outcome", &c->outcome) ?: get_bool(l, "ok", &c->said_ok)
		?: get_faults(l, &c->faults) ?: get_number(l, "number", UINT32_MAX, &number)
		?: get_number(l, "from", SIZE_MAX, &from) ?: get_number(l, "to", SIZE_MAX, &to);

	c->number = (uint32_t)number;
	c->log = from;
	c->log_end = to;
	if (code == 0 && from > to)
		return wrong(l, "to");
	if (code == 0 && (strlen(c->name) >= KTAP_NAME_MAX || strlen(c->reason) >= KTAP_NAME_MAX))
		return wrong(l, "name");
	return code;
}

/* Links it to what owns it: the case before it on its level, or the one around it. */
static void link_case(struct record *r, struct ktap_case *c, unsigned depth)
{
	struct ktap_case *around = depth > 1 ? r->last[depth - 1] : &r->pending.root;

	if (depth <= r->depth)
		r->last[depth]->next = c;
	else
		around->child = c;
	r->last[depth] = c;
	r->depth = depth;
	r->pending.nr++;
}

static int take_case(struct record *r, const struct line *l)
{
	struct ktap_case *c;
	uint64_t depth = 0;
	size_t test = 0;
	int code = get_test(r, l, "case", &test) ?: get_number(l, "depth", KTAP_DEPTH_MAX, &depth);

	if (code < 0)
		return code;
	if (!depth || depth > r->depth + 1 || (r->depth && test != r->pending_test) || r->pending.nr == KTAP_CASES_MAX)
		return wrong(l, "depth");
	c = calloc(1, sizeof(*c));
	if (!c)
		return no_memory(l->e);
	/* It is owned from here on. */
	link_case(r, c, (unsigned)depth);
	r->pending_test = test;
	return fill_case(l, c);
}

static void drop_pending(struct record *r)
{
	ktap_destroy(&r->pending);
	r->depth = 0;
}

void record_result_free(struct record_result *t)
{
	if (!t)
		return;
	ktap_destroy(&t->ktap);
	free(t->why);
	free(t->log_path);
	free(t->log);
	free(t);
}

static int get_outcome(const struct line *l, enum result_outcome *ret)
{
	const char *name = json_text(get(l, "outcome"), "");

	for (int o = 0; o < RESULT_OUTCOME_COUNT; o++)
		if (!strcmp(name, result_outcome_name((enum result_outcome)o))) {
			*ret = (enum result_outcome)o;
			return 0;
		}
	return wrong(l, "outcome");
}

/* The results are those of the lines before. Without the text they are from, their places in it mean nothing. */
static int take_ktap(struct record *r, const struct line *l, struct record_result *t)
{
	struct ktap_case *root = &r->pending.root;
	int code;

	t->t.ktap = &t->ktap;
	if (!get(l, "cases"))
		return r->depth ? wrong(l, "cases") : 0;
	code = get_case_outcome(l, "cases", &root->outcome) ?: get_faults(l, &root->faults);
	if (code == 0 && (!(root->name = strdup("")) || !(root->reason = strdup(""))))
		code = no_memory(l->e);
	root->said_ok = true;
	r->pending.found = true;
	t->ktap = r->pending;
	r->pending = (struct ktap){0};
	r->depth = 0;
	return code;
}

static void limit_logs(struct ktap_case *c, size_t size)
{
	for (; c; c = c->next) {
		c->log = MIN(c->log, size);
		c->log_end = MIN(c->log_end, size);
		limit_logs(c->child, size);
	}
}

static int fill_result(struct record *r, const struct line *l, size_t test, struct record_result *t)
{
	uint64_t attempt = 0, status = 0;
	int code = get_outcome(l, &t->t.outcome) ?: get_bool(l, "expected", &t->t.expected)
		?: get_number(l, "attempt", RECORD_ATTEMPTS_MAX, &attempt)
		?: get_number(l, "ns", NS_MAX, &t->t.took_ns)
		?: get_number(l, "status", INT32_MAX, &status) ?: get_text(l, "why", &t->why) ?: take_ktap(r, l, t);

	if (code == 0 && get(l, "file"))
		code = get_text(l, "file", &t->log_path);
	if (code == 0 && get(l, "log"))
		code = get_bytes(l, "log", &t->log, &t->t.log_size);
	t->t.name = r->plan->test[test].name;
	t->t.kernel = r->plan->test[test].kernel;
	t->t.attempts = (unsigned)attempt;
	t->t.status = (int)status;
	t->t.why = t->why;
	t->t.log = t->log;
	t->t.log_path = t->log_path;
	limit_logs(t->ktap.root.child, t->t.log_size);
	return code;
}

/* A later attempt takes the place of the one before. */
static int take_result(struct record *r, const struct line *l)
{
	struct record_result *t;
	size_t test = 0;
	int code = get_test(r, l, "result", &test);

	if (code < 0)
		return code;
	if (r->depth && r->pending_test != test)
		return wrong(l, "result");
	t = calloc(1, sizeof(*t));
	if (!t)
		return no_memory(l->e);
	code = fill_result(r, l, test, t);
	if (code == 0 && t->t.attempts != (r->result[test] ? r->result[test]->t.attempts + 1 : 1))
		code = err_set(l->e, -EINVAL, "attempt %u of test %zu stands here", t->t.attempts, test);
	if (code < 0) {
		record_result_free(t);
		return code;
	}
	r->nr += !r->result[test];
	record_result_free(r->result[test]);
	r->result[test] = t;
	return 0;
}

static int take_end(struct record *r, const struct line *l)
{
	uint64_t nr = 0;
	int code = get_number(l, "results", UINT64_MAX, &nr) ?: get_bool(l, "complete", &r->complete)
		?: get_number(l, "ns", NS_MAX, &r->took_ns);

	r->ended = code == 0;
	if (code == 0 && nr != r->nr)
		return err_set(l->e, -EINVAL, "it ended with %llu results, and has %zu", (unsigned long long)nr, r->nr);
	if (code == 0 && r->complete && r->nr != r->mine)
		return err_set(l->e, -EINVAL, "its shard has %zu tests, and it has results of %zu", r->mine, r->nr);
	return code;
}

static int take_line(struct record *r, const struct line *l)
{
	if (!r->shard)
		return take_head(r, l);
	if (r->ended)
		return wrong(l, "it stands behind the end");
	if (!record_has_plan(r))
		return take_test(r, l);
	if (get(l, "case"))
		return take_case(r, l);
	if (get(l, "result"))
		return take_result(r, l);
	return get(l, "end") ? take_end(r, l) : wrong(l, "it is of no kind");
}

int record_read_line(struct record *r, char *line, size_t size, struct err *e)
{
	struct json_doc d = {0};
	struct line l = {.d = &d, .e = e};
	int code = json_read(line, size, &d, e);

	if (code == 0)
		code = take_line(r, &l);
	json_doc_destroy(&d);
	return code;
}

void record_destroy(struct record *r)
{
	for (size_t i = 0; r->result && i < r->tests; i++)
		record_result_free(r->result[i]);
	free(r->result);
	drop_pending(r);
	*r = (struct record){0};
}
