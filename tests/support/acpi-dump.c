// SPDX-License-Identifier: Apache-2.0
/*
 * acpi-dump BOARD DIR: writes the ACPI tables of an example board to DIR/NAME.dat and the MP table to DIR/mp.dat, so
 * that other programs (iasl, acpiexec) can judge them. `acpi-dump --list` prints the names of the boards.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "boot/layout.h"
#include "boot/tables/acpi.h"
#include "boot/tables/mptable.h"
#include "tests/support/boards.h"

static int write_file(const char *dir, const char *name, const void *data, size_t size)
{
	char path[4096];
	CLEANUP_FCLOSE FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/%.4s.dat", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fflush(f)) {
		perror(path);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	CLEANUP(acpi_blob_destroy) struct acpi_blob acpi = {0};
	CLEANUP(mptable_blob_destroy) struct mptable_blob mp = {0};
	struct board board;
	struct err e = {};
	int bad = 0;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < ARRAY_SIZE(boards); i++)
			puts(boards[i].name);
		return 0;
	}
	if (argc != 3 || !boards_make(argv[1], &board)) {
		fprintf(stderr, "usage: acpi-dump BOARD DIR | acpi-dump --list\n");
		return 2;
	}
	if (acpi_build(&board, BOOT_ACPI_START, BOOT_ACPI_SIZE, &acpi, &e) < 0 ||
		mptable_build(&board, BOOT_MPCONFIG_START, BOOT_MPCONFIG_SIZE, &mp, &e) < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], e.text);
		return 1;
	}
	bad |= write_file(argv[2], "rsdp", acpi.data + (acpi.rsdp_gpa - acpi.gpa), 36);
	for (size_t i = 0; i < acpi.nr; i++) {
		char name[5] = "";

		for (int c = 0; c < 4; c++)
			name[c] = (char)tolower((unsigned char)acpi.table[i].signature[c]);
		bad |= write_file(argv[2], name, acpi.data + acpi.table[i].offset, acpi.table[i].size);
	}
	bad |= write_file(argv[2], "mp", mp.config, mp.size);
	return bad;
}
