// SPDX-License-Identifier: Apache-2.0
/*
 * Rounds of a small guest on a real KVM: it reads commands from its serial port, and each round begins where the first
 * one did, whatever the last one did and however it ended.
 */
#include <errno.h>
#include <linux/serial_reg.h>

#include "tests/support/with_kvm.h"
#include "tests/unit/machine/run_rig.h"
#include "vmm/machine/reset.h"
#include "vmm/machine/rounds.h"

/* The filters are not installed: they would stay with this program. */
int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds);
int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds)
{
	return 0;
}

#define COUNTER  0x600000 /* a byte of the guest's RAM */
#define LIMIT_NS (2 * NSEC_PER_SEC)
#define LATE_NS  (50 * NSEC_PER_MSEC)

#define LE32(n) (uint8_t)(n), (uint8_t)((n) >> 8), (uint8_t)((n) >> 16), (uint8_t)((n) >> 24)

/* --- The guest ---------------------------------------------------------------------------------------------------- */

/* cmp $command, %al; jne over it; @what; jmp to the begin of the code */
static void on_command(struct program *p, char command, const struct program *what)
{
	EMIT(p, 0x3c, (uint8_t)command, 0x0f, 0x85, LE32(what->size + 5));
	emit(p, what->code, what->size);
	EMIT(p, 0xe9, LE32(-(uint32_t)p->size - 5));
}

static void commands(struct program *p)
{
	struct program count = {.size = 0}, mark = {.size = 0}, end = {.size = 0}, reset = {.size = 0},
		       panic = {.size = 0}, forever = {.size = 0};

	/* 1: in %dx, %al; test $1, %al; jz 1b; then the byte */
	select_port(p, COM1 + UART_LSR);
	EMIT(p, 0xec, 0xa8, 0x01, 0x74, 0xfb);
	select_port(p, COM1);
	EMIT(p, 0xec);
	/* mov $COUNTER, %edi; incb (%rdi); mov (%rdi), %al; add $'0', %al; out */
	EMIT(&count, 0xbf, LE32(COUNTER), 0xfe, 0x07, 0x8a, 0x07, 0x04, '0');
	select_port(&count, COM1);
	EMIT(&count, 0xee);
	on_command(p, 'c', &count);
	print(&mark, "\nvmm-mark=done\nnot seen");
	on_command(p, 'm', &mark);
	out(&end, DEBUG, 5);
	on_command(p, 'x', &end);
	out(&reset, I8042, 0xfe);
	on_command(p, 'r', &reset);
	out(&panic, PVPANIC, 1);
	on_command(p, 'p', &panic);
	spin(&forever);
	on_command(p, 'l', &forever);
	EMIT(p, 0xe9, LE32(-(uint32_t)p->size - 5));
}

/* --- The rounds --------------------------------------------------------------------------------------------------- */

static const struct {
	const char *input, *output;
	enum outcome outcome;
	uint64_t value;
	bool late; /* the machine has waited for its input */
} script[] = {
	{.input = "ccm", .output = "12\n", .outcome = OUTCOME_NONE},
	{.input = "cm", .output = "1\n", .outcome = OUTCOME_NONE},
	{.input = "cccx", .output = "123", .outcome = OUTCOME_DEBUG_EXIT, .value = 5},
	{.input = "cm", .output = "1\n", .outcome = OUTCOME_NONE, .late = true},
	{.input = "cr", .output = "1", .outcome = OUTCOME_RESET},
	{.input = "ccp", .output = "12", .outcome = OUTCOME_PANIC},
	{.input = "cl", .output = "1", .outcome = OUTCOME_TIMEOUT},
	{.input = "cm", .output = "1\n", .outcome = OUTCOME_NONE},
};

static struct trial {
	struct rig r;
	struct loop_timer late;
	unsigned next, ended, idles;
	uint64_t began_ns;
} t;

static void begin(void)
{
	struct err e = {0};

	t.began_ns = trace_now_ns();
	if (machine_round(t.r.m, (const uint8_t *)script[t.next].input, strlen(script[t.next].input), &e) < 0)
		fail_msg("%s", e.text);
	t.next++;
}

static void on_late(struct loop_timer *timer)
{
	loop_timer_set(timer, 0, 0);
	begin();
}

static void on_idle(void *arg)
{
	assert_ptr_equal(arg, &t);
	t.idles++;
	if (t.next == ARRAY_SIZE(script))
		machine_end(t.r.m, OUTCOME_SIGNAL, DETECTOR_SIGNAL, 15);
	else if (script[t.next].late)
		loop_timer_set(&t.late, LATE_NS, 0);
	else
		begin();
}

/* No reset is refused here. */
static void on_lost(void *arg)
{
	fail_msg("KVM refused a reset");
}

static void on_ended(void *arg, const struct round_end *end)
{
	unsigned i = t.ended++;
	uint64_t most = trace_now_ns() - t.began_ns;

	assert_int_equal(t.next, t.ended);
	assert_int_equal(end->verdict.outcome, script[i].outcome);
	assert_int_equal(end->verdict.value, script[i].value);
	if (end->size != strlen(script[i].output) || memcmp(end->output, script[i].output, end->size) != 0)
		fail_msg("round %u: \"%.*s\"", i, (int)end->size, (const char *)end->output);
	assert_int_equal(end->lost, 0);
	assert_in_range(end->took_ns, 1, most);
	if (script[i].outcome == OUTCOME_TIMEOUT)
		assert_true(end->took_ns >= LIMIT_NS);
	/* The page of the counter has changed at least. */
	assert_in_range(end->pages, 1, CONFIG_MEM_MIN / PAGE_4K);
}

static void each_round_begins_where_the_first_did(void **state)
{
	static const struct rounds_ops ops = {.idle = on_idle, .ended = on_ended, .lost = on_lost};
	struct program p = {.size = 0};
	struct verdict v;
	struct err e = {0};

	commands(&p);
	t = (struct trial){.next = 0};
	wish.resets = wish.no_panic_text = true;
	wish.cpus = 1;
	up(&t.r, &p);
	if (machine_reset_init(t.r.m, NULL, &e) < 0 || machine_reset_mark(t.r.m, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(loop_timer_init(t.r.loop, &t.late, on_late), 0);
	if (machine_rounds_init(t.r.m, &ops, &t, LIMIT_NS, false, &e) < 0)
		fail_msg("%s", e.text);
	v = run(&t.r);
	assert_int_equal(v.outcome, OUTCOME_SIGNAL);
	assert_int_equal(t.ended, ARRAY_SIZE(script));
	/* Before the first, and after each. */
	assert_int_equal(t.idles, ARRAY_SIZE(script) + 1);
	loop_timer_destroy(&t.late);
	down(&t.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_round_begins_where_the_first_did),
	};
	struct kvm kvm = {.fd = -1};

	return run_with_kvm(&kvm, tests);
}
