// SPDX-License-Identifier: Apache-2.0
/*
 * An init that times the ways out of a Linux guest, between two fenced RDTSC: from a program, CPUID, and OUT to the
 * debug console where ioperm() lets it; through the kernel, RDMSR by the MSR driver, and beside it a system call that
 * does nothing. Of each it prints the smallest, the median and the 90th percentile, in cycles; then it resets the
 * machine.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N       300
#define WARM_UP 50
#define PORT    0xe9
#define MSR_TSC 0x10

static int msr = -1;

static uint64_t now(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

static void do_nothing(void)
{
}

static void do_cpuid(void)
{
	uint32_t a = 0, c = 0;

	__asm__ volatile("cpuid" : "+a"(a), "+c"(c) : : "ebx", "edx");
}

static void do_out(void)
{
	outb('.', PORT);
}

static void do_syscall(void)
{
	syscall(SYS_getppid);
}

static void do_rdmsr(void)
{
	uint64_t v;

	if (pread(msr, &v, sizeof(v), MSR_TSC) != sizeof(v))
		printf("trip: the MSR driver does not read\n");
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void row(const char *name, void (*what)(void))
{
	static uint64_t sample[N];

	for (int i = -WARM_UP; i < N; i++) {
		uint64_t start = now();

		what();
		sample[i < 0 ? 0 : i] = now() - start;
	}
	qsort(sample, N, sizeof(sample[0]), compare);
	printf("\ntrip %s %llu %llu %llu\n", name, (unsigned long long)sample[0], (unsigned long long)sample[N / 2],
		(unsigned long long)sample[N * 9 / 10]);
	fflush(stdout);
}

int main(void)
{
	mkdir("/dev", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	row("nothing", do_nothing);
	row("cpuid", do_cpuid);
	if (ioperm(PORT, 1, 1) == 0)
		row("out", do_out);
	else
		printf("trip: ioperm is refused\n");
	row("syscall", do_syscall);
	msr = open("/dev/cpu/0/msr", O_RDONLY);
	if (msr >= 0)
		row("rdmsr", do_rdmsr);
	else
		printf("trip: no MSR driver\n");
	fflush(stdout);
	sync();
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
