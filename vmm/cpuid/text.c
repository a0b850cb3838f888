// SPDX-License-Identifier: Apache-2.0
#include "vmm/cpuid/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define NUMBERS        7
#define LINE_MAX_BYTES 512

/* One number of up to 32 bits; NULL when there is none. */
static const char *parse_hex(const char *at, uint32_t *ret)
{
	uint64_t value = 0;
	const char *start;

	while (*at == ' ' || *at == '\t')
		at++;
	if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	for (start = at; isxdigit((unsigned char)*at); at++) {
		unsigned digit = isdigit((unsigned char)*at) ? (unsigned)(*at - '0')
							     : (unsigned)(tolower((unsigned char)*at) - 'a' + 10);

		value = value << 4 | digit;
		if (value > UINT32_MAX)
			return NULL;
	}
	if (at == start || (*at && !isspace((unsigned char)*at)))
		return NULL;
	*ret = (uint32_t)value;
	return at;
}

/* 1: an entry; 0: nothing but blanks; -EINVAL. */
static int parse_line(const char *line, struct kvm_cpuid_entry2 *ret)
{
	uint32_t n[NUMBERS];

	if (!line[strspn(line, " \t\r")])
		return 0;
	for (size_t i = 0; i < NUMBERS; i++) {
		line = parse_hex(line, &n[i]);
		if (!line)
			return -EINVAL;
	}
	if (line[strspn(line, " \t\r")])
		return -EINVAL;
	*ret = (struct kvm_cpuid_entry2){
		.function = n[0], .index = n[1], .flags = n[2], .eax = n[3], .ebx = n[4], .ecx = n[5], .edx = n[6]};
	return 1;
}

/* One line without its end and its comment; how much of an over-long comment is cut does not matter. */
static int read_line(FILE *in, char *buf, size_t size)
{
	size_t len = 0;
	bool comment = false;
	int c;

	errno = 0;
	while ((c = getc(in)) != EOF && c != '\n') {
		comment |= c == '#';
		if (comment)
			continue;
		/* A NUL would hide the rest of the line. */
		if (!c || len + 1 == size)
			return -EINVAL;
		buf[len++] = (char)c;
	}
	buf[len] = '\0';
	if (ferror(in))
		return errno ? -errno : -EIO;
	return c != EOF || len > 0;
}

int cpuid_text_read(FILE *in, const char *name, struct cpuid_set *ret, struct err *e)
{
	struct cpuid_set set = {.nr = 0};
	char buf[LINE_MAX_BYTES];
	unsigned line = 1;
	int r;

	for (; (r = read_line(in, buf, sizeof(buf))) > 0; line++) {
		struct kvm_cpuid_entry2 entry;

		r = parse_line(buf, &entry);
		if (r < 0)
			break;
		if (!r)
			continue;
		if (set.nr == CPUID_ENTRIES_MAX)
			return err_set(e, -E2BIG, "%s:%u: more than %d entries", name, line, CPUID_ENTRIES_MAX);
		set.entry[set.nr++] = entry;
	}
	if (r == -EINVAL)
		return err_set(e, r,
			"%s:%u: not a line of CPUID: seven hexadecimal numbers are wanted, LEAF INDEX FLAGS "
			"EAX EBX ECX EDX, as `vmm cpuid --raw` prints them",
			name, line);
	if (r < 0)
		return err_sys(e, r, "%s: cannot read", name);
	*ret = set;
	return 0;
}

int cpuid_text_write(FILE *out, const struct cpuid_set *set)
{
	for (uint32_t i = 0; i < set->nr; i++) {
		const struct kvm_cpuid_entry2 *c = &set->entry[i];

		fprintf(out, "0x%08x 0x%02x 0x%x 0x%08x 0x%08x 0x%08x 0x%08x\n", c->function, c->index, c->flags,
			c->eax, c->ebx, c->ecx, c->edx);
	}
	return ferror(out) ? -EIO : 0;
}
