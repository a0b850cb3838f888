// SPDX-License-Identifier: Apache-2.0
#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/options/parse.h"
#include "vmm/base/path.h"
#include "vmm/report/kernel_id.h"

/* The share of the root: the first one, whatever else is shared. */
static int add_root(struct config *c)
{
	struct config_share *grown = reallocarray(c->share, c->nr_shares + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	c->share = grown;
	memmove(grown + 1, grown, c->nr_shares * sizeof(*grown));
	c->nr_shares++;
	grown[0] = (struct config_share){.path = strdup(c->root), .tag = strdup("root")};
	return grown[0].path && grown[0].tag ? 0 : -ENOMEM;
}

/* The sandbox's first stage clears our own. */
static int copy_environment(struct config *c)
{
	size_t nr = 0;

	while (environ && environ[nr])
		nr++;
	c->env = calloc(nr + 1, sizeof(*c->env));
	if (!c->env)
		return -ENOMEM;
	for (; c->nr_env < nr; c->nr_env++) {
		c->env[c->nr_env] = strdup(environ[c->nr_env]);
		if (!c->env[c->nr_env])
			return -ENOMEM;
	}
	return 0;
}

/* The kernel's release, as uname -r prints it in the guest; empty: it is not to be found in the file. */
static void read_release(const char *kernel, char *ret, size_t size)
{
	struct kernel_id *id = calloc(1, sizeof(*id));
	int fd = path_open(kernel, O_RDONLY, 0);
	const char *at, *begin = "Linux version ";
	struct stat st;

	*ret = 0;
	if (id && fd >= 0 && fstat(fd, &st) == 0) {
		kernel_id_read(fd, (uint64_t)st.st_size, id);
		at = !strncmp(id->version, begin, strlen(begin)) ? id->version + strlen(begin) : id->version;
		snprintf(ret, size, "%.*s", (int)strcspn(at, " "), at);
	}
	/* It becomes a part of a path. */
	if (strchr(ret, '/') || !strcmp(ret, "..") || !strcmp(ret, "."))
		*ret = 0;
	if (fd >= 0)
		close(fd);
	free(id);
}

/* Debian's packages, and a kernel's own `make modules_install INSTALL_MOD_PATH=`, have boot/ and lib/ side by side. */
static int find_modules(struct config *c)
{
	char release[256], path[PATH_MAX];
	int dir = (int)(path_name(c->kernel) - c->kernel);

	read_release(c->kernel, release, sizeof(release));
	for (int i = 0; i < 3 && *release && !c->modules; i++) {
		static const char *const where[] = {"../lib/modules", "lib/modules", "/lib/modules"};

		snprintf(path, sizeof(path), "%.*s%s/%s/modules.dep", i < 2 ? dir : 0, c->kernel, where[i], release);
		if (access(path, R_OK) < 0)
			continue;
		path[strlen(path) - strlen("/modules.dep")] = 0;
		c->modules = strdup(path);
		if (!c->modules)
			return -ENOMEM;
	}
	return 0;
}

int command_prepare(struct config *c, struct err *e)
{
	int r;

	if (c->initrd)
		return err_set(e, -EINVAL, "--initrd %s: --root packs its own; leave one out", c->initrd);
	if (c->snapshot && c->nr_command)
		return err_set(e, -EINVAL,
			"--snapshot: without a command: `vmm restore FILE -- COMMAND` gives one to each guest");
	if (c->snapshot && c->out)
		return err_set(e, -EINVAL, "--out %s: of a command: `vmm restore` takes it", c->out);
	if (c->userns == SANDBOX_USERNS_ON)
		return err_set(e, -EINVAL, "--userns on: not with --root: all its files would belong to nobody");
	if (c->console == CONSOLE_STDIO)
		c->console = CONSOLE_NULL;
	r = add_root(c);
	if (r == 0)
		r = copy_environment(c);
	if (r == 0 && !c->modules)
		r = find_modules(c);
	return r < 0 ? err_sys(e, r, "cannot prepare the command") : 0;
}

int command_restore(struct config *c, char **word, size_t nr, struct err *e)
{
	int r;

	if (!c->root && nr)
		return err_set(e, -EINVAL,
			"%s: the snapshot's guest takes no command: --root and --snapshot FILE,on=ready make one that "
			"does",
			word[0]);
	if (!c->root)
		return 0;
	if (!nr)
		return err_set(e, -EINVAL,
			"the snapshot's guest is ready for a command: which? Its words stand at the end, behind --");
	if (c->snapshot)
		return err_set(e, -EINVAL, "--snapshot: not of a guest that runs a command");
	if (c->console == CONSOLE_STDIO)
		c->console = CONSOLE_NULL;
	r = options_take_words(c, word, nr);
	if (r == 0)
		r = copy_environment(c);
	return r < 0 ? err_sys(e, r, "cannot prepare the command") : 0;
}

int command_exit_status(const struct verdict *v)
{
	switch (v->outcome) {
	case OUTCOME_COMMAND:
	case OUTCOME_TIMEOUT:
	case OUTCOME_FAILURE:
	case OUTCOME_SIGNAL: return verdict_exit_status(v);
	default: return EXIT_COMMAND_LOST;
	}
}

bool command_say(struct machine *m, const struct verdict *v)
{
	const char *why = machine_command_failure(m);

	if (v->outcome == OUTCOME_COMMAND || v->outcome == OUTCOME_SIGNAL)
		return true;
	if (why) {
		fprintf(stderr, "vmm: the guest cannot run the command: %s\n", why);
		return true;
	}
	if (v->outcome == OUTCOME_POWEROFF || v->outcome == OUTCOME_RESET || v->outcome == OUTCOME_DEBUG_EXIT) {
		fprintf(stderr, "vmm: no status of the command: %s\n", outcome_text(v->outcome));
		machine_report(m, stderr);
		return true;
	}
	return false;
}
