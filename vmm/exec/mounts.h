/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where files of the host, and the trees in memory, are in the names of a program.
 */
#ifndef VMM_EXEC_MOUNTS_H
#define VMM_EXEC_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/fdpath.h"

#define MOUNTS_MAX     48
#define MOUNTS_BY_USER 32 /* those of --ro and --rw; the rest is for --system and memory */

/**
 * struct mount - a directory or file
 * @at: absolute name in the guest, "" for its root directory; no "." or ".." and no slash at its end; owned
 * @len: of @at
 * @root: O_PATH, owned; -1: in memory
 * @file: O_PATH of the file @name in the directory @root, owned; -1: a directory
 * @node: in memory: the directory
 * @rule: the path of what Landlock has to allow
 * @has_inner: another mount is below it
 */
struct mount {
	char *at;
	size_t len;
	int root;
	int file;
	char *name;
	uint32_t node;
	bool writable;
	bool has_inner;
	char rule[FD_PATH_SIZE];
};

/** struct mounts - zero-initialised */
struct mounts {
	struct mount of[MOUNTS_MAX];
	unsigned nr;
};

/**
 * mounts_name() - an absolute name in the guest, in the form of struct mount
 * @ret: PATH_MAX bytes
 *
 * Return: 0, -EINVAL: relative, or with a component "..", -ENAMETOOLONG.
 */
int mounts_name(const char *path, char *ret);

/**
 * mounts_add() - open what an option names
 * @text: PATH[:GUESTPATH]
 *
 * Return: 0 or a negative errno. Context: OPEN stage. Trust: operator.
 */
int mounts_add(struct mounts *m, const char *text, bool writable, struct err *e);

/** mounts_add_node() - a directory in memory. Return: 0 or -ENOMEM; -EEXIST: there is a mount already */
int mounts_add_node(struct mounts *m, const char *at, uint32_t node, bool writable);

/** mounts_at() - the mount at exactly this name, or NULL */
const struct mount *mounts_at(const struct mounts *m, const char *at, size_t len);

/** mounts_of() - the mount that a name is in; the one at "" must be there */
const struct mount *mounts_of(const struct mounts *m, const char *path, size_t len);

/** mounts_close() - takes a zeroed struct */
void mounts_close(struct mounts *m);

#endif
