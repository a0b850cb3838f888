/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the settings of type OPT_LIST are made of, for the table in cmd/options/options.c.
 */
#ifndef CMD_OPTIONS_DEVICE_KEYS_H
#define CMD_OPTIONS_DEVICE_KEYS_H

#include "cmd/options/options.h"

/* What a row of type LIST has of its kind. */
#define OPTION_LIST(kind) .type = OPT_LIST, .list = &kind##_list

extern const struct option_list disk_list, share_list, net_list, vsock_list, balloon_list;

#endif
