// SPDX-License-Identifier: Apache-2.0
#include "boot/layout.h"

#include <errno.h>

#include "vmm/base/board.h"
#include "vmm/base/units.h"
#include "vmm/base/util.h"

/* End of the RAM that starts at 1 MiB, at most the start of the 32-bit hole. */
static uint64_t low_ram_end(const struct gmem *mem)
{
	uint64_t end = BOOT_HIGH_START;

	/* Regions are sorted: adjacent ones are contiguous RAM. */
	for (size_t i = 0; i < mem->nr; i++)
		if (mem->region[i].gpa <= end && end - mem->region[i].gpa < mem->region[i].size)
			end = mem->region[i].gpa + mem->region[i].size;
	return MIN(end, BOARD_HOLE_START);
}

int layout_check_kernel(const struct gmem *mem, uint64_t gpa, uint64_t len, const char *what, struct err *e)
{
	uint64_t ram_end = low_ram_end(mem);
	char size[UNITS_TEXT_MAX], ram[UNITS_TEXT_MAX];

	format_size(len, size);
	format_size(ram_end, ram);
	if (range_wraps(gpa, len))
		return err_set(e, -EINVAL, "%s at 0x%llx wraps around the address space: it is 0x%llx bytes long", what,
			(unsigned long long)gpa, (unsigned long long)len);
	if (gpa < BOOT_HIGH_START)
		return err_set(e, -EINVAL, "%s at 0x%llx lies below 1 MiB, where the boot data go", what,
			(unsigned long long)gpa);
	if (gpa + len <= ram_end)
		return 0;
	if (ram_end == BOARD_HOLE_START)
		return err_set(e, -E2BIG,
			"%s at 0x%llx (%s long) reaches into the hole below 4 GiB, which starts at 0x%llx", what,
			(unsigned long long)gpa, size, (unsigned long long)ram_end);
	return err_set(e, -E2BIG, "%s at 0x%llx (%s long) does not fit the %s of guest RAM: give the guest more memory",
		what, (unsigned long long)gpa, size, ram);
}
