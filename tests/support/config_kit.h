/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two configurations compared, and the way of one through a file and back.
 */
#ifndef TESTS_SUPPORT_CONFIG_KIT_H
#define TESTS_SUPPORT_CONFIG_KIT_H

#include "cmd/options/ini.h"

/** config_difference() - the first member in which they differ, but config_file; NULL: the same machine */
const char *config_difference(const struct config *a, const struct config *b);

/**
 * config_reread() - read a text of ini_write() back; unlike settings_apply(), without machine_check()
 * @ret: owned by the caller; untouched on failure
 */
int config_reread(const char *text, struct config *ret, struct err *e);

#endif
