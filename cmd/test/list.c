// SPDX-License-Identifier: Apache-2.0
#include "cmd/test/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/options/command_info.h"
#include "cmd/options/options.h"
#include "cmd/test/memory.h"
#include "vmm/base/file.h"
#include "vmm/base/path.h"

#define BLANKS    " \t\r"
#define DEPTH_MAX 16

static void case_free(struct test_case *t)
{
	free(t->name);
	free(t->dir);
	for (size_t i = 0; i < t->nr_args; i++)
		free(t->arg[i]);
	for (size_t i = 0; i < t->nr_words; i++)
		free(t->word[i]);
	free(t->word);
	free(t->tags);
	if (t->has_allow)
		regfree(&t->allow);
	free(t);
}

void test_list_destroy(struct test_list *l)
{
	for (size_t i = 0; i < l->nr; i++)
		case_free(l->test[i]);
	free(l->test);
	*l = (struct test_list){0};
}

/* Adds a test that expects a pass and has no arguments yet; it takes ownership of @name. */
static int add_case(struct test_list *l, char *name, struct test_case **ret, struct err *e)
{
	struct test_case *t = calloc(1, sizeof(*t));
	struct test_case **grown;

	if (!t || !name || l->nr == TEST_LIST_MAX) {
		free(t);
		free(name);
		return l->nr == TEST_LIST_MAX ? err_set(e, -E2BIG, "more than %d tests", TEST_LIST_MAX) : no_memory(e);
	}
	t->name = name;
	t->cpus = 1;
	t->expect = RESULT_PASS;
	grown = l->nr & (l->nr - 1) ? l->test : reallocarray(l->test, l->nr ? 2 * l->nr : 1, sizeof(*grown));
	if (!grown) {
		case_free(t);
		return no_memory(e);
	}
	l->test = grown;
	l->test[l->nr++] = t;
	*ret = t;
	return 0;
}

/* Takes ownership of @text. */
static int add_arg(struct test_case *t, char *text, struct err *e)
{
	if (!text)
		return no_memory(e);
	t->arg[t->nr_args++] = text;
	return 0;
}

/* Takes ownership of @word. */
static int add_word(struct test_case *t, char *word, struct err *e)
{
	char **grown = word ? reallocarray(t->word, t->nr_words + 1, sizeof(*grown)) : NULL;

	if (!grown) {
		free(word);
		return no_memory(e);
	}
	t->word = grown;
	t->word[t->nr_words++] = word;
	return 0;
}

/* A Linux machine; it takes ownership of @name. */
static int add_machine(struct test_list *l, char *name, struct test_case **ret, struct err *e)
{
	int r = add_case(l, name, ret, e);

	if (r < 0)
		return r;
	(*ret)->machine = true;
	return add_arg(*ret, strdup("run"), e);
}

/* --- Commands -------------------------------------------------------------------------------------------------- */

/* @word with @name for each TEST_NAME_WORD. Return: owned by the caller; NULL: no memory. */
static char *insert_name(const char *word, const char *name)
{
	const size_t gap = strlen(TEST_NAME_WORD), len = strlen(name);
	size_t nr = 0;
	char *text, *to;

	for (const char *s = word; (s = strstr(s, TEST_NAME_WORD)); s += gap)
		nr++;
	text = to = malloc(strlen(word) + nr * len + 1);
	for (const char *s; text && (s = strstr(word, TEST_NAME_WORD)); word = s + gap) {
		to = mempcpy(to, word, (size_t)(s - word));
		to = mempcpy(to, name, len);
	}
	if (text)
		strcpy(to, word);
	return text;
}

static int add_named(struct test_list *l, const char *name, struct err *e)
{
	struct test_case *t;
	int r = add_machine(l, strdup(name), &t, e);

	for (size_t i = 0; r == 0 && i < l->nr_command; i++)
		r = add_word(t, insert_name(l->command[i], name), e);
	return r;
}

bool test_list_takes_names(const struct test_list *l)
{
	for (size_t i = 0; i < l->nr_command; i++)
		if (strstr(l->command[i], TEST_NAME_WORD))
			return true;
	return false;
}

int test_list_add_command(struct test_list *l, struct err *e)
{
	CLEANUP_FREE char *name = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&name, &size);
	struct test_case *t;
	int r;

	if (!f)
		return no_memory(e);
	for (size_t i = 0; i < l->nr_command; i++)
		fprintf(f, "%s%s", i ? " " : "", l->command[i]);
	if (fclose(f))
		return no_memory(e);
	r = add_machine(l, TAKE_PTR(name), &t, e);
	for (size_t i = 0; r == 0 && i < l->nr_command; i++)
		r = add_word(t, strdup(l->command[i]), e);
	return r;
}

/* It runs in its directory, as kselftests expect it. */
static int add_file_command(struct test_list *l, const char *path, struct err *e)
{
	const char *base = path_name(path);
	struct test_case *t;
	char *word = NULL;
	int r = add_machine(l, strdup(path), &t, e);

	if (r == 0 && base > path && !(t->dir = strndup(path, (size_t)(base - path))))
		r = no_memory(e);
	if (r == 0 && asprintf(&word, "./%s", base) < 0)
		r = no_memory(e);
	return r == 0 ? add_word(t, word, e) : r;
}

static int add_program(struct test_list *l, const char *path, struct err *e)
{
	struct test_case *t;
	int r;

	if (l->commands)
		return add_file_command(l, path, e);
	r = add_case(l, strdup(path_name(path)), &t, e);
	if (r == 0)
		r = add_arg(t, strdup("flat"), e);
	/* A comma in the name would be read as the start of a setting. */
	if (r == 0 && strchr(path, ','))
		return err_set(e, -EINVAL, "%s: a program whose name has a comma cannot be run", path);
	return r ? r : add_arg(t, strdup(path), e);
}

/* --- INI ------------------------------------------------------------------------------------------------------- */

/**
 * struct section - an INI file while it is read
 * @test: of the section that is open
 * @program, @setting: line of that key, 0: none
 */
struct section {
	struct test_list *list;
	const char *file;
	unsigned line;
	struct test_case *test;
	unsigned program;
	unsigned setting;
	size_t first;
	struct err *e;
};

#define REFUSE(s, fmt, ...) err_set((s)->e, -EINVAL, "%s:%u: " fmt, (s)->file, (s)->line, ##__VA_ARGS__)

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	len = strlen(text);
	while (len && strchr(BLANKS, text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int begin_section(struct section *s, char *line)
{
	const char *base = path_name(s->file);
	size_t len = strlen(line);
	char *name = NULL;
	int r;

	if (line[len - 1] != ']' || len < 3)
		return REFUSE(s, "%.100s: a section is [NAME]", line);
	line[len - 1] = '\0';
	if (asprintf(&name, "%s:%s", base, trim(line + 1)) < 0)
		return no_memory(s->e);
	for (size_t i = s->first; i < s->list->nr; i++)
		if (!strcmp(s->list->test[i]->name, name)) {
			free(name);
			return REFUSE(s, "[%.100s]: there is a test of this name already", line + 1);
		}
	r = add_machine(s->list, name, &s->test, s->e);
	if (r < 0)
		return r;
	s->program = s->setting = 0;
	if (base > s->file && !(s->test->dir = strndup(s->file, (size_t)(base - s->file))))
		return no_memory(s->e);
	return 0;
}

static int take_expect(struct section *s, const char *value)
{
	for (int o = 0; o < RESULT_OUTCOME_COUNT; o++) {
		if (strcmp(value, result_outcome_name((enum result_outcome)o)) || o == RESULT_ERROR)
			continue;
		s->test->expect = (enum result_outcome)o;
		return 0;
	}
	return REFUSE(
		s, "expect = %.100s: not an outcome; valid are pass, fail, panic, splat, timeout, crash, skip", value);
}

static int take_program(struct section *s, const char *value)
{
	struct test_case *t = s->test;

	if (s->program || s->setting || t->nr_words)
		return REFUSE(s, "program: stands in front of all settings, and once");
	s->program = s->line;
	t->machine = false;
	free(t->arg[0]);
	t->nr_args = 0;
	return add_arg(t, strdup("flat"), s->e) ?: add_arg(t, strdup(value), s->e);
}

/* One word, from @at, without the quotes around parts of it. Return: false: a quote has no end. */
static bool next_word(const char **at, char *to)
{
	char quote = '\0';

	for (; **at && (quote || !strchr(BLANKS, **at)); (*at)++) {
		if (!quote && (**at == '"' || **at == '\''))
			quote = **at;
		else if (quote && **at == quote)
			quote = '\0';
		else
			*to++ = **at;
	}
	*to = '\0';
	return !quote;
}

static int take_command(struct section *s, const char *value)
{
	CLEANUP_FREE char *word = malloc(strlen(value) + 1);
	int r = 0;

	if (!word)
		return no_memory(s->e);
	if (s->program || s->test->nr_words)
		return REFUSE(s, "command: stands once, and not with program");
	while (r == 0 && *(value += strspn(value, BLANKS))) {
		if (!next_word(&value, word))
			return REFUSE(s, "command: a quote has no end");
		r = add_word(s->test, strdup(word), s->e);
	}
	return r < 0 || s->test->nr_words ? r : REFUSE(s, "command: has no word");
}

static int take_allow(struct section *s, const char *value)
{
	if (s->test->has_allow)
		return REFUSE(s, "allow-splat: already set; one expression can have several with |");
	if (regcomp(&s->test->allow, value, REG_EXTENDED | REG_NOSUB))
		return REFUSE(s, "allow-splat = %.100s: not a regular expression", value);
	s->test->has_allow = true;
	return 0;
}

/* A setting of vmm. Only its own value is checked here; vmm checks settings against each other when it runs. */
static int take_setting(struct section *s, const char *key, const char *value)
{
	const struct option_def *o = option_find(key, strlen(key));
	struct test_case *t = s->test;
	const struct subset_option *how = NULL;
	struct option_value v = {0};
	struct option_def limited;
	char *text = NULL;

	if (!o || o->type == OPT_FLAG)
		return REFUSE(s, "%.100s: neither a key of a test nor a setting of vmm", key);
	if (!t->machine && !command_takes(command_find("flat"), o, &how))
		return REFUSE(s, "%s: has no effect on a program without a kernel", key);
	if (t->nr_args > TEST_ARGS_MAX)
		return REFUSE(s, "%s: more than %d settings", key, TEST_ARGS_MAX);
	limited = *o;
	/* A program without a kernel has other limits. */
	if (how)
		subset_limit(&limited, how);
	if (o->type != OPT_LIST && option_parse(&limited, value, &v, s->e) < 0)
		return err_wrap(s->e, -EINVAL, "%s:%u: %s = %s", s->file, s->line, key, value);
	s->setting = s->line;
	t->has_kernel |= !strcmp(key, "kernel");
	if (!strcmp(key, "timeout"))
		t->timeout_ns = v.n;
	else if (!strcmp(key, "mem"))
		t->mem_bytes = v.n;
	else if (!strcmp(key, "cpus"))
		t->cpus = MAX(v.n, UINT64_C(1));
	if (asprintf(&text, "--%s=%s", key, value) < 0)
		return no_memory(s->e);
	return add_arg(t, text, s->e);
}

static int take_pair(struct section *s, char *line)
{
	char *value = strchr(line, '='), *key;

	if (!value)
		return REFUSE(s, "%.100s: neither [NAME] nor KEY = VALUE", line);
	if (!s->test)
		return REFUSE(s, "%.100s: stands before the first [NAME]", line);
	*value++ = '\0';
	key = trim(line);
	value = trim(value);
	if (!strcmp(key, "expect"))
		return take_expect(s, value);
	if (!strcmp(key, "program"))
		return take_program(s, value);
	if (!strcmp(key, "command"))
		return take_command(s, value);
	if (!strcmp(key, "allow-splat"))
		return take_allow(s, value);
	if (!strcmp(key, "tags")) {
		free(s->test->tags);
		s->test->tags = strdup(value);
		return s->test->tags ? 0 : no_memory(s->e);
	}
	return take_setting(s, key, value);
}

static int take_line(struct section *s, char *line)
{
	for (const char *c = line; *c; c++)
		if (((unsigned char)*c < 0x20 && !strchr(BLANKS, *c)) || *c == 0x7f)
			return REFUSE(s, "not a text file: byte 0x%02x", (unsigned)(unsigned char)*c);
	line = trim(line);
	if (!*line || *line == '#' || *line == ';')
		return 0;
	return *line == '[' ? begin_section(s, line) : take_pair(s, line);
}

int test_list_add_text(struct test_list *l, const char *file, const char *text, size_t size, struct err *e)
{
	struct section s = {.list = l, .file = file, .first = l->nr, .e = e};
	CLEANUP_FREE char *copy = malloc(size + 1);
	char *next = copy, *line;
	int r = 0;

	if (!copy)
		return no_memory(e);
	memcpy(copy, text, size);
	copy[size] = '\0';
	s.line = 1;
	if (memchr(copy, '\0', size))
		return REFUSE(&s, "not a text file: it has a byte 0");
	for (s.line = 0; r == 0 && (line = strsep(&next, "\n"));) {
		s.line++;
		r = take_line(&s, line);
	}
	return r;
}

/* --- Paths ----------------------------------------------------------------------------------------------------- */

static bool is_list(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && (!strcmp(dot, ".ini") || !strcmp(dot, ".conf"));
}

static int add_file(struct test_list *l, const char *path, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FD int fd = -1;
	size_t size = 0;
	int r;

	if (!is_list(path))
		return add_program(l, path, e);
	fd = path_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return err_sys(e, -errno, "%s", path);
	r = file_read_all(fd, TEST_FILE_MAX, &text, &size);
	if (r < 0)
		return err_sys(e, r, "%s: cannot read", path);
	return test_list_add_text(l, path, text, size, e);
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int add_path(struct test_list *l, const char *path, unsigned depth, struct err *e);

static int add_dir(struct test_list *l, const char *path, unsigned depth, struct err *e)
{
	struct dirent **entry = NULL;
	int nr = scandir(path, &entry, visible, alphasort), r = 0;

	if (nr < 0)
		return err_sys(e, -errno, "%s", path);
	for (int i = 0; i < nr; i++) {
		char *inner = NULL;

		if (r == 0 && asprintf(&inner, "%s/%s", path, entry[i]->d_name) < 0)
			r = no_memory(e);
		else if (r == 0)
			r = add_path(l, inner, depth + 1, e);
		free(inner);
		free(entry[i]);
	}
	free(entry);
	return r;
}

static int add_path(struct test_list *l, const char *path, unsigned depth, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(e, -errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return depth < DEPTH_MAX
			? add_dir(l, path, depth, e)
			: err_set(e, -ELOOP, "%s: more than %d directories in each other", path, DEPTH_MAX);
	if (!S_ISREG(st.st_mode))
		return depth ? 0 : err_set(e, -EINVAL, "%s: neither a file nor a directory", path);
	if (l->commands && !is_list(path) && !(st.st_mode & 0111))
		return depth ? 0 : err_set(e, -EINVAL, "%s: neither executable nor a list of tests", path);
	return add_file(l, path, e);
}

int test_list_add(struct test_list *l, const char *path, struct err *e)
{
	return l->nr_command ? add_named(l, path, e) : add_path(l, path, 0, e);
}

int test_list_add_names(struct test_list *l, FILE *in, struct err *e)
{
	CLEANUP_FREE char *line = NULL;
	size_t room = 0;
	int r = 0;

	while (r == 0 && getline(&line, &room, in) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (*line)
			r = test_list_add(l, line, e);
	}
	return r == 0 && ferror(in) ? err_sys(e, -EIO, "cannot read the names of tests") : r;
}

/* Whether @words has the word @word, or one that begins with it if it ends in '='. */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = words; *(s += strspn(s, BLANKS)); s += strcspn(s, BLANKS))
		if (!strncmp(s, word, n) && (word[n - 1] == '=' || strcspn(s, BLANKS) == n))
			return true;
	return false;
}

bool test_case_is_quiet(const struct test_case *t)
{
	static const char *const others[] = {"loglevel=", "ignore_loglevel", "debug"};
	bool quiet = false;

	for (size_t i = 0; i < t->nr_args; i++) {
		const char *words = strchr(t->arg[i], '=');

		if (!words || (strncmp(t->arg[i], "--append=", 9) && strncmp(t->arg[i], "--cmdline=", 10)))
			continue;
		quiet |= has_word(words + 1, "quiet");
		for (size_t w = 0; w < ARRAY_SIZE(others); w++)
			if (has_word(words + 1, others[w]))
				return false;
	}
	return quiet;
}

bool test_case_sets(const struct test_case *t, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 1; i < t->nr_args; i++)
		if (!strncmp(t->arg[i], "--", 2) && !strncmp(t->arg[i] + 2, name, n) && t->arg[i][2 + n] == '=')
			return true;
	return false;
}

bool test_case_matches(const struct test_case *t, const char *glob)
{
	CLEANUP_FREE char *tags = strdup(t->tags ? t->tags : "");
	char *rest = tags, *tag;

	if (!fnmatch(glob, t->name, 0))
		return true;
	while (rest && (tag = strsep(&rest, " \t,")))
		if (*tag && !fnmatch(glob, tag, 0))
			return true;
	return false;
}
