// SPDX-License-Identifier: Apache-2.0
#include "tests/support/config_kit.h"

#include <string.h>

/* A new member is compared below; then these are its sizes. */
_Static_assert(sizeof(struct config) == 432, "compare the new member of struct config");
_Static_assert(sizeof(struct config_disk) == 48, "compare the new member of struct config_disk");
_Static_assert(sizeof(struct config_share) == 16, "compare the new member of struct config_share");
_Static_assert(sizeof(struct config_net) == 64, "compare the new member of struct config_net");

static bool text_differs(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) != 0 : a != b;
}

static bool ports_differ(const struct config_ports *a, const struct config_ports *b)
{
	if (a->nr != b->nr)
		return true;
	for (size_t i = 0; i < a->nr; i++)
		if (text_differs(a->spec[i], b->spec[i]))
			return true;
	return false;
}

#define PLAIN(member)                                                                                                  \
	do {                                                                                                           \
		if (a->member != b->member)                                                                            \
			return #member;                                                                                \
	} while (0)
#define TEXT(member)                                                                                                   \
	do {                                                                                                           \
		if (text_differs(a->member, b->member))                                                                \
			return #member;                                                                                \
	} while (0)

static const char *disk_difference(const struct config_disk *a, const struct config_disk *b)
{
	TEXT(path);
	TEXT(id);
	PLAIN(ro);
	PLAIN(overlay);
	PLAIN(format);
	PLAIN(cache);
	PLAIN(rate_bytes);
	PLAIN(logical);
	PLAIN(queues);
	return NULL;
}

static const char *share_difference(const struct config_share *a, const struct config_share *b)
{
	TEXT(path);
	TEXT(tag);
	return NULL;
}

static const char *net_difference(const struct config_net *a, const struct config_net *b)
{
	PLAIN(kind);
	TEXT(name);
	PLAIN(fd);
	if (memcmp(a->mac, b->mac, sizeof(a->mac)))
		return "mac";
	if (ports_differ(&a->tcp, &b->tcp))
		return "tcp";
	return ports_differ(&a->udp, &b->udp) ? "udp" : NULL;
}

static const char *devices_difference(const struct config *a, const struct config *b)
{
	const char *what = NULL;

	PLAIN(nr_disks);
	PLAIN(nr_shares);
	PLAIN(nr_nets);
	for (size_t i = 0; !what && i < a->nr_disks; i++)
		what = disk_difference(&a->disk[i], &b->disk[i]);
	for (size_t i = 0; !what && i < a->nr_shares; i++)
		what = share_difference(&a->share[i], &b->share[i]);
	for (size_t i = 0; !what && i < a->nr_nets; i++)
		what = net_difference(&a->net[i], &b->net[i]);
	if (what)
		return what;
	PLAIN(vsock.cid);
	TEXT(vsock.path);
	PLAIN(balloon.on);
	PLAIN(balloon.size_bytes);
	PLAIN(balloon.step_bytes);
	PLAIN(balloon.stats_ns);
	return NULL;
}

static const char *sandbox_difference(const struct config *a, const struct config *b)
{
	PLAIN(sandbox);
	PLAIN(user);
	PLAIN(uid);
	PLAIN(gid);
	PLAIN(userns);
	TEXT(chroot);
	TEXT(netns);
	TEXT(cgroup);
	return NULL;
}

const char *config_difference(const struct config *a, const struct config *b)
{
	const char *what;

	TEXT(kernel);
	TEXT(initrd);
	TEXT(cmdline);
	TEXT(append);
	TEXT(root);
	TEXT(out);
	PLAIN(as);
	TEXT(modules);
	PLAIN(kernel_load);
	PLAIN(mem_bytes);
	PLAIN(backing);
	PLAIN(prefault);
	PLAIN(cpus);
	PLAIN(nested);
	PLAIN(pmu);
	PLAIN(acpi);
	PLAIN(console);
	PLAIN(console_virtio);
	TEXT(console_path);
	PLAIN(console_cap_bytes);
	PLAIN(debug_exit);
	PLAIN(debug_exit_port);
	PLAIN(debugcon_port);
	PLAIN(pvpanic);
	PLAIN(panic_text);
	PLAIN(rng);
	PLAIN(discovery);
	PLAIN(boot_marker);
	PLAIN(timeout_ns);
	PLAIN(grace_ns);
	PLAIN(log_level);
	TEXT(report);
	TEXT(trace);
	TEXT(gdb);
	TEXT(core);
	TEXT(snapshot);
	PLAIN(each_line);
	PLAIN(line_timeout_ns);
	PLAIN(clock);
	TEXT(word);
	TEXT(working_set);
	what = devices_difference(a, b);
	return what ? what : sandbox_difference(a, b);
}

static int apply(const struct option_def *o, const struct setting *s, struct config *c, struct err *e)
{
	size_t nr = s->nr ? s->nr : o->deflt ? 1 : 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		struct option_value v;

		r = option_parse(o, s->nr ? s->text[i] : o->deflt, &v, e);
		if (r == 0)
			r = option_store(o, &v, c);
	}
	return r;
}

int config_reread(const char *text, struct config *ret, struct err *e)
{
	CLEANUP_SETTINGS struct settings file = {.file = "printed"};
	struct config c;
	int r = ini_read_text(text, strlen(text), &file, e);

	if (r < 0)
		return r;
	config_init(&c);
	for_each_option(o)
		if (r == 0 && option_section_name(o->section))
			r = apply(o, &file.setting[o - options], &c, e);
	if (r < 0)
		config_destroy(&c);
	else
		*ret = c;
	return r;
}
