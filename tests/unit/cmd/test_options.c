// SPDX-License-Identifier: Apache-2.0
/*
 * The table of settings agrees with itself, with struct config, and with everything that is made from it. Arguments:
 * the two manual pages and the completion, as the build made them.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cmd/options/commands.h"
#include "cmd/options/device_list.h"
#include "cmd/options/command_info.h"
#include "cmd/options/help.h"
#include "cmd/options/options.h"
#include "cmd/options/settings.h"
#include "tests/support/config_kit.h"
#include "tests/support/unit.h"
#include "vmm/base/units.h"
#include "vmm/base/outcome.h"

static const char *man1_path, *man5_path, *bench_path, *completion_paths[3];

static void names_are_unique(void **state)
{
	for_each_option(o) {
		assert_non_null(o->name);
		assert_ptr_equal(option_find(o->name, strlen(o->name)), o);
		for (const char *p = o->name; *p; p++)
			assert_true(islower((unsigned char)*p) || *p == '-');
		/* --no-NAME would be ambiguous. */
		assert_int_not_equal(strncmp(o->name, "no-", 3), 0);
		for (const struct option_def *p = options; p < o; p++) {
			assert_string_not_equal(p->name, o->name);
			assert_false(o->letter && p->letter == o->letter);
		}
	}
	assert_null(option_find("mem ", 4));
	assert_ptr_equal(option_find("memory", 3), option_find("mem", 3));
	assert_null(option_find("", 0));
}

static void rows_are_complete(void **state)
{
	for_each_option(o) {
		size_t len = strlen(o->man);

		assert_true(o->section < SECTIONS);
		assert_true(len > 20 && o->man[len - 1] == '.');
		assert_true(strlen(o->help) > 10 && o->help[strlen(o->help) - 1] != '.');
		assert_int_equal(option_metavar(o) == NULL, o->type == OPT_FLAG);
		/* What may stand in a file needs a place to go; a flag has none. */
		if (option_section_name(o->section))
			assert_true(o->store || o->type == OPT_BOOL || o->type == OPT_UINT || o->type == OPT_SIZE ||
				o->type == OPT_DURATION || o->type == OPT_STRING || o->type == OPT_PATH ||
				o->type == OPT_LIST || (o->type == OPT_CHOICE && o->offset));
		if (o->type == OPT_CHOICE)
			assert_non_null(o->choices && o->choices[0] ? o->choices[0] : NULL);
		if (o->type == OPT_UINT || o->type == OPT_SIZE || o->type == OPT_DURATION || o->type == OPT_PORT)
			assert_true(o->max > o->min);
		if (o->type == OPT_BOOL)
			assert_true(o->deflt && o->bare && !strcmp(o->bare, "on"));
	}
}

/* Keys of devices are rows of the same kind, with a text for the manual only. */
static void keys_of_devices_are_complete(void **state)
{
	for_each_option(o) {
		assert_true(o->type == OPT_LIST ? o->list != NULL : o->type == OPT_CHOICE || !o->list);
		if (o->type != OPT_LIST)
			continue;
		assert_true(o->list->add && o->list->at && o->list->nr && o->list->nr <= DEVICE_LIST_KEYS_MAX);
		for_each_key(k, o) {
			struct option_value v;
			size_t len = strlen(k->man);

			assert_ptr_equal(device_list_find(o, k->name, strlen(k->name)), k);
			assert_true(len > 20 && k->man[len - 1] == '.');
			assert_non_null(option_metavar(k));
			assert_false(k->required && k->deflt);
			if (k->deflt)
				assert_int_equal(option_parse(k, k->deflt, &v, NULL), 0);
			if (k->bare)
				assert_int_equal(option_parse(k, k->bare, &v, NULL), 0);
		}
	}
}

static void disks_of_a_command_line(void **state)
{
	const struct option_def *o = option_find("disk", 4);
	struct config c;
	struct err e = {0};
	static const struct {
		const char *text, *words;
	} wrong[] = {
		{"", "a key is missing; the keys are path, "},
		{"ro", "path=FILE is missing"},
		{"path=", "path=: an empty file name"},
		{"path", "path: needs a value: path=FILE"},
		{"disk.img", "disk.img: unknown key; did you mean path=disk.img?"},
		{"path=a,rp", "rp: unknown key; did you mean ro?"},
		{"path=a,nonsense=1", "nonsense: unknown key; the keys are"},
		{"path=a,path=b", "path: given twice"},
		{"path=a,", "a key is missing"},
		{"path=a,queues=0", "queues=0: too small; valid is 1 to 8"},
		{"path=a,logical=513", "logical=513: not known; valid is one of 512, 4096"},
		{"path=a,rate=fast", "rate=fast: not a size"},
		{"path=a,format=qcow2", "format=qcow2: not known; valid is one of auto, raw"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(device_list_check(o, wrong[i].text, &e), -EINVAL);
		if (strncmp(e.text, wrong[i].words, strlen(wrong[i].words)))
			fail_msg("%s: %s", wrong[i].text, e.text);
	}
	config_init(&c);
	assert_int_equal(device_list_check(o, "path=a,,b=c,ro,rate=1M,id=x,logical=4096,cache=none,queues=3", &e), 0);
	assert_int_equal(device_list_store(o, "path=a,,b=c,ro,rate=1M,id=x,logical=4096,cache=none,queues=3", &c), 0);
	assert_int_equal(device_list_store(o, "path=second,overlay,format=raw", &c), 0);
	assert_int_equal(c.nr_disks, 2);
	assert_string_equal(c.disk[0].path, "a,b=c");
	assert_string_equal(c.disk[0].id, "x");
	assert_true(c.disk[0].ro && !c.disk[0].overlay);
	assert_int_equal(c.disk[0].cache, DISK_CACHE_NONE);
	assert_int_equal(c.disk[0].rate_bytes, 1024 * 1024);
	assert_int_equal(c.disk[0].logical, 4096);
	assert_int_equal(c.disk[0].queues, 3);
	assert_int_equal(c.disk[0].format, DISK_FORMAT_AUTO);
	assert_string_equal(c.disk[1].path, "second");
	assert_null(c.disk[1].id);
	assert_true(!c.disk[1].ro && c.disk[1].overlay);
	assert_int_equal(c.disk[1].cache, DISK_CACHE_WRITEBACK);
	assert_int_equal(c.disk[1].rate_bytes, 0);
	assert_int_equal(c.disk[1].logical, 512);
	assert_int_equal(c.disk[1].queues, 1);
	assert_int_equal(c.disk[1].format, DISK_FORMAT_RAW);
	config_destroy(&c);
}

static void defaults_parse(void **state)
{
	for_each_option(o) {
		struct option_value v;
		struct err e = {0};

		if (o->deflt && option_parse(o, o->deflt, &v, &e))
			fail_msg("default of %s: %s", o->name, e.text);
		if (o->bare && option_parse(o, o->bare, &v, &e))
			fail_msg("bare value of %s: %s", o->name, e.text);
		if (o->bare && option_parse(o, "on", &v, &e))
			fail_msg("%s = on: %s", o->name, e.text);
		if (option_takes_off(o)) {
			assert_int_equal(option_parse(o, "off", &v, &e), 0);
			assert_int_equal(v.n, 0);
		}
	}
}

/* config_init() is for users of vmm/ without cmd/: both have to give the same machine. */
static void defaults_are_those_of_config_init(void **state)
{
	struct settings none = {0};
	struct config a, b;
	struct err e = {0};

	config_init(&a);
	assert_int_equal(settings_apply(&none, &none, &b, &e), 0);
	assert_null(config_difference(&a, &b));
	assert_null(b.kernel);
	config_destroy(&a);
	config_destroy(&b);
	config_destroy(&b);
	config_destroy(NULL);
}

static void exclusions_are_mutual(void **state)
{
	unsigned found = 0;

	for_each_option(o) {
		const struct option_def *other;

		if (!o->excludes)
			continue;
		other = option_find(o->excludes, strlen(o->excludes));
		assert_non_null(other);
		assert_non_null(other->excludes);
		assert_string_equal(other->excludes, o->name);
		assert_true(option_takes_off(o) && option_takes_off(other));
		found++;
	}
	assert_int_equal(found, 4);
}

static void numbers_keep_their_range(void **state)
{
	char valid[OPTION_VALID_MAX], text[32];

	for_each_option(o) {
		struct option_value v = {.n = 4711};
		struct err e = {0};

		if (o->type != OPT_UINT && o->type != OPT_SIZE && o->type != OPT_PORT)
			continue;
		snprintf(text, sizeof(text), "%llu", (unsigned long long)o->max);
		assert_int_equal(option_parse(o, text, &v, &e), 0);
		assert_int_equal(v.n, o->max);
		snprintf(text, sizeof(text), "%llu", (unsigned long long)o->max + 1);
		assert_int_equal(option_parse(o, text, &v, &e), -EINVAL);
		assert_int_equal(v.n, o->max);
		assert_non_null(strstr(e.text, option_valid(o, valid)));
		assert_true(*valid);
		if (o->min) {
			snprintf(text, sizeof(text), "%llu", (unsigned long long)o->min - 1);
			assert_int_equal(option_parse(o, text, &v, &e), -EINVAL);
		}
		assert_int_equal(option_parse(o, "-1", &v, &e), -EINVAL);
		assert_int_equal(option_parse(o, "", &v, &e), -EINVAL);
		assert_int_equal(option_parse(o, " 64M", &v, &e), -EINVAL);
		/* The caller does not want the message. */
		assert_int_equal(option_parse(o, "x", &v, NULL), -EINVAL);
	}
}

static unsigned distance(const char *a, const char *b)
{
	return edit_distance(a, strlen(a), b, strlen(b), 5);
}

static void distances(void **state)
{
	char long_word[200];

	assert_int_equal(distance("", ""), 0);
	assert_int_equal(distance("mem", "mem"), 0);
	assert_int_equal(distance("mem", ""), 3);
	assert_int_equal(distance("", "mem"), 3);
	assert_int_equal(distance("memm", "mem"), 1);
	assert_int_equal(distance("kenrel", "kernel"), 1);
	assert_int_equal(distance("kitten", "sitting"), 3);
	assert_int_equal(distance("aaaaaaaa", "bbbbbbbb"), 6);
	memset(long_word, 'x', sizeof(long_word));
	assert_int_equal(edit_distance("mem", 3, long_word, sizeof(long_word), 500), 501);
	assert_int_equal(edit_distance(long_word, sizeof(long_word), "mem", 3, 5), 6);
	/* 63 letters are the longest word that has a place. */
	assert_int_equal(edit_distance(long_word, 63, long_word, 63, 5), 0);
	assert_int_equal(edit_distance(long_word, 64, long_word, 64, 5), 6);
}

static void nearest(void **state)
{
	static const struct {
		const char *typed;
		const char *meant;
	} cases[] = {
		{"memory", "mem"},
		{"mme", "mem"},
		{"kernal", "kernel"},
		{"cmd-line", "cmdline"},
		{"hugepage", "hugepages"},
		{"no-apci", "acpi"},
		{"pre", "prefault"},
		{"x", NULL},
		{"", NULL},
		{"no-", NULL},
		{"quiet", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct option_def *o = option_nearest(cases[i].typed, strlen(cases[i].typed));

		if (!o != !cases[i].meant || (o && strcmp(o->name, cases[i].meant)))
			fail_msg("%s: %s", cases[i].typed, o ? o->name : "nothing");
	}
}

static char *printed(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print(out);
	fclose(out);
	return text;
}

/* Return: how many lines there are, none of them too long. */
static unsigned lines_fit(char *text)
{
	unsigned n = 0;

	for (char *end; *text; text = end + 1, n++) {
		end = strchr(text, '\n');
		assert_non_null(end);
		if (end - text >= HELP_COLUMNS)
			fail_msg("too long: %.*s", (int)(end - text), text);
		if (end > text)
			assert_int_not_equal(end[-1], ' ');
	}
	return n;
}

/* Is there an option's own line, and not only its name in a sentence? */
static bool has_line(const char *text, const struct option_def *o)
{
	char name[64];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), i == 0 ? "\n  --[no-]%s " : i == 1 ? "\n  --%s " : "\n  --%s[", o->name);
		if (strstr(text, name))
			return true;
	}
	return false;
}

static void help_shows_what_most_need(void **state)
{
	char *text = printed(help_print);

	assert_true(lines_fit(text) <= 51);
	for_each_option(o)
		if (o->type != OPT_FLAG)
			assert_int_equal(has_line(text, o), o->common);
	for (const struct command_info *c = command_infos; c->name; c++) {
		char first[32];

		snprintf(first, sizeof(first), "\n  %.*s ", (int)strcspn(c->name, " "), c->name);
		if (!strstr(text, first))
			fail_msg("%s is not in --help", c->name);
	}
	free(text);
}

/* As @THIS@, which the templates have. */
static bool has_placeholder(const char *text)
{
	for (; (text = strchr(text, '@')); text++) {
		size_t n = strspn(text + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

		if (n && text[1 + n] == '@')
			return true;
	}
	return false;
}

/* Each option is in the help of every command that takes it, and of no other; `run` has those of a machine for all. */
static void help_of_each_command(void **state)
{
	const struct subset_option *how;
	unsigned lines;
	size_t size;
	char *text;
	FILE *out;

	for (const struct command_info *c = command_infos; c->name; c++) {
		bool all = !strcmp(c->name, "run");

		out = open_memstream(&text, &size);
		assert_non_null(out);
		assert_true(help_command(out, c->name));
		fclose(out);
		lines = lines_fit(text);
		if (!all)
			assert_in_range(lines, 15, 48);
		for (const struct subset_option *p = c->takes; p && p->name; p++)
			assert_non_null(option_find(p->name, strlen(p->name)));
		for_each_option(o) {
			bool shown = o->type != OPT_FLAG && command_takes(c, o, &how) &&
				(how || all || option_section_command(o->section));

			if (o->type != OPT_FLAG && has_line(text, o) != shown)
				fail_msg("--%s in the help of %s: %d, not %d", o->name, c->name, !shown, shown);
		}
		free(text);
	}
	out = open_memstream(&text, &size);
	assert_false(help_command(out, "ben"));
	assert_false(help_command(out, ""));
	fclose(out);
	assert_int_equal(size, 0);
	free(text);
}

/* One that no command takes could not be used. */
static void every_option_has_a_command(void **state)
{
	for_each_option(o) {
		const struct subset_option *how;
		bool taken = false;

		for (const struct command_info *c = command_infos; c->name; c++)
			taken |= command_takes(c, o, &how);
		if (!taken)
			fail_msg("no command takes --%s", o->name);
	}
}

static void version_starts_with_the_number(void **state)
{
	char *text = printed(help_version);

	assert_int_equal(strncmp(text, "vmm " VMM_VERSION "\n", strlen("vmm " VMM_VERSION "\n")), 0);
	assert_non_null(strstr(text, "built from "));
	free(text);
}

static char *read_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	if (getdelim(&text, &size, '\0', f) < 0)
		fail_msg("%s: empty", path);
	fclose(f);
	return text;
}

/* "kernel-load" as a manual page writes it. */
static const char *escaped(const char *prefix, const char *name, char buf[64])
{
	size_t n = (size_t)snprintf(buf, 64, "%s", prefix);

	for (; *name; name++)
		n += (size_t)snprintf(buf + n, 64 - n, "%s%c", *name == '-' ? "\\" : "", *name);
	return buf;
}

static void documents_have_every_option(void **state)
{
	char *man1 = read_text(man1_path), *man5 = read_text(man5_path);
	char buf[64];

	for_each_option(o) {
		if (!strstr(man1, escaped("Fl \\-", o->name, buf)))
			fail_msg("%s is not in vmm(1)", o->name);
		/* A key of disks has that name, too. */
		if (!strcmp(o->name, "ro"))
			continue;
		if (!strstr(man5, escaped(o->type == OPT_LIST ? "\n.Ss Section " : "\n.It Cm ", o->name, buf)) !=
			!option_section_name(o->section))
			fail_msg("%s: %s in vmm.conf(5)", o->name, option_section_name(o->section) ? "not" : "is");
	}
#define X(id, name, status, text)                                                                                      \
	if ((status) >= 0) {                                                                                           \
		snprintf(buf, sizeof(buf), "\n.It %d\n", (status));                                                    \
		assert_non_null(strstr(man1, buf));                                                                    \
	}
	OUTCOMES(X)
#undef X
#define X(name, help) assert_non_null(strstr(man1, "\n.It Cm " #name "\n"));
	COMMANDS(X)
#undef X
	assert_non_null(strstr(man1, "\n.It 2\n"));
	/* No placeholder is left. */
	assert_false(has_placeholder(man1));
	assert_false(has_placeholder(man5));
	free(man1);
	free(man5);
}

/* Each script has each option and each command; which command takes which is tested with the shells themselves. */
static void completions_have_every_option(void **state)
{
	static const char *const options_are[] = {"--%s", "--%s", "-l %s "},
				 *const commands_are[] = {"\t%s\n", "'%s:", "-a %s "};

	for (size_t i = 0; i < ARRAY_SIZE(completion_paths); i++) {
		char *text = read_text(completion_paths[i]), buf[64];

		for_each_option(o) {
			snprintf(buf, sizeof(buf), options_are[i], o->name);
			if (!strstr(text, buf))
				fail_msg("%s is not in %s", buf, completion_paths[i]);
		}
#define X(name, help)                                                                                                  \
	snprintf(buf, sizeof(buf), commands_are[i], #name);                                                            \
	if (!strstr(text, buf))                                                                                        \
		fail_msg("%s is not in %s", buf, completion_paths[i]);
		COMMANDS(X)
#undef X
		assert_false(has_placeholder(text));
		free(text);
	}
}

/* What a page says of one option or key: from its ".It" to the next. */
static char *item_of(const char *page, const char *start)
{
	const char *at = strstr(page, start), *end;

	if (!at) {
		fail_msg("%s: not there", start);
		return NULL;
	}
	end = strstr(at + 1, "\n.It ");
	return strndup(at, end ? (size_t)(end - at) : strlen(at));
}

static bool item_has(const char *page, const char *start, const char *words)
{
	char *item = item_of(page, start);
	bool has = item && strstr(item, words);

	free(item);
	return has;
}

/* The sentences that follow from the kind of an option, and those that must not. */
static void sentences_of_each_kind(void **state)
{
	char *man1 = read_text(man1_path), *man5 = read_text(man5_path), *bench = read_text(bench_path);

	for_each_option(o) {
		char start[64];

		if (o->type != OPT_LIST)
			continue;
		snprintf(start, sizeof(start), "\n.It Fl \\-%s", o->name);
		if (item_has(man1, start, "more than once") != o->repeatable)
			fail_msg("--%s may be given more than once: %d", o->name, o->repeatable);
		assert_true(item_has(man1, start, "Its keys are:"));
	}
	assert_true(item_has(man1, "\n.It Fl \\-hugepages", "it is 2M."));
	/* What is the empty word is no value. */
	assert_null(strstr(man1, "it is ."));
	assert_null(strstr(man5, "it is ."));
	/* Commands that share an option. */
	assert_true(item_has(bench, "\n.It Fl \\-warmup", "1 to 1000000; the default is 1000."));
	assert_true(
		item_has(bench, "\n.It Fl \\-warmup", "Of `vmm bench boot`, valid is 0 to 1000; the default is 1."));
	assert_false(item_has(bench, "\n.It Fl \\-count", "Of "));
	/* The grammar of numbers, in the same words in both pages and in messages. */
	assert_non_null(strstr(man1, "A size is " UNITS_SIZE));
	assert_non_null(strstr(man5, "A size is " UNITS_SIZE));
	free(man1);
	free(man5);
	free(bench);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(keys_of_devices_are_complete),
		cmocka_unit_test(disks_of_a_command_line),
		cmocka_unit_test(defaults_parse),
		cmocka_unit_test(defaults_are_those_of_config_init),
		cmocka_unit_test(exclusions_are_mutual),
		cmocka_unit_test(numbers_keep_their_range),
		cmocka_unit_test(distances),
		cmocka_unit_test(nearest),
		cmocka_unit_test(help_shows_what_most_need),
		cmocka_unit_test(help_of_each_command),
		cmocka_unit_test(every_option_has_a_command),
		cmocka_unit_test(version_starts_with_the_number),
		cmocka_unit_test(documents_have_every_option),
		cmocka_unit_test(completions_have_every_option),
		cmocka_unit_test(sentences_of_each_kind),
	};

	if (argc != 4 + (int)ARRAY_SIZE(completion_paths)) {
		fprintf(stderr, "usage: test-cmd-options vmm.1 vmm.conf.5 vmm-bench.1 vmm.bash vmm.zsh vmm.fish\n");
		return 1;
	}
	man1_path = argv[1];
	man5_path = argv[2];
	bench_path = argv[3];
	for (size_t i = 0; i < ARRAY_SIZE(completion_paths); i++)
		completion_paths[i] = argv[4 + i];
	return run_group(tests);
}
