// SPDX-License-Identifier: Apache-2.0
#include "vmm/base/words.h"

#include <stddef.h>

char *words_cut(char **at)
{
	char *word = *at, *to = word, *from = word;

	if (!word)
		return NULL;
	while (*from && !(from[0] == ',' && from[1] != ',')) {
		from += from[0] == ',';
		*to++ = *from++;
	}
	*at = *from ? from + 1 : NULL;
	*to = '\0';
	return word;
}
