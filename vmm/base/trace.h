/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events with a time, a thread and typed arguments. A call to trace_NAME() costs one predictable branch if no sink
 * wants the event. Any thread may call it and never blocks on output: records are queued in a bounded ring that the
 * owner's loop drains; records that do not fit are counted.
 */
#ifndef VMM_BASE_TRACE_H
#define VMM_BASE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/trace_events.h"
#include "vmm/base/util.h"

#define TRACE_ARGS_MAX   4
#define TRACE_STRING_MAX 96

/* TRACE_DETAIL: hundreds of events per boot, for the report and the trace file; too many for a log. */
enum trace_level { TRACE_ERROR, TRACE_WARN, TRACE_INFO, TRACE_DEBUG, TRACE_TRACE, TRACE_DETAIL, TRACE_LEVELS };
enum trace_kind { TRACE_KIND_PHASE, TRACE_KIND_INFO, TRACE_KIND_GUEST };

/* clang-format off */
enum trace_event {
#define E(id, level, kind, format, args) TRACE_EV_##id,
	TRACE_EVENTS(E)
#undef E
	TRACE_EV_COUNT
};
/* clang-format on */

/**
 * struct trace_def - one row of the table
 * @name: followed, after its NUL, by the format and the names of the arguments, each with its NUL: this needs one
 *        relocation at start instead of six
 * @types: one letter of U, X, S, T per argument
 */
struct trace_def {
	const char *name;
	enum trace_level level : 8;
	enum trace_kind kind : 8;
	char types[TRACE_ARGS_MAX + 1];
};

extern const struct trace_def trace_defs[TRACE_EV_COUNT];

/** trace_def_format() - the format of a row, with one % per argument */
const char *trace_def_format(const struct trace_def *def);

/** trace_def_arg() - the name of argument @i, which must exist */
const char *trace_def_arg(const struct trace_def *def, size_t i);

/**
 * struct trace_record - one event that happened
 * @t_ns: since time zero (entry of main, or the time given to trace_new())
 * @cpu_ns: CPU time of the process at that moment
 * @suppressed: number of records of this event dropped since the last one (rate limit, full ring)
 * @arg: depends on the type; an S argument is an offset into @strings
 */
struct trace_record {
	enum trace_event event;
	int tid;
	uint64_t t_ns;
	uint64_t cpu_ns;
	uint64_t suppressed;
	uint64_t arg[TRACE_ARGS_MAX];
	char strings[2 * TRACE_STRING_MAX];
};

/**
 * struct trace_sink - an output; called by the owner's thread only, in order
 * @level: events above it are not for this sink
 */
struct trace_sink {
	enum trace_level level;
	void (*record)(struct trace_sink *sink, const struct trace_record *r);
	struct trace_sink *next;
};

/**
 * struct trace - shared by all threads of one VM
 * @on: per event, whether any sink wants it; written before threads start
 * The other members are private to trace.c.
 */
struct trace {
	bool on[TRACE_EV_COUNT];
	struct trace_queue *queue;
};

/**
 * trace_new() - a trace whose time zero is @zero_ns (CLOCK_MONOTONIC)
 *
 * Return: 0 or -ENOMEM or a negative errno of eventfd. The caller owns *@ret.
 * Context: the calling thread becomes the owner: its events reach the sinks at once.
 */
int trace_new(uint64_t zero_ns, struct trace **ret);

/** trace_free() - drains, then frees; takes NULL. Other threads must have ended. */
void trace_free(struct trace *t);

/** trace_add_sink() - borrow a sink until trace_free(). Owner's thread, before others start. */
void trace_add_sink(struct trace *t, struct trace_sink *sink);

/**
 * trace_thread_id() - the id of the calling thread; the first call makes a system call, so a thread calls it before it
 * is sandboxed
 */
int trace_thread_id(void);

/** trace_forked() - forget the id of the calling thread, in the child of a fork */
void trace_forked(void);

/** trace_fd() - readable when trace_drain() has work */
int trace_fd(const struct trace *t);

/** trace_drain() - hand queued records to the sinks; owner's thread */
void trace_drain(struct trace *t);

/** trace_format() - a record as one line of text, control characters as \xNN; @size is not 0; returns @buf */
const char *trace_format(const struct trace_record *r, char *buf, size_t size);

/** trace_now_ns() - CLOCK_MONOTONIC */
uint64_t trace_now_ns(void);

/** trace_elapsed_ns() - since time zero */
uint64_t trace_elapsed_ns(const struct trace *t);

/** trace_suppressed() - total records of this event dropped so far (rate limit, full ring); any thread */
uint64_t trace_suppressed(const struct trace *t, enum trace_event ev);

/** trace_zero_ns() - time zero, CLOCK_MONOTONIC */
uint64_t trace_zero_ns(const struct trace *t);

/**
 * trace_emit() - called by the generated functions
 * @at_ns: time of the event, CLOCK_MONOTONIC
 * @arg: holds strings as pointers
 */
void trace_emit(struct trace *t, enum trace_event ev, uint64_t at_ns, const uint64_t *arg);

/*
 * trace_NAME(struct trace *, arguments...): one inline function per event; does nothing if the trace is NULL.
 * trace_NAME_at(struct trace *, at_ns, arguments...): the same for an event that happened a little earlier; sinks may
 * therefore see times go back.
 */
#define TRACE_TYPE_U uint64_t
#define TRACE_TYPE_X uint64_t
#define TRACE_TYPE_T uint64_t
#define TRACE_TYPE_S const char *
#define TRACE_PARAM0
#define TRACE_PARAM1(a, an)                      , TRACE_TYPE_##a an
#define TRACE_PARAM2(a, an, b, bn)               TRACE_PARAM1(a, an) TRACE_PARAM1(b, bn)
#define TRACE_PARAM3(a, an, b, bn, c, cn)        TRACE_PARAM2(a, an, b, bn) TRACE_PARAM1(c, cn)
#define TRACE_PARAM4(a, an, b, bn, c, cn, d, dn) TRACE_PARAM3(a, an, b, bn, c, cn) TRACE_PARAM1(d, dn)
#define TRACE_VALUE_U(n)                         (n)
#define TRACE_VALUE_X(n)                         (n)
#define TRACE_VALUE_T(n)                         (n)
#define TRACE_VALUE_S(n)                         (uintptr_t)(n)
#define TRACE_PASS0                              0
#define TRACE_PASS1(a, an)                       TRACE_VALUE_##a(an)
#define TRACE_PASS2(a, an, b, bn)                TRACE_PASS1(a, an), TRACE_VALUE_##b(bn)
#define TRACE_PASS3(a, an, b, bn, c, cn)         TRACE_PASS2(a, an, b, bn), TRACE_VALUE_##c(cn)
#define TRACE_PASS4(a, an, b, bn, c, cn, d, dn)  TRACE_PASS3(a, an, b, bn, c, cn), TRACE_VALUE_##d(dn)
#define TRACE_PARAM_(args)                       TRACE_PARAM_##args
#define TRACE_PASS_(args)                        TRACE_PASS_##args
#define TRACE_PARAM_A0                           TRACE_PARAM0
#define TRACE_PARAM_A1(...)                      TRACE_PARAM1(__VA_ARGS__)
#define TRACE_PARAM_A2(...)                      TRACE_PARAM2(__VA_ARGS__)
#define TRACE_PARAM_A3(...)                      TRACE_PARAM3(__VA_ARGS__)
#define TRACE_PARAM_A4(...)                      TRACE_PARAM4(__VA_ARGS__)
#define TRACE_PASS_A0                            TRACE_PASS0
#define TRACE_PASS_A1(...)                       TRACE_PASS1(__VA_ARGS__)
#define TRACE_PASS_A2(...)                       TRACE_PASS2(__VA_ARGS__)
#define TRACE_PASS_A3(...)                       TRACE_PASS3(__VA_ARGS__)
#define TRACE_PASS_A4(...)                       TRACE_PASS4(__VA_ARGS__)

#define E(id, level, kind, format, args)                                                                               \
	static inline void trace_##id##_at(struct trace *t, uint64_t at_ns TRACE_PARAM_(args))                         \
	{                                                                                                              \
		if (unlikely(t && t->on[TRACE_EV_##id]))                                                               \
			trace_emit(t, TRACE_EV_##id, at_ns, (const uint64_t[]){TRACE_PASS_(args)});                    \
	}                                                                                                              \
	static inline void trace_##id(struct trace *t TRACE_PARAM_(args))                                              \
	{                                                                                                              \
		if (unlikely(t && t->on[TRACE_EV_##id]))                                                               \
			trace_emit(t, TRACE_EV_##id, trace_now_ns(), (const uint64_t[]){TRACE_PASS_(args)});           \
	}
TRACE_EVENTS(E)
#undef E

#endif
