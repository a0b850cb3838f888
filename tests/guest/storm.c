// SPDX-License-Identifier: Apache-2.0
/*
 * A hostile guest without a kernel: an ELF that vmm enters as it would enter Linux. It hits everything a guest can
 * reach with nonsense, for ever: ports (string I/O too), the addresses of devices and holes, MSRs, CPUID, the interrupt
 * controllers, virtqueues, other CPUs by INIT and SIPI at random addresses. Now and then it resets, powers off, panics
 * or faults three times, which ends a run; the test starts the next.
 *
 * gcc -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only -mcmodel=large -fno-stack-protector
 *     -fno-asynchronous-unwind-tables -nostdlib -static -no-pie -Wl,-Ttext=0x200000,--build-id=none,-z,noexecstack
 */
#include <stdint.h>

#define VIRTIO_BASE 0xd0000000u
#define VIRTIO_NR   16
#define LAPIC       0xfee00000u
#define IOAPIC      0xfec00000u
#define SCRATCH     0x1000000u /* 16 MiB of rings, descriptors and buffers */
#define SCRATCH_LEN 0x1000000u
#define IDT         0x180000u

static uint64_t seed;
static volatile uint64_t resume;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static void out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static void write32(uint64_t at, uint32_t v)
{
	*(volatile uint32_t *)at = v;
}

/*
 * Faults and interrupts alike: go on behind what was tried. The stack of the interrupted code is not needed any more.
 */
__asm__(".globl trap\n"
	"trap:\n"
	"	movabs $resume, %rax\n"
	"	mov (%rax), %rcx\n"
	"	test %rcx, %rcx\n"
	"	jz 1f\n"
	"	jmp *%rcx\n"
	"1:	hlt\n"
	"	jmp 1b\n"
	".globl _start\n"
	"_start:\n"
	"	mov $0x170000, %rsp\n"
	"	movabs $storm, %rax\n"
	"	call *%rax\n");
extern char trap[];

struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t middle;
	uint32_t high, zero;
} __attribute__((packed));

static void set_idt(uint16_t cs)
{
	struct gate *g = (struct gate *)(uintptr_t)IDT;
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = {256 * sizeof(*g) - 1, IDT};
	uint64_t to = (uint64_t)(uintptr_t)trap;

	for (int i = 0; i < 256; i++)
		g[i] = (struct gate){(uint16_t)to, cs, 0, 0x8e, (uint16_t)(to >> 16), (uint32_t)(to >> 32), 0};
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

/* Where devices are, or anywhere. */
static uint16_t some_port(void)
{
	static const uint16_t known[] = {0x3f8, 0x60, 0x70, 0x505, 0x600, 0xf4, 0xe9, 0x20, 0xa0, 0x40, 0xcf8, 0x4d0};
	uint16_t port = (rnd() & 3) ? (uint16_t)(known[rnd() % 12] + (rnd() & 7)) : (uint16_t)rnd();

	/* The ways out are taken on purpose, below. */
	if (port == 0x64 || (port >= 0x600 && port < 0x610) || (port >= 0xf4 && port < 0xf8))
		port = 0x3f8;
	return port;
}

static void ports(void)
{
	uint16_t port = some_port();
	uint32_t v = (uint32_t)rnd();

	switch (rnd() % 8) {
	case 0: out8(port, (uint8_t)v); break;
	case 1: out16(port, (uint16_t)v); break;
	case 2: out32(port, v); break;
	case 3: __asm__ volatile("inb %1, %b0" : "=a"(v) : "Nd"(port)); break;
	case 4: __asm__ volatile("inw %1, %w0" : "=a"(v) : "Nd"(port)); break;
	case 5: __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); break;
	default: {
		uint64_t count = rnd() % 300, at = SCRATCH + rnd() % 4096;

		if (rnd() & 1)
			__asm__ volatile("rep outsb" : "+c"(count), "+S"(at) : "d"(port) : "memory");
		else
			__asm__ volatile("rep insl" : "+c"(count), "+D"(at) : "d"(port) : "memory");
	}
	}
}

static void addresses(void)
{
	uint64_t at = (rnd() & 1) ? VIRTIO_BASE + rnd() % (VIRTIO_NR * 0x1000) : 0xc0000000u + (rnd() & 0x3fffffff);

	switch (rnd() % 4) {
	case 0: *(volatile uint8_t *)at = (uint8_t)rnd(); break;
	case 1: *(volatile uint64_t *)at = rnd(); break;
	case 2: (void)*(volatile uint16_t *)at; break;
	default: (void)*(volatile uint32_t *)at; break;
	}
}

/* A device brought up by the book, with rings of nonsense: virtio 1.2, 4.2.2. */
static void rings(void)
{
	uint64_t base = VIRTIO_BASE + (rnd() % VIRTIO_NR) * 0x1000, ring = SCRATCH + (rnd() % 0xf00) * 0x1000;
	uint64_t *p = (uint64_t *)(uintptr_t)ring;

	for (int i = 0; i < 512; i++)
		p[i] = (rnd() & 1) ? SCRATCH + (rnd() & 0xffffff) : rnd() & rnd() & rnd();
	write32(base + 0x70, 0);
	write32(base + 0x70, 3);
	write32(base + 0x24, 1);
	write32(base + 0x20, 1); /* VERSION_1 */
	write32(base + 0x24, 0);
	write32(base + 0x20, (rnd() & 1) ? (uint32_t)rnd() : 0);
	write32(base + 0x70, 11);
	for (uint32_t q = 0; q < 3; q++) {
		write32(base + 0x30, q);
		write32(base + 0x38, 1u << (rnd() % 9));
		write32(base + 0x80, (uint32_t)ring);
		write32(base + 0x84, 0);
		write32(base + 0x90, (uint32_t)(ring + 0x800));
		write32(base + 0x94, (rnd() % 8) ? 0 : (uint32_t)rnd());
		write32(base + 0xa0, (uint32_t)(ring + 0xc00 + (rnd() & 6)));
		write32(base + 0xa4, 0);
		write32(base + 0x44, 1);
	}
	write32(base + 0x70, 15);
	for (int i = 0; i < 20; i++) {
		p[rnd() % 512] = (rnd() & 1) ? SCRATCH + (rnd() & 0xffffff) : rnd();
		write32(base + 0x50, (uint32_t)(rnd() % 4));
	}
	write32(base + 0x64, 3);
}

static void controllers(void)
{
	switch (rnd() % 4) {
	case 0:
		write32(IOAPIC, (uint32_t)(rnd() & 0x3f));
		write32(IOAPIC + 0x10, (uint32_t)rnd());
		break;
	case 1: write32(LAPIC + (rnd() & 0x3f0), (uint32_t)rnd()); break;
	default: /* INIT, start-up or anything else, to anybody */
		write32(LAPIC + 0x310, (uint32_t)rnd() & 0x03000000);
		write32(LAPIC + 0x300, (uint32_t)rnd() & 0xcffff);
		break;
	}
}

static void registers(void)
{
	static const uint32_t bases[] = {0, 0x10, 0x1b, 0x8b, 0x174, 0x1a0, 0x200, 0x277, 0x2ff, 0x400, 0x6e0, 0x800,
		0x4b564d00, 0x11, 0x40000000, 0xc0000081, 0xc0000102, 0xc0010015, 0xc0010114};
	uint32_t msr = bases[rnd() % 19] + (uint32_t)(rnd() & 0xf), a = (uint32_t)rnd(), c = (uint32_t)rnd(), d = 0;

	/* Not the one that switches long mode off under our feet. */
	if (rnd() & 1)
		__asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(msr));
	else if (msr != 0xc0000080)
		__asm__ volatile("wrmsr" : : "a"(a), "d"(d), "c"(msr));
	a = (rnd() & 1) ? 0x40000000u + (a & 0xff) : a & 0x800000ff;
	__asm__ volatile("cpuid" : "+a"(a), "+c"(c), "=b"(d), "=d"(d));
}

static void ways_out(void)
{
	switch (rnd() % 6) {
	case 0: out8(0x64, 0xfe); break;
	case 1: out8((uint16_t)(0x600 + rnd() % 16), (uint8_t)rnd()); break;
	case 2: out8(0x505, (uint8_t)rnd()); break;
	case 3: out32(0xf4, (uint32_t)rnd() & 0x7f); break;
	case 4: out16((uint16_t)(0x600 + rnd() % 16), (uint16_t)rnd()); break;
	default: {
		struct {
			uint16_t limit;
			uint64_t base;
		} __attribute__((packed)) none = {0, 0};

		__asm__ volatile("lidt %0; int3" : : "m"(none));
	}
	}
}

__attribute__((used, noreturn)) void storm(void)
{
	uint32_t lo, hi;
	uint16_t cs;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	__asm__ volatile("mov %%cs, %0" : "=r"(cs));
	seed = ((uint64_t)hi << 32 | lo) * 0x9e3779b97f4a7c15u | 1;
	set_idt(cs);
	for (const char *s = "storm\r\n"; *s; s++)
		out8(0x3f8, (uint8_t)*s);
	resume = (uint64_t)(uintptr_t) && again;
again:
	__asm__ volatile("cli; mov $0x170000, %%rsp" : : : "memory");
	for (;;) {
		switch (rnd() % 8) {
		case 0:
		case 1: ports(); break;
		case 2: addresses(); break;
		case 3: rings(); break;
		case 4:
		case 5: controllers(); break;
		case 6: registers(); break;
		default:
			if (rnd() % 2000 == 0)
				ways_out();
			if (rnd() % 64 == 0)
				__asm__ volatile("sti; nop; nop; cli");
		}
	}
}
