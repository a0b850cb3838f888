// SPDX-License-Identifier: Apache-2.0
/*
 * Describes only what the operating system cannot find by itself: each object costs the guest's AML interpreter time at
 * every boot. Left out are
 *  - the keyboard controller, the debug-exit port and the debug console: no driver looks for them here; the power
 *    management timer is in the FADT;
 *  - _STA: a device without one is present and working (ACPI 6.5, 6.3.7). pvpanic has one, as on the platform that its
 *    driver was written for;
 *  - _CCA: x86 without one is cache coherent (6.2.17).
 *
 * Interrupts are Extended Interrupt descriptors with the edge trigger spelled out: a hardware-reduced Linux has no
 * ISA interrupts by default, and would take one without flags for level-triggered.
 */
#include "boot/tables/dsdt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "boot/tables/boardcheck.h"

#define NOTIFY_CHANGED 0x80 /* of a button: pressed. ACPI 6.5, 5.6.6 */
#define STA_PRESENT    0x0f /* present, enabled, visible in the UI, working: 6.3.7 */

/* Kinds of parts that the DSDT describes. @many: there may be more than one, distinguished by index. */
static bool described(enum board_kind kind, bool *many)
{
	*many = kind == BOARD_UART || kind == BOARD_VIRTIO_MMIO;
	switch (kind) {
	case BOARD_UART:
	case BOARD_RTC:
	case BOARD_PVPANIC:
	case BOARD_POWER:
	case BOARD_GENERATION:
	case BOARD_VIRTIO_MMIO: return true;
	case BOARD_I8042:
	case BOARD_PIT:
	case BOARD_PM1:
	case BOARD_PMTIMER:
	case BOARD_DEBUG_EXIT:
	case BOARD_DEBUGCON:
	case BOARD_MARKER:
	case BOARD_BOOT_MARKER: return false;
	}
	return false;
}

static int check_registers(const struct board_part *p, struct err *e)
{
	const char *name = board_part_name(p->kind);

	if (p->kind == BOARD_VIRTIO_MMIO || p->kind == BOARD_GENERATION) {
		if (p->space != BOARD_MMIO || p->base > UINT32_MAX || p->size > BOARD_HOLE_END - p->base)
			return err_set(e, -EINVAL,
				"%s %u: its registers at 0x%" PRIx64 " do not lie in memory below 4 GiB", name,
				p->index, p->base);
		return 0;
	}
	if (p->space != BOARD_PIO || p->size > UINT8_MAX)
		return err_set(e, -EINVAL,
			"%s %u: ACPI describes it with at most 255 I/O ports, not %" PRIu64 " at 0x%" PRIx64, name,
			p->index, p->size, p->base);
	if (p->kind == BOARD_POWER && p->size < POWER_SIZE)
		return err_set(e, -EINVAL, "%s: it needs %u ports, not %" PRIu64, name, POWER_SIZE, p->size);
	return 0;
}

int dsdt_check(const struct board *board, struct err *e)
{
	const struct board_part *owner[BOARD_GSI_MAX] = {NULL};

	for_each_part(p, board) {
		const char *name = board_part_name(p->kind);
		bool many;
		int r;

		if (!described(p->kind, &many))
			continue;
		r = check_registers(p, e);
		if (r < 0)
			return r;
		if (p->index >= (many ? BOARD_PARTS_MAX : 1))
			return err_set(e, -EINVAL, "%s %u: a board has %s", name, p->index,
				many ? "fewer of them" : "one of its kind");
		for (const struct board_part *q = board->part; q < p; q++)
			if (q->kind == p->kind && q->index == p->index)
				return err_set(e, -EINVAL, "%s %u is on the board twice", name, p->index);
		if (p->gsi == BOARD_GSI_NONE)
			continue;
		if (owner[p->gsi])
			return err_set(e, -EINVAL,
				"%s %u: GSI %u already belongs to %s %u, and an edge-triggered line cannot be shared",
				name, p->index, p->gsi, board_part_name(owner[p->gsi]->kind), owner[p->gsi]->index);
		owner[p->gsi] = p;
	}
	return 0;
}

/* A letter and three hexadecimal digits: enough for every CPU and part. */
static void device(struct aml *a, char letter, unsigned n)
{
	char name[8];

	snprintf(name, sizeof(name), "%c%03X", letter, n & 0xfff);
	aml_device(a, name);
}

static void id_string(struct aml *a, const char *hid)
{
	aml_name(a, "_HID");
	aml_string(a, hid);
}

static void id_eisa(struct aml *a, const char *hid)
{
	aml_name(a, "_HID");
	aml_eisa_id(a, hid);
}

static void uid(struct aml *a, unsigned n)
{
	aml_name(a, "_UID");
	aml_int(a, n);
}

/* _CRS: the registers and, if it has one, the interrupt. */
static void resources(struct aml *a, const struct board_part *p)
{
	aml_name(a, "_CRS");
	aml_resources(a);
	if (p->space == BOARD_PIO)
		aml_res_io(a, (uint16_t)p->base, (uint8_t)p->size);
	else
		aml_res_mem32(a, (uint32_t)p->base, (uint32_t)p->size);
	if (p->gsi != BOARD_GSI_NONE)
		aml_res_irq(a, p->gsi);
	aml_resources_end(a);
}

/* 8.4: _UID links the device to its MADT entry. */
static void write_cpus(const struct board *board, struct aml *a)
{
	for (unsigned i = 0; i < board->cpus; i++) {
		device(a, 'C', i);
		id_string(a, "ACPI0007");
		uid(a, i);
		aml_end(a);
	}
}

static void write_uart(const struct board_part *p, struct aml *a)
{
	device(a, 'U', p->index);
	id_eisa(a, "PNP0501");
	uid(a, p->index);
	resources(a, p);
	aml_end(a);
}

static void write_virtio(const struct board_part *p, struct aml *a)
{
	device(a, 'V', p->index);
	id_string(a, "LNRO0005");
	uid(a, p->index);
	resources(a, p);
	aml_end(a);
}

/*
 * With the device, Linux's rtc_cmos registers rtc0 without an alarm when there is no interrupt. Without the device and
 * with an FADT that announces an RTC, Linux would add a platform device with IRQ 8, which a hardware-reduced machine
 * does not have, and the driver would fail with an error on the console.
 */
static void write_rtc(const struct board_part *p, struct aml *a)
{
	aml_device(a, "RTC");
	id_eisa(a, "PNP0B00");
	resources(a, p);
	aml_end(a);
}

static void write_pvpanic(const struct board_part *p, struct aml *a)
{
	aml_device(a, "PVPN");
	id_string(a, "QEMU0001");
	resources(a, p);
	aml_name(a, "_STA");
	aml_int(a, STA_PRESENT);
	aml_end(a);
}

/* A port region with one byte of the power block, and its name. */
static void write_event_register(const struct board_part *power, const char *region, const char *name, struct aml *a)
{
	aml_port_region(a, region, (uint16_t)(power->base + POWER_EVENT), 1);
	aml_field(a, region);
	aml_field_unit(a, name, 8);
	aml_end(a);
}

/*
 * Drivers find it by the second id and evaluate ADDR, the lower and the upper half of the address; a notification says
 * that the bytes there are others (Microsoft, Virtual Machine Generation ID). They need no _CRS. Asking for the address
 * says that there is a driver: without one there is no notification.
 */
static void write_generation(const struct board *board, const struct board_part *p, struct aml *a)
{
	const struct board_part *power = board_find(board, BOARD_POWER, 0);

	aml_device(a, "VGEN");
	id_string(a, "VMMG0001");
	aml_name(a, "_CID");
	aml_string(a, "VM_Gen_Counter");
	aml_name(a, "_DDN");
	aml_string(a, "VM_Gen_Counter");
	if (power)
		write_event_register(power, "EREG", "DRVN", a);
	aml_method(a, "ADDR", 0, false);
	if (power)
		aml_store_int(a, POWER_EVENT_GENERATION, "DRVN");
	aml_return(a);
	aml_package(a, 2);
	aml_int(a, p->base & UINT32_MAX);
	aml_int(a, p->base >> 32);
	aml_end(a);
	aml_end(a); /* Method */
	aml_end(a); /* Device */
}

/* If (Local0 & @event) Notify (@name, 0x80) */
static void write_event(struct aml *a, uint8_t event, const char *name)
{
	aml_if(a);
	aml_and(a);
	aml_local(a);
	aml_int(a, event);
	aml_and_end(a);
	aml_notify(a, name, NOTIFY_CHANGED);
	aml_end(a);
}

/*
 * The power button, and the Generic Event Device that signals it and a new generation id (5.6.9): its interrupt runs
 * _EVT, which reads the event register. The read clears it, so two presses before the method runs count as one, and
 * none is lost: a press after the read raises the line again.
 */
static void write_power(const struct board *board, const struct board_part *p, struct aml *a)
{
	if (p->gsi == BOARD_GSI_NONE)
		return;
	aml_device(a, "PWRB");
	id_eisa(a, "PNP0C0C");
	aml_end(a);

	aml_device(a, "GED");
	id_string(a, "ACPI0013");
	uid(a, 0);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_irq(a, p->gsi);
	aml_resources_end(a);
	write_event_register(p, "EREG", "EVNT", a);
	aml_method(a, "_EVT", 1, true);
	aml_store_local(a, "EVNT");
	write_event(a, POWER_EVENT_BUTTON, "PWRB");
	if (board_find(board, BOARD_GENERATION, 0))
		write_event(a, POWER_EVENT_GENERATION, "VGEN");
	aml_end(a); /* Method */
	aml_end(a); /* Device */
}

static void write_part(const struct board *board, const struct board_part *p, struct aml *a)
{
	switch (p->kind) {
	case BOARD_UART: write_uart(p, a); break;
	case BOARD_RTC: write_rtc(p, a); break;
	case BOARD_PVPANIC: write_pvpanic(p, a); break;
	case BOARD_POWER: write_power(board, p, a); break;
	case BOARD_GENERATION: write_generation(board, p, a); break;
	case BOARD_VIRTIO_MMIO: write_virtio(p, a); break;
	case BOARD_I8042:
	case BOARD_PIT:
	case BOARD_PM1:
	case BOARD_PMTIMER:
	case BOARD_DEBUG_EXIT:
	case BOARD_DEBUGCON:
	case BOARD_MARKER:
	case BOARD_BOOT_MARKER: break;
	}
}

/* 7.4.2: SLP_TYP for the sleep control register; the second value is for a register that this model does not have. */
static void write_s5(struct aml *a)
{
	aml_name(a, "_S5");
	aml_package(a, 4);
	aml_int(a, POWER_SLP_TYP_S5);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_end(a);
}

void dsdt_write(const struct board *board, struct aml *aml)
{
	if (board_find(board, BOARD_POWER, 0))
		write_s5(aml);
	aml_scope(aml, "_SB");
	write_cpus(board, aml);
	for_each_part(p, board)
		if (p->kind != BOARD_VIRTIO_MMIO || !board->virtio_on_cmdline)
			write_part(board, p, aml);
	aml_end(aml);
}
