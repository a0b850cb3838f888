/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files of a directory lib/modules/RELEASE a kernel has to load for some modules, and in which order: reads the
 * texts modules.dep and modules.builtin that depmod(8) and the kernel's build have made.
 *
 * A name is that of a module without directory and suffix; "-" and "_" are the same in it, as for modprobe(8). A file
 * may be compressed: NAME.ko, NAME.ko.gz, NAME.ko.xz, NAME.ko.zst.
 */
#ifndef BOOT_MODULES_H
#define BOOT_MODULES_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/base/err.h"

#define MODULES_MAX      64  /* files of a set */
#define MODULES_PATH_MAX 256 /* bytes of a path in the texts; longer ones are an error */

/**
 * struct modules_text - a text as it was read; borrowed
 * @s: @size bytes, any
 */
struct modules_text {
	const char *s;
	size_t size;
};

/** struct modules_file - @len bytes at @path in modules.dep: relative to its directory, without ".." */
struct modules_file {
	const char *path;
	size_t len;
};

/**
 * struct modules_set - zero-initialise
 * @file: @nr files, each once, in the order in which they are loaded
 */
struct modules_set {
	struct modules_file file[MODULES_MAX];
	size_t nr;
};

/** modules_name_is() - whether the file at @path, of @len bytes, is that of the module @name */
bool modules_name_is(const char *path, size_t len, const char *name);

/** modules_are_built_in() - whether modules.builtin has the module @name */
bool modules_are_built_in(struct modules_text builtin, const char *name);

/**
 * modules_add() - add a module to the set, behind what it needs
 * @dep: modules.dep, which the files of the set point into
 *
 * A file that is in the set already keeps its place: what it needs is there, too, if the text is as depmod writes it.
 *
 * Return: 0; -ENOENT: modules.dep does not have it; -EINVAL: a path in it that leads out of its directory or is too
 * long; -E2BIG: more than MODULES_MAX files. After a failure the set is as before. Errors: a message in @e. Trust:
 * operator.
 */
int modules_add(struct modules_set *set, struct modules_text dep, const char *name, struct err *e);

#endif
