// SPDX-License-Identifier: Apache-2.0
/*
 * Formats a system call as strace does: --trace-calls.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "vmm/exec/task.h"

#define STRING_MAX    32 /* strace -s */
#define RESULT_COLUMN 39 /* strace -a 40 */
#define ERRNO_MAX     4095

/** struct line - a text buffer that truncates */
struct line {
	char *buf;
	size_t size;
	size_t used;
};

static void PRINTF(2, 3) add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->used, l->size - l->used, fmt, ap);
	va_end(ap);
	l->used = MIN(l->used + (size_t)MAX(n, 0), l->size - 1);
}

static void add_byte(struct line *l, uint8_t c, uint8_t next)
{
	switch (c) {
	case '\n': add(l, "\\n"); break;
	case '\t': add(l, "\\t"); break;
	case '\r': add(l, "\\r"); break;
	case '\v': add(l, "\\v"); break;
	case '\f': add(l, "\\f"); break;
	case '"':
	case '\\': add(l, "\\%c", c); break;
	default:
		if (c >= ' ' && c < 0x7f)
			add(l, "%c", c);
		else
			/* Octal, with all three digits only if another digit follows. */
			add(l, next >= '0' && next <= '7' ? "\\%03o" : "\\%o", c);
	}
}

static void add_text(struct line *l, struct exec_task *t, uint64_t at, uint64_t len, bool is_string)
{
	uint8_t text[STRING_MAX + 1] = {0};
	size_t n = (size_t)MIN(len, (uint64_t)sizeof(text)), end;

	if (!at) {
		add(l, "NULL");
		return;
	}
	if (is_string) {
		ptrdiff_t r = space_string(&t->space, at, (char *)text, sizeof(text));

		if (r == -EFAULT || r == -ENOMEM) {
			add(l, "0x%" PRIx64, at);
			return;
		}
		n = r < 0 ? sizeof(text) : (size_t)r;
	} else if (space_read(&t->space, at, text, n) < 0) {
		add(l, "0x%" PRIx64, at);
		return;
	}
	end = MIN(n, STRING_MAX);
	add(l, "\"");
	for (size_t i = 0; i < end; i++)
		add_byte(l, text[i], i + 1 < end ? text[i + 1] : 0);
	add(l, n > STRING_MAX ? "\"..." : "\"");
}

/** struct flag - a bit and its name */
struct flag {
	uint64_t bit;
	const char *name;
};

static void add_flags(struct line *l, uint64_t value, const struct flag *flag, size_t nr, const char *none)
{
	const char *between = "";

	for (size_t i = 0; i < nr; i++) {
		if (!(value & flag[i].bit))
			continue;
		add(l, "%s%s", between, flag[i].name);
		value &= ~flag[i].bit;
		between = "|";
	}
	if (value)
		add(l, "%s0x%" PRIx64, between, value);
	else if (!*between)
		add(l, "%s", none);
}

static void add_argument(struct line *l, struct exec_task *t, char kind, const uint64_t *a, int64_t result)
{
	static const struct flag prot[] = {
		{PROT_READ, "PROT_READ"}, {PROT_WRITE, "PROT_WRITE"}, {PROT_EXEC, "PROT_EXEC"}};
	static const struct flag map[] = {
		{MAP_SHARED, "MAP_SHARED"},
		{MAP_PRIVATE, "MAP_PRIVATE"},
		{MAP_FIXED, "MAP_FIXED"},
		{MAP_ANONYMOUS, "MAP_ANONYMOUS"},
		{MAP_GROWSDOWN, "MAP_GROWSDOWN"},
		{MAP_NORESERVE, "MAP_NORESERVE"},
		{MAP_POPULATE, "MAP_POPULATE"},
		{MAP_STACK, "MAP_STACK"},
		{MAP_FIXED_NOREPLACE, "MAP_FIXED_NOREPLACE"},
	};

	switch (kind) {
	case 'd': add(l, "%d", (int)*a); break;
	case 'u': add(l, "%" PRIu64, *a); break;
	case 'o': add(l, "0%o", (unsigned)*a); break;
	case 's': add_text(l, t, *a, 0, true); break;
	case 'b': add_text(l, t, *a, a[1], false); break;
	case 'B':
		if (result > 0)
			add_text(l, t, *a, (uint64_t)result, false);
		else if (result == 0)
			add(l, "\"\"");
		else
			add(l, "0x%" PRIx64, *a);
		break;
	case 'p': add_flags(l, *a, prot, ARRAY_SIZE(prot), "PROT_NONE"); break;
	case 'm': add_flags(l, *a, map, ARRAY_SIZE(map), "0"); break;
	default: add(l, *a ? "0x%" PRIx64 : "NULL", *a); break;
	}
}

size_t exec_call_text(struct exec_task *t, uint64_t nr, const uint64_t *arg, int64_t result, char *buf, size_t size)
{
	const struct exec_row *row = exec_row(nr);
	struct line l = {buf, size, 0};
	const char *args = row ? row->args : "xxxxxx";

	if (row)
		add(&l, "%s(", row->name);
	else
		add(&l, "syscall_0x%" PRIx64 "(", nr);
	for (size_t i = 0; args[i]; i++) {
		add(&l, "%s", i ? ", " : "");
		add_argument(&l, t, args[i], &arg[i], result);
	}
	add(&l, ")");
	if (l.used < RESULT_COLUMN)
		add(&l, "%*s", (int)(RESULT_COLUMN - l.used), "");
	return l.used;
}

/* The errors that calls can return. */
static const char *errno_name(int n)
{
	static const char *const names[] = {
		[EPERM] = "EPERM",
		[ENOENT] = "ENOENT",
		[ESRCH] = "ESRCH",
		[EINTR] = "EINTR",
		[EIO] = "EIO",
		[E2BIG] = "E2BIG",
		[EBADF] = "EBADF",
		[ECHILD] = "ECHILD",
		[EAGAIN] = "EAGAIN",
		[ENOMEM] = "ENOMEM",
		[EACCES] = "EACCES",
		[EFAULT] = "EFAULT",
		[EEXIST] = "EEXIST",
		[ENODEV] = "ENODEV",
		[EXDEV] = "EXDEV",
		[ENXIO] = "ENXIO",
		[EBUSY] = "EBUSY",
		[ENOTDIR] = "ENOTDIR",
		[EISDIR] = "EISDIR",
		[EINVAL] = "EINVAL",
		[ENFILE] = "ENFILE",
		[EMFILE] = "EMFILE",
		[ENOTTY] = "ENOTTY",
		[EFBIG] = "EFBIG",
		[ENOSPC] = "ENOSPC",
		[ESPIPE] = "ESPIPE",
		[EROFS] = "EROFS",
		[EPIPE] = "EPIPE",
		[ERANGE] = "ERANGE",
		[ENAMETOOLONG] = "ENAMETOOLONG",
		[ENOSYS] = "ENOSYS",
		[ENOTEMPTY] = "ENOTEMPTY",
		[ELOOP] = "ELOOP",
		[EOVERFLOW] = "EOVERFLOW",
		[EOPNOTSUPP] = "EOPNOTSUPP",
		[ETIMEDOUT] = "ETIMEDOUT",
	};

	return (size_t)n < ARRAY_SIZE(names) && names[n] ? names[n] : "errno";
}

/* The results of these calls are addresses. */
static bool is_address(uint64_t nr)
{
	return nr == SYS_mmap || nr == SYS_brk || nr == SYS_mremap;
}

size_t exec_result_text(const struct exec_task *t, uint64_t nr, int64_t result, char *buf, size_t size)
{
	struct line l = {buf, size, 0};

	if (t->end.ended && !t->end.signal)
		add(&l, " = ?\n");
	else if (result < 0 && result >= -ERRNO_MAX)
		add(&l, " = -1 %s (%s)\n", errno_name((int)-result), strerror((int)-result));
	else if (is_address(nr))
		add(&l, " = 0x%" PRIx64 "\n", (uint64_t)result);
	else
		add(&l, " = %" PRId64 "\n", result);
	return l.used;
}
