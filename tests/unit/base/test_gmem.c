// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/unit.h"
#include "vmm/base/gmem.h"
#include "vmm/base/util.h"

#define LOW      UINT64_C(0x1000)
#define LOW_SIZE UINT64_C(0x1000)
#define TOP_SIZE UINT64_C(0x800)
#define TOP      (UINT64_MAX - TOP_SIZE) /* the highest place where gpa + size still fits 64 bits */

/* Two regions that touch at LOW + LOW_SIZE but are apart on the host, and one at the end of the address space. */
struct fixture {
	struct gmem g;
	uint8_t *low, *next, *top;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->low = malloc(LOW_SIZE);
	f->next = malloc(LOW_SIZE);
	f->top = malloc(TOP_SIZE);
	memset(f->low, 0x11, LOW_SIZE);
	memset(f->next, 0x22, LOW_SIZE);
	memset(f->top, 0x33, TOP_SIZE);
	if (gmem_add(&f->g, &(struct gmem_region){.gpa = TOP, .size = TOP_SIZE, .host = f->top, .fd = -1}) ||
		gmem_add(&f->g, &(struct gmem_region){.gpa = LOW, .size = LOW_SIZE, .host = f->low, .fd = -1}) ||
		gmem_add(&f->g,
			&(struct gmem_region){.gpa = LOW + LOW_SIZE, .size = LOW_SIZE, .host = f->next, .fd = -1}))
		return -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->low);
	free(f->next);
	free(f->top);
	free(f);
	return 0;
}

static void add_checks_what_it_is_given(void **state)
{
	struct fixture *f = *state;
	struct gmem g = {0};
	struct gmem_region r = {.host = f->low, .fd = -1};
	static const struct {
		uint64_t gpa, size;
		int want;
	} cases[] = {
		{0x8000, 0, -EINVAL},
		{UINT64_MAX, 1, -EINVAL},
		{UINT64_MAX, UINT64_MAX, -EINVAL},
		{1, UINT64_MAX, -EINVAL},
		{LOW, LOW_SIZE, -EEXIST},
		{LOW - 1, 2, -EEXIST},
		{LOW + LOW_SIZE * 2 - 1, 1, -EEXIST},
		{0, UINT64_MAX, -EEXIST},
		{TOP - 1, 2, -EEXIST},
		{TOP - 1, 1, 0},
		{0, LOW, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		r.gpa = cases[i].gpa;
		r.size = cases[i].size;
		assert_int_equal(gmem_add(&f->g, &r), cases[i].want);
	}
	assert_int_equal(f->g.nr, 5);
	for (size_t i = 1; i < f->g.nr; i++)
		assert_true(f->g.region[i - 1].gpa + f->g.region[i - 1].size <= f->g.region[i].gpa);

	for (uint64_t i = 0; i < GMEM_REGIONS_MAX; i++) {
		r.gpa = i << 20;
		r.size = 1;
		assert_int_equal(gmem_add(&g, &r), 0);
	}
	r.gpa = UINT64_C(1) << 40;
	assert_int_equal(gmem_add(&g, &r), -ENOSPC);
	assert_int_equal(gmem_size(&g), GMEM_REGIONS_MAX);
}

/* Every answer about a range agrees with every other, and no range that a guest can choose gets out of RAM. */
static void ranges(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t gpa, len;
		bool inside;
		size_t windows;
	} cases[] = {
		{LOW, 1, true, 1},
		{LOW, LOW_SIZE, true, 1},
		{LOW, LOW_SIZE + 1, true, 2},
		{LOW, LOW_SIZE * 2, true, 2},
		{LOW + LOW_SIZE - 1, 2, true, 2},
		{LOW, LOW_SIZE * 2 + 1, false, 0},
		{LOW - 1, 1, false, 0},
		{LOW - 1, 2, false, 0},
		{LOW + LOW_SIZE * 2 - 1, 1, true, 1},
		{LOW + LOW_SIZE * 2, 1, false, 0},
		{0, 1, false, 0},
		{0, UINT64_MAX, false, 0},
		{LOW, UINT64_MAX, false, 0},
		{LOW, UINT64_MAX - LOW, false, 0},
		{LOW, UINT64_MAX - LOW + 1, false, 0},
		{TOP, TOP_SIZE, true, 1},
		{TOP, TOP_SIZE + 1, false, 0},
		{TOP, TOP_SIZE + LOW + 1, false, 0}, /* wraps round into low RAM */
		{UINT64_MAX - 1, 1, true, 1},
		{UINT64_MAX - 1, 2, false, 0},
		{UINT64_MAX, 1, false, 0},
		{UINT64_MAX, LOW + 2, false, 0},
	};
	uint8_t buf[LOW_SIZE * 2 + 1];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t gpa = cases[i].gpa, len = cases[i].len;
		struct iovec iov[4];
		size_t nr = 99;
		int want = cases[i].inside ? 0 : -EFAULT;

		assert_int_equal(gmem_contains(&f->g, gpa, len), cases[i].inside);
		assert_int_equal(gmem_iov(&f->g, gpa, len, iov, 4, &nr), want);
		assert_int_equal(nr, cases[i].inside ? cases[i].windows : 99);
		assert_int_equal(gmem_ptr(&f->g, gpa, len) != NULL, cases[i].inside && cases[i].windows == 1);
		if (cases[i].inside) {
			uint64_t sum = 0;

			for (size_t j = 0; j < nr; j++)
				sum += iov[j].iov_len;
			assert_true(sum == len);
			assert_int_equal(gmem_zero(&f->g, gpa, len), 0);
		}
		if (len <= sizeof(buf)) {
			assert_int_equal(gmem_read(&f->g, gpa, buf, len), want);
			memset(buf, 0x77, len);
			assert_int_equal(gmem_write(&f->g, gpa, buf, len), want);
		} else {
			/* The copy must fail on the range before it touches a buffer of that length. */
			assert_int_equal(gmem_write(&f->g, gpa, buf, len), -EFAULT);
			assert_int_equal(gmem_zero(&f->g, gpa, len), -EFAULT);
		}
	}
	assert_int_equal(gmem_size(&f->g), LOW_SIZE * 2 + TOP_SIZE);
}

static void empty_ranges(void **state)
{
	struct fixture *f = *state;
	struct iovec iov;
	size_t nr = 99;

	assert_true(gmem_contains(&f->g, LOW, 0));
	assert_true(gmem_contains(&f->g, UINT64_MAX - 1, 0));
	assert_false(gmem_contains(&f->g, LOW + LOW_SIZE * 2, 0));
	assert_false(gmem_contains(&f->g, UINT64_MAX, 0));
	assert_ptr_equal(gmem_ptr(&f->g, LOW, 0), f->low);
	assert_null(gmem_ptr(&f->g, 0, 0));
	assert_int_equal(gmem_read(&f->g, 0, NULL, 0), 0);
	assert_int_equal(gmem_write(&f->g, 0, NULL, 0), 0);
	assert_int_equal(gmem_zero(&f->g, 0, 0), 0);
	assert_int_equal(gmem_iov(&f->g, 0, 0, &iov, 0, &nr), 0);
	assert_int_equal(nr, 0);
}

static void copies_cross_regions_and_land_where_they_should(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[16];

	assert_int_equal(gmem_read(&f->g, LOW + LOW_SIZE - 8, buf, 16), 0);
	assert_memory_equal(buf, "\x11\x11\x11\x11\x11\x11\x11\x11\x22\x22\x22\x22\x22\x22\x22\x22", 16);
	assert_int_equal(gmem_write(&f->g, LOW + LOW_SIZE - 2, "abcd", 4), 0);
	assert_memory_equal(f->low + LOW_SIZE - 3,
		"\x11"
		"ab",
		3);
	assert_memory_equal(f->next, "cd\x22", 3);
	assert_int_equal(gmem_zero(&f->g, LOW + LOW_SIZE - 1, 2), 0);
	assert_memory_equal(f->low + LOW_SIZE - 2, "a\0", 2);
	assert_memory_equal(f->next, "\0d", 2);
	assert_ptr_equal(gmem_ptr(&f->g, LOW + 5, 3), f->low + 5);
}

static void failed_write_writes_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[32] = {0};

	assert_int_equal(gmem_write(&f->g, LOW + LOW_SIZE * 2 - 16, buf, 32), -EFAULT);
	assert_int_equal(gmem_zero(&f->g, LOW + LOW_SIZE * 2 - 16, 32), -EFAULT);
	assert_int_equal(f->next[LOW_SIZE - 16], 0x22);
	assert_int_equal(f->next[LOW_SIZE - 1], 0x22);
}

static void iov_that_is_too_short(void **state)
{
	struct fixture *f = *state;
	struct iovec iov[1];
	size_t nr = 99;

	assert_int_equal(gmem_iov(&f->g, LOW, LOW_SIZE + 1, iov, 1, &nr), -ENOSPC);
	assert_int_equal(gmem_iov(&f->g, LOW, 1, iov, 0, &nr), -ENOSPC);
	assert_int_equal(nr, 99);
	assert_int_equal(gmem_iov(&f->g, LOW + LOW_SIZE - 3, 3, iov, 1, &nr), 0);
	assert_int_equal(nr, 1);
	assert_ptr_equal(iov[0].iov_base, f->low + LOW_SIZE - 3);
	assert_int_equal(iov[0].iov_len, 3);
}

static void no_regions_at_all(void **state)
{
	struct gmem g = {0};
	uint8_t b;

	assert_false(gmem_contains(&g, 0, 1));
	assert_int_equal(gmem_read(&g, 0, &b, 1), -EFAULT);
	assert_int_equal(gmem_size(&g), 0);
}

static void file_window_widens(void **state)
{
	struct gmem g = {0};

	gmem_set_file_window(&g, 0x5000, 0);
	assert_int_equal(g.file_lo, g.file_hi);
	gmem_set_file_window(&g, 0x5000, 0x1000);
	gmem_set_file_window(&g, 0x9000, 0x1000);
	gmem_set_file_window(&g, 0x100, 0);
	gmem_set_file_window(&g, 0x6000, 0x1000);
	assert_int_equal(g.file_lo, 0x5000);
	assert_int_equal(g.file_hi, 0xa000);
	gmem_set_file_window(&g, 0x1000, 0x1000);
	assert_int_equal(g.file_lo, 0x1000);
	assert_int_equal(g.file_hi, 0xa000);
}

#define PAGE 4096

/* RAM whose second half is a file of two pages, mapped privately as a kernel image is. */
struct mapped {
	struct gmem g;
	uint8_t *host;
	int fd;
};

static void map_file(struct mapped *m)
{
	char path[] = "/tmp/vmm-test-gmem.XXXXXX";

	m->fd = mkstemp(path);
	assert_true(m->fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(m->fd, 2 * PAGE), 0);
	m->host = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(m->host, MAP_FAILED);
	assert_ptr_not_equal(
		mmap(m->host + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, m->fd, 0),
		MAP_FAILED);
	m->g = (struct gmem){0};
	assert_int_equal(gmem_add(&m->g, &(struct gmem_region){.size = 4 * PAGE, .host = m->host, .fd = -1}), 0);
	gmem_set_file_window(&m->g, 2 * PAGE, 2 * PAGE);
}

static void unmap_file(struct mapped *m)
{
	munmap(m->host, 4 * PAGE);
	close(m->fd);
}

static void copy_survives_a_file_that_shrank(void **state)
{
	struct mapped m;
	uint8_t buf[4 * PAGE];
	sigset_t before, after;

	map_file(&m);
	assert_int_equal(gmem_install_sigbus(), 0);
	assert_int_equal(pwrite(m.fd, "kernel", 6, 0), 6);
	assert_int_equal(gmem_read(&m.g, 0, buf, sizeof(buf)), 0);
	assert_memory_equal(buf + 2 * PAGE, "kernel", 6);

	sigprocmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(ftruncate(m.fd, PAGE), 0);
	/* More than once: the signal must not stay blocked, nor the recovery point armed. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(gmem_read(&m.g, 3 * PAGE, buf, 8), -EFAULT);
		assert_int_equal(gmem_read(&m.g, 0, buf, sizeof(buf)), -EFAULT);
		assert_int_equal(gmem_write(&m.g, 3 * PAGE + 5, "x", 1), -EFAULT);
		assert_int_equal(gmem_zero(&m.g, 2 * PAGE, 2 * PAGE), -EFAULT);
		assert_int_equal(gmem_read(&m.g, 2 * PAGE, buf, PAGE), 0);
		assert_int_equal(gmem_write(&m.g, 0, buf, 2 * PAGE), 0);
	}
	sigprocmask(SIG_SETMASK, NULL, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	/* A window is for system calls: they say EFAULT. */
	int null = memfd_create("sink", 0);

	assert_int_equal(pwrite(null, gmem_ptr(&m.g, 3 * PAGE, 8), 8, 0), -1);
	assert_int_equal(errno, EFAULT);
	close(null);
	unmap_file(&m);
}

/* Runs `what` in a child and returns the signal that ended it, or 0. */
static int signal_of(void (*what)(struct mapped *m), struct mapped *m)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		gmem_install_sigbus();
		what(m);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void touch_without_guard(struct mapped *m)
{
	*(volatile uint8_t *)(m->host + 3 * PAGE);
}

static void touch_after_a_guarded_copy(struct mapped *m)
{
	uint8_t b;

	if (gmem_read(&m->g, 3 * PAGE, &b, 1) != -EFAULT || gmem_read(&m->g, 2 * PAGE, &b, 1) != 0)
		_exit(0);
	touch_without_guard(m);
}

static void get_it_sent(struct mapped *m)
{
	kill(getpid(), SIGBUS);
}

static void any_other_sigbus_ends_the_process(void **state)
{
	struct mapped m;

	map_file(&m);
	assert_int_equal(ftruncate(m.fd, PAGE), 0);
	assert_int_equal(signal_of(touch_without_guard, &m), SIGBUS);
	assert_int_equal(signal_of(touch_after_a_guarded_copy, &m), SIGBUS);
	assert_int_equal(signal_of(get_it_sent, &m), SIGBUS);
	unmap_file(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(add_checks_what_it_is_given, setup, teardown),
		cmocka_unit_test_setup_teardown(ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(copies_cross_regions_and_land_where_they_should, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_write_writes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(iov_that_is_too_short, setup, teardown),
		cmocka_unit_test(no_regions_at_all),
		cmocka_unit_test(file_window_widens),
		cmocka_unit_test(copy_survives_a_file_that_shrank),
		cmocka_unit_test(any_other_sigbus_ends_the_process),
	};

	return run_group(tests);
}
