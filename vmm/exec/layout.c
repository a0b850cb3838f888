// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/path.h"
#include "vmm/base/util.h"
#include "vmm/base/x86.h"
#include "vmm/exec/walk.h"

#define NODES     (2048u + LIBRARIES_MAX)
#define NODES_MAX (1u << 20)
#define PAGES     256u /* for links: one each */

/* --system: where distributions have programs, and what they and their loader read. */
static const char *const system_paths[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"};

/* What leads to a mount, so that it is listed; where it is below another mount of the host, that has it or not. */
static int add_mount_point(struct exec_files *f, const struct mount *m, struct err *e)
{
	char dir[PATH_MAX];
	const char *name = path_name(m->at);
	uint32_t node;
	int r;

	if (!m->len || mounts_of(&f->mounts, m->at, (size_t)(name - m->at) - 1)->root >= 0)
		return 0;
	memcpy(dir, m->at, m->len + 1);
	if (m->file >= 0)
		dir[name - m->at] = '\0';
	r = tree_path(&f->tree, dir, &node);
	if (r == 0 && m->file >= 0)
		r = tree_add(&f->tree, node, name, strlen(name), TREE_FILE, 0444, &node);
	return r < 0 ? err_sys(e, r, "%s in the guest", m->at) : 0;
}

static int add_paths(struct exec_files *f, const char *const *path, size_t nr, bool writable, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		r = mounts_add(&f->mounts, path[i], writable, e);
		if (r == 0)
			r = add_mount_point(f, &f->mounts.of[f->mounts.nr - 1], e);
		if (r < 0)
			err_wrap(e, r, writable ? "--rw" : "--ro");
	}
	return r;
}

/* A link remains one; what is not there, or is something of the operator's, is left out. */
static int add_system_path(struct exec_files *f, const char *path, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	int r;

	if (n > 0) {
		target[n] = '\0';
		r = tree_add_link(&f->tree, TREE_ROOT, path + 1, strlen(path + 1), target);
		return r == -EEXIST ? 0 : r;
	}
	if (access(path, F_OK) < 0 || mounts_at(&f->mounts, path, strlen(path)))
		return 0;
	r = mounts_add(&f->mounts, path, false, e);
	return r < 0 ? err_wrap(e, r, "--system") : add_mount_point(f, &f->mounts.of[f->mounts.nr - 1], e);
}

static int add_tmp(struct exec_files *f, struct err *e)
{
	uint32_t node;
	int r = tree_path(&f->tree, "/tmp", &node);

	if (r == 0)
		r = mounts_add_node(&f->mounts, "/tmp", node, true);
	if (r < 0)
		return err_sys(e, r, "--tmp: /tmp in the guest");
	f->tree.node[node].writable = true;
	f->tree.node[node].rights = 01777;
	return 0;
}

/* Without "." and "..", which names in memory do not need: their directories are no links. */
static void collapse(char *path)
{
	char *to = path;

	for (const char *from = path + strspn(path, "/"); *from; from += strspn(from, "/")) {
		size_t len = strcspn(from, "/");

		if (len == 2 && from[0] == '.' && from[1] == '.') {
			while (to > path && *--to != '/')
				;
		} else if (len != 1 || *from != '.') {
			*to++ = '/';
			memmove(to, from, len);
			to += len;
		}
		from += len;
	}
	*to = '\0';
}

/* A file that was opened for the program: where a mount of the host is, that one has it. */
static int add_opened(struct exec_files *f, unsigned i, struct err *e)
{
	const struct library *l = &f->libraries->of[i];
	char dir[PATH_MAX];
	char *name;
	uint32_t node;
	int r;

	snprintf(dir, sizeof(dir), "%s", l->path);
	collapse(dir);
	if (!*dir || mounts_of(&f->mounts, dir, strlen(dir))->root >= 0)
		return 0;
	name = strrchr(dir, '/');
	*name++ = '\0';
	r = tree_path(&f->tree, dir, &node);
	if (r == 0)
		r = tree_add(&f->tree, node, name, strlen(name), TREE_OPENED, 0, &node);
	if (r == 0)
		f->tree.node[node].what = (int32_t)i;
	/* Behind a link of --system, or the same file by two names. */
	return r == -ENOTDIR || r == -EEXIST || r == 0 ? 0 : err_sys(e, r, "%s in the guest", l->path);
}

static int set_cwd(struct exec_files *f, const char *path, struct err *e)
{
	struct exec_open o = {.kind = EXEC_NODE, .host = -1, .flags = O_PATH};
	char name[PATH_MAX];
	const struct mount *m;
	int r = mounts_name(path, name);

	if (r < 0)
		return err_sys(e, r, "--cwd %s", path);
	m = o.mount = mounts_of(&f->mounts, name, strlen(name));
	if (m->root < 0) {
		r = tree_path(&f->tree, name, &o.node);
		if (r == 0)
			tree_hold(&f->tree, o.node);
	} else {
		o.kind = EXEC_HOST;
		r = o.host = walk_open(m->root, name[m->len] ? name + m->len + 1 : ".", O_PATH | O_DIRECTORY, 0);
	}
	if (r < 0)
		return err_sys(e, r, "--cwd %s", path);
	exec_files_chdir(f, exec_files_new_open(f, &o, name));
	return 0;
}

static int lay_out(struct exec_files *f, const struct exec_config *c, struct err *e)
{
	int r = add_paths(f, c->ro, c->nr_ro, false, e);

	if (r == 0)
		r = add_paths(f, c->rw, c->nr_rw, true, e);
	if (r == 0 && c->tmp_bytes)
		r = add_tmp(f, e);
	for (size_t i = 0; r == 0 && c->system && i < ARRAY_SIZE(system_paths); i++)
		r = add_system_path(f, system_paths[i], e);
	if (r == 0) {
		r = exec_proc_add(f);
		if (r < 0)
			err_sys(e, r, "/dev and /proc in the guest");
	}
	for (unsigned i = 0; r == 0 && i < f->libraries->nr; i++)
		r = add_opened(f, i, e);
	return r < 0 ? r : set_cwd(f, c->cwd, e);
}

int exec_layout(
	const struct exec_config *config, const struct libraries *libraries, struct exec_files **ret, struct err *e)
{
	uint64_t pages = config->tmp_bytes / PAGE_4K;
	struct exec_files *f;
	int r;

	if (config->nr_ro + config->nr_rw > MOUNTS_BY_USER)
		return err_set(e, -E2BIG, "more than %u of --ro and --rw", MOUNTS_BY_USER);
	f = exec_files_new(config->host, NODES + (uint32_t)MIN(pages, NODES_MAX), (uint32_t)(PAGES + pages));
	if (!f)
		return err_sys(e, -ENOMEM, "cannot set up the program's files");
	f->libraries = libraries;
	/* New files have the rights that the program asks for, and its own umask. */
	if (config->nr_rw)
		f->mask = umask(0);
	r = lay_out(f, config, e);
	if (r < 0) {
		exec_files_free(f);
		return r;
	}
	*ret = f;
	return 0;
}
