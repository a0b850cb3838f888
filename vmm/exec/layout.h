/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that a program finds: mounts of the host, what is in memory, and its own files.
 */
#ifndef VMM_EXEC_LAYOUT_H
#define VMM_EXEC_LAYOUT_H

#include "vmm/exec/exec.h"
#include "vmm/exec/files.h"

/**
 * exec_layout() - open what the options name, and make what leads to it
 * @libraries: of the program, which is the first; borrowed until exec_files_free()
 * @ret: owned by the caller
 *
 * Return: 0 or a negative errno. Context: OPEN stage. Trust: operator.
 */
int exec_layout(
	const struct exec_config *config, const struct libraries *libraries, struct exec_files **ret, struct err *e);

#endif
