// SPDX-License-Identifier: Apache-2.0
/*
 * The framing of `vmm restore --each-frame`: whatever is written to it, in pieces of any size, the same frames are
 * found as in one piece, and they cover the input.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/frames.h"
#include "vmm/base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Return: bytes of the frame at @data, 0: none. It is what it is when a piece more is there at each look. */
static uint64_t look(const uint8_t *data, size_t size, size_t piece)
{
	enum frame_found found = FRAME_PART, whole;
	uint64_t len = 0, len_whole = 0;
	size_t nr = 0;

	while (found == FRAME_PART && nr < size) {
		nr = MIN(size, nr + piece);
		found = frame_find(data, nr, nr == size, &len);
		assert(found != FRAME_PART || nr < size);
		assert(found != FRAME_NONE);
	}
	if (!size)
		found = frame_find(data, 0, true, &len);
	whole = frame_find(data, size, true, &len_whole);
	assert(found == whole && len == len_whole);
	assert(found != FRAME_WHOLE || (len >= FRAME_HEAD && len <= size && len <= FRAME_HEAD + FRAME_MAX));
	assert(found != FRAME_CUT || len == size);
	assert(found != FRAME_TOO_LONG || len > FRAME_HEAD + FRAME_MAX);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece;

	if (!size)
		return 0;
	piece = 1 + data[0] % 16;
	data++;
	size--;
	for (;;) {
		/* What is read past is a fault. */
		uint8_t *copy = malloc(size ? size : 1);
		uint64_t len;

		memcpy(copy, data, size);
		len = look(copy, size, piece);
		free(copy);
		if (!len || len >= size)
			return 0;
		data += len;
		size -= len;
	}
}
