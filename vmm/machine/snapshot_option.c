// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/snapshot_option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/util.h"
#include "vmm/base/words.h"
#include "vmm/machine/newfile.h"

static const struct newfile_kind kind = {
	.what = "snapshot",
	.option = "--snapshot",
	.letters = "n",
	.words = "%n is a number, %% a percent sign",
};

static int take_on(struct snapshot_option *o, const char *value, struct err *e)
{
	const char *colon = strchr(value, ':'), *text = colon ? colon + 1 : NULL;
	size_t len = colon ? (size_t)(colon - value) : strlen(value);

	if (len == 4 && !strncmp(value, "mark", len))
		o->on = SNAPSHOT_ON_MARK;
	else if (len == 7 && !strncmp(value, "console", len) && text)
		o->on = SNAPSHOT_ON_CONSOLE;
	else if (!strcmp(value, "ready"))
		o->on = SNAPSHOT_ON_READY;
	else if (!strcmp(value, "signal"))
		return 0;
	else
		return err_set(e, -EINVAL,
			"--snapshot: on=%s: one of mark, mark:NAME, console:TEXT, ready and signal is possible", value);
	if (!text)
		return 0;
	if (!*text || strlen(text) > SNAPSHOT_TEXT_MAX)
		return err_set(
			e, -EINVAL, "--snapshot: on=%s: a name or text has 1 to %d bytes", value, SNAPSHOT_TEXT_MAX);
	o->text = strdup(text);
	return o->text ? 0 : err_sys(e, -ENOMEM, "--snapshot");
}

static int take_word(struct snapshot_option *o, const char *word, unsigned *seen, struct err *e)
{
	static const char *const keys[] = {"on=", "then=", "every"};
	size_t i = 0;

	while (i < ARRAY_SIZE(keys) && strncmp(word, keys[i], strlen(keys[i])) != 0)
		i++;
	if (*seen & BIT(i))
		return err_set(e, -EINVAL, "--snapshot: %.*s: given twice", (int)strcspn(word, "="), word);
	*seen |= (unsigned)BIT(i);
	if (i == 0)
		return take_on(o, word + strlen(keys[0]), e);
	if (!strcmp(word, "every"))
		o->every = true;
	else if (!strcmp(word, "then=exit"))
		o->exit = true;
	else if (strcmp(word, "then=continue") != 0)
		return err_set(e, -EINVAL,
			"--snapshot: %s: on=, every, then=continue and then=exit are possible behind the file", word);
	return 0;
}

int snapshot_option_parse(const char *words, struct snapshot_option *ret, struct err *e)
{
	CLEANUP(snapshot_option_destroy) struct snapshot_option o = {0};
	CLEANUP_FREE char *copy = strdup(words);
	char *at = copy, *word;
	unsigned seen = 0;
	int r = 0;

	if (copy)
		o.path = strdup(words_cut(&at));
	if (!o.path)
		return err_sys(e, -ENOMEM, "--snapshot");
	while (r == 0 && (word = words_cut(&at)))
		r = take_word(&o, word, &seen, e);
	if (r == 0)
		r = newfile_check(&kind, o.path, e);
	if (r == 0 && o.every && o.exit)
		r = err_set(e, -EINVAL, "--snapshot: every and then=exit exclude each other");
	if (r == 0 && o.every && o.on == SNAPSHOT_ON_SIGNAL)
		r = err_set(e, -EINVAL, "--snapshot: every needs on=mark or on=console: each signal counts anyhow");
	if (r == 0 && o.on == SNAPSHOT_ON_READY && (o.every || (seen & BIT(1) && !o.exit)))
		r = err_set(e, -EINVAL, "--snapshot: on=ready: the run ends with it: no every, and no then=continue");
	if (r < 0)
		return r;
	o.exit |= o.on == SNAPSHOT_ON_READY;
	*ret = o;
	o = (struct snapshot_option){0};
	return 0;
}

void snapshot_option_destroy(struct snapshot_option *o)
{
	free(o->path);
	free(o->text);
	*o = (struct snapshot_option){0};
}
