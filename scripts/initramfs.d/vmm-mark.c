// SPDX-License-Identifier: Apache-2.0
/*
 * Says to vmm that a guest has reached a point:
 *
 *	vmm-mark NAME	sets the mark NAME: where `--snapshot FILE,on=mark`
 *			writes a snapshot, it begins in here. In a guest that
 *			was restored it returns when the kernel's random number
 *			generator has 64 bytes that no other guest has, and
 *			prints the word of `vmm restore --word`
 *	vmm-mark --clone	prints which clone this is, and of how many
 *	vmm-mark --word		prints the word
 *
 * Without a C library: an initramfs gets it, and 10 KiB are quicker to unpack
 * than 700. The registers are reached by /dev/mem where the kernel has it, since
 * QEMU's software CPU refuses ports to a restored nested guest (see vmm-exit.c).
 */
#include <linux/fcntl.h>

#include "boot/init/calls.h"
#include "devices/marker_regs.h"

#define LOCK_EX    2
#define MAP_SHARED 1
#define PAGE       4096

static int same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static __attribute__((noreturn)) void end(int status)
{
	for (;;)
		CALL1(exit_group, status);
}

static __attribute__((noreturn)) void fail(int status, const char *why)
{
	write_all(2, "vmm-mark: ", 10);
	write_all(2, why, length(why));
	write_all(2, "\n", 1);
	end(status);
}

/* --- The marker's registers ------------------------------------------------------------------------------------- */

static volatile uint8_t *window;

static int map_window(void)
{
	long fd = CALL3(openat, AT_FDCWD, "/dev/mem", O_RDWR | O_CLOEXEC), at;

	if (fd < 0)
		return 0;
	at = CALL6(mmap, 0, PAGE, PROT_RW, MAP_SHARED, fd, MARKER_ADDRESS);
	if (at < 0 && at > -PAGE)
		return 0;
	/* One at a time: the registers have one argument and one answer. */
	CALL2(flock, fd, LOCK_EX);
	window = (volatile uint8_t *)at;
	return 1;
}

static void open_registers(void)
{
	if (!map_window() && CALL3(ioperm, MARKER_PORT, MARKER_SIZE, 1) < 0)
		fail(1, "no access to /dev/mem, nor to I/O ports: it is for root");
}

static uint8_t get_reg(unsigned reg)
{
	unsigned short port = (unsigned short)(MARKER_PORT + reg);
	uint8_t byte;

	if (window)
		return window[reg];
	__asm__ volatile("inb %1, %0" : "=a"(byte) : "Nd"(port));
	return byte;
}

static void set_reg(unsigned reg, uint8_t byte)
{
	unsigned short port = (unsigned short)(MARKER_PORT + reg);

	if (window)
		window[reg] = byte;
	else
		__asm__ volatile("outb %0, %1" : : "a"(byte), "Nd"(port));
}

static uint32_t get32(unsigned reg)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++)
		v |= (uint32_t)get_reg(reg + i) << (8 * i);
	return v;
}

/* Gives a command, and reads its answer. Return: its length. */
static size_t ask(uint8_t command, uint8_t *to, size_t max)
{
	size_t n;

	set_reg(MARKER_CONTROL, command);
	n = get32(MARKER_LEFT);
	if (n > max)
		n = max;
	for (size_t i = 0; i < n; i++)
		to[i] = get_reg(MARKER_DATA + i % 4);
	return n;
}

/* --- What it is for --------------------------------------------------------------------------------------------- */

/* As struct rand_pool_info, with its bytes. */
struct entropy {
	int bits;
	int size;
	uint8_t bytes[MARKER_SEED_SIZE];
};

static void mix(void)
{
	struct entropy e;
	long fd, r = -1;

	e.size = (int)ask(MARKER_SEED, e.bytes, sizeof(e.bytes));
	e.bits = 8 * e.size;
	fd = CALL3(openat, AT_FDCWD, "/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		r = CALL3(ioctl, fd, RNDADDENTROPY, &e);
	if (r == 0)
		r = CALL2(ioctl, fd, RNDRESEEDCRNG);
	for (unsigned i = 0; i < sizeof(e.bytes); i++)
		((volatile uint8_t *)e.bytes)[i] = 0;
	if (r < 0)
		fail(1, "cannot mix fresh bytes into /dev/urandom: this guest may draw the same numbers as another");
}

static uint8_t word[MARKER_WORD_MAX + 1];

static void print_word(void)
{
	size_t n = ask(MARKER_WORD, word, MARKER_WORD_MAX);

	if (n && word[n - 1] != '\n')
		word[n++] = '\n';
	write_all(1, word, n);
}

static void print_number(uint32_t n, char behind)
{
	char text[12];
	unsigned at = sizeof(text);

	text[--at] = behind;
	do
		text[--at] = (char)('0' + n % 10);
	while (n /= 10);
	write_all(1, text + at, sizeof(text) - at);
}

static void print_clone(void)
{
	uint32_t n[2] = {0, 0};

	ask(MARKER_CLONE, (uint8_t *)n, sizeof(n));
	print_number(n[0], ' ');
	print_number(n[1], '\n');
}

static void mark(const char *name)
{
	set_reg(MARKER_CONTROL, MARKER_CLEAR);
	for (; *name; name++)
		set_reg(MARKER_DATA, (uint8_t)*name);
	set_reg(MARKER_CONTROL, MARKER_MARK);
	/* Here a restored guest begins. */
	while (get_reg(MARKER_CONTROL) & MARKER_IS_BUSY)
		;
	if (get_reg(MARKER_CONTROL) & MARKER_IS_REFUSED)
		fail(2, "a name has 1 to 63 printable characters and no blanks");
	while (get_reg(MARKER_CONTROL) & MARKER_IS_FRESH)
		mix();
	if (get_reg(MARKER_CONTROL) & MARKER_IS_RESTORED)
		print_word();
}

__attribute__((noreturn, used)) static void begin(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);

	if (stack[0] != 2 || (argv[1][0] == '-' && !same(argv[1], "--clone") && !same(argv[1], "--word")))
		fail(2, "usage: vmm-mark NAME | --clone | --word");
	open_registers();
	if (get32(MARKER_ID) != MARKER_ID_VALUE)
		fail(1, "there is no marker: not a guest of vmm, or of one that has none yet");
	if (same(argv[1], "--clone"))
		print_clone();
	else if (same(argv[1], "--word"))
		print_word();
	else
		mark(argv[1]);
	end(0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call begin\n");
