// SPDX-License-Identifier: Apache-2.0
/*
 * ramcmp PID SNAPSHOT RAM-BYTES: compares the RAM of a restored guest, in the memory of the process PID, with the
 * file that it was restored from, byte by byte. Each run of neighbouring mappings that begins in the file and has at
 * least RAM-BYTES is one such RAM (a machine that is reset has a second one, of the moment it goes back to): what is
 * mapped from the file lies at the file's offset, and anonymous memory between is where the file has zeroes.
 *
 * It prints "ram: N compared, D pages differ", and for the first of them which bytes. Exit status 0: there was such
 * memory, and at most as many bytes next to each other as kvm-clock's wall clock has differ: KVM itself writes that
 * one when it takes over the register with its address (struct pvclock_wall_clock).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE  4096
#define PIECE (1 << 20)

/* A run of mappings: @base is where offset 0 of the file would be. */
struct run {
	uint64_t start, end, base;
};

#define WALL_CLOCK 12

static int mem_fd, file_fd;
static uint64_t differ, most;

static void compare_pages(const uint8_t *a, const uint8_t *b, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n; i += PAGE) {
		if (!memcmp(a + i, b + i, PAGE))
			continue;
		size_t first = i, last = i + PAGE - 1;

		while (a[first] == b[first])
			first++;
		while (a[last] == b[last])
			last--;
		if (last + 1 - first > most)
			most = last + 1 - first;
		if (++differ <= 8)
			printf("ram: differs from 0x%" PRIx64 " to 0x%" PRIx64 "\n", at + first, at + last);
	}
}

static bool compare_run(const struct run *r)
{
	static uint8_t is[PIECE], was[PIECE];

	for (uint64_t at = r->start; at < r->end; at += PIECE) {
		size_t n = r->end - at < PIECE ? (size_t)(r->end - at) : PIECE;

		memset(was, 0, n);
		if (pread(mem_fd, is, n, (off_t)at) != (ssize_t)n ||
			pread(file_fd, was, n, (off_t)(at - r->base)) < 0) {
			perror("ramcmp");
			return false;
		}
		compare_pages(is, was, n, at - r->start);
	}
	return true;
}

/* Return: how many runs were compared, -1: one could not be. */
static int compare_all(FILE *maps, const struct stat *file, uint64_t ram)
{
	struct run r = {0};
	char line[PATH_MAX + 128];
	int nr = 0;
	bool more;

	do {
		uint64_t start = 0, end = 0, offset = 0, inode = 0;

		more = fgets(line, sizeof(line), maps);
		if (more)
			sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %" SCNu64, &start, &end, &offset,
				&inode);
		bool of_file = inode == file->st_ino,
		     follows = start == r.end && (of_file ? start - offset == r.base : !inode);

		if (more && follows && r.end && r.end - r.start < ram) {
			r.end = end;
			continue;
		}
		if (r.end && r.end - r.start >= ram) {
			r.end = r.start + ram;
			if (!compare_run(&r))
				return -1;
			nr++;
		}
		r = of_file ? (struct run){start, end, start - offset} : (struct run){0};
	} while (more);
	return nr;
}

int main(int argc, char **argv)
{
	char path[64];
	struct stat st;
	FILE *maps;

	if (argc != 4)
		return 2;
	snprintf(path, sizeof(path), "/proc/%s/mem", argv[1]);
	mem_fd = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%s/maps", argv[1]);
	maps = fopen(path, "re");
	file_fd = open(argv[2], O_RDONLY);
	if (mem_fd < 0 || !maps || file_fd < 0 || fstat(file_fd, &st)) {
		perror("ramcmp");
		return 1;
	}
	int nr = compare_all(maps, &st, strtoull(argv[3], NULL, 0));

	printf("ram: %d compared, %" PRIu64 " pages differ\n", nr, differ);
	return nr < 1 || differ > 1 || most > WALL_CLOCK;
}
