// SPDX-License-Identifier: Apache-2.0
/*
 * What a core says of a CPU, of a guest that set its registers itself. What tools make of it: tests/lab/core.test.
 */
#include "tests/support/with_kvm.h"
#include "tests/unit/machine/run_rig.h"
#include "vmm/debug/elfcore.h"

int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds);

int __wrap_seccomp_install(enum sandbox_role role, uint32_t devices, const struct sandbox_fds *fds)
{
	return 0;
}

static void read_registers(const char *path, struct core_registers *ret)
{
	static uint8_t bytes[MIB];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const uint8_t *note;
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_true(n > 0);
	/* The name of a note is padded to 8 bytes here; the first CPU's is the first. */
	note = memmem(bytes, (size_t)n, "QEMU\0", 5);
	assert_non_null(note);
	assert_true(note + 8 + sizeof(*ret) <= bytes + n);
	memcpy(ret, note + 8, sizeof(*ret));
}

/* The code and data segments that the boot protocol of Linux has (docs/design/boot.md): 0x10 and 0x18. */
static void each_segment_register_is_the_guests(void **state)
{
	struct core_registers c;
	struct program p = {.size = 0};
	struct verdict v;
	struct rig r;

	/* xor %eax, %eax; mov %eax, %ds; mov %eax, %gs; mov $0x10, %al; mov %eax, %fs */
	EMIT(&p, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xe8, 0xb0, 0x10, 0x8e, 0xe0);
	/* mov $0x55aa, %eax; mov $0x77, %r15b */
	EMIT(&p, 0xb8, 0xaa, 0x55, 0, 0, 0x41, 0xb7, 0x77);
	/* For good. After a triple fault there are no registers on AMD: KVM's SVM resets the CPU. */
	halt(&p);
	wish.debugging = true;
	up(&r, &p);
	v = run(&r);
	assert_int_equal(v.outcome, OUTCOME_HALT);
	assert_non_null(machine_core_path(r.m));
	read_registers(machine_core_path(r.m), &c);
	unlink(machine_core_path(r.m));
	down(&r);
	assert_int_equal(c.rax, 0x55aa);
	assert_int_equal(c.r15 & 0xff, 0x77);
	assert_int_equal(c.cs.selector, 0x10);
	assert_int_equal(c.ds.selector, 0);
	assert_int_equal(c.es.selector, 0x18);
	assert_int_equal(c.fs.selector, 0x10);
	assert_int_equal(c.gs.selector, 0);
	assert_int_equal(c.ss.selector, 0x18);
	/* SDM 3, 3.4.5: present, data or code; L of the code segment alone */
	assert_int_equal(c.cs.flags & 0x209800, 0x209800);
	assert_int_equal(c.es.flags & 0x209a00, 0x009200);
	assert_int_equal(c.es.limit, 0xffffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_segment_register_is_the_guests),
	};
	struct kvm kvm = {.fd = -1};

	return run_with_kvm(&kvm, tests);
}
