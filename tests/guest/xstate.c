// SPDX-License-Identifier: Apache-2.0
/*
 * Says what the processor saves and restores of a program's registers, each fact in a line "xstate: ...": CPUID leaf
 * 0xD, XCR0, and for AVX whether the upper halves of the YMM registers lie in XSAVE's area where the leaf says, and
 * whether they outlive exits and switches between two programs on one CPU. On a host and in its guest it prints the
 * same, if the guest has all of it.
 *
 * xstate hold FILE: has YMM registers and the x87 unit filled, without a store, until FILE exists.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define AVX       2 /* its number among the state components: SDM volume 1, 13.1 */
#define YMM_REGS  16
#define ROUNDS    200
#define AREA_SIZE 16384

static uint8_t area[AREA_SIZE] __attribute__((aligned(64)));

static uint64_t xgetbv(uint32_t reg)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(reg));
	return (uint64_t)hi << 32 | lo;
}

static void leaf_0xd(void)
{
	for (unsigned int sub = 0; sub < 63; sub++) {
		uint32_t a, b, c, d;

		__cpuid_count(0xd, sub, a, b, c, d);
		if (a | b | c | d)
			printf("xstate: leaf 0xd.%u eax 0x%x ebx 0x%x ecx 0x%x edx 0x%x\n", sub, a, b, c, d);
	}
}

#define EACH_YMM(op)                                                                                                   \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define LOAD(n)  "vmovdqu 32*" #n "(%[in]), %%ymm" #n "\n\t"
#define STORE(n) "vmovdqu %%ymm" #n ", 32*" #n "(%[out])\n\t"
#define YMM_CLOBBERS                                                                                                   \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",     \
		"xmm13", "xmm14", "xmm15"

/* Bytes that no two registers share, and no two programs. */
static void fill(uint8_t ymm[YMM_REGS][32], uint8_t seed)
{
	for (int reg = 0; reg < YMM_REGS; reg++)
		for (int i = 0; i < 32; i++)
			ymm[reg][i] = (uint8_t)(seed + 37 * reg + i);
}

static bool xsave_agrees(void)
{
	uint8_t in[YMM_REGS][32];
	uint32_t size, offset, c, d;

	__cpuid_count(0xd, AVX, size, offset, c, d);
	if (size != YMM_REGS * 16 || offset > sizeof(area) - size)
		return false;
	fill(in, 1);
	__asm__ volatile(EACH_YMM(LOAD) "xsave (%[area])"
			 :
			 : [in] "r"(in), [area] "r"(area), "a"(-1), "d"(-1)
			 : "memory", YMM_CLOBBERS);
	for (int reg = 0; reg < YMM_REGS; reg++)
		if (memcmp(area + offset + reg * 16, in[reg] + 16, 16))
			return false;
	return true;
}

/* CPUID is an exit in a guest, and sched_yield() lets the other program have the CPU. */
static bool ymm_kept(uint8_t seed)
{
	uint8_t in[YMM_REGS][32], out[YMM_REGS][32] = {{0}};
	uint64_t rounds = ROUNDS;

	fill(in, seed);
	__asm__ volatile(EACH_YMM(LOAD) "1:\n\t"
					"xor %%eax, %%eax\n\t"
					"cpuid\n\t"
					"mov $24, %%eax\n\t" /* sched_yield */
					"syscall\n\t"
					"dec %[rounds]\n\t"
					"jnz 1b\n\t" EACH_YMM(STORE)
			 : [rounds] "+r"(rounds)
			 : [in] "r"(in), [out] "r"(out)
			 : "rax", "rbx", "rcx", "rdx", "r11", "memory", YMM_CLOBBERS);
	return !memcmp(in, out, sizeof(in));
}

static bool both_kept(void)
{
	cpu_set_t one;
	int status;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		return false;
	pid_t pid = fork();

	if (!pid)
		_exit(!ymm_kept(101));
	bool kept = ymm_kept(3);

	return pid > 0 && waitpid(pid, &status, 0) == pid && !status && kept;
}

/* The same for as long as @go_on is not 0, and with a number in the x87 unit. */
static bool all_held(const volatile uint32_t *go_on)
{
	uint8_t in[YMM_REGS][32], out[YMM_REGS][32] = {{0}};
	double pi = 0;

	fill(in, 7);
	__asm__ volatile(EACH_YMM(LOAD) "fldpi\n\t"
					"1:\n\t"
					"mov $24, %%eax\n\t" /* sched_yield */
					"syscall\n\t"
					"cmpl $0, (%[go_on])\n\t"
					"jne 1b\n\t"
					"fstpl (%[pi])\n\t" EACH_YMM(STORE)
			 :
			 : [in] "r"(in), [out] "r"(out), [go_on] "r"(go_on), [pi] "r"(&pi)
			 : "rax", "rcx", "r11", "memory", "st", YMM_CLOBBERS);
	return !memcmp(in, out, sizeof(in)) && pi > 3.14159265 && pi < 3.14159266;
}

static int hold(const char *stop)
{
	volatile uint32_t *go_on = mmap(
		NULL, sizeof(*go_on), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (go_on == MAP_FAILED)
		return 1;
	*go_on = 1;
	if (!fork()) {
		while (access(stop, F_OK))
			usleep(20000);
		*go_on = 0;
		_exit(0);
	}
	printf("xstate: YMM and x87 registers %s\n", all_held(go_on) ? "were held" : "were LOST");
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t a, b, c, d;

	if (argc == 3 && !strcmp(argv[1], "hold")) {
		__cpuid(1, a, b, c, d);
		if (c & bit_OSXSAVE && xgetbv(0) >> AVX & 1)
			return hold(argv[2]);
		printf("xstate: no AVX\n");
		return 0;
	}
	/* Other leaves that are asked for; nothing is compared there. */
	for (int i = 1; i < argc; i++) {
		__cpuid_count((uint32_t)strtoul(argv[i], NULL, 0), 0, a, b, c, d);
		printf("lab: leaf %s %u %u %u %u\n", argv[i], a, b, c, d);
	}
	__cpuid(1, a, b, c, d);
	printf("xstate: xsave %d osxsave %d avx %d\n", !!(c & bit_XSAVE), !!(c & bit_OSXSAVE), !!(c & bit_AVX));
	leaf_0xd();
	if (!(c & bit_OSXSAVE))
		return 1;
	printf("xstate: xcr0 0x%llx\n", (unsigned long long)xgetbv(0));
	if (!(xgetbv(0) >> AVX & 1))
		return 1;
	printf("xstate: AVX %s XSAVE's area\n", xsave_agrees() ? "lies right in" : "is NOT where it should be in");
	printf("xstate: two programs %s their YMM registers\n", both_kept() ? "keep" : "LOSE");
	return 0;
}
