// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. What a guest executes, its tables and registers are exit_costs_guest.c's; here it is run. The
 * VMM loads the state in which a row starts, so that the guest needs no start-up code but two instructions on the way
 * to ring 3. Each vector's handler is a HLT, as in flat_layout.c. A row first runs for the warm-up: what this host
 * cannot run shows there, by a fault, an internal error, or a time limit.
 *
 * The rows with an interrupt have a VM of their own, since with interrupt controllers in KVM a HLT no longer comes back
 * to us. There a store is an ioeventfd. Where the same eventfd is an irqfd, KVM raises the interrupt from it by itself;
 * where it is another, our thread does.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/base/assert.h"
#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"
#include "vmm/bench/exit_costs_internal.h"
#include "vmm/kvm/stats.h"
#include "vmm/kvm/vcpu_state.h"

#define GSI      0
#define LIMIT_NS (3 * NSEC_PER_SEC)

/**
 * struct guest - a VM with the rows' code in it
 * @stats: of its vCPU; zeroed where this KVM has none
 */
struct guest {
	struct vm vm;
	struct kvm_stats stats;
};

/**
 * struct exit_costs - both guests
 * @irqs: the one with interrupts; @no_irqs: why there is none, or empty
 * @line: the interrupt, and the ioeventfd of the row that KVM answers
 * @kick: the ioeventfd that wakes the thread; -1: none
 * @stop: the thread is to end
 * @seen: kicks that it has seen
 * @trace_fd: counts kvm:kvm_exit of this thread, or -1
 */
struct exit_costs {
	struct guest plain;
	struct guest irqs;
	struct err no_irqs;
	struct irq_line line;
	int kick;
	bool stop;
	uint64_t seen;
	int trace_fd;
};

static const char *const clocks[CLOCKS] = {[WITH_RDTSCP] = "RDTSCP", [WITH_RDTSC] = "LFENCE, RDTSC"};

static struct guest *guest_of(struct exit_costs *x, const struct path *p)
{
	return exit_costs_has_interrupts(p) ? &x->irqs : &x->plain;
}

const char *exit_costs_from_name(enum exit_costs_from f)
{
	static const char *const names[] = {"ring 0", "ring 3", "ring 3, system call"};

	return names[f];
}

const char *exit_costs_answer_name(enum exit_costs_answer a)
{
	static const char *const names[] = {"-", "KVM", "VMM", "thread"};

	return names[a];
}

/* --- KVM's own count ----------------------------------------------------------------------------------------- */

static void pick_exits(const char *name, uint64_t value, void *arg)
{
	if (!strcmp(name, "exits"))
		*(int64_t *)arg = (int64_t)value;
}

/* Since the guest was made; -1: this KVM does not tell. */
static int64_t kvm_exits(const struct guest *g)
{
	int64_t n = -1;

	return kvm_stats_each(&g->stats, pick_exits, &n) < 0 ? -1 : n;
}

/* The tracepoint's number is in tracefs; a software KVM has no exit to trace. */
static int open_tracepoint(void)
{
	static const char *const ids[] = {
		"/sys/kernel/tracing/events/kvm/kvm_exit/id", "/sys/kernel/debug/tracing/events/kvm/kvm_exit/id"};
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr)};
	unsigned long long id = 0;

	for (size_t i = 0; !id && kvm_hardware() && i < ARRAY_SIZE(ids); i++) {
		CLEANUP_FCLOSE FILE *f = fopen(ids[i], "re");

		if (f && fscanf(f, "%llu", &id) != 1)
			id = 0;
	}
	attr.config = id;
	return id ? (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC) : -1;
}

static int64_t traced_exits(const struct exit_costs *x)
{
	uint64_t n;

	return x->trace_fd >= 0 && read(x->trace_fd, &n, sizeof(n)) == sizeof(n) ? (int64_t)n : -1;
}

/* --- Interrupts ---------------------------------------------------------------------------------------------- */

/* One eventfd is ioeventfd and irqfd at once; the other is an ioeventfd that wakes our thread. */
static int add_interrupts(struct exit_costs *x, struct err *e)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routes = {
		.head.nr = 1,
		.entry = {.gsi = GSI,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = {.address_lo = (uint32_t)APIC_BASE, .data = VECTOR_IRQ}},
	};
	struct guest *g = &x->irqs;
	struct kvm_lapic_state lapic;
	int r = irq_line_init(&x->line);

	if (r < 0)
		return err_sys(e, r, "eventfd");
	x->kick = eventfd(0, EFD_CLOEXEC);
	if (x->kick < 0)
		return err_sys(e, -errno, "eventfd");
	r = kvm_ioctl(g->vm.kvm, g->vm.fd, KVM_SET_GSI_ROUTING, &routes);
	if (r < 0)
		return err_sys(e, r, "KVM_SET_GSI_ROUTING");
	r = vm_attach_irq(&g->vm, &x->line, GSI, e);
	if (r == 0)
		r = vm_attach_kick(&g->vm, MMIO_KICKS_KVM, 0, x->line.fd, e);
	if (r == 0)
		r = vm_attach_kick(&g->vm, MMIO_KICKS_THREAD, 0, x->kick, e);
	if (r < 0)
		return r;
	r = vcpu_get_apic(&g->vm.vcpu[0], &lapic, e);
	if (r < 0)
		return r;
	le32_put(lapic.regs + APIC_SPIV, le32_get(lapic.regs + APIC_SPIV) | APIC_SPIV_ENABLE);
	return vcpu_set_apic(&g->vm.vcpu[0], &lapic, e);
}

/* A kick from us, with @stop, ends it; kicks of the guest come one at a time, as it waits for the interrupt of each. */
static void *kick_thread(void *arg)
{
	struct exit_costs *x = arg;
	uint64_t n;

	while (read(x->kick, &n, sizeof(n)) == sizeof(n) && !__atomic_load_n(&x->stop, __ATOMIC_ACQUIRE)) {
		x->seen += n;
		irq_raise(&x->line);
	}
	return NULL;
}

/* --- Running ------------------------------------------------------------------------------------------------- */

/* Where a halt was: the end of the row's loop, or a fault. */
static bool reached_end(struct exit_costs *x, const struct path *p, unsigned clock, struct err *why)
{
	struct vm *vm = &guest_of(x, p)->vm;
	uint64_t frame[2] = {0}, begin = exit_costs_address(exit_costs_loop(p, clock));
	struct kvm_regs regs;
	uint64_t vector;

	if (vcpu_get_general(&vm->vcpu[0], &regs) < 0) {
		err_set(why, -EIO, "its registers cannot be read");
		return false;
	}
	/* Ring 0 ends by itself; no loop is longer than 256 bytes. */
	if (p->from == EXIT_COSTS_RING0 && regs.rip > begin && regs.rip < begin + 256 && !regs.r13)
		return true;
	vector = regs.rip - 1 - AT_HLTS;
	if (vector >= VECTORS_EXCEPTIONS) {
		err_set(why, -EIO, "it halted at 0x%llx, where no row does", (unsigned long long)regs.rip);
		return false;
	}
	/* The frame has an error code in front for 13 and its like; RIP is the first that looks like one. */
	gmem_read(&vm->memory.gmem, regs.rsp, frame, sizeof(frame));
	if (vector == VECTOR_GP && p->from != EXIT_COSTS_RING0 && !regs.r13)
		return true;
	err_set(why, -EIO, "the guest faults there: vector %llu at +0x%llx of the loop", (unsigned long long)vector,
		(unsigned long long)((vector == VECTOR_GP || vector == VECTOR_PF ? frame[1] : frame[0]) - begin));
	return false;
}

/* Steps the guest to the end of its loop. false: it did not reach it, and why; true also gives the returns to us. */
static bool step(struct exit_costs *x, const struct path *p, unsigned clock, uint64_t *ret_returns, struct err *why)
{
	struct vcpu_exit exit;
	bool ok = false;
	uint64_t start = trace_now_ns();
	int r;

	*ret_returns = 0;
	/* Ever again: a kick between two steps must not be lost. */
	kick_alarm_set(LIMIT_NS, 10 * NSEC_PER_MSEC);
	for (;;) {
		r = vcpu_step(&guest_of(x, p)->vm.vcpu[0], &exit);
		if (r < 0) {
			err_sys(why, r, "KVM_RUN%s", vcpu_step_hint(r));
			break;
		}
		if (exit.what == VCPU_PIO && exit.pio.port == PORT_END) {
			ok = true;
			break;
		}
		if (exit.what == VCPU_PIO || exit.what == VCPU_MMIO) {
			++*ret_returns;
			continue;
		}
		if (exit.what == VCPU_KICKED && trace_now_ns() - start < LIMIT_NS)
			continue;
		if (exit.what == VCPU_HLT)
			ok = reached_end(x, p, clock, why);
		else if (exit.what == VCPU_KICKED)
			err_set(why, -ETIME, "it did not end in %" PRIu64 " s", LIMIT_NS / NSEC_PER_SEC);
		else if (exit.what == VCPU_INTERNAL_ERROR)
			err_set(why, -EIO, "KVM cannot run it: internal error, suberror %llu",
				(unsigned long long)exit.error);
		else
			err_set(why, -EIO, "the guest ended: %s",
				exit.what == VCPU_TRIPLE_FAULT ? "triple fault" : "for an unexpected reason");
		break;
	}
	kick_alarm_set(0, 0);
	return ok;
}

/* Runs the row once, with the thread that it needs; otherwise as step(). */
static bool run(struct exit_costs *x, const struct path *p, unsigned clock, uint64_t *ret_returns, struct err *why)
{
	const uint64_t one = 1;
	pthread_t thread;
	bool ok;
	int r;

	if (p->answer != EXIT_COSTS_THREAD)
		return step(x, p, clock, ret_returns, why);
	x->seen = 0;
	x->stop = false;
	r = pthread_create(&thread, NULL, kick_thread, x);
	if (r) {
		err_sys(why, -r, "cannot start a thread%s", err_no_thread(-r));
		return false;
	}
	ok = step(x, p, clock, ret_returns, why);
	__atomic_store_n(&x->stop, true, __ATOMIC_RELEASE);
	r = write(x->kick, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
	assert(r == 0);
	pthread_join(thread, NULL);
	return ok;
}

static void prove(const struct exit_costs *x, const struct path *p, unsigned iterations, struct exit_costs_row *row)
{
	uint64_t want = p->answer == EXIT_COSTS_VMM ? iterations : 0;

	row->state = EXIT_COSTS_OTHER_PATH;
	if (row->returns != want)
		err_set(&row->words, 0, "KVM_RUN returned %llu times and not %llu", (unsigned long long)row->returns,
			(unsigned long long)want);
	else if (p->answer != EXIT_COSTS_NOBODY && row->kvm_exits >= 0 && row->kvm_exits < (int64_t)iterations)
		err_set(&row->words, 0,
			"KVM counted %lld exits in %u iterations: it emulates, and does not leave the guest",
			(long long)row->kvm_exits, iterations);
	else if (p->answer != EXIT_COSTS_NOBODY && row->traced >= 0 && row->traced < (int64_t)iterations)
		err_set(&row->words, 0, "the tracepoint kvm:kvm_exit was passed %lld times in %u iterations",
			(long long)row->traced, iterations);
	else if (p->answer == EXIT_COSTS_NOBODY && row->traced >= (int64_t)iterations)
		err_set(&row->words, 0,
			"the tracepoint kvm:kvm_exit was passed %lld times, and nothing should leave the guest",
			(long long)row->traced);
	else if (p->answer == EXIT_COSTS_THREAD && x->seen != iterations)
		err_set(&row->words, 0, "the thread was woken %llu times and not %u", (unsigned long long)x->seen,
			iterations);
	else
		row->state = EXIT_COSTS_OK;
}

/*
 * KVM answers the hypercall instruction of the other maker once, by writing the processor's own over it
 * (KVM_X86_QUIRK_FIX_HYPERCALL_INSN): what is timed after that is the processor's own.
 */
static void tell_if_replaced(const struct guest *g, const struct path *p, unsigned clock, struct exit_costs_row *row)
{
	const uint8_t *code = exit_costs_handler(p) ? exit_costs_handler(p) : exit_costs_loop(p, clock);
	uint8_t now[CODE_ALIGN];

	gmem_read(&g->vm.memory.gmem, exit_costs_address(code), now, sizeof(now));
	if (memcmp(now, code, sizeof(now)) != 0)
		err_set(&row->words, 0,
			"KVM has replaced the instruction by the processor's own, %s: that is what was timed",
			exit_costs_replaced_by(p));
}

static int collect(struct guest *g, unsigned iterations, struct exit_costs_row *row, struct err *e)
{
	CLEANUP_FREE double *cycles = calloc(iterations, sizeof(*cycles));
	CLEANUP_FREE uint32_t *raw = calloc(iterations, sizeof(*raw));

	if (!cycles || !raw)
		return err_sys(e, -ENOMEM, "cannot keep %u samples", iterations);
	gmem_read(&g->vm.memory.gmem, AT_SAMPLES, raw, iterations * sizeof(*raw));
	for (unsigned i = 0; i < iterations; i++)
		cycles[i] = raw[i];
	row->cycles = stats_of(cycles, iterations);
	row->histogram = histogram_of(cycles, iterations, 24);
	return 0;
}

int exit_costs_measure(struct exit_costs *x, unsigned index, unsigned warmup, unsigned iterations,
	struct exit_costs_row *ret, struct err *e)
{
	const struct path *p = exit_costs_path(index);
	struct exit_costs_row row = {
		.name = p->what->name, .from = p->from, .answer = p->answer, .state = EXIT_COSTS_CANNOT};
	struct guest *g = guest_of(x, p);
	struct kick_alarm alarm;
	unsigned clock;
	uint64_t n;
	int r = 0;

	if (exit_costs_has_interrupts(p) && x->no_irqs.text[0]) {
		row.words = x->no_irqs;
		*ret = row;
		return 0;
	}
	r = kick_alarm_begin(&alarm);
	if (r < 0)
		return err_sys(e, r, "sigaction");
	for (clock = 0; clock < CLOCKS; clock++) {
		r = exit_costs_enter(&g->vm, p, clock, warmup, e);
		if (r < 0 || run(x, p, clock, &n, &row.words))
			break;
	}
	if (r == 0 && clock < CLOCKS) {
		int64_t before, traced;

		row.clock = clocks[clock];
		r = exit_costs_enter(&g->vm, p, clock, iterations, e);
		before = kvm_exits(g);
		traced = traced_exits(x);
		if (r == 0 && run(x, p, clock, &row.returns, &row.words)) {
			row.kvm_exits = before < 0 ? -1 : kvm_exits(g) - before;
			row.traced = traced < 0 ? -1 : traced_exits(x) - traced;
			row.words.text[0] = '\0';
			prove(x, p, iterations, &row);
			if (row.state == EXIT_COSTS_OK)
				tell_if_replaced(g, p, clock, &row);
			r = collect(g, iterations, &row, e);
		}
	}
	kick_alarm_end(&alarm);
	if (r == 0)
		*ret = row;
	return r;
}

unsigned exit_costs_khz(const struct exit_costs *x)
{
	int r = ioctl(x->plain.vm.vcpu[0].fd, KVM_GET_TSC_KHZ, 0);

	return r > 0 ? (unsigned)r : 0;
}

static int guest_open(struct kvm *kvm, const struct cpuid_set *set, bool irqchip, struct guest *g, struct err *e)
{
	CLEANUP(memory_destroy) struct memory memory = {0};
	int r = vm_create(kvm, &g->vm, e);

	if (r == 0)
		r = memory_create(GUEST_RAM, BACKING_ANON, true, &memory, e);
	if (r == 0)
		r = vm_set_memory(&g->vm, &memory, e);
	if (r == 0 && irqchip)
		r = vm_add_irqchip(&g->vm, e);
	if (r == 0)
		r = vm_add_vcpus(&g->vm, 1, e);
	if (r == 0)
		r = vcpu_set_cpuid(&g->vm.vcpu[0], set, e);
	if (r < 0)
		return r;
	exit_costs_write_guest(&g->vm.memory.gmem);
	/* A KVM without counters has all rows, unproved. */
	if (kvm_stats_open(kvm, g->vm.vcpu[0].fd, &g->stats) == -ENOMEM)
		return err_sys(e, -ENOMEM, "cannot read KVM's counters");
	return 0;
}

static void guest_close(struct guest *g)
{
	kvm_stats_close(&g->stats);
	vm_destroy(&g->vm);
}

int exit_costs_open(struct kvm *kvm, struct exit_costs **ret, struct err *e)
{
	const struct cpuid_opts opts = {.cpus = 1};
	CLEANUP_FREE struct cpuid_set *set = malloc(sizeof(*set));
	struct exit_costs *x = calloc(1, sizeof(*x));
	int r;

	if (!x || !set) {
		free(x);
		return err_sys(e, -ENOMEM, "cannot set up");
	}
	x->plain.vm.fd = x->irqs.vm.fd = -1;
	x->line.fd = x->kick = x->trace_fd = -1;
	r = cpuid_supported(kvm, set, e);
	if (r == 0)
		r = cpuid_policy(set, &opts, set, e);
	if (r == 0)
		r = guest_open(kvm, set, false, &x->plain, e);
	if (r < 0) {
		exit_costs_close(x);
		return r;
	}
	/* A KVM without interrupts has all the other rows. */
	r = guest_open(kvm, set, true, &x->irqs, &x->no_irqs);
	if (r == 0)
		add_interrupts(x, &x->no_irqs);
	x->trace_fd = open_tracepoint();
	*ret = x;
	return 0;
}

void exit_costs_close(struct exit_costs *x)
{
	if (!x)
		return;
	guest_close(&x->plain);
	guest_close(&x->irqs);
	irq_line_destroy(&x->line);
	if (x->kick >= 0)
		close(x->kick);
	if (x->trace_fd >= 0)
		close(x->trace_fd);
	free(x);
}
