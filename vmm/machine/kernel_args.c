// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/kernel_args.h"

#include <string.h>

#include "vmm/base/util.h"

/* Linux's isspace(): Latin-1, whatever the locale. */
static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == (char)0xa0;
}

static char underscore(char c)
{
	return c == '-' ? '_' : c;
}

bool kernel_arg_next(const char **at, struct kernel_arg *ret)
{
	const char *p = *at, *equals = NULL, *value, *end;
	bool in_quotes, quoted;

	while (is_blank(*p))
		p++;
	if (!*p)
		return false;
	in_quotes = quoted = *p == '"';
	p += quoted;
	for (end = p; *end && (in_quotes || !is_blank(*end)); end++) {
		/* A name has at least one byte: Linux parses "=x" as a name without a value. */
		if (!equals && *end == '=' && end > p)
			equals = end;
		if (*end == '"')
			in_quotes = !in_quotes;
	}
	*at = end;
	value = equals ? equals + 1 : NULL;
	if (value && *value == '"') {
		quoted = true;
		value++;
	}
	if (quoted && end > p && end[-1] == '"')
		end--;
	*ret = (struct kernel_arg){
		.name = p,
		.name_len = (size_t)((equals ? equals : end) - p),
		.value = value,
		.value_len = value && end > value ? (size_t)(end - value) : 0,
	};
	return equals || ret->name_len != 2 || memcmp(p, "--", 2) != 0;
}

bool kernel_arg_is(const struct kernel_arg *a, const char *name, const char *value)
{
	size_t len = strlen(name);

	if (a->name_len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (underscore(a->name[i]) != underscore(name[i]))
			return false;
	return !value || (a->value && a->value_len == strlen(value) && !memcmp(a->value, value, a->value_len));
}

struct kernel_irqs kernel_irqs(const char *line)
{
	/*
	 * Linux arch/x86/kernel/apic and acpi/boot.c. nosmp and maxcpus=0 imply noapic. With the last two a kernel uses
	 * the MP table for its interrupts, and one without support for it, such as Debian's cloud kernels, does not use
	 * the local APIC.
	 */
	static const struct {
		const char *name, *value, *whole;
		bool no_apic;
	} pic[] = {
		{"noapic", NULL, "noapic", false},
		{"nosmp", NULL, "nosmp", false},
		{"maxcpus", "0", "maxcpus=0", false},
		{"nolapic", NULL, "nolapic", true},
		{"disableapic", NULL, "disableapic", true},
		{"acpi", "noirq", "acpi=noirq", true},
		{"pci", "noacpi", "pci=noacpi", true},
	};
	struct kernel_irqs k = {0};
	struct kernel_arg a;

	while (line && kernel_arg_next(&line, &a)) {
		if (kernel_arg_is(&a, "acpi", "off"))
			k.acpi_off = true;
		else if (kernel_arg_is(&a, "acpi", "force"))
			k.acpi_off = false;
		for (size_t i = 0; i < ARRAY_SIZE(pic); i++)
			if (kernel_arg_is(&a, pic[i].name, pic[i].value) && !k.no_apic) {
				k.pic = pic[i].whole;
				k.no_apic = pic[i].no_apic;
			}
	}
	return k;
}
