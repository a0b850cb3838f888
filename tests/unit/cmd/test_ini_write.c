// SPDX-License-Identifier: Apache-2.0
/*
 * A configuration, as a file, and read again: each setting and each key of a device with the values that it can have.
 * Then the members of the report, which are made from the same table.
 */
#include <errno.h>
#include <string.h>

#include "cmd/options/device_list.h"
#include "cmd/options/format.h"
#include "cmd/options/report_config.h"
#include "tests/support/config_kit.h"
#include "tests/support/unit.h"

/* What a careless operator writes, and a file can say. */
static const char *const texts[] = {
	"a",
	"console=ttyS0 quiet",
	"two  blanks\tand a tab",
	"'single' \"double\" \"unbalanced",
	"# no comment ; nor this",
	"; at the start",
	"[machine]",
	"key = value",
	"=",
	"back\\slash \\n \\",
	"on",
	"off",
	"new",
	",",
	",,a,b,",
	"%s$HOME`id`",
	"\xc3\xa9\xff\x80",
	"",
};

static int set(const struct option_def *o, const char *text, struct config *c)
{
	struct option_value v;

	if (option_parse(o, text, &v, NULL) < 0)
		return -EINVAL;
	assert_int_equal(option_store(o, &v, c), 0);
	return 0;
}

/* @c is destroyed. */
static void survives(struct config *c, const char *what, const char *value)
{
	for (enum ini_extent extent = INI_CHANGED; extent <= INI_ALL; extent++) {
		struct err e = {0};
		struct config back;
		const char *member;
		char *text;

		if (ini_write(c, extent, &text, &e) < 0 || config_reread(text, &back, &e) < 0)
			fail_msg("%s = %s: %s", what, value, e.text);
		member = config_difference(c, &back);
		if (member)
			fail_msg("%s = %s: %s differs after\n%s", what, value, member, text);
		free(text);
		config_destroy(&back);
	}
	config_destroy(c);
}

static unsigned try_option(const struct option_def *o, const char *text)
{
	struct config c;

	config_init(&c);
	if (set(o, text, &c) < 0) {
		config_destroy(&c);
		return 0;
	}
	survives(&c, o->name, text);
	return 1;
}

static unsigned try_numbers(const struct option_def *o, unsigned (*try)(const struct option_def *o, const char *text))
{
	uint64_t step = o->multiple ? o->multiple : 1;
	const uint64_t values[] = {o->min, o->min + step, o->max - o->max % step, (o->min + o->max) / 2 / step * step};
	const char *unit = o->type == OPT_DURATION ? "ns" : "";
	unsigned nr = 0;
	char text[48];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(text, sizeof(text), "%llu%s", (unsigned long long)values[i], unit);
		nr += try(o, text);
	}
	return nr;
}

static const char *const consoles[] = {"stdio", "pty", "file=a b", "file=on", "socket=/x=y,z", "null", "virtio",
	"virtio,pty", "virtio,file=#", "virtio,socket=;", "virtio,null", "virtio,stdio"};
static const char *const macs[] = {"02:00:00:00:00:01", "fe:dc:ba:98:76:54", "FE:FF:FF:FF:FF:FF"};
static const char *const users[] = {"0:0", "1000:65534", "4294967294:4294967294"};

static unsigned try_all(const char *const *list, size_t nr, const struct option_def *o,
	unsigned (*try)(const struct option_def *o, const char *text))
{
	unsigned done = 0;

	for (size_t i = 0; i < nr; i++)
		done += try(o, list[i]);
	return done;
}

#define ALL(list) try_all(list, ARRAY_SIZE(list), o, try)

/* Return: how many values were tried. */
static unsigned try_values(const struct option_def *o, unsigned (*try)(const struct option_def *o, const char *text))
{
	unsigned nr = 0;

	switch (o->type) {
	case OPT_BOOL: return try(o, "on") + try(o, "off");
	case OPT_UINT:
	case OPT_SIZE:
	case OPT_DURATION: return try_numbers(o, try);
	case OPT_PORT: return try_numbers(o, try) + try(o, "off") + try(o, "on");
	case OPT_CHOICE:
		for (const char *const *c = o->choices; *c; c++)
			nr += try(o, *c);
		return nr;
	case OPT_STRING:
	case OPT_PATH: return ALL(texts);
	case OPT_CONSOLE: return ALL(consoles);
	case OPT_MAC: return ALL(macs);
	case OPT_USER: return ALL(users);
	default: return 0;
	}
}

static void every_setting_survives(void **state)
{
	for_each_option(o)
		if (option_section_name(o->section) && o->type != OPT_LIST && try_values(o, try_option) < 2)
			fail_msg("%s: not tried", o->name);
}

static const struct option_def *list;

/* A device with this key, and with the other keys that it requires. */
static unsigned try_key(const struct option_def *k, const char *text)
{
	char line[256] = "", *at = line;
	struct config c;
	struct err e = {0};

	for_each_key(other, list)
		if (other->required && other != k)
			at += sprintf(at, "%s=%s,", other->name, other->type == OPT_UINT ? "7" : "x");
	at += sprintf(at, "%s=", k->name);
	for (const char *p = text; *p; p++)
		at += sprintf(at, *p == ',' ? ",," : "%c", *p);
	config_init(&c);
	if (device_list_check(list, line, &e) < 0) {
		config_destroy(&c);
		return 0;
	}
	assert_int_equal(device_list_store(list, line, &c), 0);
	/* Another behind it has a section of its own. */
	if (list->repeatable)
		assert_int_equal(device_list_store(list, line, &c), 0);
	survives(&c, k->name, text);
	return 1;
}

static void every_key_of_a_device_survives(void **state)
{
	for_each_option(o) {
		if (o->type != OPT_LIST)
			continue;
		list = o;
		for_each_key(k, o)
			if (try_values(k, try_key) < 2)
				fail_msg("%s %s: not tried", o->name, k->name);
	}
}

static void make(const char *const *pairs, struct config *ret)
{
	config_init(ret);
	for (; *pairs; pairs += 2)
		assert_int_equal(set(option_find(pairs[0], strlen(pairs[0])), pairs[1], ret), 0);
}

/* All at once, and the text itself. */
static void a_file(void **state)
{
	static const char *const pairs[] = {"kernel", "vmlinux", "mem", "1G", "thp", "on", "append", "quiet", "append",
		"a  b ", "disk", "path=a,,b,ro", "disk", "path=c,rate=1M", "net", "passt,tcp=22:22,tcp=80,udp=53",
		"net", "tap=t0,mac=02:00:00:00:00:01", "balloon", "size=0", "timeout", "1500ms", NULL};
	struct err e = {0};
	struct config c;
	char *text;

	make(pairs, &c);
	assert_int_equal(ini_write(&c, INI_CHANGED, &text, &e), 0);
	assert_string_equal(text,
		"# For vmm --config FILE; vmm.conf(5) explains each setting. What is not here is at its "
		"default.\n"
		"\n[boot]\nkernel = vmlinux\nappend = quiet a  b\nappend =\n"
		"\n[machine]\nmem = 1G\nthp = on\n"
		"\n[run]\ntimeout = 1500ms\n"
		"\n[disk]\npath = a,b\nro = on\n"
		"\n[disk]\npath = c\nrate = 1M\n"
		"\n[net]\npasst = on\ntcp = 22:22\ntcp = 80\nudp = 53\n"
		"\n[net]\ntap = t0\nmac = 02:00:00:00:00:01\n"
		"\n[balloon]\nsize = 0\n");
	free(text);
	survives(&c, "all", "of it");
}

static void all_has_every_setting(void **state)
{
	static const char *const none[] = {NULL};
	struct err e = {0};
	struct config c;
	char *text;

	make(none, &c);
	assert_int_equal(ini_write(&c, INI_ALL, &text, &e), 0);
	for_each_option(o) {
		char line[64];

		snprintf(line, sizeof(line), o->deflt ? "\n%s = " : "\n#%s = ", o->name);
		assert_int_equal(strstr(text, line) != NULL, option_section_name(o->section) && o->type != OPT_LIST);
	}
	free(text);
	survives(&c, "nothing", "set");
}

/* Blanks around what --append was given are part of the guest's command line. */
static void joined_blanks_survive(void **state)
{
	static const char *const appends[] = {" ", "  ", "   ", " a", "a ", "  a  b  "};

	for (size_t i = 0; i < ARRAY_SIZE(appends); i++)
		assert_int_equal(try_option(option_find("append", 6), appends[i]), 1);
}

static void what_a_file_cannot_say(void **state)
{
	static const struct {
		const char *option, *text, *words;
	} cases[] = {
		{"kernel", " a", "--kernel  a: begins or ends with a blank"},
		{"kernel", "a\t", "--kernel a?: begins or ends with a blank"},
		{"cmdline", "a ", "--cmdline a : begins or ends with a blank"},
		{"cmdline", "a\nb", "--cmdline a?b: has a control character"},
		{"append", "\ta", "--append ?a: begins or ends with a blank"},
		{"append", "a\nb", "--append a?b: has a control character"},
		{"report", "a\x7f", "--report a?: has a control character"},
		{"console", "file=a ", "--console file=a : begins or ends with a blank"},
		{"disk", "path=a ", "--disk path a : begins or ends with a blank"},
		{"disk", "path=a\rb", "--disk path a?b: has a control character"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *pairs[] = {cases[i].option, cases[i].text, NULL};
		struct err e = {0};
		struct config c;
		char *text = NULL;

		make(pairs, &c);
		assert_int_equal(ini_write(&c, INI_CHANGED, &text, &e), -EINVAL);
		assert_null(text);
		if (strncmp(e.text, cases[i].words, strlen(cases[i].words)) ||
			!strstr(e.text, ", which a configuration file cannot say"))
			fail_msg("%s", e.text);
		config_destroy(&c);
	}
}

/* One that no command line can make: in the file "on" means a new and empty root. */
static void what_the_table_cannot_say(void **state)
{
	struct err e = {0};
	struct config c;
	char *text = NULL;

	config_init(&c);
	c.chroot = strdup("on");
	assert_int_equal(ini_write(&c, INI_CHANGED, &text, &e), -EINVAL);
	assert_non_null(strstr(e.text, "--chroot on: means something else in a file"));
	free(c.chroot);
	c.chroot = strdup("");
	survives(&c, "chroot", "new");
}

static void what_is_too_long(void **state)
{
	struct err e = {0};
	struct config c;
	char *text = NULL;

	config_init(&c);
	c.cmdline = malloc(INI_FILE_MAX + 1);
	assert_non_null(c.cmdline);
	memset(c.cmdline, 'x', INI_FILE_MAX);
	c.cmdline[INI_FILE_MAX] = '\0';
	assert_int_equal(ini_write(&c, INI_CHANGED, &text, &e), -EFBIG);
	assert_null(text);
	assert_non_null(strstr(e.text, "1 MiB"));
	config_destroy(&c);
}

static const struct report_setting *member(const struct report_setting *s, size_t nr, const char *name)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(s[i].name, name))
			return &s[i];
	fail_msg("no member %s", name);
	return NULL;
}

static void report_has_every_setting(void **state)
{
	static const char *const pairs[] = {"mem", "1G", "hugepages", "1G", "console", "virtio,file=x", "console-cap",
		"0", "debug-exit", "0xf4", "disk", "path=a", "disk", "path=b", "balloon", "step=4K", "user", "7:8",
		"chroot", "new", "panic-text", "off", "timeout", "5s", "sandbox", "off", NULL};
	static const struct report_setting wanted[] = {
		{"kernel", REPORT_NULL, 0, NULL},
		{"cmdline", REPORT_TEXT, 0, CONFIG_DEFAULT_CMDLINE_HVC},
		{"kernel_load", REPORT_TEXT, 0, "read"},
		{"mem_bytes", REPORT_NUMBER, GIB, NULL},
		{"backing", REPORT_TEXT, 0, "1G huge pages"},
		{"acpi", REPORT_BOOL, 1, NULL},
		{"console", REPORT_TEXT, 0, "file"},
		{"console_virtio", REPORT_BOOL, 1, NULL},
		{"console_path", REPORT_TEXT, 0, "x"},
		{"console_cap_bytes", REPORT_NUMBER, 0, NULL},
		{"debug_exit", REPORT_NUMBER, 0xf4, NULL},
		{"debugcon", REPORT_NULL, 0, NULL},
		{"panic_text", REPORT_BOOL, 0, NULL},
		{"disks", REPORT_NUMBER, 2, NULL},
		{"shares", REPORT_NUMBER, 0, NULL},
		{"nets", REPORT_NUMBER, 0, NULL},
		{"vsock", REPORT_BOOL, 0, NULL},
		{"balloon", REPORT_BOOL, 1, NULL},
		{"timeout_ns", REPORT_NUMBER, 5000000000, NULL},
		{"sandbox", REPORT_TEXT, 0, "off"},
		{"user", REPORT_NUMBER, 7, NULL},
		{"group", REPORT_NUMBER, 8, NULL},
		{"chroot", REPORT_TEXT, 0, "new"},
		{"netns", REPORT_NULL, 0, NULL},
	};
	struct report_setting s[REPORT_CONFIG_MAX];
	struct config c;
	size_t nr;

	make(pairs, &c);
	nr = report_config(&c, s);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct report_setting *m = member(s, nr, wanted[i].name);

		if (m->kind != wanted[i].kind || m->n != wanted[i].n || !m->text != !wanted[i].text ||
			(m->text && strcmp(m->text, wanted[i].text)))
			fail_msg("%s: %d, %llu, %s", m->name, m->kind, (unsigned long long)m->n, m->text);
	}
	for (size_t i = 0; i < nr; i++)
		assert_ptr_equal(member(s, nr, s[i].name), &s[i]);
	config_destroy(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setting_survives),
		cmocka_unit_test(every_key_of_a_device_survives),
		cmocka_unit_test(a_file),
		cmocka_unit_test(all_has_every_setting),
		cmocka_unit_test(joined_blanks_survive),
		cmocka_unit_test(what_a_file_cannot_say),
		cmocka_unit_test(what_the_table_cannot_say),
		cmocka_unit_test(what_is_too_long),
		cmocka_unit_test(report_has_every_setting),
	};

	return run_group(tests);
}
