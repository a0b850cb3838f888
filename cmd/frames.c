// SPDX-License-Identifier: Apache-2.0
#include "cmd/frames.h"

#include <string.h>

#include "vmm/base/le.h"

enum frame_found frame_find(const uint8_t *data, size_t nr, bool ended, uint64_t *ret_len)
{
	uint64_t len;

	if (!nr && ended)
		return FRAME_NONE;
	if (nr < FRAME_HEAD) {
		if (ended)
			*ret_len = nr;
		return ended ? FRAME_CUT : FRAME_PART;
	}
	len = FRAME_HEAD + (uint64_t)le32_get(data);
	if (len <= FRAME_HEAD + FRAME_MAX && len > nr) {
		if (ended)
			*ret_len = nr;
		return ended ? FRAME_CUT : FRAME_PART;
	}
	*ret_len = len;
	return len > FRAME_HEAD + FRAME_MAX ? FRAME_TOO_LONG : FRAME_WHOLE;
}

void frame_put_head(const struct frame_answer *a, uint8_t ret[static FRAME_ANSWER_HEAD])
{
	le32_put(ret, (uint32_t)(FRAME_ANSWER_HEAD - FRAME_HEAD + a->size));
	le32_put(ret + 4, a->status);
	le32_put(ret + 8, a->flags);
	le32_put(ret + 12, a->pages);
	le64_put(ret + 16, a->ns);
	le64_put(ret + 24, a->n);
}
