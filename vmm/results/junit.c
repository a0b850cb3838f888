// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation: a suite's counts precede its cases, and a file has a maximum size. So the cases of a suite are
 * buffered as text until the suite ends or the file is full, and are then written after their counts. A suite that
 * continues in the next file is opened there again, with counts of its own.
 *
 * What Jenkins' schema and GitLab accept is restated in tests/data/junit.xsd; tests validate against it with xmllint.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "vmm/base/clock.h"
#include "vmm/base/text.h"
#include "vmm/base/util.h"
#include "vmm/results/results.h"

#define HEAD_MAX     4096 /* bytes of a file before and after its cases, about */
#define PATH_MAX_LEN 1024 /* of a case: the names around it, and its own */
#define CLASS_MAX    600
#define EASY_NUMBERS 20 /* suffixes tried one by one; a guest may print the same name 65,536 times */

/* The kinds of result that JUnit has for a case. */
enum kind { GOOD, SKIPPED, FAILED, BROKEN, KINDS };

/**
 * struct writer - the files while they are written
 * @body: of the suite that is open, @count of its cases by kind, and their time
 * @used: bytes of the file that is open, those of @text included
 * @seen: hashes of the names in use, @seen_size slots, 0: free; a hash collision only renames a case
 */
struct writer {
	const struct results *results;
	FILE *(*open)(void *arg, unsigned i);
	void *arg;
	size_t file_max;
	unsigned files;
	FILE *out;
	FILE *body;
	char *text;
	size_t text_size;
	size_t used;
	const char *suite;
	unsigned count[KINDS];
	uint64_t took_ns;
	uint64_t *seen;
	size_t seen_nr;
	size_t seen_size;
	int r;
};

/* --- Text ------------------------------------------------------------------------------------------------------ */

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Escapes what a CI runner would read as a command; printable.h has the same rule for logs. Return: bytes written. */
static size_t put_broken(FILE *out, const char *s, const char *end, bool begins)
{
	static const char attachment[] = "[[ATTACHMENT";

	if (begins && end - s >= 2 && s[0] == ':' && s[1] == ':') {
		fputs("\\x3a", out);
		return 1;
	}
	if (end - s >= 3 && s[0] == '#' && s[1] == '#' && (s[2] == '[' || is_letter(s[2]))) {
		fputs("#\\x23", out);
		return 2;
	}
	if ((size_t)(end - s) >= strlen(attachment) && !memcmp(s, attachment, strlen(attachment))) {
		fputs("[\\x5b", out);
		return 2;
	}
	return 0;
}

static void put_attribute(FILE *out, const char *name, const char *text)
{
	const char *end = text + strlen(text);

	fprintf(out, " %s=\"", name);
	while (text < end) {
		size_t n = put_broken(out, text, end, false);

		text += n ? n : text_put_xml(out, text, end);
	}
	fputc('"', out);
}

/* Lines of a log. */
static void put_lines(FILE *out, const char *s, const char *end)
{
	bool begins = true;

	while (s < end) {
		size_t n = put_broken(out, s, end, begins);

		if (!n && (*s == '\n' || *s == '\t')) {
			fputc(*s, out);
			n = 1;
		} else if (!n && *s == '\r' && s + 1 < end && s[1] == '\n') {
			s++;
			continue;
		}
		begins = *s == '\n' || *s == '\r' || (begins && (*s == ' ' || *s == '\t'));
		s += n ? n : text_put_xml(out, s, end);
	}
}

/* The beginning of the log and, since failures are reported last, more of its end. */
static void put_log(FILE *out, const struct result_test *t, size_t begin, size_t end)
{
	const char *log = t->log + begin;
	size_t n = end - begin, head = RESULTS_LOG_MAX / 4, tail = RESULTS_LOG_MAX - head;

	if (n) {
		fputs("      <system-out>", out);
		if (n <= RESULTS_LOG_MAX) {
			put_lines(out, log, log + n);
		} else {
			put_lines(out, log, log + head);
			fprintf(out, "\n[%zu bytes are left out here]\n", n - head - tail);
			put_lines(out, log + n - tail, log + n);
		}
		fputs("</system-out>\n", out);
	}
	if (t->log_path) {
		fputs("      <system-err>the whole log: ", out);
		put_lines(out, t->log_path, t->log_path + strlen(t->log_path));
		fputs("</system-err>\n", out);
	}
}

/* --- Names ----------------------------------------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
	do
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	while (*text++);
	return hash;
}

static bool add_hash(uint64_t *slots, size_t size, uint64_t hash)
{
	size_t i = (size_t)hash & (size - 1);

	for (; slots[i]; i = (i + 1) & (size - 1))
		if (slots[i] == hash)
			return false;
	slots[i] = hash;
	return true;
}

static void grow_seen(struct writer *w)
{
	size_t size = w->seen_size ? 2 * w->seen_size : 256;
	uint64_t *grown = calloc(size, sizeof(*grown));

	if (!grown) {
		w->r = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < w->seen_size; i++)
		if (w->seen[i])
			add_hash(grown, size, w->seen[i]);
	free(w->seen);
	w->seen = grown;
	w->seen_size = size;
}

/* Makes @name unique within @class, by appending a number. */
static void make_unique(struct writer *w, const char *class, char *name, size_t size)
{
	uint64_t seed = hash_text(UINT64_C(0xcbf29ce484222325), class);
	size_t length = MIN(strlen(name), size - 16);

	if (2 * w->seen_nr >= w->seen_size)
		grow_seen(w);
	for (size_t i = 2; w->r == 0 && !add_hash(w->seen, w->seen_size, hash_text(seed, name) | 1); i++)
		snprintf(name + length, size - length, " (%zu)", i < EASY_NUMBERS ? i : w->seen_nr + i);
	w->seen_nr++;
}

/* --- Files and suites ------------------------------------------------------------------------------------------ */

static void put_counts(FILE *out, const struct writer *w)
{
	unsigned all = 0;

	for (int k = 0; k < KINDS; k++)
		all += w->count[k];
	fprintf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\"", all, w->count[FAILED],
		w->count[BROKEN], w->count[SKIPPED], (double)w->took_ns / NSEC_PER_SEC);
}

static void open_file(struct writer *w)
{
	w->out = w->open(w->arg, w->files++);
	w->used = HEAD_MAX;
	if (!w->out) {
		w->r = -EIO;
		return;
	}
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", w->out);
	put_attribute(w->out, "name", w->results->name);
	fputs(">\n", w->out);
}

static void close_file(struct writer *w)
{
	if (!w->out)
		return;
	fputs("</testsuites>\n", w->out);
	if ((fflush(w->out) || ferror(w->out)) && w->r == 0)
		w->r = -EIO;
	w->out = NULL;
}

static void begin_suite(struct writer *w, const char *name)
{
	w->suite = name;
	memset(w->count, 0, sizeof(w->count));
	w->took_ns = 0;
	w->text = NULL;
	w->body = open_memstream(&w->text, &w->text_size);
	if (!w->body)
		w->r = -ENOMEM;
}

static void end_suite(struct writer *w)
{
	char when[32] = "";
	struct tm tm;

	if (!w->body)
		return;
	if (fclose(w->body) && w->r == 0)
		w->r = -ENOMEM;
	w->body = NULL;
	if (w->r == 0 && !w->out)
		open_file(w);
	if (w->r == 0) {
		fputs("  <testsuite", w->out);
		put_attribute(w->out, "name", *w->suite ? w->suite : w->results->name);
		put_counts(w->out, w);
		if (gmtime_r(&(time_t){w->results->when}, &tm) &&
			strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm))
			put_attribute(w->out, "timestamp", when);
		fputs(">\n", w->out);
		fwrite(w->text, 1, w->text_size, w->out);
		fputs("  </testsuite>\n", w->out);
		w->used += HEAD_MAX;
	}
	free(w->text);
	w->text = NULL;
}

/* Adds a complete case; one that does not fit begins the next file. */
static void add_case(struct writer *w, enum kind kind, uint64_t took_ns, const char *text, size_t size)
{
	if (w->r == 0 && w->used + size > w->file_max && w->used > HEAD_MAX) {
		end_suite(w);
		close_file(w);
		begin_suite(w, w->suite);
		w->used = HEAD_MAX;
	}
	if (w->r < 0)
		return;
	fwrite(text, 1, size, w->body);
	w->used += size;
	w->count[kind]++;
	w->took_ns += took_ns;
}

/* --- Cases ----------------------------------------------------------------------------------------------------- */

/**
 * struct item - a case of the file
 * @type: of a failure
 * @log, @log_end: within the log of @test
 */
struct item {
	const struct result_test *test;
	const char *class;
	const char *name;
	enum kind kind;
	const char *type;
	const char *message;
	uint64_t took_ns;
	size_t log;
	size_t log_end;
};

static void put_item(FILE *out, const struct item *i)
{
	fputs("    <testcase", out);
	put_attribute(out, "name", i->name);
	put_attribute(out, "classname", i->class);
	fprintf(out, " time=\"%.3f\"", (double)i->took_ns / NSEC_PER_SEC);
	if (i->kind == GOOD && !result_is_flaky(i->test)) {
		fputs("/>\n", out);
		return;
	}
	fputs(">\n", out);
	if (i->kind == GOOD) {
		fprintf(out, "      <system-out>flaky: it passed in attempt %u</system-out>\n", i->test->attempts);
	} else if (i->kind == SKIPPED) {
		fputs("      <skipped", out);
		put_attribute(out, "message", i->message);
		fputs("/>\n", out);
	} else {
		fprintf(out, "      <%s", i->kind == FAILED ? "failure" : "error");
		put_attribute(out, "message", i->message);
		put_attribute(out, "type", i->type);
		fputs("/>\n", out);
		if (i->test->log)
			put_log(out, i->test, i->log, i->log_end);
	}
	fputs("    </testcase>\n", out);
}

static void write_item(struct writer *w, const struct item *i)
{
	char name[PATH_MAX_LEN], *text = NULL;
	struct item named = *i;
	size_t size = 0;
	FILE *out;

	snprintf(name, sizeof(name), "%s", i->name);
	make_unique(w, i->class, name, sizeof(name));
	named.name = name;
	out = open_memstream(&text, &size);
	if (!out) {
		w->r = -ENOMEM;
		return;
	}
	put_item(out, &named);
	if (fclose(out))
		w->r = -ENOMEM;
	add_case(w, i->kind, i->took_ns, text, size);
	free(text);
}

static void class_name(const struct result_test *t, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s", t->kernel, *t->kernel ? "." : "", t->name);
}

/* Sets kind, type and message for a case in a log. */
static void judge_case(const struct ktap_case *c, const struct result_test *t, struct item *i)
{
	bool passed = ktap_passed(c);

	i->type = ktap_outcome_name(c->outcome);
	i->message = *c->reason ? c->reason : i->type;
	if (passed) {
		i->kind = c->outcome == KTAP_PASS ? GOOD : SKIPPED;
		return;
	}
	if (c->faults)
		i->message = ktap_fault_text((enum ktap_fault)__builtin_ctz(c->faults));
	/* A failed case of a test whose failure is expected counts as skipped. */
	i->kind = t->expected ? SKIPPED : c->outcome == KTAP_ERROR || c->outcome == KTAP_MISSING ? BROKEN : FAILED;
}

/* Leaf cases; the names of their parents are part of their own. Return: how many failed. */
static unsigned write_cases(
	struct writer *w, const struct result_test *t, const struct ktap_case *c, const char *around)
{
	char class[CLASS_MAX], name[PATH_MAX_LEN];
	unsigned failed = 0;

	class_name(t, class, sizeof(class));
	for (; c && w->r == 0; c = c->next) {
		struct item i = {.test = t, .class = class, .name = name, .log = c->log, .log_end = c->log_end};

		if (*c->name)
			snprintf(name, sizeof(name), "%s%s%s", around, *around ? "/" : "", c->name);
		else
			snprintf(name, sizeof(name), "%s%s%u", around, *around ? "/" : "", c->number);
		if (c->child) {
			failed += write_cases(w, t, c->child, name);
			continue;
		}
		judge_case(c, t, &i);
		failed += i.kind == FAILED || i.kind == BROKEN;
		write_item(w, &i);
	}
	return failed;
}

static void write_test(struct writer *w, const struct result_test *t)
{
	bool cases = t->ktap && t->ktap->root.child;
	unsigned failed = cases ? write_cases(w, t, t->ktap->root.child, "") : 0;
	char class[CLASS_MAX];
	struct item i = {.test = t, .class = class, .name = t->name, .took_ns = t->took_ns, .log_end = t->log_size};

	class_name(t, class, sizeof(class));
	i.type = result_outcome_name(t->outcome);
	i.message = *t->why ? t->why : result_outcome_text(t->outcome);
	if (!t->expected)
		i.kind = t->outcome == RESULT_ERROR ? BROKEN : FAILED;
	else if (t->outcome != RESULT_PASS)
		i.kind = SKIPPED;
	/* The cases explain the outcome. */
	if (cases &&
		(t->outcome == RESULT_FAIL ? failed > 0 || t->expected : i.kind == GOOD || t->outcome == RESULT_SKIP)) {
		w->took_ns += t->took_ns;
		return;
	}
	write_item(w, &i);
}

/* A suite is a kernel: it begins at the first test on that kernel, and has all of them in their order. */
static void write_suites(struct writer *w)
{
	const struct results *r = w->results;
	CLEANUP_FREE bool *done = calloc(r->nr + 1, sizeof(*done));

	if (!done) {
		w->r = -ENOMEM;
		return;
	}
	for (size_t first = 0; first < r->nr && w->r == 0; first++) {
		if (done[first])
			continue;
		begin_suite(w, r->test[first].kernel);
		for (size_t i = first; i < r->nr && w->r == 0; i++) {
			if (done[i] || strcmp(r->test[i].kernel, r->test[first].kernel))
				continue;
			done[i] = true;
			write_test(w, &r->test[i]);
		}
		end_suite(w);
	}
}

int results_junit(const struct results *r, FILE *(*open)(void *arg, unsigned i), void *arg, size_t file_max)
{
	struct writer w = {.results = r, .open = open, .arg = arg, .file_max = file_max};

	write_suites(&w);
	end_suite(&w);
	/* A run without tests writes a file, too. */
	if (w.r == 0 && !w.files)
		open_file(&w);
	close_file(&w);
	free(w.seen);
	return w.r;
}
