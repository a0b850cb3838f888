// SPDX-License-Identifier: Apache-2.0
/*
 * A hostile guest without a kernel: an ELF that vmm enters as it would enter Linux. It sends random input to everything
 * that a guest can reach, for ever: ports (string I/O too), the addresses of devices and holes, MSRs, CPUID, the
 * interrupt controllers, virtqueues, other CPUs by INIT and SIPI at random addresses. To get past the first checks, it
 * also is a conforming driver that makes unusual requests to each virtio device. Now and then it resets, powers off,
 * panics or faults three times, which ends a run; the test starts the next.
 *
 * gcc -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only -mcmodel=large -fno-stack-protector
 *     -fno-asynchronous-unwind-tables -nostdlib -static -no-pie -Wl,-Ttext=0x200000,--build-id=none,-z,noexecstack
 */
#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_BASE 0xd0000000u
#define VIRTIO_NR   16
#define LAPIC       0xfee00000u
#define IOAPIC      0xfec00000u
#define SCRATCH     0x1000000u /* 16 MiB of rings, descriptors and buffers */
#define SCRATCH_LEN 0x1000000u
#define IDT         0x180000u
#define TABLES      0x190000u /* six pages of page tables */
#define AP_PAGE     0x60u     /* where CPU 1 finds a program, in pages */

/* Volatile, so that an attempt that faulted is not repeated for ever. */
static volatile uint64_t seed;
static volatile uint64_t resume;

static uint64_t rnd(void)
{
	uint64_t n = seed;

	n ^= n << 13;
	n ^= n >> 7;
	n ^= n << 17;
	seed = n;
	return n;
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

static uint32_t read32(uint64_t at)
{
	return *(volatile uint32_t *)at;
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

/* Identity-maps the first 4 GiB: vmm's own page tables for a kernel's entry end below the devices. */
static void set_tables(void)
{
	uint64_t *pml4 = (uint64_t *)(uintptr_t)TABLES, *pdpt = pml4 + 512, *pd = pml4 + 1024;

	for (int i = 0; i < 512; i++)
		pml4[i] = pdpt[i] = 0;
	pml4[0] = (uintptr_t)pdpt | 3;
	for (uint64_t i = 0; i < 4; i++)
		pdpt[i] = (uintptr_t)(pd + i * 512) | 3;
	for (uint64_t i = 0; i < 2048; i++)
		pd[i] = i << 21 | 0x83; /* a page of 2 MiB */
	__asm__ volatile("mov %0, %%cr3" : : "r"((uint64_t)TABLES) : "memory");
}

/* What CPU 1 does when it is started at AP_PAGE, in real mode: in al, 0x60; out 0x70, al; count to 65536; and so on. */
static void set_ap_program(void)
{
	static const uint8_t code[] = {0xe4, 0x60, 0xe6, 0x70, 0xb9, 0, 0, 0xe2, 0xfe, 0xeb, 0xf5};

	for (unsigned i = 0; i < sizeof(code); i++)
		((volatile uint8_t *)(uintptr_t)(AP_PAGE << 12))[i] = code[i];
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

/* Where the driver by the book has its rings and buffers: in SCRATCH, where rings() writes over them. */
#define QUEUES     4
#define QUEUE_SIZE 16
#define RING(q)    (SCRATCH + (uint64_t)(q)*0x1000)
#define BUFFER(i)  (SCRATCH + 0x100000 + (uint64_t)(i)*0x1000)

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[QUEUE_SIZE];
};

/* virtio 1.2, 5.10.6: a packet of the guest's side, from a few ports to a few ports */
static void vsock_packet(uint32_t *p)
{
	p[0] = 3; /* this guest, as the test calls it */
	p[1] = 0;
	p[2] = 2; /* the host */
	p[3] = 0;
	p[4] = 1024 + (uint32_t)(rnd() % 4);
	p[5] = 1024 + (uint32_t)(rnd() % 4);
	p[6] = (rnd() & 31) ? 0 : (uint32_t)(rnd() % 4096);
	p[7] = 1 | (uint32_t)(rnd() % 8) << 16;
	p[8] = (uint32_t)(rnd() % 4);
	p[9] = (rnd() & 3) ? 0x10000 : (uint32_t)rnd();
	p[10] = (rnd() & 3) ? 0 : (uint32_t)rnd();
}

/* The start of a request for this device, almost valid. `data` follows the header of a disk's request. */
static void request(uint32_t device, uint32_t *p, uint32_t *data)
{
	static const uint32_t types[] = {0, 1, 4, 8, 11, 13, 14, 0x80000000};

	switch (device) {
	case 1: /* 5.1.6: flags, segmentation, header length, segment size, checksum; then a frame for everybody */
		for (int i = 0; i < 3; i++)
			p[i] = (rnd() & 1) ? 0 : (uint32_t)rnd();
		p[3] = 0xffffffff;
		p[4] = 0xffff | (uint32_t)rnd() << 16;
		break;
	case 2: /* 5.2.6: type, then the sector; of a discard, the sector, how many, and flags */
		p[0] = types[rnd() % 8];
		p[1] = 0;
		p[2] = (rnd() & 7) ? (uint32_t)(rnd() % 17000) : (uint32_t)rnd();
		p[3] = (rnd() & 31) ? 0 : (uint32_t)rnd();
		data[0] = (uint32_t)(rnd() % 17000);
		data[1] = (rnd() & 31) ? 0 : (uint32_t)rnd();
		data[2] = (rnd() & 7) ? (uint32_t)(rnd() % 64) : (uint32_t)rnd();
		data[3] = (uint32_t)(rnd() & rnd() & 3);
		break;
	case 5: /* 5.5.6: page numbers, mostly of memory that is not in use here */
		for (int i = 0; i < 64; i++)
			p[i] = (rnd() & 2047) ? 0x2000 + (uint32_t)(rnd() % 0x2000) : (uint32_t)rnd();
		break;
	case 19: vsock_packet(p); break;
	}
}

enum shape { READ, WRITTEN, BOTH };

/* What a driver gives this queue: buffers for the device to read, to write, or the one and then the other. */
static enum shape shape_of(uint32_t device, uint32_t q)
{
	switch (device) {
	case 2: return BOTH;
	case 4: return WRITTEN;
	case 5: return q < 3 ? READ : WRITTEN;
	case 19: return q == 1 ? READ : WRITTEN;
	default: return (q & 1) ? READ : WRITTEN;
	}
}

/* The one at `k` of a disk's request: header, data in the direction of its type, status. */
static void disk_part(struct desc *d, uint32_t k, uint32_t type)
{
	bool from_disk = type == 0 || type == 8;

	d->len = k == 0 ? 16 : k == 2 ? 1 : type == 8 ? 20 : type > 8 ? 16 : 512u << rnd() % 4;
	d->flags |= k == 2 || (k == 1 && from_disk) ? 2 : 0;
}

/* One chain of three descriptors at most, from `i` on. Return: how many. Mostly as it should be. */
static uint32_t chain(struct desc *d, uint32_t q, uint32_t i, uint32_t device)
{
	static const uint32_t lengths[] = {4, 12, 16, 44, 128, 512, 1528, 4096};
	bool wrong = rnd() % 64 == 0;
	enum shape shape = wrong ? (enum shape)(rnd() % 3) : shape_of(device, q);
	uint32_t n = shape == BOTH ? 3 : 1 + (uint32_t)(rnd() % 3);
	uint32_t *first = (uint32_t *)(uintptr_t)BUFFER(q * QUEUE_SIZE + i);

	request(device, first, (uint32_t *)(uintptr_t)BUFFER(q * QUEUE_SIZE + i + 1));
	if (device == 19 && n > 1 && (rnd() & 1))
		first[6] = 4; /* so much there is at least */
	for (uint32_t k = 0; k < n; k++) {
		d[i + k].addr = BUFFER(q * QUEUE_SIZE + i + k);
		d[i + k].len = device == 19 && k == 0 ? (q == 1 ? 44 : 4096) : lengths[rnd() % 8];
		d[i + k].flags = (uint16_t)((shape == WRITTEN ? 2 : 0) | (k < n - 1));
		d[i + k].next = (uint16_t)(i + k + 1);
		if (shape == BOTH)
			disk_part(&d[i + k], k, first[0]);
		if (wrong && rnd() % 4 == 0)
			d[i + k].len = (uint32_t)(rnd() % 4096);
	}
	return n;
}

/* A driver by the book with requests that are nearly right, in flight when the next one resets the device. */
static void requests(void)
{
	uint64_t base = VIRTIO_BASE + (rnd() % VIRTIO_NR) * 0x1000;
	uint32_t device = read32(base + 8);

	write32(base + 0x70, 0);
	write32(base + 0x70, 3);
	write32(base + 0x24, 1);
	write32(base + 0x20, 1); /* VERSION_1 */
	write32(base + 0x14, 0);
	write32(base + 0x24, 0);
	write32(base + 0x20, read32(base + 0x10) & (uint32_t)(rnd() | rnd()));
	write32(base + 0x70, 11);
	for (uint32_t q = 0; q < QUEUES; q++) {
		((struct avail *)(uintptr_t)(RING(q) + 0x400))->idx = 0;
		write32(base + 0x30, q);
		write32(base + 0x38, QUEUE_SIZE);
		write32(base + 0x80, (uint32_t)RING(q));
		write32(base + 0x84, 0);
		write32(base + 0x90, (uint32_t)RING(q) + 0x400);
		write32(base + 0x94, 0);
		write32(base + 0xa0, (uint32_t)RING(q) + 0x800);
		write32(base + 0xa4, 0);
		write32(base + 0x44, 1);
	}
	write32(base + 0x70, 15);
	for (int round = 0; round < 8; round++) {
		uint32_t q = (uint32_t)(rnd() % QUEUES);
		struct avail *avail = (struct avail *)(uintptr_t)(RING(q) + 0x400);

		for (uint32_t i = 0; i < QUEUE_SIZE - 3;) {
			avail->ring[avail->idx++ % QUEUE_SIZE] = (uint16_t)i;
			i += chain((struct desc *)(uintptr_t)RING(q), q, i, device);
		}
		write32(base + 0x50, q);
		write32(base + 0x64, 3);
	}
}

static void controllers(void)
{
	switch (rnd() % 4) {
	case 0:
		write32(IOAPIC, (uint32_t)(rnd() & 0x3f));
		write32(IOAPIC + 0x10, (uint32_t)rnd());
		break;
	case 1: {
		uint32_t offset = (uint32_t)rnd() & 0x3f0;

		if (offset != 0x300) /* that is below */
			write32(LAPIC + offset, (uint32_t)rnd());
		break;
	}
	case 2: /* CPU 1: INIT, and start-up where it finds something */
		write32(LAPIC + 0x310, 0x01000000);
		write32(LAPIC + 0x300, (rnd() & 1) ? 0x4500 : 0x4600 | AP_PAGE);
		break;
	default: /* anything to anybody, which is often the end */
		if (rnd() % 1024)
			break;
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
	set_tables();
	set_ap_program();
	for (const char *s = "storm\r\n"; *s; s++)
		out8(0x3f8, (uint8_t)*s);
	resume = (uint64_t)(uintptr_t) && again;
again:
	__asm__ volatile("cli; mov $0x170000, %%rsp" : : : "memory");
	for (;;) {
		switch (rnd() % 9) {
		case 8: requests(); break;
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
