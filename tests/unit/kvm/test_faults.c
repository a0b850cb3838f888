// SPDX-License-Identifier: Apache-2.0
/*
 * Every call to the host on the way to a machine fails in turn, once: the failure is reported in words, with a negative
 * errno, and nothing is left behind. LeakSanitizer watches the heap in the asan job.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/support/image_kit.h"
#include "tests/support/kvm_fault.h"
#include "tests/support/unit.h"
#include "vmm/base/loop.h"
#include "vmm/base/x86.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

#define MEM_BYTES (CONFIG_MEM_MIN + 16 * 4 * KIB)
#define CPUS      2
/* No path makes more calls than this; a loop that never sees a clean run ends here. */
#define CALLS_MAX 2000

/* What the host may refuse without our giving up: questions that have a default, and best efforts. */
static bool may_be_survived(const char *hit, int code)
{
	if (strcmp(hit, "ioctl KVM_CHECK_EXTENSION") == 0)
		return true;
	/* KVM before Linux 5.18 does not say; the guest then measures its TSC. */
	if (strcmp(hit, "ioctl KVM_GET_TSC_KHZ") == 0)
		return true;
	/* Only block devices have sectors of their own. */
	if (strcmp(hit, "ioctl BLKSSZGET") == 0)
		return true;
	/* A kernel that cannot be mapped over RAM is read. */
	if (strcmp(hit, "mmap MAP_FIXED") == 0)
		return true;
	/* A host without huge pages has small ones. */
	if (strcmp(hit, "madvise MADV_NOHUGEPAGE") == 0)
		return true;
	/* EINVAL says that the kernel is older than the advice; the pages are then touched one by one. */
	return strcmp(hit, "madvise MADV_POPULATE_WRITE") == 0 && !code;
}

/* What was said of all the failures of a path, one after the other. */
static char said[256 * 1024];

static void note_said(const char *text)
{
	size_t n = strlen(said);

	assert_true(n + strlen(text) + 2 < sizeof(said));
	snprintf(said + n, sizeof(said) - n, "%s\n", text);
}

/*
 * Runs `build` with its first call failing, then its second, and so on until one run meets no fault. `build` frees all.
 * With EINTR the run must succeed, as signals come at any time.
 */
static void each_call_fails(const char *path, int code, int (*build)(struct err *e))
{
	struct resources before;
	struct err e = {0};
	unsigned calls, n;

	/* Once without a fault: what is made once for a process (stdio, locale) is made now. */
	fault_arm(0, 0);
	assert_int_equal(build(&e), 0);
	calls = fault_disarm();
	assert_in_range(calls, 1, CALLS_MAX);
	before = resources_now();
	said[0] = '\0';

	for (n = 1;; n++) {
		char what[128];
		int r;

		e = (struct err){0};
		fault_arm(n, code);
		r = build(&e);
		fault_disarm();
		if (!fault_hit())
			break;
		snprintf(what, sizeof(what), "%s: call %u (%s) with errno %d", path, n, fault_hit(), code);
		assert_same_resources(&before, what);
		if (r > 0)
			fail_msg("%s: returned %d", what, r);
		if (code == EINTR && r < 0 && strncmp(fault_hit(), "ioctl", 5) == 0)
			fail_msg("%s: not retried: %s", what, e.text);
		if (r == 0 && code != EINTR && !may_be_survived(fault_hit(), code))
			fail_msg("%s: nobody noticed", what);
		note_said(e.text);
		if (r < 0 && strlen(e.text) < 10)
			fail_msg("%s: %d without words: \"%s\"", what, r, e.text);
		assert_true(n < CALLS_MAX);
	}
	assert_true(n > calls);
	printf("%s: %u calls failed in turn with errno %d\n", path, n - 1, code);
}

/* The parts one by one, in the order a machine uses them. */
static int build_vm_parts(struct kvm *kvm, struct vm *vm, struct irq_line *line, struct err *e)
{
	const struct cpuid_opts opts = {.cpus = CPUS};
	const struct entry entry = {.mode = ENTRY_LONG, .rip = 0x1000, .cs = 0x10, .ds = 0x18};
	static struct cpuid_set set;
	struct memory memory = {0};
	int r;

	r = kvm_open(NULL, kvm, e);
	if (r == 0)
		r = cpuid_supported(kvm, &set, e);
	if (r == 0)
		r = cpuid_policy(&set, &opts, &set, e);
	if (r == 0)
		r = vm_create(kvm, vm, e);
	if (r == 0)
		r = memory_create(MEM_BYTES, BACKING_ANON, true, &memory, e);
	if (r == 0) {
		r = vm_set_memory(vm, &memory, e);
		memory_destroy(&memory);
	}
	if (r == 0)
		r = vm_hide_pmu(vm, e);
	if (r == 0)
		r = vm_add_irqchip(vm, e);
	if (r == 0) {
		r = irq_line_init(line);
		if (r < 0)
			err_sys(e, r, "cannot make an interrupt line");
	}
	if (r == 0)
		r = vm_add_pit(vm, 0, 0, e);
	if (r == 0)
		r = vm_attach_irq(vm, line, 4, e);
	if (r == 0)
		r = vm_add_vcpus(vm, CPUS, e);
	for (unsigned i = 0; r == 0 && i < CPUS; i++) {
		cpuid_for_cpu(&set, i, CPUS);
		r = vcpu_set_cpuid(&vm->vcpu[i], &set, e);
		if (r == 0)
			r = vcpu_set_platform(&vm->vcpu[i], e);
		if (r == 0)
			r = vcpu_set_entry(&vm->vcpu[i], &entry, e);
	}
	return r;
}

static int build_vm(struct err *e)
{
	struct kvm kvm = {.fd = -1};
	struct vm vm = {.fd = -1};
	struct irq_line line = {.fd = -1};
	int r = build_vm_parts(&kvm, &vm, &line, e);

	vm_destroy(&vm);
	vm_destroy(&vm);
	irq_line_destroy(&line);
	kvm_close(&kvm);
	return r;
}

static void vm_set_up(void **state)
{
	each_call_fails("vm", 0, build_vm);
	each_call_fails("vm", EPERM, build_vm);
	each_call_fails("vm", EINTR, build_vm);
}

/* HWCR.TscFreqSel, in new KVMs; a KVM that refuses the register, as those before Linux 6.7 do, is no failure. */
static void tsc_counts_at_p0(void **state)
{
	struct vcpu_msr m = {.index = MSR_HWCR};
	struct irq_line line = {.fd = -1};
	struct kvm kvm = {.fd = -1};
	struct vm vm = {.fd = -1};
	struct err e = {0};

	if (build_vm_parts(&kvm, &vm, &line, &e) < 0)
		fail_msg("%s", e.text);
	if (kvm.hwcr) {
		assert_int_equal(vcpu_get_msrs(&vm.vcpu[0], &m, 1, &e), 0);
		assert_true(!m.refused && m.value & HWCR_TSC_FREQ_SEL);
	}
	kvm.hwcr = true;
	assert_int_equal(vcpu_set_platform(&vm.vcpu[0], &e), 0);
	vm_destroy(&vm);
	irq_line_destroy(&line);
	kvm_close(&kvm);
}

static char kernel_path[64];
static enum kernel_load kernel_load_how;

static char disk_path[64], vsock_path[64];

/* One of each kind that needs nothing of the host but files. */
static void add_devices(struct config *c)
{
	static struct config_disk disk;

	disk = (struct config_disk){.path = disk_path, .logical = 512, .queues = 2};
	c->disk = &disk;
	c->nr_disks = 1;
	c->vsock = (struct config_vsock){.cid = 3, .path = vsock_path};
	c->balloon.on = true;
	c->console_virtio = true;
}

static int build_machine(struct err *e)
{
	const struct machine_stdio io = {.in_fd = -1, .out_fd = -1};
	struct machine *m = NULL;
	struct loop *loop = NULL;
	struct config config;
	int r;

	config_init(&config);
	config.kernel = kernel_path;
	config.kernel_load = kernel_load_how;
	config.console = CONSOLE_NULL;
	config.mem_bytes = MEM_BYTES;
	config.cpus = CPUS;
	config.debug_exit = true;
	config.debug_exit_port = 0xf4;
	if (disk_path[0])
		add_devices(&config);

	r = loop_new(&loop);
	if (r < 0)
		return err_sys(e, r, "cannot make a loop");
	r = machine_open(&config, &io, NULL, loop, &m, e);
	if (r == 0)
		r = machine_build(m, e);
	machine_destroy(m);
	loop_free(loop);
	return r;
}

static void machine_set_up(void **state)
{
	struct kit_elf elf;
	int fd;

	kit_elf(&elf);
	fd = kit_file(&elf, sizeof(elf));
	snprintf(kernel_path, sizeof(kernel_path), "/proc/self/fd/%d", fd);
	kernel_load_how = KERNEL_LOAD_READ;
	each_call_fails("machine", 0, build_machine);
	each_call_fails("machine", EPERM, build_machine);
	each_call_fails("machine", EINTR, build_machine);
	kernel_load_how = KERNEL_LOAD_MAP;
	each_call_fails("machine with a mapped kernel", 0, build_machine);
	close(fd);
}

/* Each device that cannot be set up is named. */
static void machine_with_devices(void **state)
{
	static const char *const names[] = {"cannot set up the serial port: ", "cannot set up the ACPI power block: ",
		"cannot set up the entropy device: ", "cannot set up the socket device: ",
		"cannot set up the virtio console: ", "cannot set up the balloon: ",
		"cannot set up the thread of network, sockets and balloon: "};
	char disk_name[128], dir[] = "/tmp/vmm-faults.XXXXXX";
	struct kit_elf elf;
	int fd, disk;

	kit_elf(&elf);
	fd = kit_file(&elf, sizeof(elf));
	disk = kit_file(&elf, sizeof(elf));
	assert_int_equal(ftruncate(disk, MIB), 0);
	assert_non_null(mkdtemp(dir));
	snprintf(kernel_path, sizeof(kernel_path), "/proc/self/fd/%d", fd);
	snprintf(disk_path, sizeof(disk_path), "/proc/self/fd/%d", disk);
	snprintf(vsock_path, sizeof(vsock_path), "%s/vsock", dir);
	kernel_load_how = KERNEL_LOAD_READ;
	each_call_fails("machine with devices", 0, build_machine);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strstr(said, names[i]))
			fail_msg("no failure said \"%s\"", names[i]);
	snprintf(disk_name, sizeof(disk_name), "cannot set up --disk path=%s: ", disk_path);
	assert_non_null(strstr(said, disk_name));
	disk_path[0] = '\0';
	/* Nothing of the socket is left, whichever call failed. */
	assert_int_equal(rmdir(dir), 0);
	close(disk);
	close(fd);
}

/* A VM that is still being made goes with the rest of what failed meanwhile. */
static void destroyed_while_it_is_made(void **state)
{
	struct kvm kvm = {.fd = -1};
	struct resources before;
	struct err e = {0};
	struct vm vm;

	assert_int_equal(kvm_open(NULL, &kvm, &e), 0);
	/* Once before: with the first thread of a process, ThreadSanitizer starts one of its own, which stays. */
	vm_create_begin(&kvm, &vm);
	vm_destroy(&vm);
	before = resources_now();
	vm_create_begin(&kvm, &vm);
	vm_destroy(&vm);
	vm_destroy(&vm);
	assert_same_resources(&before, "destroyed before vm_create_end()");
	fault_arm(1, 0);
	vm_create_begin(&kvm, &vm);
	vm_destroy(&vm);
	fault_disarm();
	assert_string_equal(fault_hit(), "ioctl KVM_CREATE_VM");
	assert_same_resources(&before, "destroyed without a VM");

	vm_create_begin(&kvm, &vm);
	assert_int_equal(vm_create_end(&vm, &e), 0);
	assert_true(vm.fd >= 0);
	assert_int_equal(kvm_ioctl(&kvm, vm.fd, KVM_CHECK_EXTENSION, KVM_ARG(KVM_CAP_IRQCHIP)), 1);
	vm_destroy(&vm);
	assert_same_resources(&before, "a VM");
	kvm_close(&kvm);
}

static void null_and_half_built(void **state)
{
	vm_destroy(NULL);
	vcpu_destroy(NULL);
	vcpu_destroy(&(struct vcpu){0});
	memory_destroy(NULL);
	memory_destroy(&(struct memory){0});
	machine_destroy(NULL);
	kvm_close(NULL);
	kvm_close(&(struct kvm){.fd = -1});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_and_half_built),
		cmocka_unit_test(destroyed_while_it_is_made),
		cmocka_unit_test(vm_set_up),
		cmocka_unit_test(tsc_counts_at_p0),
		cmocka_unit_test(machine_set_up),
		cmocka_unit_test(machine_with_devices),
	};
	int fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return skip_program("no usable /dev/kvm here; tests/lab/unit-kvm.test runs this one in the lab");
	close(fd);
	return run_group(tests);
}
