/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings that describe a device with keys of its own: `--disk path=FILE,ro` on the command line, a section [disk] in
 * a file. Each occurrence is one device. The keys are rows of the same kind as settings (options.h), in the tables of
 * options_devices.c.
 */
#ifndef CMD_OPTIONS_DEVICE_KEYS_H
#define CMD_OPTIONS_DEVICE_KEYS_H

#include "cmd/options/options.h"

#define LIST_KEYS_MAX 32

#define for_each_key(k, o) for (const struct option_def *k = (o)->keys; k < (o)->keys + (o)->nr_keys; k++)

/** list_key() - by name (not NUL-terminated, @len bytes), or NULL */
const struct option_def *list_key(const struct option_def *o, const char *name, size_t len);

/** list_find() - the setting of type OPT_LIST that has this name (@len bytes): a section of a file; or NULL */
const struct option_def *list_find(const char *name, size_t len);

/**
 * list_check() - KEY=VALUE,KEY,...; two commas stand for one in a value
 * @e: which key and why; without the option, which the caller puts in front
 *
 * Return: 0, -EINVAL, -ENOMEM.
 * Trust: operator.
 */
int list_check(const struct option_def *o, const char *text, struct err *e);

/** list_store() - append the device that @text describes (list_check() liked it). Return: 0 or -ENOMEM. */
int list_store(const struct option_def *o, const char *text, struct config *c);

/** list_missing() - a key that has to be there and is not in @seen (a bit for each of @o->keys); NULL: none */
const struct option_def *list_missing(const struct option_def *o, uint32_t seen);

#endif
