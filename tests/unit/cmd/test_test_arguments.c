// SPDX-License-Identifier: Apache-2.0
/*
 * What `vmm test` hands to vmm for a test: its own settings, and those of the run.
 */
#include <errno.h>

#include "cmd/test/arguments.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/util.h"

struct rig {
	struct test_list list;
	struct test_settings set;
	struct test_paths paths;
	struct err e;
	char text[1024];
};

static void begin(struct rig *r, const char *ini)
{
	*r = (struct rig){.set = {.vmm = "VMM", .timeout_ns = 60 * NSEC_PER_SEC}};
	assert_int_equal(test_list_add_text(&r->list, "dir/a.ini", ini, strlen(ini), &r->e), 0);
}

static void end(struct rig *r)
{
	test_paths_destroy(&r->paths);
	test_list_destroy(&r->list);
}

/* The words of the first test on kernel @nr, with a blank between. */
static int arguments(struct rig *r, size_t nr)
{
	struct launch_spec spec = {0};
	int code = test_arguments(r->list.test[0], &r->set, &r->paths, "K", nr, "K-a.1", &spec, &r->e);

	*r->text = '\0';
	for (size_t i = 0; code == 0 && spec.argv[i]; i++)
		snprintf(r->text + strlen(r->text), sizeof(r->text) - strlen(r->text), "%s%s", i ? " " : "",
			spec.argv[i]);
	if (code == 0)
		assert_string_equal(spec.dir, "dir/");
	test_arguments_destroy(&spec);
	return code;
}

/* A shell in place of the command, on the terminal, and no time limit. */
static void debugged_it_has_a_shell(void **state)
{
	struct rig r;

	begin(&r, "[a]\ncommand = x y\ntimeout = 5s\nmem = 64M\n");
	r.set.debug = "a.ini:a";
	r.set.nr_kernels = 1;
	r.set.machine = (struct test_machine){.root = "/usr/.."};
	assert_int_equal(test_paths_find(&r.set, &r.paths, &r.e), 0);
	assert_int_equal(arguments(&r, 0), 0);
	assert_string_equal(r.text, "VMM run --append=quiet loglevel=5 --mem=64M --kernel=K --root=/ -- /bin/sh");
	end(&r);
}

static void a_command_has_the_settings_of_the_run(void **state)
{
	static const char *const append[] = {"a=b"}, *const modules[] = {"/proc", "/dev"}, *const share[] = {"/x"};
	struct rig r;

	begin(&r, "[a]\ncommand = x 'y z'\ntags = t\n");
	r.set.nr_kernels = 2;
	r.set.sandbox = "off";
	r.set.machine = (struct test_machine){.root = "/usr/..",
		.as_root = true,
		.modules = modules,
		.nr_modules = 2,
		.share = share,
		.nr_shares = 1,
		.out = "/tmp",
		.append = append,
		.nr_appends = 1,
		.mem_bytes = 64 * MIB,
		.cpus = 2};
	assert_int_equal(test_paths_find(&r.set, &r.paths, &r.e), 0);
	assert_int_equal(arguments(&r, 1), 0);
	assert_string_equal(r.text,
		"VMM run --append=quiet loglevel=5 --append=a=b --mem=67108864 --cpus=2 --kernel=K "
		"--timeout=60000ms --sandbox=off --root=/ --as=root --modules=/dev --out=/tmp/K-a.1 --share=/x "
		"--console=file=/dev/fd/3 --report=/dev/fd/4 -- x y z");
	end(&r);
}

static void a_tests_own_settings_count(void **state)
{
	static const char *const modules[] = {"/proc"};
	struct rig r;

	begin(&r,
		"[a]\ncommand = x\nmem = 32M\ncpus = 1\nroot = r\nas = user\nmodules = m\ntimeout = 1s\n"
		"append = loglevel=7\n");
	r.set.nr_kernels = 1;
	r.set.machine = (struct test_machine){
		.root = "/", .as_root = true, .modules = modules, .nr_modules = 1, .mem_bytes = 64 * MIB, .cpus = 2};
	assert_int_equal(test_paths_find(&r.set, &r.paths, &r.e), 0);
	assert_int_equal(arguments(&r, 0), 0);
	assert_string_equal(r.text,
		"VMM run --append=quiet loglevel=5 --mem=32M --cpus=1 --root=r --as=user --modules=m "
		"--timeout=1s --append=loglevel=7 --kernel=K --console=file=/dev/fd/3 --report=/dev/fd/4 -- x");
	end(&r);
}

/* A machine that boots an initrd has no root, and no descriptors beside the standard ones. */
static void a_machine_without_a_command_has_none_of_its_settings(void **state)
{
	struct rig r;

	begin(&r, "[a]\ninitrd = i\nappend = quiet\n");
	r.set.machine = (struct test_machine){.root = "/", .as_root = true, .mem_bytes = 64 * MIB};
	assert_int_equal(test_paths_find(&r.set, &r.paths, &r.e), 0);
	assert_int_equal(arguments(&r, 0), 0);
	assert_string_equal(r.text,
		"VMM run --mem=67108864 --initrd=i --append=quiet --append=loglevel=5 --kernel=K "
		"--timeout=60000ms");
	end(&r);
}

static void what_is_wrong_is_said(void **state)
{
	static const char *const modules[] = {"/proc", "/no/such"}, *const share[] = {"path=x"};
	struct rig r;

	begin(&r, "[a]\ncommand = x\n");
	assert_int_equal(arguments(&r, 0), -EINVAL);
	assert_string_equal(r.e.text, "a.ini:a: no root for its command; --root / has the host's files");
	end(&r);
	begin(&r, "[a]\ncommand = x\nroot = /\nreport = r\n");
	assert_int_equal(arguments(&r, 0), -EINVAL);
	assert_string_equal(r.e.text, "a.ini:a: report is set by `vmm test` for a command");
	r.set.machine = (struct test_machine){.modules = modules, .nr_modules = 2};
	r.set.nr_kernels = 3;
	assert_int_equal(test_paths_find(&r.set, &r.paths, &r.e), -EINVAL);
	assert_string_equal(r.e.text, "--modules: given 2 times, and there are 3 kernels: one for each");
	test_paths_destroy(&r.paths);
	r.set.nr_kernels = 2;
	assert_int_equal(test_paths_find(&r.set, &r.paths, &r.e), -ENOENT);
	test_paths_destroy(&r.paths);
	r.set.machine = (struct test_machine){.share = share, .nr_shares = 1};
	assert_int_equal(test_paths_find(&r.set, &r.paths, &r.e), -EINVAL);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debugged_it_has_a_shell),
		cmocka_unit_test(a_command_has_the_settings_of_the_run),
		cmocka_unit_test(a_tests_own_settings_count),
		cmocka_unit_test(a_machine_without_a_command_has_none_of_its_settings),
		cmocka_unit_test(what_is_wrong_is_said),
	};

	return run_group(tests);
}
