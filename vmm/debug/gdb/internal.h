/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by session.c, stop.c and monitor.c only.
 */
#ifndef VMM_DEBUG_GDB_INTERNAL_H
#define VMM_DEBUG_GDB_INTERNAL_H

#include "vmm/base/util.h"
#include "vmm/debug/gdb/session.h"

/* In a reply: gdb looks at the first letter only. */
void gdb_reply(struct gdb_session *s, const char *text);
void gdb_reply_errno(struct gdb_session *s, int r);
/** gdb_reply_result() - OK, or the error */
void gdb_reply_result(struct gdb_session *s, int r);

/** gdb_reply_stop() - why the guest is stopped */
void gdb_reply_stop(struct gdb_session *s);

/** gdb_read_regs() - of the CPU that is meant, into @s->regs. Return: 0 or a negative errno */
int gdb_read_regs(struct gdb_session *s);

/** gdb_tables() - by whose tables addresses are meant, after gdb_read_regs(); NULL: guest-physical */
const struct vcpu_regs *gdb_tables(struct gdb_session *s);

/** gdb_memory() - of the CPU that is meant */
const struct gmem *gdb_memory(struct gdb_session *s);

/** gdb_resume() - as @s->how says, which is reset */
void gdb_resume(struct gdb_session *s);

/** gdb_monitor() - the command @line of a person at gdb; replies */
void gdb_monitor(struct gdb_session *s, char *line);

#endif
