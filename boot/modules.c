// SPDX-License-Identifier: Apache-2.0
/*
 * A line of modules.dep is "PATH: PATH...": a module, and all that it needs, directly or not, in the reverse of the
 * order in which it is loaded, as depmod writes it. So one line is the whole answer for a module.
 */
#include "boot/modules.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/util.h"

/* The next line of a text, without its end; false: there is none. */
static bool next_line(struct modules_text *text, struct modules_text *ret)
{
	const char *nl;

	if (!text->size)
		return false;
	nl = memchr(text->s, '\n', text->size);
	ret->s = text->s;
	ret->size = nl ? (size_t)(nl - text->s) : text->size;
	text->s += ret->size + (nl != NULL);
	text->size -= ret->size + (nl != NULL);
	return true;
}

/* The next word of a line. */
static bool next_word(struct modules_text *line, struct modules_text *ret)
{
	while (line->size && (*line->s == ' ' || *line->s == '\t')) {
		line->s++;
		line->size--;
	}
	ret->s = line->s;
	while (line->size && *line->s != ' ' && *line->s != '\t') {
		line->s++;
		line->size--;
	}
	ret->size = (size_t)(line->s - ret->s);
	return ret->size > 0;
}

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

bool modules_name_is(const char *path, size_t len, const char *name)
{
	static const char *const suffixes[] = {".ko", ".ko.gz", ".ko.xz", ".ko.zst"};
	const char *slash = memrchr(path, '/', len), *base = slash ? slash + 1 : path, *end = path + len;
	size_t n = strlen(name), rest;

	if (!n || (size_t)(end - base) <= n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (plain(base[i]) != plain(name[i]))
			return false;
	rest = (size_t)(end - base) - n;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (rest == strlen(suffixes[i]) && !memcmp(base + n, suffixes[i], rest))
			return true;
	return false;
}

bool modules_are_built_in(struct modules_text builtin, const char *name)
{
	struct modules_text line, word;

	while (next_line(&builtin, &line))
		if (next_word(&line, &word) && modules_name_is(word.s, word.size, name))
			return true;
	return false;
}

/* A relative path of printable characters that does not leave its directory. */
static bool is_path(struct modules_text word)
{
	const char *s = word.s, *end = word.s + word.size;

	if (!word.size || word.size >= MODULES_PATH_MAX)
		return false;
	for (size_t i = 0; i < word.size; i++)
		if ((unsigned char)word.s[i] <= 0x20 || word.s[i] == 0x7f)
			return false;
	while (s < end) {
		const char *slash = memchr(s, '/', (size_t)(end - s));
		size_t n = (size_t)((slash ? slash : end) - s);

		if (!n || (n == 1 && *s == '.') || (n == 2 && s[0] == '.' && s[1] == '.') ||
			(slash && slash + 1 == end))
			return false;
		s += n + 1;
	}
	return true;
}

static int add_file(struct modules_set *set, struct modules_text word, struct err *e)
{
	for (size_t i = 0; i < set->nr; i++)
		if (set->file[i].len == word.size && !memcmp(set->file[i].path, word.s, word.size))
			return 0;
	if (!is_path(word))
		return err_set(e, -EINVAL, "modules.dep: not a path below its directory: %.*s",
			(int)MIN(word.size, (size_t)100), word.s);
	if (set->nr == MODULES_MAX)
		return err_set(e, -E2BIG, "modules.dep: more than %d files are needed", MODULES_MAX);
	set->file[set->nr++] = (struct modules_file){.path = word.s, .len = word.size};
	return 0;
}

/* The files behind the colon, the last one first, then the module's own. */
static int add_line(struct modules_set *set, struct modules_text own, struct modules_text needs, struct err *e)
{
	struct modules_text word[MODULES_MAX], more;
	size_t nr = 0;
	int r = 0;

	while (nr < MODULES_MAX && next_word(&needs, &word[nr]))
		nr++;
	if (next_word(&needs, &more))
		return err_set(e, -E2BIG, "modules.dep: more than %d files are needed", MODULES_MAX);
	while (r == 0 && nr)
		r = add_file(set, word[--nr], e);
	return r ? r : add_file(set, own, e);
}

int modules_add(struct modules_set *set, struct modules_text dep, const char *name, struct err *e)
{
	const size_t before = set->nr;
	struct modules_text line;

	while (next_line(&dep, &line)) {
		const char *colon = memchr(line.s, ':', line.size);
		size_t own = colon ? (size_t)(colon - line.s) : 0;
		int r;

		if (!colon || !modules_name_is(line.s, own, name))
			continue;
		r = add_line(set, (struct modules_text){line.s, own},
			(struct modules_text){colon + 1, line.size - own - 1}, e);
		if (r < 0)
			set->nr = before;
		return r;
	}
	return err_set(e, -ENOENT, "modules.dep has no module %.100s", name);
}
