// SPDX-License-Identifier: Apache-2.0
/*
 * A program goes back to a moment: its files, its signals, its timers, its registers.
 */
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/exec_kit.h"
#include "vmm/base/clock.h"
#include "vmm/exec/moment.h"
#include "vmm/exec/threads.h"

#define RAM (4 * MIB)

struct fixture {
	struct kit_task k;
	struct exec_moment m;
	uint64_t log[RAM / PAGE_4K / 64 + 1];
};

static void open_kit(struct fixture *f)
{
	static const int host[EXEC_STREAMS] = {EXEC_OF_ROUND, EXEC_OF_ROUND, -1};

	kit_task_open(&f->k, RAM, host, NULL);
	assert_int_equal(exec_moment_init(&f->k.t), 0);
}

static int64_t call(struct fixture *f, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	const uint64_t arg[6] = {a, b, c, d};

	return exec_call(&f->k.t, (uint64_t)nr, arg);
}

static void put(struct fixture *f, const void *data, size_t n)
{
	assert_int_equal(space_write(&f->k.t.space, KIT_SCRATCH, data, n), 0);
}

static void mark(struct fixture *f)
{
	assert_int_equal(exec_moment_mark(&f->k.t, &f->m), 0);
}

static void go_back(struct fixture *f)
{
	uint64_t pages;

	assert_int_equal(exec_moment_return(&f->k.t, &f->m, f->log, &pages), 0);
}

/* Descriptors 2 and 3 are a pipe with "abc". */
static void open_pipe(struct fixture *f)
{
	assert_int_equal(call(f, SYS_pipe, KIT_SCRATCH, 0, 0, 0), 0);
	put(f, "abc", 3);
	assert_int_equal(call(f, SYS_write, 3, KIT_SCRATCH, 3, 0), 3);
}

static void pipes_and_descriptors(void **state)
{
	static struct fixture f;
	char text[4] = "";

	open_kit(&f);
	open_pipe(&f);
	assert_int_equal(call(&f, SYS_eventfd2, 5, 0, 0, 0), 4);
	mark(&f);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(call(&f, SYS_read, 4, KIT_SCRATCH, 8, 0), 8);
		assert_int_equal(call(&f, SYS_read, 2, KIT_SCRATCH, 2, 0), 2);
		/* Whoever closes the last writer makes an end, though the moment will have it again. */
		assert_int_equal(call(&f, SYS_close, 3, 0, 0, 0), 0);
		assert_int_equal(call(&f, SYS_read, 2, KIT_SCRATCH, 3, 0), 1);
		assert_int_equal(call(&f, SYS_read, 2, KIT_SCRATCH, 3, 0), 0);
		assert_int_equal(call(&f, SYS_close, 2, 0, 0, 0), 0);
		assert_int_equal(call(&f, SYS_eventfd2, 1, 0, 0, 0), 2);
		assert_int_equal(call(&f, SYS_pipe, KIT_SCRATCH, 0, 0, 0), 0);
		assert_int_equal(call(&f, SYS_dup, 0, 0, 0, 0), 6);
		assert_int_equal(call(&f, SYS_umask, 077, 0, 0, 0), 022);
		go_back(&f);
	}
	assert_int_equal(call(&f, SYS_close, 5, 0, 0, 0), -EBADF);
	assert_int_equal(call(&f, SYS_read, 2, KIT_SCRATCH, 4, 0), 3);
	assert_int_equal(space_read(&f.k.t.space, KIT_SCRATCH, text, 3), 0);
	assert_string_equal(text, "abc");
	assert_int_equal(call(&f, SYS_write, 3, KIT_SCRATCH, 3, 0), 3);
	assert_int_equal(call(&f, SYS_pipe, KIT_SCRATCH, 0, 0, 0), 0);
	kit_task_close(&f.k);
}

/* A descriptor of the host survives the program's close(), and has its place again. */
static void files_of_the_host(void **state)
{
	char path[] = "/tmp/vmm-moment-XXXXXX";
	static struct fixture f;
	int fd = mkstemp(path);
	struct exec_open o = {.kind = EXEC_HOST, .host = fd, .flags = O_RDWR};

	assert_true(fd >= 0 && write(fd, "0123456789", 10) == 10 && lseek(fd, 4, SEEK_SET) == 4);
	unlink(path);
	open_kit(&f);
	assert_int_equal(exec_files_install(f.k.t.files, exec_files_new_open(f.k.t.files, &o, "/x"), 0, false), 2);
	mark(&f);
	for (int i = 0; i < 3; i++) {
		char byte = 0;

		assert_int_equal(call(&f, SYS_read, 2, KIT_SCRATCH, 1, 0), 1);
		assert_int_equal(space_read(&f.k.t.space, KIT_SCRATCH, &byte, 1), 0);
		assert_int_equal(byte, '4');
		assert_int_equal(call(&f, SYS_close, 2, 0, 0, 0), 0);
		assert_int_equal(call(&f, SYS_eventfd2, 1, 0, 0, 0), 2);
		go_back(&f);
	}
	kit_task_close(&f.k);
	assert_true(fcntl(fd, F_GETFD) < 0);
}

static void streams_of_a_round(void **state)
{
	static struct fixture f;
	char text[8];
	struct exec_output out = {.data = (uint8_t *)text, .room = 5};

	open_kit(&f);
	f.k.t.output = &out;
	put(&f, "abcdef", 6);
	assert_int_equal(call(&f, SYS_read, 0, KIT_SCRATCH + 100, 10, 0), 0);
	assert_int_equal(call(&f, SYS_write, 1, KIT_SCRATCH, 3, 0), 3);
	assert_int_equal(call(&f, SYS_write, 1, KIT_SCRATCH + 3, 3, 0), 3);
	assert_true(out.used == 5 && out.lost == 1 && !memcmp(text, "abcde", 5));
	assert_int_equal(call(&f, SYS_lseek, 1, 0, SEEK_CUR, 0), -ESPIPE);
	kit_task_close(&f.k);
}

static void signals_and_timers(void **state)
{
	struct exec_action act = {.handler = 0x1000, .flags = 0x04000000, .restorer = 0x2000};
	const uint64_t interval[4] = {0, 0, 100, 0};
	static struct fixture f;

	open_kit(&f);
	put(&f, interval, sizeof(interval));
	assert_int_equal(call(&f, SYS_setitimer, 0, KIT_SCRATCH, 0, 0), 0);
	f.k.regs.rip = 0x1234;
	f.k.fpu[7] = 9;
	mark(&f);
	f.k.regs.rip = f.k.fpu[7] = 0;
	put(&f, &act, sizeof(act));
	assert_int_equal(call(&f, SYS_rt_sigaction, SIGUSR1, KIT_SCRATCH, 0, 8), 0);
	assert_int_equal(call(&f, SYS_alarm, 0, 0, 0, 0), 100);
	assert_int_equal(f.k.alarm, 0);
	f.k.t.pending = 1;
	f.k.t.end.ended = true;
	go_back(&f);
	assert_true(f.k.regs.rip == 0x1234 && f.k.fpu[7] == 9 && !f.k.t.pending && !f.k.t.end.ended);
	assert_int_equal(f.k.t.action[SIGUSR1].handler, 0);
	assert_in_range(f.k.alarm, 90 * NSEC_PER_SEC, 100 * NSEC_PER_SEC);
	assert_in_range(call(&f, SYS_alarm, 0, 0, 0, 0), 99, 100);
	kit_task_close(&f.k);
}

static void one_thread(void **state)
{
	static struct exec_thread others[EXEC_THREADS_MAX - 1];
	static struct fixture f;
	int error;

	open_kit(&f);
	f.k.t.others = others;
	assert_non_null(exec_spawn(&f.k.t, &error));
	assert_int_equal(exec_moment_mark(&f.k.t, &f.m), -EBUSY);
	others[0].state = EXEC_UNUSED;
	f.k.t.nr_threads = 1;
	mark(&f);
	assert_non_null(exec_spawn(&f.k.t, &error));
	assert_non_null(exec_spawn(&f.k.t, &error));
	f.k.t.now = &others[1];
	go_back(&f);
	assert_true(f.k.t.nr_threads == 1 && f.k.t.now == &f.k.t.main && f.k.t.loaded == &f.k.t.main);
	assert_true(others[0].state == EXEC_UNUSED && others[1].state == EXEC_UNUSED);
	kit_task_close(&f.k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipes_and_descriptors),
		cmocka_unit_test(files_of_the_host),
		cmocka_unit_test(streams_of_a_round),
		cmocka_unit_test(signals_and_timers),
		cmocka_unit_test(one_thread),
	};

	return run_group(tests);
}
