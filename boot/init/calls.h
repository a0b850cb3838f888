/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls and strings of the guest's programs that have no C library: init and vmm-mark.
 */
#ifndef BOOT_INIT_CALLS_H
#define BOOT_INIT_CALLS_H

#include <asm/unistd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's numbers, where its headers for programs have them only beside definitions that conflict. */
#define EINTR                       4
#define EIO                         5
#define EAGAIN                      11
#define ENOENT                      2
#define EACCES                      13
#define EEXIST                      17
#define ENODEV                      19
#define ENOTDIR                     20
#define SIGKILL                     9
#define SIGCHLD                     17
#define SIG_SETMASK                 2
#define POLLIN                      1
#define POLLOUT                     4
#define POLLERR                     8
#define POLLHUP                     16
#define AF_INET                     2
#define SOCK_DGRAM                  2
#define SIOCSIFFLAGS                0x8914
#define IFF_UP                      1
#define RNDADDENTROPY               0x40085203
#define RNDRESEEDCRNG               0x5207
#define TIOCSCTTY                   0x540e
#define TIOCSWINSZ                  0x5414
#define TIOCSPTLCK                  0x40045431
#define TIOCGPTPEER                 0x5441
#define PROT_RW                     3
#define MAP_PRIVATE_ANONYMOUS       0x22
#define MODULE_INIT_COMPRESSED_FILE 4

#define BUFFER     32768 /* as much as the driver of a port takes at once */
#define PATH_BYTES 4096

struct pollfd {
	int fd;
	short events, revents;
};

static inline long call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define CALL1(nr, a)                call(__NR_##nr, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(nr, a, b)             call(__NR_##nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(nr, a, b, c)          call(__NR_##nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(nr, a, b, c, d)       call(__NR_##nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL5(nr, a, b, c, d, e)    call(__NR_##nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define CALL6(nr, a, b, c, d, e, f) call(__NR_##nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* init.c; the compiler makes calls of these. */
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);

static inline size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static inline bool begins(const char *s, const char *with)
{
	for (; *with; s++, with++)
		if (*s != *with)
			return false;
	return true;
}

/** struct text - a line or a path in the making; what does not fit is cut */
struct text {
	char s[PATH_BYTES];
	size_t n;
};

static inline void put(struct text *t, const char *s)
{
	while (*s && t->n < sizeof(t->s) - 1)
		t->s[t->n++] = *s++;
	t->s[t->n] = 0;
}

static inline void put_number(struct text *t, unsigned long n)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	put(t, digits + at);
}

static inline void put_error(struct text *t, long r)
{
	static const struct {
		int number;
		const char *words;
	} known[] = {{ENOENT, "no such file or directory"}, {EACCES, "permission denied"}, {ENODEV, "no such device"},
		{ENOTDIR, "not a directory"}, {8, "not a program that this kernel runs"}, {7, "too long"},
		{40, "too many symbolic links"}, {1, "not permitted"}, {12, "out of memory"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i].number == -r) {
			put(t, known[i].words);
			return;
		}
	}
	put(t, "error ");
	put_number(t, (unsigned long)-r);
}

static inline void write_all(int fd, const void *data, size_t n)
{
	for (size_t at = 0; at < n;) {
		long r = CALL3(write, fd, (const char *)data + at, n - at);

		if (r == -EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			CALL3(poll, &p, 1, -1);
		} else if (r <= 0 && r != -EINTR) {
			return;
		} else if (r > 0) {
			at += (size_t)r;
		}
	}
}

#endif
