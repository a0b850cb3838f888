/* SPDX-License-Identifier: Apache-2.0 */
/* What every file here says when there is no memory. */
#ifndef CMD_TEST_MEMORY_H
#define CMD_TEST_MEMORY_H

#include <errno.h>

#include "vmm/base/err.h"

static inline int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

#endif
