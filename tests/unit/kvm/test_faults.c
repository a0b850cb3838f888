// SPDX-License-Identifier: Apache-2.0
/*
 * Every call to the host on the way to a machine with devices, and through a short run of it, fails in turn, once: the
 * failure is reported in words, with a negative errno, and nothing is left behind. LeakSanitizer watches the heap in
 * the asan job.
 */
#define TEST_SECONDS 100 /* hundreds of machines */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/image_kit.h"
#include "tests/support/kvm_fault.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/loop.h"
#include "vmm/base/x86.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/vm_saved.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

#define MEM_BYTES (CONFIG_MEM_MIN + 16 * 4 * KIB)
#define CPUS      2

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
	/* A file system without it has the overlay's file under a name for a moment; another directory is tried. */
	if (strcmp(hit, "open O_TMPFILE") == 0)
		return true;
	/* With default attributes they cannot fail, and not all callers check. */
	if (strcmp(hit, "pthread_mutex_init") == 0 || strcmp(hit, "pthread_cond_init") == 0)
		return true;
	/* A kernel that cannot be mapped over RAM is read. */
	if (strcmp(hit, "mmap MAP_FIXED") == 0)
		return true;
	/* A host without huge pages has small ones. */
	if (strcmp(hit, "madvise MADV_NOHUGEPAGE") == 0)
		return true;
	/* The VM is then made by the thread that needs it. Devices and vCPUs that get no thread fail: names[]. */
	if (strcmp(hit, "pthread_create") == 0)
		return true;
	/* EINVAL says that the kernel is older than the advice; the pages are then touched one by one. */
	return strcmp(hit, "madvise MADV_POPULATE_WRITE") == 0 && !code;
}

static const char *each_call_fails(const char *name, int code, void (*prepare)(void), int (*run)(struct err *e))
{
	const struct fault_path path = {name, code, prepare, run, may_be_survived};

	return fault_each_call(&path);
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

/* A VM is saved, and its own state is restored. */
static int save_vm(struct err *e)
{
	struct kvm kvm = {.fd = -1};
	struct vm vm = {.fd = -1};
	struct vm_saved s = {0};
	int r = kvm_open(NULL, &kvm, e);

	if (r == 0)
		r = vm_create(&kvm, &vm, e);
	if (r == 0)
		r = vm_add_irqchip(&vm, e);
	if (r == 0)
		r = vm_add_vcpus(&vm, 1, e);
	if (r == 0)
		r = vm_add_pit(&vm, 0, 0, e);
	if (r == 0)
		r = vm_saved_init(&vm, &s, e);
	if (r == 0)
		r = vm_save(&vm, &s, e);
	if (r == 0)
		r = vm_restore(&vm, &s, 0, e);
	vm_saved_destroy(&s);
	vm_destroy(&vm);
	kvm_close(&kvm);
	return r;
}

static void vm_set_up(void **state)
{
	each_call_fails("vm", 0, NULL, build_vm);
	each_call_fails("vm", EPERM, NULL, build_vm);
	each_call_fails("vm", EINTR, NULL, build_vm);
	each_call_fails("save", 0, NULL, save_vm);
	each_call_fails("save", EINTR, NULL, save_vm);
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

/* --- A machine -------------------------------------------------------------------------------------------------- */

#define DEBUG_EXIT_PORT 0xf4

static char dir[] = "/tmp/vmm-faults.XXXXXX";
static enum kernel_load kernel_load_how;
static bool runs;
static char kernel_path[64], disk_path[2][64], vsock_path[64], console_path[64], passt_path[64];

/* A kernel that writes 0 to the debug-exit port: a run ends at once. */
static int make_kernel(void)
{
	static const uint8_t code[] = {0xb0, 0x00, 0xe6, DEBUG_EXIT_PORT}; /* mov $0, %al; out %al, $0xf4 */
	struct kit_elf elf;

	kit_elf(&elf);
	memcpy(elf.bytes + KIT_TEXT_OFFSET + (KIT_ENTRY - KIT_TEXT_GPA), code, sizeof(code));
	return kit_file(&elf, sizeof(elf));
}

/* A peer that accepts a connection for each run, and never sends anything. */
static void listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	kit_must(fd >= 0 && !bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) && !listen(fd, 1000));
}

/* Past the page cache where the files of this host can: those of an initramfs, as the lab's, cannot. */
static enum disk_cache disk_cache;

static enum disk_cache cache_of(const char *path)
{
	int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		return DISK_CACHE_WRITEBACK;
	close(fd);
	return DISK_CACHE_NONE;
}

/* Files of its own for each process: two could not lock the same image, nor listen at the same path. */
static void make_files(void)
{
	static const uint8_t zeroes[MIB];

	snprintf(kernel_path, sizeof(kernel_path), "/proc/self/fd/%d", make_kernel());
	for (unsigned i = 0; i < 2; i++)
		snprintf(disk_path[i], sizeof(disk_path[i]), "/proc/self/fd/%d", kit_file(zeroes, sizeof(zeroes)));
	snprintf(vsock_path, sizeof(vsock_path), "%s/vsock.%d", dir, getpid());
	snprintf(console_path, sizeof(console_path), "%s/console.%d", dir, getpid());
	snprintf(passt_path, sizeof(passt_path), "%s/passt.%d", dir, getpid());
	listen_at(passt_path);
	disk_cache = cache_of(disk_path[1]);
}

/* One of each kind, and two disks: one with an overlay, one with a thread for each of its queues. */
static void add_devices(struct config *c, struct config_disk disk[2], struct config_net *net)
{
	disk[0] = (struct config_disk){.path = disk_path[0], .logical = 512, .queues = 1, .overlay = true};
	disk[1] = (struct config_disk){.path = disk_path[1], .logical = 512, .queues = 2, .cache = disk_cache};
	c->disk = disk;
	c->nr_disks = 2;
	*net = (struct config_net){.kind = CONFIG_NET_PASST, .name = passt_path};
	c->net = net;
	c->nr_nets = 1;
	c->vsock = (struct config_vsock){.cid = 3, .path = vsock_path};
	c->balloon.on = true;
	c->balloon.stats_ns = NSEC_PER_SEC;
	c->console = CONSOLE_SOCKET;
	c->console_path = console_path;
	c->console_virtio = true;
}

static int run_machine(struct machine *m, struct err *e)
{
	struct verdict v = {0};
	int r = machine_run(m, &v, e);

	if (r < 0 || v.outcome == OUTCOME_DEBUG_EXIT)
		return r;
	return err_set(e, -EIO, "the machine has run, and ended otherwise: %s", outcome_name(v.outcome));
}

static int make_machine(bool devices, struct err *e)
{
	const struct machine_stdio io = {.in_fd = -1, .out_fd = -1};
	struct config_disk disk[2];
	struct config_net net;
	struct machine *m = NULL;
	struct trace *trace = NULL;
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
	config.debug_exit_port = DEBUG_EXIT_PORT;
	if (devices)
		add_devices(&config, disk, &net);

	r = trace_new(trace_now_ns(), &trace);
	if (r == 0)
		r = loop_new(&loop);
	if (r < 0)
		err_sys(e, r, "cannot make a loop");
	if (r == 0)
		r = machine_open(&config, &io, trace, loop, &m, e);
	if (r == 0)
		r = machine_build(m, e);
	if (r == 0 && runs)
		r = run_machine(m, e);
	machine_destroy(m);
	loop_free(loop);
	trace_free(trace);
	return r;
}

static int bare_machine(struct err *e)
{
	return make_machine(false, e);
}

static int full_machine(struct err *e)
{
	return make_machine(true, e);
}

/* What is left in the directory of the sockets: nothing but the listeners of the test itself. */
static void only_our_files(void)
{
	DIR *d = opendir(dir);
	struct dirent *de;

	assert_non_null(d);
	while ((de = readdir(d))) {
		char path[300];

		if (de->d_name[0] == '.')
			continue;
		if (strncmp(de->d_name, "passt.", 6))
			fail_msg("%s is left", de->d_name);
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		assert_int_equal(unlink(path), 0);
	}
	closedir(d);
}

static void machine_set_up(void **state)
{
	kernel_load_how = KERNEL_LOAD_MAP;
	each_call_fails("machine with a mapped kernel", 0, make_files, bare_machine);
	kernel_load_how = KERNEL_LOAD_READ;
	each_call_fails("machine", EPERM, make_files, bare_machine);
	only_our_files();
}

/* Each device that cannot be set up is named. */
static void machine_with_devices(void **state)
{
	static const char *const names[] = {"cannot set up the serial port: ", "cannot set up the ACPI power block: ",
		"cannot set up the entropy device: ", "cannot set up the socket device: ",
		"cannot set up the virtio console: ", "cannot set up the balloon: ", "cannot set up network device 0: ",
		"cannot set up --disk path=/proc/self/fd/", "cannot make the overlay for /proc/self/fd/",
		"cannot set up the thread of network, sockets and balloon: ", "cannot start the threads of disk 0",
		"cannot start a thread for CPU 0"};
	const char *said;

	/* Its files are in an initramfs, past whose page cache there is no way for a disk with cache=none. */
	if (getenv("VMM_LAB")) {
		print_message("left out in the lab, whose files have no O_DIRECT\n");
		skip();
	}
	runs = true;
	said = each_call_fails("machine with devices that runs", 0, make_files, full_machine);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strstr(said, names[i]))
			fail_msg("no failure said \"%s\"", names[i]);
	only_our_files();
	each_call_fails("machine with devices that runs", EINTR, make_files, full_machine);
	only_our_files();
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
	fault_arm(2, 0);
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
	int fd = open(KVM_DEVICE, O_RDWR | O_CLOEXEC), r;

	if (fd < 0)
		return skip_program("no usable /dev/kvm here; tests/lab/unit-kvm.test runs this one in the lab");
	close(fd);
	kit_must(mkdtemp(dir));
	r = run_group(tests);
	rmdir(dir);
	return r;
}
