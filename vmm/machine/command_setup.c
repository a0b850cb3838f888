// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "boot/init/wire.h"
#include "vmm/base/clock.h"
#include "vmm/config.h"
#include "vmm/machine/command.h"

#define OUT_VARIABLE "VMM_OUT="
#define OUT_PATH     "/run/vmm-out" /* /run is in memory, whatever the root is */

static int add(struct command_setup *s, enum init_kind kind, const void *data, size_t size)
{
	const struct init_record head = {kind, (uint32_t)size};

	if (size > INIT_SETUP_MAX || s->size + sizeof(head) + size > INIT_SETUP_MAX)
		return -E2BIG;
	if (s->size + sizeof(head) + size > s->room) {
		size_t room = 2 * (s->size + sizeof(head) + size);
		uint8_t *bytes = realloc(s->bytes, room);

		if (!bytes)
			return -ENOMEM;
		s->bytes = bytes;
		s->room = room;
	}
	memcpy(s->bytes + s->size, &head, sizeof(head));
	memcpy(s->bytes + s->size + sizeof(head), data, size);
	s->size += sizeof(head) + size;
	return 0;
}

static int add_text(struct command_setup *s, enum init_kind kind, const char *text)
{
	return add(s, kind, text, strlen(text) + 1);
}

/* The rights of the user who started us, as the guest's: root only where that one is, or where it is asked for. */
static int add_ids(struct command_setup *s, enum command_as as)
{
	gid_t groups[2 + NGROUPS_MAX / 64];
	uint32_t ids[ARRAY_SIZE(groups)] = {0, 0};
	int nr = 0;

	if (as == COMMAND_AS_USER) {
		ids[0] = getuid();
		ids[1] = getgid();
		nr = getgroups((int)ARRAY_SIZE(groups) - 2, groups);
	}
	for (int i = 0; i < nr; i++)
		ids[2 + i] = groups[i];
	return add(s, INIT_IDS, ids, sizeof(ids[0]) * (2 + (size_t)MAX(nr, 0)));
}

static int add_streams(struct command_setup *s, uint32_t terminal, int fd)
{
	struct init_streams streams = {.terminal = terminal};
	struct winsize w;

	if (terminal && ioctl(fd, TIOCGWINSZ, &w) == 0)
		streams.window = (struct init_window){w.ws_row, w.ws_col};
	return add(s, INIT_STREAMS, &streams, sizeof(streams));
}

/* A tag and where it goes: the root, and every other share at its own path. */
static int add_mount(struct command_setup *s, const struct config *c, size_t i)
{
	char path[PATH_MAX], both[CONFIG_SHARE_TAG_MAX + 2 + PATH_MAX];
	size_t tag;

	if (i == 0)
		strcpy(path, "/");
	else if (!realpath(c->share[i].path, path))
		return -errno;
	tag = (size_t)snprintf(both, CONFIG_SHARE_TAG_MAX + 1, "share%zu", i);
	if (c->share[i].tag)
		tag = (size_t)snprintf(both, CONFIG_SHARE_TAG_MAX + 1, "%s", c->share[i].tag);
	strcpy(both + tag + 1, path);
	return add(s, INIT_MOUNT, both, tag + 1 + strlen(path) + 1);
}

/* The working directory as the command sees it: below its root, or that. */
static int add_dir(struct command_setup *s, const struct config *c)
{
	char dir[PATH_MAX], root[PATH_MAX];
	size_t n;

	if (!getcwd(dir, sizeof(dir)) || !realpath(c->root, root))
		return -errno;
	n = strcmp(root, "/") ? strlen(root) : 0;
	if (strncmp(dir, root, n) || (dir[n] && dir[n] != '/') || !dir[n])
		return add_text(s, INIT_DIR, "/");
	return add_text(s, INIT_DIR, dir + n);
}

/* The first record has the size of all others up to end(). */
static int begin(struct command_setup *s)
{
	const uint32_t size = 0;

	s->part = s->size;
	return add(s, INIT_SETUP, &size, sizeof(size));
}

static void end(struct command_setup *s)
{
	uint32_t size = (uint32_t)(s->size - s->part - sizeof(struct init_record) - sizeof(size));

	memcpy(s->bytes + s->part + sizeof(struct init_record), &size, sizeof(size));
}

/* What a machine has that boots. */
static int add_machine(struct command_setup *s, const struct config *c)
{
	int r = begin(s);

	for (size_t i = 0; i < c->nr_shares && r == 0; i++)
		r = add_mount(s, c, i);
	if (r == 0)
		end(s);
	return r;
}

static int add_command(struct command_setup *s, const struct config *c, uint32_t terminal, int fd)
{
	int r = begin(s);

	if (r == 0)
		r = add_ids(s, c->as);
	if (r == 0)
		r = add_streams(s, terminal, fd);
	if (r == 0)
		r = add_dir(s, c);
	for (size_t i = 0; i < c->nr_env && r == 0; i++)
		if (strncmp(c->env[i], OUT_VARIABLE, strlen(OUT_VARIABLE)))
			r = add_text(s, INIT_ENV, c->env[i]);
	if (r == 0 && c->out)
		r = add_text(s, INIT_OUT, OUT_PATH) ?: add_text(s, INIT_ENV, OUT_VARIABLE OUT_PATH);
	for (size_t i = 0; i < c->nr_command && r == 0; i++)
		r = add_text(s, INIT_ARG, c->command[i]);
	return r;
}

int command_setup_make(const struct config *c, uint32_t terminal, int fd, struct command_setup *ret, struct err *e)
{
	struct command_setup s = {0};
	int r = c->kernel ? add_machine(&s, c) : 0;

	s.command = s.size;
	if (r == 0 && c->nr_command)
		r = add_command(&s, c, terminal, fd);
	if (r < 0) {
		free(s.bytes);
		return err_sys(e, r, "cannot hand the command to the guest");
	}
	*ret = s;
	return 0;
}

int command_setup_end(struct command_setup *s)
{
	const uint64_t unset = 0;
	uint8_t seed[INIT_SEED_BYTES];
	int r = 0;

	if (s->command == s->size)
		return 0;
	/* Without it the guest has the seed of its boot. */
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed))
		r = add(s, INIT_SEED, seed, sizeof(seed));
	explicit_bzero(seed, sizeof(seed));
	if (r == 0)
		r = add(s, INIT_TIME, &unset, sizeof(unset));
	if (r == 0)
		r = add(s, INIT_RUN, "", 0);
	end(s);
	return r;
}

void command_setup_now(struct command_setup *s)
{
	const uint64_t now = clock_ns(CLOCK_REALTIME);

	memcpy(s->bytes + s->size - sizeof(struct init_record) - sizeof(now), &now, sizeof(now));
}
