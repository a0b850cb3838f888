/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings that describe a device with keys of its own: `--disk path=FILE,ro` on the command line, a section [disk] in
 * a file. Each occurrence is one device. The keys are rows of the same kind as settings (options.h), in the tables of
 * device_keys.c.
 */
#ifndef CMD_OPTIONS_DEVICE_LIST_H
#define CMD_OPTIONS_DEVICE_LIST_H

#include "cmd/options/options.h"

#define DEVICE_LIST_KEYS_MAX 32

#define for_each_key(k, o) for (const struct option_def *k = (o)->list->keys; k < (o)->list->keys + (o)->list->nr; k++)

/** device_list_find() - by name (not NUL-terminated, @len bytes), or NULL */
const struct option_def *device_list_find(const struct option_def *o, const char *name, size_t len);

/** device_list_setting() - the setting of type OPT_LIST of this name (@len bytes), a section of a file; or NULL */
const struct option_def *device_list_setting(const char *name, size_t len);

/**
 * device_list_check() - KEY=VALUE,KEY,...; two commas stand for one in a value
 * @e: which key and why; without the option, which the caller puts in front
 *
 * Return: 0, -EINVAL, -ENOMEM.
 * Trust: operator.
 */
int device_list_check(const struct option_def *o, const char *text, struct err *e);

/**
 * device_list_store() - append the device that @text describes, which device_list_check() has accepted
 *
 * Return: 0 or -ENOMEM.
 */
int device_list_store(const struct option_def *o, const char *text, struct config *c);

/** device_list_missing() - a key that has to be there and is not in @seen (a bit for each of its keys); NULL: none */
const struct option_def *device_list_missing(const struct option_def *o, uint32_t seen);

#endif
