// SPDX-License-Identifier: Apache-2.0
/*
 * A held machine is saved, and another one continues with its state and a copy of its RAM. The guest's output and the
 * state of KVM's interrupt controllers are compared.
 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "tests/unit/machine/run_rig.h"
#include "vmm/machine/saved.h"

/* The filters are not installed: they would stay with this program. */
int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds);

int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds)
{
	return 0;
}

#define LOOK      (2 * NSEC_PER_MSEC)
#define STATE_MAX (512 * KIB)

/* --- Machines ----------------------------------------------------------------------------------------------------- */

/**
 * struct watch - watches a running machine: when @ready returns true the machine is saved, if @saves, and ended
 * @state, @result, @e: of machine_save()
 */
struct watch {
	struct rig *r;
	bool (*ready)(const struct rig *r);
	bool saves;
	struct loop_timer timer;
	struct hold hold;
	struct state_writer state;
	int result;
	struct err e;
};

static uint8_t state_bytes[STATE_MAX], ram_bytes[CONFIG_MEM_MIN];
static size_t saved_size;

static void on_held(struct hold *h)
{
	struct watch *w = container_of(h, struct watch, hold);
	struct machine *m = w->r->m;

	w->result = machine_save(m, &w->state, &w->e);
	if (gmem_read(&m->vm.memory.gmem, 0, ram_bytes, CONFIG_MEM_MIN) < 0)
		w->result = -EFAULT;
	machine_end(m, OUTCOME_SIGNAL, DETECTOR_SIGNAL, 1);
}

static void on_refused(struct hold *h, const char *late)
{
	machine_end(container_of(h, struct watch, hold)->r->m, OUTCOME_FAILURE, DETECTOR_VMM, 0);
}

static void on_look(struct loop_timer *t)
{
	struct watch *w = container_of(t, struct watch, timer);

	if (!w->ready(w->r))
		return;
	if (w->saves)
		machine_hold(w->r->m, &w->hold);
	else
		machine_end(w->r->m, OUTCOME_SIGNAL, DETECTOR_SIGNAL, 1);
}

/* Until it is ready; a guest that never is meets its time limit. */
static void run_until(struct watch *w)
{
	assert_int_equal(loop_timer_init(w->r->loop, &w->timer, on_look), 0);
	assert_int_equal(loop_timer_set(&w->timer, LOOK, LOOK), 0);
	assert_int_equal(run(w->r).by, DETECTOR_SIGNAL);
	loop_timer_destroy(&w->timer);
}

/* Runs the program in a machine until it is saved; the machine is left as it ended. */
static void run_and_save(struct rig *r, const struct program *p, bool (*ready)(const struct rig *r))
{
	struct watch w = {
		.r = r,
		.ready = ready,
		.saves = true,
		.hold = {.held = on_held, .refused = on_refused},
		.result = -ECANCELED,
	};
	struct err e = {0};

	up(r, p);
	assert_int_equal(machine_saved_init(r->m, &e), 0);
	assert_int_equal(machine_saved_init(r->m, &e), 0);
	w.state = (struct state_writer){.data = state_bytes, .size = machine_saved_size(r->m)};
	assert_in_range(w.state.size, 1, STATE_MAX);
	run_until(&w);
	if (w.result < 0)
		fail_msg("%s", w.e.text);
	assert_int_equal(w.state.used, w.state.size);
	saved_size = w.state.used;
}

static int restore(struct rig *r, struct err *e)
{
	struct state_reader reader = {.data = state_bytes, .size = saved_size};
	int ret = machine_saved_init(r->m, e);

	if (ret == 0)
		ret = gmem_write(&r->m->vm.memory.gmem, 0, ram_bytes, CONFIG_MEM_MIN);
	if (ret == 0)
		ret = machine_restore(r->m, &reader, CLOCK_GOES_ON, e);
	if (ret == 0)
		assert_int_equal(reader.at, reader.size);
	return ret;
}

/* --- A guest that goes on ----------------------------------------------------------------------------------------- */

#define LETTERS 500 /* that are waited for, in each machine */

/* Prints letters, a to z and again, without an end. */
static void letters(struct program *p)
{
	select_port(p, COM1);
	/* 1: mov $'a', %al; 2: out %al, %dx; inc %al; cmp $'z', %al; jbe 2b; jmp 1b */
	EMIT(p, 0xb0, 'a', 0xee, 0xfe, 0xc0, 0x3c, 'z', 0x76, 0xf9, 0xeb, 0xf5);
}

static size_t printed_now(const struct rig *r)
{
	struct stat st;

	assert_int_equal(fstat(r->out_fd, &st), 0);
	return (size_t)st.st_size;
}

static bool has_printed(const struct rig *r)
{
	return printed_now(r) >= LETTERS;
}

/* Return: the letter that comes after the last one. */
static unsigned check_letters(const struct rig *r, unsigned next)
{
	size_t size = printed_now(r), n;
	char text[4096];

	assert_true(size >= LETTERS);
	for (size_t at = 0; at < size; at += n) {
		n = MIN(size - at, sizeof(text));
		assert_int_equal(pread(r->out_fd, text, n, (off_t)at), n);
		for (size_t i = 0; i < n; i++, next = (next + 1) % 26)
			if (text[i] != (char)('a' + next))
				fail_msg("letter %zu is %c and not %c", at + i, text[i], 'a' + next);
	}
	return next;
}

static void a_guest_goes_on_in_another_machine(void **state)
{
	struct program p = {.size = 0};
	struct rig first, second;
	struct watch w = {.r = &second, .ready = has_printed};
	struct err e = {0};
	unsigned next;

	letters(&p);
	wish.devices = true;
	run_and_save(&first, &p, has_printed);
	next = check_letters(&first, 0);
	down(&first);
	wish.devices = true;
	up(&second, &p);
	if (restore(&second, &e) < 0)
		fail_msg("%s", e.text);
	run_until(&w);
	/* Not a letter twice, and none is missing. */
	check_letters(&second, next);
	down(&second);
}

/* --- Interrupts --------------------------------------------------------------------------------------------------- */

#define UART_PIN 4

static uint8_t pending(const struct rig *r)
{
	struct kvm_irqchip chip = {.chip_id = KVM_IRQCHIP_PIC_MASTER};

	assert_int_equal(ioctl(r->m->vm.fd, KVM_GET_IRQCHIP, &chip), 0);
	return chip.chip.pic.irr;
}

static bool is_pending(const struct rig *r)
{
	return pending(r);
}

/* The port has nothing to send and signals that, as if the pulse had been pending when the state was saved. */
static void a_device_with_a_reason_raises_its_line(void **state)
{
	struct program p = {.size = 0};
	struct kvm_irqchip *pic;
	struct state_writer w;
	struct rig first, second;
	struct err e = {0};

	out(&p, COM1 + UART_MCR, UART_MCR_OUT2);
	out(&p, COM1 + UART_IER, UART_IER_THRI);
	idle(&p);
	run_and_save(&first, &p, is_pending);
	pic = &first.m->saved->irqchip[KVM_IRQCHIP_PIC_MASTER];
	assert_true(pic->chip.pic.irr & (1 << UART_PIN));
	pic->chip.pic.irr = 0;
	w = (struct state_writer){.data = state_bytes, .size = STATE_MAX};
	vm_saved_put(first.m->saved, &w);
	down(&first);
	up(&second, &p);
	assert_int_equal(pending(&second), 0);
	if (restore(&second, &e) < 0)
		fail_msg("%s", e.text);
	/* A worker of KVM delivers it. */
	for (unsigned i = 0; i < 5000 && !pending(&second); i++)
		usleep(1000);
	assert_int_equal(pending(&second), 1 << UART_PIN);
	down(&second);
}

/* --- What is refused ---------------------------------------------------------------------------------------------- */

static bool at_once(const struct rig *r)
{
	return true;
}

static void another_machines_state_is_refused(void **state)
{
	struct program p = {.size = 0};
	struct rig first, second;
	struct err e = {0};

	idle(&p);
	run_and_save(&first, &p, at_once);
	down(&first);
	/* It has a disk, and the saved one has not. */
	wish.devices = true;
	up(&second, &p);
	assert_int_equal(restore(&second, &e), -EINVAL);
	assert_string_equal(e.text, "cannot restore the guest: the saved state of virtio 0: it is another device");
	down(&second);
	up(&second, &p);
	state_bytes[saved_size / 2] ^= 1;
	assert_int_equal(restore(&second, &e), -EINVAL);
	assert_ptr_equal(strstr(e.text, "cannot restore the guest: the saved state of "), e.text);
	assert_non_null(strstr(e.text, ": its checksum is wrong"));
	down(&second);
	up(&second, &p);
	second.config.nested = true;
	assert_int_equal(machine_saved_init(second.m, &e), -ENOTSUP);
	assert_string_equal(e.text, "--nested: the state of a guest's own guests cannot be saved");
	second.config.nested = false;
	down(&second);
}

static void clocks_that_are_right(void **state)
{
	struct vm_saved s = {.realtime_ns = clock_ns(CLOCK_REALTIME) - 5 * NSEC_PER_SEC};

	assert_int_equal(machine_skipped_ns(&s, CLOCK_GOES_ON), 0);
	assert_in_range(machine_skipped_ns(&s, CLOCK_IS_RIGHT), 5 * NSEC_PER_SEC, 65 * NSEC_PER_SEC);
	/* The host's clock was set back. */
	s.realtime_ns += 3600 * NSEC_PER_SEC;
	assert_int_equal(machine_skipped_ns(&s, CLOCK_IS_RIGHT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_goes_on_in_another_machine),
		cmocka_unit_test(a_device_with_a_reason_raises_its_line),
		cmocka_unit_test(another_machines_state_is_refused),
		cmocka_unit_test(clocks_that_are_right),
	};

	if (access(KVM_DEVICE, R_OK | W_OK) < 0)
		return skip_program(KVM_DEVICE " cannot be opened");
	return run_group(tests);
}
