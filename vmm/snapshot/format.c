// SPDX-License-Identifier: Apache-2.0
#include "vmm/snapshot/format.h"

#include "vmm/base/crc.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"

#define FIELD(member)       STATE_FIELD(struct snapshot_facts, member)
#define UP_TO(member, most) STATE_UP_TO(struct snapshot_facts, member, most)

static const struct state_field rows[] = {
	FIELD(file_bytes),
	UP_TO(nr_cpuid, CPUID_ENTRIES_MAX),
	UP_TO(nr_extents, SNAPSHOT_EXTENTS_MAX),
	UP_TO(nr_disks, SNAPSHOT_DISKS_MAX),
	UP_TO(settings_bytes, SNAPSHOT_SETTINGS_MAX),
	UP_TO(state_bytes, SNAPSHOT_STATE_MAX),
	FIELD(head_crc),
	FIELD(sums_crc),
	UP_TO(mem_bytes, SNAPSHOT_MEM_MAX),
	UP_TO(ram_bytes, SNAPSHOT_MEM_MAX),
	UP_TO(disk_bytes, BIT(52)),
	FIELD(created_ns),
	UP_TO(cpus, UINT16_MAX),
	FIELD(tsc_khz),
	FIELD(kernel_bytes),
	STATE_ARRAY(struct snapshot_facts, kernel),
	STATE_ARRAY(struct snapshot_facts, build_id),
	STATE_ARRAY(struct snapshot_facts, banner),
};
const struct state_table snapshot_facts_table = {"snapshot", rows, ARRAY_SIZE(rows)};

static const struct state_field disk_rows[] = {
	/* Times SNAPSHOT_DISKS_MAX, it is no more than the maximum of @disk_bytes. */
	STATE_UP_TO(struct snapshot_disk, size_bytes, BIT(47)),
	STATE_FIELD(struct snapshot_disk, mtime_ns),
	STATE_FIELD(struct snapshot_disk, nr_blocks),
	STATE_FIELD(struct snapshot_disk, sample_crc),
	STATE_FIELD(struct snapshot_disk, map_crc),
	STATE_FIELD(struct snapshot_disk, blocks_crc),
	STATE_BOOL(struct snapshot_disk, overlay),
};
const struct state_table snapshot_disk_table = {"snapshot disk", disk_rows, ARRAY_SIZE(disk_rows)};

struct snapshot_layout snapshot_layout(const struct snapshot_facts *f)
{
	struct snapshot_layout l = {.cpuid = align_up(SNAPSHOT_FACTS_AT + state_size(&snapshot_facts_table), 8)};

	l.extents = align_up(l.cpuid + (uint64_t)f->nr_cpuid * CPUID_ENTRY_SIZE, 8);
	l.settings = l.extents + SNAPSHOT_EXTENTS_MAX * EXTENT_ENTRY_SIZE;
	l.state = align_up(l.settings + f->settings_bytes, 8);
	l.disks = align_up(l.state + f->state_bytes, 8);
	l.sums = align_up(l.disks + f->nr_disks * state_size(&snapshot_disk_table), 8);
	l.ram = align_up(l.sums + 4 * snapshot_granules(f->mem_bytes), PAGE_4K);
	l.overlays = l.ram + f->mem_bytes;
	l.end = l.overlays + f->disk_bytes;
	return l;
}

uint32_t snapshot_page_sum(uint32_t sum, uint32_t number, const uint8_t *page)
{
	uint8_t raw[20];
	uint32_t part[4];

	crc32c_4(page, PAGE_4K / 32, part);
	le32_put(raw, number);
	for (unsigned i = 0; i < 4; i++)
		le32_put(raw + 4 + 4 * i, part[i]);
	return crc32c(sum, raw, sizeof(raw));
}
