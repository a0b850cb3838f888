/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files: INI, one setting a line, read through inih. What the format allows is told in vmm.conf(5).
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

#endif
