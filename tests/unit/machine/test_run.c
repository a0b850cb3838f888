// SPDX-License-Identifier: Apache-2.0
/*
 * The run of a machine, with guests of a few instructions: how each ends, that it does not start without its filters or
 * its threads, and what it leaves behind. What a guest printed and where its CPU stands say what it did.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "security/seccomp.h"
#include "tests/support/kvm_fault.h"
#include "tests/support/with_kvm.h"
#include "tests/unit/machine/run_rig.h"
#include "vmm/kvm/vcpu_state.h"

static void assert_not_begun(const struct rig *r, const char *what)
{
	struct kvm_regs regs;

	assert_int_equal(vcpu_get_general(&r->m->vm.vcpu[0], &regs), 0);
	if (regs.rip != KIT_ENTRY || printed(r))
		fail_msg("%s: the guest has run, up to 0x%llx", what, (unsigned long long)regs.rip);
}

/* --- The host's part ---------------------------------------------------------------------------------------------- */

static int refused_role = -1; /* its filters cannot be installed */

int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds);

int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds)
{
	return (int)role == refused_role ? -EACCES : 0;
}

/* The simulated result of the guest's first entry; 0: the real one */
static enum vcpu_event first_exit;
static uint32_t first_ndata;

int __real_vcpu_step(struct vcpu *v, struct vcpu_exit *ret);
int __wrap_vcpu_step(struct vcpu *v, struct vcpu_exit *ret);

int __wrap_vcpu_step(struct vcpu *v, struct vcpu_exit *ret)
{
	enum vcpu_event what = v->id ? 0 : first_exit;

	if (!what)
		return __real_vcpu_step(v, ret);
	first_exit = 0;
	*ret = (struct vcpu_exit){.what = what, .error = what == VCPU_SYSTEM_EVENT ? KVM_SYSTEM_EVENT_SHUTDOWN : 1};
	v->run->internal.ndata = first_ndata;
	for (unsigned i = 0; i < ARRAY_SIZE(v->run->internal.data); i++)
		v->run->internal.data[i] = 100 + i;
	return 0;
}

/* --- How guests end ----------------------------------------------------------------------------------------------- */

static void power_off(struct program *p)
{
	out(p, SLEEP, 0x34); /* S5 and SLP_EN: ACPI 6.5, 4.8.3.7 */
	spin(p);
}

static void reset_by_acpi(struct program *p)
{
	out(p, RESET, 1);
	spin(p);
}

static void reset_by_8042(struct program *p)
{
	out(p, I8042, 0xfe);
	spin(p);
}

static void debug_exit(struct program *p)
{
	out(p, DEBUG, 7);
	spin(p);
}

static void panic_and_reset(struct program *p)
{
	out(p, PVPANIC, 1);
	reset_by_8042(p);
}

static void panic_and_silence(struct program *p)
{
	out(p, PVPANIC, 1);
	idle(p);
}

static void words_and_reset(struct program *p)
{
	print(p, "Kernel panic - not syncing: x\n");
	reset_by_acpi(p);
}

static void words_and_triple_fault(struct program *p)
{
	print(p, "Kernel panic - not syncing: x\n");
	triple_fault(p);
}

static void end_of_panic(struct program *p)
{
	print(p, "---[ end Kernel panic - not syncing: x ]---\n");
	idle(p);
}

static void restart_by_triple_fault(struct program *p)
{
	print(p, "reboot: Restarting system\n");
	triple_fault(p);
}

static const struct ending {
	const char *name;
	void (*program)(struct program *p);
	struct verdict verdict;
	struct wish wish;
} endings[] = {
	{"power off", power_off, {OUTCOME_POWEROFF, DETECTOR_ACPI, 0}, {0}},
	{"reset by ACPI", reset_by_acpi, {OUTCOME_RESET, DETECTOR_ACPI, 0}, {0}},
	{"reset by the 8042", reset_by_8042, {OUTCOME_RESET, DETECTOR_I8042, 0}, {0}},
	{"debug exit", debug_exit, {OUTCOME_DEBUG_EXIT, DETECTOR_DEBUG_PORT, 7}, {0}},
	{"panic and reset", panic_and_reset, {OUTCOME_PANIC, DETECTOR_PVPANIC, 0}, {0}},
	{"panic and silence", panic_and_silence, {OUTCOME_PANIC, DETECTOR_PVPANIC, 0}, {0}},
	{"words of a panic and reset", words_and_reset, {OUTCOME_PANIC, DETECTOR_CONSOLE, 0}, {0}},
	{"words that do not count", words_and_reset, {OUTCOME_RESET, DETECTOR_ACPI, 0}, {.no_panic_text = true}},
	{"words and a triple fault", words_and_triple_fault, {OUTCOME_PANIC, DETECTOR_CONSOLE, 0}, {0}},
	{"the end of a panic", end_of_panic, {OUTCOME_PANIC, DETECTOR_CONSOLE, 0}, {0}},
	{"an end that does not count", end_of_panic, {OUTCOME_TIMEOUT, DETECTOR_TIMER, 0},
		{.no_panic_text = true, .timeout_ns = 1500 * NSEC_PER_MSEC}},
	{"triple fault", triple_fault, {OUTCOME_CRASH, DETECTOR_TRIPLE_FAULT, 0}, {0}},
	{"reboot=t", restart_by_triple_fault, {OUTCOME_RESET, DETECTOR_CONSOLE, 0}, {0}},
	{"reboot=t, words do not count", restart_by_triple_fault, {OUTCOME_CRASH, DETECTOR_TRIPLE_FAULT, 0},
		{.no_panic_text = true}},
	{"halt", halt, {OUTCOME_HALT, DETECTOR_HLT, 0}, {0}},
	{"time limit", spin, {OUTCOME_TIMEOUT, DETECTOR_TIMER, 0}, {.timeout_ns = 100 * NSEC_PER_MSEC}},
};

static void every_end_has_its_verdict(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		const struct ending *end = &endings[i];
		struct program p = {.size = 0};
		struct verdict v;
		struct rig r;

		wish = end->wish;
		end->program(&p);
		up(&r, &p);
		v = run(&r);
		if (v.outcome != end->verdict.outcome || v.by != end->verdict.by || v.value != end->verdict.value)
			fail_msg("%s: %s by %s, %llu", end->name, outcome_name(v.outcome), detector_text(v.by),
				(unsigned long long)v.value);
		/* Words are for what KVM or the host did wrong. */
		assert_string_equal(r.m->end.failure, "");
		down(&r);
	}
}

/* Exits for a guest that KVM cannot run, and those that only KVM handles; then the guest continues, and panics. */
static void kvm_ends_it(void **state)
{
	static const struct {
		enum vcpu_event what;
		uint32_t ndata;
		struct verdict verdict;
		const char *failure;
		uint64_t kept;
	} cases[] = {
		{VCPU_INTERNAL_ERROR, 2, {OUTCOME_CRASH, DETECTOR_INTERNAL_ERROR, 0},
			"KVM internal error on CPU 0, suberror 1 (an instruction KVM cannot emulate)", 2},
		{VCPU_INTERNAL_ERROR, 4711, {OUTCOME_CRASH, DETECTOR_INTERNAL_ERROR, 0},
			"KVM internal error on CPU 0, suberror 1 (an instruction KVM cannot emulate)", 4},
		{VCPU_ENTRY_FAILED, 0, {OUTCOME_FAILURE, DETECTOR_ENTRY_FAILED, 0},
			"KVM could not enter the guest on CPU 0: ", 0},
		{VCPU_SYSTEM_EVENT, 0, {OUTCOME_POWEROFF, DETECTOR_VMM, 0}, "", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct program p = {.size = 0};
		struct verdict v;
		struct rig r;

		panic_and_reset(&p);
		up(&r, &p);
		first_exit = cases[i].what;
		first_ndata = cases[i].ndata;
		v = run(&r);
		if (v.outcome != cases[i].verdict.outcome || v.by != cases[i].verdict.by)
			fail_msg("case %zu: %s by %s", i, outcome_name(v.outcome), detector_text(v.by));
		if (strncmp(r.m->end.failure, cases[i].failure, strlen(cases[i].failure)) ||
			!*r.m->end.failure != !*cases[i].failure)
			fail_msg("case %zu: '%s'", i, r.m->end.failure);
		assert_int_equal(r.m->end.internal_error.ndata, cases[i].kept);
		for (unsigned d = 0; d < cases[i].kept; d++)
			assert_int_equal(r.m->end.internal_error.data[d], 100 + d);
		down(&r);
	}
}

/* A mark is counted, and one too many does no harm. */
static void marks_are_counted(void **state)
{
	struct program p = {.size = 0};
	struct rig r;

	for (unsigned i = 0; i < 3; i++)
		out(&p, MARKER, 7);
	debug_exit(&p);
	up(&r, &p);
	assert_null(virtio_devices_unit(r.m->virtio, VIRTIO_KIND_balloon, 0));
	assert_non_null(virtio_devices_unit(r.m->virtio, VIRTIO_KIND_rng, 0));
	assert_null(virtio_devices_unit(r.m->virtio, VIRTIO_KIND_rng, 1));
	assert_int_equal(run(&r).outcome, OUTCOME_DEBUG_EXIT);
	assert_int_equal(r.m->counts.marks, 3);
	down(&r);
}

/* What comes after the first verdict, from whichever thread, changes nothing. */
static void the_first_verdict_wins(void **state)
{
	struct program p = {.size = 0};
	struct verdict v;
	struct rig r;

	spin(&p);
	up(&r, &p);
	machine_guest_event(&r.m->hosts.events, GUEST_POWEROFF, 0);
	machine_guest_event(&r.m->hosts.events, GUEST_DEBUG_EXIT, 3);
	machine_guest_event(&r.m->hosts.events, GUEST_RESET, GUEST_RESET_ACPI);
	machine_end(r.m, OUTCOME_FAILURE, DETECTOR_VMM, 0);
	v = run(&r);
	assert_int_equal(v.outcome, OUTCOME_POWEROFF);
	assert_int_equal(v.by, DETECTOR_ACPI);
	machine_end(r.m, OUTCOME_CRASH, DETECTOR_TRIPLE_FAULT, 0);
	assert_int_equal(r.m->end.verdict.outcome, OUTCOME_POWEROFF);
	down(&r);
}

/*
 * pvpanic speaks before the kernel has said why. A guest that goes on printing is let finish: here for so long that
 * several ticks look at it, however fast this host is. One that is so busy that the guest stands still for a while is
 * given more than one chance.
 */
static void a_panic_is_heard_to_its_end(void **state)
{
	uint64_t count = 1000;
	bool heard = false;

	/* How much a guest says in that time depends on the host: more, or less again where it was cut. */
	for (unsigned i = 0; i < 14 && !heard; i++) {
		struct program p = {.size = 0};
		uint64_t took_ns;
		struct verdict v;
		struct rig r;

		out(&p, PVPANIC, 1);
		print_often(&p, '.', (uint32_t)count);
		print(&p, "!");
		idle(&p);
		up(&r, &p);
		took_ns = trace_now_ns();
		v = run(&r);
		took_ns = trace_now_ns() - took_ns;
		assert_int_equal(v.outcome, OUTCOME_PANIC);
		assert_int_equal(v.by, DETECTOR_PVPANIC);
		if (printed(&r) == count + 1) {
			char last;

			assert_int_equal(pread(r.out_fd, &last, 1, (off_t)count), 1);
			assert_int_equal(last, '!');
			heard = took_ns >= 900 * NSEC_PER_MSEC;
			/* Up to half a second of that time was silence. */
			count = MIN(count * (took_ns < 600 * NSEC_PER_MSEC ? 20 : 2), UINT64_C(900000));
		} else {
			count = count * 2 / 3;
		}
		down(&r);
	}
	assert_true(heard);
}

/* --- A guest that is held ----------------------------------------------------------------------------------------- */

/* Holds it again and again, until it has been seen to move in between: while it is held nothing does. */
struct holder {
	struct loop_timer timer;
	struct hold hold;
	struct machine *m;
	bool held;
	uint64_t first, last;
};

static uint64_t counter(struct machine *m)
{
	struct kvm_regs regs;

	assert_int_equal(vcpu_get_general(&m->vm.vcpu[0], &regs), 0);
	return regs.rcx;
}

static void on_held(struct hold *h)
{
	struct holder *o = container_of(h, struct holder, hold);

	o->held = true;
	o->last = counter(o->m);
	if (!o->first)
		o->first = o->last;
}

static void on_refused(struct hold *h, const char *late)
{
	fail_msg("%s is late", late);
}

static void on_holder(struct loop_timer *t)
{
	struct holder *o = container_of(t, struct holder, timer);

	if (!machine_is_held(o->m)) {
		machine_hold(o->m, &o->hold);
	} else if (o->held) {
		assert_int_equal(counter(o->m), o->last);
		o->held = false;
		machine_release(o->m, &o->hold);
		if (o->last < o->first)
			machine_end(o->m, OUTCOME_SIGNAL, DETECTOR_SIGNAL, 1);
	}
}

static void a_guest_that_is_held_stands_still(void **state)
{
	struct holder o = {.hold = {.held = on_held, .refused = on_refused}};
	struct program p = {.size = 0};
	struct rig r;

	print_often(&p, '.', UINT32_MAX);
	up(&r, &p);
	o.m = r.m;
	assert_int_equal(loop_timer_init(r.loop, &o.timer, on_holder), 0);
	assert_int_equal(loop_timer_set(&o.timer, 20 * NSEC_PER_MSEC, 20 * NSEC_PER_MSEC), 0);
	assert_int_equal(run(&r).by, DETECTOR_SIGNAL);
	assert_true(o.last < o.first);
	loop_timer_destroy(&o.timer);
	down(&r);
}

/* --- What cannot start -------------------------------------------------------------------------------------------- */

/* Before the machine is destroyed, nothing of the guest has run, and no thread of ours is left. */
static void assert_not_started(const struct rig *r, const struct resources *built, const char *what)
{
	struct resources want = *built;

	/* Its timers go with the machine. */
	want.fds = resources_now().fds;
	assert_same_resources(&want, what);
	assert_not_begun(r, what);
}

static void no_guest_without_a_filter(void **state)
{
	static const struct {
		enum sandbox_role role;
		const char *words;
	} roles[] = {
		{SANDBOX_VCPU, "cannot install a filter of system calls: Permission denied"},
		{SANDBOX_LOOP, "cannot install a filter of system calls: Permission denied"},
		{SANDBOX_DISK, "cannot start the threads of disk 0: Permission denied"},
		{SANDBOX_VIRTIO, "cannot start the thread of network, sockets and balloon: Permission denied"},
		{SANDBOX_STATE, "cannot start the thread that writes cores: Permission denied"},
		{SANDBOX_GDB, "cannot start the thread of --gdb: Permission denied"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		struct program p = {.size = 0};
		struct verdict v = {.value = 4711};
		struct resources built;
		struct err e = {0};
		struct rig r;

		debug_exit(&p);
		wish.devices = wish.debugging = true;
		up(&r, &p);
		built = resources_now();
		refused_role = (int)roles[i].role;
		assert_int_equal(machine_run(r.m, &v, &e), -EACCES);
		refused_role = -1;
		assert_string_equal(e.text, roles[i].words);
		assert_int_equal(v.value, 4711);
		assert_not_started(&r, &built, seccomp_role_name(roles[i].role));
		down(&r);
	}
}

/* Each call of the host up to the first instruction fails in turn. Threads: CPUs, a disk, devices, gdb, cores. */
static void no_guest_without_a_thread(void **state)
{
	unsigned no_thread = 0;
	bool started = false;

	for (unsigned n = 1; !started; n++) {
		struct program p = {.size = 0};
		struct resources built;
		struct verdict v = {0};
		struct err e = {0};
		struct rig r;

		debug_exit(&p);
		wish.devices = wish.debugging = true;
		up(&r, &p);
		built = resources_now();
		fault_arm(n, 0);
		started = machine_run(r.m, &v, &e) == 0;
		fault_disarm();
		if (!started) {
			assert_non_null(fault_hit());
			assert_true(strlen(e.text) > 10);
			assert_not_started(&r, &built, fault_hit());
			no_thread += !strcmp(fault_hit(), "pthread_create");
		}
		down(&r);
	}
	assert_int_equal(no_thread, 7);
}

/* What the trace says of the initrd is where its bytes are. */
struct initrd_sink {
	struct trace_sink sink;
	uint64_t size, gpa;
};

static void note_initrd(struct trace_sink *s, const struct trace_record *rec)
{
	struct initrd_sink *to = container_of(s, struct initrd_sink, sink);

	if (rec->event == TRACE_EV_initrd_loaded) {
		to->size = rec->arg[0];
		to->gpa = rec->arg[1];
	}
}

static void the_initrd_is_where_the_trace_says(void **state)
{
	struct initrd_sink sink = {.sink = {.level = TRACE_DETAIL, .record = note_initrd}};
	struct program p = {.size = 0};
	uint8_t want[4096], got[4096];
	struct rig r;

	debug_exit(&p);
	wish.initrd = true;
	wish.sink = &sink.sink;
	up(&r, &p);
	assert_int_equal(sink.size, MIB);
	assert_int_equal(pread(r.image_fd, want, sizeof(want), 0), sizeof(want));
	assert_int_equal(gmem_read(&r.m->vm.memory.gmem, sink.gpa, got, sizeof(got)), 0);
	assert_memory_equal(got, want, sizeof(want));
	down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_initrd_is_where_the_trace_says),
		cmocka_unit_test(every_end_has_its_verdict),
		cmocka_unit_test(kvm_ends_it),
		cmocka_unit_test(marks_are_counted),
		cmocka_unit_test(the_first_verdict_wins),
		cmocka_unit_test(a_panic_is_heard_to_its_end),
		cmocka_unit_test(a_guest_that_is_held_stands_still),
		cmocka_unit_test(no_guest_without_a_filter),
		cmocka_unit_test(no_guest_without_a_thread),
	};
	struct kvm kvm = {.fd = -1};

	return run_with_kvm(&kvm, tests);
}
