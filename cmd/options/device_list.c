// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/device_list.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/options/foreign.h"
#include "vmm/base/assert.h"
#include "vmm/base/words.h"

const struct option_def *device_list_find(const struct option_def *o, const char *name, size_t len)
{
	for_each_key(k, o)
		if (strlen(k->name) == len && !memcmp(k->name, name, len))
			return k;
	return NULL;
}

const struct option_def *device_list_setting(const char *name, size_t len)
{
	const struct option_def *o = option_find(name, len);

	return o && o->type == OPT_LIST ? o : NULL;
}

const struct option_def *device_list_missing(const struct option_def *o, uint32_t seen)
{
	for_each_key(k, o)
		if (k->required && !(seen & BIT(k - o->list->keys)))
			return k;
	return NULL;
}

/* A value of the first key, with nothing in front: the image of a disk, the size of a balloon. */
static bool is_value_of_first(const struct option_def *o, const char *word)
{
	const struct option_def *k = o->list->keys;
	struct option_value v;

	if (k->type == OPT_PATH)
		return strpbrk(word, "/.") || !access(word, F_OK);
	return k->type == OPT_SIZE && !option_parse(k, word, &v, NULL);
}

static int unknown(const struct option_def *o, const char *word, size_t len, struct err *e)
{
	const char *ours = foreign_find(o->name, word, len);
	char names[256] = "", hint[160];
	size_t n = 0;

	for_each_key(k, o)
		n += (size_t)snprintf(names + n, sizeof(names) - MIN(n, sizeof(names)), "%s%s", n ? ", " : "", k->name);
	if (!*word)
		return err_set(e, -EINVAL, "a key is missing; the keys are %s", names);
	if (ours)
		return err_set(e, -EINVAL, "%.*s: unknown key%s%s The keys are %s", (int)len, word,
			foreign_hint(ours, hint, sizeof(hint)), *ours == ' ' ? "." : "", names);
	/* An interface has its kind in its name: tap0. */
	for_each_key(k, o)
		if (!word[len] && !k->bare && len > strlen(k->name) && !strncmp(word, k->name, strlen(k->name)) &&
			!word[strlen(k->name) + strspn(word + strlen(k->name), "0123456789")])
			return err_set(e, -EINVAL, "%.200s: unknown key; did you mean %s=%.200s? The keys are %s", word,
				k->name, word, names);
	for_each_key(k, o)
		if (edit_distance(word, len, k->name, strlen(k->name), 1) <= 1)
			return err_set(e, -EINVAL, "%.*s: unknown key; did you mean %s? The keys are %s", (int)len,
				word, k->name, names);
	if (!word[len] && is_value_of_first(o, word))
		return err_set(e, -EINVAL, "%.200s: unknown key; did you mean %s=%.200s? The keys are %s", word,
			o->list->keys[0].name, word, names);
	return err_set(e, -EINVAL, "%.*s: unknown key; the keys are %s", (int)MIN(len, 200), word, names);
}

/*
 * One KEY[=VALUE], checked; its text is in *ret_text. @first: it is the first of the option.
 * Return: the key, or NULL with a message in @e.
 */
static const struct option_def *take_word(
	const struct option_def *o, char *word, bool first, const char **ret_text, struct err *e)
{
	size_t len = strcspn(word, "=");
	const struct option_def *k = device_list_find(o, word, len);
	struct option_value v;

	if (!k && first && *word && o->list->plain) {
		*ret_text = word;
		return o->list->keys;
	}
	if (!k) {
		unknown(o, word, len, e);
		return NULL;
	}
	if (!word[len] && !k->bare) {
		err_set(e, -EINVAL, "%s: needs a value: %s=%s", k->name, k->name, option_metavar(k));
		return NULL;
	}
	*ret_text = word[len] ? word + len + 1 : k->bare;
	if (option_parse(k, *ret_text, &v, e) < 0) {
		err_wrap(e, -EINVAL, "%s=%s", k->name, *ret_text);
		return NULL;
	}
	return k;
}

int device_list_check(const struct option_def *o, const char *text, struct err *e)
{
	CLEANUP_FREE char *copy = strdup(text);
	char *at = copy, *word;
	const struct option_def *k;
	const char *value;
	uint32_t seen = 0;

	if (!copy)
		return err_set(e, -ENOMEM, "out of memory");
	while ((word = words_cut(&at))) {
		k = take_word(o, word, !seen, &value, e);
		if (!k)
			return -EINVAL;
		if ((seen & BIT(k - o->list->keys)) && !k->repeatable)
			return err_set(e, -EINVAL, "%s: given twice", k->name);
		seen |= (uint32_t)BIT(k - o->list->keys);
	}
	k = device_list_missing(o, seen);
	if (k)
		return err_set(e, -EINVAL, "%s=%s is missing", k->name, option_metavar(k));
	return 0;
}

static int store(const struct option_def *k, const char *text, void *item)
{
	struct option_value v;
	int r = option_parse(k, text, &v, NULL);

	assert(r == 0); /* checked before; a default that does not parse is our bug */
	return option_store_at(k, &v, item);
}

int device_list_store(const struct option_def *o, const char *text, struct config *c)
{
	CLEANUP_FREE char *copy = strdup(text);
	char *at = copy, *word;
	bool first = true;
	void *item;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	item = o->list->add(c);
	if (!item)
		return -ENOMEM;
	for_each_key(k, o)
		if (k->deflt && r == 0)
			r = store(k, k->deflt, item);
	while (r == 0 && (word = words_cut(&at))) {
		const char *value;
		const struct option_def *k = take_word(o, word, first, &value, NULL);

		assert(k);
		first = false;
		r = store(k, value, item);
	}
	return r;
}
