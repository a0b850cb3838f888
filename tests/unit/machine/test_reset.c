// SPDX-License-Identifier: Apache-2.0
/*
 * Machines that go back to the moment at which they began to run, again and again, with their threads behind the gate
 * and on a real KVM: RAM, registers, interrupt controllers, chips, a disk's and a balloon's registers and the page of
 * them that guests read, and an overlay are compared with that moment before the guest runs on.
 *
 * RESET_ROUNDS: how often, 20 if it is not set.
 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "boot/layout.h"
#include "devices/virtio/disk.h"
#include "devices/virtio/virtio_mmio.h"
#include "tests/unit/machine/run_rig.h"
#include "vmm/base/x86.h"
#include "vmm/machine/reset.h"
#include "vmm/machine/saved.h"

/* The filters are not installed: they would stay with this program. */
int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds);

int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds)
{
	return 0;
}

#define LOOK      (2 * NSEC_PER_MSEC)
#define ROUNDS    20
#define STATE_MAX (512 * KIB)
#define COUNTERS  0x600000 /* of the guest, one in each of so many pages */
#define TABLE     0x700000
#define PAGES     16
#define RTC_BYTE  0x40                 /* of its memory, free for the guest */
#define DISK_PAGE UINT64_C(0xd0000000) /* the first virtio device, of vmm/machine/board.c */

/* --- The guest ---------------------------------------------------------------------------------------------------- */

/* mov $gpa, %edi; movl $value, (%rdi) */
static void store(struct program *p, uint64_t gpa, uint32_t value)
{
	uint8_t number[4];

	le32_put(number, (uint32_t)gpa);
	EMIT(p, 0xbf, number[0], number[1], number[2], number[3]);
	le32_put(number, value);
	EMIT(p, 0xc7, 0x07, number[0], number[1], number[2], number[3]);
}

/* Changes what it has and prints letters, a to z and again, without an end; a counter in a page for each letter. */
static void changes_all(struct program *p, uint64_t disk)
{
	uint8_t number[4];

	out(p, COM1 + UART_MCR, UART_MCR_OUT2);
	out(p, COM1 + UART_SCR, 0x5a);
	out(p, COM1 + UART_IER, UART_IER_THRI);
	out(p, 0x70, RTC_BYTE);
	out(p, 0x71, 0xa5);
	store(p, disk + 0x070, 1);             /* Status: ACKNOWLEDGE */
	store(p, disk + 0x070, 3);             /* DRIVER */
	store(p, disk + 0x014, 1);             /* DeviceFeaturesSel */
	store(p, disk + 0x030, 1);             /* QueueSel */
	store(p, 0xfee00000 + 0x0f0, 0x1ff);   /* the local APIC's spurious vector: on */
	store(p, 0xfee00000 + 0x320, 0x20040); /* its timer: periodic */
	store(p, 0xfee00000 + 0x380, 0x10000000);
	le32_put(number, COUNTERS);
	/* mov $COUNTERS, %ebx; xor %ecx, %ecx */
	EMIT(p, 0xbb, number[0], number[1], number[2], number[3], 0x31, 0xc9);
	select_port(p, COM1);
	/*
	 * 1: mov $'a', %al; 2: out %al, %dx; inc %al; incl (%rbx,%rcx); add $4096, %ecx; and $0xffff, %ecx;
	 * cmp $'z', %al; jbe 2b; jmp 1b
	 */
	EMIT(p, 0xb0, 'a', 0xee, 0xfe, 0xc0, 0xff, 0x04, 0x0b, 0x81, 0xc1, 0x00, 0x10, 0x00, 0x00, 0x81, 0xe1, 0xff,
		0xff, 0x00, 0x00, 0x3c, 'z', 0x76, 0xea, 0xeb, 0xe6);
}

/* Maps the devices' addresses, from 3 to 4 GiB, by large pages: the entry to a kernel maps only what belongs to it. */
static void map_devices(struct machine *m)
{
	const struct gmem *g = &m->vm.memory.gmem;
	for (uint64_t i = 0; i < 512; i++)
		assert_int_equal(gmem_write(g, TABLE + 8 * i, &(uint64_t){(3 * GIB + i * 2 * MIB) | 0x83}, 8), 0);
	assert_int_equal(gmem_write(g, BOOT_PDPT + 3 * 8, &(uint64_t){TABLE | 3}, 8), 0);
}

/* --- What it is compared with ------------------------------------------------------------------------------------- */

/** struct trial - a machine, its moment, and the rounds that it has gone back */
struct trial {
	struct rig r;
	struct loop_timer timer;
	struct hold hold;
	uint8_t *ram;
	uint8_t was[STATE_MAX], is[STATE_MAX];
	size_t size;
	uint8_t *page;
	struct vm_saved moment;
	off_t printed;
	unsigned rounds, nr;
	uint64_t pages;
	int result;
	struct err e;
};

static struct trial trial;

static size_t put_devices(struct machine *m, uint8_t *to)
{
	struct state_writer w = {.data = to, .size = STATE_MAX};

	chips_save(&m->chips, m->vm.began_ns, &w);
	virtio_devices_save(m->virtio, &w);
	assert_in_range(w.used, 1, w.size);
	return w.used;
}

static uint8_t *shown_page(struct machine *m)
{
	return vm_shown(&m->vm, board_find(&m->board, BOARD_VIRTIO_MMIO, 0)->base);
}

static void keep_moment(struct trial *t)
{
	struct machine *m = t->r.m;
	struct err e = {0};

	t->ram = malloc(m->config->mem_bytes);
	t->page = malloc(VIRTIO_MMIO_SIZE);
	assert_true(t->ram && t->page);
	assert_int_equal(gmem_read(&m->vm.memory.gmem, 0, t->ram, m->config->mem_bytes), 0);
	if (shown_page(m))
		memcpy(t->page, shown_page(m), VIRTIO_MMIO_SIZE);
	t->size = put_devices(m, t->was);
	assert_int_equal(vm_saved_init(&m->vm, &t->moment, &e), 0);
	assert_int_equal(vm_save(&m->vm, &t->moment, &e), 0);
}

/* The count of a local APIC's timer goes on; the rest of its page does not. */
#define APIC_TMCCT 0x390

static void compare_cpu(struct vcpu_saved *is, struct vcpu_saved *was)
{
	assert_memory_equal(&is->general, &was->general, sizeof(is->general));
	assert_memory_equal(&is->system, &was->system, sizeof(is->system));
	assert_memory_equal(&is->events, &was->events, sizeof(is->events));
	assert_memory_equal(&is->debug, &was->debug, sizeof(is->debug));
	assert_memory_equal(&is->mp_state, &was->mp_state, sizeof(is->mp_state));
	assert_memory_equal(is->xsave, was->xsave, is->xsave_size);
	memcpy(is->lapic.regs + APIC_TMCCT, was->lapic.regs + APIC_TMCCT, 4);
	assert_memory_equal(&is->lapic, &was->lapic, sizeof(is->lapic));
}

static void compare(struct trial *t)
{
	struct machine *m = t->r.m;
	const uint8_t *ram = gmem_ptr(&m->vm.memory.gmem, 0, m->config->mem_bytes);
	struct err e = {0};

	for (uint64_t at = 0; at < m->config->mem_bytes; at += PAGE_4K)
		if (memcmp(ram + at, t->ram + at, PAGE_4K) != 0)
			fail_msg("round %u: RAM at 0x%llx differs", t->nr, (unsigned long long)at);
	assert_int_equal(vm_save(&m->vm, m->saved, &e), 0);
	for (unsigned i = 0; i < m->saved->nr_vcpus; i++)
		compare_cpu(&m->saved->vcpu[i], &t->moment.vcpu[i]);
	assert_memory_equal(m->saved->irqchip, t->moment.irqchip, sizeof(m->saved->irqchip));
	assert_int_equal(put_devices(m, t->is), t->size);
	assert_memory_equal(t->is, t->was, t->size);
	if (shown_page(m))
		assert_memory_equal(shown_page(m), t->page, VIRTIO_MMIO_SIZE);
}

/* --- The rounds --------------------------------------------------------------------------------------------------- */

#define LETTERS 100 /* that a round prints at least */

static off_t printed_now(const struct rig *r)
{
	struct stat st;

	assert_int_equal(fstat(r->out_fd, &st), 0);
	return st.st_size;
}

/* After the return, which is exact, the guest is made another one. */
static void make_another(struct machine *m)
{
	const uint8_t *shown = vm_shown(&m->vm, board_find(&m->board, BOARD_GENERATION, 0)->base);
	uint8_t was[GENERATION_ID_SIZE];
	struct err e = {0};

	memcpy(was, m->chips.generation.id, sizeof(was));
	assert_int_equal(m->chips.power.regs.event | m->chips.power.regs.driven, 0);
	/* As a driver's question sets it. */
	m->chips.power.regs.driven = POWER_EVENT_GENERATION;
	assert_int_equal(machine_unique(m, &e), 0);
	assert_memory_not_equal(m->chips.generation.id, was, sizeof(was));
	if (shown)
		assert_memory_equal(shown, m->chips.generation.id, sizeof(was));
	assert_true(m->chips.power.regs.event & POWER_EVENT_GENERATION);
	m->chips.power.regs.driven = 0;
	assert_true(m->chips.marker.life.restored);
}

static void on_held(struct hold *h)
{
	struct trial *t = container_of(h, struct trial, hold);
	struct machine *m = t->r.m;
	const uint8_t *counter = gmem_ptr(&m->vm.memory.gmem, COUNTERS, PAGES * PAGE_4K);
	uint64_t pages = 0;

	/* It has run and changed things. */
	assert_int_not_equal(le32_get(counter), 0);
	t->result = machine_reset(m, &pages, &t->e);
	if (t->result < 0) {
		machine_end(m, OUTCOME_SIGNAL, DETECTOR_SIGNAL, 1);
		return;
	}
	compare(t);
	make_another(m);
	t->pages += pages;
	/* As many as it wrote, stacks and the like apart. */
	assert_in_range(pages, PAGES, PAGES + 8);
	t->printed = printed_now(&t->r);
	if (++t->nr == t->rounds)
		machine_end(m, OUTCOME_SIGNAL, DETECTOR_SIGNAL, 1);
	machine_release(m, h);
}

static void on_refused(struct hold *h, const char *late)
{
	machine_end(container_of(h, struct trial, hold)->r.m, OUTCOME_FAILURE, DETECTOR_VMM, 0);
}

static void on_look(struct loop_timer *timer)
{
	struct trial *t = container_of(timer, struct trial, timer);

	if (printed_now(&t->r) >= t->printed + LETTERS)
		machine_hold(t->r.m, &t->hold);
}

static void begin(struct trial *t, unsigned cpus)
{
	struct program p = {.size = 0};
	struct err e = {0};

	*t = (struct trial){.hold = {.held = on_held, .refused = on_refused}};
	t->rounds = getenv("RESET_ROUNDS") ? (unsigned)strtoul(getenv("RESET_ROUNDS"), NULL, 10) : ROUNDS;
	wish.devices = wish.resets = true;
	wish.cpus = cpus;
	wish.timeout_ns = 60 * NSEC_PER_SEC + t->rounds * 50 * NSEC_PER_MSEC;
	/* The board is the same for any program. */
	changes_all(&p, DISK_PAGE);
	up(&t->r, &p);
	assert_int_equal(board_find(&t->r.m->board, BOARD_VIRTIO_MMIO, 0)->base, DISK_PAGE);
	map_devices(t->r.m);
	if (machine_reset_init(t->r.m, NULL, &e) < 0 || machine_reset_mark(t->r.m, &e) < 0)
		fail_msg("%s", e.text);
	keep_moment(t);
}

static void end(struct trial *t)
{
	vm_saved_destroy(&t->moment);
	free(t->ram);
	free(t->page);
	down(&t->r);
}

static void go_back(struct trial *t, unsigned cpus)
{
	begin(t, cpus);
	assert_int_equal(loop_timer_init(t->r.loop, &t->timer, on_look), 0);
	assert_int_equal(loop_timer_set(&t->timer, LOOK, LOOK), 0);
	assert_int_equal(run(&t->r).by, DETECTOR_SIGNAL);
	loop_timer_destroy(&t->timer);
	if (t->result < 0)
		fail_msg("%s", t->e.text);
	assert_int_equal(t->nr, t->rounds);
	print_message("%u CPUs: %u resets, %.1f pages each\n", cpus, t->nr, (double)t->pages / t->nr);
	end(t);
}

static void one_cpu(void **state)
{
	go_back(&trial, 1);
}

static void two_cpus(void **state)
{
	go_back(&trial, 2);
}

/* --- Interrupts --------------------------------------------------------------------------------------------------- */

static uint8_t pending(const struct rig *r)
{
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_PIC_MASTER};

	assert_int_equal(ioctl(r->m->vm.fd, KVM_GET_IRQCHIP, &chip), 0);
	return chip.chip.pic.irr;
}

/* When irq_raise() returns the controller has it: no reset can be overtaken by it. */
static void a_raised_line_has_been_delivered(void **state)
{
	struct trial *t = &trial;
	struct irq_line *line;
	uint64_t pages;
	struct err e = {0};

	begin(t, 1);
	line = &t->r.m->chips.uart_irq;
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(pending(&t->r), 0);
		irq_raise(line);
		assert_int_equal(pending(&t->r), 1 << 4);
		assert_int_equal(machine_reset(t->r.m, &pages, &e), 0);
		compare(t);
	}
	end(t);
}

/* --- The way back into a disk --- */

static void what_an_overlay_has_is_dropped(void **state)
{
	struct trial *t = &trial;
	struct disk_io io;
	uint8_t sector[512], was[512];
	struct iovec iov = {sector, sizeof(sector)};
	struct disk *disk;
	uint64_t pages;
	struct err e = {0};

	wish.overlay = true;
	begin(t, 1);
	disk = virtio_devices_unit(t->r.m->virtio, VIRTIO_KIND_blk, 0);
	assert_int_equal(disk_io_init(&io), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(disk_read(disk, &io, &iov, 1, 512, 512), 0);
		memcpy(was, sector, sizeof(was));
		memset(sector, 0xee, sizeof(sector));
		assert_int_equal(disk_write(disk, &io, &iov, 1, 512, 512, false), 0);
		memset(sector, 0, sizeof(sector));
		assert_int_equal(disk_read(disk, &io, &iov, 1, 512, 512), 0);
		assert_int_equal(sector[0], 0xee);
		assert_int_equal(machine_reset(t->r.m, &pages, &e), 0);
		assert_int_equal(disk_read(disk, &io, &iov, 1, 512, 512), 0);
		assert_memory_equal(sector, was, sizeof(was));
	}
	disk_io_destroy(&io);
	end(t);
}

/* --- What KVM refuses --- */

static void a_refused_reset_says_why(void **state)
{
	struct trial *t = &trial;
	uint64_t pages = 0;
	struct err e = {0};

	begin(t, 1);
	assert_int_equal(vm_add_pit(&t->r.m->vm, 0, 0, &e), 0);
	assert_int_equal(machine_reset(t->r.m, &pages, &e), -EBUSY);
	assert_ptr_equal(strstr(e.text, "cannot reset the guest: "), e.text);
	assert_non_null(strstr(e.text, "interval timer"));
	assert_int_equal(pages, 0);
	end(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_cpu),
		cmocka_unit_test(two_cpus),
		cmocka_unit_test(a_raised_line_has_been_delivered),
		cmocka_unit_test(what_an_overlay_has_is_dropped),
		cmocka_unit_test(a_refused_reset_says_why),
	};

	if (access(KVM_DEVICE, R_OK | W_OK) < 0)
		return skip_program(KVM_DEVICE " cannot be opened");
	return run_group(tests);
}
