// SPDX-License-Identifier: Apache-2.0
/*
 * System calls of a program, by number, on host memory: their results, the contents of memory and files afterwards, and
 * whether the program ends.
 */
#include "tests/support/unit.h"

#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tests/support/exec_kit.h"
#include "vmm/exec/walk.h"

#define BAD UINT64_C(0x123000) /* not mapped */

struct fixture {
	struct kit_task k;
	int pipe[2];
};

#define CALL(f, nr, ...) exec_call(&(f)->k.t, SYS_##nr, (const uint64_t[6]){__VA_ARGS__})

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kit_must(f && pipe2(f->pipe, O_CLOEXEC) == 0);
	kit_task_open(&f->k, 8 * MIB, (const int[]){f->pipe[0], f->pipe[1], -1}, NULL);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kit_task_close(&f->k);
	if (f->pipe[0] >= 0)
		close(f->pipe[0]);
	close(f->pipe[1]);
	free(f);
	return 0;
}

/* Writes bytes to the program's memory, to pass pointers to them. */
static uint64_t put(struct fixture *f, uint64_t offset, const void *data, size_t len)
{
	kit_must(space_write(&f->k.t.space, KIT_SCRATCH + offset, data, len) == 0);
	return KIT_SCRATCH + offset;
}

static void get(struct fixture *f, uint64_t at, void *data, size_t len)
{
	kit_must(space_read(&f->k.t.space, at, data, len) == 0);
}

static void streams(void **state)
{
	struct fixture *f = *state;
	uint64_t at = put(f, PAGE_4K - 3, "hello", 5), iov[4] = {at, 2, at + 2, 3};
	char buf[16] = "";

	assert_int_equal(CALL(f, write, 1, at, 5), 5);
	assert_int_equal(read(f->pipe[0], buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(CALL(f, writev, 1, put(f, 0, iov, sizeof(iov)), 2), 5);
	assert_int_equal(CALL(f, read, 0, KIT_SCRATCH + 2 * PAGE_4K - 2, 100), 5);
	get(f, KIT_SCRATCH + 2 * PAGE_4K - 2, buf, 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(CALL(f, write, 1, BAD, 5), -EFAULT);
	assert_int_equal(CALL(f, write, 2, at, 5), -EBADF);
	assert_int_equal(CALL(f, write, 0, at, 5), -EBADF);
	assert_int_equal(CALL(f, write, UINT64_MAX, at, 5), -EBADF);
	/* The bytes before the hole are written. */
	assert_int_equal(CALL(f, write, 1, KIT_SCRATCH + KIT_SCRATCH_SIZE - 7, 100), 7);
	assert_int_equal(CALL(f, writev, 1, KIT_SCRATCH, 1025), -EINVAL);
	assert_int_equal(CALL(f, lseek, 0, 0, SEEK_SET), -ESPIPE);
}

static void more_than_one_window(void **state)
{
	struct fixture *f = *state;
	uint8_t *want = malloc(300 * KIB), *got = malloc(300 * KIB);
	uint64_t at = (uint64_t)CALL(f, mmap, 0, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1ul, 0);
	CLEANUP_FD int fd = memfd_create("out", MFD_CLOEXEC);

	/* Every other page is touched from the other end, so that no two are adjacent in the pool. */
	for (int i = 0; i < 128; i++)
		assert_int_equal(
			space_fault(&f->k.t.space, at + (uint64_t)(i & 1 ? i : 254 - i) * PAGE_4K, SPACE_W), 0);
	for (size_t i = 0; i < 300 * KIB; i++)
		want[i] = (uint8_t)(i * 7 + i / 4096);
	assert_int_equal(space_write(&f->k.t.space, at + 5, want, 300 * KIB), 0);
	exec_files_dup2(f->k.t.files,
		exec_files_new_open(
			f->k.t.files, &(struct exec_open){.kind = EXEC_STREAM, .host = fd, .flags = O_RDWR}, ""),
		2, false);
	assert_int_equal(CALL(f, write, 2, at + 5, 300 * KIB), 300 * KIB);
	assert_int_equal(pread(fd, got, 300 * KIB, 0), 300 * KIB);
	assert_memory_equal(got, want, 300 * KIB);
	assert_int_equal(CALL(f, lseek, 2, 0, SEEK_SET), 0);
	assert_int_equal(CALL(f, read, 2, at + 77, 400 * KIB), 300 * KIB);
	get(f, at + 77, got, 300 * KIB);
	assert_memory_equal(got, want, 300 * KIB);
	free(want);
	free(got);
}

static void descriptors(void **state)
{
	struct fixture *f = *state;
	const uint64_t one[2] = {KIT_SCRATCH + PAGE_4K, 8};

	assert_int_equal(CALL(f, dup, 1), 2);
	assert_int_equal(CALL(f, fcntl, 1, F_DUPFD_CLOEXEC, 10), 10);
	assert_int_equal(CALL(f, fcntl, 10, F_GETFD), FD_CLOEXEC);
	assert_int_equal(CALL(f, fcntl, 10, F_SETFD, 0), 0);
	assert_int_equal(CALL(f, fcntl, 10, F_GETFD), 0);
	assert_int_equal(CALL(f, close, 1), 0);
	assert_int_equal(CALL(f, close, 1), -EBADF);
	assert_int_equal(CALL(f, write, 1, put(f, 0, "x", 1), 1), -EBADF);
	assert_int_equal(CALL(f, write, 10, KIT_SCRATCH, 1), 1);
	assert_int_equal(CALL(f, dup2, 10, 1), 1);
	assert_int_equal(CALL(f, dup2, 1, 1), 1);
	assert_int_equal(CALL(f, dup2, 99, 99), -EBADF);
	assert_int_equal(CALL(f, dup3, 1, 1, 0), -EINVAL);
	assert_int_equal(CALL(f, dup2, 1, EXEC_FILES_MAX), -EBADF);
	for (int i = 0; CALL(f, dup, 0) >= 0; i++)
		assert_true(i < EXEC_FILES_MAX);
	assert_int_equal(CALL(f, fcntl, EXEC_FILES_MAX - 1, F_GETFD), 0);
	assert_int_equal(CALL(f, dup, 0), -EMFILE);
	/* The caller's stream is as it was. */
	assert_int_equal(CALL(f, fcntl, 0, F_SETFL, O_NONBLOCK), 0);
	assert_false(fcntl(f->pipe[0], F_GETFL) & O_NONBLOCK);
	assert_true(CALL(f, fcntl, 0, F_GETFL) & O_NONBLOCK);
	/* But does not block the program: here is the byte that it wrote, by a vector of one, and no other. */
	put(f, 0, one, sizeof(one));
	assert_int_equal(CALL(f, readv, 0, KIT_SCRATCH, 1), 1);
	assert_int_equal(CALL(f, readv, 0, KIT_SCRATCH, 1), -EAGAIN);
	assert_int_equal(CALL(f, read, 0, KIT_SCRATCH, 1), -EAGAIN);
	assert_int_equal(CALL(f, ioctl, 0, 0x5401 /* TCGETS */, KIT_SCRATCH), -ENOTTY);
}

static void names(void **state)
{
	struct fixture *f = *state;
	uint64_t exe = put(f, 0, "/proc/self/exe", 15), other = put(f, 100, "/etc/passwd", 12);
	uint64_t empty = put(f, 200, "", 1), to = KIT_SCRATCH + PAGE_4K;
	struct stat st;
	char buf[16] = "";

	assert_int_equal(exec_proc_add(f->k.t.files), 0);
	assert_int_equal(CALL(f, readlink, exe, to, 100), 8);
	get(f, to, buf, 8);
	assert_memory_equal(buf, "/program", 8);
	assert_int_equal(CALL(f, readlinkat, (uint64_t)AT_FDCWD, exe, to, 3), 3);
	assert_int_equal(CALL(f, readlink, other, to, 100), -ENOENT);
	assert_int_equal(CALL(f, readlink, BAD, to, 100), -EFAULT);
	assert_int_equal(CALL(f, open, other, O_RDONLY, 0), -ENOENT);
	assert_int_equal(CALL(f, openat, (uint64_t)AT_FDCWD, other, O_WRONLY | O_CREAT, 0600), -ENOENT);
	assert_int_equal(CALL(f, open, put(f, 300, "/new", 5), O_WRONLY | O_CREAT, 0600), -EROFS);
	assert_int_equal(CALL(f, access, other, R_OK), -ENOENT);
	assert_int_equal(CALL(f, getcwd, to, 100), 2);
	assert_int_equal(CALL(f, getcwd, to, 1), -ERANGE);
	assert_int_equal(CALL(f, newfstatat, 0, empty, to, AT_EMPTY_PATH), 0);
	get(f, to, &st, sizeof(st));
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(CALL(f, newfstatat, 0, empty, to, 0), -ENOENT);
	assert_int_equal(CALL(f, fstat, 2, to), -EBADF);
}

/* The program itself and its libraries: a file of a page and 100 bytes. */
static void files(void **state)
{
	struct fixture *f = *state;
	struct libraries l = {.nr = 0};
	uint64_t name = put(f, 0, "/opt/x", 7), wrong = put(f, 100, "/opt/y", 7), local = put(f, 200, "opt/x", 6);
	uint64_t to = KIT_SCRATCH + PAGE_4K, at;
	uint8_t bytes[PAGE_4K + 100], got[sizeof(bytes)];
	struct stat st;
	struct statx x;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + 1);
	assert_int_equal(libraries_open(&l, kit_file(bytes, sizeof(bytes)), "/opt/x", NULL, NULL), 0);
	kit_task_libraries(&f->k, &l);
	assert_int_equal(CALL(f, open, wrong, O_RDONLY), -ENOENT);
	assert_int_equal(CALL(f, open, name, O_RDWR), -EROFS);
	assert_int_equal(CALL(f, open, name, O_RDONLY | O_TRUNC), -EROFS);
	assert_int_equal(CALL(f, open, name, O_RDONLY | O_DIRECTORY), -ENOTDIR);
	assert_int_equal(CALL(f, open, name, O_CREAT | O_EXCL), -EEXIST);
	assert_int_equal(CALL(f, access, name, R_OK), 0);
	assert_int_equal(CALL(f, access, name, W_OK), -EROFS);
	assert_int_equal(CALL(f, access, name, 8), -EINVAL);
	assert_int_equal(CALL(f, faccessat2, (uint64_t)AT_FDCWD, wrong, R_OK, 0), -ENOENT);
	assert_int_equal(CALL(f, stat, name, to), 0);
	get(f, to, &st, sizeof(st));
	assert_int_equal(st.st_size, sizeof(bytes));
	/* Its directory is there. */
	assert_int_equal(CALL(f, stat, put(f, 300, "/opt/", 6), to), 0);
	get(f, to, &st, sizeof(st));
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(CALL(f, open, KIT_SCRATCH + 300, O_RDONLY | O_DIRECTORY), 2);
	assert_int_equal(CALL(f, close, 2), 0);
	assert_int_equal(CALL(f, stat, put(f, 300, "/op", 4), to), -ENOENT);
	assert_int_equal(CALL(f, stat, put(f, 300, "/", 2), to), 0);
	assert_int_equal(CALL(f, openat, (uint64_t)AT_FDCWD, local, O_RDONLY | O_CLOEXEC), 2);
	assert_int_equal(CALL(f, fcntl, 2, F_GETFD), FD_CLOEXEC);
	assert_int_equal(CALL(f, fcntl, 2, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(CALL(f, fstat, 2, to), 0);
	assert_int_equal(CALL(f, statx, 2, put(f, 300, "", 1), AT_EMPTY_PATH, 0, to), 0);
	get(f, to, &x, sizeof(x));
	assert_int_equal(x.stx_size, sizeof(bytes));
	assert_int_equal(CALL(f, write, 2, to, 1), -EBADF);
	assert_int_equal(CALL(f, read, 2, to, 0), 0);
	assert_int_equal(CALL(f, read, 2, to, 10), 10);
	/* One position for both. */
	assert_int_equal(CALL(f, dup, 2), 3);
	assert_int_equal(CALL(f, read, 3, to + 10, 2 * PAGE_4K), sizeof(bytes) - 10);
	assert_int_equal(CALL(f, lseek, 2, 0, SEEK_CUR), sizeof(bytes));
	assert_int_equal(CALL(f, lseek, 2, 10, SEEK_SET), 10);
	get(f, to, got, sizeof(got));
	assert_memory_equal(got, bytes, sizeof(got));
	assert_int_equal(CALL(f, lseek, 3, 0, SEEK_END), sizeof(bytes));
	assert_int_equal(CALL(f, read, 3, to, 10), 0);
	assert_int_equal(CALL(f, lseek, 2, 10, SEEK_SET), 10);
	assert_int_equal(CALL(f, lseek, 2, 5, SEEK_CUR), 15);
	assert_int_equal(CALL(f, lseek, 2, -16ul, SEEK_CUR), -EINVAL);
	assert_int_equal(CALL(f, lseek, 2, -1ul, SEEK_END), sizeof(bytes) - 1);
	assert_int_equal(CALL(f, lseek, 2, 5, SEEK_HOLE), sizeof(bytes));
	assert_int_equal(CALL(f, lseek, 2, sizeof(bytes), SEEK_DATA), -ENXIO);
	assert_int_equal(CALL(f, lseek, 2, INT64_MAX, SEEK_END), -EOVERFLOW);
	assert_int_equal(CALL(f, pread64, 2, to, 4, 50), 4);
	get(f, to, got, 4);
	assert_memory_equal(got, bytes + 50, 4);
	assert_int_equal(CALL(f, pread64, 2, to, 4, -1ul), -EINVAL);
	assert_int_equal(CALL(f, pread64, 0, to, 4, 0), -ESPIPE);
	assert_int_equal(CALL(f, ioctl, 2, 0x541b /* FIONREAD */, to), -ENOTTY);
	assert_int_equal(CALL(f, mmap, 0, PAGE_4K, PROT_WRITE, MAP_SHARED, 2, 0), -EACCES);
	assert_int_equal(CALL(f, mmap, 0, PAGE_4K, PROT_READ, 0, 2, 0), -EINVAL);
	at = (uint64_t)CALL(f, mmap, 0, 4 * PAGE_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE, 2, 0);
	get(f, at, got, sizeof(got));
	assert_memory_equal(got, bytes, sizeof(got));
	get(f, at + sizeof(got), got, 100);
	assert_int_equal(got[0] | got[99], 0);
	/* Advice must not turn a file's bytes into zeroes. */
	assert_int_equal(CALL(f, madvise, at, PAGE_4K, MADV_DONTNEED), 0);
	get(f, at, got, 100);
	assert_memory_equal(got, bytes, 100);
	/* Behind the end */
	assert_int_equal(space_read(&f->k.t.space, at + 2 * PAGE_4K, got, 1), -EFAULT);
	exec_fault(&f->k.t, VECTOR_PF, PF_ERROR_U, at + 2 * PAGE_4K, 0x77);
	assert_int_equal(f->k.t.end.signal, SIGBUS);
	assert_int_equal(CALL(f, close, 2), 0);
	assert_int_equal(CALL(f, read, 2, to, 1), -EBADF);
	get(f, at, got, 100);
	assert_memory_equal(got, bytes, 100);
	for (int i = 0; CALL(f, open, name, O_RDONLY) >= 0; i++)
		assert_true(i < EXEC_FILES_MAX);
	assert_int_equal(CALL(f, open, name, O_RDONLY), -EMFILE);
	libraries_close(&l);
}

static void heap(void **state)
{
	struct fixture *f = *state;
	uint64_t start = (uint64_t)CALL(f, brk, 0);
	uint8_t byte = 5;

	assert_int_equal(start, f->k.t.heap);
	assert_int_equal(CALL(f, brk, start + 5000), start + 5000);
	assert_int_equal(space_write(&f->k.t.space, start + 4999, &byte, 1), 0);
	assert_int_equal(space_write(&f->k.t.space, start + 8192, &byte, 1), -EFAULT);
	assert_int_equal(CALL(f, brk, start + 10), start + 10);
	assert_int_equal(CALL(f, brk, start + 5000), start + 5000);
	get(f, start + 4999, &byte, 1);
	assert_int_equal(byte, 0);
	/* Not below its start, nor into another area. */
	assert_int_equal(CALL(f, brk, start - 1), start + 5000);
	assert_int_equal(CALL(f, brk, KIT_SCRATCH + 1), start + 5000);
	assert_int_equal(CALL(f, brk, UINT64_MAX), start + 5000);
}

static void maps(void **state)
{
	const uint64_t anon = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
	struct fixture *f = *state;
	uint64_t at = (uint64_t)CALL(f, mmap, 0, 3 * PAGE_4K, rw, anon, -1ul, 0);
	uint64_t word = 42;

	assert_true(at >= SPACE_LOW && at < f->k.t.top);
	assert_int_equal(CALL(f, mmap, at, PAGE_4K, rw, anon | MAP_FIXED_NOREPLACE, -1ul, 0), -EEXIST);
	assert_int_equal(CALL(f, mmap, 0, 0, rw, anon, -1ul, 0), -EINVAL);
	assert_int_equal(CALL(f, mmap, 0, UINT64_MAX, rw, anon, -1ul, 0), -ENOMEM);
	assert_int_equal(CALL(f, mmap, 0, PAGE_4K, rw, MAP_ANONYMOUS, -1ul, 0), -EINVAL);
	assert_int_equal(CALL(f, mmap, 0, PAGE_4K, rw, MAP_PRIVATE, 77, 0), -EBADF);
	assert_int_equal(CALL(f, mmap, 0, PAGE_4K, rw, MAP_PRIVATE, 0, 0), -ENODEV);
	assert_int_equal(CALL(f, mmap, 1, PAGE_4K, rw, anon | MAP_FIXED, -1ul, 0), -EINVAL);
	assert_int_equal(CALL(f, mmap, 0, PAGE_4K, rw, anon | MAP_FIXED, -1ul, 0), -EPERM);
	assert_int_equal(CALL(f, mmap, SPACE_HIGH, PAGE_4K, rw, anon | MAP_FIXED, -1ul, 0), -ENOMEM);
	assert_true(CALL(f, mmap, 0, PAGE_4K, rw, anon | MAP_32BIT, -1ul, 0) < INT64_C(0x80000000));
	assert_int_equal(space_write(&f->k.t.space, at, &word, 8), 0);
	assert_int_equal(CALL(f, mprotect, at, PAGE_4K, PROT_READ), 0);
	assert_int_equal(space_write(&f->k.t.space, at, &word, 8), -EFAULT);
	assert_int_equal(CALL(f, mprotect, at, 9 * PAGE_4K, PROT_READ), -ENOMEM);
	assert_int_equal(CALL(f, mprotect, at, PAGE_4K, rw), 0);
	assert_int_equal(CALL(f, mremap, at, 3 * PAGE_4K, 4 * PAGE_4K, 0), at);
	assert_int_equal(CALL(f, munmap, at + 3 * PAGE_4K, PAGE_4K), 0);
	assert_int_equal(CALL(f, mmap, at + 3 * PAGE_4K, PAGE_4K, rw, anon | MAP_FIXED, -1ul, 0), at + 3 * PAGE_4K);
	assert_int_equal(CALL(f, mprotect, at + 3 * PAGE_4K, PAGE_4K, PROT_READ), 0);
	assert_int_equal(CALL(f, mremap, at, 3 * PAGE_4K, 4 * PAGE_4K, 0), -ENOMEM);
	at = (uint64_t)CALL(f, mremap, at, 3 * PAGE_4K, 40 * PAGE_4K, MREMAP_MAYMOVE);
	word = 0;
	get(f, at, &word, 8);
	assert_int_equal(word, 42);
	assert_int_equal(CALL(f, madvise, at, PAGE_4K, MADV_DONTNEED), 0);
	get(f, at, &word, 8);
	assert_int_equal(word, 0);
	assert_int_equal(CALL(f, munmap, at, 40 * PAGE_4K), 0);
	assert_int_equal(CALL(f, munmap, at, 40 * PAGE_4K), 0);
	assert_int_equal(CALL(f, munmap, at + 1, PAGE_4K), -EINVAL);
	assert_int_equal(CALL(f, munmap, at, 0), -EINVAL);
	assert_int_equal(CALL(f, madvise, at, PAGE_4K, MADV_DONTNEED), -ENOMEM);
}

static void signals(void **state)
{
	struct fixture *f = *state;
	struct exec_action ignore = {.handler = 1};
	uint64_t set = BIT(SIGTERM - 1) | BIT(SIGKILL - 1), old = 7;

	assert_int_equal(CALL(f, rt_sigaction, SIGUSR1, put(f, 0, &ignore, sizeof(ignore)), 0, 8), 0);
	assert_int_equal(CALL(f, kill, EXEC_PID, SIGUSR1), 0);
	assert_int_equal(CALL(f, kill, EXEC_PID, SIGCHLD), 0);
	assert_int_equal(CALL(f, kill, EXEC_PID, 0), 0);
	assert_int_equal(CALL(f, kill, 77, SIGTERM), -ESRCH);
	assert_int_equal(CALL(f, kill, EXEC_PID, 65), -EINVAL);
	assert_int_equal(CALL(f, rt_sigaction, SIGKILL, KIT_SCRATCH, 0, 8), -EINVAL);
	assert_int_equal(CALL(f, rt_sigaction, 0, KIT_SCRATCH, 0, 8), -EINVAL);
	assert_int_equal(CALL(f, rt_sigaction, 65, KIT_SCRATCH, 0, 8), -EINVAL);
	assert_int_equal(CALL(f, rt_sigprocmask, SIG_BLOCK, put(f, 0, &set, 8), KIT_SCRATCH + 8, 8), 0);
	get(f, KIT_SCRATCH + 8, &old, 8);
	assert_int_equal(old, 0);
	assert_int_equal(CALL(f, tgkill, EXEC_PID, EXEC_PID, SIGTERM), 0);
	assert_false(f->k.t.end.ended);
	assert_int_equal(CALL(f, rt_sigpending, KIT_SCRATCH + 8, 8), 0);
	get(f, KIT_SCRATCH + 8, &old, 8);
	assert_int_equal(old, BIT(SIGTERM - 1));
	assert_int_equal(CALL(f, rt_sigprocmask, SIG_UNBLOCK, KIT_SCRATCH, 0, 8), 0);
	assert_true(f->k.t.end.ended);
	assert_int_equal(f->k.t.end.signal, SIGTERM);
}

static void a_reader_that_is_gone(void **state)
{
	struct fixture *f = *state;
	struct exec_action ignore = {.handler = 1}, none = {.handler = 0};
	void (*was)(int) = signal(SIGPIPE, SIG_IGN);

	close(f->pipe[0]);
	f->pipe[0] = -1;
	CALL(f, rt_sigaction, SIGPIPE, put(f, 0, &ignore, sizeof(ignore)), 0, 8);
	assert_int_equal(CALL(f, write, 1, KIT_SCRATCH, 1), -EPIPE);
	assert_false(f->k.t.end.ended);
	CALL(f, rt_sigaction, SIGPIPE, put(f, 0, &none, sizeof(none)), 0, 8);
	CALL(f, write, 1, KIT_SCRATCH, 1);
	assert_true(f->k.t.end.ended && f->k.t.end.signal == SIGPIPE);
	signal(SIGPIPE, was);
}

static void exceptions(void **state)
{
	static const struct {
		unsigned vector;
		uint64_t error;
		uint64_t address;
		int signal;
		const char *words;
	} rows[] = {
		{VECTOR_DE, 0, 0, SIGFPE, "divide error; RIP 0x77"},
		{VECTOR_DB, 0, 0, SIGTRAP, "debug exception; RIP 0x77"},
		{VECTOR_BP, 0, 0, SIGTRAP, "breakpoint; RIP 0x77"},
		{VECTOR_UD, 0, 0, SIGILL, "invalid opcode; RIP 0x77"},
		{VECTOR_GP, 0, 0, SIGSEGV, "general protection fault; RIP 0x77"},
		{VECTOR_AC, 0, 0, SIGBUS, "alignment check; RIP 0x77"},
		{VECTOR_XM, 0, 0, SIGFPE, "SIMD floating-point exception; RIP 0x77"},
		{VECTOR_PF, PF_ERROR_U, BAD, SIGSEGV, "read of address 0x123000, where nothing is mapped; RIP 0x77"},
		{VECTOR_PF, PF_ERROR_U | PF_ERROR_I, KIT_SCRATCH, SIGSEGV,
			"jump to address 0x10000000, where it may not; RIP 0x77"},
		{VECTOR_PF, PF_ERROR_U | PF_ERROR_W, UINT64_MAX, SIGSEGV,
			"write to address 0xffffffffffffffff, where nothing is mapped; RIP 0x77"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		f->k.t.end = (struct exec_end){0};
		exec_fault(&f->k.t, rows[i].vector, rows[i].error, rows[i].address, 0x77);
		assert_true(f->k.t.end.ended);
		assert_int_equal(f->k.t.end.signal, rows[i].signal);
		assert_string_equal(f->k.t.end.words, rows[i].words);
	}
	f->k.t.end = (struct exec_end){0};
	exec_fault(&f->k.t, VECTOR_PF, PF_ERROR_U | PF_ERROR_W, KIT_SCRATCH, 0x77);
	assert_false(f->k.t.end.ended);
}

/* A program that uses up its memory is killed, whether it writes to it itself or a system call does. */
static void out_of_memory(void **state)
{
	const uint64_t rw = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;

	for (int by_call = 0; by_call < 2; by_call++) {
		struct fixture *f = *state;
		uint64_t at = (uint64_t)CALL(f, mmap, 0, GIB, rw, anon, -1ul, 0), end = at + GIB;

		f->k.t.space.empty = false;
		f->k.t.end = (struct exec_end){0};
		for (; !f->k.t.end.ended && at < end; at += PAGE_4K)
			if (by_call)
				CALL(f, clock_gettime, 0, at);
			else
				exec_fault(&f->k.t, VECTOR_PF, PF_ERROR_U | PF_ERROR_W, at, 0x77);
		assert_true(f->k.t.end.ended && f->k.t.end.signal == SIGKILL);
		assert_string_equal(f->k.t.end.words, "it has touched all memory of --mem");
	}
}

static void bases(void **state)
{
	struct fixture *f = *state;
	uint64_t base;

	assert_int_equal(CALL(f, arch_prctl, ARCH_SET_FS, 0x1234), 0);
	assert_int_equal(f->k.base[0], 0x1234);
	assert_int_equal(CALL(f, arch_prctl, ARCH_GET_FS, KIT_SCRATCH), 0);
	get(f, KIT_SCRATCH, &base, 8);
	assert_int_equal(base, 0x1234);
	assert_int_equal(CALL(f, arch_prctl, ARCH_SET_GS, UINT64_C(1) << 63), -EPERM);
	assert_int_equal(CALL(f, arch_prctl, 0x3001, 0), -EINVAL);
}

static void waiting(void **state)
{
	struct fixture *f = *state;
	const uint64_t none[2] = {0, 1000000}, wrong[2] = {0, 1000000000};
	struct pollfd p[3] = {{.fd = 0, .events = POLLIN}, {.fd = 99, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	uint32_t word = 3;

	/* Linux sleeps by four of its clocks: clock_nanosleep(2). */
	for (uint64_t clock = 0; clock < 20; clock++) {
		bool can = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
			clock == CLOCK_TAI;

		assert_int_equal(CALL(f, clock_nanosleep, clock, 0, put(f, 0, none, 16), 0), can ? 0 : -EINVAL);
	}
	assert_int_equal(CALL(f, nanosleep, put(f, 0, none, 16), 0), 0);
	assert_int_equal(CALL(f, nanosleep, put(f, 0, wrong, 16), 0), -EINVAL);
	assert_int_equal(CALL(f, futex, put(f, 0, &word, 4), 0, 4, 0, 0, 0), -EAGAIN);
	assert_int_equal(CALL(f, futex, KIT_SCRATCH, 0, 3, put(f, 16, none, 16), 0, 0), -ETIMEDOUT);
	assert_int_equal(CALL(f, futex, KIT_SCRATCH, 1, 3), 0);
	assert_int_equal(CALL(f, poll, put(f, 0, p, 8), 1, 0), 0);
	assert_int_equal(CALL(f, poll, put(f, 0, p, sizeof(p)), 3, UINT32_MAX), 1);
	get(f, KIT_SCRATCH, p, sizeof(p));
	assert_true(!p[0].revents && p[1].revents == POLLNVAL && !p[2].revents);
	kit_must(write(f->pipe[1], "x", 1) == 1);
	assert_int_equal(CALL(f, poll, put(f, 0, p, 8), 1, UINT32_MAX), 1);
	/* When the run ends, every blocking call returns. */
	f->k.stop = true;
	assert_int_equal(CALL(f, pause), -EINTR);
	assert_int_equal(CALL(f, nanosleep, put(f, 0, (const uint64_t[]){1000000, 0}, 16), 0), -EINTR);
	assert_int_equal(CALL(f, futex, put(f, 0, &word, 4), 0, 3, 0, 0, 0), -EINTR);
}

static void the_rest(void **state)
{
	struct fixture *f = *state;
	uint8_t a[40], b[40];

	assert_int_equal(CALL(f, getpid), EXEC_PID);
	assert_int_equal(CALL(f, getuid), EXEC_ID);
	assert_int_equal(CALL(f, fork), -ENOSYS);
	assert_int_equal(CALL(f, wait4, -1ul, 0, 0, 0), -ECHILD);
	assert_int_equal(exec_call(&f->k.t, 9999, (const uint64_t[6]){0}), -ENOSYS);
	assert_int_equal(exec_call(&f->k.t, UINT64_MAX, (const uint64_t[6]){0}), -ENOSYS);
	assert_int_equal(CALL(f, uname, KIT_SCRATCH), 0);
	get(f, KIT_SCRATCH, a, 6);
	assert_string_equal((const char *)a, "Linux");
	assert_int_equal(CALL(f, getrandom, KIT_SCRATCH + PAGE_4K - 20, 40, 0), 40);
	get(f, KIT_SCRATCH + PAGE_4K - 20, a, 40);
	assert_int_equal(CALL(f, getrandom, KIT_SCRATCH + PAGE_4K - 20, 40, 0), 40);
	get(f, KIT_SCRATCH + PAGE_4K - 20, b, 40);
	assert_memory_not_equal(a, b, 40);
	assert_int_equal(CALL(f, getrandom, KIT_SCRATCH, 40, 8), -EINVAL);
	assert_int_equal(CALL(f, exit_group, 0x1ff), 0);
	assert_true(f->k.t.end.ended && !f->k.t.end.signal && f->k.t.end.status == 0xff);
}

static void as_strace_prints(void **state)
{
	struct fixture *f = *state;
	char line[512];
	uint64_t at = put(f, 0, "a\n\"\\\x01\x37\x80zz", 10);
	size_t n = exec_call_text(&f->k.t, SYS_write, (const uint64_t[6]){1, at, 7}, 7, line, sizeof(line));

	exec_result_text(&f->k.t, SYS_write, 7, line + n, sizeof(line) - n);
	assert_string_equal(line, "write(1, \"a\\n\\\"\\\\\\0017\\200\", 7)         = 7\n");
	n = exec_call_text(&f->k.t, SYS_mmap,
		(const uint64_t[6]){0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1ul, 0}, 0x7000,
		line, sizeof(line));
	exec_result_text(&f->k.t, SYS_mmap, 0x7000, line + n, sizeof(line) - n);
	assert_string_equal(
		line, "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, NULL) = 0x7000\n");
	n = exec_call_text(&f->k.t, SYS_open, (const uint64_t[6]){BAD, 0, 0}, -EFAULT, line, sizeof(line));
	exec_result_text(&f->k.t, SYS_open, -EFAULT, line + n, sizeof(line) - n);
	assert_string_equal(line, "open(0x123000, NULL, 00)                = -1 EFAULT (Bad address)\n");
	assert_int_equal(exec_call_text(&f->k.t, SYS_write, (const uint64_t[6]){1, at, 7}, 7, line, 10), 9);
}

/* Every row has only letters that --trace-calls knows, and the host's number for the call. */
static void the_table(void **state)
{
	unsigned nr = 0;

	for (uint64_t i = 0; i < EXEC_NR_MAX; i++) {
		const struct exec_row *row = exec_row(i);

		if (!row)
			continue;
		nr++;
		assert_true(strlen(row->args) <= 6 && strspn(row->args, "duxosbBpm") == strlen(row->args));
		assert_non_null(row->handler);
		if (row->handler == exec_sys_missing)
			assert_true(*row->note);
	}
	assert_true(nr > 80);
	assert_string_equal(exec_row(SYS_write)->name, "write");
	assert_null(exec_row(EXEC_NR_MAX));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(streams),
		TEST(more_than_one_window),
		TEST(descriptors),
		TEST(names),
		TEST(files),
		TEST(heap),
		TEST(maps),
		TEST(signals),
		TEST(a_reader_that_is_gone),
		TEST(exceptions),
		TEST(out_of_memory),
		TEST(bases),
		TEST(waiting),
		TEST(the_rest),
		TEST(as_strace_prints),
		TEST(the_table),
	};

	return run_group(tests);
}
