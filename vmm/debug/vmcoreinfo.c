// SPDX-License-Identifier: Apache-2.0
#include "vmm/debug/vmcoreinfo.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/le.h"
#include "vmm/base/x86.h"

/* Where Linux's text is mapped, less what it was moved by: Documentation/arch/x86/x86_64/mm.rst */
#define KERNEL_MAP UINT64_C(0xffffffff80000000)

/* The name with its NUL, and padding to four bytes */
#define NAME_SIZE sizeof(VMCOREINFO_NAME)
#define NAME_ROOM ((NAME_SIZE + 3) / 4 * 4)

/* Arch/x86/entry/calling.h, PTI_USER_PGTABLE_BIT: the kernel's tables are the page below the program's */
#define PTI_USER_PGTABLE PAGE_4K

static const char first_line[] = "OSRELEASE=";

/* What is behind the text, or is none: the kernel's own has no byte of these. */
static uint32_t text_length(const char *text, uint32_t len)
{
	uint32_t n = 0;

	while (n < len && (text[n] == '\n' || (text[n] >= ' ' && text[n] <= '~')))
		n++;
	return n;
}

bool vmcoreinfo_read(const struct gmem *mem, uint64_t gpa, struct vmcoreinfo *ret)
{
	uint8_t head[sizeof(Elf64_Nhdr) + NAME_ROOM + sizeof(first_line) - 1];
	const uint8_t *name = head + sizeof(Elf64_Nhdr), *text = name + NAME_ROOM;
	uint32_t len;

	if (gmem_read(mem, gpa, head, sizeof(head)) < 0)
		return false;
	len = le32_get(head + offsetof(Elf64_Nhdr, n_descsz));
	if (le32_get(head + offsetof(Elf64_Nhdr, n_namesz)) != NAME_SIZE ||
		le32_get(head + offsetof(Elf64_Nhdr, n_type)) != 0 || memcmp(name, VMCOREINFO_NAME, NAME_SIZE) ||
		memcmp(text, first_line, sizeof(first_line) - 1) || len < sizeof(first_line) ||
		len > VMCOREINFO_TEXT_MAX || !gmem_contains(mem, gpa + sizeof(Elf64_Nhdr) + NAME_ROOM, len))
		return false;
	gmem_read(mem, gpa + sizeof(Elf64_Nhdr) + NAME_ROOM, ret->text, len);
	ret->len = text_length(ret->text, len);
	ret->text[ret->len] = '\0';
	return true;
}

/* The value of the first line that begins with the key; NULL: there is none. */
static const char *value_of(const struct vmcoreinfo *v, const char *key)
{
	const size_t len = strlen(key);

	for (const char *line = v->text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == '=')
			return line + len + 1;
	}
	return NULL;
}

bool vmcoreinfo_number(const struct vmcoreinfo *v, const char *key, int base, uint64_t *ret)
{
	const char *value = value_of(v, key);
	char *end;
	uint64_t n;

	/* strtoull() skips blanks, and takes signs. */
	if (!value || *value == ' ' || *value == '\n' || *value == '+' || (base == 16 && *value == '-'))
		return false;
	errno = 0;
	n = strtoull(value, &end, base);
	if (errno || end == value || (*end != '\n' && *end))
		return false;
	*ret = n;
	return true;
}

bool vmcoreinfo_fits(const struct vmcoreinfo *v, const struct gmem *mem, struct paging *regs)
{
	struct paging at = *regs;
	uint64_t text, base, gpa;

	if (!(at.cr0 & CR0_PG) || !vmcoreinfo_number(v, "SYMBOL(_stext)", 16, &text) ||
		!vmcoreinfo_number(v, "NUMBER(phys_base)", 10, &base))
		return false;
	for (int i = 0; i < 2; i++, at.cr3 &= ~PTI_USER_PGTABLE) {
		if (paging_translate(mem, &at, text, &gpa) < 0 || gpa != text - KERNEL_MAP + base)
			continue;
		*regs = at;
		return true;
	}
	return false;
}
