// SPDX-License-Identifier: Apache-2.0
/*
 * What runs in the guests of exit_costs.c: which paths there are, and where everything lies. The code is
 * exit_costs_guest.S.
 */
#include "boot/x86.h"
#include "vmm/base/le.h"
#include "vmm/bench/exit_costs_internal.h"
#include "vmm/kvm/vcpu_state.h"

#define AT_IDT       0x1000
#define AT_GDT       0x2000
#define AT_TSS       0x3000
#define AT_STACK     0x5000 /* its top: for faults */
#define AT_PML4      0x6000
#define AT_PDPT      0x7000
#define AT_PD        0x8000
#define AT_MMIO_PD   0x9000
#define AT_CODE      0x10000
#define AT_FRAME     0x1fff00
#define AT_USERSTACK 0x200000

/* SDM 3, 3.4.5; the order is that of SYSRET (SDM 2B): 64-bit code is 16 above the base in STAR, data 8 above. */
#define SEL_KCODE 0x08
#define SEL_KDATA 0x10
#define SEL_UDATA (0x18 | 3)
#define SEL_UCODE (0x20 | 3)
#define SEL_TSS   0x28
#define GDT_LIMIT (SEL_TSS + X86_SYSTEM64 - 1)

/*
 * SDM 3, 8.7 and 19.5.2: a TSS of 104 bytes, then the I/O bitmap: all ports up to 255 allowed, and a last byte of ones
 */
#define TSS_LIMIT (TSS_SIZE + 32)

#define MAPPED (PTE_P | PTE_W | PTE_U)

/* The labels of exit_costs_guest.S */
extern const uint8_t exit_costs_guest_start[], exit_costs_guest_end[], exit_costs_to_ring3[];
extern const uint8_t exit_costs_nothing_rdtscp[], exit_costs_nothing_rdtsc[], exit_costs_handler_nothing[];
extern const uint8_t exit_costs_cpuid_rdtscp[], exit_costs_cpuid_rdtsc[], exit_costs_handler_cpuid[];
extern const uint8_t exit_costs_rdmsr_rdtscp[], exit_costs_rdmsr_rdtsc[], exit_costs_handler_rdmsr[];
extern const uint8_t exit_costs_vmcall_rdtscp[], exit_costs_vmcall_rdtsc[], exit_costs_handler_vmcall[];
extern const uint8_t exit_costs_vmmcall_rdtscp[], exit_costs_vmmcall_rdtsc[], exit_costs_handler_vmmcall[];
extern const uint8_t exit_costs_out_rdtscp[], exit_costs_out_rdtsc[], exit_costs_handler_out[];
extern const uint8_t exit_costs_store_rdtscp[], exit_costs_store_rdtsc[], exit_costs_handler_store[];
extern const uint8_t exit_costs_syscall_rdtscp[], exit_costs_syscall_rdtsc[];
extern const uint8_t exit_costs_kick_rdtscp[], exit_costs_kick_rdtsc[], exit_costs_irq_rdtscp[], exit_costs_irq_rdtsc[];

static const struct instruction nothing = {
	"nothing", {exit_costs_nothing_rdtscp, exit_costs_nothing_rdtsc}, exit_costs_handler_nothing};
static const struct instruction cpuid = {
	"CPUID", {exit_costs_cpuid_rdtscp, exit_costs_cpuid_rdtsc}, exit_costs_handler_cpuid};
static const struct instruction rdmsr = {
	"RDMSR", {exit_costs_rdmsr_rdtscp, exit_costs_rdmsr_rdtsc}, exit_costs_handler_rdmsr};
static const struct instruction vmcall = {
	"VMCALL", {exit_costs_vmcall_rdtscp, exit_costs_vmcall_rdtsc}, exit_costs_handler_vmcall};
static const struct instruction vmmcall = {
	"VMMCALL", {exit_costs_vmmcall_rdtscp, exit_costs_vmmcall_rdtsc}, exit_costs_handler_vmmcall};
static const struct instruction out = {"OUT", {exit_costs_out_rdtscp, exit_costs_out_rdtsc}, exit_costs_handler_out};
static const struct instruction store = {
	"MMIO store", {exit_costs_store_rdtscp, exit_costs_store_rdtsc}, exit_costs_handler_store};
static const struct instruction kick = {"ioeventfd", {exit_costs_kick_rdtscp, exit_costs_kick_rdtsc}, NULL};
/* The loop of the rows from a system call: what they time is in the handler. */
static const struct instruction system_call = {"SYSCALL", {exit_costs_syscall_rdtscp, exit_costs_syscall_rdtsc}, NULL};

static const uint8_t *const irq_handlers[CLOCKS] = {exit_costs_irq_rdtscp, exit_costs_irq_rdtsc};

static const struct path paths[] = {
	{&nothing, EXIT_COSTS_RING0, EXIT_COSTS_NOBODY, MMIO_PLAIN},
	{&cpuid, EXIT_COSTS_RING0, EXIT_COSTS_KVM, MMIO_PLAIN},
	{&rdmsr, EXIT_COSTS_RING0, EXIT_COSTS_KVM, MMIO_PLAIN},
	{&vmcall, EXIT_COSTS_RING0, EXIT_COSTS_KVM, MMIO_PLAIN},
	{&vmmcall, EXIT_COSTS_RING0, EXIT_COSTS_KVM, MMIO_PLAIN},
	{&out, EXIT_COSTS_RING0, EXIT_COSTS_VMM, MMIO_PLAIN},
	{&store, EXIT_COSTS_RING0, EXIT_COSTS_VMM, MMIO_PLAIN},
	{&nothing, EXIT_COSTS_RING3, EXIT_COSTS_NOBODY, MMIO_PLAIN},
	{&cpuid, EXIT_COSTS_RING3, EXIT_COSTS_KVM, MMIO_PLAIN},
	{&out, EXIT_COSTS_RING3, EXIT_COSTS_VMM, MMIO_PLAIN},
	{&store, EXIT_COSTS_RING3, EXIT_COSTS_VMM, MMIO_PLAIN},
	{&nothing, EXIT_COSTS_SYSCALL, EXIT_COSTS_NOBODY, MMIO_PLAIN},
	{&cpuid, EXIT_COSTS_SYSCALL, EXIT_COSTS_KVM, MMIO_PLAIN},
	{&rdmsr, EXIT_COSTS_SYSCALL, EXIT_COSTS_KVM, MMIO_PLAIN},
	{&vmcall, EXIT_COSTS_SYSCALL, EXIT_COSTS_KVM, MMIO_PLAIN},
	{&vmmcall, EXIT_COSTS_SYSCALL, EXIT_COSTS_KVM, MMIO_PLAIN},
	{&out, EXIT_COSTS_SYSCALL, EXIT_COSTS_VMM, MMIO_PLAIN},
	{&store, EXIT_COSTS_SYSCALL, EXIT_COSTS_VMM, MMIO_PLAIN},
	{&kick, EXIT_COSTS_RING0, EXIT_COSTS_KVM, MMIO_KICKS_KVM},
	{&kick, EXIT_COSTS_RING0, EXIT_COSTS_THREAD, MMIO_KICKS_THREAD},
};

_Static_assert(ARRAY_SIZE(paths) <= EXIT_COSTS_ROWS_MAX, "EXIT_COSTS_ROWS_MAX is too small");

unsigned exit_costs_rows(void)
{
	return ARRAY_SIZE(paths);
}

const struct path *exit_costs_path(unsigned row)
{
	return &paths[row];
}

const uint8_t *exit_costs_loop(const struct path *p, unsigned clock)
{
	return (p->from == EXIT_COSTS_SYSCALL ? &system_call : p->what)->loop[clock];
}

const uint8_t *exit_costs_handler(const struct path *p)
{
	return p->from == EXIT_COSTS_SYSCALL ? p->what->handler : NULL;
}

bool exit_costs_has_interrupts(const struct path *p)
{
	return p->what == &kick;
}

const char *exit_costs_replaced_by(const struct path *p)
{
	return p->what == &vmmcall ? "VMCALL" : "VMMCALL";
}

uint64_t exit_costs_address(const uint8_t *label)
{
	return AT_CODE + (uint64_t)(label - exit_costs_guest_start);
}

static void put_gate(const struct gmem *g, unsigned vector, uint64_t handler)
{
	uint8_t gate[X86_GATE64];

	x86_put_gate64(gate, SEL_KCODE, handler, 1);
	gmem_write(g, AT_IDT + vector * sizeof(gate), gate, sizeof(gate));
}

static void write_gdt(const struct gmem *g)
{
	uint8_t gdt[SEL_TSS] = {0};

	le64_put(gdt + SEL_KCODE, x86_descriptor(SEG_CODE64, 0, X86_LIMIT_4G));
	le64_put(gdt + SEL_KDATA, x86_descriptor(SEG_DATA, 0, X86_LIMIT_4G));
	le64_put(gdt + (SEL_UDATA & ~SELECTOR_RPL), x86_descriptor(SEG_DATA | SEG_DPL(3), 0, X86_LIMIT_4G));
	le64_put(gdt + (SEL_UCODE & ~SELECTOR_RPL), x86_descriptor(SEG_CODE64 | SEG_DPL(3), 0, X86_LIMIT_4G));
	gmem_write(g, AT_GDT, gdt, sizeof(gdt));
}

/* RAM at 0, and in the fourth GiB the page of the MMIO store and that of the local APIC. */
static void write_page_tables(const struct gmem *g)
{
	x86_put_entries(g, AT_PML4, 0, 1, AT_PDPT, 0, MAPPED);
	x86_put_entries(g, AT_PDPT, 0, 1, AT_PD, 0, MAPPED);
	x86_put_entries(g, AT_PDPT, MMIO_PLAIN / GIB, 1, AT_MMIO_PD, 0, MAPPED);
	x86_put_entries(g, AT_PD, 0, GUEST_RAM / PAGE_2M, 0, PAGE_2M, MAPPED | PTE_PS);
	x86_put_entries(g, AT_MMIO_PD, MMIO_PLAIN % GIB / PAGE_2M, 1, MMIO_PLAIN, 0, MAPPED | PTE_PS);
	x86_put_entries(g, AT_MMIO_PD, APIC_BASE % GIB / PAGE_2M, 1, APIC_BASE, 0, MAPPED | PTE_PS);
}

/* All addresses are inside RAM, so that no write can fail. */
void exit_costs_write_guest(const struct gmem *g)
{
	static const uint8_t ones = 0xff, hlts[VECTORS_EXCEPTIONS] = {[0 ... VECTORS_EXCEPTIONS - 1] = 0xf4};
	uint8_t tss[TSS_SIZE];

	gmem_write(g, AT_HLTS, hlts, sizeof(hlts));
	for (unsigned v = 0; v < VECTORS_EXCEPTIONS; v++)
		put_gate(g, v, AT_HLTS + v);
	write_gdt(g);
	x86_put_tss64(tss, AT_STACK, AT_STACK);
	gmem_write(g, AT_TSS, tss, sizeof(tss));
	gmem_write(g, AT_TSS + TSS_LIMIT, &ones, 1);
	write_page_tables(g);
	gmem_write(g, AT_CODE, exit_costs_guest_start, (size_t)(exit_costs_guest_end - exit_costs_guest_start));
}

static int set_msrs(struct vcpu *v, const struct path *p, struct err *e)
{
	struct vcpu_msr m[] = {
		{.index = MSR_STAR, .value = (uint64_t)SEL_KCODE << 32 | (uint64_t)SEL_KDATA << 48},
		{.index = MSR_LSTAR, .value = exit_costs_handler(p) ? exit_costs_address(exit_costs_handler(p)) : 0},
		{.index = MSR_SFMASK, .value = RFLAGS_IF},
	};

	return vcpu_set_msrs(v, m, ARRAY_SIZE(m), e);
}

/* What exit_costs_to_ring3 pops. LTR makes the segment busy, and faults on one that is: SDM 2A. */
static void write_way_to_ring3(const struct gmem *g, uint64_t rip)
{
	const uint64_t frame[] = {rip, SEL_UCODE, RFLAGS_FIXED, AT_USERSTACK, SEL_UDATA};
	uint8_t tss[X86_SYSTEM64];

	x86_put_system64(tss, SEG_TSS, AT_TSS, TSS_LIMIT);
	gmem_write(g, AT_GDT + SEL_TSS, tss, sizeof(tss));
	gmem_write(g, AT_FRAME, frame, sizeof(frame));
}

int exit_costs_enter(struct vm *vm, const struct path *p, unsigned clock, unsigned iterations, struct err *e)
{
	const struct entry entry = {
		.mode = ENTRY_LONG,
		.cr3 = AT_PML4,
		.gdt_base = AT_GDT,
		.gdt_limit = GDT_LIMIT,
		.idt_base = AT_IDT,
		.idt_limit = (VECTOR_IRQ + 1) * X86_GATE64 - 1,
		.tss_base = AT_TSS,
		.tss = SEL_TSS,
		.cs = SEL_KCODE,
		.ds = SEL_KDATA,
	};
	bool in_ring0 = p->from == EXIT_COSTS_RING0;
	const struct kvm_regs general = {
		.rip = exit_costs_address(in_ring0 ? exit_costs_loop(p, clock) : exit_costs_to_ring3),
		.rsp = in_ring0 ? AT_USERSTACK : AT_FRAME,
		.rax = SEL_TSS,
		.r12 = AT_SAMPLES,
		.r13 = iterations,
		.r14 = p->gpa,
		.r15 = APIC_BASE + APIC_EOI,
		.rflags = RFLAGS_FIXED | (exit_costs_has_interrupts(p) ? RFLAGS_IF : 0),
	};
	struct vcpu *v = &vm->vcpu[0];
	struct vcpu_regs regs;
	int r = vcpu_get_regs(v, &regs, e);

	put_gate(&vm->memory.gmem, VECTOR_IRQ, exit_costs_address(irq_handlers[clock]));
	write_way_to_ring3(&vm->memory.gmem, exit_costs_address(exit_costs_loop(p, clock)));
	if (r == 0)
		r = set_msrs(v, p, e);
	if (r < 0)
		return r;
	vcpu_entry_regs(&entry, &regs);
	regs.system.efer |= EFER_SCE;
	regs.general = general;
	return vcpu_set_regs(v, &regs, e);
}
