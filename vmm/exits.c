// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. The guest's tables are written here; its code is exits_guest.S. The VMM loads the state in which
 * a row starts, ring 3 included, so that the guest needs no start-up code. Each vector's handler is a HLT, as in
 * flat_layout.c. A row first runs for the warm-up: what this host cannot run shows there, by a fault, an internal
 * error, or a time limit.
 */
#include "vmm/exits.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "vmm/base/le.h"
#include "vmm/vm.h"

#define RAM          (16 * MIB)
#define AT_IDT       0x1000
#define AT_HLTS      0x1800
#define AT_GDT       0x2000
#define AT_TSS       0x3000
#define AT_STACK     0x5000 /* its top: for faults */
#define AT_PML4      0x6000
#define AT_PDPT      0x7000
#define AT_PD        0x8000
#define AT_MMIO_PD   0x9000
#define AT_CODE      0x10000
#define AT_USERSTACK 0x200000
#define AT_SAMPLES   (4 * MIB)
#define MMIO         UINT64_C(0xd0000000)
#define PORT         0xe9
#define VECTORS      32
#define LIMIT_NS     3000000000LL
#define GP           13

/* SDM 3, 3.4.5; the order is that of SYSRET (SDM 2B): 64-bit code is 16 above the base in STAR, data 8 above. */
#define SEL_KCODE 0x08
#define SEL_KDATA 0x10
#define SEL_UDATA (0x18 | 3)
#define SEL_UCODE (0x20 | 3)
#define SEL_TSS   0x28
#define GDT_LIMIT 0x37

/*
 * SDM 3, 8.7 and 19.5.2: a TSS of 104 bytes, then the I/O bitmap: all ports up to 255 allowed, and a last byte of ones
 */
#define TSS_SIZE  104
#define TSS_LIMIT (TSS_SIZE + 32)

/* SDM 3, 4.5: present, writable, user; and a page of 2 MiB */
#define PTE    0x7
#define PTE_2M 0x87

/* SDM 4, table 2-2; SDM 3, 5.8.8 */
#define MSR_STAR   0xc0000081
#define MSR_LSTAR  0xc0000082
#define MSR_SFMASK 0xc0000084
#define EFER_SCE   BIT(0)

struct exits {
	struct vm vm;
	int stats_fd;
	uint64_t exits_offset;
};

#define HOWS(X) X(empty) X(cpuid) X(rdmsr) X(vmcall) X(vmmcall) X(out) X(mmio)
#define X(how)  extern const uint8_t exits_##how##_rdtscp[], exits_##how##_rdtsc[], exits_handler_##how[];
HOWS(X)
#undef X
extern const uint8_t exits_syscall_rdtscp[], exits_syscall_rdtsc[];
extern const uint8_t exits_guest_start[], exits_guest_end[];

#define DIRECT(how, text, from, answer)                                                                                \
	{                                                                                                              \
		text, from, answer, {exits_##how##_rdtscp, exits_##how##_rdtsc}, NULL                                  \
	}
#define CALLED(how, text, answer)                                                                                      \
	{                                                                                                              \
		text, EXITS_SYSCALL, answer, {exits_syscall_rdtscp, exits_syscall_rdtsc}, exits_handler_##how          \
	}

static const struct path {
	const char *name;
	enum exits_from from;
	enum exits_answer answer;
	const uint8_t *code[2];
	const uint8_t *handler;
} paths[] = {
	DIRECT(empty, "nothing", EXITS_RING0, EXITS_NOBODY),
	DIRECT(cpuid, "CPUID", EXITS_RING0, EXITS_KVM),
	DIRECT(rdmsr, "RDMSR", EXITS_RING0, EXITS_KVM),
	DIRECT(vmcall, "VMCALL", EXITS_RING0, EXITS_KVM),
	DIRECT(vmmcall, "VMMCALL", EXITS_RING0, EXITS_KVM),
	DIRECT(out, "OUT", EXITS_RING0, EXITS_VMM),
	DIRECT(mmio, "MMIO store", EXITS_RING0, EXITS_VMM),
	DIRECT(empty, "nothing", EXITS_RING3, EXITS_NOBODY),
	DIRECT(cpuid, "CPUID", EXITS_RING3, EXITS_KVM),
	DIRECT(out, "OUT", EXITS_RING3, EXITS_VMM),
	DIRECT(mmio, "MMIO store", EXITS_RING3, EXITS_VMM),
	CALLED(empty, "nothing", EXITS_NOBODY),
	CALLED(cpuid, "CPUID", EXITS_KVM),
	CALLED(rdmsr, "RDMSR", EXITS_KVM),
	CALLED(vmcall, "VMCALL", EXITS_KVM),
	CALLED(vmmcall, "VMMCALL", EXITS_KVM),
	CALLED(out, "OUT", EXITS_VMM),
	CALLED(mmio, "MMIO store", EXITS_VMM),
};

_Static_assert(ARRAY_SIZE(paths) <= EXITS_ROWS_MAX, "EXITS_ROWS_MAX is too small");

static const char *const clocks[] = {"RDTSCP", "LFENCE, RDTSC"};

unsigned exits_rows(void)
{
	return ARRAY_SIZE(paths);
}

const char *exits_from_name(enum exits_from f)
{
	static const char *const names[] = {"ring 0", "ring 3", "ring 3, system call"};

	return names[f];
}

const char *exits_answer_name(enum exits_answer a)
{
	static const char *const names[] = {"-", "KVM", "VMM"};

	return names[a];
}

/* --- The guest's tables -------------------------------------------------------------------------------------- */

static uint64_t guest_address(const uint8_t *label)
{
	return AT_CODE + (uint64_t)(label - exits_guest_start);
}

static void put64(const struct gmem *g, uint64_t gpa, uint64_t value)
{
	gmem_write(g, gpa, &value, sizeof(value));
}

/* All addresses are inside RAM, so that no write can fail. */
static void write_tables(const struct gmem *g)
{
	static const uint8_t ones = 0xff, hlts[VECTORS] = {[0 ... VECTORS - 1] = 0xf4};

	gmem_write(g, AT_HLTS, hlts, sizeof(hlts));
	for (unsigned v = 0; v < VECTORS; v++) {
		/* SDM 3, 6.14.1: offset, selector, IST 1, present interrupt gate; all handlers are below 64 KiB */
		put64(g, AT_IDT + v * 16, (AT_HLTS + v) | SEL_KCODE << 16 | UINT64_C(0x8e01) << 32);
		put64(g, AT_IDT + v * 16 + 8, 0);
	}
	put64(g, AT_GDT + SEL_KCODE, UINT64_C(0x00af9b000000ffff));
	put64(g, AT_GDT + SEL_KDATA, UINT64_C(0x00cf93000000ffff));
	put64(g, AT_GDT + (SEL_UDATA & ~3), UINT64_C(0x00cff3000000ffff));
	put64(g, AT_GDT + (SEL_UCODE & ~3), UINT64_C(0x00affb000000ffff));
	put64(g, AT_GDT + SEL_TSS, TSS_LIMIT | (uint64_t)AT_TSS << 16 | UINT64_C(0x8b) << 40);
	put64(g, AT_GDT + SEL_TSS + 8, 0);
	put64(g, AT_TSS + 4, AT_STACK);
	put64(g, AT_TSS + 36, AT_STACK);
	put64(g, AT_TSS + 96, (uint64_t)TSS_SIZE << 48);
	gmem_write(g, AT_TSS + TSS_LIMIT, &ones, 1);
	put64(g, AT_PML4, AT_PDPT | PTE);
	put64(g, AT_PDPT, AT_PD | PTE);
	put64(g, AT_PDPT + MMIO / GIB * 8, AT_MMIO_PD | PTE);
	for (uint64_t i = 0; i < RAM / (2 * MIB); i++)
		put64(g, AT_PD + i * 8, i * 2 * MIB | PTE_2M);
	put64(g, AT_MMIO_PD + MMIO % GIB / (2 * MIB) * 8, MMIO | PTE_2M);
	gmem_write(g, AT_CODE, exits_guest_start, (size_t)(exits_guest_end - exits_guest_start));
}

static int set_msrs(struct exits *x, const struct path *p, struct err *e)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[3];
	} m = {
		.head.nmsrs = 3,
		.entry =
			{
				{.index = MSR_STAR, .data = (uint64_t)SEL_KCODE << 32 | (uint64_t)SEL_KDATA << 48},
				{.index = MSR_LSTAR, .data = p->handler ? guest_address(p->handler) : 0},
				{.index = MSR_SFMASK, .data = BIT(9)},
			},
	};
	int r = kvm_ioctl(x->vm.kvm, x->vm.vcpu[0].fd, KVM_SET_MSRS, &m);

	return r < 0 ? err_sys(e, r, "KVM_SET_MSRS") : 0;
}

/* The state in which a row starts. */
static int enter(struct exits *x, const struct path *p, unsigned clock, unsigned iterations, struct err *e)
{
	const struct entry entry = {
		.mode = ENTRY_LONG,
		.cr3 = AT_PML4,
		.gdt_base = AT_GDT,
		.gdt_limit = GDT_LIMIT,
		.idt_base = AT_IDT,
		.idt_limit = VECTORS * 16 - 1,
		.tss_base = AT_TSS,
		.tss = SEL_TSS,
		.cs = p->from == EXITS_RING0 ? SEL_KCODE : SEL_UCODE,
		.ds = p->from == EXITS_RING0 ? SEL_KDATA : SEL_UDATA,
	};
	const struct kvm_regs regs = {
		.rip = guest_address(p->code[clock]),
		.rsp = AT_USERSTACK,
		.r12 = AT_SAMPLES,
		.r13 = iterations,
		.r14 = MMIO,
		.rflags = BIT(1),
	};
	struct vcpu *v = &x->vm.vcpu[0];
	struct kvm_sregs s;
	int r = vcpu_set_entry(v, &entry, e);

	if (r == 0)
		r = set_msrs(x, p, e);
	if (r < 0)
		return r;
	r = kvm_ioctl(v->kvm, v->fd, KVM_GET_SREGS, &s);
	if (r < 0)
		return err_sys(e, r, "KVM_GET_SREGS");
	s.efer |= EFER_SCE;
	s.tr.limit = TSS_LIMIT;
	if (p->from != EXITS_RING0)
		s.cs.dpl = s.ds.dpl = s.es.dpl = s.fs.dpl = s.gs.dpl = s.ss.dpl = 3;
	r = kvm_ioctl(v->kvm, v->fd, KVM_SET_SREGS, &s);
	if (r == 0)
		r = kvm_ioctl(v->kvm, v->fd, KVM_SET_REGS, (void *)(uintptr_t)&regs);
	return r < 0 ? err_sys(e, r, "KVM_SET_SREGS") : 0;
}

/* --- KVM's own count ----------------------------------------------------------------------------------------- */

/* KVM API, 4.134: a header, descriptors of a fixed size, and the values. */
static void open_stats(struct exits *x)
{
	struct kvm_stats_header h;
	int fd = kvm_check(x->vm.kvm, KVM_CAP_BINARY_STATS_FD) ? ioctl(x->vm.vcpu[0].fd, KVM_GET_STATS_FD, NULL) : -1;

	x->stats_fd = -1;
	if (fd < 0 || pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.name_size > 256) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (uint32_t i = 0; i < h.num_desc; i++) {
		char desc[sizeof(struct kvm_stats_desc) + 256] = {0};
		const struct kvm_stats_desc *d = (const struct kvm_stats_desc *)desc;
		size_t size = sizeof(*d) + h.name_size;

		if (pread(fd, desc, size, (off_t)(h.desc_offset + i * size)) != (ssize_t)size)
			break;
		if (!strcmp(desc + sizeof(*d), "exits")) {
			x->stats_fd = fd;
			x->exits_offset = h.data_offset + d->offset;
			return;
		}
	}
	close(fd);
}

static int64_t kvm_exits(const struct exits *x)
{
	int64_t n;

	return x->stats_fd >= 0 && pread(x->stats_fd, &n, sizeof(n), (off_t)x->exits_offset) == sizeof(n) ? n : -1;
}

/* --- Running ------------------------------------------------------------------------------------------------- */

static void nothing(int sig)
{
}

/* Where a halt was: the end of the row's loop, or a fault. */
static bool reached_end(struct exits *x, const struct path *p, unsigned clock, struct err *why)
{
	const struct gmem *g = &x->vm.memory.gmem;
	uint64_t frame[2] = {0}, begin = guest_address(p->code[clock]);
	struct kvm_regs regs;
	uint64_t vector;

	if (kvm_ioctl(x->vm.kvm, x->vm.vcpu[0].fd, KVM_GET_REGS, &regs) < 0) {
		err_set(why, -EIO, "its registers cannot be read");
		return false;
	}
	/* Ring 0 ends by itself; no loop is longer than 256 bytes. */
	if (p->from == EXITS_RING0 && regs.rip > begin && regs.rip < begin + 256 && !regs.r13)
		return true;
	vector = regs.rip - 1 - AT_HLTS;
	if (vector >= VECTORS) {
		err_set(why, -EIO, "it halted at 0x%llx, where no row does", (unsigned long long)regs.rip);
		return false;
	}
	/* The frame has an error code in front for 13 and its like; RIP is the first that looks like one. */
	gmem_read(g, regs.rsp, frame, sizeof(frame));
	if (vector == GP && p->from != EXITS_RING0 && !regs.r13)
		return true;
	err_set(why, -EIO, "the guest faults there: vector %llu at +0x%llx of the loop", (unsigned long long)vector,
		(unsigned long long)((vector == GP || vector == 14 ? frame[1] : frame[0]) - begin));
	return false;
}

/* Runs the row once. false: it did not reach its end, and why; true also gives the returns to us. */
static bool run(struct exits *x, const struct path *p, unsigned clock, uint64_t *ret_returns, struct err *why)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	/* Ever again: a kick between two steps must not be lost. */
	const struct itimerspec limit = {.it_value.tv_sec = LIMIT_NS / 1000000000, .it_interval.tv_nsec = 10000000};
	struct vcpu_exit exit;
	timer_t timer;
	bool ok = false;
	uint64_t start = trace_now_ns();
	int r;

	*ret_returns = 0;
	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) < 0) {
		err_sys(why, -errno, "timer_create");
		return false;
	}
	timer_settime(timer, 0, &limit, NULL);
	for (;;) {
		r = vcpu_step(&x->vm.vcpu[0], &exit);
		if (r < 0) {
			err_sys(why, r, "KVM_RUN");
			break;
		}
		if (exit.what == VCPU_PIO || exit.what == VCPU_MMIO) {
			++*ret_returns;
			continue;
		}
		if (exit.what == VCPU_KICKED && trace_now_ns() - start < (uint64_t)LIMIT_NS)
			continue;
		if (exit.what == VCPU_HLT)
			ok = reached_end(x, p, clock, why);
		else if (exit.what == VCPU_KICKED)
			err_set(why, -ETIME, "it did not end in %lld s", LIMIT_NS / 1000000000);
		else if (exit.what == VCPU_INTERNAL_ERROR)
			err_set(why, -EIO, "KVM cannot run it: internal error, suberror %llu",
				(unsigned long long)exit.error);
		else
			err_set(why, -EIO, "the guest ended: %s",
				exit.what == VCPU_TRIPLE_FAULT ? "triple fault" : "for a reason nobody asked for");
		break;
	}
	timer_delete(timer);
	return ok;
}

static void prove(const struct path *p, unsigned iterations, struct exits_row *row)
{
	uint64_t want = p->answer == EXITS_VMM ? iterations : 0;

	row->state = EXITS_OTHER_PATH;
	if (row->returns != want)
		err_set(&row->words, 0, "KVM_RUN returned %llu times and not %llu", (unsigned long long)row->returns,
			(unsigned long long)want);
	else if (p->answer != EXITS_NOBODY && row->kvm_exits >= 0 && row->kvm_exits < (int64_t)iterations)
		err_set(&row->words, 0,
			"KVM counted %lld exits in %u iterations: it emulates, and does not leave the guest",
			(long long)row->kvm_exits, iterations);
	else
		row->state = EXITS_OK;
}

static int collect(struct exits *x, unsigned iterations, struct exits_row *row, struct err *e)
{
	CLEANUP_FREE double *cycles = calloc(iterations, sizeof(*cycles));
	CLEANUP_FREE uint32_t *raw = calloc(iterations, sizeof(*raw));

	if (!cycles || !raw)
		return err_sys(e, -ENOMEM, "cannot keep %u samples", iterations);
	gmem_read(&x->vm.memory.gmem, AT_SAMPLES, raw, iterations * sizeof(*raw));
	for (unsigned i = 0; i < iterations; i++)
		cycles[i] = raw[i];
	row->cycles = stats_of(cycles, iterations);
	row->histogram = histogram_of(cycles, iterations, 24);
	return 0;
}

int exits_measure(
	struct exits *x, unsigned index, unsigned warmup, unsigned iterations, struct exits_row *ret, struct err *e)
{
	struct sigaction sa = {.sa_handler = nothing}, old;
	const struct path *p = &paths[index];
	struct exits_row row = {.name = p->name, .from = p->from, .answer = p->answer, .state = EXITS_CANNOT};
	unsigned clock;
	uint64_t n;
	int r = 0;

	if (sigaction(SIGRTMIN, &sa, &old) < 0)
		return err_sys(e, -errno, "sigaction");
	for (clock = 0; clock < 2; clock++) {
		r = enter(x, p, clock, warmup, e);
		if (r < 0 || run(x, p, clock, &n, &row.words))
			break;
	}
	if (r == 0 && clock < 2) {
		int64_t before;

		row.clock = clocks[clock];
		r = enter(x, p, clock, iterations, e);
		before = kvm_exits(x);
		if (r == 0 && run(x, p, clock, &row.returns, &row.words)) {
			row.kvm_exits = before < 0 ? -1 : kvm_exits(x) - before;
			prove(p, iterations, &row);
			r = collect(x, iterations, &row, e);
		}
	}
	sigaction(SIGRTMIN, &old, NULL);
	if (r == 0)
		*ret = row;
	return r;
}

unsigned exits_khz(const struct exits *x)
{
	int r = ioctl(x->vm.vcpu[0].fd, KVM_GET_TSC_KHZ, 0);

	return r > 0 ? (unsigned)r : 0;
}

int exits_open(struct kvm *kvm, struct exits **ret, struct err *e)
{
	const struct cpuid_opts opts = {.cpus = 1};
	CLEANUP_FREE struct cpuid_set *set = malloc(sizeof(*set));
	CLEANUP(memory_destroy) struct memory memory = {0};
	struct exits *x = calloc(1, sizeof(*x));
	int r;

	if (!x || !set) {
		free(x);
		return err_sys(e, -ENOMEM, "cannot set up");
	}
	x->stats_fd = -1;
	x->vm.fd = -1;
	r = cpuid_supported(kvm, set, e);
	if (r == 0)
		r = cpuid_policy(set, &opts, set, e);
	if (r == 0)
		r = vm_create(kvm, &x->vm, e);
	if (r == 0)
		r = memory_create(RAM, BACKING_ANON, true, &memory, e);
	if (r == 0)
		r = vm_set_memory(&x->vm, &memory, e);
	if (r == 0)
		r = vm_add_vcpus(&x->vm, 1, e);
	if (r == 0)
		r = vcpu_set_cpuid(&x->vm.vcpu[0], set, e);
	if (r < 0) {
		exits_close(x);
		return r;
	}
	write_tables(&x->vm.memory.gmem);
	open_stats(x);
	*ret = x;
	return 0;
}

void exits_close(struct exits *x)
{
	if (!x)
		return;
	if (x->stats_fd >= 0)
		close(x->stats_fd);
	vm_destroy(&x->vm);
	free(x);
}
