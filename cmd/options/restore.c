// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/restore.h"

#include <errno.h>
#include <string.h>

#include "cmd/options/args.h"
#include "cmd/options/command_info.h"
#include "cmd/options/ini.h"
#include "vmm/machine/machine.h"

int restore_parse(int argc, char **argv, struct subset_option *own, struct settings *ret,
	struct restore_words *ret_words, struct err *e)
{
	const struct command_info *me = command_find("restore");
	struct restore_words words = {0};
	const struct subset_option *how;
	struct args a;
	struct arg arg;
	int r;

	args_init(&a, "restore", argc, argv);
	while ((r = args_next(&a, &arg, e)) > 0) {
		if (!arg.option && words.path && a.ended) {
			words.command = argv + a.next - 1;
			words.nr = (size_t)(argc - a.next + 1);
			break;
		}
		if (!arg.option && words.path)
			return args_stray(&a, arg.value, e);
		if (!arg.option)
			words.path = arg.value;
		else if (!command_takes(me, arg.option, &how))
			return command_refuses("restore", arg.option, e);
		else if (how && (r = subset_take(&arg, &own[how - me->takes], e)) < 0)
			return r;
		else if (how)
			continue;
		else if (arg.option->type != OPT_FLAG && (r = settings_add(ret, arg.option, arg.value, 0, e)) < 0)
			return r;
	}
	r = MIN(r, 0);
	if (r == 0 && !words.path)
		r = err_set(
			e, -EINVAL, "no snapshot given: vmm restore FILE goes on with what vmm --snapshot FILE wrote");
	*ret_words = words;
	return r;
}

int restore_settings(const struct config *c, char **ret, struct err *e)
{
	struct config machine = *c;

	machine.console = CONSOLE_STDIO;
	machine.console_path = NULL;
	return ini_write(&machine, INI_SAVED, ret, e);
}

/* The settings of @line that are for a part of the machine which the snapshot has, or all but those; borrowed. */
static void split(const struct settings *line, bool merged, struct settings *ret)
{
	*ret = (struct settings){0};
	for_each_option(o)
		if ((o->saved == OPTION_MERGED) == merged)
			ret->setting[o - options] = line->setting[o - options];
}

static void take(char **to, char **from)
{
	free(*to);
	*to = TAKE_PTR(*from);
}

static const char *id_of(const struct config_disk *d, size_t i, char *buf, size_t size)
{
	snprintf(buf, size, "disk%zu", i);
	return d->id ? d->id : buf;
}

static int merge_disk(struct config *c, struct config_disk *d, size_t i, struct err *e)
{
	char mine[32], its[32];
	const char *id = id_of(d, i, mine, sizeof(mine));

	for (size_t k = 0; k < c->nr_disks; k++) {
		struct config_disk *s = &c->disk[k];

		if (strcmp(id, id_of(s, k, its, sizeof(its))) != 0)
			continue;
		if (d->ro != s->ro || d->logical != s->logical || d->queues != s->queues)
			return err_set(
				e, -EINVAL, "--disk: ro, logical= and queues= of %s are those of the snapshot", id);
		take(&s->path, &d->path);
		s->overlay = d->overlay;
		s->changed = d->changed;
		s->cache = d->cache;
		s->rate_bytes = d->rate_bytes;
		s->format = d->format;
		return 0;
	}
	return err_set(e, -EINVAL, "--disk: the snapshot has no disk with the id %s", id);
}

static int merge_net(struct config *c, struct config_net *n, size_t i, struct err *e)
{
	static const uint8_t none[6];
	struct config_net *s = &c->net[i];
	struct config_net was;

	if (i >= c->nr_nets)
		return err_set(e, -EINVAL, "--net: the snapshot has %zu network devices", c->nr_nets);
	if (memcmp(n->mac, none, sizeof(none)) != 0 && memcmp(n->mac, s->mac, sizeof(none)) != 0)
		return err_set(e, -EINVAL, "--net: mac= is that of the snapshot");
	was = *s;
	memcpy(n->mac, s->mac, sizeof(n->mac));
	*s = *n;
	*n = was;
	return 0;
}

static int merge_console(struct config *c, struct config *mine, struct err *e)
{
	if (mine->console_virtio && !c->console_virtio)
		return err_set(e, -EINVAL, "--console virtio: the snapshot has no virtio console");
	c->console = mine->console;
	take(&c->console_path, &mine->console_path);
	return 0;
}

static int merge(struct config *c, struct config *mine, struct err *e)
{
	int r = merge_console(c, mine, e);

	for (size_t i = 0; i < mine->nr_disks && r == 0; i++)
		r = merge_disk(c, &mine->disk[i], i, e);
	for (size_t i = 0; i < mine->nr_nets && r == 0; i++)
		r = merge_net(c, &mine->net[i], i, e);
	if (r < 0 || !mine->vsock.path)
		return r;
	if (!c->vsock.path)
		return err_set(e, -EINVAL, "--vsock: the snapshot has no socket device");
	take(&c->vsock.path, &mine->vsock.path);
	c->vsock.cid = mine->vsock.cid;
	return 0;
}

/* The settings of this command's own. */
static int apply_own(const struct settings *line, struct config *c, struct err *e)
{
	static const char *const names[] = {"each-line", "each-frame", "line-timeout", "clock", "word", "working-set"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++) {
		const struct option_def *o = option_find(names[i], strlen(names[i]));

		r = settings_apply_option(o, line->setting[o - options].nr ? line : NULL, c);
	}
	return r < 0 ? err_sys(e, r, "cannot restore it") : 0;
}

/* Standard input and output are those of the lines or frames. */
static int check_each(struct config *c, struct err *e)
{
	const char *option = c->each_frame ? "each-frame" : "each-line";

	if (!config_is_each(c))
		return 0;
	if (c->console == CONSOLE_STDIO)
		c->console = CONSOLE_NULL;
	if (c->console != CONSOLE_NULL && c->console != CONSOLE_FILE)
		return err_set(e, -EINVAL, "--%s: the console's input are the %ss: --console file=, null, or none",
			option, option + strlen("each-"));
	if (c->snapshot)
		return err_set(
			e, -EINVAL, "--%s: not with --snapshot: each guest begins at the one that there is", option);
	if (c->gdb)
		return err_set(e, -EINVAL, "--%s: not with --gdb: a debugger has one guest", option);
	for (size_t i = 0; i < c->nr_disks; i++)
		if (!c->disk[i].ro && !c->disk[i].overlay)
			return err_set(e, -EINVAL,
				"--%s: what a guest writes to %s cannot be undone: restore it with "
				"--disk id=...,path=...,overlay",
				option, c->disk[i].path);
	return 0;
}

int restore_config(const char *saved, const struct settings *line, struct config *ret, struct err *e)
{
	CLEANUP_SETTINGS struct settings file = {.file = "the snapshot's settings"};
	const struct settings none = {0};
	struct settings of_run, merged;
	struct config c = {0}, mine = {0};
	int r = ini_read_text(saved, strlen(saved), &file, e);

	for_each_option(o)
		if (r == 0 && file.setting[o - options].nr && o->saved < OPTION_SAVED)
			r = err_set(e, -EINVAL, "the snapshot's settings have %s, which none has", o->name);
	split(line, false, &of_run);
	split(line, true, &merged);
	if (r == 0)
		r = settings_apply(&file, &of_run, &c, e);
	if (r == 0)
		r = settings_apply(&none, &merged, &mine, e);
	if (r == 0)
		r = merge(&c, &mine, e);
	if (r == 0)
		r = apply_own(line, &c, e);
	if (r == 0)
		r = check_each(&c, e);
	if (r == 0)
		r = machine_check(&c, e);
	config_destroy(&mine);
	if (r < 0)
		config_destroy(&c);
	else
		*ret = c;
	return r;
}
