// SPDX-License-Identifier: Apache-2.0
/* Runs while vmm is built: prints a file as the array of init.h. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	size_t n = 0;
	int c;

	if (!f) {
		fprintf(stderr, "usage: gen_bytes FILE\n");
		return EXIT_FAILURE;
	}
	printf("#include \"boot/init/init.h\"\nconst uint8_t init_program[] = {");
	while ((c = getc(f)) != EOF)
		printf("%s%d,", n++ % 24 ? "" : "\n\t", c);
	printf("\n};\nconst size_t init_program_size = %zu;\n", n);
	if (ferror(f) || !n || fflush(stdout))
		return EXIT_FAILURE;
	fclose(f);
	return EXIT_SUCCESS;
}
