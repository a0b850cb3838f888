/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The framing of `vmm restore --each-frame`, described in vmm-snapshot(1). Numbers are little-endian.
 *
 *	in	length, 32 bits; so many bytes, at most FRAME_MAX
 *	out	length of what follows, 32 bits; FRAME_ANSWER_HEAD - 4 bytes of struct frame_answer, then the output:
 *		status, flags, pages, 32 bits each; ns, n, 64 bits each
 */
#ifndef CMD_FRAMES_H
#define CMD_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/util.h"

#define FRAME_MAX         MIB
#define FRAME_HEAD        4
#define FRAME_ANSWER_HEAD 32

/** enum frame_found - more has to be read; a frame; one that is longer than FRAME_MAX; one without an end; no more */
enum frame_found { FRAME_PART, FRAME_WHOLE, FRAME_TOO_LONG, FRAME_CUT, FRAME_NONE };

/**
 * frame_find() - look for a frame
 * @data: its first @nr bytes, or those of several
 * @ended: there are no more
 * @ret_len: of the frame, with its length; for FRAME_CUT what there is; set for FRAME_WHOLE, FRAME_TOO_LONG, FRAME_CUT
 *
 * Trust: operator.
 */
enum frame_found frame_find(const uint8_t *data, size_t nr, bool ended, uint64_t *ret_len);

#define FRAME_MARKED   0x1u /* the guest set a mark */
#define FRAME_LOST     0x2u /* its output was longer than what is here */
#define FRAME_REPLACED 0x4u /* another machine takes its place */

/** struct frame_answer - @size: of the output */
struct frame_answer {
	uint32_t status;
	uint32_t flags;
	uint32_t pages;
	uint64_t ns;
	uint64_t n;
	size_t size;
};

/** frame_put_head() - what is in front of the output of an answer */
void frame_put_head(const struct frame_answer *a, uint8_t ret[static FRAME_ANSWER_HEAD]);

#endif
