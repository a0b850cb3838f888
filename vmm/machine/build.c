// SPDX-License-Identifier: Apache-2.0
/*
 * Builds a Linux machine from its board; run.c runs it.
 */
#include "vmm/machine/machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "boot/boot.h"
#include "boot/layout.h"
#include "boot/resetvec.h"
#include "boot/tables/acpi.h"
#include "boot/tables/mptable.h"
#include "vmm/base/assert.h"
#include "vmm/base/file.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/machine/board.h"
#include "vmm/machine/command.h"
#include "vmm/machine/internal.h"
#include "vmm/machine/reset.h"

static int open_console(struct machine *m, const struct machine_stdio *stdio, struct err *e)
{
	const struct console_params console = {
		.kind = m->config->console,
		.path = m->config->console_path,
		.cap_bytes = m->config->console_cap_bytes,
		.in_fd = stdio->in_fd,
		.out_fd = stdio->out_fd,
		.filter = stdio->filter,
		.trace = m->trace,
		.as = config_as(m->config),
	};
	int r = console_open(&console, &m->console, e);

	return console.path ? err_operator(e, r) : r;
}

int machine_open(const struct config *config, const struct machine_stdio *stdio, struct trace *trace, struct loop *loop,
	struct machine **ret, struct err *e)
{
	static const struct machine_stdio no_stdio = {.in_fd = -1, .out_fd = -1};
	struct machine *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_sys(e, -ENOMEM, "cannot allocate a machine");
	m->config = config;
	m->trace = trace;
	m->loop = loop;
	m->restored.fd = m->random_fd = -1;
	m->kvm.fd = m->vm.fd = m->image.kernel_fd = m->image.initrd_fd = -1;
	m->chips = CHIPS_NONE;
	m->hosts.events.raise = machine_guest_event;
	pthread_mutex_init(&m->end.lock, NULL);
	crew_init(&m->crew, &machine_crew);

	r = config->kernel ? err_operator(e, file_open_regular("kernel", config->kernel, &m->image.kernel_fd, e)) : 0;
	if (r == 0 && config->initrd)
		r = err_operator(e, file_open_regular("initrd", config->initrd, &m->image.initrd_fd, e));
	/* The operator's files come first, so that their errors are reported on hosts without KVM, too. */
	if (r == 0)
		r = machine_core_open(m, e);
	if (r == 0)
		r = machine_snapshot_open(m, e);
	if (r == 0)
		r = machine_command_open(m, stdio ? stdio : &no_stdio, e);
	if (r == 0)
		r = virtio_devices_open(config, &m->virtio, e);
	if (r == 0 && config->gdb)
		r = machine_gdb_open(m, e);
	if (r == 0)
		r = kvm_open(trace, &m->kvm, e);
	if (r == 0 && (stdio || config->console != CONSOLE_STDIO))
		r = open_console(m, stdio ? stdio : &no_stdio, e);
	if (r < 0) {
		machine_destroy(m);
		return r;
	}
	trace_files_opened(trace);
	*ret = m;
	return 0;
}

int machine_adopt(
	struct machine *m, const struct machine_stdio *stdio, struct trace *trace, struct loop *loop, struct err *e)
{
	int r = 0;

	m->trace = m->kvm.trace = trace;
	m->loop = loop;
	if (m->console)
		console_set_trace(m->console, trace);
	else
		r = open_console(m, stdio, e);
	if (r == 0 && m->restored.fd >= 0)
		r = machine_restore_watch(m, e);
	return r;
}

void machine_set_sandbox(struct machine *m, struct sandbox *s)
{
	m->sandbox = s;
}

const char *machine_share_dir(const struct machine *m, size_t index)
{
	return virtio_devices_share(m->virtio, index);
}

void machine_balloon(struct machine *m, bool more)
{
	virtio_devices_balloon(m->virtio, more);
}

struct console *machine_console(const struct machine *m)
{
	return m->console;
}

/* The page of the generation id, and behind it the register pages of the virtio devices. */
static int show_registers(struct machine *m, struct err *e)
{
	const struct board_part *first = board_find(&m->board, BOARD_GENERATION, 0), *next = first;
	uint64_t size = 0;

	for (unsigned i = 0; next; next = board_find(&m->board, BOARD_VIRTIO_MMIO, i++))
		size = next->base + next->size - first->base;
	return vm_show(&m->vm, first->base, size, e);
}

static int build_memory(struct machine *m, struct err *e)
{
	const struct config *c = m->config;
	int r = memory_create(c->mem_bytes, c->backing, c->prefault, &m->vm.memory, e);

	if (r < 0)
		return err_wrap(e, r, "--mem");
	trace_memory_ready(m->trace, c->mem_bytes, backing_name(c->backing));
	return 0;
}

/*
 * Completes the VM, whose creation began before the kernel was read, and adds its memory slots, before the interrupt
 * chips.
 */
static int build_vm(struct machine *m, struct err *e)
{
	int r = vm_create_end(&m->vm, e);

	if (r == 0)
		r = vm_attach_memory(&m->vm, e);
	if (r == 0)
		r = show_registers(m, e);
	return r;
}

/* Writes ACPI and MP tables to the BIOS area; *ret_rsdp is 0 when the operator has disabled ACPI. */
static int build_tables(struct machine *m, uint64_t *ret_rsdp, struct err *e)
{
	const struct gmem *g = &m->vm.memory.gmem;
	CLEANUP(acpi_blob_destroy) struct acpi_blob acpi = {0};
	CLEANUP(mptable_blob_destroy) struct mptable_blob mp = {0};
	uint8_t reset[RESETVEC_SIZE];
	int r;

	*ret_rsdp = 0;
	if (m->board.acpi) {
		r = acpi_build(&m->board, BOOT_ACPI_START, BOOT_ACPI_SIZE, &acpi, e);
		if (r == 0)
			r = gmem_write(g, acpi.gpa, acpi.data, acpi.size);
		if (r < 0)
			return err_wrap(e, r, "ACPI tables");
		*ret_rsdp = acpi.rsdp_gpa;
	}
	r = mptable_build(&m->board, BOOT_MPCONFIG_START, BOOT_MPCONFIG_SIZE, &mp, e);
	if (r == 0)
		r = gmem_write(g, BOOT_MPTABLE_START, mp.floating, sizeof(mp.floating));
	if (r == 0)
		r = gmem_write(g, BOOT_MPCONFIG_START, mp.config, mp.size);
	/* A hardware-reduced kernel without reboot= jumps to the firmware's reset vector, which needs code. */
	resetvec_build(&m->board, reset);
	if (r == 0)
		r = gmem_write(g, BOOT_RESET_VECTOR, reset, sizeof(reset));
	return r < 0 ? err_wrap(e, r, "MP table") : 0;
}

static int load_kernel(struct machine *m, struct err *e)
{
	const struct config *c = m->config;
	/* Only small pages can be replaced by pages of the kernel's file. */
	bool map = c->kernel_load == KERNEL_LOAD_MAP && c->backing == BACKING_ANON;
	int r;

	trace_kernel_loading(m->trace, c->kernel);
	r = boot_load(&m->vm.memory.gmem, m->image.kernel_fd, map ? LOAD_MAP : LOAD_READ, &m->image.kernel, e);
	if (r < 0)
		return err_operator(e, err_wrap(e, r, "kernel %s", c->kernel));
	trace_kernel_loaded(m->trace, m->image.kernel.format, m->image.kernel.start, m->image.kernel.end,
		boot_offer(&m->image.kernel)->entry);
	return 0;
}

/* Writes what the kernel expects in RAM. */
static int build_guest(struct machine *m, struct entry *ret_entry, struct err *e)
{
	const struct config *c = m->config;
	struct gmem *g = &m->vm.memory.gmem;
	CLEANUP_FREE char *cmdline = board_cmdline(c, &m->board, m->image.tsc_khz);
	struct boot_env boot = {
		.board = &m->board,
		.image = &m->image.kernel,
		.cmdline = cmdline,
		.initrd_fd = m->image.initrd_fd,
		.initrd_name = c->initrd,
	};
	CLEANUP_FREE void *initrd = NULL;
	struct boot_placed placed;
	int r = m->command ? machine_command_pack(m, &initrd, &boot.initrd_size, e) : 0;

	if (r < 0)
		return r;
	boot.initrd = initrd;
	if (!cmdline)
		return err_sys(e, -ENOMEM, "cannot allocate the command line");
	if (getrandom(boot.rng_seed, sizeof(boot.rng_seed), 0) != sizeof(boot.rng_seed))
		return err_sys(e, -EIO, "getrandom");
	r = build_tables(m, &boot.acpi_rsdp, e);
	if (r < 0)
		return r;
	/* Errors of command line and initrd are the operator's. */
	r = err_operator(e, boot_enter(g, &boot, ret_entry, &placed, e));
	if (r < 0)
		return r;
	if (placed.initrd_size)
		trace_initrd_loaded(m->trace, placed.initrd_size, placed.initrd_gpa);
	trace_tables_ready(m->trace);
	return 0;
}

/* The device behind a part of the board. */
static struct device *device_of(struct machine *m, const struct board_part *p)
{
	return p->kind == BOARD_VIRTIO_MMIO ? &m->virtio->slot[p->index].mmio.dev : chips_device(&m->chips, p);
}

/* The interrupt line of a part that has one, else NULL. */
static struct irq_line *irq_of(struct machine *m, const struct board_part *p)
{
	return p->kind == BOARD_VIRTIO_MMIO ? &m->virtio->slot[p->index].irq : chips_irq(&m->chips, p);
}

/* Called by a vCPU thread when the guest first programs the timer. */
static int start_pit(struct pit_host *host, uint8_t control, uint8_t speaker)
{
	struct machine *m = container_of(host, struct machine, hosts.pit);
	struct err e = {0};
	int r = vm_add_pit(&m->vm, control, speaker, &e);

	if (r < 0)
		trace_pit_failed(m->trace, e.text);
	else
		trace_pit_started(m->trace);
	return r;
}

static int init_devices(struct machine *m, struct err *e)
{
	struct char_host *host = console_host(m->console);
	const struct chips_env chips_env = {
		.ram_size = m->config->mem_bytes,
		.console = host,
		.events = &m->hosts.events,
		.pit = &m->hosts.pit,
		.pmtimer = &m->hosts.pmtimer,
		.marker = &m->hosts.marker,
	};
	struct virtio_env env = {
		.config = m->config,
		.mem = &m->vm.memory.gmem,
		.loop = m->loop,
		.trace = m->trace,
		.console = host,
	};
	int r;

	machine_unique_init(m);
	env.nr_ports = machine_command_ports(m, &env.port);
	m->hosts.pit.start = start_pit;
	m->hosts.pmtimer.has_clock = machine_guest_has_clock;
	console_split_init(&m->split, &m->chips.uart.guest, virtio_devices_console(m->virtio));
	r = chips_init(&m->chips, &chips_env, e);
	if (r < 0)
		return r;
	r = console_attach(m->console, m->loop, &m->split.guest);
	if (r < 0)
		return err_sys(e, r, "cannot set up the console");
	r = virtio_devices_init(m->virtio, &env, e);
	return r == 0 ? machine_command_attach(m, e) : r;
}

static int wire_board(struct machine *m, struct err *e)
{
	int r;

	for_each_part(p, &m->board) {
		struct bus *bus = p->space == BOARD_PIO ? &m->vm.pio : &m->vm.mmio;
		struct device *dev = device_of(m, p);
		struct irq_line *line;

		r = bus_add(bus, p->base, p->size, dev);
		if (r < 0)
			return err_sys(e, r, "cannot put the %s on the bus", board_part_name(p->kind));
		if (p->gsi == BOARD_GSI_NONE)
			continue;
		line = irq_of(m, p);
		assert(line); /* a part with an interrupt has a line */
		r = vm_attach_irq(&m->vm, line, p->gsi, e);
		if (r == 0 && p->kind == BOARD_VIRTIO_MMIO)
			r = virtio_devices_attach(m->virtio, p, &m->vm, e);
		if (r < 0)
			return r;
	}
	bus_seal(&m->vm.pio);
	bus_seal(&m->vm.mmio);
	trace_serial_ready(m->trace, board_find(&m->board, BOARD_UART, 0)->base);
	trace_devices_ready(m->trace, m->board.nr);
	return 0;
}

/* Counters for the report and the trace. KVM before Linux 5.14 has none: then they are left out. */
static int build_counters(struct machine *m, struct err *e)
{
	if (m->config->report)
		kvm_stats_open(&m->kvm, m->vm.fd, &m->counts.vm);
	for (unsigned i = 0; i < m->vm.nr_vcpus; i++) {
		if (m->config->report)
			kvm_stats_open(&m->kvm, m->vm.vcpu[i].fd, &m->cpu[i].stats);
		if (m->config->trace && exit_trace_new(i, &m->cpu[i].exit_trace) < 0)
			return err_sys(e, -ENOMEM, "--trace: no memory for the exits of CPU %u", i);
	}
	return 0;
}

static int build_cpus(struct machine *m, struct cpuid_set *cpuid, const struct entry *entry, struct err *e)
{
	const struct config *c = m->config;
	int r;

	if (c->cpus > m->kvm.max_vcpus)
		return err_operator(e,
			err_set(e, -EINVAL, "--cpus %u: this host's KVM allows at most %u CPUs in a VM", c->cpus,
				m->kvm.max_vcpus));
	r = vm_add_vcpus(&m->vm, c->cpus, e);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < c->cpus; i++) {
		struct vcpu *v = &m->vm.vcpu[i];

		cpuid_for_cpu(cpuid, i, c->cpus);
		r = vcpu_set_cpuid(v, cpuid, e);
		/* A restored state has it. */
		if (r == 0 && entry)
			r = vcpu_set_platform(v, e);
		/* The other CPUs wait for the startup interrupt of the guest's kernel. */
		if (r == 0 && i == 0 && entry)
			r = vcpu_set_entry(v, entry, e);
		if (r < 0)
			return r;
		trace_vcpu_configured(m->trace, i,
			!entry           ? "to be restored"
				: i == 0 ? "64-bit long mode"
					 : "waits for SIPI");
	}
	m->cpu = calloc(c->cpus, sizeof(*m->cpu));
	if (!m->cpu)
		return err_sys(e, -ENOMEM, "cannot allocate %u CPUs", c->cpus);
	for (unsigned i = 0; i < c->cpus; i++) {
		char name[16];

		m->cpu[i].m = m;
		snprintf(name, sizeof(name), "vcpu%u", i);
		crew_add(&m->crew, &m->cpu[i].thread, &m->vm.vcpu[i], name);
	}
	return build_counters(m, e);
}

static int build_cpuid(struct machine *m, struct cpuid_set *ret, struct err *e)
{
	const struct cpuid_opts opts = {
		.cpus = m->config->cpus,
		.nested = m->config->nested,
		.pmu = m->config->pmu,
		.tsc_deadline = kvm_check(&m->kvm, KVM_CAP_TSC_DEADLINE_TIMER),
		.no_apic = m->board.no_apic,
	};
	CLEANUP_FREE struct cpuid_set *host = malloc(sizeof(*host));
	int r;

	if (!host)
		return err_sys(e, -ENOMEM, "cannot allocate a CPUID table");
	r = cpuid_supported(&m->kvm, host, e);
	if (r == 0)
		r = cpuid_policy(host, &opts, ret, e);
	if (r == 0)
		trace_cpuid_ready(m->trace, ret->nr);
	return r;
}

/* Logs effects of the guest's interrupt arguments that the operator may not expect. */
static void report_interrupts(struct machine *m)
{
	const struct board *b = &m->board;

	if (!b->pic)
		return;
	trace_pic_mode(m->trace, b->pic);
	if (b->no_apic && b->cpus > 1)
		trace_one_cpu(m->trace, b->pic, b->cpus);
}

/*
 * A guest without kvm-clock cannot calibrate its TSC well through exits, so it gets the rate: by CPUID on Intel, else
 * by an argument for Linux. Guests with kvm-clock use neither.
 */
static void tell_tsc(struct machine *m, struct cpuid_set *cpuid)
{
	uint32_t khz = vm_tsc_khz(&m->vm);

	m->image.tsc_khz = cpuid_tell_tsc(cpuid, khz) ? 0 : khz;
}

int machine_describe(struct machine *m, const struct machine_facts *facts, struct err *e)
{
	int r;

	m->facts = *facts;
	if (!facts->restore)
		return 0;
	r = machine_restore_open(m, e);
	if (r == 0 && facts->resets)
		r = machine_unique_open(m, e);
	return r == 0 && m->loop ? machine_restore_watch(m, e) : r;
}

/* What the guest's CPUs say, for a snapshot. */
static int keep_cpuid(struct machine *m, const struct cpuid_set *cpuid, struct err *e)
{
	if (!m->snapshot)
		return 0;
	m->cpuid = malloc(sizeof(*m->cpuid));
	if (!m->cpuid)
		return err_sys(e, -ENOMEM, "cannot allocate a CPUID table");
	*m->cpuid = *cpuid;
	return 0;
}

/* A machine that boots: its RAM before the VM is there, and what is in it when the TSC's rate is known. */
static int build_boot(struct machine *m, struct cpuid_set *cpuid, struct entry *ret, struct err *e)
{
	int r = build_memory(m, e);

	if (r == 0)
		r = load_kernel(m, e);
	if (r == 0)
		r = build_vm(m, e);
	if (r == 0)
		tell_tsc(m, cpuid);
	return r == 0 ? build_guest(m, ret, e) : r;
}

static int build_restored(struct machine *m, struct cpuid_set *cpuid, struct err *e)
{
	int r = machine_restore_cpuid(m, cpuid, e);

	if (r == 0)
		r = machine_restore_memory(m, e);
	if (r == 0)
		r = machine_restore_disks(m, e);
	return r == 0 ? build_vm(m, e) : r;
}

int machine_build(struct machine *m, struct err *e)
{
	bool boots = !m->facts.restore;
	CLEANUP_FREE struct cpuid_set *cpuid = malloc(sizeof(*cpuid));
	struct entry entry;
	int r;

	if (!cpuid)
		return err_sys(e, -ENOMEM, "cannot allocate a CPUID table");
	r = board_draw(m->config, &m->board, e);
	if (r < 0)
		return r;
	report_interrupts(m);
	vm_create_begin(&m->kvm, &m->vm);
	if (m->facts.resets)
		vm_deliver_directly(&m->vm);
	r = build_cpuid(m, cpuid, e);
	if (r == 0)
		r = boots ? build_boot(m, cpuid, &entry, e) : build_restored(m, cpuid, e);
	if (r == 0)
		r = keep_cpuid(m, cpuid, e);
	if (r == 0 && !m->config->pmu)
		r = vm_hide_pmu(&m->vm, e);
	if (r == 0)
		r = boots ? vm_add_irqchip(&m->vm, e) : vm_add_blank_irqchip(&m->vm, e);
	if (r == 0)
		r = init_devices(m, e);
	if (r == 0)
		r = wire_board(m, e);
	if (r == 0)
		r = build_cpus(m, cpuid, boots ? &entry : NULL, e);
	if (r == 0 && m->gdb)
		r = machine_gdb_init(m, e);
	if (r == 0)
		r = machine_core_init(m, e);
	if (r == 0)
		r = machine_snapshot_init(m, e);
	if (r == 0)
		r = boots ? machine_new_generation(m, e) : machine_restore_state(m, e);
	return r;
}

void machine_destroy(struct machine *m)
{
	bool unread;

	if (!m)
		return;
	/* The CPU threads have ended: machine_run() joins them. */
	loop_timer_destroy(&m->tick.timer);
	loop_timer_destroy(&m->limit);
	holding_destroy(&m->holding);
	loop_timer_destroy(&m->button.grace);
	gdb_stub_close(m->gdb);
	machine_rounds_destroy(m->rounds);
	machine_command_destroy(m->command);
	console_destroy(m->console);
	unread = machine_core_destroy(m->core);
	unread = machine_snapshot_destroy(m->snapshot) && unread;
	/* A disk's thread that hangs in the host may still write to guest RAM and registers, so these stay mapped. */
	if (!virtio_devices_destroy(m->virtio) || !unread) {
		m->vm.memory = (struct memory){0};
		m->vm.shown = NULL;
	}
	machine_restore_forget(m);
	machine_reset_destroy(m->reset);
	machine_saved_destroy(m);
	free(m->cpuid);
	vm_destroy(&m->vm);
	chips_destroy(&m->chips);
	kvm_close(&m->kvm);
	if (m->image.kernel_fd >= 0)
		close(m->image.kernel_fd);
	if (m->image.initrd_fd >= 0)
		close(m->image.initrd_fd);
	if (m->random_fd >= 0)
		close(m->random_fd);
	for (unsigned i = 0; m->cpu && i < m->config->cpus; i++) {
		exit_trace_free(m->cpu[i].exit_trace);
		kvm_stats_close(&m->cpu[i].stats);
	}
	kvm_stats_close(&m->counts.vm);
	free(m->cpu);
	crew_destroy(&m->crew);
	pthread_mutex_destroy(&m->end.lock);
	trace_torn_down(m->trace);
	free(m);
}
