// SPDX-License-Identifier: Apache-2.0
#include "cmd/exec_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/exec_each.h"
#include "vmm/base/outcome.h"
#include "vmm/exec/rounds.h"

int exec_calls_parse(const char *const *spec, size_t nr, struct exec_calls *c, struct err *e)
{
	int r = 0;

	c->function = calloc(nr, sizeof(*c->function));
	if (!c->function)
		return err_set(e, -ENOMEM, "out of memory");
	for (; r == 0 && c->nr < nr; c->nr += r == 0) {
		r = exec_function_parse(spec[c->nr], &c->function[c->nr], e);
		if (r < 0)
			err_wrap(e, r, "--call");
	}
	return r;
}

int exec_calls_open(struct exec_calls *c, const struct exec *exec, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->nr; i++)
		r = exec_function_find(exec, &c->function[i], e);
	return r < 0 ? err_operator(e, err_wrap(e, r, "--call")) : 0;
}

static void print_returned(const struct exec_function *f)
{
	printf("%s = %lld\n", f->name, (long long)f->result);
	for (unsigned i = 0; i < f->nr; i++) {
		if (!f->arg[i].shown)
			continue;
		printf("%s %u: ", f->name, i + 1);
		for (size_t k = 0; k < f->arg[i].size; k++)
			printf("%02x", f->arg[i].data[k]);
		printf("\n");
	}
}

static void on_idle(void *arg)
{
	struct exec_calls *c = arg;

	if (c->at < c->nr)
		exec_round_call(c->exec, &c->function[c->at]);
	else
		exec_end(c->exec, EXEC_ANSWERED, (unsigned)c->status);
}

static void on_ended(void *arg, const struct exec_round_end *end)
{
	struct exec_calls *c = arg;
	const struct exec_function *f = &c->function[c->at++];
	char why[EXEC_WHY_MAX];
	int status = exec_round_status(end, why);

	fwrite(end->output, 1, end->size, stdout);
	if (end->how == EXEC_ANSWERED)
		print_returned(f);
	if (fflush(stdout) != 0 && !status)
		status = EXIT_FAILED;
	if (end->how != EXEC_ANSWERED)
		fprintf(stderr, "vmm: --call %s: %s\n", f->name, why);
	if (!c->status)
		c->status = status;
}

int exec_calls_begin(struct exec_calls *c, struct exec *exec, uint64_t limit_ns, struct err *e)
{
	static const struct exec_rounds_ops ops = {on_idle, on_ended};
	static char buffer[BUFSIZ];

	/* So that stdio does not ask what it is, which the filter does not allow. */
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	c->exec = exec;
	return exec_rounds_init(exec, &ops, c, limit_ns, c->keep, e);
}

void exec_calls_free(struct exec_calls *c)
{
	for (size_t i = 0; i < c->nr; i++)
		exec_function_free(&c->function[i]);
	free(c->function);
}
