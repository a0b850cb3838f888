// SPDX-License-Identifier: Apache-2.0
/*
 * boot-mark N: marks a moment on vmm's timeline, by one write of N to the port of --boot-marker, 0x500.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: boot-mark N\n");
		return 2;
	}
	if (ioperm(0x500, 4, 1)) {
		perror("boot-mark: ioperm");
		return 1;
	}
	outl((unsigned)strtoul(argv[1], NULL, 0), 0x500);
	return 0;
}
