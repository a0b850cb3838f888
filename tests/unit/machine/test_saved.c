// SPDX-License-Identifier: Apache-2.0
/*
 * A machine that is held is saved, and another one goes on with its state and a copy of its RAM. What is compared is
 * what the guest prints, and what KVM's controllers hold.
 */
#include <errno.h>
#include <linux/serial_reg.h>
#include <sys/ioctl.h>

#include "tests/unit/machine/run_rig.h"
#include "vmm/machine/saved.h"

/* The filters are not installed: they would stay with this program. */
int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds);

int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds)
{
	return 0;
}

#define LETTERS   30000
#define SAVE_AT   (20 * NSEC_PER_MSEC)
#define STATE_MAX (512 * KIB)

/* --- Machines ----------------------------------------------------------------------------------------------------- */

/** struct saving - of a machine that runs: held when @timer fires, saved, and ended */
struct saving {
	struct machine *m;
	struct loop_timer timer;
	struct hold hold;
	struct state_writer state;
	uint8_t *ram;
	int result;
	struct err e;
};

static uint8_t state_bytes[STATE_MAX], ram_bytes[CONFIG_MEM_MIN];
static struct saving saving;

static void on_held(struct hold *h)
{
	struct saving *s = container_of(h, struct saving, hold);

	s->result = machine_save(s->m, &s->state, &s->e);
	if (gmem_read(&s->m->vm.memory.gmem, 0, s->ram, CONFIG_MEM_MIN) < 0)
		s->result = -EFAULT;
	machine_end(s->m, OUTCOME_SIGNAL, DETECTOR_SIGNAL, 1);
}

static void on_refused(struct hold *h, const char *late)
{
	machine_end(container_of(h, struct saving, hold)->m, OUTCOME_FAILURE, DETECTOR_VMM, 0);
}

static void on_time(struct loop_timer *t)
{
	struct saving *s = container_of(t, struct saving, timer);

	machine_hold(s->m, &s->hold);
}

/* Runs the program in a machine until it is saved; the machine is left as it ended. */
static void run_and_save(struct rig *r, const struct program *p)
{
	struct err e = {0};

	up(r, p);
	assert_int_equal(machine_saved_init(r->m, &e), 0);
	assert_int_equal(machine_saved_init(r->m, &e), 0);
	saving = (struct saving){
		.m = r->m,
		.hold = {.held = on_held, .refused = on_refused},
		.state = {.data = state_bytes, .size = machine_saved_size(r->m)},
		.ram = ram_bytes,
		.result = -ECANCELED,
	};
	assert_in_range(saving.state.size, 1, STATE_MAX);
	assert_int_equal(loop_timer_init(r->loop, &saving.timer, on_time), 0);
	assert_int_equal(loop_timer_set(&saving.timer, SAVE_AT, 0), 0);
	run(r);
	loop_timer_destroy(&saving.timer);
	if (saving.result < 0)
		fail_msg("%s", saving.e.text);
	assert_int_equal(saving.state.used, saving.state.size);
}

static int restore(struct rig *r, struct err *e)
{
	struct state_reader reader = {.data = state_bytes, .size = saving.state.used};
	int ret = machine_saved_init(r->m, e);

	if (ret == 0)
		ret = gmem_write(&r->m->vm.memory.gmem, 0, ram_bytes, CONFIG_MEM_MIN);
	if (ret == 0)
		ret = machine_restore(r->m, &reader, MACHINE_TIME_GOES_ON, e);
	if (ret == 0)
		assert_int_equal(reader.at, reader.size);
	return ret;
}

/* --- A guest that goes on ----------------------------------------------------------------------------------------- */

/* Prints LETTERS letters, a to z and again, and then exits by the debug port. */
static void letters(struct program *p)
{
	select_port(p, COM1);
	/*
	 * mov $LETTERS, %ecx; 1: mov $'a', %al; 2: out %al, %dx; dec %ecx; jz 3f; inc %al; cmp $'z', %al; jbe 2b;
	 * jmp 1b; 3:
	 */
	EMIT(p, 0xb9, LETTERS & 0xff, LETTERS >> 8, 0, 0, 0xb0, 'a', 0xee, 0xff, 0xc9, 0x74, 0x08, 0xfe, 0xc0, 0x3c,
		'z', 0x76, 0xf5, 0xeb, 0xf1);
	out(p, DEBUG, 0);
	spin(p);
}

static size_t text_of(const struct rig *r, char *text)
{
	size_t size = printed(r);

	assert_in_range(size, 1, LETTERS);
	assert_int_equal(pread(r->out_fd, text, size, 0), size);
	return size;
}

static void a_guest_goes_on_in_another_machine(void **state)
{
	static char text[2 * LETTERS];
	struct program p = {.size = 0};
	struct rig first, second;
	struct err e = {0};
	size_t size;

	letters(&p);
	wish.devices = true;
	run_and_save(&first, &p);
	size = text_of(&first, text);
	down(&first);
	assert_in_range(size, 2, LETTERS - 1);
	wish.devices = true;
	up(&second, &p);
	if (restore(&second, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(run(&second).outcome, OUTCOME_DEBUG_EXIT);
	/* Not a letter twice, and none is missing. */
	assert_int_equal(size + text_of(&second, text + size), LETTERS);
	for (size_t i = 0; i < LETTERS; i++)
		if (text[i] != (char)('a' + i % 26))
			fail_msg("letter %zu is %c; it was saved after %zu", i, text[i], size);
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

/* The port has nothing to send and says so: as if the pulse had been under way when the state was saved. */
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
	run_and_save(&first, &p);
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

static void another_machines_state_is_refused(void **state)
{
	struct program p = {.size = 0};
	struct rig first, second;
	struct err e = {0};

	idle(&p);
	run_and_save(&first, &p);
	down(&first);
	/* It has a disk, and the saved one has not. */
	wish.devices = true;
	up(&second, &p);
	assert_int_equal(restore(&second, &e), -EINVAL);
	assert_string_equal(e.text, "cannot restore the guest: the saved state of virtio 0: it is another device");
	down(&second);
	up(&second, &p);
	state_bytes[saving.state.used / 2] ^= 1;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_goes_on_in_another_machine),
		cmocka_unit_test(a_device_with_a_reason_raises_its_line),
		cmocka_unit_test(another_machines_state_is_refused),
	};

	if (access(KVM_DEVICE, R_OK | W_OK) < 0)
		return skip_program(KVM_DEVICE " cannot be opened");
	return run_group(tests);
}
