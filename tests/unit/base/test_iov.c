// SPDX-License-Identifier: Apache-2.0
/*
 * Every way to skip and cut small lists, empty elements included, against the same bytes laid end to end.
 */
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/iov.h"
#include "vmm/base/util.h"

#define BYTES 9

static char bytes[] = "abcdefghi";

/* Lists of these lengths over @bytes, in their order. */
static const size_t lists[][4] = {
	{0, 0, 0, 0},
	{9, 0, 0, 0},
	{0, 9, 0, 0},
	{1, 2, 3, 3},
	{3, 0, 0, 6},
	{0, 4, 5, 0},
	{1, 0, 7, 1},
};

static size_t make(const size_t *len, struct iovec iov[4])
{
	size_t at = 0;

	for (size_t i = 0; i < 4; i++) {
		iov[i] = (struct iovec){.iov_base = bytes + at, .iov_len = len[i]};
		at += len[i];
	}
	return at;
}

static void is_text(const struct iovec *iov, size_t nr, const char *text, size_t len)
{
	for (size_t i = 0; i < nr; i++) {
		assert_true(iov[i].iov_len <= len);
		assert_memory_equal(iov[i].iov_base, text, iov[i].iov_len);
		text += iov[i].iov_len;
		len -= iov[i].iov_len;
	}
	assert_int_equal(len, 0);
}

static void skips(void **state)
{
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		for (uint64_t len = 0; len <= BYTES + 1; len++) {
			struct iovec list[4], *iov = list;
			size_t nr = 4, total = make(lists[l], list), left = total - MIN(len, total);

			iov_skip(&iov, &nr, len);
			is_text(iov, nr, bytes + total - left, left);
			/* A list that is used up has no elements, so that loops over it end. */
			assert_int_equal(nr == 0, left == 0);
			assert_true(!nr || iov->iov_len);
		}
	}
}

static void cuts(void **state)
{
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		for (uint64_t skip = 0; skip <= BYTES + 1; skip++) {
			for (uint64_t len = 0; len <= BYTES + 1; len++) {
				struct iovec iov[4], copy[4], out[4];
				size_t total = make(lists[l], iov), from = MIN(skip, total), nr;

				make(lists[l], copy);
				nr = iov_cut(iov, 4, skip, len, out);
				is_text(out, nr, bytes + from, MIN(len, total - from));
				for (size_t i = 0; i < nr; i++)
					assert_true(out[i].iov_len);
				assert_memory_equal(iov, copy, sizeof(iov));
				/* In place. */
				assert_int_equal(iov_cut(iov, 4, skip, len, iov), nr);
				assert_memory_equal(iov, out, nr * sizeof(*out));
			}
		}
	}
}

static void the_rest(void **state)
{
	struct iovec iov[4], out[4];

	make(lists[3], iov);
	is_text(out, iov_cut(iov, 4, 2, UINT64_MAX, out), "cdefghi", 7);
	assert_int_equal(iov_cut(iov, 4, UINT64_MAX, UINT64_MAX, out), 0);
	assert_int_equal(iov_cut(iov, 0, 0, 1, out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(skips),
		cmocka_unit_test(cuts),
		cmocka_unit_test(the_rest),
	};

	return run_group(tests);
}
