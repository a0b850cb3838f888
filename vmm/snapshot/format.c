// SPDX-License-Identifier: Apache-2.0
#include "vmm/snapshot/format.h"

#include <zlib.h>

#include "vmm/base/le.h"
#include "vmm/base/x86.h"

#define FIELD(member)       STATE_FIELD(struct snapshot_facts, member)
#define UP_TO(member, most) STATE_UP_TO(struct snapshot_facts, member, most)

static const struct state_field rows[] = {
	FIELD(file_bytes),
	UP_TO(nr_cpuid, CPUID_ENTRIES_MAX),
	UP_TO(nr_extents, SNAPSHOT_EXTENTS_MAX),
	UP_TO(settings_bytes, SNAPSHOT_SETTINGS_MAX),
	UP_TO(state_bytes, SNAPSHOT_STATE_MAX),
	FIELD(head_crc),
	FIELD(sums_crc),
	UP_TO(mem_bytes, SNAPSHOT_MEM_MAX),
	UP_TO(ram_bytes, SNAPSHOT_MEM_MAX),
	FIELD(created_ns),
	UP_TO(cpus, UINT16_MAX),
	FIELD(tsc_khz),
	FIELD(kernel_bytes),
	STATE_ARRAY(struct snapshot_facts, kernel),
	STATE_ARRAY(struct snapshot_facts, build_id),
	STATE_ARRAY(struct snapshot_facts, banner),
};
const struct state_table snapshot_facts_table = {"snapshot", rows, ARRAY_SIZE(rows)};

struct snapshot_layout snapshot_layout(const struct snapshot_facts *f)
{
	struct snapshot_layout l = {.cpuid = align_up(SNAPSHOT_FACTS_AT + state_size(&snapshot_facts_table), 8)};

	l.extents = align_up(l.cpuid + (uint64_t)f->nr_cpuid * CPUID_ENTRY_SIZE, 8);
	l.settings = l.extents + SNAPSHOT_EXTENTS_MAX * EXTENT_ENTRY_SIZE;
	l.state = align_up(l.settings + f->settings_bytes, 8);
	l.sums = align_up(l.state + f->state_bytes, 8);
	l.ram = align_up(l.sums + 4 * snapshot_granules(f->mem_bytes), PAGE_4K);
	l.end = l.ram + f->mem_bytes;
	return l;
}

uint32_t snapshot_page_sum(uint32_t sum, uint32_t number, const uint8_t *page)
{
	uint8_t raw[4];

	le32_put(raw, number);
	return (uint32_t)crc32(crc32(sum, raw, sizeof(raw)), page, PAGE_4K);
}
