/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds what a name of the program leads to. Names are resolved here, not by the host: it is given single names, or
 * several that are no links, relative to an open directory, by openat2() with RESOLVE_BENEATH and without following
 * links of any kind. So a name refers to an object in the directory of a mount or to nothing, whatever other processes
 * do to the tree meanwhile. Links, absolute ones too, are followed in the program's own names; ".." of its root is the
 * root.
 */
#ifndef VMM_EXEC_WALK_H
#define VMM_EXEC_WALK_H

#include <sys/stat.h>

#include "vmm/exec/files.h"

#define WALK_LINKS_MAX 40

struct exec_task;

/*
 * WALK_FOLLOW: a link that the name ends with, too; WALK_NEW: the last component need not be there. The others are
 * those of openat2(): no way to another mount, by a link of /proc, by any link, out of the directory; or with it as the
 * root
 */
enum {
	WALK_FOLLOW = 1,
	WALK_NEW = 2,
	WALK_NO_XDEV = 4,
	WALK_NO_MAGIC = 8,
	WALK_NO_LINKS = 16,
	WALK_BENEATH = 32,
	WALK_IN_ROOT = 64
};

/**
 * struct spot - an object, or where one can be made; spot_end() releases it
 * @mount: that it is in
 * @there: it exists
 * @dot: the name does not say what it is called in its directory: "/", ".", "..", or the root of a mount
 * @slash: a slash follows the name
 * @dir: on the host: the directory, -1 if @dot; @fd: the object, O_PATH, -1: not there
 * @node: in memory: the object; @parent: its directory
 * @open: /proc/self/fd/N: the open file; otherwise NULL
 * @st: if it is there
 * @path: absolute, without links; of the root directory ""
 * @name: the last component, in @path; if @dot: ".", ".." or empty
 */
struct spot {
	const struct mount *mount;
	bool there, dot, slash, own_dir, own_fd;
	int dir, fd;
	uint32_t node, parent;
	struct exec_open *open;
	struct stat st;
	size_t len;
	char path[PATH_MAX];
	const char *name;
};

/**
 * walk() - resolve a name
 * @dirfd: as openat() has it
 * @name: ended by NUL; not empty
 *
 * Return: 0, or a negative errno, as Linux has it; after a failure there is nothing to release. -EACCES also where
 * another file system is mounted on the host.
 */
int walk(struct exec_task *t, uint64_t dirfd, const char *name, unsigned flags, struct spot *ret);

/** spot_end() - close the descriptors of a spot */
void spot_end(struct spot *s);

/** walk_open() - openat2() of a name beneath a directory; no link is followed. Return: a descriptor, or -errno */
int walk_open(int dir, const char *name, uint64_t flags, uint64_t mode);

/** walk_status() - fstat(), without a path. Return: 0 or a negative errno */
int walk_status(int fd, struct stat *ret);

/* proc.c */

enum exec_device { EXEC_DEV_NULL, EXEC_DEV_ZERO, EXEC_DEV_FULL, EXEC_DEV_RANDOM, EXEC_DEV_URANDOM, EXEC_DEV_TTY };

/* Of directories and links; those that are files are behind EXEC_PROC_FILE. */
enum exec_proc { EXEC_PROC_NONE, EXEC_PROC_FDS, EXEC_PROC_EXE, EXEC_PROC_CWD, EXEC_PROC_ROOT, EXEC_PROC_FILE };

/** exec_proc_add() - /dev and /proc. Return: 0, or -errno of tree_add() */
int exec_proc_add(struct exec_files *f);

/** exec_node_stat() - stat() of a node, of whichever kind */
void exec_node_stat(const struct exec_task *t, uint32_t node, struct stat *ret);

/** exec_proc_is_link() - is it a link whose target is made when it is read? */
bool exec_proc_is_link(const struct tree_node *n);

/** exec_proc_link() - the target of such a link. Return: its length */
size_t exec_proc_link(const struct exec_task *t, const struct tree_node *n, char ret[static PATH_MAX]);

/** exec_fd_link() - the target of /proc/self/fd/N. Return: its length */
size_t exec_fd_link(struct exec_task *t, const struct exec_open *o, char ret[static PATH_MAX]);

/** exec_proc_text() - what a file of /proc says, into @buf. Return: its length, at most @size */
size_t exec_proc_text(struct exec_task *t, const struct tree_node *n, char *buf, size_t size);

#endif
