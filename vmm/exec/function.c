// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/function.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/units.h"
#include "vmm/base/words.h"

static int parse_number(const char *text, uint64_t *ret)
{
	bool negative = *text == '-';
	uint64_t n;

	if (parse_u64(text + negative, &n) < 0 || (negative && n > UINT64_C(1) << 63))
		return -EINVAL;
	*ret = negative ? -n : n;
	return 0;
}

static int digit_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static int parse_bytes(const char *text, struct exec_arg *a)
{
	size_t len = strlen(text);

	if (!len || len % 2 || strspn(text, "0123456789abcdefABCDEF") != len)
		return -EINVAL;
	a->size = len / 2;
	a->data = malloc(a->size);
	for (size_t i = 0; a->data && i < a->size; i++)
		a->data[i] = (uint8_t)(digit_of(text[2 * i]) << 4 | digit_of(text[2 * i + 1]));
	return a->data ? 0 : -ENOMEM;
}

static int parse_room(const char *text, struct exec_arg *a)
{
	uint64_t n;

	if (parse_u64(text, &n) < 0 || !n || n > FUNCTION_BYTES_MAX)
		return -EINVAL;
	a->size = n;
	a->shown = true;
	a->data = calloc(1, n);
	return a->data ? 0 : -ENOMEM;
}

static int parse_text(const char *text, struct exec_arg *a)
{
	a->size = strlen(text) + 1;
	a->data = (uint8_t *)strdup(text);
	return a->data ? 0 : -ENOMEM;
}

static int parse_arg(const char *word, struct exec_arg *a)
{
	if (!*word || word[1] != ':')
		return -EINVAL;
	switch (*word) {
	case 'i': return parse_number(word + 2, &a->number);
	case 's': return parse_text(word + 2, a);
	case 'b': return parse_bytes(word + 2, a);
	case 'o': return parse_room(word + 2, a);
	default: return -EINVAL;
	}
}

static int parse_args(struct exec_function *f, char *rest, struct err *e)
{
	size_t bytes = 0;
	char *word;

	while ((word = words_cut(&rest))) {
		int r = f->nr < FUNCTION_ARGS_MAX ? parse_arg(word, &f->arg[f->nr]) : 0;

		if (f->nr == FUNCTION_ARGS_MAX)
			return err_set(e, -EINVAL, "more than %d arguments", FUNCTION_ARGS_MAX);
		bytes += f->arg[f->nr++].size;
		if (r == -EINVAL)
			return err_set(e, r, "%.100s: not one of i:NUMBER, s:TEXT, b:HEX, o:SIZE", word);
		if (r < 0)
			return err_set(e, r, "out of memory");
	}
	return bytes <= FUNCTION_BYTES_MAX ? 0 : err_set(e, -EINVAL, "more than 64 KiB of arguments");
}

int exec_function_parse(const char *spec, struct exec_function *ret, struct err *e)
{
	struct exec_function f = {.text = strdup(spec)};
	char *rest = f.text;
	int r;

	if (!f.text)
		return err_set(e, -ENOMEM, "out of memory");
	f.name = words_cut(&rest);
	r = *f.name ? parse_args(&f, rest, e) : err_set(e, -EINVAL, "a function without a name");
	if (r < 0)
		exec_function_free(&f);
	else
		*ret = f;
	return r;
}

void exec_function_free(struct exec_function *f)
{
	for (unsigned i = 0; i < f->nr; i++)
		free(f->arg[i].data);
	free(f->text);
}
