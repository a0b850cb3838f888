// SPDX-License-Identifier: Apache-2.0
/*
 * One interface, whatever the bytes come from: a file, a gzip stream in it, and one in that.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "boot/gzip.h"
#include "boot/source.h"
#include "tests/support/image_kit.h"

#define SIZE     (4 * SOURCE_HEAD_SIZE)
#define RAM_SIZE (2 * MIB)

struct fixture {
	uint8_t bytes[SIZE];
	struct kit_ram ram;
	int fd;
	struct source file;
	struct gunzip *gz[2];
	struct source *src; /* the one that has the bytes */
	struct err e;
};

static void take_file(struct fixture *f, const void *data, size_t len, enum load_how how)
{
	f->fd = kit_file(data, len);
	assert_int_equal(source_open(f->fd, how, &f->file, &f->e), 0);
	f->src = &f->file;
}

/* @depth: how many times the bytes are packed */
static void open_packed(struct fixture *f, unsigned depth)
{
	size_t len = SIZE, size[2] = {0};
	uint8_t *data = malloc(len);

	memcpy(data, f->bytes, len);
	for (unsigned i = 0; i < depth; i++) {
		uint8_t *packed = kit_gzip(data, len, 6, &len);

		free(data);
		data = packed;
		size[depth - 1 - i] = len;
	}
	take_file(f, data, len, LOAD_MAP);
	free(data);
	for (unsigned i = 0; i < depth; i++) {
		assert_int_equal(gunzip_open(f->src, 0, size[i], 2 * SIZE, &f->gz[i], &f->e), 0);
		f->src = gunzip_source(f->gz[i]);
	}
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	uint32_t x = 1;

	kit_must(f);
	/* Not to be packed to nothing. */
	for (size_t i = 0; i < SIZE; i++) {
		x = x * 1664525 + 1013904223;
		f->bytes[i] = (uint8_t)(x >> 24);
	}
	f->fd = -1;
	kit_ram_open(&f->ram, RAM_SIZE);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	gunzip_close(f->gz[1]);
	gunzip_close(f->gz[0]);
	cleanup_fd(&f->fd);
	kit_ram_close(&f->ram);
	free(f);
	return 0;
}

static void assert_reads(struct fixture *f, uint64_t at, uint64_t len)
{
	uint8_t buf[SIZE];

	assert_int_equal(source_read(f->src, at, buf, len, &f->e), 0);
	assert_memory_equal(buf, f->bytes + at, len);
}

static void a_file_is_read_in_any_order(void **state)
{
	struct fixture *f = *state;
	uint8_t byte;

	take_file(f, f->bytes, SIZE, LOAD_READ);
	assert_int_equal(f->src->size, SIZE);
	assert_int_equal(f->src->any_order, SIZE);
	assert_reads(f, SIZE - 10, 10);
	assert_reads(f, 0, SIZE);
	assert_int_equal(source_read(f->src, SIZE, &byte, 1, &f->e), -EIO);
	assert_string_equal(f->e.text, "ended at byte 65536 while being read: was it cut meanwhile?");
}

static void assert_inflated(struct fixture *f)
{
	uint8_t byte;

	assert_int_equal(f->src->fd, -1);
	assert_int_equal(f->src->size, UINT64_MAX);
	assert_int_equal(f->src->any_order, SOURCE_HEAD_SIZE);
	/* The head again and again, then forwards with gaps. */
	assert_reads(f, SOURCE_HEAD_SIZE - 10, 10);
	assert_reads(f, 0, 100);
	assert_reads(f, SOURCE_HEAD_SIZE - 10, 1000);
	assert_reads(f, 2 * SOURCE_HEAD_SIZE, 1000);
	assert_int_equal(source_read(f->src, 2 * SOURCE_HEAD_SIZE, &byte, 1, &f->e), -ENOTSUP);
	assert_reads(f, 0, SOURCE_HEAD_SIZE);
	assert_reads(f, SIZE - 10, 10);
	assert_int_equal(source_read(f->src, SIZE, &byte, 1, &f->e), -ENOEXEC);
}

static void a_packed_one_comes_forwards_behind_its_head(void **state)
{
	struct fixture *f = *state;

	open_packed(f, 1);
	assert_inflated(f);
	assert_int_equal(gunzip_finish(f->gz[0], &f->e), 0);
}

/* A source knows nothing of the one that it reads from. */
static void a_stream_may_lie_in_another(void **state)
{
	struct fixture *f = *state;

	open_packed(f, 2);
	assert_inflated(f);
}

/* What can be mapped is, where the bytes are those of the file; else it is read. */
static void what_is_placed_is_counted(void **state)
{
	struct fixture *f = *state;

	take_file(f, f->bytes, SIZE, LOAD_MAP);
	assert_int_equal(source_place(f->src, 0x1000, 0x2800, &f->ram.mem, 0x100000, &f->e), 0);
	assert_memory_equal(f->ram.host + 0x100000, f->bytes + 0x1000, 0x2800);
	assert_int_equal(f->src->mapped_bytes, 0x2000);
	assert_int_equal(f->src->copied_bytes, 0x800);
	assert_int_equal(source_place(f->src, 0, 1, &f->ram.mem, RAM_SIZE, &f->e), -EFAULT);
	cleanup_fd(&f->fd);
	kit_ram_clear(&f->ram);
	open_packed(f, 1);
	assert_int_equal(source_place(f->src, 0x1000, 0x2800, &f->ram.mem, 0x100000, &f->e), 0);
	assert_memory_equal(f->ram.host + 0x100000, f->bytes + 0x1000, 0x2800);
	assert_int_equal(f->src->mapped_bytes, 0);
	assert_int_equal(f->src->copied_bytes, 0x2800);
}

/* A descriptor of 0 is one as any other: a program that is started without a stdin gets it. */
static void descriptor_0_is_mapped_too(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FD int stdin_was = dup(0);
	uint64_t mapped;

	f->fd = kit_file(f->bytes, SIZE);
	assert_int_equal(dup2(f->fd, 0), 0);
	assert_int_equal(source_open(0, LOAD_MAP, &f->file, &f->e), 0);
	assert_int_equal(source_place(&f->file, 0, SIZE, &f->ram.mem, 0x100000, &f->e), 0);
	mapped = f->file.mapped_bytes;
	if (stdin_was >= 0)
		dup2(stdin_was, 0);
	assert_int_equal(mapped, SIZE);
	assert_memory_equal(f->ram.host + 0x100000, f->bytes, SIZE);
}

static void only_a_file_that_is_read_has_holes(void **state)
{
	struct fixture *f = *state;
	const struct {
		enum load_how how;
		uint64_t data;
	} cases[] = {{LOAD_READ, 0x8000}, {LOAD_MAP, 0}};
	uint64_t data, end;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_fd(&f->fd);
		take_file(f, f->bytes, 1, cases[i].how);
		/* A hole from 0x1000 to 0x8000, and the first page before it. */
		kit_must(pwrite(f->fd, f->bytes, 0x1000, 0x8000) == 0x1000);
		source_extent(f->src, 0x1000, 0x9000, &data, &end);
		assert_int_equal(data, cases[i].data ? cases[i].data : 0x1000);
		assert_int_equal(end, 0x9000);
	}
	cleanup_fd(&f->fd);
	open_packed(f, 1);
	source_extent(f->src, 0x1000, 0x9000, &data, &end);
	assert_int_equal(data, 0x1000);
	assert_int_equal(end, 0x9000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_file_is_read_in_any_order),
		T(a_packed_one_comes_forwards_behind_its_head),
		T(a_stream_may_lie_in_another),
		T(what_is_placed_is_counted),
		T(descriptor_0_is_mapped_too),
		T(only_a_file_that_is_read_has_holes),
	};

	return run_group(tests);
}
