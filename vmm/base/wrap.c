// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/wrap.h"

#include <string.h>
#include <sys/ioctl.h>

#include "vmm/base/util.h"

void wrap_print(FILE *out, int at, int indent, int columns, const char *text)
{
	const char *blank = "";

	if (at > indent) {
		fputc('\n', out);
		at = 0;
	}
	at += fprintf(out, "%*s", indent - at, "");
	while (*text) {
		int len = (int)strcspn(text, " ");

		if (*blank && columns && at + 1 + len >= columns) {
			at = fprintf(out, "\n%*s", MAX(0, MIN(indent, columns - 1 - len)), "") - 1;
			blank = "";
		}
		at += fprintf(out, "%s%.*s", blank, len, text);
		text += len;
		text += strspn(text, " ");
		blank = " ";
	}
	fputc('\n', out);
}

int wrap_columns(int fd)
{
	struct winsize ws;

	return ioctl(fd, TIOCGWINSZ, &ws) == 0 ? ws.ws_col : 0;
}
