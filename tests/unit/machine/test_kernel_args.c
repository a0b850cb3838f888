// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/kernel_args.h"

#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/util.h"

/* What Linux 6.1 makes of a line, from its next_arg() and parse_args(): "name|value" or "name", one each. */
static void arguments_are_those_that_linux_finds(void **state)
{
	static const struct {
		const char *line;
		const char *want[5];
	} cases[] = {
		{"", {NULL}},
		{"  \t\n ", {NULL}},
		{"a b=c", {"a", "b|c"}},
		{" a\tb=\n", {"a", "b|"}},
		{"a=b=c", {"a|b=c"}},
		{"=a b", {"=a", "b"}},
		{"a=\"b c\" d", {"a|b c", "d"}},
		{"\"a=b c\" d", {"a|b c", "d"}},
		{"\"a b\" c", {"a b", "c"}},
		{"a=\"b", {"a|b"}},
		{"a=b\"c d\"e f", {"a|b\"c d\"e", "f"}},
		{"a=\"\" b", {"a|", "b"}},
		{"\"a=\" b", {"a|", "b"}},
		{"\"", {""}},
		{"a -- b", {"a"}},
		{"\"--\" b", {NULL}},
		{"--=x b", {"--|x", "b"}},
		{"---- b", {"----", "b"}},
		{"a\xa0"
		 "b",
			{"a", "b"}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *at = cases[i].line;
		struct kernel_arg a;
		size_t n = 0;

		for (; kernel_arg_next(&at, &a); n++) {
			char got[64];

			snprintf(got, sizeof(got), "%.*s%s%.*s", (int)a.name_len, a.name, a.value ? "|" : "",
				(int)a.value_len, a.value ? a.value : "");
			if (!cases[i].want[n] || strcmp(got, cases[i].want[n]))
				fail_msg("'%s': argument %zu is '%s'", cases[i].line, n, got);
		}
		if (cases[i].want[n])
			fail_msg("'%s': %zu arguments", cases[i].line, n);
	}
}

static void names_may_have_hyphens(void **state)
{
	const char *at = "no-apic=1 x_y-z";
	struct kernel_arg a;

	assert_true(kernel_arg_next(&at, &a));
	assert_true(kernel_arg_is(&a, "no_apic", NULL));
	assert_true(kernel_arg_is(&a, "no-apic", "1"));
	assert_false(kernel_arg_is(&a, "no_apic", ""));
	assert_false(kernel_arg_is(&a, "noapic", NULL));
	assert_true(kernel_arg_next(&at, &a));
	assert_true(kernel_arg_is(&a, "x-y_z", NULL));
	assert_false(kernel_arg_is(&a, "x-y_z", ""));
	assert_false(kernel_arg_is(&a, "x-y", NULL));
}

static void a_line_says_where_interrupts_come_from(void **state)
{
	static const struct {
		const char *line;
		bool acpi_off;
		const char *pic;
		bool no_apic;
	} cases[] = {
		{NULL, false, NULL, false},
		{"console=ttyS0 quiet", false, NULL, false},
		{"quiet acpi=off", true, NULL, false},
		{"\"acpi=off\"", true, NULL, false},
		{"acpi=\"off\"", true, NULL, false},
		{"acpi=off acpi=force", false, NULL, false},
		{"acpi=force acpi=off", true, NULL, false},
		{"xacpi=off acpi=offer acpi", false, NULL, false},
		{"init=\"/bin/sh acpi=off noapic\"", false, NULL, false},
		{"quiet -- acpi=off noapic", false, NULL, false},
		{"noapic", false, "noapic", false},
		{"noapic=0", false, "noapic", false}, /* Linux looks at the name only */
		{"nosmp", false, "nosmp", false},
		{"maxcpus=0", false, "maxcpus=0", false},
		{"maxcpus=1 nr_cpus=1", false, NULL, false},
		{"nolapic", false, "nolapic", true},
		{"disableapic", false, "disableapic", true},
		{"acpi=noirq", false, "acpi=noirq", true},
		{"pci=noacpi", false, "pci=noacpi", true},
		{"nolapic noapic", false, "nolapic", true},
		{"noapic nolapic", false, "nolapic", true},
		{"nolapic_timer noapictimer apic=debug", false, NULL, false},
		{"acpi=off nolapic", true, "nolapic", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kernel_irqs k = kernel_irqs(cases[i].line);

		if (k.acpi_off != cases[i].acpi_off || k.no_apic != cases[i].no_apic || !k.pic != !cases[i].pic ||
			(k.pic && strcmp(k.pic, cases[i].pic)))
			fail_msg("'%s': ACPI %s, 8259 for '%s'", cases[i].line, k.acpi_off ? "off" : "on",
				k.pic ? k.pic : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_are_those_that_linux_finds),
		cmocka_unit_test(names_may_have_hyphens),
		cmocka_unit_test(a_line_says_where_interrupts_come_from),
	};

	return run_group(tests);
}
