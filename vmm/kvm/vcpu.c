// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A kick that comes between two steps must not be lost: vcpu_request_exit() first stores
 * immediate_exit, which KVM reads on entry, then the caller sends a signal, which ends a KVM_RUN already under way.
 * One of the two always hits.
 *
 * KVM starts a thread of its own at the first KVM_RUN of a VM (Linux 6.13 on, and kernels that have it backported). A
 * signal that is pending at that moment interrupts the start, as it does a fork(); up to Linux 6.13 KVM then answers
 * ENOMEM. The signal has been handled when KVM_RUN comes back, so another try succeeds, unless memory is short indeed.
 */
#include "vmm/kvm/vcpu.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "vmm/base/le.h"

/* SDM 4, table 2-2 */
#define MSR_MISC_ENABLE          0x1a0
#define MISC_ENABLE_FAST_STRING  BIT(0)
#define MSR_MTRR_DEF_TYPE        0x2ff
#define MTRR_DEF_TYPE_ENABLE     BIT(11)
#define MTRR_DEF_TYPE_WRITE_BACK 6

/* AMD PPR for family 17h, MSRC001_0015 */
#define MSR_HWCR          0xc0010015
#define HWCR_TSC_FREQ_SEL BIT(24)

/* Linux Documentation/virt/kvm/x86/msr.rst */
#define MSR_KVM_SYSTEM_TIME_NEW    0x4b564d01
#define KVM_SYSTEM_TIME_NEW_ENABLE BIT(0)

/* SDM 3, 11.5.1: offsets into the APIC page, delivery modes */
#define APIC_SPIV        0xf0
#define APIC_LVT_LINT0   0x350
#define APIC_LVT_LINT1   0x360
#define APIC_MODE_NMI    (4u << 8)
#define APIC_MODE_EXTINT (7u << 8)
#define APIC_SPIV_ON     0x1ff /* enabled; the spurious vector is the reset value's */

/* Several signals may come one after the other; each costs one try. */
#define FIRST_RUN_TRIES 10

#define CR0_PE         BIT(0)
#define CR0_MP         BIT(1)
#define CR0_ET         BIT(4)
#define CR0_NE         BIT(5)
#define CR0_PG         BIT(31)
#define CR4_PAE        BIT(5)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define EFER_LME       BIT(8)
#define EFER_LMA       BIT(10)
#define RFLAGS_1       BIT(1)

/* SDM 3, 3.5 and 8.7 */
#define SEG_TYPE_BUSY_TSS 11
#define TSS_SIZE          104

int vcpu_create(struct kvm *kvm, int vm_fd, unsigned id, struct vcpu *ret, struct err *e)
{
	CLEANUP_FD int fd = -1;
	void *run;
	int r;

	r = kvm_ioctl(kvm, vm_fd, KVM_CREATE_VCPU, KVM_ARG(id));
	if (r < 0)
		return err_sys(e, r, "KVM_CREATE_VCPU of CPU %u", id);
	fd = r;
	run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run == MAP_FAILED)
		return err_sys(e, -errno, "cannot map the run area of CPU %u", id);
	*ret = (struct vcpu){.kvm = kvm, .fd = TAKE_FD(fd), .id = id, .run = run};
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v || !v->run)
		return;
	munmap(v->run, v->kvm->run_size);
	close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

int vcpu_set_cpuid(struct vcpu *v, const struct cpuid_set *set, struct err *e)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[CPUID_ENTRIES_MAX];
	} c;
	int r;

	memset(&c.head, 0, sizeof(c.head));
	c.head.nent = set->nr;
	memcpy(c.entry, set->entry, set->nr * sizeof(set->entry[0]));
	r = kvm_ioctl(v->kvm, v->fd, KVM_SET_CPUID2, &c);
	return r < 0 ? err_sys(e, r, "KVM_SET_CPUID2 of CPU %u", v->id) : 0;
}

#define REQUIRED_MSRS 2

static int set_msrs(struct vcpu *v, struct err *e)
{
	/* KVM has bits of its own in there: that BTS and PEBS are unavailable. */
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[1];
	} misc = {.head.nmsrs = 1, .entry = {{.index = MSR_MISC_ENABLE}}};
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[REQUIRED_MSRS + 1];
	} m = {
		.head.nmsrs = REQUIRED_MSRS + v->kvm->hwcr,
		.entry =
			{
				/* Linux drops its fast string copies on Intel when firmware left this off. */
				{.index = MSR_MISC_ENABLE, .data = MISC_ENABLE_FAST_STRING},
				/*
				 * Linux takes PAT only when MTRRs are on; everything is RAM or a trapped device, so
				 * write-back.
				 */
				{.index = MSR_MTRR_DEF_TYPE, .data = MTRR_DEF_TYPE_ENABLE | MTRR_DEF_TYPE_WRITE_BACK},
				/* The TSC counts at the rate of P0: on AMD, Linux calls it a firmware bug otherwise. */
				{.index = MSR_HWCR, .data = HWCR_TSC_FREQ_SEL},
			},
	};
	int r = kvm_ioctl(v->kvm, v->fd, KVM_GET_MSRS, &misc);

	if (r < 0)
		return err_sys(e, r, "KVM_GET_MSRS of CPU %u", v->id);
	m.entry[0].data |= misc.entry[0].data;
	r = kvm_ioctl(v->kvm, v->fd, KVM_SET_MSRS, &m);
	if (r < 0)
		return err_sys(e, r, "KVM_SET_MSRS of CPU %u", v->id);
	/* The last one is for a message only. */
	if (r < REQUIRED_MSRS)
		return err_set(e, -EIO, "KVM_SET_MSRS of CPU %u: KVM refused MSR 0x%x", v->id, m.entry[r].index);
	return 0;
}

int vcpu_set_platform(struct vcpu *v, struct err *e)
{
	struct kvm_lapic_state lapic;
	int r;

	r = set_msrs(v, e);
	if (r < 0)
		return r;
	r = kvm_ioctl(v->kvm, v->fd, KVM_GET_LAPIC, &lapic);
	if (r < 0)
		return err_sys(e, r, "KVM_GET_LAPIC of CPU %u", v->id);
	/*
	 * MultiProcessor Specification 1.4, 3.6.2.2: firmware leaves the boot CPU's APIC on, as a wire from the 8259 to
	 * the CPU. A guest that never looks at it finds it so, and KVM can deliver to it: KVM's message that a page has
	 * arrived is an interrupt, and as long as it cannot be delivered KVM takes every HLT back at once. The others'
	 * APICs are as INIT leaves them.
	 */
	if (v->id == 0)
		le32_put(lapic.regs + APIC_SPIV, APIC_SPIV_ON);
	le32_put(lapic.regs + APIC_LVT_LINT0, APIC_MODE_EXTINT);
	le32_put(lapic.regs + APIC_LVT_LINT1, APIC_MODE_NMI);
	r = kvm_ioctl(v->kvm, v->fd, KVM_SET_LAPIC, &lapic);
	return r < 0 ? err_sys(e, r, "KVM_SET_LAPIC of CPU %u", v->id) : 0;
}

/* A flat 4 GiB segment; type and flags as the CPU holds them in its hidden part (SDM 3, 3.4.5). */
static struct kvm_segment flat(uint16_t selector, uint8_t type, bool code, bool is_long)
{
	return (struct kvm_segment){
		.base = 0,
		.limit = UINT32_MAX,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.db = !(code && is_long),
		.l = code && is_long,
	};
}

static void set_segments(struct kvm_sregs *s, const struct entry *en)
{
	bool is_long = en->mode == ENTRY_LONG;
	struct kvm_segment code = flat(en->cs, 11, true, is_long);
	struct kvm_segment data = flat(en->ds, 3, false, is_long);

	if (en->mode == ENTRY_REAL) {
		/* Real mode: the reset values are right but for the code segment, which starts at the reset vector. */
		s->cs.base = 0;
		s->cs.selector = 0;
		return;
	}
	if (en->seg_size) {
		code.base = data.base = en->seg_base;
		code.limit = data.limit = (uint32_t)(en->seg_size - 1);
	}
	s->cs = code;
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->gdt.base = en->gdt_base;
	s->gdt.limit = en->gdt_limit;
	s->cr0 = CR0_PE | CR0_ET;
	if (is_long) {
		s->cr0 |= CR0_PG;
		s->cr3 = en->cr3;
		s->cr4 = CR4_PAE;
		s->efer = EFER_LME | EFER_LMA;
	}
	if (en->tss)
		s->tr = (struct kvm_segment){
			.base = en->tss_base,
			.limit = TSS_SIZE - 1,
			.selector = en->tss,
			.type = SEG_TYPE_BUSY_TSS,
			.present = 1,
		};
}

static void set_system(struct kvm_sregs *s, const struct entry *en)
{
	if (en->idt_limit) {
		s->idt.base = en->idt_base;
		s->idt.limit = en->idt_limit;
	}
	if (en->fpu) {
		/* SDM 3, 2.5: x87 without EM and with MP; SSE needs both bits of CR4. */
		s->cr0 |= CR0_MP | CR0_NE;
		s->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
	}
}

int vcpu_set_entry(struct vcpu *v, const struct entry *en, struct err *e)
{
	struct kvm_regs regs = {
		.rip = en->rip,
		.rsp = en->rsp,
		.rbp = en->rbp,
		.rsi = en->rsi,
		.rbx = en->rbx,
		.rdi = en->rdi,
		.rflags = RFLAGS_1,
	};
	struct kvm_sregs sregs;
	int r;

	r = kvm_ioctl(v->kvm, v->fd, KVM_GET_SREGS, &sregs);
	if (r < 0)
		return err_sys(e, r, "KVM_GET_SREGS of CPU %u", v->id);
	set_segments(&sregs, en);
	set_system(&sregs, en);
	r = kvm_ioctl(v->kvm, v->fd, KVM_SET_SREGS, &sregs);
	if (r < 0)
		return err_sys(e, r, "KVM_SET_SREGS of CPU %u", v->id);
	r = kvm_ioctl(v->kvm, v->fd, KVM_SET_REGS, &regs);
	return r < 0 ? err_sys(e, r, "KVM_SET_REGS of CPU %u", v->id) : 0;
}

bool vcpu_has_kvmclock(struct vcpu *v)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} m = {.head.nmsrs = 1, .entry.index = MSR_KVM_SYSTEM_TIME_NEW};

	return ioctl(v->fd, KVM_GET_MSRS, &m) == 1 && (m.entry.data & KVM_SYSTEM_TIME_NEW_ENABLE);
}

static enum vcpu_event decode(struct kvm_run *run, struct vcpu_exit *x)
{
	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		x->pio.port = run->io.port;
		x->pio.len = run->io.size;
		x->pio.write = run->io.direction == KVM_EXIT_IO_OUT;
		x->pio.count = run->io.count;
		x->pio.data = (uint8_t *)run + run->io.data_offset;
		return VCPU_PIO;
	case KVM_EXIT_MMIO:
		x->mmio.gpa = run->mmio.phys_addr;
		x->mmio.len = (uint8_t)MIN(run->mmio.len, sizeof(run->mmio.data));
		x->mmio.write = run->mmio.is_write;
		x->mmio.data = run->mmio.data;
		return VCPU_MMIO;
	case KVM_EXIT_HLT: return VCPU_HLT;
	case KVM_EXIT_INTR: return VCPU_KICKED;
	case KVM_EXIT_SHUTDOWN: return VCPU_TRIPLE_FAULT;
	case KVM_EXIT_INTERNAL_ERROR: x->error = run->internal.suberror; return VCPU_INTERNAL_ERROR;
	case KVM_EXIT_FAIL_ENTRY: x->error = run->fail_entry.hardware_entry_failure_reason; return VCPU_ENTRY_FAILED;
	case KVM_EXIT_SYSTEM_EVENT: x->error = run->system_event.type; return VCPU_SYSTEM_EVENT;
	default:
		x->error = run->exit_reason;
		x->hardware = run->exit_reason == KVM_EXIT_UNKNOWN ? run->hw.hardware_exit_reason : 0;
		return VCPU_UNKNOWN;
	}
}

static bool is_runnable(struct vcpu *v)
{
	struct kvm_mp_state mp;

	return kvm_ioctl(v->kvm, v->fd, KVM_GET_MP_STATE, &mp) < 0 || mp.mp_state == KVM_MP_STATE_RUNNABLE;
}

static bool has_run(const struct vcpu *v)
{
	for (size_t i = 0; i < VCPU_EVENTS; i++)
		if (v->exits[i])
			return true;
	return false;
}

/*
 * EAGAIN has two meanings. A CPU that waited for its first SIPI got it, or was woken for nothing: once more. But a CPU
 * that is runnable and gets it was refused the thread that KVM starts at the first KVM_RUN, and would be for ever.
 */
int vcpu_step(struct vcpu *v, struct vcpu_exit *ret)
{
	unsigned tries = FIRST_RUN_TRIES;
	bool runnable = false;

	for (;;) {
		if (likely(ioctl(v->fd, KVM_RUN, 0) == 0)) {
			ret->what = decode(v->run, ret);
			break;
		}
		if (errno == EINTR) {
			ret->what = VCPU_KICKED;
			break;
		}
		if (errno == ENOMEM && --tries && !has_run(v))
			continue;
		if (errno != EAGAIN || runnable)
			return -errno;
		runnable = is_runnable(v);
	}
	v->exits[ret->what]++;
	return 0;
}

const char *vcpu_step_hint(int r)
{
	return r == -EFAULT ? " (guest memory has gone; was the kernel file cut while the guest ran?)"
			    : err_no_thread(r);
}

static const char *entry_failure_text(uint64_t reason)
{
	switch (reason) {
	/* VMX: instruction errors, and exit reasons with bit 31, which says that the entry failed. */
	case 7: return "VMX: invalid control fields";
	case 8: return "VMX: invalid host state";
	case 0x80000021:
		return "VMX: invalid guest state; without unrestricted guest, an old processor or a parameter of "
		       "kvm_intel, "
		       "not every state of real mode can be run";
	case 0x80000022: return "VMX: an MSR could not be loaded";
	case 0x80000029: return "VMX: a machine check";
	/* SVM: VMEXIT_INVALID, -1 of 32 or of 64 bits */
	case UINT32_MAX:
	case UINT64_MAX: return "SVM: invalid guest state, or what KVM asked for is not allowed";
	default: return "unknown";
	}
}

const char *vcpu_exit_text(const struct vcpu_exit *x, char *buf)
{
	if (x->what == VCPU_ENTRY_FAILED)
		snprintf(buf, VCPU_EXIT_TEXT_MAX, "hardware reason 0x%" PRIx64 " (%s)", x->error,
			entry_failure_text(x->error));
	else if (x->what == VCPU_UNKNOWN && x->error == KVM_EXIT_UNKNOWN)
		snprintf(buf, VCPU_EXIT_TEXT_MAX,
			"an exit of the processor that KVM does not know, hardware reason 0x%" PRIx64, x->hardware);
	else
		snprintf(buf, VCPU_EXIT_TEXT_MAX, "exit reason %" PRIu64,
			x->what == VCPU_HLT ? (uint64_t)KVM_EXIT_HLT : x->error);
	return buf;
}

void vcpu_request_exit(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

void vcpu_clear_request(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}
