// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#undef err_set
#undef err_sys
#undef err_wrap

/* Space for two texts and the longest path, so that the text is cut only once, at the end. */
#define LONG_MAX_TEXT (2 * ERR_TEXT_MAX + 4096)

/* ENOLINK is path_open()'s: the link leads to a file of a different owner. */
#define LINK_REFUSED "another user's symbolic link"

/*
 * A text begins with what failed and ends with why: one that is too long is cut in its middle. Control characters in a
 * file name could break the line or control the terminal.
 */
static void keep(struct err *e, const char *s)
{
	static const char gap[] = "...";
	const size_t head = (ERR_TEXT_MAX - sizeof(gap)) / 2, tail = ERR_TEXT_MAX - sizeof(gap) - head;
	size_t n = strlen(s);

	if (n < ERR_TEXT_MAX)
		memcpy(e->text, s, n + 1);
	else
		snprintf(e->text, sizeof(e->text), "%.*s%s%s", (int)head, s, gap, s + n - tail);
	for (char *p = e->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	char s[LONG_MAX_TEXT];
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	keep(e, s);
	e->by_operator = false;
	return code;
}

/* Appends ": tail" to the text in s, which is shortened if necessary. */
static void append(char *s, size_t size, const char *tail)
{
	size_t n = MIN(strlen(s), size - strlen(tail) - 3);

	snprintf(s + n, size - n, ": %s", tail);
}

int err_sys(struct err *e, int code, const char *fmt, ...)
{
	char s[LONG_MAX_TEXT];
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	append(s, sizeof(s), code == -ENOLINK ? LINK_REFUSED : strerror(-code));
	keep(e, s);
	e->by_operator = false;
	return code;
}

int err_wrap(struct err *e, int code, const char *fmt, ...)
{
	char s[LONG_MAX_TEXT];
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	if (e->text[0])
		append(s, sizeof(s), e->text);
	keep(e, s);
	return code;
}

int err_operator(struct err *e, int code)
{
	switch (-code) {
	case 0:
	case ENOMEM:
	case ENOBUFS:
	case EMFILE:
	case ENFILE:
	case ENOSPC:
	case EDQUOT:
	case EIO: break;
	default:
		if (e)
			e->by_operator = true;
	}
	return code;
}

const char *err_no_thread(int code)
{
	return code == -EAGAIN
		? " (no more threads: the pids.max of its cgroup, or RLIMIT_NPROC of its user, is reached; "
		  "raise it or end other processes)"
		: "";
}
