// SPDX-License-Identifier: Apache-2.0
/*
 * Guests that are held still by a crew, on KVM: where their registers are, that nothing moves, and that nothing is
 * lost.
 *
 * The guests are real-mode code at CODE. What they do is counted here and in their memory, which the test's thread
 * reads as it is while they are held: ThreadSanitizer sees that holding orders it.
 */
#include "tests/support/with_kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/base/clock.h"
#include "vmm/base/kick.h"
#include "vmm/base/le.h"
#include "vmm/base/x86.h"
#include "vmm/kvm/vcpu_state.h"
#include "vmm/kvm/vcpu_thread.h"
#include "vmm/kvm/vm.h"

#define CPUS_MAX 3
#define RAM_SIZE (32 * KIB)
#define CODE     0x1000
#define STACK    0x3000
#define COUNT    0x2000 /* 16 bits: what a guest counts */
#define BUFFER   0x4000
#define STRING   0x1800 /* bytes of a string instruction: more than KVM's page for them */
#define HANDLER  0x1100
#define VECTOR   0x40
#define APIC_ID  0
#define ACROSS   0x9ffe /* not RAM: two bytes in one page, two in the next */
#define PORT     0x80
#define LONG_NS  (60 * NSEC_PER_SEC)

static struct kvm kvm = {.fd = -1};

/**
 * struct cpu - a guest and the values that it was given
 * @bytes: that went through PORT; the n-th is byte_of(n)
 * @wrong: of those that the guest wrote, not what they should be
 * @parts: halves of accesses to ACROSS
 * @kicked: times that it left the guest for us
 * @holds: it is to hold its crew when it next leaves the guest
 */
struct cpu {
	struct vcpu_thread t;
	uint64_t bytes, wrong, parts, kicked;
	_Atomic bool holds;
	bool odd_exit;
};

static struct rig {
	struct crew crew;
	struct vm vm;
	struct cpu cpu[CPUS_MAX];
} rig;

/* With a period that divides neither a page nor STRING. */
static uint8_t byte_of(uint64_t n)
{
	return (uint8_t)(n % 251);
}

static void serve_pio(struct cpu *c, const struct vcpu_exit *x)
{
	for (uint32_t i = 0; i < x->pio.count * x->pio.len; i++, c->bytes++) {
		if (x->pio.write)
			c->wrong += x->pio.data[i] != byte_of(c->bytes % STRING);
		else
			x->pio.data[i] = byte_of(c->bytes);
	}
}

/* Both halves of a read have the same number, so that a torn one shows. */
static void serve_mmio(struct cpu *c, const struct vcpu_exit *x)
{
	for (unsigned i = 0; i < x->mmio.len && !x->mmio.write; i++)
		x->mmio.data[i] = (uint8_t)(c->parts / 2);
	c->parts++;
}

static void run(struct vcpu_thread *t)
{
	struct cpu *c = container_of(t, struct cpu, t);

	while (!crew_stopping(&rig.crew) && !c->odd_exit) {
		struct vcpu_exit x = {.what = VCPU_EVENTS};

		if (vcpu_step(t->vcpu, &x) < 0)
			x.what = VCPU_EVENTS;
		switch (x.what) {
		case VCPU_PIO: serve_pio(c, &x); break;
		case VCPU_MMIO: serve_mmio(c, &x); break;
		case VCPU_KICKED:
			c->kicked++;
			if (atomic_exchange(&c->holds, false))
				vcpu_thread_hold(t);
			vcpu_thread_kicked(t);
			break;
		default: c->odd_exit = true; break;
		}
	}
}

static int lock_nothing(struct crew *c)
{
	return 0;
}

static const struct crew_ops ops = {.stack_size = 256 * KIB, .lock = lock_nothing, .run = run};

static void load(uint64_t gpa, const void *data, size_t n)
{
	assert_int_equal(gmem_write(&rig.vm.memory.gmem, gpa, data, n), 0);
}

static void set_up(const void *code, size_t n, unsigned cpus, bool irqchip)
{
	const struct entry entry = {.mode = ENTRY_REAL, .rip = CODE, .rsp = STACK};
	CLEANUP(memory_destroy) struct memory memory = {0};
	struct err e = {};

	memset(&rig, 0, sizeof(rig));
	crew_init(&rig.crew, &ops);
	assert_int_equal(vm_create(&kvm, &rig.vm, &e), 0);
	assert_int_equal(memory_create(RAM_SIZE, BACKING_ANON, false, &memory, &e), 0);
	assert_int_equal(vm_set_memory(&rig.vm, &memory, &e), 0);
	if (irqchip)
		assert_int_equal(vm_add_irqchip(&rig.vm, &e), 0);
	assert_int_equal(vm_add_vcpus(&rig.vm, cpus, &e), 0);
	load(CODE, code, n);
	for (unsigned i = 0; i < cpus; i++) {
		if (irqchip)
			assert_int_equal(vcpu_set_platform(&rig.vm.vcpu[i], &e), 0);
		assert_int_equal(vcpu_set_entry(&rig.vm.vcpu[i], &entry, &e), 0);
		crew_add(&rig.crew, &rig.cpu[i].t, &rig.vm.vcpu[i], "guest");
	}
}

static void begin(void)
{
	unsigned at;

	assert_int_equal(crew_start(&rig.crew, &at), 0);
	assert_int_equal(crew_wait_locked(&rig.crew), 0);
	crew_open(&rig.crew);
}

static void end(void)
{
	crew_stop(&rig.crew);
	for (unsigned i = 0; i < rig.vm.nr_vcpus; i++)
		assert_false(rig.cpu[i].odd_exit);
	crew_destroy(&rig.crew);
	vm_destroy(&rig.vm);
}

static void pause_crew(void)
{
	struct vcpu_thread *late = NULL;

	assert_int_equal(crew_pause(&rig.crew, LONG_NS, &late), 0);
}

static void nap(long ns)
{
	ppoll(NULL, 0, &(struct timespec){.tv_nsec = ns}, NULL);
}

static int read_regs(struct vcpu_thread *t, void *arg)
{
	return vcpu_get_general(t->vcpu, arg);
}

static struct kvm_regs regs_of(unsigned i)
{
	struct kvm_regs regs;

	memset(&regs, 0, sizeof(regs));
	assert_int_equal(crew_call(&rig.cpu[i].t, read_regs, &regs, LONG_NS), 0);
	return regs;
}

static unsigned counted(void)
{
	uint8_t n[2];

	assert_int_equal(gmem_read(&rig.vm.memory.gmem, COUNT, n, 2), 0);
	return le16_get(n);
}

/* Held: two looks with time between them see the same registers, memory and services. Return: the registers. */
static struct kvm_regs stands_still(unsigned i, bool long_look)
{
	static uint8_t before[RAM_SIZE], after[RAM_SIZE];
	const uint64_t bytes = rig.cpu[i].bytes, parts = rig.cpu[i].parts, kicked = rig.cpu[i].kicked;
	struct kvm_regs a, b;

	assert_int_equal(gmem_read(&rig.vm.memory.gmem, 0, before, RAM_SIZE), 0);
	a = regs_of(i);
	if (long_look)
		nap(3 * NSEC_PER_MSEC);
	b = regs_of(i);
	assert_int_equal(gmem_read(&rig.vm.memory.gmem, 0, after, RAM_SIZE), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_memory_equal(before, after, RAM_SIZE);
	assert_int_equal(rig.cpu[i].bytes, bytes);
	assert_int_equal(rig.cpu[i].parts, parts);
	assert_int_equal(rig.cpu[i].kicked, kicked);
	return a;
}

/* l: inc word [COUNT]; inc bx; jmp l */
static const uint8_t loops[] = {0xff, 0x06, 0x00, 0x20, 0x43, 0xeb, 0xf9};

/* The two counts of a guest that loops are never further apart than the instruction between them. */
static void a_guest_that_loops(void **state)
{
	unsigned last = 0, moves = 0;

	set_up(loops, sizeof(loops), 1, false);
	begin();
	for (unsigned round = 0; round < 1000; round++) {
		struct kvm_regs r;
		unsigned n;

		pause_crew();
		r = stands_still(0, round % 100 == 0);
		n = counted();
		assert_true(r.rip == CODE || r.rip == CODE + 4 || r.rip == CODE + 5);
		assert_int_equal((uint16_t)(r.rbx + (r.rip == CODE + 4)), n);
		moves += n != last;
		last = n;
		crew_resume(&rig.crew);
		if (round % 100 == 0)
			nap(NSEC_PER_MSEC);
	}
	assert_true(moves >= 10);
	end();
}

/* Requested without waiting: unless a vCPU is late, all stop; if the request is withdrawn at once, none has to. */
static void a_hold_that_is_not_waited_for(void **state)
{
	set_up(loops, sizeof(loops), 2, false);
	begin();
	for (unsigned round = 0; round < 200; round++) {
		struct vcpu_thread *late;

		crew_hold(&rig.crew);
		late = crew_late(&rig.crew);
		assert_true(!late || late == &rig.cpu[0].t || late == &rig.cpu[1].t);
		if (round % 2) {
			while (crew_late(&rig.crew))
				nap(NSEC_PER_USEC);
			stands_still(0, round % 50 == 1);
			stands_still(1, false);
		}
		crew_resume(&rig.crew);
	}
	for (unsigned was = counted(); counted() == was;)
		nap(NSEC_PER_MSEC);
	assert_non_null(crew_late(&rig.crew));
	end();
}

/* s: mov di, BUFFER; mov cx, STRING; mov dx, PORT; rep insb; inc word [COUNT]; jmp s */
static const uint8_t reads[] = {
	0xbf, 0x00, 0x40, 0xb9, 0x00, 0x18, 0xba, PORT, 0x00, 0xf3, 0x6c, 0xff, 0x06, 0x00, 0x20, 0xeb, 0xef};
#define AT_REP 9

/* What the port gave is in memory, to the byte, wherever the guest is held. */
static void a_guest_in_rep_insb(void **state)
{
	unsigned inside = 0;

	set_up(reads, sizeof(reads), 1, false);
	begin();
	for (unsigned round = 0; round < 1000; round++) {
		uint8_t got[STRING];
		struct kvm_regs r;
		uint64_t begun, n;

		pause_crew();
		r = stands_still(0, round % 100 == 0);
		assert_int_equal(gmem_read(&rig.vm.memory.gmem, BUFFER, got, STRING), 0);
		if (r.rip == CODE + AT_REP) {
			n = r.rdi - BUFFER;
			assert_int_equal(n + r.rcx, STRING);
			begun = rig.cpu[0].bytes - n;
			assert_int_equal(begun % STRING, 0);
			for (uint64_t i = 0; i < n; i++)
				assert_int_equal(got[i], byte_of(begun + i));
			inside += n != 0;
		} else {
			assert_int_equal(rig.cpu[0].bytes % STRING, 0);
		}
		crew_resume(&rig.crew);
		if (round % 10 == 0)
			nap(NSEC_PER_MSEC / 10);
	}
	print_message("inside rep insb: %u of 1000\n", inside);
	end();
	assert_true(inside >= 10);
	assert_true(rig.cpu[0].bytes >= STRING);
}

/* s: mov si, BUFFER; mov cx, STRING; mov dx, PORT; rep outsb; inc word [COUNT]; jmp s */
static const uint8_t writes[] = {
	0xbe, 0x00, 0x40, 0xb9, 0x00, 0x18, 0xba, PORT, 0x00, 0xf3, 0x6e, 0xff, 0x06, 0x00, 0x20, 0xeb, 0xef};

/* Each byte has gone out once, and the registers say how many. */
static void a_guest_in_rep_outsb(void **state)
{
	uint8_t text[STRING];
	unsigned inside = 0;

	for (unsigned i = 0; i < STRING; i++)
		text[i] = byte_of(i);
	set_up(writes, sizeof(writes), 1, false);
	load(BUFFER, text, STRING);
	begin();
	for (unsigned round = 0; round < 1000; round++) {
		struct kvm_regs r;

		pause_crew();
		r = stands_still(0, round % 100 == 0);
		if (r.rip == CODE + AT_REP) {
			assert_int_equal(r.rsi - BUFFER + r.rcx, STRING);
			assert_int_equal((rig.cpu[0].bytes - (r.rsi - BUFFER)) % STRING, 0);
			inside += r.rsi != BUFFER;
		} else {
			assert_int_equal(rig.cpu[0].bytes % STRING, 0);
		}
		assert_int_equal(rig.cpu[0].wrong, 0);
		crew_resume(&rig.crew);
		if (round % 10 == 0)
			nap(NSEC_PER_MSEC / 10);
	}
	print_message("inside rep outsb: %u of 1000\n", inside);
	end();
	assert_true(inside >= 10);
	assert_true(rig.cpu[0].bytes >= 100);
}

/* l: mov eax, [ACROSS]; mov [COUNT], eax; mov [ACROSS], eax; jmp l */
static const uint8_t crosses[] = {0x66, 0xa1, 0xfe, 0x9f, 0x66, 0xa3, 0x00, 0x20, 0x66, 0xa3, 0xfe, 0x9f, 0xeb, 0xf2};

/* An access of two halves is whole: both are served, and the register has both. */
static void an_access_across_a_page(void **state)
{
	unsigned at[sizeof(crosses)] = {0};
	uint64_t last = 0;

	set_up(crosses, sizeof(crosses), 1, false);
	begin();
	for (unsigned round = 0; round < 1000; round++) {
		struct kvm_regs r;
		uint32_t eax, n;

		pause_crew();
		r = stands_still(0, round % 100 == 0);
		assert_true(r.rip >= CODE && r.rip < CODE + sizeof(crosses));
		at[r.rip - CODE]++;
		eax = (uint32_t)r.rax;
		assert_int_equal(rig.cpu[0].parts % 2, 0);
		assert_int_equal(eax, (eax & 0xff) * 0x01010101);
		/* Reads and writes take turns: the last of them was this read, or a write before it or behind it. */
		n = (uint32_t)(rig.cpu[0].parts / 2);
		if (r.rip == CODE + 4 || r.rip == CODE + 8) {
			assert_int_equal(n % 2, 1);
			assert_int_equal(eax & 0xff, (n - 1) & 0xff);
		} else {
			assert_int_equal(n % 2, 0);
			assert_true(n == 0 || (eax & 0xff) == ((n - 2) & 0xff));
		}
		assert_true(rig.cpu[0].parts >= last);
		last = rig.cpu[0].parts;
		crew_resume(&rig.crew);
		if (round % 10 == 0)
			nap(NSEC_PER_MSEC / 10);
	}
	print_message("held at +0: %u, +4: %u, +8: %u, +12: %u\n", at[0], at[4], at[8], at[12]);
	assert_int_equal(at[0] + at[4] + at[8] + at[12], 1000);
	assert_true(last >= 40);
	end();
}

static void send_interrupt(void)
{
	struct kvm_msi msi = {.address_lo = 0xfee00000 | APIC_ID << 12, .data = VECTOR};

	assert_int_equal(ioctl(rig.vm.fd, KVM_SIGNAL_MSI, &msi), 1);
}

static int mp_state(struct vcpu_thread *t, void *arg)
{
	return vcpu_get_mp_state(t->vcpu);
}

/* sti; h: hlt; jmp h, and at HANDLER: inc word [COUNT]; iret */
static const uint8_t halts[] = {0xfb, 0xf4, 0xeb, 0xfd};
static const uint8_t handler[] = {0xff, 0x06, 0x00, 0x20, 0xcf};

/*
 * CPU 0 is halted, the others wait for their SIPI: held and let go they are as before, and the interrupt that came
 * meanwhile is delivered then, and once.
 */
static void guests_that_are_halted(void **state)
{
	const uint8_t idt[] = {HANDLER & 0xff, HANDLER >> 8, 0, 0};

	set_up(halts, sizeof(halts), CPUS_MAX, true);
	load(VECTOR * sizeof(idt), idt, sizeof(idt));
	load(HANDLER, handler, sizeof(handler));
	begin();
	for (unsigned round = 0; round < 1000; round++) {
		pause_crew();
		for (unsigned i = 1; i < CPUS_MAX && round % 100 == 0; i++) {
			assert_int_equal(crew_call(&rig.cpu[i].t, mp_state, NULL, LONG_NS), KVM_MP_STATE_UNINITIALIZED);
			stands_still(i, false);
		}
		crew_resume(&rig.crew);
	}
	while (crew_call(&rig.cpu[0].t, mp_state, NULL, LONG_NS) != KVM_MP_STATE_HALTED)
		nap(NSEC_PER_MSEC);
	pause_crew();
	send_interrupt();
	assert_int_equal(stands_still(0, true).rip, CODE + 2);
	assert_int_equal(counted(), 0);
	crew_resume(&rig.crew);
	for (bool seen = false; !seen; nap(NSEC_PER_MSEC)) {
		pause_crew();
		seen = counted() != 0;
		crew_resume(&rig.crew);
	}
	for (unsigned round = 0; round < 10; round++) {
		nap(NSEC_PER_MSEC);
		pause_crew();
		assert_int_equal(counted(), 1);
		crew_resume(&rig.crew);
	}
	end();
}

/* Three that loop are held together, and stopped while they are. */
static void several_at_once(void **state)
{
	struct kvm_regs held[CPUS_MAX], r;

	set_up(loops, sizeof(loops), CPUS_MAX, false);
	begin();
	for (unsigned round = 0; round < 200; round++) {
		pause_crew();
		for (unsigned i = 0; i < CPUS_MAX; i++)
			held[i] = regs_of(i);
		for (unsigned i = 0; i < CPUS_MAX; i++) {
			r = stands_still(i, round % 50 == 0 && i == 0);
			assert_memory_equal(&r, &held[i], sizeof(r));
		}
		if (round < 199)
			crew_resume(&rig.crew);
	}
	crew_stop(&rig.crew);
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		/* No thread steps it any more: this one may look. */
		assert_int_equal(crew_call(&rig.cpu[i].t, read_regs, &r, LONG_NS), -ESRCH);
		assert_int_equal(vcpu_get_general(&rig.vm.vcpu[i], &r), 0);
		assert_memory_equal(&r, &held[i], sizeof(r));
	}
	end();
}

/* BX is counted by each thread for itself. */
static void goes_on(unsigned i)
{
	for (uint64_t was = regs_of(i).rbx; regs_of(i).rbx == was;)
		nap(NSEC_PER_MSEC);
}

/* One stays stopped while the other continues; calls on the stopped one still work. */
static void a_frozen_thread_stays(void **state)
{
	struct kvm_regs was, r;

	set_up(loops, sizeof(loops), 2, false);
	begin();
	pause_crew();
	vcpu_thread_freeze(&rig.cpu[0].t, true);
	was = regs_of(0);
	crew_resume(&rig.crew);
	for (unsigned round = 0; round < 5; round++) {
		goes_on(1);
		r = regs_of(0);
		assert_memory_equal(&r, &was, sizeof(r));
		/* A pause of all does not set it free. */
		pause_crew();
		crew_resume(&rig.crew);
	}
	pause_crew();
	vcpu_thread_freeze(&rig.cpu[0].t, false);
	vcpu_thread_freeze(&rig.cpu[1].t, true);
	crew_resume(&rig.crew);
	goes_on(0);
	/* A frozen thread ends with its crew. */
	end();
}

/* It stays stopped without any other request, and also after a later request has been withdrawn. */
static void a_thread_that_holds_its_crew(void **state)
{
	set_up(loops, sizeof(loops), 2, false);
	begin();
	for (unsigned round = 0; round < 10; round++) {
		atomic_store(&rig.cpu[0].holds, true);
		vcpu_thread_kick(&rig.cpu[0].t);
		/* Until it does not run; the other one may, or has been kicked before and is held as well. */
		while (atomic_load(&rig.cpu[0].holds) || crew_late(&rig.crew) == &rig.cpu[0].t)
			nap(NSEC_PER_USEC);
		crew_hold(&rig.crew);
		while (crew_late(&rig.crew))
			nap(NSEC_PER_USEC);
		crew_resume(&rig.crew);
		stands_still(0, round == 0);
		stands_still(1, false);
		crew_resume(&rig.crew);
		goes_on(0);
		goes_on(1);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_loops),
		cmocka_unit_test(a_hold_that_is_not_waited_for),
		cmocka_unit_test(a_frozen_thread_stays),
		cmocka_unit_test(a_thread_that_holds_its_crew),
		cmocka_unit_test(a_guest_in_rep_insb),
		cmocka_unit_test(a_guest_in_rep_outsb),
		cmocka_unit_test(an_access_across_a_page),
		cmocka_unit_test(guests_that_are_halted),
		cmocka_unit_test(several_at_once),
	};

	assert_int_equal(kick_install(), 0);
	return run_with_kvm(&kvm, tests);
}
