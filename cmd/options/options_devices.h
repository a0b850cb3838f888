/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of the settings of type OPT_LIST, for the table in cmd/options/options.c.
 */
#ifndef CMD_OPTIONS_OPTIONS_DEVICES_H
#define CMD_OPTIONS_OPTIONS_DEVICES_H

#include "cmd/options/options.h"

/* Adds an element of zeroes to the configuration; NULL when memory ran out. */
void *disk_add(struct config *c);
void *net_add(struct config *c);

/* Element @i of the configuration, or NULL. */
const void *disk_at(const struct config *c, size_t i);
const void *net_at(const struct config *c, size_t i);

/* What a row of type LIST has of its kind. */
#define OPTION_LIST(kind)                                                                                              \
	.type = OPT_LIST, .keys = kind##_keys, .nr_keys = ARRAY_SIZE(kind##_keys), .add = kind##_add, .at = kind##_at

#define DISK_KEYS 9
extern const struct option_def disk_keys[DISK_KEYS];

#define NET_KEYS 6
extern const struct option_def net_keys[NET_KEYS];

/* Of vsock and balloon a machine has one: these mark it as wanted. */
void *vsock_add(struct config *c);
void *balloon_add(struct config *c);
const void *vsock_at(const struct config *c, size_t i);
const void *balloon_at(const struct config *c, size_t i);

#define VSOCK_KEYS 2
extern const struct option_def vsock_keys[VSOCK_KEYS];

#define BALLOON_KEYS 3
extern const struct option_def balloon_keys[BALLOON_KEYS];

#endif
