// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Inflate writes directly to the caller's buffer, so nothing is copied twice and no buffer holds a
 * whole image. There are three positions: `in_at`, the next byte of the file to feed; `out`, the number of bytes
 * inflated so far; and the head, the first SOURCE_HEAD_SIZE of them, which are saved when the stream is opened. A read
 * starts in the head and continues at `out`; bytes between two reads are inflated into a scrap buffer.
 *
 * The total output is bounded by `limit`, so a small file cannot keep us busy for long: the ratio of deflate is at most
 * 1032.
 */
#include "boot/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "vmm/base/units.h"

#define GZIP_WINDOW_BITS (15 + 16) /* zlib: largest window, and expect a gzip wrapper */
#define IN_SIZE          UINT64_C(131072)
#define SCRAP_SIZE       UINT64_C(65536)

struct gunzip {
	struct source source;
	z_stream z;
	struct source *outer;
	uint64_t in_at;
	uint64_t in_left;
	uint64_t out;
	uint64_t limit;
	bool ended;
	uint8_t head[SOURCE_HEAD_SIZE];
	uint8_t scrap[SCRAP_SIZE];
	uint8_t in[IN_SIZE];
};

static int refill(struct gunzip *g, struct err *e)
{
	uint64_t n = MIN(g->in_left, IN_SIZE);
	int r;

	if (!n)
		return err_set(e, -ENOEXEC, "gzip data end before the stream does: the file was cut short");
	r = source_read(g->outer, g->in_at, g->in, n, e);
	if (r < 0)
		return r;
	g->z.next_in = g->in;
	g->z.avail_in = (uInt)n;
	g->in_at += n;
	g->in_left -= n;
	return 0;
}

/* Inflates up to len bytes to buf; fewer only at the end of the stream. */
static int inflate_some(struct gunzip *g, uint8_t *buf, uint64_t len, uint64_t *ret_len, struct err *e)
{
	char limit[UNITS_TEXT_MAX];
	uint64_t done = 0;

	while (done < len && !g->ended) {
		uint64_t want = MIN(len - done, GIB);
		uint64_t got;
		int z, r;

		if (!g->z.avail_in) {
			r = refill(g, e);
			if (r < 0)
				return r;
		}
		g->z.next_out = buf + done;
		g->z.avail_out = (uInt)want;
		z = inflate(&g->z, Z_NO_FLUSH);
		got = want - g->z.avail_out;
		done += got;
		g->out += got;
		if (g->out > g->limit)
			return err_set(e, -EFBIG,
				"inflates to more than the %s of guest RAM: strip it of debug data, or "
				"give the guest more memory",
				format_size(g->limit, limit));
		if (z == Z_STREAM_END)
			g->ended = true;
		else if (z == Z_MEM_ERROR)
			return err_set(e, -ENOMEM, "no memory to inflate it");
		else if (z != Z_OK)
			return err_set(e, -ENOEXEC, "broken gzip data before byte %llu: %s",
				(unsigned long long)(g->in_at - g->z.avail_in), g->z.msg ? g->z.msg : "not deflate");
	}
	*ret_len = done;
	return 0;
}

/* Inflates the next len bytes to buf, or discards them. */
static int forward(struct gunzip *g, uint8_t *buf, uint64_t len, struct err *e)
{
	while (len) {
		uint64_t want = buf ? len : MIN(len, SCRAP_SIZE);
		uint64_t got;
		int r = inflate_some(g, buf ? buf : g->scrap, want, &got, e);

		if (r < 0)
			return r;
		if (got < want)
			return err_set(e, -ENOEXEC,
				"the inflated image ends at byte %llu, before what its headers promise: "
				"truncated",
				(unsigned long long)g->out);
		if (buf)
			buf += got;
		len -= got;
	}
	return 0;
}

/* source_read() of the inflated bytes. */
static int read_inflated(struct source *s, uint64_t at, void *buf, uint64_t len, struct err *e)
{
	struct gunzip *g = container_of(s, struct gunzip, source);
	uint8_t *to = buf;
	int r;

	if (at < s->any_order) {
		uint64_t n = MIN(len, s->any_order - at);

		memcpy(to, g->head + at, n);
		to += n;
		at += n;
		len -= n;
	}
	if (!len)
		return 0;
	if (at < g->out)
		return err_set(e, -ENOTSUP,
			"compressed, and its parts are not in ascending order: unpack it with gunzip first");
	r = forward(g, NULL, at - g->out, e);
	return r < 0 ? r : forward(g, to, len, e);
}

int gunzip_open(struct source *outer, uint64_t at, uint64_t len, uint64_t limit, struct gunzip **ret, struct err *e)
{
	CLEANUP_GUNZIP struct gunzip *g = malloc(sizeof(*g));
	int r;

	if (!g)
		return err_set(e, -ENOMEM, "no memory to inflate it");
	/* Everything except the buffers. */
	memset(g, 0, offsetof(struct gunzip, head));
	g->source = (struct source){.read = read_inflated, .fd = -1, .size = UINT64_MAX, .how = LOAD_READ};
	g->outer = outer;
	g->in_at = at;
	g->in_left = len;
	g->limit = limit;
	if (inflateInit2(&g->z, GZIP_WINDOW_BITS) != Z_OK)
		return err_set(e, -ENOMEM, "no memory to inflate it");
	r = inflate_some(g, g->head, SOURCE_HEAD_SIZE, &g->source.any_order, e);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(g);
	return 0;
}

void gunzip_close(struct gunzip *g)
{
	if (!g)
		return;
	/* Has no effect when inflateInit2() failed: the stream is zeroed then. */
	inflateEnd(&g->z);
	free(g);
}

struct source *gunzip_source(struct gunzip *g)
{
	return &g->source;
}

int gunzip_finish(struct gunzip *g, struct err *e)
{
	while (!g->ended) {
		uint64_t got;
		int r = inflate_some(g, g->scrap, SCRAP_SIZE, &got, e);

		if (r < 0)
			return r;
	}
	return 0;
}
