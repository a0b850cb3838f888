/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by session.c and monitor.c only.
 */
#ifndef VMM_DEBUG_GDB_INTERNAL_H
#define VMM_DEBUG_GDB_INTERNAL_H

#include "vmm/base/util.h"
#include "vmm/debug/gdb/session.h"

/** gdb_read_regs() - of the CPU that is meant, into @s->regs. Return: 0 or a negative errno */
int gdb_read_regs(struct gdb_session *s);

/** gdb_memory() - of the CPU that is meant */
const struct gmem *gdb_memory(struct gdb_session *s);

/** gdb_monitor() - the command @line of a person at gdb; replies */
void gdb_monitor(struct gdb_session *s, char *line);

#endif
