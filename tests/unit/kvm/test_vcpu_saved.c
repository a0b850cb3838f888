// SPDX-License-Identifier: Apache-2.0
/*
 * A CPU's whole state on a real KVM: saved, given to another CPU, read back by the plainest requests, and run on. What
 * is compared is what KVM says and what the guest does, not what vcpu_save() has read.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "tests/support/with_kvm.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/vcpu_saved.h"
#include "vmm/kvm/vm.h"

#define RAM_SIZE (32 * KIB)
#define CODE     0x1000
#define SCRATCH  0x2000
#define STACK    0x3000
#define PORT     0x80
#define CPUS     2

static struct kvm kvm = {.fd = -1};

/* --- In front of KVM --------------------------------------------------------------------------------------------- */

/* The register that KVM refuses to give or to take; 0: none. And the capability that it has not. */
static uint32_t refused_get, refused_set;
static int lacks;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	uint32_t refused = request == KVM_SET_MSRS ? refused_set : request == KVM_GET_MSRS ? refused_get : 0;
	struct kvm_msrs *msrs;
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	msrs = arg;
	for (uint32_t i = 0; refused && i < msrs->nmsrs; i++)
		if (msrs->entries[i].index == refused)
			msrs->nmsrs = i;
	if (request == KVM_CHECK_EXTENSION && lacks && (intptr_t)arg == lacks)
		return 0;
	return __real_ioctl(fd, request, arg);
}

/* --- A machine ---------------------------------------------------------------------------------------------------- */

/* l: inc bx; add cx, bx; mov ax, cx; add ax, [SCRATCH]; inc word [SCRATCH]; out PORT, ax; jmp l */
static const uint8_t code[] = {
	0x43, 0x01, 0xd9, 0x89, 0xc8, 0x03, 0x06, 0x00, 0x20, 0xff, 0x06, 0x00, 0x20, 0xe7, PORT, 0xeb, 0xef};

static void make(struct vm *vm)
{
	const struct entry entry = {.mode = ENTRY_REAL, .rip = CODE, .rsp = STACK};
	const struct cpuid_opts opts = {.cpus = CPUS, .tsc_deadline = kvm_check(&kvm, KVM_CAP_TSC_DEADLINE_TIMER) > 0};
	CLEANUP(memory_destroy) struct memory memory = {0};
	static struct cpuid_set set;
	struct err e = {};

	*vm = (struct vm){.fd = -1};
	assert_int_equal(cpuid_supported(&kvm, &set, &e), 0);
	assert_int_equal(cpuid_policy(&set, &opts, &set, &e), 0);
	assert_int_equal(vm_create(&kvm, vm, &e), 0);
	assert_int_equal(memory_create(RAM_SIZE, BACKING_ANON, false, &memory, &e), 0);
	assert_int_equal(vm_set_memory(vm, &memory, &e), 0);
	assert_int_equal(vm_add_irqchip(vm, &e), 0);
	assert_int_equal(vm_add_vcpus(vm, CPUS, &e), 0);
	assert_int_equal(gmem_write(&vm->memory.gmem, CODE, code, sizeof(code)), 0);
	for (unsigned i = 0; i < CPUS; i++) {
		cpuid_for_cpu(&set, i, CPUS);
		assert_int_equal(vcpu_set_cpuid(&vm->vcpu[i], &set, &e), 0);
		assert_int_equal(vcpu_set_platform(&vm->vcpu[i], &e), 0);
		assert_int_equal(vcpu_set_entry(&vm->vcpu[i], &entry, &e), 0);
	}
}

static struct vm from, to;
static struct vcpu_saved saved[CPUS];

static int set_up(void **state)
{
	struct err e = {};

	refused_get = refused_set = 0;
	lacks = 0;
	make(&from);
	make(&to);
	for (unsigned i = 0; i < CPUS; i++)
		if (vcpu_saved_init(&kvm, true, &saved[i], &e) < 0)
			fail_msg("%s", e.text);
	return 0;
}

static int tear_down(void **state)
{
	for (unsigned i = 0; i < CPUS; i++)
		vcpu_saved_destroy(&saved[i]);
	vm_destroy(&from);
	vm_destroy(&to);
	return 0;
}

static void save(void)
{
	uint64_t now = __rdtsc();
	struct err e = {};

	for (unsigned i = 0; i < CPUS; i++)
		if (vcpu_save(&from.vcpu[i], &saved[i], now, &e) < 0)
			fail_msg("%s", e.text);
}

static void restore(struct vm *vm)
{
	uint64_t now = __rdtsc();
	struct err e = {};

	for (unsigned i = 0; i < CPUS; i++)
		if (vcpu_restore(&vm->vcpu[i], &saved[i], now, &e) < 0)
			fail_msg("%s", e.text);
}

/* --- It goes on --------------------------------------------------------------------------------------------------- */

/* The next number that CPU 0 writes to PORT, with that write completed. */
static uint16_t next_number(struct vm *vm)
{
	struct vcpu *v = &vm->vcpu[0];
	struct vcpu_exit x;
	uint16_t n;

	assert_int_equal(vcpu_step(v, &x), 0);
	assert_int_equal(x.what, VCPU_PIO);
	assert_int_equal(x.pio.port, PORT);
	n = le16_get(x.pio.data);
	vcpu_request_exit(v);
	assert_int_equal(vcpu_step(v, &x), 0);
	assert_int_equal(x.what, VCPU_KICKED);
	vcpu_clear_request(v);
	return n;
}

static void a_guest_goes_on_in_another_machine(void **state)
{
	static uint8_t ram[RAM_SIZE];
	uint16_t want[8];

	for (unsigned i = 0; i < 5; i++)
		next_number(&from);
	save();
	assert_int_equal(gmem_read(&from.memory.gmem, 0, ram, RAM_SIZE), 0);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		want[i] = next_number(&from);
	assert_int_equal(want[0], 6 + 5 + 4 + 3 + 2 + 1 + 5);
	/* Another one, and itself: as often as one likes. */
	for (unsigned round = 0; round < 4; round++) {
		struct vm *vm = round % 2 ? &from : &to;

		assert_int_equal(gmem_write(&vm->memory.gmem, 0, ram, RAM_SIZE), 0);
		restore(vm);
		for (size_t i = 0; i < ARRAY_SIZE(want); i++)
			assert_int_equal(next_number(vm), want[i]);
	}
}

/* --- Each part ---------------------------------------------------------------------------------------------------- */

#define GET(vm, request, what) assert_int_equal(ioctl((vm)->vcpu[0].fd, request, what), 0)
#define SET(vm, request, what) assert_int_equal(ioctl((vm)->vcpu[0].fd, request, what), 0)

static void general_registers(void **state)
{
	struct kvm_regs a, b;

	GET(&from, KVM_GET_REGS, &a);
	for (size_t i = 0; i < 16; i++)
		(&a.rax)[i] = 0x1111111111111111 * (i + 1) ^ 0x123456;
	a.rflags |= 0x8d5; /* all that a program sets */
	SET(&from, KVM_SET_REGS, &a);
	save();
	restore(&to);
	GET(&to, KVM_GET_REGS, &b);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void system_registers(void **state)
{
	struct kvm_sregs2 a, b;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	GET(&from, KVM_GET_SREGS2, &a);
	a.cr2 = 0x123456789a;
	a.cr3 = 0x5000;
	a.cr4 |= CR4_OSFXSR;
	a.cr8 = 5;
	a.efer = EFER_SCE;
	a.gdt.base = 0x4000;
	a.gdt.limit = 0x7f;
	a.idt.base = 0x4800;
	a.idt.limit = 0xff;
	a.fs.base = 0xabcdef;
	a.gs.base = 0xfedcba;
	a.ds.selector = 0x123;
	a.ds.base = 0x1230;
	SET(&from, KVM_SET_SREGS2, &a);
	save();
	restore(&to);
	GET(&to, KVM_GET_SREGS2, &b);
	GET(&from, KVM_GET_SREGS2, &a);
	assert_int_equal(a.cr2, 0x123456789a);
	assert_int_equal(a.cr8, 5);
	assert_int_equal(a.gs.base, 0xfedcba);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void debug_registers(void **state)
{
	struct kvm_debugregs a, b;

	memset(&b, 0, sizeof(b));
	GET(&from, KVM_GET_DEBUGREGS, &a);
	for (size_t i = 0; i < 4; i++)
		a.db[i] = 0x1000 * (i + 1);
	a.dr7 |= 0x55;
	SET(&from, KVM_SET_DEBUGREGS, &a);
	save();
	restore(&to);
	GET(&to, KVM_GET_DEBUGREGS, &b);
	assert_int_equal(b.db[3], 0x4000);
	assert_memory_equal(&a, &b, sizeof(a));
}

#define XSAVE_MXCSR  (24 / 4)
#define XSAVE_XMM    (160 / 4)
#define XSAVE_HEADER (512 / 4)
#define XSAVE_YMM    (576 / 4)

/* x87 and SSE, and AVX where this CPU has it (SDM 1, 13.4). */
static void extended_state(void **state)
{
	static struct kvm_xsave a, b;
	struct kvm_xcrs xcrs;
	bool avx;

	GET(&from, KVM_GET_XCRS, &xcrs);
	xcrs.xcrs[0].value = 7;
	avx = ioctl(from.vcpu[0].fd, KVM_SET_XCRS, &xcrs) == 0;
	GET(&from, KVM_GET_XSAVE, &a);
	a.region[XSAVE_MXCSR] = 0x1fa0;
	for (unsigned i = 0; i < 16 * 4; i++) {
		a.region[XSAVE_XMM + i] = 0x11110000 + i;
		if (avx)
			a.region[XSAVE_YMM + i] = 0x22220000 + i;
	}
	a.region[XSAVE_HEADER] = avx ? 7 : 3;
	SET(&from, KVM_SET_XSAVE, &a);
	save();
	restore(&to);
	memset(&b, 0, sizeof(b));
	GET(&to, KVM_GET_XSAVE, &b);
	assert_int_equal(b.region[XSAVE_MXCSR], 0x1fa0);
	assert_int_equal(b.region[XSAVE_HEADER] & 2, 2);
	for (unsigned i = 0; i < 16 * 4; i++) {
		assert_int_equal(b.region[XSAVE_XMM + i], 0x11110000 + i);
		if (avx)
			assert_int_equal(b.region[XSAVE_YMM + i], 0x22220000 + i);
	}
	print_message("with%s AVX\n", avx ? "" : "out");
}

/* XCR0 with AVX, if this CPU has it: an enabled component can be saved. */
static void extended_control_registers(void **state)
{
	struct kvm_xcrs a, b;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	GET(&from, KVM_GET_XCRS, &a);
	assert_true(a.nr_xcrs >= 1);
	a.xcrs[0].value = 7;
	if (ioctl(from.vcpu[0].fd, KVM_SET_XCRS, &a) < 0)
		a.xcrs[0].value = 1; /* no AVX here */
	save();
	restore(&to);
	GET(&to, KVM_GET_XCRS, &b);
	assert_int_equal(b.xcrs[0].value, a.xcrs[0].value);
}

/* An NMI that waits, and an interrupt shadow: setting the general registers would drop what waits. */
static void events_that_wait(void **state)
{
	struct kvm_vcpu_events a, b;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	GET(&from, KVM_GET_VCPU_EVENTS, &a);
	a.nmi.pending = 1;
	a.nmi.masked = 1;
	a.exception.injected = 1;
	a.exception.nr = 13;
	a.exception.has_error_code = 1;
	a.exception.error_code = 0x50;
	SET(&from, KVM_SET_VCPU_EVENTS, &a);
	GET(&from, KVM_GET_VCPU_EVENTS, &a);
	save();
	restore(&to);
	GET(&to, KVM_GET_VCPU_EVENTS, &b);
	assert_int_equal(b.nmi.pending, 1);
	assert_int_equal(b.exception.injected, 1);
	assert_int_equal(b.exception.nr, 13);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void states_of_rest(void **state)
{
	static const uint32_t rests[] = {
		KVM_MP_STATE_HALTED, KVM_MP_STATE_RUNNABLE, KVM_MP_STATE_UNINITIALIZED, KVM_MP_STATE_INIT_RECEIVED};

	for (size_t i = 0; i < ARRAY_SIZE(rests); i++) {
		struct kvm_mp_state mp = {rests[i]};

		assert_int_equal(ioctl(from.vcpu[1].fd, KVM_SET_MP_STATE, &mp), 0);
		save();
		mp.mp_state = rests[(i + 1) % ARRAY_SIZE(rests)];
		assert_int_equal(ioctl(to.vcpu[1].fd, KVM_SET_MP_STATE, &mp), 0);
		restore(&to);
		assert_int_equal(ioctl(to.vcpu[1].fd, KVM_GET_MP_STATE, &mp), 0);
		assert_int_equal(mp.mp_state, rests[i]);
	}
}

#define APIC_TPR       0x80
#define APIC_LVT_TIMER 0x320
#define APIC_TDCR      0x3e0
#define TIMER_DEADLINE (2U << 17)

static void local_apic(void **state)
{
	struct kvm_lapic_state a, b;

	GET(&from, KVM_GET_LAPIC, &a);
	le32_put(a.regs + APIC_SPIV, APIC_SPIV_ENABLE | 0xef);
	le32_put(a.regs + APIC_TPR, 0x40);
	le32_put(a.regs + APIC_LVT_TIMER, 0xec);
	le32_put(a.regs + APIC_TDCR, 0xb);
	SET(&from, KVM_SET_LAPIC, &a);
	GET(&from, KVM_GET_LAPIC, &a);
	save();
	restore(&to);
	GET(&to, KVM_GET_LAPIC, &b);
	assert_int_equal(le32_get(b.regs + APIC_LVT_TIMER) & 0xff, 0xec);
	assert_memory_equal(&a, &b, sizeof(a));
}

/* --- Model-specific registers and time ---------------------------------------------------------------------------- */

static void model_specific_registers(void **state)
{
	static const struct {
		uint32_t index;
		uint64_t value;
	} msrs[] = {
		{0x174, 0x10},       /* SYSENTER_CS */
		{0x175, 0x81001000}, /* SYSENTER_ESP */
		{MSR_STAR, UINT64_C(0x0023001000000000)}, {MSR_LSTAR, UINT64_C(0xffffffff81000000)},
		{MSR_SFMASK, 0x47700}, {MSR_KERNEL_GS_BASE, UINT64_C(0xffff888000000000)},
		{0x277, UINT64_C(0x0407050600070106)}, /* PAT */
		{0x250, UINT64_C(0x0606060606060606)}, /* a fixed MTRR, which KVM does not list */
		{0x201, UINT64_C(0xfff0000800)},       /* a variable one */
	};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		assert_int_equal(vcpu_poke_msr(&from.vcpu[0], msrs[i].index, msrs[i].value), 0);
	save();
	for (unsigned round = 0; round < 2; round++) {
		restore(&to);
		for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
			assert_int_equal(vcpu_peek_msr(&to.vcpu[0], msrs[i].index, &value), 0);
			if (value != msrs[i].value)
				fail_msg("MSR 0x%x is 0x%llx", msrs[i].index, (unsigned long long)value);
			/* What comes next finds another value. */
			vcpu_poke_msr(&to.vcpu[0], msrs[i].index, 0);
		}
	}
}

static void registers_that_kvm_refuses(void **state)
{
	uint64_t value;
	struct err e = {};

	assert_int_equal(vcpu_poke_msr(&from.vcpu[0], MSR_LSTAR, 0x1234), 0);
	assert_int_equal(vcpu_poke_msr(&to.vcpu[0], MSR_LSTAR, 0x5678), 0);
	refused_get = MSR_LSTAR;
	save();
	refused_get = 0;
	/* Not given, not taken: and those around it are. */
	assert_int_equal(vcpu_poke_msr(&to.vcpu[0], MSR_STAR, 0x5678), 0);
	restore(&to);
	assert_int_equal(vcpu_peek_msr(&to.vcpu[0], MSR_LSTAR, &value), 0);
	assert_int_equal(value, 0x5678);
	assert_int_equal(vcpu_peek_msr(&to.vcpu[0], MSR_STAR, &value), 0);
	assert_int_equal(value, 0);
	/* Given and not taken: this CPU is not that one. */
	save();
	refused_set = MSR_LSTAR;
	assert_int_equal(vcpu_restore(&to.vcpu[0], &saved[0], __rdtsc(), &e), -EIO);
	assert_string_equal(e.text, "KVM_SET_MSRS of CPU 0: KVM refused MSR 0xc0000082 = 0x1234");
}

static uint64_t tsc_of(struct vm *vm, unsigned cpu)
{
	uint64_t value = 0;

	assert_int_equal(vcpu_peek_msr(&vm->vcpu[cpu], MSR_TSC, &value), 0);
	return value;
}

/* The guest's TSC continues from where it was, and the offsets between the CPUs are kept. */
static void tscs_go_on(void **state)
{
	const uint64_t apart = UINT64_C(1) << 40;
	uint64_t offset, before, after, now, value;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset};
	struct err e = {};

	assert_int_equal(ioctl(from.vcpu[0].fd, KVM_GET_DEVICE_ATTR, &attr), 0);
	now = offset += apart;
	assert_int_equal(ioctl(from.vcpu[1].fd, KVM_SET_DEVICE_ATTR, &attr), 0);
	assert_int_equal(ioctl(from.vcpu[1].fd, KVM_GET_DEVICE_ATTR, &attr), 0);
	/* A KVM that gives its guests the host's TSC cannot set them apart; the lab's and real ones can. */
	if (offset != now) {
		print_message("the guest's TSC is the host's on this KVM\n");
		save();
		restore(&to);
		assert_true(tsc_of(&to, 0) >= saved[0].tsc);
		return;
	}
	before = tsc_of(&from, 0);
	save();
	after = tsc_of(&from, 0);
	assert_true(saved[0].tsc >= before && saved[0].tsc <= after);
	assert_int_equal(saved[1].tsc - saved[0].tsc, apart);
	/* As if a day had gone by. */
	now = __rdtsc();
	for (unsigned i = 0; i < CPUS; i++)
		assert_int_equal(vcpu_restore(&to.vcpu[i], &saved[i], now, &e), 0);
	for (unsigned i = 0; i < CPUS; i++) {
		value = tsc_of(&to, i);
		assert_true(value >= saved[i].tsc);
		assert_true(value - saved[i].tsc <= __rdtsc() - now);
	}
}

/* An armed deadline is kept, though it is dropped where the timer is in another mode (SDM 3, 11.5.4.1). */
static void deadlines_stay_armed(void **state)
{
	const uint64_t deadline = tsc_of(&from, 0) + (UINT64_C(1) << 42);
	struct kvm_lapic_state lapic;
	uint64_t value = 0, now = 1;

	GET(&from, KVM_GET_LAPIC, &lapic);
	le32_put(lapic.regs + APIC_SPIV, APIC_SPIV_ENABLE | 0xff);
	le32_put(lapic.regs + APIC_LVT_TIMER, TIMER_DEADLINE | 0xec);
	SET(&from, KVM_SET_LAPIC, &lapic);
	assert_int_equal(vcpu_poke_msr(&from.vcpu[0], MSR_TSC_DEADLINE, deadline), 0);
	assert_int_equal(vcpu_peek_msr(&from.vcpu[0], MSR_TSC_DEADLINE, &value), 0);
	/* It has no timer of that mode: the value that was read must be kept. */
	if (value != deadline)
		print_message("this KVM keeps no deadline\n");
	save();
	restore(&to);
	assert_int_equal(vcpu_peek_msr(&to.vcpu[0], MSR_TSC_DEADLINE, &now), 0);
	assert_int_equal(now, value);
}

/* --- Hosts that cannot -------------------------------------------------------------------------------------------- */

static void a_kvm_that_cannot_save_says_what_it_lacks(void **state)
{
	static const struct {
		int capability;
		const char *words;
	} cases[] = {
		{KVM_CAP_SREGS2, "this KVM cannot save a CPU: it has no KVM_CAP_SREGS2"},
		{KVM_CAP_XSAVE2, "this KVM cannot save a CPU: it has no KVM_CAP_XSAVE2"},
		{KVM_CAP_VCPU_EVENTS, "this KVM cannot save a CPU: it has no KVM_CAP_VCPU_EVENTS"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vcpu_saved s = {0};
		struct err e = {};

		lacks = cases[i].capability;
		assert_int_equal(vcpu_saved_init(&kvm, true, &s, &e), -ENOTSUP);
		assert_string_equal(e.text, cases[i].words);
		vcpu_saved_destroy(&s);
	}
	vcpu_saved_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_guest_goes_on_in_another_machine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(general_registers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(system_registers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(debug_registers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(extended_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(extended_control_registers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(events_that_wait, set_up, tear_down),
		cmocka_unit_test_setup_teardown(states_of_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(local_apic, set_up, tear_down),
		cmocka_unit_test_setup_teardown(model_specific_registers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(registers_that_kvm_refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tscs_go_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deadlines_stay_armed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_kvm_that_cannot_save_says_what_it_lacks, set_up, tear_down),
	};

	return run_with_kvm(&kvm, tests);
}
