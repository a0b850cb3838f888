/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace events as lines on stderr, for a person.
 *
 * Up to level info: "vmm: TEXT", with "warning: " or "error: " in front of the text. At debug and trace every line has
 * the time since time zero in ms: "vmm: [ 12.345] TEXT". Control characters in the text are escaped. The number of
 * events suppressed before an event is appended to it. A stderr that blocks does not delay vmm: up to LOGSINK_BUFFER
 * bytes are buffered, further lines are dropped and counted, and the number is reported when it takes lines again.
 */
#ifndef CMD_LOGSINK_H
#define CMD_LOGSINK_H

#include "cmd/terminal.h"
#include "vmm/base/trace.h"

#define LOGSINK_BUFFER 16384

struct logsink;

/**
 * logsink_new() - a sink for trace_add_sink()
 * @fd: borrowed until logsink_free(); usually 2. A closed one is no error: every line is dropped.
 * @level: events above it are not printed
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0 or a negative errno.
 * Context: sandbox stage OPEN (see vmm/host/nbio.h); from then on the trace owner's thread.
 */
int logsink_new(int fd, enum trace_level level, struct logsink **ret);

/** logsink_sink() - borrowed; valid as long as @l */
struct trace_sink *logsink_sink(struct logsink *l);

/** logsink_set_terminal() - lines end in CR LF while @t is raw and our fd a terminal; borrows @t, NULL takes it back */
void logsink_set_terminal(struct logsink *l, const struct terminal *t);

/** logsink_dropped() - number of lines dropped so far */
uint64_t logsink_dropped(const struct logsink *l);

/** logsink_flush() - Return: true when the buffer is empty. Does not block. */
bool logsink_flush(struct logsink *l);

/** logsink_free() - waits up to a quarter of a second for a stderr that blocks, then drops the buffer; takes NULL */
void logsink_free(struct logsink *l);

#endif
