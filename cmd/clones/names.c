// SPDX-License-Identifier: Apache-2.0
#include "cmd/clones/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/util.h"

/**
 * struct named - a path or name in a configuration
 * @option: as the operator writes it
 * @own: each clone has to have its own
 * @of_netns: it means something else in another network namespace
 */
struct named {
	const char *option;
	char **text;
	bool own;
	bool of_netns;
};

static bool has_number(const char *text)
{
	return strstr(text, "%n");
}

static bool add(size_t i, size_t *at, const char *option, char **text, bool own, struct named *ret)
{
	if ((*at)++ != i)
		return false;
	*ret = (struct named){option, text, own, false};
	return true;
}

/* Number @i of all; false: there are no more. The text may be NULL. */
static bool named(struct config *c, size_t i, struct named *ret)
{
	static const char *const nets[] = {
		[CONFIG_NET_TAP] = "--net tap=", [CONFIG_NET_FD] = "--net fd=", [CONFIG_NET_PASST] = "--net passt="};
	bool socket = c->console == CONSOLE_SOCKET;
	size_t at = 0;

	if (add(i, &at, socket ? "--console socket=" : "--console file=", &c->console_path, true, ret) ||
		add(i, &at, "--report ", &c->report, true, ret) || add(i, &at, "--trace ", &c->trace, true, ret) ||
		add(i, &at, "--gdb ", &c->gdb, true, ret) || add(i, &at, "--core ", &c->core, true, ret) ||
		add(i, &at, "--vsock path=", &c->vsock.path, true, ret) ||
		add(i, &at, "--netns ", &c->netns, false, ret))
		return true;
	for (size_t k = 0; k < c->nr_disks; k++)
		if (add(i, &at, "--disk path=", &c->disk[k].path, !c->disk[k].ro && !c->disk[k].overlay, ret))
			return true;
	for (size_t k = 0; k < c->nr_nets; k++)
		if (add(i, &at, nets[c->net[k].kind] ? nets[c->net[k].kind] : "--net ", &c->net[k].name, true, ret)) {
			ret->of_netns = c->net[k].kind == CONFIG_NET_TAP;
			return true;
		}
	return false;
}

static int refuse(const char *option, const char *text, const char *why, struct err *e)
{
	return err_set(e, -EINVAL, "%s%s: %s", option, text, why);
}

int clones_check(const struct config *config, unsigned nr, bool *ret_own, struct err *e)
{
	/* Nothing is changed. */
	struct config *c = (struct config *)(uintptr_t)config;
	struct named f;

	*ret_own = false;
	if (c->snapshot)
		return refuse("--snapshot ", c->snapshot, "clones write none", e);
	if (c->each_line)
		return refuse("--each-line", "", "not with --clones: it has the guest for itself", e);
	if (c->each_frame)
		return refuse("--each-frame", "", "not with --clones: it has the guest for itself", e);
	if (c->console == CONSOLE_PTY)
		return refuse("--console pty", "", "not with --clones: file=PATH or socket=PATH, with %n in it", e);
	for (size_t i = 0; i < c->nr_nets; i++)
		if (c->net[i].kind == CONFIG_NET_FD && nr > 1)
			return refuse("--net fd=", "", "clones cannot share an interface: tap=NAME with %n in it", e);
	for (size_t i = 0; named(c, i, &f); i++) {
		/* In a namespace of its own, an interface may have the name that it has for the others. */
		if (f.of_netns && c->netns && has_number(c->netns))
			continue;
		if (*f.text && f.own && nr > 1 && !has_number(*f.text))
			return refuse(f.option, *f.text,
				"each clone needs its own: put %n, the clone's number, in the name", e);
		*ret_own |= *f.text && (f.own || has_number(*f.text));
	}
	for (size_t i = 0; i < c->nr_disks; i++)
		*ret_own |= c->disk[i].overlay;
	*ret_own |= c->nr_nets > 0;
	return 0;
}

static char *numbered(const char *text, unsigned n)
{
	CLEANUP_FREE char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	const char *at;

	if (!f)
		return NULL;
	for (; (at = strstr(text, "%n")); text = at + 2)
		fprintf(f, "%.*s%u", (int)(at - text), text, n);
	fputs(text, f);
	return fclose(f) == 0 ? TAKE_PTR(out) : NULL;
}

int clones_name(struct config *c, unsigned n, struct err *e)
{
	struct named f;

	for (size_t i = 0; named(c, i, &f); i++) {
		char *text;

		if (!*f.text)
			continue;
		text = numbered(*f.text, n);
		if (!text)
			return err_sys(e, -ENOMEM, "cannot allocate the names of clone %u", n);
		free(*f.text);
		*f.text = text;
	}
	return 0;
}
