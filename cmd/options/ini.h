/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files: INI, one setting a line, read through inih and written. vmm.conf(5) has the format.
 */
#ifndef CMD_OPTIONS_INI_H
#define CMD_OPTIONS_INI_H

#include "cmd/options/settings.h"

#define INI_FILE_MAX MIB /* bytes; no configuration comes near */

/**
 * ini_read() - settings of a file
 * @path: a regular file of at most INI_FILE_MAX bytes; what else it is, is refused
 * @ret: filled as far as the file could be read; its member file has been set by the caller
 *
 * Return: 0, -EINVAL (what the file says), -ENOMEM, or why it could not be read.
 * Context: blocks on the file system.
 * Trust: operator.
 */
int ini_read(const char *path, struct settings *ret, struct err *e);

/**
 * ini_read_text() - as ini_read(), from memory
 * @data: @size bytes, copied
 */
int ini_read_text(const char *data, size_t size, struct settings *ret, struct err *e);

/**
 * enum ini_extent - INI_CHANGED: settings that are not at their default; INI_ALL: all, unset ones as comments;
 * INI_SAVED: as INI_CHANGED, those that a snapshot has
 */
enum ini_extent { INI_CHANGED, INI_ALL, INI_SAVED };

/**
 * ini_write() - a file from which ini_read() and settings_apply() make the same configuration
 * @c: machine_check() has accepted it
 * @ret: the text, owned by the caller; untouched on failure
 *
 * Its member config_file has no key. A file cannot say a control character, or a blank at the beginning or end of a
 * value (but in @append, which is written in several lines then).
 *
 * Return: 0, -EINVAL with a message in @e that names the setting, -EFBIG (larger than INI_FILE_MAX), -ENOMEM.
 */
int ini_write(const struct config *c, enum ini_extent extent, char **ret, struct err *e);

#endif
