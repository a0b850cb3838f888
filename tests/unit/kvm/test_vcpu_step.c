// SPDX-License-Identifier: Apache-2.0
/*
 * What vcpu_step() makes of the errors of KVM_RUN. KVM is played by ioctl(), which is wrapped.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/kvm/vcpu.h"

/**
 * struct play - what KVM does
 * @error: of the first @times runs; the next one ends in HLT
 * @state: of the CPU when it is asked for, the first @waits times; then it is runnable
 * @no_state: the question fails
 * @ran: the CPU has been in the guest before
 * @runs: calls of KVM_RUN so far
 */
static struct play {
	int error;
	unsigned times;
	unsigned waits;
	bool no_state;
	bool ran;
	unsigned runs;
	unsigned asked;
} play;

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct kvm_mp_state *mp;
	va_list ap;

	va_start(ap, request);
	mp = va_arg(ap, struct kvm_mp_state *);
	va_end(ap);
	errno = EIO;
	if (request == KVM_GET_MP_STATE) {
		if (play.no_state)
			return -1;
		mp->mp_state = play.asked++ < play.waits ? KVM_MP_STATE_UNINITIALIZED : KVM_MP_STATE_RUNNABLE;
		return 0;
	}
	assert_int_equal(request, KVM_RUN);
	assert_true(play.runs < 1000);
	errno = play.error;
	return play.runs++ < play.times ? -1 : 0;
}

static int step(struct play p, enum vcpu_event *ret)
{
	struct kvm_run run = {.exit_reason = KVM_EXIT_HLT};
	struct kvm kvm = {.fd = -1};
	struct vcpu v = {.kvm = &kvm, .fd = -1, .run = &run};
	struct vcpu_exit x = {.what = VCPU_EVENTS};
	int r;

	play = p;
	v.exits[VCPU_PIO] = p.ran;
	r = vcpu_step(&v, &x);
	*ret = x.what;
	if (r == 0)
		assert_int_equal(v.exits[x.what], 1);
	return r;
}

/* What vcpu_exit_text() makes of an exit. */
static const char *text_of(struct kvm_run run)
{
	static char text[VCPU_EXIT_TEXT_MAX];
	struct kvm kvm = {.fd = -1};
	struct vcpu v = {.kvm = &kvm, .fd = -1, .run = &run};
	struct vcpu_exit x;

	play = (struct play){0};
	assert_int_equal(vcpu_step(&v, &x), 0);
	return vcpu_exit_text(&x, text);
}

static void a_cpu_that_waited_for_its_sipi_runs(void **state)
{
	enum vcpu_event what;

	assert_int_equal(step((struct play){.error = EAGAIN, .times = 1}, &what), 0);
	assert_int_equal(what, VCPU_HLT);
	assert_int_equal(play.runs, 2);
	/* Woken for nothing, again and again. */
	assert_int_equal(step((struct play){.error = EAGAIN, .times = 500, .waits = 499}, &what), 0);
	assert_int_equal(what, VCPU_HLT);
	assert_int_equal(play.runs, 501);
}

static void a_thread_that_kvm_was_refused_is_an_error(void **state)
{
	enum vcpu_event what;

	assert_int_equal(step((struct play){.error = EAGAIN, .times = 999}, &what), -EAGAIN);
	assert_int_equal(play.runs, 2);
	assert_int_equal(step((struct play){.error = EAGAIN, .times = 999, .waits = 3}, &what), -EAGAIN);
	assert_int_equal(play.runs, 5);
	assert_int_equal(step((struct play){.error = EAGAIN, .times = 999, .no_state = true}, &what), -EAGAIN);
	assert_int_equal(what, VCPU_EVENTS);
}

/* A signal that is pending interrupts the start of KVM's thread, each signal once. Memory that is short stays so. */
static void a_first_run_that_a_signal_interrupted(void **state)
{
	enum vcpu_event what;

	assert_int_equal(step((struct play){.error = ENOMEM, .times = 1}, &what), 0);
	assert_int_equal(what, VCPU_HLT);
	assert_int_equal(play.runs, 2);
	assert_int_equal(step((struct play){.error = ENOMEM, .times = 9}, &what), 0);
	assert_int_equal(play.runs, 10);
	assert_int_equal(step((struct play){.error = ENOMEM, .times = 999}, &what), -ENOMEM);
	assert_int_equal(play.runs, 10);
	assert_int_equal(what, VCPU_EVENTS);
	/* A guest that has run has its thread. */
	assert_int_equal(step((struct play){.error = ENOMEM, .times = 1, .ran = true}, &what), -ENOMEM);
	assert_int_equal(play.runs, 1);
}

static void what_is_behind_an_error(void **state)
{
	assert_non_null(strstr(vcpu_step_hint(-EAGAIN), "pids.max"));
	assert_non_null(strstr(vcpu_step_hint(-EAGAIN), "RLIMIT_NPROC"));
	assert_non_null(strstr(vcpu_step_hint(-EFAULT), "guest memory has gone"));
	assert_string_equal(vcpu_step_hint(-EIO), "");
	assert_string_equal(vcpu_step_hint(0), "");
}

static void why_the_processor_left_the_guest(void **state)
{
	struct kvm_run run = {.exit_reason = KVM_EXIT_UNKNOWN, .hw.hardware_exit_reason = 0x4b};

	assert_string_equal(text_of(run), "an exit of the processor that KVM does not know, hardware reason 0x4b");
	run = (struct kvm_run){.exit_reason = KVM_EXIT_DEBUG};
	run.hw.hardware_exit_reason = 0x4b;
	assert_string_equal(text_of(run), "exit reason 4");
	run = (struct kvm_run){.exit_reason = KVM_EXIT_HLT};
	assert_string_equal(text_of(run), "exit reason 5");
	run = (struct kvm_run){.exit_reason = KVM_EXIT_FAIL_ENTRY};
	run.fail_entry.hardware_entry_failure_reason = 0x80000021;
	assert_int_equal(strncmp(text_of(run), "hardware reason 0x80000021 (VMX: invalid guest state;", 52), 0);
	run.fail_entry.hardware_entry_failure_reason = UINT64_MAX;
	assert_int_equal(strncmp(text_of(run), "hardware reason 0xffffffffffffffff (SVM: invalid guest state", 60), 0);
	run.fail_entry.hardware_entry_failure_reason = UINT32_MAX;
	assert_int_equal(strncmp(text_of(run), "hardware reason 0xffffffff (SVM: invalid guest state", 52), 0);
	run.fail_entry.hardware_entry_failure_reason = 0x123;
	assert_string_equal(text_of(run), "hardware reason 0x123 (unknown)");
}

static void a_signal_is_a_kick_and_the_rest_is_told(void **state)
{
	enum vcpu_event what;

	assert_int_equal(step((struct play){.error = EINTR, .times = 1}, &what), 0);
	assert_int_equal(what, VCPU_KICKED);
	assert_int_equal(play.runs, 1);
	assert_int_equal(step((struct play){.error = EFAULT, .times = 1}, &what), -EFAULT);
	assert_int_equal(what, VCPU_EVENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cpu_that_waited_for_its_sipi_runs),
		cmocka_unit_test(a_thread_that_kvm_was_refused_is_an_error),
		cmocka_unit_test(a_first_run_that_a_signal_interrupted),
		cmocka_unit_test(what_is_behind_an_error),
		cmocka_unit_test(why_the_processor_left_the_guest),
		cmocka_unit_test(a_signal_is_a_kick_and_the_rest_is_told),
	};

	return run_group(tests);
}
