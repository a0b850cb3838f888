// SPDX-License-Identifier: Apache-2.0
/*
 * A guest of 4 MiB that goes back to a moment again and again, on a real KVM: after each return all of its RAM, all
 * that KVM holds, and its devices are compared with that moment before it runs on. What depends on time has a table of
 * what it may be.
 *
 * RESET_ROUNDS: how often, 30 if it is not set.
 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "devices/rtc.h"
#include "devices/uart16550.h"
#include "tests/support/with_kvm.h"
#include "vmm/base/clock.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/reset.h"

#define RAM_SIZE (4 * MIB)
#define PAGES    (RAM_SIZE / PAGE_4K)
#define CODE     0x10000
#define OURS     0x8000 /* where this process writes */
#define HAS_APIC 0x7000
#define PORT_END 0x80
#define ROUNDS   30

extern const uint8_t reset_guest_start[], reset_guest_end[];

static struct kvm kvm = {.fd = -1};

/* --- The guest ---------------------------------------------------------------------------------------------------- */

/** struct guest - a VM with a serial port and a clock, its saved state, and the state to compare with */
struct guest {
	struct vm vm;
	struct irq_line line;
	struct char_host host;
	struct uart uart;
	struct rtc rtc;
	struct vm_reset reset;
	struct vm_saved now, moment;
	uint8_t *ram;
	uint8_t devices[4 * KIB], devices_now[4 * KIB];
	size_t devices_size;
};

static size_t swallow(struct char_host *h, const uint8_t *data, size_t n)
{
	return n;
}

static void ignore(struct char_host *h)
{
}

static void add_ports(struct guest *g)
{
	assert_int_equal(irq_line_init(&g->line), 0);
	g->host = (struct char_host){.tx = swallow, .rx_room = ignore};
	assert_int_equal(uart_init(&g->uart, &g->line, &g->host), 0);
	assert_int_equal(rtc_init(&g->rtc, RAM_SIZE), 0);
	assert_int_equal(bus_add(&g->vm.pio, 0x70, RTC_SIZE, &g->rtc.dev), 0);
	assert_int_equal(bus_add(&g->vm.pio, 0x3f8, UART_SIZE, &g->uart.dev), 0);
	bus_seal(&g->vm.pio);
	bus_seal(&g->vm.mmio);
}

static void make(struct guest *g, bool irqchip)
{
	const struct entry entry = {.mode = ENTRY_PROTECTED, .cs = 0x08, .ds = 0x10, .rip = CODE};
	const struct cpuid_opts opts = {.cpus = 1};
	CLEANUP(memory_destroy) struct memory memory = {0};
	static struct cpuid_set set;
	struct err e = {};

	memset(g, 0, sizeof(*g));
	assert_int_equal(cpuid_supported(&kvm, &set, &e), 0);
	assert_int_equal(cpuid_policy(&set, &opts, &set, &e), 0);
	cpuid_for_cpu(&set, 0, 1);
	assert_int_equal(vm_create(&kvm, &g->vm, &e), 0);
	assert_int_equal(memory_create(RAM_SIZE, BACKING_ANON, false, &memory, &e), 0);
	assert_int_equal(vm_set_memory(&g->vm, &memory, &e), 0);
	if (irqchip)
		assert_int_equal(vm_add_irqchip(&g->vm, &e), 0);
	assert_int_equal(vm_add_vcpus(&g->vm, 1, &e), 0);
	assert_int_equal(vcpu_set_cpuid(&g->vm.vcpu[0], &set, &e), 0);
	if (irqchip)
		assert_int_equal(vcpu_set_platform(&g->vm.vcpu[0], &e), 0);
	if (irqchip)
		assert_int_equal(vm_add_pit(&g->vm, 0, 0, &e), 0);
	assert_int_equal(vcpu_set_entry(&g->vm.vcpu[0], &entry, &e), 0);
	assert_int_equal(
		gmem_write(&g->vm.memory.gmem, CODE, reset_guest_start, (size_t)(reset_guest_end - reset_guest_start)),
		0);
	assert_int_equal(gmem_write(&g->vm.memory.gmem, HAS_APIC, &(uint32_t){irqchip}, 4), 0);
	add_ports(g);
	if (vm_reset_init(&g->vm, &g->reset, NULL, &e) < 0 || vm_saved_init(&g->vm, &g->now, &e) < 0 ||
		vm_saved_init(&g->vm, &g->moment, &e) < 0)
		fail_msg("%s", e.text);
	g->ram = malloc(RAM_SIZE);
	assert_non_null(g->ram);
}

static void drop(struct guest *g)
{
	vm_saved_destroy(&g->now);
	vm_saved_destroy(&g->moment);
	vm_reset_destroy(&g->reset);
	uart_destroy(&g->uart);
	rtc_destroy(&g->rtc);
	vm_destroy(&g->vm);
	irq_line_destroy(&g->line);
	free(g->ram);
}

static void left_for(struct vcpu *v, const struct vcpu_exit *x)
{
	struct kvm_regs regs = {0};

	vcpu_get_general(v, &regs);
	fail_msg("event %d at RIP 0x%llx", (int)x->what, (unsigned long long)(regs.rip - CODE));
}

/* To the end of one of its rounds, with that OUT completed. */
static void run_round(struct guest *g)
{
	struct vcpu *v = &g->vm.vcpu[0];
	struct vcpu_exit x;

	do {
		assert_int_equal(vcpu_step(v, &x), 0);
		if (x.what != VCPU_PIO)
			left_for(v, &x);
		if (x.pio.port != PORT_END)
			vm_access(&g->vm, &x);
	} while (x.pio.port != PORT_END);
	vcpu_request_exit(v);
	assert_int_equal(vcpu_step(v, &x), 0);
	assert_int_equal(x.what, VCPU_KICKED);
	vcpu_clear_request(v);
}

static size_t save_devices(struct guest *g, uint8_t *to)
{
	struct state_writer w = {.data = to, .size = sizeof(g->devices)};

	uart_save(&g->uart, &w);
	rtc_save(&g->rtc, &w);
	assert_in_range(w.used, 1, w.size);
	return w.used;
}

static void mark(struct guest *g)
{
	struct err e = {};

	g->devices_size = save_devices(g, g->devices);
	if (vm_reset_mark(&g->reset, &e) < 0 || vm_save(&g->vm, &g->moment, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(gmem_read(&g->vm.memory.gmem, 0, g->ram, RAM_SIZE), 0);
}

static uint64_t go_back(struct guest *g)
{
	struct state_reader r = {.data = g->devices, .size = g->devices_size};
	uint64_t pages = UINT64_MAX;
	struct err e = {};

	if (vm_reset_return(&g->reset, &pages, &e) < 0 || uart_restore(&g->uart, &r, &e) < 0 ||
		rtc_restore(&g->rtc, &r, &e) < 0)
		fail_msg("%s", e.text);
	return pages;
}

/* --- What depends on time ----------------------------------------------------------------------------------------- */

#define APIC_TMCCT 0x390

static uint32_t *count_of(struct vm_saved *s)
{
	return (uint32_t *)(void *)(s->vcpu[0].lapic.regs + APIC_TMCCT);
}

static bool host_tsc_only(struct guest *g)
{
	uint64_t offset = 1000;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};
	int fd = g->vm.vcpu[0].fd;

	return ioctl(fd, KVM_SET_DEVICE_ATTR, &attr) == 0 && ioctl(fd, KVM_GET_DEVICE_ATTR, &attr) == 0 &&
		offset != 1000;
}

#define HYPERV_TIME    0x40000020
#define HYPERV_RUNTIME 0x40000010

/*
 * Hyper-V's clock is kvm-clock, its other one the time of this thread, both in units of 100 ns (TLFS 12.4). KVM reads
 * the clocks behind them anew for each request: all that is sure is that they do not go back.
 */
static void check_hyperv_times(struct guest *g)
{
	for (unsigned i = 0; i < g->now.vcpu[0].nr_msrs; i++) {
		struct vcpu_msr *is = &g->now.vcpu[0].msr[i];
		uint64_t was = g->reset.saved.vcpu[0].msr[i].value;

		if ((is->index != HYPERV_TIME && is->index != HYPERV_RUNTIME) || is->refused)
			continue;
		if (is->index == HYPERV_TIME)
			was = g->reset.saved.clock_ns / 100;
		if (is->value < was)
			fail_msg("MSR 0x%x went back", is->index);
		is->value = g->moment.vcpu[0].msr[i].value;
	}
}

/*
 * The table of what depends on time: where it may be, @passed_ns after the return. What is right becomes what it was at
 * @g->moment, a little after the moment itself, so that the rest can be compared as it is.
 */
static void check_times(struct guest *g, uint64_t passed_ns)
{
	struct vm_saved *was = &g->reset.saved, *is = &g->now;
	uint64_t cycles;

	/* KVM's clock counts the TSC, at a rate that the host has measured: an emulated one is off by some 1000 ppm. */
	passed_ns += passed_ns / 100;
	cycles = passed_ns * g->moment.tsc_khz / NSEC_PER_MSEC + 1;

	/* kvm-clock continues from where it was. */
	assert_in_range(is->clock_ns, was->clock_ns, was->clock_ns + passed_ns);
	is->clock_ns = g->moment.clock_ns;
	/* The host's wall clock is the host's. */
	assert_in_range(is->realtime_ns, was->realtime_ns, clock_ns(CLOCK_REALTIME));
	is->realtime_ns = g->moment.realtime_ns;
	/* The TSC continues, too, unless this KVM gives its guests the host's TSC, which cannot be set. */
	assert_true(is->vcpu[0].tsc >= was->vcpu[0].tsc);
	if (is->vcpu[0].tsc - was->vcpu[0].tsc > cycles)
		assert_true(host_tsc_only(g));
	is->vcpu[0].tsc = g->moment.vcpu[0].tsc;
	check_hyperv_times(g);
	if (!is->has_irqchip)
		return;
	/* The local APIC's timer counts down, with the bus's 1 GHz. */
	assert_true(*count_of(is) <= *count_of(was));
	assert_true(*count_of(was) - *count_of(is) <= passed_ns);
	*count_of(is) = *count_of(&g->moment);
	/* When the counters of the interval timer were loaded, by the host's clock. */
	for (unsigned i = 0; i < 3; i++)
		is->pit.channels[i].count_load_time = g->moment.pit.channels[i].count_load_time;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static uint8_t bytes_was[64 * KIB], bytes_is[64 * KIB];

static size_t as_bytes(const struct vm_saved *s, uint8_t *to)
{
	struct state_writer w = {.data = to, .size = sizeof(bytes_was)};

	vm_saved_put(s, &w);
	assert_in_range(w.used, 1, w.size);
	return w.used;
}

/* Of a section of 64 registers: their indices, whether each was refused, their values. */
static void say_msrs(const uint8_t *is, const uint8_t *was)
{
	for (size_t i = 0; i < 64; i++)
		if (memcmp(is + 64 * 5 + 8 * i, was + 64 * 5 + 8 * i, 8) != 0)
			print_message("MSR 0x%x\n", le32_get(was + 4 * i));
}

/* Which section differs, for the message. */
static void assert_same_state(const struct guest *g)
{
	size_t size = as_bytes(&g->moment, bytes_was), section = 0;

	assert_int_equal(as_bytes(&g->now, bytes_is), size);
	if (memcmp(bytes_is, bytes_was, size) == 0)
		return;
	while (section < size) {
		size_t n = STATE_HEADER + le32_get(bytes_was + section + STATE_HEADER - 4) + STATE_TRAILER;

		if (memcmp(bytes_is + section, bytes_was + section, n) && !memcmp(bytes_was + section, "msrs", 5))
			say_msrs(bytes_is + section + STATE_HEADER, bytes_was + section + STATE_HEADER);
		for (size_t i = 0; i < n - STATE_TRAILER; i++)
			if (bytes_is[section + i] != bytes_was[section + i])
				fail_msg("%s %u, byte %zu: 0x%x, and was 0x%x", (const char *)bytes_was + section,
					le32_get(bytes_was + section + STATE_NAME_MAX), i - STATE_HEADER,
					bytes_is[section + i], bytes_was[section + i]);
		section += n;
	}
}

static void assert_same(struct guest *g, uint64_t returned_ns)
{
	const uint8_t *ram = gmem_ptr(&g->vm.memory.gmem, 0, RAM_SIZE);
	struct err e = {};

	for (size_t i = 0; i < PAGES; i++)
		if (memcmp(ram + i * PAGE_4K, g->ram + i * PAGE_4K, PAGE_4K) != 0)
			fail_msg("page %zu of RAM differs", i);
	if (vm_save(&g->vm, &g->now, &e) < 0)
		fail_msg("%s", e.text);
	check_times(g, clock_ns(CLOCK_MONOTONIC_RAW) - returned_ns);
	assert_same_state(g);
	assert_int_equal(save_devices(g, g->devices_now), g->devices_size);
	assert_memory_equal(g->devices_now, g->devices, g->devices_size);
}

static unsigned rounds(void)
{
	const char *text = getenv("RESET_ROUNDS");

	return text ? (unsigned)strtoul(text, NULL, 10) : ROUNDS;
}

static void goes_back(bool irqchip)
{
	static struct guest g;
	uint64_t pages = 0, most = 0;
	unsigned nr = rounds();

	make(&g, irqchip);
	for (unsigned i = 0; i < 3; i++)
		run_round(&g);
	mark(&g);
	for (unsigned i = 0; i < nr; i++) {
		uint64_t before, n;
		uint8_t byte = (uint8_t)(i + 1);

		for (unsigned k = 0; k < 1 + i % 4; k++)
			run_round(&g);
		assert_int_equal(gmem_write(&g.vm.memory.gmem, OURS + i % 3 * PAGE_4K, &byte, 1), 0);
		before = clock_ns(CLOCK_MONOTONIC_RAW);
		n = go_back(&g);
		assert_same(&g, before);
		pages += n;
		most = MAX(most, n);
	}
	/* The page of FXRSTOR, and the pages that this process, the guest, and KVM itself have written. */
	assert_in_range(most, 5, 2 + 4 * 5 + 2);
	print_message("%u returns, %.1f pages each\n", nr, (double)pages / nr);
	drop(&g);
}

static void with_controllers_and_timers(void **state)
{
	goes_back(true);
}

/* As `vmm flat` makes them. */
static void without_controllers(void **state)
{
	goes_back(false);
}

/* --- Each way to write alone -------------------------------------------------------------------------------------- */

#define ALONE 0x200000

static void by_gmem_write(struct guest *g)
{
	assert_int_equal(gmem_write(&g->vm.memory.gmem, ALONE + 5, "x", 1), 0);
}

static void by_gmem_zero(struct guest *g)
{
	assert_int_equal(gmem_zero(&g->vm.memory.gmem, ALONE, 8), 0);
}

/* As preadv() into a driver's buffer. */
static void through_a_window(struct guest *g)
{
	gmem_mark(&g->vm.memory.gmem, ALONE + PAGE_4K - 1, 1);
	memset(gmem_ptr(&g->vm.memory.gmem, ALONE, PAGE_4K), 0xaa, PAGE_4K);
}

/* As a balloon. */
static void by_giving_the_page_back(struct guest *g)
{
	gmem_mark(&g->vm.memory.gmem, ALONE, PAGE_4K);
	assert_int_equal(madvise(gmem_ptr(&g->vm.memory.gmem, ALONE, PAGE_4K), PAGE_4K, MADV_DONTNEED), 0);
}

static void each_way_to_write_alone(void **state)
{
	static void (*const ways[])(struct guest * g) = {
		by_gmem_write, by_gmem_zero, through_a_window, by_giving_the_page_back};
	static struct guest g;
	uint8_t *page;

	make(&g, true);
	run_round(&g);
	page = gmem_ptr(&g.vm.memory.gmem, ALONE, PAGE_4K);
	memset(page, 0x77, PAGE_4K);
	mark(&g);
	go_back(&g);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		assert_int_equal(go_back(&g), 0);
		ways[i](&g);
		assert_int_not_equal(memcmp(page, g.ram + ALONE, PAGE_4K), 0);
		assert_int_equal(go_back(&g), 1);
		assert_memory_equal(page, g.ram + ALONE, PAGE_4K);
	}
	/* The edges of RAM, and beyond. */
	gmem_mark(&g.vm.memory.gmem, RAM_SIZE - 1, 10);
	gmem_mark(&g.vm.memory.gmem, RAM_SIZE, 10);
	gmem_mark(&g.vm.memory.gmem, 0, 1);
	gmem_mark(&g.vm.memory.gmem, PAGE_4K, 0);
	assert_int_equal(go_back(&g), 2);
	gmem_mark(&g.vm.memory.gmem, PAGE_4K - 1, 2 * PAGE_4K);
	assert_int_equal(go_back(&g), 3);
	drop(&g);
}

/* --- What KVM refuses --------------------------------------------------------------------------------------------- */

/* A timer that the guest starts afterwards: KVM cannot remove it, and the caller gets an error. */
static void a_return_that_kvm_refuses(void **state)
{
	static struct guest g;
	uint64_t pages = 0;
	struct err e = {};

	make(&g, true);
	g.vm.has_pit = false;
	assert_int_equal(vm_reset_mark(&g.reset, &e), 0);
	g.vm.has_pit = true;
	assert_int_equal(vm_reset_return(&g.reset, &pages, &e), -EBUSY);
	assert_non_null(strstr(e.text, "interval timer"));
	drop(&g);
	vm_reset_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_controllers_and_timers),
		cmocka_unit_test(without_controllers),
		cmocka_unit_test(each_way_to_write_alone),
		cmocka_unit_test(a_return_that_kvm_refuses),
	};

	return run_with_kvm(&kvm, tests);
}
