// SPDX-License-Identifier: Apache-2.0
/*
 * flushed: writes blocks with sequence numbers and says which of them the disk has acknowledged as flushed; and looks
 * for them in an image afterwards.
 *
 *	flushed write NAME ROUNDS DISK=MODE...  ROUNDS rounds on each DISK; after each, a line "NAME: acked N M": all
 *	                                        blocks of the Nth disk up to sequence number M are durable
 *	flushed check IMAGE N M                 says "missing K of M" of what was written to the Nth disk
 *
 * MODE is how a write is made durable:
 *	sync     page cache, then fdatasync()
 *	dsync    O_DSYNC
 *	direct   O_DIRECT, then fdatasync()
 *	through  O_DIRECT and nothing more, for a disk that is set to write-through
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK     4096
#define BLOCKS    16384 /* of an image; a power of two */
#define PER_ROUND 4
#define DISKS_MAX 8

struct block {
	char magic[8];
	uint64_t disk, seq, noise[(BLOCK - 24) / 8];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* All over the image, so that a sparse one has something to allocate each time; no position comes twice. */
static off_t place(uint64_t seq)
{
	return (off_t)(seq * 2654435761 % BLOCKS * BLOCK);
}

static void fill(struct block *b, uint64_t disk, uint64_t seq)
{
	uint64_t noise = seq * 8 + disk + 1;

	memcpy(b->magic, "flushed\n", sizeof(b->magic));
	b->disk = disk;
	b->seq = seq;
	for (size_t i = 0; i < sizeof(b->noise) / sizeof(b->noise[0]); i++) {
		noise = noise * 6364136223846793005 + 1442695040888963407;
		b->noise[i] = noise;
	}
}

static void write_round(int fd, bool flush, uint64_t disk, uint64_t first, struct block *b)
{
	for (uint64_t seq = first; seq < first + PER_ROUND; seq++) {
		fill(b, disk, seq);
		if (pwrite(fd, b, BLOCK, place(seq)) != BLOCK)
			die("write");
	}
	if (flush && fdatasync(fd) < 0)
		die("fdatasync");
}

static int do_write(int argc, char **argv)
{
	uint64_t rounds = strtoull(argv[1], NULL, 10);
	int fd[DISKS_MAX], nr = argc - 2;
	bool flush[DISKS_MAX];
	struct block *b;

	if (nr > DISKS_MAX || rounds > BLOCKS / PER_ROUND || posix_memalign((void **)&b, BLOCK, BLOCK))
		return 2;
	for (int i = 0; i < nr; i++) {
		char *name = argv[i + 2], *sep = strchr(name, '=');

		if (!sep)
			return 2;
		*sep = 0;
		sep++;
		fd[i] = open(name, O_RDWR | (!strcmp(sep, "dsync") ? O_DSYNC : !strcmp(sep, "sync") ? 0 : O_DIRECT));
		flush[i] = !strcmp(sep, "sync") || !strcmp(sep, "direct");
		if (fd[i] < 0)
			die(name);
	}
	for (uint64_t r = 0; r < rounds; r++)
		for (int i = 0; i < nr; i++) {
			write_round(fd[i], flush[i], (uint64_t)i, r * PER_ROUND, b);
			printf("%s: acked %d %" PRIu64 "\n", argv[0], i, r * PER_ROUND + PER_ROUND - 1);
			fflush(stdout);
		}
	return 0;
}

static int do_check(char **argv)
{
	uint64_t disk = strtoull(argv[1], NULL, 10), last = strtoull(argv[2], NULL, 10), missing = 0;
	struct block want, got;
	int fd = open(argv[0], O_RDONLY);

	if (fd < 0)
		die(argv[0]);
	for (uint64_t seq = 0; seq <= last; seq++) {
		fill(&want, disk, seq);
		if (pread(fd, &got, BLOCK, place(seq)) != BLOCK || memcmp(&got, &want, BLOCK))
			missing++;
	}
	printf("missing %" PRIu64 " of %" PRIu64 "\n", missing, last + 1);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "write"))
		return do_write(argc - 2, argv + 2);
	if (argc == 5 && !strcmp(argv[1], "check"))
		return do_check(argv + 2);
	fprintf(stderr, "usage: flushed write NAME ROUNDS DISK=MODE... | check IMAGE N M\n");
	return 2;
}
