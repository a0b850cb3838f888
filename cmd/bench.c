// SPDX-License-Identifier: Apache-2.0
/*
 * `vmm bench NAME`: finds the benchmark, and what all of them need.
 */
#include <errno.h>
#include <string.h>

#include "cmd/bench/bench.h"
#include "cmd/options/commands.h"
#include "vmm/base/outcome.h"
#include "vmm/host/fileset.h"
#include "vmm/host/outfile.h"

static const struct bench {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
} benches[] = {
#define X(name, help) {#name, help, bench_##name},
	BENCHES(X)
#undef X
};

int bench_write(const char *option, const char *path, void (*write)(FILE *out, void *arg), void *arg, struct err *e)
{
	CLEANUP(outfile_close) struct outfile f = OUTFILE_CLOSED;
	int r = outfile_open(option, path, NULL, &f, e);

	if (r < 0)
		return r;
	outfile_begin(&f);
	fflush(stdout); /* which the path may name */
	write(f.out, arg);
	return outfile_commit(&f, 0, e);
}

int bench_files(const struct subset_option *json, void (*write_json)(FILE *out, void *arg),
	const struct subset_option *svg, void (*write_svg)(FILE *out, void *arg), void *arg, struct err *e)
{
	int r = json->given ? bench_write("--json", json->value.text, write_json, arg, e) : 0;

	return r == 0 && svg->given ? bench_write("--svg", svg->value.text, write_svg, arg, e) : r;
}

/* The arguments of a measured command may name files too, alone or behind a key. */
static void add_words(struct fileset *set, char *words)
{
	char *rest = NULL;

	for (char *word = strtok_r(words, "=,", &rest); word; word = strtok_r(NULL, "=,", &rest))
		if (access(word, F_OK) == 0)
			fileset_add(set, "the command's", word, FILE_READ);
}

int bench_check_files(const struct subset_option *subset, const char **words, size_t nr, struct err *e)
{
	static const struct {
		const char *name, *what;
		enum file_use use;
	} files[] = {
		{"baseline", "--baseline", FILE_READ},
		{"json", "--json", FILE_WRITE},
		{"csv", "--csv", FILE_WRITE},
		{"svg", "--svg", FILE_WRITE},
	};
	CLEANUP_FREE char *copies = NULL;
	struct fileset set = {0};
	size_t size = 0;

	for (const struct subset_option *p = subset; p->name; p++)
		for (size_t i = 0; i < ARRAY_SIZE(files); i++)
			if (p->given && !strcmp(p->name, files[i].name))
				fileset_add(&set, files[i].what, p->value.text, files[i].use);
	fileset_add(&set, "this program,", "/proc/self/exe", FILE_READ);
	fileset_add_streams(&set);
	for (size_t i = 0; i < nr; i++)
		size += strlen(words[i]) + 1;
	copies = malloc(size + 1);
	if (!copies)
		return err_set(e, -ENOMEM, "out of memory");
	for (size_t i = 0, at = 0; i < nr; at += strlen(words[i]) + 1, i++) {
		strcpy(copies + at, words[i]);
		add_words(&set, copies + at);
	}
	return fileset_check(&set, e);
}

int bench_options(int argc, char **argv, const char *name, struct subset_option *subset, struct err *e)
{
	CLEANUP_FREE const char **words = calloc((size_t)argc, sizeof(*words));
	size_t nr = 0;
	int r;

	r = words ? subset_parse(argc, argv, name, subset, words, &nr, e) : err_set(e, -ENOMEM, "out of memory");
	if (r == 0 && nr)
		r = err_set(e, -EINVAL, "%.200s: belongs to no option", words[0]);
	return r == 0 ? bench_check_files(subset, NULL, 0, e) : r;
}

/* Figures that could not be written are not there. */
static int written(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "vmm: cannot write to standard output\n");
	return status ? status : EXIT_FAILED;
}

int cmd_bench(int argc, char **argv)
{
	/* A benchmark takes its time: each line is shown when it is there. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], BENCH_FLOOR))
		return bench_floor(argc - 1, argv + 1);
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(benches); i++)
		if (!strcmp(argv[1], benches[i].name))
			return written(benches[i].run(argc - 1, argv + 1));
	if (argc > 1)
		fprintf(stderr, "vmm: %s: unknown benchmark; there are", argv[1]);
	else
		fprintf(stderr, "vmm: no benchmark named; there are");
	for (size_t i = 0; i < ARRAY_SIZE(benches); i++)
		fprintf(stderr, "%s %s", i ? "," : "", benches[i].name);
	fputc('\n', stderr);
	return EXIT_USAGE;
}
