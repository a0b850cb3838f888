// SPDX-License-Identifier: Apache-2.0
/*
 * The state of a VM on a real KVM, beyond its CPUs (test_vcpu_saved.c): the interrupt controllers, the interval timer,
 * the clock, and all of it as bytes. What is compared is what KVM says of another VM afterwards.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <x86intrin.h>

#include "devices/pit.h"
#include "tests/support/with_kvm.h"
#include "vmm/base/clock.h"
#include "vmm/base/x86.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/vm_saved.h"

#define RAM_SIZE (32 * KIB)
#define CPUS     2

static struct kvm kvm = {.fd = -1};

/* --- In front of KVM --------------------------------------------------------------------------------------------- */

/* The request that fails, the n-th time; 0: none. The rate of a TSC that KVM tells; 0: the true one. */
static unsigned long failing;
static unsigned failing_nth;
static int told_khz;
static uint32_t clock_flags = UINT32_MAX;

/* The request that is interrupted for so long, the first time: before KVM does it, and after. 0: none. */
#define INTERRUPTION (3 * NSEC_PER_MSEC)
static unsigned long interrupted;
static uint64_t first_tsc;

/* The requests that write, in the order in which they were made. */
static unsigned long written[256];
static size_t nr_written;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int r;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == failing && --failing_nth == 0) {
		errno = ENXIO;
		return -1;
	}
	if (!first_tsc)
		first_tsc = __rdtsc();
	if (request == interrupted)
		usleep(INTERRUPTION / NSEC_PER_USEC);
	if (request == KVM_GET_TSC_KHZ && told_khz)
		return told_khz;
	if (nr_written < ARRAY_SIZE(written))
		written[nr_written++] = request;
	r = __real_ioctl(fd, request, arg);
	if (request == KVM_GET_CLOCK && r == 0)
		((struct kvm_clock_data *)arg)->flags &= clock_flags;
	if (request == interrupted) {
		usleep(INTERRUPTION / NSEC_PER_USEC);
		interrupted = 0;
	}
	return r;
}

static void fail_at(unsigned long request, unsigned nth)
{
	failing = request;
	failing_nth = nth;
}

/* --- VMs ---------------------------------------------------------------------------------------------------------- */

static struct vm from, to;
static struct vm_saved saved, other;

static void make(struct vm *vm, bool irqchip)
{
	const struct cpuid_opts opts = {.cpus = CPUS};
	CLEANUP(memory_destroy) struct memory memory = {0};
	static struct cpuid_set set;
	struct err e = {};

	*vm = (struct vm){.fd = -1};
	assert_int_equal(cpuid_supported(&kvm, &set, &e), 0);
	assert_int_equal(cpuid_policy(&set, &opts, &set, &e), 0);
	assert_int_equal(vm_create(&kvm, vm, &e), 0);
	assert_int_equal(memory_create(RAM_SIZE, BACKING_ANON, false, &memory, &e), 0);
	assert_int_equal(vm_set_memory(vm, &memory, &e), 0);
	if (irqchip)
		assert_int_equal(vm_add_irqchip(vm, &e), 0);
	assert_int_equal(vm_add_vcpus(vm, CPUS, &e), 0);
	for (unsigned i = 0; i < CPUS; i++) {
		cpuid_for_cpu(&set, i, CPUS);
		assert_int_equal(vcpu_set_cpuid(&vm->vcpu[i], &set, &e), 0);
	}
}

static int set_up_with(bool irqchip)
{
	struct err e = {};

	fail_at(0, 0);
	told_khz = 0;
	clock_flags = UINT32_MAX;
	interrupted = 0;
	make(&from, irqchip);
	make(&to, irqchip);
	saved = other = (struct vm_saved){0};
	if (vm_saved_init(&from, &saved, &e) < 0 || vm_saved_init(&to, &other, &e) < 0)
		fail_msg("%s", e.text);
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(true);
}

static int set_up_bare(void **state)
{
	return set_up_with(false);
}

static int tear_down(void **state)
{
	fail_at(0, 0);
	vm_saved_destroy(&saved);
	vm_saved_destroy(&other);
	vm_destroy(&from);
	vm_destroy(&to);
	return 0;
}

static void save(void)
{
	struct err e = {};

	if (vm_save(&from, &saved, &e) < 0)
		fail_msg("%s", e.text);
}

static void restore(uint64_t skip_ns)
{
	struct err e = {};

	nr_written = 0;
	if (vm_restore(&to, &saved, skip_ns, &e) < 0)
		fail_msg("%s", e.text);
}

/* --- Controllers and timer ---------------------------------------------------------------------------------------- */

static void get_chip(struct vm *vm, uint32_t id, struct kvm_irqchip *chip)
{
	*chip = (struct kvm_irqchip){.chip_id = id};
	assert_int_equal(ioctl(vm->fd, KVM_GET_IRQCHIP, chip), 0);
}

static void set_chip(struct vm *vm, struct kvm_irqchip *chip)
{
	assert_int_equal(ioctl(vm->fd, KVM_SET_IRQCHIP, chip), 0);
}

static void interrupt_controllers(void **state)
{
	struct kvm_irqchip a[VM_IRQCHIPS], b;

	for (uint32_t i = 0; i < VM_IRQCHIPS; i++)
		get_chip(&from, i, &a[i]);
	a[KVM_IRQCHIP_PIC_MASTER].chip.pic.imr = 0xb8;
	a[KVM_IRQCHIP_PIC_MASTER].chip.pic.irq_base = 0x30;
	a[KVM_IRQCHIP_PIC_SLAVE].chip.pic.imr = 0x8e;
	a[KVM_IRQCHIP_PIC_SLAVE].chip.pic.irq_base = 0x38;
	a[KVM_IRQCHIP_PIC_SLAVE].chip.pic.irr = 0x02;
	a[KVM_IRQCHIP_IOAPIC].chip.ioapic.ioregsel = 0x12;
	a[KVM_IRQCHIP_IOAPIC].chip.ioapic.redirtbl[4].bits = UINT64_C(0x0100000000000934);
	a[KVM_IRQCHIP_IOAPIC].chip.ioapic.redirtbl[23].bits = 0x18077; /* level, masked */
	for (uint32_t i = 0; i < VM_IRQCHIPS; i++)
		set_chip(&from, &a[i]);
	for (uint32_t i = 0; i < VM_IRQCHIPS; i++)
		get_chip(&from, i, &a[i]);
	assert_int_equal(a[KVM_IRQCHIP_IOAPIC].chip.ioapic.redirtbl[4].fields.vector, 0x34);
	save();
	restore(0);
	for (uint32_t i = 0; i < VM_IRQCHIPS; i++) {
		get_chip(&to, i, &b);
		assert_memory_equal(&b, &a[i], sizeof(b));
	}
}

static void the_interval_timer_where_there_is_one(void **state)
{
	struct kvm_pit_state2 a, b;
	struct err e = {};

	save();
	assert_false(saved.has_pit);
	restore(0);
	assert_int_equal(ioctl(to.fd, KVM_GET_PIT2, &b), -1);
	assert_int_equal(vm_add_pit(&from, 0x34, PIT_SPEAKER_GATE, &e), 0);
	assert_int_equal(ioctl(from.fd, KVM_GET_PIT2, &a), 0);
	a.channels[0].count = 0x1234;
	a.channels[2].count = 0x4321;
	assert_int_equal(ioctl(from.fd, KVM_SET_PIT2, &a), 0);
	assert_int_equal(ioctl(from.fd, KVM_GET_PIT2, &a), 0);
	save();
	assert_true(saved.has_pit);
	/* It is made where there is none, and is then there already. */
	for (unsigned round = 0; round < 2; round++) {
		restore(0);
		assert_int_equal(ioctl(to.fd, KVM_GET_PIT2, &b), 0);
		for (unsigned i = 0; i < 3; i++) {
			assert_int_equal(b.channels[i].count, a.channels[i].count);
			assert_int_equal(b.channels[i].mode, a.channels[i].mode);
			assert_int_equal(b.channels[i].gate, a.channels[i].gate);
		}
	}
	/* KVM cannot take it away. */
	from.has_pit = false;
	save();
	from.has_pit = true;
	assert_int_equal(vm_restore(&to, &saved, 0, &e), -EBUSY);
	assert_string_equal(e.text, "the guest has started its interval timer since, which KVM cannot undo");
}

static void without_controllers(void **state)
{
	struct kvm_regs a, b;

	assert_int_equal(ioctl(from.vcpu[1].fd, KVM_GET_REGS, &a), 0);
	a.rbx = 0x1234567;
	assert_int_equal(ioctl(from.vcpu[1].fd, KVM_SET_REGS, &a), 0);
	save();
	saved.vcpu[1].system.cr8 = 7;
	restore(0);
	assert_int_equal(ioctl(to.vcpu[1].fd, KVM_GET_REGS, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	/* Here each KVM_RUN takes the task priority from struct kvm_run. */
	assert_int_equal(to.vcpu[1].run->cr8, 7);
}

/* --- Time --------------------------------------------------------------------------------------------------------- */

static uint64_t kvmclock(struct vm *vm)
{
	struct kvm_clock_data clock = {0};

	assert_int_equal(ioctl(vm->fd, KVM_GET_CLOCK, &clock), 0);
	return clock.clock;
}

static void set_kvmclock(struct vm *vm, uint64_t ns)
{
	struct kvm_clock_data clock = {.clock = ns};

	assert_int_equal(ioctl(vm->fd, KVM_SET_CLOCK, &clock), 0);
}

/* All clocks are saved as of one moment and continue from one moment, with or without KVM's own pair of readings. */
static void the_clock_goes_on(void **state)
{
	const uint64_t day = UINT64_C(86400) * NSEC_PER_SEC;
	uint64_t before, after, now, since, wall;

	for (unsigned round = 0; round < 2; round++) {
		clock_flags = round ? 0 : UINT32_MAX;
		set_kvmclock(&from, 5 * day);
		set_kvmclock(&to, 9 * day);
		wall = clock_ns(CLOCK_REALTIME);
		before = kvmclock(&from);
		save();
		after = kvmclock(&from);
		assert_in_range(saved.clock_ns, before, after);
		assert_in_range(saved.realtime_ns, wall - NSEC_PER_MSEC, clock_ns(CLOCK_REALTIME) + NSEC_PER_MSEC);
		since = clock_ns(CLOCK_MONOTONIC_RAW);
		restore(0);
		now = kvmclock(&to);
		since = clock_ns(CLOCK_MONOTONIC_RAW) - since;
		assert_in_range(now, saved.clock_ns, saved.clock_ns + since + NSEC_PER_MSEC);
		since = clock_ns(CLOCK_MONOTONIC_RAW);
		restore(3 * day);
		now = kvmclock(&to);
		since = clock_ns(CLOCK_MONOTONIC_RAW) - since;
		assert_in_range(now, saved.clock_ns + 3 * day, saved.clock_ns + 3 * day + since + NSEC_PER_MSEC);
	}
}

static uint64_t ns_of_cycles(uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * NSEC_PER_MSEC / saved.tsc_khz);
}

/* What CPU 0's TSC is ahead of the host's. */
static uint64_t tsc_zero(void)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};

	assert_int_equal(ioctl(from.vcpu[0].fd, KVM_GET_DEVICE_ATTR, &attr), 0);
	return offset;
}

/* The clock and the TSC stay together, whatever interrupts the request that reads or writes the clock. */
static void an_interruption_does_not_part_the_clocks(void **state)
{
	uint64_t before, now;

	save();
	first_tsc = 0;
	interrupted = KVM_SET_CLOCK;
	restore(0);
	before = __rdtsc();
	now = kvmclock(&to);
	assert_in_range(now - saved.clock_ns + INTERRUPTION / 2, ns_of_cycles(before - first_tsc), UINT64_MAX);

	/* Without KVM's own pair of readings: what the clock is behind the TSC when it is saved. */
	clock_flags = 0;
	interrupted = KVM_GET_CLOCK;
	set_kvmclock(&from, 0);
	first_tsc = __rdtsc();
	save();
	assert_in_range(saved.vcpu[0].tsc - tsc_zero() - first_tsc, 0,
		(saved.clock_ns + INTERRUPTION / 2) * saved.tsc_khz / NSEC_PER_MSEC);
}

static uint64_t tsc_of(struct vm *vm, unsigned cpu)
{
	uint64_t value = 0;

	assert_int_equal(vcpu_peek_msr(&vm->vcpu[cpu], MSR_TSC, &value), 0);
	return value;
}

/* The TSC is moved as far as the clock is. */
static void the_tsc_is_advanced_with_the_clock(void **state)
{
	const uint64_t hour = UINT64_C(3600) * NSEC_PER_SEC, cycles = UINT64_C(3600000) * saved.tsc_khz;
	uint64_t offset, begin, passed, value;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};

	save();
	offset = UINT64_C(1) << 40;
	assert_int_equal(ioctl(to.vcpu[0].fd, KVM_SET_DEVICE_ATTR, &attr), 0);
	assert_int_equal(ioctl(to.vcpu[0].fd, KVM_GET_DEVICE_ATTR, &attr), 0);
	if (offset != UINT64_C(1) << 40) {
		print_message("the guest's TSC is the host's on this KVM\n");
		return;
	}
	begin = __rdtsc();
	restore(hour);
	for (unsigned i = 0; i < CPUS; i++) {
		value = tsc_of(&to, i);
		passed = __rdtsc() - begin;
		assert_in_range(value, saved.vcpu[i].tsc + cycles, saved.vcpu[i].tsc + cycles + passed);
	}
}

static void a_tsc_of_another_rate_is_refused(void **state)
{
	const uint32_t khz = saved.tsc_khz;
	struct err e = {};
	char want[200];

	save();
	told_khz = (int)(khz + khz / 4000);
	assert_int_equal(vm_restore(&to, &saved, 0, &e), 0);
	told_khz = (int)(khz - khz / 4001);
	assert_int_equal(vm_restore(&to, &saved, 0, &e), 0);
	for (unsigned round = 0; round < 2; round++) {
		told_khz = (int)(round ? khz - khz / 3900 : khz + khz / 3900);
		nr_written = 0;
		assert_int_equal(vm_restore(&to, &saved, 0, &e), -ENOTSUP);
		snprintf(want, sizeof(want),
			"the guest's TSC runs at %u kHz, and this host's at %d kHz: it can go on only where they are "
			"within 250 ppm",
			khz, told_khz);
		assert_string_equal(e.text, want);
		/* And the VM is as it was. */
		assert_int_equal(nr_written, 0);
	}
}

/* --- The order, and what fails ------------------------------------------------------------------------------------ */

/* Which of the requests of a restore was made as the n-th, from 0. */
static size_t place(unsigned long request)
{
	for (size_t i = 0; i < nr_written; i++)
		if (written[i] == request)
			return i;
	fail_msg("request 0x%lx was not made", request);
	return 0;
}

static void the_order_of_a_restore(void **state)
{
	struct err e = {};

	assert_int_equal(vm_add_pit(&from, 0, 0, &e), 0);
	save();
	restore(0);
	assert_true(place(KVM_SET_SREGS2) < place(KVM_SET_XCRS));
	assert_true(place(KVM_SET_XCRS) < place(KVM_SET_XSAVE));
	assert_true(place(KVM_SET_DEVICE_ATTR) < place(KVM_SET_LAPIC));
	assert_true(place(KVM_SET_REGS) < place(KVM_SET_VCPU_EVENTS));
	assert_true(place(KVM_SET_LAPIC) < place(KVM_SET_IRQCHIP));
	assert_true(place(KVM_SET_MP_STATE) < place(KVM_SET_IRQCHIP));
	assert_true(place(KVM_SET_IRQCHIP) < place(KVM_SET_PIT2));
	assert_true(place(KVM_SET_PIT2) < place(KVM_SET_CLOCK));
}

static void each_request_that_fails_is_named(void **state)
{
	static const struct {
		unsigned long request;
		unsigned nth;
		const char *words;
	} saves[] = {{KVM_GET_CLOCK, 1, "KVM_GET_CLOCK: "}, {KVM_GET_LAPIC, 2, "KVM_GET_LAPIC of CPU 1: "},
		{KVM_GET_IRQCHIP, 2, "KVM_GET_IRQCHIP of the second 8259: "}, {KVM_GET_PIT2, 1, "KVM_GET_PIT2: "}},
	  restores[] = {{KVM_GET_TSC_KHZ, 1, "KVM_GET_TSC_KHZ: "}, {KVM_SET_MSRS, 1, "KVM_SET_MSRS of CPU 0: "},
		  {KVM_SET_IRQCHIP, 3, "KVM_SET_IRQCHIP of the I/O APIC: "}, {KVM_CREATE_PIT2, 1, "KVM_CREATE_PIT2: "},
		  {KVM_SET_PIT2, 2, "KVM_SET_PIT2: "}, {KVM_SET_CLOCK, 1, "KVM_SET_CLOCK: "}};
	struct err e = {};

	vm_saved_destroy(&other);
	fail_at(KVM_GET_TSC_KHZ, 1);
	assert_int_equal(vm_saved_init(&to, &other, &e), -ENXIO);
	assert_ptr_equal(strstr(e.text, "KVM_GET_TSC_KHZ: "), e.text);
	vm_saved_destroy(&other);
	if (kvm_check(&kvm, KVM_CAP_X86_TRIPLE_FAULT_EVENT)) {
		fail_at(KVM_ENABLE_CAP, 1);
		assert_int_equal(vm_saved_init(&to, &other, &e), -ENXIO);
		assert_non_null(strstr(e.text, "KVM_CAP_X86_TRIPLE_FAULT_EVENT"));
		vm_saved_destroy(&other);
	}
	assert_int_equal(vm_add_pit(&from, 0, 0, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(saves); i++) {
		fail_at(saves[i].request, saves[i].nth);
		assert_int_equal(vm_save(&from, &saved, &e), -ENXIO);
		assert_ptr_equal(strstr(e.text, saves[i].words), e.text);
	}
	save();
	for (size_t i = 0; i < ARRAY_SIZE(restores); i++) {
		fail_at(restores[i].request, restores[i].nth);
		assert_int_equal(vm_restore(&to, &saved, 0, &e), -ENXIO);
		assert_ptr_equal(strstr(e.text, restores[i].words), e.text);
	}
	vm_saved_destroy(NULL);
}

/* A shutdown that the guest has not left yet. */
static void a_triple_fault_that_waits(void **state)
{
	struct kvm_vcpu_events events;

	if (!kvm_check(&kvm, KVM_CAP_X86_TRIPLE_FAULT_EVENT)) {
		print_message("this KVM does not tell it (before Linux 6.0)\n");
		return;
	}
	assert_int_equal(ioctl(from.vcpu[1].fd, KVM_GET_VCPU_EVENTS, &events), 0);
	assert_true(events.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT);
	events.triple_fault.pending = 1;
	assert_int_equal(ioctl(from.vcpu[1].fd, KVM_SET_VCPU_EVENTS, &events), 0);
	save();
	restore(0);
	memset(&events, 0, sizeof(events));
	assert_int_equal(ioctl(to.vcpu[1].fd, KVM_GET_VCPU_EVENTS, &events), 0);
	assert_int_equal(events.triple_fault.pending, 1);
	assert_int_equal(ioctl(to.vcpu[0].fd, KVM_GET_VCPU_EVENTS, &events), 0);
	assert_int_equal(events.triple_fault.pending, 0);
}

/* --- As bytes ----------------------------------------------------------------------------------------------------- */

static uint8_t bytes[256 * KIB], again[256 * KIB];

static size_t put(uint8_t *to_bytes, const struct vm_saved *s)
{
	struct state_writer w = {.data = to_bytes, .size = sizeof(bytes)};

	vm_saved_put(s, &w);
	assert_in_range(w.used, 1, w.size);
	return w.used;
}

static int get(struct vm_saved *s, size_t size, struct err *e)
{
	struct state_reader r = {.data = bytes, .size = size};
	int ret = vm_saved_get(s, &r, e);

	if (ret == 0)
		assert_int_equal(r.at, size);
	return ret;
}

static void as_bytes_and_back(void **state)
{
	struct err e = {};
	size_t size, nothing = put(bytes, &saved);

	assert_int_equal(vm_add_pit(&from, 0x34, 0, &e), 0);
	assert_int_equal(vcpu_poke_msr(&from.vcpu[1], MSR_LSTAR, 0x123456), 0);
	save();
	size = put(bytes, &saved);
	assert_int_equal(size, nothing);
	if (get(&other, size, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(put(again, &other), size);
	assert_memory_equal(bytes, again, size);
	assert_true(other.has_pit);
	assert_int_equal(other.clock_ns, saved.clock_ns);
	assert_int_equal(other.vcpu[1].tsc, saved.vcpu[1].tsc);
	/* And a VM takes it. */
	if (vm_restore(&to, &other, 0, &e) < 0)
		fail_msg("%s", e.text);
	{
		uint64_t value = 0;

		assert_int_equal(vcpu_peek_msr(&to.vcpu[1], MSR_LSTAR, &value), 0);
		assert_int_equal(value, 0x123456);
	}
	/* Cut short anywhere, or with a bit turned over: refused. */
	for (size_t n = 0; n < size; n += 97)
		assert_int_equal(get(&other, n, &e), -EINVAL);
	for (size_t n = 0; n < size; n += 53) {
		bytes[n] ^= 0x10;
		assert_int_equal(get(&other, size, &e), -EINVAL);
		bytes[n] ^= 0x10;
	}
}

#define REFUSED(words)                                                                                                 \
	do {                                                                                                           \
		assert_int_equal(get(&saved, put(bytes, &hostile), &e), -EINVAL);                                      \
		assert_string_equal(e.text, words);                                                                    \
	} while (0)

static void a_state_of_another_vm_is_refused(void **state)
{
	struct vm_saved hostile;
	struct err e = {};

	save();
	hostile = saved;
	hostile.nr_vcpus = 1;
	REFUSED("the saved state of vm 0: it has another number of CPUs");
	hostile = saved;
	hostile.tsc_khz = 0;
	REFUSED("the saved state of vm 0: its TSC does not run");
	hostile = saved;
	hostile.has_irqchip = false;
	REFUSED("the saved state of vm 0: one has interrupt controllers, and the other has not");
	saved.vcpu[0].xsave_size -= 64;
	put(bytes, &saved);
	saved.vcpu[0].xsave_size += 64;
	assert_int_equal(get(&saved, sizeof(bytes), &e), -EINVAL);
	assert_string_equal(e.text, "the saved state of xsave 0: it has another size here");
	saved.vcpu[1].msr[3].index = 0x12345678;
	saved.vcpu[1].msr[3].refused = false;
	put(bytes, &saved);
	saved.vcpu[1].msr[3].index = 0x174;
	assert_int_equal(get(&saved, sizeof(bytes), &e), -EINVAL);
	assert_string_equal(e.text, "the saved state of CPU 1 has MSR 0x12345678, which this host's KVM has not");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(interrupt_controllers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_interval_timer_where_there_is_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_controllers, set_up_bare, tear_down),
		cmocka_unit_test_setup_teardown(the_clock_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_interruption_does_not_part_the_clocks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_tsc_is_advanced_with_the_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_tsc_of_another_rate_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_order_of_a_restore, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_request_that_fails_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_triple_fault_that_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(as_bytes_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_state_of_another_vm_is_refused, set_up, tear_down),
	};

	return run_with_kvm(&kvm, tests);
}
