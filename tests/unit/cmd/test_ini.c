// SPDX-License-Identifier: Apache-2.0
/*
 * Configuration files: what each means, and the message for each error.
 */
#include <errno.h>
#include <string.h>

#include "cmd/options/ini.h"
#include "cmd/options/parse.h"
#include "tests/support/unit.h"

/* Of a text with NUL bytes the size is that of the array. */
#define TEXT(s) s, sizeof(s) - 1

static int read_text(const char *text, size_t size, struct config *ret, struct err *e)
{
	CLEANUP_SETTINGS struct settings file = {.file = "x.ini"};
	struct settings none = {0};
	/* Exactly sized, so that AddressSanitizer sees a read past the end. */
	CLEANUP_FREE char *exact = malloc(size ? size : 1);
	int r;

	assert_non_null(exact);
	memcpy(exact, text, size);
	r = ini_read_text(exact, size, &file, e);
	return r < 0 ? r : settings_apply(&file, &none, ret, e);
}

static void errors(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *start;
		const char *also;
	} cases[] = {
		{TEXT("[boot]\nmem = 64M\n"), "x.ini:2: mem: not a key of [boot]", "belongs into [machine]"},
		{TEXT("[machine]\nmem = 12Q\n"), "x.ini:2: mem = 12Q: not a size", "valid is 32M to 64T"},
		{TEXT("[machine]\nmem =\n"), "x.ini:2: mem = : not a size", "valid is 32M to 64T"},
		{TEXT("[machine]\nmem = 64M # enough\n"), "x.ini:2: mem = 64M # enough: not a size",
			"a comment needs a line of its own"},
		{TEXT("[machine]\nmem = 64M ; enough\n"), "x.ini:2: mem = 64M ; enough: not a size",
			"a comment needs a line of its own"},
		{TEXT("[machine]\nmem = 64M\ncpus = 2\nmem = 64M\n"), "x.ini:4: mem: already set on line 2", ""},
		{TEXT("[machine]\nmem = 64M\n[machine]\ncpus = 2\n"), "x.ini:3: [machine]: already begun on line 1",
			""},
		{TEXT("[machine]\n[machine]\n"), "x.ini:2: [machine]: already begun on line 1", ""},
		{TEXT("[disk]\nro = on\n"), "x.ini:1: [disk]: path is missing", ""},
		{TEXT("[disk]\npath = a\n[disk]\n"), "x.ini:3: [disk]: path is missing", ""},
		{TEXT("[disk]\npath = a\npath = b\n"), "x.ini:3: path: already set in this [disk]", ""},
		{TEXT("[disk]\npath = a\nqueues = 9\n"), "x.ini:3: queues = 9: too large", "valid is 1 to 8"},
		{TEXT("[disk]\nmem = 64M\n"), "x.ini:2: mem: not a key of [disk]", "belongs into [machine]"},
		{TEXT("[disk]\nquux = x\n"), "x.ini:2: quux: not a key of [disk]", "vmm.conf(5)"},
		{TEXT("[disk]\nro\n"), "x.ini:2: ro: needs a value: ro = on", ""},
		{TEXT("[devices]\ndisk = path=a\n"), "x.ini:2: disk: is a section, [disk]", ""},
		{TEXT("[machine]\nmem = 64M\n[disk]\npath = a\nmem = 64M\n"), "x.ini:5: mem: not a key of [disk]", ""},
		{TEXT("mem = 64M\n"), "x.ini:1: mem: stands before the first section", "[machine]"},
		{TEXT("[machin]\n"), "x.ini:1: [machin]: unknown section", "[machine]"},
		{TEXT("[general]\nconfig = x\n"), "x.ini:1: [general]: unknown section", "[run]"},
		{TEXT("[]\n"), "x.ini:1: []: unknown section", ""},
		{TEXT("[machine \n"), "x.ini:1: [machine: the closing ] is missing", ""},
		{TEXT("[machine] # all\n"), "x.ini:1: [machine] # all: text after the closing ]", "line of its own"},
		{TEXT("[ machine ]\n"), "x.ini:1: [ machine ]: unknown section", ""},
		{TEXT("[run]\nconfig = x\n"), "x.ini:2: config: is for the command line only", ""},
		{TEXT("[run]\nhelp = x\n"), "x.ini:2: help: is for the command line only", ""},
		{TEXT("[run]\nraw = host\n"), "x.ini:2: raw: is for the command line only", ""},
		{TEXT("[boot]\nkernal = x\n"), "x.ini:2: kernal: unknown key", "did you mean kernel (in [boot])?"},
		{TEXT("[boot]\nquux = x\n"), "x.ini:2: quux: unknown key", "vmm.conf(5)"},
		{TEXT("[boot]\nno-acpi = on\n"), "x.ini:2: no-acpi: unknown key", "did you mean acpi (in [machine])?"},
		{TEXT("[boot]\nKernel = x\n"), "x.ini:2: Kernel: unknown key", "did you mean kernel"},
		{TEXT("[boot]\nkernel\n"), "x.ini:2: kernel: neither [SECTION] nor KEY = VALUE", ""},
		{TEXT("[machine]\nthp\n"), "x.ini:2: thp: needs a value: thp = on", ""},
		{TEXT("[boot]\nkernel: x\n"), "x.ini:2: kernel: x: neither [SECTION] nor KEY = VALUE", ""},
		{TEXT("[boot]\nkernel: x = y\n"), "x.ini:2: kernel: x = y: not a key in front of the =", ""},
		{TEXT("[boot]\nker:nel = x\n"), "x.ini:2: ker:nel: not a key", "letters"},
		{TEXT("[boot]\n= x\n"), "x.ini:2: = x: not a key in front of the =", ""},
		{TEXT("[boot]\nkernel ;x = y\n"), "x.ini:2: kernel ;x = y: not a key in front of the =", ""},
		{TEXT("[boot]\nkernel = a\n  b\n"), "x.ini:3: an indented line", "cannot be continued"},
		{TEXT("[boot]\nkernel = a\n\tinitrd = b\n"), "x.ini:3: an indented line", "first column"},
		{TEXT("[boot]\n [machine]\n"), "x.ini:2: an indented line", ""},
		{TEXT("[boot]\nkernel = a\\\nb\n"), "x.ini:3: b: neither [SECTION] nor KEY = VALUE", ""},
		{TEXT("[boot]\nkernel = a\0b\n"), "x.ini:2: not a text file: byte 0x00 in column 11", ""},
		{TEXT("\0"), "x.ini:1: not a text file: byte 0x00 in column 1", ""},
		{TEXT("\x7f"
		      "ELF\x02\x01\x01\0"),
			"x.ini:1: not a text file: byte 0x7f in column 1", ""},
		{TEXT("# \033[2J\n"), "x.ini:1: not a text file: byte 0x1b in column 3", ""},
		{TEXT("\xff\xfe[\0b\0"), "x.ini:1: not a text file: byte 0x00", ""},
		{TEXT("[boot]\rkernel = a\r"), "x.ini:1: not a text file: byte 0x0d in column 7", ""},
		{TEXT("[machine]\nthp = on\n\nhugepages = 2M\n"),
			"x.ini:4: hugepages: cannot be on together with thp of line 2", "choose one"},
		{TEXT("[machine]\nacpi = yes\n"), "x.ini:2: acpi = yes: neither on nor off", "on or off"},
		{TEXT("[boot]\nkernel =\n"), "x.ini:2: kernel = : an empty file name", ""},
		{TEXT("[machine]\nhugepages =\n"), "x.ini:2: hugepages = : empty", "one of off, 2M, 1G"},
		/* Of several errors the first is reported. */
		{TEXT("[boot]\nquux = x\n[machine]\nmem = 1\nxxx\n"), "x.ini:2: quux: unknown key", ""},
		{TEXT("[boot]\nxxx\nquux = x\n"), "x.ini:2: xxx: neither", ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config c = {.cpus = 4711};
		struct err e = {0};

		assert_true(read_text(cases[i].text, cases[i].size, &c, &e) < 0);
		assert_int_equal(c.cpus, 4711);
		if (strncmp(e.text, cases[i].start, strlen(cases[i].start)))
			fail_msg("%zu: wanted \"%s...\", got \"%s\"", i, cases[i].start, e.text);
		if (!strstr(e.text, cases[i].also))
			fail_msg("%zu: no \"%s\" in \"%s\"", i, cases[i].also, e.text);
		assert_true(read_text(cases[i].text, cases[i].size, &c, NULL) < 0);
	}
}

static struct config good(const char *text, size_t size)
{
	struct config c;
	struct err e = {0};

	if (read_text(text, size, &c, &e) < 0)
		fail_msg("%s", e.text);
	return c;
}

static void every_section(void **state)
{
	struct config c = good(TEXT("# comment\n; comment\n\n   \n\t# indented comment\n"
				    "[boot]\nkernel=/boot/vmlinux\ninitrd   =\t i.img \t\ncmdline = a=\"b c\" ; d # e\n"
				    "append = -- --x=1\nkernel-load = read\n"
				    "[machine]\nmem = 64M\ncpus = 3\nthp = on\nprefault = on\nnested = on\npmu = on\n"
				    "acpi = off\n"
				    "[console]\nconsole = file=con = sole.log\nconsole-cap = 1K\n"
				    "[devices]\ndebug-exit = 0x501\ndebugcon = on\npvpanic = off\n"
				    "[run]\ntimeout = 90m\ngrace = 250ms\nlog-level = debug\n"));

	assert_string_equal(c.kernel, "/boot/vmlinux");
	assert_string_equal(c.initrd, "i.img");
	assert_string_equal(c.cmdline, "a=\"b c\" ; d # e");
	assert_string_equal(c.append, "-- --x=1");
	assert_int_equal(c.kernel_load, KERNEL_LOAD_READ);
	assert_int_equal(c.mem_bytes, 64 * MIB);
	assert_int_equal(c.cpus, 3);
	assert_int_equal(c.backing, BACKING_THP);
	assert_true(c.prefault && c.nested && c.pmu);
	assert_false(c.acpi);
	assert_int_equal(c.console, CONSOLE_FILE);
	assert_string_equal(c.console_path, "con = sole.log");
	assert_int_equal(c.console_cap_bytes, KIB);
	assert_true(c.debug_exit);
	assert_int_equal(c.debug_exit_port, 0x501);
	assert_int_equal(c.debugcon_port, 0xe9);
	assert_false(c.pvpanic);
	assert_int_equal(c.timeout_ns, UINT64_C(5400000000000));
	assert_int_equal(c.grace_ns, 250000000);
	assert_int_equal(c.log_level, TRACE_DEBUG);
	config_destroy(&c);
}

static void forms_of_a_file(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} same[] = {
		{TEXT("[boot]\nkernel = k\n[machine]\ncpus = 2\n")},
		{TEXT("[boot]\nkernel = k\n[machine]\ncpus = 2")},
		{TEXT("[boot]\r\nkernel = k\r\n[machine]\r\ncpus = 2\r\n")},
		{TEXT("[boot]\r\nkernel = k\r\n[machine]\r\ncpus = 2\r")},
		{TEXT("\xef\xbb\xbf[boot]\nkernel = k\n[machine]\ncpus = 2\n")},
		{TEXT("\n\n[machine]  \ncpus=2\n[boot]\t\nkernel\t=\tk\n\n\n")},
	};
	struct config c;

	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		c = good(same[i].text, same[i].size);
		assert_string_equal(c.kernel, "k");
		assert_int_equal(c.cpus, 2);
		config_destroy(&c);
	}
	c = good(TEXT(""));
	assert_null(c.kernel);
	config_destroy(&c);
	c = good(TEXT("\xef\xbb\xbf"));
	config_destroy(&c);
	/* UTF-8 and other bytes above 0x7f are text. */
	c = good(TEXT("[boot]\n# \xc3\xa4\nkernel = \xc3\xa4\xff\n"));
	assert_string_equal(c.kernel, "\xc3\xa4\xff");
	config_destroy(&c);
}

/* inih's buffer is 200 bytes in Debian; every length around it, and far beyond. */
static void long_lines_come_whole(void **state)
{
	static const size_t far[] = {1000, 4096, 65536, 500000};
	static char text[1100000];

	for (size_t i = 0; i < 64 + ARRAY_SIZE(far); i++) {
		size_t len = i < 64 ? 160 + i : far[i - 64], n;
		struct config c;

		n = (size_t)sprintf(text, "[boot]\n# ");
		memset(text + n, '#', len);
		n += len;
		n += (size_t)sprintf(text + n, "\ncmdline = ");
		/* Were the line cut, the rest would be a key of its own. */
		for (size_t j = 0; j < len; j++)
			text[n + j] = "cpus=99 "[j % 8];
		text[n + len - 1] = 'x';
		n += len;
		n += (size_t)sprintf(text + n, "\nkernel = k\n[machine]\ncpus = 2\n");
		c = good(text, n);
		assert_int_equal(strlen(c.cmdline), len);
		assert_int_equal(strncmp(c.cmdline, "cpus=99 cpus=99 ", 16), 0);
		assert_int_equal(c.cmdline[len - 1], 'x');
		assert_string_equal(c.kernel, "k");
		assert_int_equal(c.cpus, 2);
		config_destroy(&c);
	}
}

static void long_keys_and_sections_are_refused(void **state)
{
	static char text[2000];

	for (size_t len = 40; len < 1000; len++) {
		struct config c;
		struct err e = {0};
		size_t n;

		n = (size_t)sprintf(text, "[machine]\n");
		memset(text + n, 'x', len);
		n += len;
		n += (size_t)sprintf(text + n, " = 1\n");
		assert_int_equal(read_text(text, n, &c, &e), -EINVAL);
		assert_int_equal(strncmp(e.text, "x.ini:2: xxxx", 13), 0);
		assert_non_null(strstr(e.text, "unknown key"));
		/* "[machine]" and then something that a cut would hide */
		n = (size_t)sprintf(text, "[machine");
		memset(text + n, ' ', len);
		n += len;
		n += (size_t)sprintf(text + n, "x]\n");
		assert_int_equal(read_text(text, n, &c, &e), -EINVAL);
		assert_non_null(strstr(e.text, "unknown section"));
	}
}

static void append_repeats(void **state)
{
	struct config c = good(TEXT("[boot]\nappend = a\nkernel = k\nappend = b c\nappend =\nappend = d\n"));

	assert_string_equal(c.append, "a b c  d");
	config_destroy(&c);
}

static void a_section_of_a_device_repeats(void **state)
{
	static const char text[] =
		"[disk]\npath = a,b.img\n\n[machine]\nmem = 64M\n[disk]\n# second\nro = on\npath = b\n"
		"[disk]\npath = c\nrate = 1M\n[run]\ngrace = 1s\n";
	struct config c;
	struct err e = {0};

	if (read_text(text, sizeof(text) - 1, &c, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(c.nr_disks, 3);
	assert_string_equal(c.disk[0].path, "a,b.img");
	assert_false(c.disk[0].ro);
	assert_string_equal(c.disk[1].path, "b");
	assert_true(c.disk[1].ro);
	assert_string_equal(c.disk[2].path, "c");
	assert_int_equal(c.disk[2].rate_bytes, 1 << 20);
	assert_int_equal(c.mem_bytes, 64 << 20);
	config_destroy(&c);
}

static void unreadable_files(void **state)
{
	static const struct {
		const char *path;
		const char *text;
	} cases[] = {
		{"/", "--config /: a directory"},
		{"/dev/null", "--config /dev/null: not a regular file"},
		{"/nothing/there", "--config /nothing/there: No such file or directory"},
		{"", "--config : No such file or directory"},
		{"/proc/self/mem", "--config /proc/self/mem: cannot read"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_SETTINGS struct settings file = {.file = cases[i].path};
		struct err e = {0};

		assert_true(ini_read(cases[i].path, &file, &e) < 0);
		if (strncmp(e.text, cases[i].text, strlen(cases[i].text)))
			fail_msg("wanted \"%s...\", got \"%s\"", cases[i].text, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),
		cmocka_unit_test(every_section),
		cmocka_unit_test(forms_of_a_file),
		cmocka_unit_test(long_lines_come_whole),
		cmocka_unit_test(long_keys_and_sections_are_refused),
		cmocka_unit_test(append_repeats),
		cmocka_unit_test(a_section_of_a_device_repeats),
		cmocka_unit_test(unreadable_files),
	};

	return run_group(tests);
}
