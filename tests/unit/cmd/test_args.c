// SPDX-License-Identifier: Apache-2.0
/*
 * Command lines: what each means, and the message for each error. Runs in a directory of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/options/command_info.h"
#include "cmd/options/device_list.h"
#include "cmd/options/foreign.h"
#include "cmd/options/options.h"
#include "cmd/options/parse.h"
#include "tests/support/unit.h"

#define WORDS 12

static int parse(const char *const *words, const char *cmd, struct config *ret, struct err *e)
{
	char *argv[WORDS + 2] = {(char *)"vmm"};
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	return options_parse(argc, argv, cmd, ret, e);
}

static void the_largest_user(void **state)
{
	static const char *const words[WORDS] = {"--user", "4294967294:4294967293"};
	struct err e = {0};
	struct config c;

	assert_int_equal(parse(words, "run", &c, &e), 0);
	assert_true(c.user);
	assert_int_equal(c.uid, 4294967294);
	assert_int_equal(c.gid, 4294967293);
	config_destroy(&c);
}

/* Each command line, the start of its error message, and another string that must be in it. */
static void errors(void **state)
{
	static const struct {
		const char *words[WORDS];
		const char *start;
		const char *also;
	} cases[] = {
		{{"--mem", "12Q"}, "--mem 12Q: not a size", "valid is 32M to 64T, a multiple of 4K"},
		{{"--mem=12Q"}, "--mem 12Q: not a size", "32M"},
		{{"--mem", "0"}, "--mem 0: too small", "32M"},
		{{"--mem", "31M"}, "--mem 31M: too small", "32M"},
		{{"--mem", "99999999999G"}, "--mem 99999999999G: out of range", "64T"},
		{{"--mem", "65T"}, "--mem 65T: too large", "64T"},
		{{"--mem", "33554433"}, "--mem 33554433: not a multiple of 4K", "32M"},
		{{"--mem", "60T"}, "--mem 60T: this host has ", "M of RAM"},
		{{"--mem", "-1"}, "--mem -1: not a size", "32M"},
		{{"--mem", ""}, "--mem '': not a size", "32M"},
		{{"--mem"}, "--mem: needs a value", "--mem SIZE"},
		{{"--mem", "--cpus", "2"}, "--mem: needs a value, but --cpus follows", "--mem=--cpus"},
		{{"--mem", "--"}, "--mem: needs a value", "--"},
		{{"--mem", "1G", "--mem", "1G"}, "--mem: given twice", ""},
		{{"--acpi", "--no-acpi"}, "--acpi: given twice", ""},
		{{"--cpus", "0"}, "--cpus 0: too small", "1 to 254"},
		{{"--cpus", "255"}, "--cpus 255: too large", "1 to 254"},
		{{"--cpus", "two"}, "--cpus two: not a number", "1 to 254"},
		{{"--cpus", "18446744073709551617"}, "--cpus 18446744073709551617: out of range", "1 to 254"},
		{{"--hugepages=3M"}, "--hugepages=3M: not known", "one of off, 2M, 1G"},
		{{"--hugepages="}, "--hugepages='': empty", "one of off, 2M, 1G"},
		{{"--hugepages", "1G"}, "1G: belongs to no option", "--hugepages=1G"},
		{{"--hugepages", "--thp"}, "--hugepages: cannot be on together with --thp", "choose one"},
		{{"--thp", "--hugepages"}, "--hugepages: cannot be on together with --thp", "choose one"},
		{{"--hugepages", "--mem", "33M"}, "--mem 33M: not a multiple of 2M", "pages"},
		{{"--hugepages=1G", "--mem", "512M"}, "--mem 512M: not a multiple of 1G", "pages"},
		{{"--thp=maybe"}, "--thp=maybe: neither on nor off", "on or off"},
		{{"--no-thp=on"}, "--no-thp=on: takes no value", ""},
		{{"--console", "tape"}, "--console tape: not known", "file=PATH"},
		{{"--console", "file"}, "--console file: needs a path", "file=PATH"},
		{{"--console", "file="}, "--console file=: needs a path", "file=PATH"},
		{{"--console", "pty=x"}, "--console pty=x: takes no path", "file=PATH"},
		{{"--console", ""}, "--console '': empty", "file=PATH"},
		{{"--console", "stdi"}, "--console stdi: not known", "file=PATH"},
		{{"--console-cap", "much"}, "--console-cap much: not a size", "0 to 1024T"},
		{{"--debug-exit=0"}, "--debug-exit=0: too small", "0x1 to 0xffff"},
		{{"--debug-exit=65536"}, "--debug-exit=65536: too large", "0x1 to 0xffff"},
		{{"--debug-exit=x"}, "--debug-exit=x: not a port", "0x1 to 0xffff"},
		{{"--debug-exit=0x3fa"}, "the debug-exit port at 0x3fa collides", "serial port"},
		{{"--debugcon=0x40"}, "the debugcon port at 0x40 collides", "PIT"},
		{{"--debug-exit", "--debugcon=0xf5"}, "the debugcon port at 0xf5 collides", "debug-exit"},
		{{"--debug-exit=0xffff"}, "the debug-exit port at 0xffff", "past the last I/O port"},
		{{"--timeout", "30"}, "--timeout 30: not a time", "s"},
		{{"--timeout", "1000000h"}, "--timeout 1000000h: too large", "0s to 8760h"},
		{{"--timeout", "99999999999h"}, "--timeout 99999999999h: out of range", "0s to 8760h"},
		{{"--grace", "25h"}, "--grace 25h: too large", "24h"},
		{{"--log-level", "loud"}, "--log-level loud: not known", "error, warn, info, debug, trace"},
		{{"--user", "1"}, "--user 1: not a user and a group", "UID:GID"},
		{{"--user", "1:"}, "--user 1:: not a user and a group", "UID:GID"},
		{{"--user", "nobody:1"}, "--user nobody:1: not a user and a group", "UID:GID"},
		/* For the system call, -1 means "no change": it would stay root. */
		{{"--user", "4294967295:5"}, "--user 4294967295:5: not a user and a group", "UID:GID"},
		{{"--user", "5:4294967295"}, "--user 5:4294967295: not a user and a group", "UID:GID"},
		{{"--user", "4294967296:5"}, "--user 4294967296:5: not a user and a group", "UID:GID"},
		{{"--user", "0000000000000005:5"}, "--user 0000000000000005:5: not a user and a group", "UID:GID"},
		{{"--kernel", ""}, "--kernel '': an empty file name", ""},
		{{"--kernel"}, "--kernel: needs a value", "--kernel FILE"},
		{{"--kernal", "x"}, "--kernal: unknown option", "did you mean --kernel?"},
		{{"--no-apci"}, "--no-apci: unknown option", "did you mean --no-acpi?"},
		{{"--no-kernel"}, "--no-kernel: unknown option", ""},
		{{"--no-"}, "--no-: unknown option", "help run"},
		{{"--zzzzzz=1"}, "--zzzzzz=1: unknown option", "`vmm help run` lists all"},
		{{"--=1"}, "--=1: unknown option", ""},
		{{"-m", "1G"}, "-m: unknown option", "did you mean --mem SIZE?"},
		{{"-smp", "2"}, "-smp: unknown option", "did you mean --cpus N?"},
		{{"--ram", "1G"}, "--ram: unknown option", "did you mean --mem SIZE?"},
		{{"--nic=user"}, "--nic=user: unknown option", "--net passt"},
		{{"--net", "user"}, "--net user: user: unknown key", "did you mean passt?"},
		{{"--net", "tap0"}, "--net tap0: tap0: unknown key", "did you mean tap=tap0?"},
		{{"--disk", "file=a"}, "--disk file=a: file: unknown key", "did you mean path?"},
		{{"--disk", "path=a,readonly"}, "--disk path=a,readonly: readonly: unknown key", "did you mean ro?"},
		{{"--disk", "path=a,vmlinux"}, "--disk path=a,vmlinux: vmlinux: unknown key", "path=vmlinux?"},
		{{"--balloon", "64M"}, "64M: belongs to no option", "did you mean --balloon=size=64M?"},
		{{"--mem", "512"}, "--mem 512: too small", "did you mean 512M?"},
		{{"--timeout", "30"}, "--timeout 30: not a time", "did you mean 30s?"},
		{{"--cmdline", "console=ttyS0", "quiet"}, "quiet: belongs to no option", "--cmdline '... quiet'"},
		{{"-mem", "1G"}, "-mem: unknown option", "did you mean --mem?"},
		{{"-mem=1G"}, "-mem=1G: unknown option", "did you mean --mem?"},
		{{"-hV"}, "-hV: unknown option", ""},
		{{"--help=x"}, "--help=x: takes no value", ""},
		{{"--raw"}, "--raw: `vmm run` does not take it", "this does: `vmm cpuid`"},
		{{"vmlinux", "vmlinux"}, "vmlinux: belongs to no option", "--initrd FILE"},
		{{"--kernel", "k", "--", "vmlinux"}, "vmlinux: belongs to no option", "--initrd FILE"},
		{{"--", "--mem"}, "--mem: belongs to no option", ""},
		{{"directory"}, "directory: belongs to no option", "help run"},
		{{"nothing"}, "nothing: belongs to no option", "help run"},
		{{"-"}, "-: belongs to no option", "help run"},
		{{""}, "an empty word: belongs to no option", "help run"},
		{{"--mem", "1G", "check"}, "check: a subcommand comes before all options", "vmm check"},
		{{"--config", "nothing"}, "--config nothing: No such file or directory", ""},
		{{"--config", "directory"}, "--config directory: a directory", ""},
		{{"--config", "fifo"}, "--config fifo: not a regular file", ""},
		{{"--config", "vmlinux", "--config", "x"}, "--config: given twice", ""},
		{{"--config", "huge"}, "--config huge: larger than 1 MiB", ""},
		{{"--config", "machine.ini", "--thp"}, "--thp: cannot be on together with hugepages of machine.ini:3",
			"--no-hugepages"},
		{{"--config", "thp.ini", "--hugepages"}, "--hugepages: cannot be on together with thp of thp.ini:2",
			"--no-thp"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config c = {.cpus = 4711};
		struct err e = {0};

		assert_true(parse(cases[i].words, "run", &c, &e) < 0);
		assert_int_equal(c.cpus, 4711);
		if (strncmp(e.text, cases[i].start, strlen(cases[i].start)))
			fail_msg("%zu: wanted \"%s...\", got \"%s\"", i, cases[i].start, e.text);
		if (!strstr(e.text, cases[i].also))
			fail_msg("%zu: no \"%s\" in \"%s\"", i, cases[i].also, e.text);
		assert_null(strchr(e.text, '\n'));
		/* The words are not what decides. */
		assert_true(parse(cases[i].words, "run", &c, NULL) < 0);
	}
}

static struct config good(const char *const *words)
{
	struct config c;
	struct err e = {0};

	if (parse(words, "check", &c, &e) < 0)
		fail_msg("%s", e.text);
	return c;
}

#define GOOD(...) good((const char *const[]){__VA_ARGS__, NULL})

static void every_form(void **state)
{
	struct config c;

	c = GOOD("--kernel", "k", "--initrd=i", "--cmdline", "", "--append", "a=1", "--append=b", "--kernel-load",
		"read");
	assert_string_equal(c.kernel, "k");
	assert_string_equal(c.initrd, "i");
	assert_string_equal(c.cmdline, "");
	assert_string_equal(c.append, "a=1 b");
	assert_int_equal(c.kernel_load, KERNEL_LOAD_READ);
	config_destroy(&c);

	c = GOOD("--mem", "64M", "--cpus=254", "--hugepages", "--prefault", "--nested=on", "--pmu=ON", "--no-acpi",
		"--no-pvpanic");
	assert_int_equal(c.mem_bytes, 64 * MIB);
	assert_int_equal(c.cpus, 254);
	assert_int_equal(c.backing, BACKING_HUGE_2M);
	assert_true(c.prefault && c.nested && c.pmu);
	assert_false(c.acpi || c.pvpanic);
	config_destroy(&c);

	c = GOOD("--hugepages=1g", "--mem=1G", "--no-thp", "--acpi=off", "--no-prefault");
	assert_int_equal(c.backing, BACKING_HUGE_1G);
	assert_false(c.acpi || c.prefault);
	config_destroy(&c);

	c = GOOD("--thp", "--no-hugepages", "--acpi");
	assert_int_equal(c.backing, BACKING_THP);
	assert_true(c.acpi);
	config_destroy(&c);

	c = GOOD("--console", "file=a=b", "--console-cap=0", "--debug-exit", "--debugcon");
	assert_int_equal(c.console, CONSOLE_FILE);
	assert_string_equal(c.console_path, "a=b");
	assert_int_equal(c.console_cap_bytes, 0);
	assert_true(c.debug_exit);
	assert_int_equal(c.debug_exit_port, 0xf4);
	assert_int_equal(c.debugcon_port, 0xe9);
	config_destroy(&c);

	c = GOOD("--console=socket=s", "--debug-exit=0x501", "--debugcon=off", "--timeout", "1.5s", "--grace", "0",
		"--log-level=TRACE", "--");
	assert_int_equal(c.console, CONSOLE_SOCKET);
	assert_string_equal(c.console_path, "s");
	assert_int_equal(c.debug_exit_port, 0x501);
	assert_int_equal(c.debugcon_port, 0);
	assert_int_equal(c.timeout_ns, 1500000000);
	assert_int_equal(c.grace_ns, 0);
	assert_int_equal(c.log_level, TRACE_TRACE);
	config_destroy(&c);

	c = GOOD("--console", "null", "--no-debug-exit", "--debugcon=on");
	assert_int_equal(c.console, CONSOLE_NULL);
	assert_false(c.debug_exit);
	assert_int_equal(c.debugcon_port, 0xe9);
	config_destroy(&c);
}

/* A file needs no --kernel before it, at any position; a word with a slash is a file, whether it exists or not. */
static void a_kernel_by_its_place(void **state)
{
	struct config c = GOOD("vmlinux", "--mem", "64M");

	assert_string_equal(c.kernel, "vmlinux");
	config_destroy(&c);
	c = GOOD("--hugepages", "--", "./missing");
	assert_string_equal(c.kernel, "./missing");
	config_destroy(&c);
}

/* No suggestion that is not an option or a key itself; and no row for a word that is ours. */
static void foreign_words_lead_somewhere(void **state)
{
	static const char *const silly[] = {"--disk path=a,3", "--disk path=a,rwx"};
	const struct option_def *o;
	struct option_value v;
	struct err e;

	for (const struct foreign_word *f = foreign_words; f->theirs; f++) {
		const char *eq = strchr(f->theirs, '='), *dashes = strstr(f->ours, "--");

		/* Anything that begins with dashes is an option. */
		for (; dashes; dashes = strstr(dashes + 2, "--"))
			assert_non_null(option_find(dashes + 2, strcspn(dashes + 2, " ,;:?")));
		if (!eq) {
			assert_true(*f->ours == ' ' || !strncmp(f->ours, "--", 2));
			assert_null(option_find(f->theirs, strlen(f->theirs)));
			assert_ptr_equal(foreign_find(NULL, f->theirs, strlen(f->theirs)), f->ours);
			continue;
		}
		if (eq == f->theirs) {
			assert_true(command_find(f->ours) || !strcmp(f->ours, "bench") || !strncmp(f->ours, "--", 2));
			assert_null(command_find(eq + 1));
			continue;
		}
		o = option_find(f->theirs, (size_t)(eq - f->theirs));
		assert_non_null(o);
		if (*f->ours != ' ')
			assert_non_null(device_list_find(o, f->ours, strcspn(f->ours, "=")));
		assert_null(device_list_find(o, eq + 1, strlen(eq + 1)));
		assert_ptr_equal(foreign_find(o->name, eq + 1, strlen(eq + 1)), f->ours);
	}
	o = option_find("disk", 4);
	for (size_t i = 0; i < ARRAY_SIZE(silly); i++) {
		assert_int_equal(option_parse(o, silly[i] + strlen("--disk "), &v, &e), -EINVAL);
		assert_null(strstr(e.text, "did you mean"));
	}
}

static void a_dash_starts_a_value_after_an_equals_sign(void **state)
{
	struct config c = GOOD("--append=-- --x", "--cmdline", "-x");

	assert_string_equal(c.append, "-- --x");
	assert_string_equal(c.cmdline, "-x");
	config_destroy(&c);
}

static void the_command_line_overrides_the_file(void **state)
{
	struct config c;

	c = GOOD("--config", "machine.ini");
	assert_int_equal(c.mem_bytes, 64 * MIB);
	assert_int_equal(c.backing, BACKING_HUGE_2M);
	assert_int_equal(c.cpus, 2);
	assert_string_equal(c.append, "from file");
	config_destroy(&c);

	/* Wherever --config stands. */
	c = GOOD("--no-hugepages", "--append", "from", "--config=machine.ini", "--append", "line", "--mem", "96M",
		"--thp");
	assert_int_equal(c.mem_bytes, 96 * MIB);
	assert_int_equal(c.backing, BACKING_THP);
	assert_int_equal(c.cpus, 2);
	assert_string_equal(c.append, "from line");
	config_destroy(&c);
}

static void a_subcommand_has_its_own(void **state)
{
	char *argv[] = {(char *)"cpuid", (char *)"--raw=guest", (char *)"--cpus", (char *)"2", (char *)"--from",
		(char *)"x", NULL};
	struct own_option own[] = {{.name = "raw"}, {.name = "from"}, {0}};
	struct config c;
	struct err e = {0};

	assert_int_equal(options_parse_own(6, argv, "cpuid", own, &c, &e), 0);
	assert_true(own[0].given && own[1].given);
	assert_int_equal(own[0].value.n, 1);
	assert_string_equal(own[1].value.text, "x");
	assert_int_equal(c.cpus, 2);
	config_destroy(&c);

	own[0].given = own[1].given = false;
	argv[1] = (char *)"--raw";
	assert_int_equal(options_parse_own(2, argv, "cpuid", own, &c, &e), 0);
	assert_true(own[0].given);
	assert_int_equal(own[0].value.n, 0);
	assert_false(own[1].given);
	config_destroy(&c);

	argv[1] = (char *)"--raw=both";
	assert_int_equal(options_parse_own(2, argv, "cpuid", own, &c, &e), -EINVAL);
	assert_string_equal(e.text, "--raw=both: not known; valid is one of host, guest");
}

static void a_long_value_keeps_the_words_around_it(void **state)
{
	static char word[100000] = "--mem=";
	const char *words[] = {word, NULL};
	struct config c;
	struct err e = {0};

	memset(word + 6, '9', sizeof(word) - 7);
	assert_true(parse(words, "run", &c, &e) < 0);
	assert_int_equal(strncmp(e.text, "--mem 999", 9), 0);
	assert_non_null(strstr(e.text, "valid is 32M to 64T"));
	word[1] = 'z';
	assert_true(parse(words, "run", &c, &e) < 0);
	assert_non_null(strstr(e.text, "unknown option"));
}

static void control_characters_stay_out_of_the_words(void **state)
{
	const char *words[] = {"--mem=\033[2J\n1G", NULL};
	struct config c;
	struct err e = {0};

	assert_true(parse(words, "run", &c, &e) < 0);
	assert_null(strchr(e.text, '\033'));
	assert_null(strchr(e.text, '\n'));
}

static void write_file(const char *name, const char *text, size_t size)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static int files(void **state)
{
	static const char machine[] =
		"[machine]\nmem = 64M\nhugepages = 2M\ncpus = 2\n[boot]\nappend = from\nappend = file\n";
	static const char thp[] = "[machine]\nthp = on\n";
	static char huge[MIB + 1];
	static char dir[] = "/tmp/test-cmd-args-XXXXXX";

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	*state = dir;
	memset(huge, '\n', sizeof(huge));
	write_file("machine.ini", machine, strlen(machine));
	write_file("thp.ini", thp, strlen(thp));
	write_file("vmlinux", "", 0);
	write_file("huge", huge, sizeof(huge));
	assert_int_equal(mkdir("directory", 0700), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	return 0;
}

static int no_files(void **state)
{
	static const char *const names[] = {"machine.ini", "thp.ini", "vmlinux", "huge", "fifo"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	rmdir("directory");
	return chdir("/") || rmdir(*state);
}

static void the_program_does_not_carry_the_manual(void **state)
{
	for_each_option(o) {
		assert_null(o->man);
		if (o->type != OPT_LIST)
			continue;
		for_each_key(k, o)
			assert_null(k->man);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors),
		cmocka_unit_test(the_largest_user),
		cmocka_unit_test(every_form),
		cmocka_unit_test(a_kernel_by_its_place),
		cmocka_unit_test(foreign_words_lead_somewhere),
		cmocka_unit_test(a_dash_starts_a_value_after_an_equals_sign),
		cmocka_unit_test(the_command_line_overrides_the_file),
		cmocka_unit_test(a_subcommand_has_its_own),
		cmocka_unit_test(a_long_value_keeps_the_words_around_it),
		cmocka_unit_test(control_characters_stay_out_of_the_words),
		cmocka_unit_test(the_program_does_not_carry_the_manual),
	};

	return run_group_with(tests, files, no_files);
}
