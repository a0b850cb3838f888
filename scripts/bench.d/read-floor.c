// SPDX-License-Identifier: Apache-2.0
/*
 * usage: read-floor KERNEL RUNS: what reading a kernel into guest RAM costs at least. Reads the PT_LOAD segments of an
 * ELF file by pread into fresh anonymous memory, at the addresses and with the alignment that guest RAM has, holes of
 * the file as well, and nothing else. Prints the bytes and, in ms, the smallest and the median.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define HUGE (2ul << 20)
#define RAM  (128ul << 20)
#define MANY 64

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double once(int fd, const Elf64_Phdr *ph, unsigned nr)
{
	char *map = mmap(NULL, RAM + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *ram = map + (-(unsigned long)map & (HUGE - 1));
	double start = now_ms();

	if (map == MAP_FAILED)
		return -1;
	for (unsigned i = 0; i < nr; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		for (unsigned long at = 0; at < ph[i].p_filesz;) {
			ssize_t n = pread(
				fd, ram + ph[i].p_paddr + at, ph[i].p_filesz - at, (off_t)(ph[i].p_offset + at));

			if (n <= 0)
				return -1;
			at += (unsigned long)n;
		}
	}
	start = now_ms() - start;
	munmap(map, RAM + HUGE);
	return start;
}

int main(int argc, char **argv)
{
	int fd = argc == 3 ? open(argv[1], O_RDONLY) : -1;
	unsigned runs = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
	unsigned long bytes = 0;
	Elf64_Phdr ph[MANY];
	Elf64_Ehdr h;
	double *ms;

	if (fd < 0 || !runs || pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.e_phnum > MANY ||
		pread(fd, ph, h.e_phnum * sizeof(ph[0]), (off_t)h.e_phoff) != (ssize_t)(h.e_phnum * sizeof(ph[0]))) {
		fprintf(stderr, "usage: read-floor ELF-KERNEL RUNS\n");
		return 2;
	}
	for (unsigned i = 0; i < h.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		bytes += ph[i].p_filesz;
		if (ph[i].p_paddr > RAM || ph[i].p_filesz > RAM - ph[i].p_paddr)
			return 2;
	}
	ms = calloc(runs, sizeof(*ms));
	for (unsigned i = 0; ms && i < runs; i++) {
		ms[i] = once(fd, ph, h.e_phnum);
		if (ms[i] < 0)
			return 1;
	}
	if (!ms)
		return 1;
	qsort(ms, runs, sizeof(*ms), ascending);
	printf("%lu %.3f %.3f\n", bytes, ms[0], ms[runs / 2]);
	return 0;
}
