// SPDX-License-Identifier: Apache-2.0
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>

#include "boot/layout.h"
#include "boot/tables/acpi.h"
#include "boot/tables/checksum.h"
#include "tests/support/aml-read.h"
#include "tests/support/boards.h"

/* The linker sends the library's allocations here; the one that brings the count to zero fails. */
static int allocations_left = -1;

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool fails(void)
{
	return allocations_left >= 0 && allocations_left-- == 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

struct tables {
	struct acpi_blob blob;
	const uint8_t *rsdp, *xsdt, *fadt, *madt, *dsdt;
	size_t madt_size, dsdt_size;
};

/* Follows a pointer as a guest would, and finds the same table that the list names. */
static const uint8_t *follow(const struct acpi_blob *b, uint64_t gpa, const char *signature, size_t *ret_size)
{
	const uint8_t *t = b->data + (gpa - b->gpa);
	uint32_t size;
	bool listed = false;

	assert_true(gpa >= b->gpa && gpa - b->gpa + 36 <= b->size);
	assert_true(is_aligned(gpa, 16));
	assert_memory_equal(t, signature, 4);
	size = le32_get(t + 4);
	assert_true(size >= 36 && gpa - b->gpa + size <= b->size);
	assert_int_equal(byte_sum(t, size), 0);
	assert_memory_equal(t + 10, "VMM   VMM     ", 14);
	for (size_t i = 0; i < b->nr; i++)
		listed |= !memcmp(b->table[i].signature, signature, 4) && b->table[i].offset == gpa - b->gpa &&
			b->table[i].size == size;
	assert_true(listed);
	*ret_size = size;
	return t;
}

static void build(const struct board *board, struct tables *t)
{
	struct err e = {};
	size_t size;

	memset(t, 0, sizeof(*t));
	if (acpi_build(board, BOOT_ACPI_START, BOOT_ACPI_SIZE, &t->blob, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(t->blob.gpa, BOOT_ACPI_START);
	t->rsdp = t->blob.data + (t->blob.rsdp_gpa - t->blob.gpa);
	assert_memory_equal(t->rsdp, "RSD PTR ", 8);
	assert_int_equal(byte_sum(t->rsdp, 20), 0);
	assert_int_equal(byte_sum(t->rsdp, 36), 0);
	assert_memory_equal(t->rsdp + 9, "VMM   ", 6);
	assert_int_equal(t->rsdp[15], 2);
	assert_int_equal(le32_get(t->rsdp + 16), 0); /* no RSDT */
	assert_int_equal(le32_get(t->rsdp + 20), 36);
	t->xsdt = follow(&t->blob, le64_get(t->rsdp + 24), "XSDT", &size);
	assert_int_equal(size, 36 + 2 * 8);
	t->fadt = follow(&t->blob, le64_get(t->xsdt + 36), "FACP", &size);
	assert_int_equal(size, 276);
	t->madt = follow(&t->blob, le64_get(t->xsdt + 44), "APIC", &t->madt_size);
	t->dsdt = follow(&t->blob, le64_get(t->fadt + 140), "DSDT", &t->dsdt_size);
	assert_int_equal(le32_get(t->fadt + 40), le64_get(t->fadt + 140));
}

static void build_example(const char *name, struct tables *t)
{
	struct board board;

	assert_true(boards_make(name, &board));
	build(&board, t);
}

/* The value of an object, or NULL; a device that is not there has none. */
static const uint8_t *find(const struct tables *t, const char *device, const char *name, size_t *ret_size)
{
	struct aml_span v = {NULL, NULL};

	if (!aml_find(t->dsdt + 36, t->dsdt_size - 36, device, name, &v))
		return NULL;
	*ret_size = (size_t)(v.end - v.p);
	return v.p;
}

static void expect(const struct tables *t, const char *device, const char *name, const void *want, size_t n)
{
	size_t size = 0;
	const uint8_t *v = find(t, device, name, &size);

	if (!v)
		fail_msg("no %s in %s", name, device);
	assert_int_equal(size, n);
	assert_memory_equal(v, want, n);
}

#define EXPECT(t, device, name, ...)                                                                                   \
	do {                                                                                                           \
		static const uint8_t want_[] = {__VA_ARGS__};                                                          \
		expect(t, device, name, want_, sizeof(want_));                                                         \
	} while (0)

static bool has(const struct tables *t, const char *device)
{
	size_t size;

	return find(t, device, "", &size);
}

static void test_every_example(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(boards); i++) {
		struct aml_walk w = {.device = "", .name = ""};
		struct tables t;

		build_example(boards[i].name, &t);
		assert_true(aml_read_terms((struct aml_span){t.dsdt + 36, t.dsdt + t.dsdt_size}, "", &w));
		assert_int_equal(w.devices,
			boards[i].cpus + boards[i].uart + boards[i].rtc + boards[i].pvpanic + 2 * boards[i].button +
				boards[i].virtio + boards[i].generation);
		assert_int_equal(w.methods, boards[i].button + boards[i].generation);
		/* No two tables share a byte. */
		for (size_t a = 0; a < t.blob.nr; a++) {
			assert_true(t.blob.table[a].offset >= 36);
			for (size_t b = 0; b < a; b++)
				assert_false(ranges_overlap(t.blob.table[a].offset, t.blob.table[a].size,
					t.blob.table[b].offset, t.blob.table[b].size));
		}
		acpi_blob_destroy(&t.blob);
	}
}

static void test_fadt(void **state)
{
	static const uint8_t reset[] = {1, 8, 0, 1, 0x02, 0x06, 0, 0, 0, 0, 0, 0};
	static const uint8_t control[] = {1, 8, 0, 1, 0x00, 0x06, 0, 0, 0, 0, 0, 0};
	static const uint8_t status[] = {1, 8, 0, 1, 0x01, 0x06, 0, 0, 0, 0, 0, 0};
	static const uint8_t timer[] = {1, 32, 0, 3, 0x08, 0x06, 0, 0, 0, 0, 0, 0};
	static const uint8_t zero[96] = {0};
	struct tables t;

	build_example("four", &t);
	assert_int_equal(t.fadt[8], 6);
	assert_int_equal(t.fadt[131], 5);
	/* WBINVD, C1, no fixed buttons nor RTC, a 32-bit timer, a reset register, headless, hardware-reduced */
	assert_int_equal(le32_get(t.fadt + 112),
		BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(10) | BIT(12) | BIT(20));
	assert_memory_equal(t.fadt + 116, reset, sizeof(reset));
	assert_int_equal(t.fadt[128], POWER_RESET_VALUE);
	assert_memory_equal(t.fadt + 244, control, sizeof(control));
	assert_memory_equal(t.fadt + 256, status, sizeof(status));
	assert_memory_equal(t.fadt + 268, "VMM     ", 8);
	assert_int_equal(le16_get(t.fadt + 109), 0x05); /* ISA devices, no 8042, no VGA */
	assert_int_equal(le32_get(t.fadt + 36), 0);     /* no FACS */
	assert_int_equal(le64_get(t.fadt + 132), 0);
	/* The timer of 32 bits, in both forms; no SCI, no SMI, and no other register blocks. */
	assert_int_equal(le32_get(t.fadt + 76), 0x608);
	assert_int_equal(t.fadt[91], 4);
	assert_memory_equal(t.fadt + 208, timer, sizeof(timer));
	assert_memory_equal(t.fadt + 46, zero, 76 - 46);
	assert_memory_equal(t.fadt + 80, zero, 91 - 80);
	assert_memory_equal(t.fadt + 92, zero, 108 - 92);
	assert_memory_equal(t.fadt + 148, zero, 208 - 148);
	assert_memory_equal(t.fadt + 220, zero, 244 - 220);
	acpi_blob_destroy(&t.blob);

	build_example("no-rtc", &t);
	assert_int_equal(le16_get(t.fadt + 109), 0x25);
	acpi_blob_destroy(&t.blob);

	build_example("bare", &t);
	assert_int_equal(le32_get(t.fadt + 112), BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(12) | BIT(20));
	assert_memory_equal(t.fadt + 46, zero, 62);
	assert_memory_equal(t.fadt + 148, zero, 96);
	assert_memory_equal(t.fadt + 116, zero, 13);
	assert_memory_equal(t.fadt + 244, zero, 24);
	assert_int_equal(le16_get(t.fadt + 109), 0x24);
	acpi_blob_destroy(&t.blob);
}

/* The full model: what the specification requires in addition. */
static void test_fadt_with_pm1(void **state)
{
	static const uint8_t evt[] = {1, 32, 0, 2, 0x10, 0x06, 0, 0, 0, 0, 0, 0};
	static const uint8_t cnt[] = {1, 16, 0, 2, 0x14, 0x06, 0, 0, 0, 0, 0, 0};
	const uint8_t *facs;
	struct tables t;
	uint64_t gpa;

	build_example("pic", &t);
	/* As above, but not hardware-reduced. */
	assert_int_equal(
		le32_get(t.fadt + 112), BIT(0) | BIT(2) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(10) | BIT(12));
	assert_int_equal(le16_get(t.fadt + 46), PM1_SCI_GSI);
	assert_int_equal(le32_get(t.fadt + 48), 0); /* no SMI: in ACPI mode from the start */
	assert_int_equal(le32_get(t.fadt + 56), 0x610);
	assert_int_equal(le32_get(t.fadt + 64), 0x614);
	assert_int_equal(t.fadt[88], 4);
	assert_int_equal(t.fadt[89], 2);
	assert_true(le16_get(t.fadt + 96) > 100 && le16_get(t.fadt + 98) > 1000); /* no C2, no C3 */
	assert_memory_equal(t.fadt + 148, evt, sizeof(evt));
	assert_memory_equal(t.fadt + 172, cnt, sizeof(cnt));
	gpa = le64_get(t.fadt + 132);
	assert_int_equal(le32_get(t.fadt + 36), gpa);
	assert_true(is_aligned(gpa, 64) && gpa >= t.blob.gpa && gpa + 64 <= t.blob.gpa + t.blob.size);
	facs = t.blob.data + (gpa - t.blob.gpa);
	assert_memory_equal(facs, "FACS\x40\0\0\0", 8);
	assert_int_equal(facs[32], 2);
	acpi_blob_destroy(&t.blob);
}

static void check_madt(unsigned cpus)
{
	struct board board = {.cpus = cpus};
	bool ids[256] = {false};
	unsigned seen = 0, ioapics = 0, nmis = 0;
	const uint8_t *p, *end;
	struct tables t;

	build(&board, &t);
	end = t.madt + t.madt_size;
	assert_int_equal(le32_get(t.madt + 36), BOARD_LAPIC_ADDR);
	assert_int_equal(le32_get(t.madt + 40), 1);
	for (p = t.madt + 44; p < end; p += p[1]) {
		assert_true(end - p >= 2 && p[1] >= 2 && p[1] <= end - p);
		switch (p[0]) {
		case 0: {
			struct aml_span v = {NULL, NULL};
			uint64_t uid;
			char name[8];

			assert_int_equal(p[1], 8);
			assert_int_equal(p[2], seen);
			assert_int_equal(p[3], seen); /* APIC id n is CPU n */
			assert_int_equal(le32_get(p + 4), 1);
			assert_false(ids[p[3]]);
			ids[p[3]] = true;
			snprintf(name, sizeof(name), "C%03X", seen);
			assert_true(aml_find(t.dsdt + 36, t.dsdt_size - 36, name, "_UID", &v));
			assert_true(aml_read_int(&v, &uid));
			assert_int_equal(uid, p[2]);
			expect(&t, name, "_HID",
				"\x0d"
				"ACPI0007",
				10);
			seen++;
			break;
		}
		case 1:
			assert_int_equal(p[1], 12);
			assert_false(ids[p[2]]);
			assert_true(p[2] >= cpus && p[2] != 0xff);
			assert_int_equal(le32_get(p + 4), BOARD_IOAPIC_ADDR);
			assert_int_equal(le32_get(p + 8), 0);
			ioapics++;
			break;
		case 4:
			assert_int_equal(p[1], 6);
			assert_int_equal(p[2], 0xff);
			assert_int_equal(p[5], 1);
			nmis++;
			break;
		default: fail_msg("MADT entry of type %u", p[0]);
		}
	}
	assert_ptr_equal(p, end);
	assert_int_equal(seen, cpus);
	assert_int_equal(ioapics, 1);
	assert_int_equal(nmis, 1);
	acpi_blob_destroy(&t.blob);
}

static void test_madt(void **state)
{
	check_madt(1);
	check_madt(4);
	check_madt(BOARD_CPUS_MAX);
}

static void test_devices(void **state)
{
	struct tables t;

	build_example("four", &t);
	EXPECT(&t, "U000", "_HID", 0x0c, 0x41, 0xd0, 0x05, 0x01);
	EXPECT(&t, "U000", "_CRS", 0x11, 0x16, 0x0a, 0x13, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x01, 0x08, 0x89, 0x06,
		0x00, 0x03, 0x01, 4, 0, 0, 0, 0x79, 0x00);
	EXPECT(&t, "RTC_", "_HID", 0x0c, 0x41, 0xd0, 0x0b, 0x00);
	EXPECT(&t, "RTC_", "_CRS", 0x11, 0x0d, 0x0a, 0x0a, 0x47, 0x01, 0x70, 0x00, 0x70, 0x00, 0x01, 0x02, 0x79, 0x00);
	expect(&t, "PVPN", "_HID",
		"\x0d"
		"QEMU0001",
		10);
	EXPECT(&t, "PVPN", "_CRS", 0x11, 0x0d, 0x0a, 0x0a, 0x47, 0x01, 0x05, 0x05, 0x05, 0x05, 0x01, 0x01, 0x79, 0x00);
	EXPECT(&t, "PVPN", "_STA", 0x0a, 0x0f);
	EXPECT(&t, "PWRB", "_HID", 0x0c, 0x41, 0xd0, 0x0c, 0x0c);
	expect(&t, "GED_", "_HID",
		"\x0d"
		"ACPI0013",
		10);
	EXPECT(&t, "GED_", "_CRS", 0x11, 0x0e, 0x0a, 0x0b, 0x89, 0x06, 0x00, 0x03, 0x01, 1, 0, 0, 0, 0x79, 0x00);
	expect(&t, "VGEN", "_CID",
		"\x0d"
		"VM_Gen_Counter",
		16);
	/* Who asks for the address says so first. */
	EXPECT(&t, "VGEN", "ADDR", 0x70, 0x0a, 0x02, 'D', 'R', 'V', 'N', 0xa4, 0x12, 0x08, 0x02, 0x0c, 0x00, 0xf0, 0xff,
		0xcf, 0x00);
	expect(&t, "V003", "_HID",
		"\x0d"
		"LNRO0005",
		10);
	EXPECT(&t, "V003", "_UID", 0x0a, 0x03);
	EXPECT(&t, "V003", "_CRS", 0x11, 0x1a, 0x0a, 0x17, 0x86, 0x09, 0x00, 0x01, 0x00, 0x30, 0x00, 0xd0, 0x00, 0x10,
		0x00, 0x00, 0x89, 0x06, 0x00, 0x03, 0x01, 8, 0, 0, 0, 0x79, 0x00);
	assert_false(has(&t, "V004"));
	EXPECT(&t, "", "_S5_", 0x12, 0x07, 0x04, 0x0a, 0x05, 0x00, 0x00, 0x00);
	acpi_blob_destroy(&t.blob);
}

/* What is not on the board is not in the table, and nothing refers to it. */
static void test_absent_parts(void **state)
{
	struct tables t;
	size_t size;

	build_example("bare", &t);
	assert_true(has(&t, "C000"));
	assert_false(has(&t, "U000"));
	assert_false(has(&t, "RTC_"));
	assert_false(has(&t, "PVPN"));
	assert_false(has(&t, "PWRB"));
	assert_false(has(&t, "GED_"));
	assert_false(has(&t, "VGEN"));
	assert_false(has(&t, "V000"));
	assert_null(find(&t, "", "_S5_", &size));
	acpi_blob_destroy(&t.blob);

	/* A power block without an interrupt: power-off works, there is no button, and nobody is notified. */
	build_example("no-button", &t);
	assert_true(has(&t, "VGEN"));
	assert_non_null(find(&t, "", "_S5_", &size));
	assert_false(has(&t, "PWRB"));
	assert_false(has(&t, "GED_"));
	acpi_blob_destroy(&t.blob);
}

/* The interrupt of an RTC that has one is described. */
static void test_rtc_interrupt(void **state)
{
	struct board board = {.cpus = 1};
	struct tables t;

	boards_add(&board, BOARD_RTC, 0, 0x70, 2, 8);
	build(&board, &t);
	EXPECT(&t, "RTC_", "_CRS", 0x11, 0x16, 0x0a, 0x13, 0x47, 0x01, 0x70, 0x00, 0x70, 0x00, 0x01, 0x02, 0x89, 0x06,
		0x00, 0x03, 0x01, 8, 0, 0, 0, 0x79, 0x00);
	acpi_blob_destroy(&t.blob);
}

/* Fails with a message that contains @words, and leaves the result unchanged. */
static void refused(const struct board *board, const char *words)
{
	struct acpi_blob blob = {.size = 42};
	struct err e = {};

	assert_int_equal(acpi_build(board, BOOT_ACPI_START, BOOT_ACPI_SIZE, &blob, &e), -EINVAL);
	if (!strstr(e.text, words))
		fail_msg("\"%s\" does not say \"%s\"", e.text, words);
	assert_int_equal(blob.size, 42);
	assert_null(blob.data);
	assert_int_equal(acpi_build(board, BOOT_ACPI_START, BOOT_ACPI_SIZE, &blob, NULL), -EINVAL);
}

/* One part that is wrong, on an otherwise good board. */
static void refused_part(enum board_kind kind, enum board_space space, unsigned index, uint64_t base, uint64_t size,
	uint32_t gsi, const char *words)
{
	struct board board = {.cpus = 1};
	struct tables t;

	build(&board, &t);
	acpi_blob_destroy(&t.blob);
	boards_add(&board, kind, index, base, size, gsi);
	board.part[0].space = space;
	refused(&board, words);
}

static void test_board_that_does_not_fit(void **state)
{
	struct board board = {.cpus = 0};

	refused(&board, "0 CPUs do not fit");
	board.cpus = BOARD_CPUS_MAX + 1;
	refused(&board, "255 CPUs do not fit");
	board.cpus = 1;
	board.nr = BOARD_PARTS_MAX + 1;
	refused(&board, "49 parts do not fit");

	board.nr = 0;
	boards_add(&board, BOARD_VIRTIO_MMIO, 0, 0xd0000000, 0x1000, 5);
	boards_add(&board, BOARD_VIRTIO_MMIO, 0, 0xd0001000, 0x1000, 6);
	refused(&board, "virtio-mmio device 0 is on the board twice");
	board.part[1].index = 1;
	board.part[1].gsi = 5;
	refused(&board, "virtio-mmio device 1: GSI 5 already belongs to virtio-mmio device 0");
	board.nr = 0;
	boards_add(&board, BOARD_POWER, 0, 0x600, 4, 9);
	boards_add(&board, BOARD_POWER, 1, 0x610, 4, 10);
	refused(&board, "power block 1");
}

static void test_part_that_does_not_fit(void **state)
{
	const uint32_t none = BOARD_GSI_NONE;

	refused_part(BOARD_VIRTIO_MMIO, BOARD_MMIO, 0, 0xd0000000, 0x1000, BOARD_GSI_MAX, "no interrupt left");
	refused_part(BOARD_VIRTIO_MMIO, BOARD_MMIO, BOARD_PARTS_MAX, 0xd0000000, 0x1000, 5, "fewer of them");
	refused_part(BOARD_VIRTIO_MMIO, BOARD_MMIO, 0, 0xfffff000, 0x1001, 5, "below 4 GiB");
	refused_part(BOARD_VIRTIO_MMIO, BOARD_MMIO, 0, UINT64_C(0x100000000), 0x1000, 5, "below 4 GiB");
	refused_part(BOARD_VIRTIO_MMIO, BOARD_MMIO, 0, UINT64_MAX, 2, 5, "memory space");
	refused_part(BOARD_VIRTIO_MMIO, BOARD_MMIO, 0, 0xd0000000, 0, 5, "memory space");
	refused_part(BOARD_VIRTIO_MMIO, BOARD_PIO, 0, 0xd000, 0x1000, 5, "below 4 GiB");
	refused_part(BOARD_UART, BOARD_MMIO, 0, 0x3f8, 8, 4, "I/O ports");
	refused_part(BOARD_UART, BOARD_PIO, 0, 0x3f8, 256, 4, "I/O ports");
	refused_part(BOARD_UART, BOARD_PIO, 0, 0xfff9, 8, 4, "port space");
	refused_part(BOARD_UART, BOARD_PIO, 0, 0x10000, 1, 4, "port space");
	refused_part(BOARD_POWER, BOARD_PIO, 0, 0x600, 3, 9, "needs 4 ports");
	refused_part(BOARD_RTC, BOARD_PIO, 1, 0x70, 2, none, "one of its kind");
	/* A part that no table describes has to be in its space all the same. */
	refused_part(BOARD_DEBUGCON, BOARD_PIO, 0, 0x10000, 1, none, "debugcon port 0");
}

/* The last page below 4 GiB and the last ports are fine. */
static void test_edges(void **state)
{
	struct board board = {.cpus = 1};
	struct tables t;

	boards_add(&board, BOARD_VIRTIO_MMIO, BOARD_PARTS_MAX - 1, 0xfffff000, 0x1000, BOARD_GSI_MAX - 1);
	boards_add(&board, BOARD_POWER, 0, 0xfffc, 4, 0);
	build(&board, &t);
	assert_true(has(&t, "V02F"));
	assert_true(has(&t, "GED_"));
	acpi_blob_destroy(&t.blob);
}

static void test_room(void **state)
{
	struct acpi_blob blob = {0};
	struct err e = {};
	struct board board;
	size_t size;

	assert_true(boards_make("full", &board));
	assert_int_equal(acpi_build(&board, BOOT_ACPI_START, BOOT_ACPI_SIZE, &blob, &e), 0);
	size = blob.size;
	acpi_blob_destroy(&blob);
	assert_true(size < BOOT_ACPI_SIZE / 2);
	assert_int_equal(acpi_build(&board, BOOT_ACPI_START, size, &blob, &e), 0);
	acpi_blob_destroy(&blob);
	assert_null(blob.data);
	acpi_blob_destroy(&blob);
	acpi_blob_destroy(NULL);
	assert_int_equal(acpi_build(&board, BOOT_ACPI_START, size - 1, &blob, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "do not fit"));
	assert_int_equal(acpi_build(&board, BOOT_ACPI_START, 0, &blob, &e), -ENOSPC);
	assert_int_equal(acpi_build(&board, BOOT_ACPI_START + 8, BOOT_ACPI_SIZE, &blob, &e), -EINVAL);
	assert_int_equal(acpi_build(&board, BOARD_HOLE_END - 16, BOOT_ACPI_SIZE, &blob, &e), -EINVAL);
	assert_int_equal(acpi_build(&board, UINT64_MAX - 15, BOOT_ACPI_SIZE, &blob, &e), -EINVAL);
	assert_null(blob.data);
}

static void test_out_of_memory(void **state)
{
	struct acpi_blob blob = {0};
	struct board board;
	int failed = 0;
	int r = -ENOMEM;

	assert_true(boards_make("full", &board));
	for (int n = 0; r && n < 100; n++) {
		struct err e = {};

		allocations_left = n;
		r = acpi_build(&board, BOOT_ACPI_START, BOOT_ACPI_SIZE, &blob, &e);
		allocations_left = -1;
		if (r) {
			assert_int_equal(r, -ENOMEM);
			assert_non_null(strstr(e.text, "ACPI tables"));
			assert_null(blob.data);
			failed++;
		}
	}
	assert_int_equal(r, 0);
	assert_true(failed >= 2); /* the AML's growing, and the block */
	acpi_blob_destroy(&blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_example),
		cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_fadt_with_pm1),
		cmocka_unit_test(test_madt),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_absent_parts),
		cmocka_unit_test(test_rtc_interrupt),
		cmocka_unit_test(test_board_that_does_not_fit),
		cmocka_unit_test(test_part_that_does_not_fit),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_out_of_memory),
	};

	return run_group(tests);
}
