// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's console output, passed through the reader of results and each report writer. The KTAP report must give the
 * same verdicts when it is parsed again; JSON and XML are checked by rules that are stricter than those of parsers.
 */
#include <errno.h>
#include <string.h>

#include "tests/support/fuzz.h"
#include "vmm/base/jsonread.h"
#include "vmm/base/text.h"
#include "vmm/base/util.h"
#include "vmm/results/results.h"

#define FILE_MAX (64 * KIB)

static void must(bool right)
{
	if (!right)
		abort();
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Asserts that a terminal or CI runner acts on nothing in it; @quoted: text is never at the start of a line. */
static void check_text(const char *s, bool quoted)
{
	bool begins = true;

	must(quoted || !strstr(s, "[[ATTACHMENT"));
	for (; *s; s += text_length(s)) {
		must(text_length(s) > 0);
		must(*s == '\n' || *s == '\t' || !text_is_hidden(text_value(s, text_length(s))));
		must(!begins || s[0] != ':' || s[1] != ':');
		must((quoted && !begins) || s[0] != '#' || s[1] != '#' || (s[2] != '[' && !is_letter(s[2])));
		begins = *s == '\n' || (begins && (*s == ' ' || *s == '\t'));
	}
}

/* Tracks open tags, innermost last: each must be closed, and each & must begin one of the four references. */
static void check_xml(const char *s)
{
	static const char *const reference[] = {"&lt;", "&gt;", "&amp;", "&quot;"};
	const char *open[8];
	size_t depth = 0;

	must(!strncmp(s, "<?xml ", 6));
	for (s = strchr(s, '>') + 1; *s; s++) {
		const char *end = *s == '<' ? strchr(s, '>') : NULL;
		bool known = false;

		for (size_t i = 0; *s == '&' && i < ARRAY_SIZE(reference); i++)
			known |= !strncmp(s, reference[i], strlen(reference[i]));
		must(*s != '&' || known);
		must(*s != '>');
		if (*s != '<')
			continue;
		must(end != NULL);
		if (s[1] == '/') {
			must(depth-- > 0);
			must(!strncmp(open[depth], s + 2, (size_t)(end - s - 2)));
		} else if (end[-1] != '/') {
			must(depth < ARRAY_SIZE(open));
			open[depth++] = s + 1;
		}
		s = end;
	}
	must(depth == 0);
}

/* The JUnit files; one is open at a time. */
struct files {
	FILE *out;
	char *text;
	size_t size;
	unsigned cases;
};

static void close_xml(struct files *f)
{
	if (!f->out)
		return;
	fclose(f->out);
	must(f->size <= FILE_MAX + 6 * RESULTS_LOG_MAX);
	check_text(f->text, false);
	check_xml(f->text);
	for (const char *s = f->text; (s = strstr(s, "<testcase ")); s++)
		f->cases++;
	free(f->text);
	f->out = NULL;
}

static FILE *open_xml(void *arg, unsigned i)
{
	struct files *f = arg;

	close_xml(f);
	f->out = open_memstream(&f->text, &f->size);
	return f->out;
}

static void check_junit(const struct results *r, const struct ktap_totals *t)
{
	struct files f = {0};
	int code = results_junit(r, open_xml, &f, FILE_MAX);

	must(code == 0 || code == -ENOMEM);
	close_xml(&f);
	must(code < 0 || (f.cases >= t->total && f.cases <= t->total + 1));
}

static void check_json(const struct results *r)
{
	struct json_doc d = {0};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	must(results_json(r, out) == 0);
	fclose(out);
	check_text(text, true);
	must(json_read(text, size, &d, NULL) == 0);
	json_doc_destroy(&d);
	free(text);
}

static unsigned height(const struct ktap_case *c)
{
	unsigned most = 0;

	for (; c; c = c->next)
		most = MAX(most, 1 + height(c->child));
	return most;
}

static void check_ktap(const struct results *r, const struct ktap *was, const struct ktap_totals *t)
{
	char *text = NULL;
	struct ktap_totals again;
	struct ktap k;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	must(results_ktap(r, out) == 0);
	fclose(out);
	check_text(text, false);
	must(strlen(text) == size);
	must(ktap_read(text, size, &k) == 0);
	ktap_count(&k, &again);
	must(ktap_passed(&k.root) == r->test[0].expected);
	if (was->nr + 1 < KTAP_CASES_MAX && height(was->root.child) < KTAP_DEPTH_MAX - 2 && t->total) {
		must(again.total == t->total);
		must(again.of[KTAP_SKIP] <= t->of[KTAP_SKIP] && again.of[KTAP_FAIL] <= t->of[KTAP_FAIL]);
	}
	must(again.of[KTAP_MISSING] == 0);
	ktap_destroy(&k);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *log = malloc(size + 1), why[256];
	struct result_test test = {
		.name = "the\n::test", .kernel = "##[k]", .attempts = 1, .why = why, .log = log, .log_size = size};
	struct results r = {.name = "fuzz", .test = &test, .nr = 1, .complete = true};
	struct ktap_totals t;
	struct ktap k;

	if (!log)
		return 0;
	memcpy(log, data, size);
	log[size] = '\0';
	if (ktap_read(log, size, &k) == 0) {
		ktap_count(&k, &t);
		results_explain(&k, why, sizeof(why));
		test.ktap = &k;
		test.expected = ktap_passed(&k.root);
		test.outcome = test.expected ? RESULT_PASS : RESULT_FAIL;
		must(test.expected == !*why);
		check_junit(&r, &t);
		check_json(&r);
		check_ktap(&r, &k, &t);
	}
	ktap_destroy(&k);
	free(log);
	return 0;
}
