// SPDX-License-Identifier: Apache-2.0
#include "boot/tables/mptable.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "boot/tables/boardcheck.h"
#include "boot/tables/checksum.h"
#include "vmm/base/assert.h"
#include "vmm/base/le.h"
#include "vmm/base/util.h"

#define SPEC_1_4 4

/* 4.1, MP floating pointer structure. All feature bytes are zero: a configuration table is present; IMCRP clear:
 * virtual wire mode, there is no IMCR. */
enum { FLOATING_CONFIG = 4, FLOATING_LENGTH = 8, FLOATING_SPEC = 9, FLOATING_CHECKSUM = 10 };

/* 4.2, configuration table header */
enum {
	CONFIG_LENGTH = 4,
	CONFIG_SPEC = 6,
	CONFIG_CHECKSUM = 7,
	CONFIG_OEM_ID = 8,
	CONFIG_PRODUCT_ID = 16,
	CONFIG_ENTRIES = 34,
	CONFIG_LAPIC = 36,
	CONFIG_SIZE = 44
};

/* 4.3, base table entries, in this order */
enum { ENTRY_CPU = 0, ENTRY_BUS = 1, ENTRY_IOAPIC = 2, ENTRY_INTERRUPT = 3, ENTRY_LOCAL_INTERRUPT = 4 };
enum { CPU_SIZE = 20, ENTRY_SIZE = 8 };

#define CPU_ENABLED      1
#define CPU_BOOT         2
#define CPU_SIGNATURE    0x600                      /* family 6; CPUID has the details */
#define CPU_FEATURES     (BIT(0) | BIT(8) | BIT(9)) /* FPU, CMPXCHG8B, APIC: those that the specification names */
#define LAPIC_VERSION    0x14                       /* as in KVM's version register */
#define IOAPIC_VERSION   0x11
#define IOAPIC_ENABLED   1
#define IOAPIC_ID        BOARD_CPUS_MAX
#define ISA_BUS          0
#define INT_VECTORED     0
#define INT_NMI          1
#define INT_EXTINT       3
#define INT_CONFORMING   0x0
#define INT_EDGE_HIGH    0x5 /* polarity 01: active high, trigger 01: edge */
#define ALL_LOCAL_APICS  0xff
#define ISA_IRQS         16
#define GSI_PIT          0
#define GSI_CASCADE      2
#define LOCAL_INTERRUPTS 2

/*
 * The interrupts that need an entry: those of ISA, which a kernel may use in any case, and those of parts above them.
 */
static uint32_t wired_gsis(const struct board *board)
{
	uint32_t gsis = (uint32_t)(BIT(ISA_IRQS) - 1) & ~(uint32_t)BIT(GSI_CASCADE);

	_Static_assert(BOARD_GSI_MAX <= 32, "one bit each");
	for_each_part(p, board)
		if (p->gsi != BOARD_GSI_NONE)
			gsis |= (uint32_t)BIT(p->gsi);
	return gsis;
}

static uint8_t *put_cpu(uint8_t *p, unsigned n)
{
	p[0] = ENTRY_CPU;
	p[1] = (uint8_t)n; /* APIC id */
	p[2] = LAPIC_VERSION;
	p[3] = CPU_ENABLED | (n ? 0 : CPU_BOOT);
	le32_put(p + 4, CPU_SIGNATURE);
	le32_put(p + 8, (uint32_t)CPU_FEATURES);
	return p + CPU_SIZE;
}

static uint8_t *put_bus(uint8_t *p)
{
	p[0] = ENTRY_BUS;
	p[1] = ISA_BUS;
	memcpy(p + 2, "ISA   ", 6);
	return p + ENTRY_SIZE;
}

static uint8_t *put_ioapic(uint8_t *p)
{
	p[0] = ENTRY_IOAPIC;
	p[1] = IOAPIC_ID;
	p[2] = IOAPIC_VERSION;
	p[3] = IOAPIC_ENABLED;
	le32_put(p + 4, (uint32_t)BOARD_IOAPIC_ADDR);
	return p + ENTRY_SIZE;
}

static uint8_t *put_interrupt(
	uint8_t *p, uint8_t entry, uint8_t type, uint16_t flags, uint8_t irq, uint8_t apic, uint8_t pin)
{
	p[0] = entry;
	p[1] = type;
	le16_put(p + 2, flags);
	p[4] = ISA_BUS;
	p[5] = irq;
	p[6] = apic;
	p[7] = pin;
	return p + ENTRY_SIZE;
}

static void fill(uint8_t *t, size_t size, const struct board *board, uint32_t gsis, unsigned entries)
{
	uint8_t *p = t + CONFIG_SIZE;

	memcpy(t, "PCMP", 4);
	le16_put(t + CONFIG_LENGTH, (uint16_t)size);
	t[CONFIG_SPEC] = SPEC_1_4;
	memcpy(t + CONFIG_OEM_ID, "VMM     ", 8);
	memcpy(t + CONFIG_PRODUCT_ID, "VMM         ", 12);
	le16_put(t + CONFIG_ENTRIES, (uint16_t)entries);
	le32_put(t + CONFIG_LAPIC, (uint32_t)BOARD_LAPIC_ADDR);
	for (unsigned i = 0; i < board->cpus; i++)
		p = put_cpu(p, i);
	p = put_bus(p);
	p = put_ioapic(p);
	for (uint8_t gsi = 0; gsi < BOARD_GSI_MAX; gsi++)
		if (gsis & BIT(gsi))
			p = put_interrupt(p, ENTRY_INTERRUPT, INT_VECTORED, INT_EDGE_HIGH, gsi, IOAPIC_ID, gsi);
	/* Virtual wire: the 8259s interrupt the boot CPU, NMI goes to all. */
	p = put_interrupt(p, ENTRY_LOCAL_INTERRUPT, INT_EXTINT, INT_CONFORMING, 0, 0, 0);
	p = put_interrupt(p, ENTRY_LOCAL_INTERRUPT, INT_NMI, INT_CONFORMING, 0, ALL_LOCAL_APICS, 1);
	assert(p == t + size);
	t[CONFIG_CHECKSUM] = checksum(t, size);
}

static int check(const struct board *board, struct err *e)
{
	int r = boardcheck(board, e);

	if (r < 0)
		return r;
	for_each_part(p, board)
		if (p->gsi == GSI_PIT || p->gsi == GSI_CASCADE)
			return err_set(e, -EINVAL, "%s %u cannot have GSI %u, which belongs to the %s",
				board_part_name(p->kind), p->index, p->gsi,
				p->gsi == GSI_PIT ? "timer" : "interrupt controller's cascade");
	return 0;
}

int mptable_build(const struct board *board, uint64_t config_gpa, size_t max, struct mptable_blob *ret, struct err *e)
{
	struct mptable_blob b = {0};
	unsigned interrupts, entries;
	uint32_t gsis;
	int r;

	r = check(board, e);
	if (r < 0)
		return err_wrap(e, r, "the board does not fit");
	gsis = wired_gsis(board);
	interrupts = (unsigned)__builtin_popcount(gsis) + LOCAL_INTERRUPTS;
	entries = board->cpus + 2 + interrupts;
	b.size = CONFIG_SIZE + (size_t)board->cpus * CPU_SIZE + (2 + interrupts) * ENTRY_SIZE;
	if (b.size > max)
		return err_set(e, -ENOSPC,
			"the MP table does not fit: it takes %zu bytes and has room for %zu; take CPUs away", b.size,
			max);
	if (config_gpa > UINT32_MAX)
		return err_set(
			e, -EINVAL, "an MP table cannot lie at 0x%" PRIx64 ": its pointer has 32 bits", config_gpa);
	b.config = calloc(1, b.size);
	if (!b.config)
		return err_sys(e, -ENOMEM, "cannot build the MP table");
	fill(b.config, b.size, board, gsis, entries);

	memcpy(b.floating, "_MP_", 4);
	le32_put(b.floating + FLOATING_CONFIG, (uint32_t)config_gpa);
	b.floating[FLOATING_LENGTH] = sizeof(b.floating) / 16;
	b.floating[FLOATING_SPEC] = SPEC_1_4;
	b.floating[FLOATING_CHECKSUM] = checksum(b.floating, sizeof(b.floating));
	*ret = b;
	return 0;
}

void mptable_blob_destroy(struct mptable_blob *b)
{
	if (!b)
		return;
	free(b->config);
	memset(b, 0, sizeof(*b));
}
