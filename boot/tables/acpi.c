// SPDX-License-Identifier: Apache-2.0
/*
 * The block: RSDP, XSDT, FADT, MADT, DSDT, each at a multiple of 16. Only the DSDT's size is not known beforehand, so
 * its AML is written first, then everything is laid out, filled and summed.
 *
 * Hardware-reduced (ACPI 6.5, 4.1): no PM1, GPE or SMI registers, no FACS and no SCI. Sleep control and reset are the
 * ports of the board's power block, events are delivered by a GED (dsdt.c). The PM timer is not part of that model
 * either, but Linux uses its port all the same, and has no other clock to calibrate the TSC with when it does not
 * support kvm-clock.
 *
 * A board with a PM1 block gets the full model, for a kernel that needs the 8259s: Linux ignores them on a
 * hardware-reduced machine. That adds PM1, FACS and SCI; sleep uses PM1, the rest is unchanged.
 */
#include "boot/tables/acpi.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "boot/tables/boardcheck.h"
#include "boot/tables/checksum.h"
#include "boot/tables/dsdt.h"
#include "vmm/base/assert.h"
#include "vmm/base/le.h"
#include "vmm/base/util.h"

#define OEM_ID       "VMM   "
#define OEM_TABLE_ID "VMM     "
#define CREATOR_ID   "VMM "
#define TABLE_ALIGN  16

/* 5.2.5.3 */
enum {
	RSDP_CHECKSUM = 8,
	RSDP_OEM_ID = 9,
	RSDP_REVISION = 15,
	RSDP_LENGTH = 20,
	RSDP_XSDT = 24,
	RSDP_CHECKSUM2 = 32,
	RSDP_V1_SIZE = 20,
	RSDP_SIZE = 36
};

/* 5.2.6 */
enum {
	SDT_LENGTH = 4,
	SDT_REVISION = 8,
	SDT_CHECKSUM = 9,
	SDT_OEM_ID = 10,
	SDT_OEM_TABLE_ID = 16,
	SDT_OEM_REVISION = 24,
	SDT_CREATOR_ID = 28,
	SDT_CREATOR_REVISION = 32,
	SDT_SIZE = 36
};

/* 5.2.9: the fields that are not zero. */
enum {
	FADT_FACS = 36,
	FADT_DSDT = 40,
	FADT_SCI_INT = 46,
	FADT_PM1A_EVT = 56,
	FADT_PM1A_CNT = 64,
	FADT_PM_TMR = 76,
	FADT_PM1_EVT_LEN = 88,
	FADT_PM1_CNT_LEN = 89,
	FADT_PM_TMR_LEN = 91,
	FADT_C2_LATENCY = 96,
	FADT_C3_LATENCY = 98,
	FADT_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_MINOR = 131,
	FADT_X_FACS = 132,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_EVT = 148,
	FADT_X_PM1A_CNT = 172,
	FADT_X_PM_TMR = 208,
	FADT_SLEEP_CONTROL = 244,
	FADT_SLEEP_STATUS = 256,
	FADT_HYPERVISOR = 268,
	FADT_SIZE = 276
};

/* 5.2.9: latencies, in us, that mean that the state is not supported */
#define FADT_NO_C2 101
#define FADT_NO_C3 1001

/* 5.2.10: no header but signature and length, and no checksum */
enum { FACS_VERSION = 32, FACS_SIZE = 64, FACS_ALIGN = 64, REV_FACS = 2 };

/* 5.2.9, table "Fixed ACPI Description Table Fixed Feature Flags" */
#define FADT_WBINVD        BIT(0)
#define FADT_PROC_C1       BIT(2)
#define FADT_PWR_BUTTON    BIT(4) /* the power button is not a fixed one, nor is the sleep button */
#define FADT_SLP_BUTTON    BIT(5)
#define FADT_FIX_RTC       BIT(6)
#define FADT_TMR_VAL_EXT   BIT(8) /* the timer has 32 bits, not 24 */
#define FADT_RESET_REG_SUP BIT(10)
#define FADT_HEADLESS      BIT(12)
#define FADT_HW_REDUCED    BIT(20)

/* 5.2.9.3. Bit 1, "8042", is clear: the ports respond, for reboot=k, but there is no keyboard to wait for. */
#define BOOT_ARCH_LEGACY_DEVICES 0x01
#define BOOT_ARCH_NO_VGA         0x04
#define BOOT_ARCH_NO_CMOS_RTC    0x20

/* 5.2.12 */
enum { MADT_LAPIC_ADDR = 36, MADT_FLAGS = 40, MADT_ENTRIES = 44 };
enum {
	MADT_LAPIC = 0,
	MADT_LAPIC_SIZE = 8,
	MADT_IOAPIC = 1,
	MADT_IOAPIC_SIZE = 12,
	MADT_LAPIC_NMI = 4,
	MADT_LAPIC_NMI_SIZE = 6
};
#define MADT_PCAT_COMPAT   1
#define MADT_LAPIC_ENABLED 1
#define MADT_ALL_CPUS      0xff
#define MADT_NMI_LINT      1
#define IOAPIC_ID          BOARD_CPUS_MAX /* the first 8-bit APIC id that no CPU can have */

enum { REV_XSDT = 1, REV_FADT = 6, MINOR_FADT = 5, REV_MADT = 6, REV_DSDT = 2 /* 64-bit integers */ };

/* The layout of the block; offsets are from its start. */
struct plan {
	uint32_t xsdt, fadt, madt, dsdt, facs;
	uint32_t madt_size, dsdt_size;
	size_t size;
};

static void put_header(uint8_t *t, const char *signature, uint32_t size, uint8_t revision)
{
	memcpy(t, signature, 4);
	le32_put(t + SDT_LENGTH, size);
	t[SDT_REVISION] = revision;
	memcpy(t + SDT_OEM_ID, OEM_ID, 6);
	memcpy(t + SDT_OEM_TABLE_ID, OEM_TABLE_ID, 8);
	le32_put(t + SDT_OEM_REVISION, 1);
	memcpy(t + SDT_CREATOR_ID, CREATOR_ID, 4);
	le32_put(t + SDT_CREATOR_REVISION, 1);
}

/* 5.2.3.2: Generic Address Structure, here in port space. @access: bytes at a time */
static void put_register(uint8_t *p, uint64_t port, unsigned bytes, unsigned access)
{
	p[0] = 1; /* System I/O */
	p[1] = (uint8_t)(8 * bytes);
	p[2] = 0; /* bit offset */
	p[3] = access == 4 ? 3 : access == 2 ? 2 : 1;
	le64_put(p + 4, port);
}

static void put_port(uint8_t *p, uint64_t port)
{
	put_register(p, port, 1, 1);
}

static void fill_rsdp(uint8_t *t, uint64_t xsdt_gpa)
{
	memcpy(t, "RSD PTR ", 8);
	memcpy(t + RSDP_OEM_ID, OEM_ID, 6);
	t[RSDP_REVISION] = 2;
	le32_put(t + RSDP_LENGTH, RSDP_SIZE);
	le64_put(t + RSDP_XSDT, xsdt_gpa);
	t[RSDP_CHECKSUM] = checksum(t, RSDP_V1_SIZE);
	t[RSDP_CHECKSUM2] = checksum(t, RSDP_SIZE);
}

/* The additions of the full model. Without an SMI command port the machine is in ACPI mode from the start (5.2.9). */
static void fill_fadt_fixed(uint8_t *t, const struct board_part *pm1, uint64_t facs_gpa)
{
	le32_put(t + FADT_FACS, (uint32_t)facs_gpa);
	le16_put(t + FADT_SCI_INT, PM1_SCI_GSI);
	le32_put(t + FADT_PM1A_EVT, (uint32_t)pm1->base + PM1_STATUS);
	le32_put(t + FADT_PM1A_CNT, (uint32_t)pm1->base + PM1_CONTROL);
	t[FADT_PM1_EVT_LEN] = PM1_EVENT_SIZE;
	t[FADT_PM1_CNT_LEN] = PM1_SIZE - PM1_EVENT_SIZE;
	le16_put(t + FADT_C2_LATENCY, FADT_NO_C2);
	le16_put(t + FADT_C3_LATENCY, FADT_NO_C3);
	le64_put(t + FADT_X_FACS, facs_gpa);
	put_register(t + FADT_X_PM1A_EVT, pm1->base + PM1_STATUS, PM1_EVENT_SIZE, 2);
	put_register(t + FADT_X_PM1A_CNT, pm1->base + PM1_CONTROL, PM1_SIZE - PM1_EVENT_SIZE, 2);
}

/*
 * The DSDT's address is in the 32-bit field too, for kernels that read no other. Fields that the hardware-reduced model
 * does not have are zero: X_FIRMWARE_CTRL (no FACS, 5.2.10), SCI_INT, all register blocks.
 */
static void fill_fadt(uint8_t *t, const struct board *board, uint64_t dsdt_gpa, uint64_t facs_gpa)
{
	const struct board_part *pm1 = board_find(board, BOARD_PM1, 0);
	const struct board_part *power = board_find(board, BOARD_POWER, 0);
	const struct board_part *timer = board_find(board, BOARD_PMTIMER, 0);
	uint32_t flags = FADT_WBINVD | FADT_PROC_C1 | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_HEADLESS;
	uint16_t arch = BOOT_ARCH_NO_VGA;

	le32_put(t + FADT_DSDT, (uint32_t)dsdt_gpa);
	le64_put(t + FADT_X_DSDT, dsdt_gpa);
	t[FADT_MINOR] = MINOR_FADT;
	memcpy(t + FADT_HYPERVISOR, OEM_TABLE_ID, 8);
	if (board_find(board, BOARD_UART, 0))
		arch |= BOOT_ARCH_LEGACY_DEVICES;
	if (!board_find(board, BOARD_RTC, 0))
		arch |= BOOT_ARCH_NO_CMOS_RTC;
	if (power) {
		flags |= FADT_RESET_REG_SUP;
		put_port(t + FADT_RESET_REG, power->base + POWER_RESET);
		t[FADT_RESET_VALUE] = POWER_RESET_VALUE;
		put_port(t + FADT_SLEEP_CONTROL, power->base + POWER_SLEEP_CONTROL);
		put_port(t + FADT_SLEEP_STATUS, power->base + POWER_SLEEP_STATUS);
	}
	if (timer) {
		flags |= FADT_TMR_VAL_EXT;
		le32_put(t + FADT_PM_TMR, (uint32_t)timer->base);
		t[FADT_PM_TMR_LEN] = PMTIMER_SIZE;
		put_register(t + FADT_X_PM_TMR, timer->base, PMTIMER_SIZE, 4);
	}
	if (pm1)
		fill_fadt_fixed(t, pm1, facs_gpa);
	else
		flags |= FADT_HW_REDUCED;
	le16_put(t + FADT_BOOT_ARCH, arch);
	le32_put(t + FADT_FLAGS, flags);
}

/*
 * No interrupt source overrides: without one, ISA interrupt n is GSI n, edge-triggered and active high (5.2.12.5),
 * which is how this board is wired. Every APIC id is below 255, so there are no x2APIC entries.
 *
 * PCAT_COMPAT is set because KVM's irqchip has the two 8259s: Linux ignores the flag here, other kernels mask the 8259s
 * because of it.
 */
static void fill_madt(uint8_t *t, const struct board *board)
{
	uint8_t *p = t + MADT_ENTRIES;

	le32_put(t + MADT_LAPIC_ADDR, (uint32_t)BOARD_LAPIC_ADDR);
	le32_put(t + MADT_FLAGS, MADT_PCAT_COMPAT);
	for (unsigned i = 0; i < board->cpus; i++, p += MADT_LAPIC_SIZE) {
		p[0] = MADT_LAPIC;
		p[1] = MADT_LAPIC_SIZE;
		p[2] = (uint8_t)i; /* the _UID in the DSDT */
		p[3] = (uint8_t)i; /* APIC id */
		le32_put(p + 4, MADT_LAPIC_ENABLED);
	}
	p[0] = MADT_IOAPIC;
	p[1] = MADT_IOAPIC_SIZE;
	p[2] = IOAPIC_ID;
	le32_put(p + 4, (uint32_t)BOARD_IOAPIC_ADDR);
	le32_put(p + 8, 0); /* its first GSI */
	p += MADT_IOAPIC_SIZE;
	p[0] = MADT_LAPIC_NMI;
	p[1] = MADT_LAPIC_NMI_SIZE;
	p[2] = MADT_ALL_CPUS;
	le16_put(p + 3, 0); /* polarity and trigger: those of the bus */
	p[5] = MADT_NMI_LINT;
}

static uint32_t place(size_t *at, size_t size, size_t align)
{
	uint32_t offset = (uint32_t)align_up(*at, align);

	*at = offset + size;
	return offset;
}

static void make_plan(struct plan *p, const struct board *board, size_t aml_size)
{
	p->madt_size = MADT_ENTRIES + board->cpus * MADT_LAPIC_SIZE + MADT_IOAPIC_SIZE + MADT_LAPIC_NMI_SIZE;
	p->dsdt_size = (uint32_t)(SDT_SIZE + aml_size);
	p->size = RSDP_SIZE;
	p->xsdt = place(&p->size, SDT_SIZE + 2 * sizeof(uint64_t), TABLE_ALIGN);
	p->fadt = place(&p->size, FADT_SIZE, TABLE_ALIGN);
	p->madt = place(&p->size, p->madt_size, TABLE_ALIGN);
	p->dsdt = place(&p->size, p->dsdt_size, TABLE_ALIGN);
	p->facs = board_find(board, BOARD_PM1, 0) ? place(&p->size, FACS_SIZE, FACS_ALIGN) : 0;
}

static uint8_t *add_table(struct acpi_blob *b, const char *signature, uint32_t offset, uint32_t size, uint8_t revision)
{
	assert(b->nr < ACPI_TABLES_MAX);
	memcpy(b->table[b->nr].signature, signature, 4);
	b->table[b->nr].offset = offset;
	b->table[b->nr].size = size;
	b->nr++;
	put_header(b->data + offset, signature, size, revision);
	return b->data + offset;
}

static void fill(struct acpi_blob *b, const struct board *board, const struct plan *plan, const uint8_t *aml)
{
	uint8_t *xsdt, *dsdt;

	fill_rsdp(b->data, b->gpa + plan->xsdt);
	xsdt = add_table(b, "XSDT", plan->xsdt, SDT_SIZE + 2 * sizeof(uint64_t), REV_XSDT);
	le64_put(xsdt + SDT_SIZE, b->gpa + plan->fadt);
	le64_put(xsdt + SDT_SIZE + sizeof(uint64_t), b->gpa + plan->madt);
	fill_fadt(
		add_table(b, "FACP", plan->fadt, FADT_SIZE, REV_FADT), board, b->gpa + plan->dsdt, b->gpa + plan->facs);
	fill_madt(add_table(b, "APIC", plan->madt, plan->madt_size, REV_MADT), board);
	dsdt = add_table(b, "DSDT", plan->dsdt, plan->dsdt_size, REV_DSDT);
	memcpy(dsdt + SDT_SIZE, aml, plan->dsdt_size - SDT_SIZE);
	if (plan->facs) {
		uint8_t *facs = b->data + plan->facs;

		memcpy(facs, "FACS", 4);
		le32_put(facs + SDT_LENGTH, FACS_SIZE);
		facs[FACS_VERSION] = REV_FACS;
	}
	for (size_t i = 0; i < b->nr; i++) {
		uint8_t *t = b->data + b->table[i].offset;

		t[SDT_CHECKSUM] = checksum(t, b->table[i].size);
	}
}

int acpi_build(const struct board *board, uint64_t gpa, size_t max, struct acpi_blob *ret, struct err *e)
{
	CLEANUP(aml_destroy) struct aml writer = {0};
	CLEANUP_FREE uint8_t *aml = NULL;
	struct acpi_blob b = {.gpa = gpa, .rsdp_gpa = gpa};
	struct plan plan;
	size_t aml_size;
	int r;

	r = boardcheck(board, e);
	if (r == 0)
		r = dsdt_check(board, e);
	if (r < 0)
		return err_wrap(e, r, "the board does not fit");
	dsdt_write(board, &writer);
	r = aml_take(&writer, &aml, &aml_size);
	if (r < 0)
		return err_sys(e, r, "cannot build the ACPI tables");
	make_plan(&plan, board, aml_size);
	if (plan.size > max)
		return err_set(e, -ENOSPC,
			"the ACPI tables do not fit: they take %zu bytes and have room for %zu; take CPUs or devices "
			"away",
			plan.size, max);
	if (!is_aligned(gpa, plan.facs ? FACS_ALIGN : TABLE_ALIGN) || gpa >= BOARD_HOLE_END ||
		plan.size > BOARD_HOLE_END - gpa)
		return err_set(e, -EINVAL, "ACPI tables cannot lie at 0x%" PRIx64 ": not a multiple of %u below 4 GiB",
			gpa, plan.facs ? FACS_ALIGN : TABLE_ALIGN);
	b.data = calloc(1, plan.size);
	if (!b.data)
		return err_sys(e, -ENOMEM, "cannot build the ACPI tables");
	b.size = plan.size;
	fill(&b, board, &plan, aml);
	*ret = b;
	return 0;
}

void acpi_blob_destroy(struct acpi_blob *b)
{
	if (!b)
		return;
	free(b->data);
	memset(b, 0, sizeof(*b));
}
