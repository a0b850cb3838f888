/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command left in its directory, on its way to the host.
 */
#ifndef BOOT_INIT_FILES_H
#define BOOT_INIT_FILES_H

#include <stdint.h>

/** files_make() - make the directory, for the user and group @uid and @gid alone */
void files_make(const char *path, uint32_t uid, uint32_t gid);

/** files_send() - send what is in the directory, as records INIT_FILES; no process changes it any more */
void files_send(int port, const char *path);

#endif
