// SPDX-License-Identifier: Apache-2.0
/* KVM's chips as the guest finds them: the interval timer after its first write to it, the local APICs at the start. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "devices/pit.h"
#include "tests/support/unit.h"
#include "vmm/base/le.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/kvm/vm.h"

#define STOPPED 0xff

/* SDM 3, 11.4.1 */
#define APIC_SPIV  0xf0
#define APIC_LINT0 0x350
#define APIC_LINT1 0x360

struct counter {
	uint8_t mode, bcd, access, gate;
};

static void expect(uint8_t control, uint8_t speaker, const struct counter *want)
{
	struct kvm kvm = {.fd = -1};
	struct vm vm = {.fd = -1};
	struct kvm_pit_state2 state;
	struct err e = {0};

	assert_int_equal(kvm_open(NULL, &kvm, &e), 0);
	assert_int_equal(vm_create(&kvm, &vm, &e), 0);
	assert_int_equal(vm_add_irqchip(&vm, &e), 0);
	/* A guest that runs asks for it: there are CPUs by then. */
	assert_int_equal(vm_add_vcpus(&vm, 1, &e), 0);
	assert_int_equal(ioctl(vm.fd, KVM_GET_PIT2, &state), -1);
	if (vm_add_pit(&vm, control, speaker, &e) < 0)
		fail_msg("control word 0x%x: %s", control, e.text);
	assert_int_equal(ioctl(vm.fd, KVM_GET_PIT2, &state), 0);
	for (unsigned i = 0; i < 3; i++) {
		const struct kvm_pit_channel_state *c = &state.channels[i];

		if (c->mode != want[i].mode || c->bcd != want[i].bcd || c->rw_mode != want[i].access ||
			c->read_state != want[i].access || c->write_state != want[i].access ||
			c->gate != want[i].gate || c->count != 0x10000)
			fail_msg("control word 0x%x, counter %u: mode %u, BCD %u, access %u, gate %u, count 0x%x",
				control, i, c->mode, c->bcd, c->rw_mode, c->gate, c->count);
	}
	assert_int_equal(vm_add_pit(&vm, control, speaker, &e), -EEXIST);
	assert_non_null(strstr(e.text, "KVM_CREATE_PIT2"));
	vm_destroy(&vm);
	kvm_close(&kvm);
}

static void the_first_control_word_is_not_lost(void **state)
{
	/* As firmware leaves them, counter 0 stopped. */
	expect(0, 0, (struct counter[]){{STOPPED, 0, 3, 1}, {2, 0, 3, 1}, {3, 0, 3, 0}});
	/* How Linux calibrates, with the gate open. */
	expect(0xb0, PIT_SPEAKER_GATE, (struct counter[]){{STOPPED, 0, 3, 1}, {2, 0, 3, 1}, {0, 0, 3, 1}});
	/* A periodic tick; one shot; the high byte alone, in decimal. Modes 6 and 7 are 2 and 3. */
	expect(0x34, 0, (struct counter[]){{2, 0, 3, 1}, {2, 0, 3, 1}, {3, 0, 3, 0}});
	expect(0x38, 0, (struct counter[]){{4, 0, 3, 1}, {2, 0, 3, 1}, {3, 0, 3, 0}});
	expect(0x6f, 0, (struct counter[]){{STOPPED, 0, 3, 1}, {3, 1, 2, 1}, {3, 0, 3, 0}});
	/* Latching a counter, reading one back: they program nothing. */
	expect(0x80, 0, (struct counter[]){{STOPPED, 0, 3, 1}, {2, 0, 3, 1}, {3, 0, 3, 0}});
	expect(0xd2, 0, (struct counter[]){{STOPPED, 0, 3, 1}, {2, 0, 3, 1}, {3, 0, 3, 0}});
}

static uint32_t apic(const struct vcpu *v, unsigned reg)
{
	struct kvm_lapic_state lapic;

	assert_int_equal(ioctl(v->fd, KVM_GET_LAPIC, &lapic), 0);
	return le32_get(lapic.regs + reg);
}

/* MP 1.4, 3.6.2.2: the boot CPU's APIC is on and hands the 8259's interrupts through; the others are as after INIT. */
static void the_boot_cpu_is_wired_to_the_8259(void **state)
{
	struct kvm kvm = {.fd = -1};
	struct vm vm = {.fd = -1};
	struct err e = {0};

	assert_int_equal(kvm_open(NULL, &kvm, &e), 0);
	assert_int_equal(vm_create(&kvm, &vm, &e), 0);
	assert_int_equal(vm_add_irqchip(&vm, &e), 0);
	assert_int_equal(vm_add_vcpus(&vm, 2, &e), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(vcpu_set_platform(&vm.vcpu[i], &e), 0);
		assert_int_equal(apic(&vm.vcpu[i], APIC_SPIV), i == 0 ? 0x1ff : 0xff);
		assert_int_equal(apic(&vm.vcpu[i], APIC_LINT0), 0x700);
		assert_int_equal(apic(&vm.vcpu[i], APIC_LINT1), 0x400);
	}
	vm_destroy(&vm);
	kvm_close(&kvm);
}

/* Both masked, as firmware leaves them, and without an edge that waits. */
static void the_8259s_are_masked(void **state)
{
	static const uint32_t chips[] = {KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE};
	struct kvm kvm = {.fd = -1};
	struct vm vm = {.fd = -1};
	struct err e = {0};

	assert_int_equal(kvm_open(NULL, &kvm, &e), 0);
	assert_int_equal(vm_create(&kvm, &vm, &e), 0);
	assert_int_equal(vm_add_irqchip(&vm, &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(chips); i++) {
		struct kvm_irqchip chip = {.chip_id = chips[i]};

		assert_int_equal(ioctl(vm.fd, KVM_GET_IRQCHIP, &chip), 0);
		assert_int_equal(chip.chip.pic.imr, 0xff);
		assert_int_equal(chip.chip.pic.irr, 0);
	}
	vm_destroy(&vm);
	kvm_close(&kvm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_control_word_is_not_lost),
		cmocka_unit_test(the_boot_cpu_is_wired_to_the_8259),
		cmocka_unit_test(the_8259s_are_masked),
	};

	return run_group(tests);
}
