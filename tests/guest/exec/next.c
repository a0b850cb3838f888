// SPDX-License-Identifier: Apache-2.0
/*
 * A program with inputs, for tests/integration/exec-each.test: the first letter of a line says what happens to its
 * state, and the answer has what it found. The first argument says what is done before the first vmm_next().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "vmm/exec/vmm-guest.h"

#define MANY 64

static char line[4096];
static int count, file = -1, pipes[2] = {-1, -1};
static char *pages, *gone;
static double sum = 1;
static volatile int alarms;

static void on_alarm(int signal)
{
	alarms++;
}

/* A signal that is handled while the program asks for its next input, and that asks itself. */
static void on_user(int signal)
{
	printf("in the handler\n");
	fflush(stdout);
	vmm_next(line, sizeof(line));
	printf("never\n");
}

void *spin(void *arg)
{
	for (;;)
		count++;
	return NULL;
}

static void *ask(void *arg)
{
	printf("in a thread\n");
	fflush(stdout);
	vmm_next(line, sizeof(line));
	return NULL;
}

static void start(void *(*fn)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, NULL))
		abort();
	if (fn == ask)
		pthread_join(t, NULL);
}

/* Each page is what it was before the first input; then it is changed. */
static void check_pages(void)
{
	unsigned bad = 0;
	char *more = mmap(NULL, MANY * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < MANY; i++) {
		bad += pages[i * 4096] != (char)i || pages[i * 4096 + 4095] != 'z' || more[i * 4096];
		pages[i * 4096] = pages[i * 4096 + 4095] = more[i * 4096] = 'X';
	}
	printf("%u bad of %d, break %d", bad, MANY, (int)((char *)sbrk(8192) - gone));
}

/* The mappings themselves. */
static void unmap(void)
{
	struct stat st;
	char *moved;

	mprotect(pages, 4096, PROT_READ);
	pages[5 * 4096] = 'Y';
	moved = mremap(pages + 8 * 4096, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, pages + 200 * 4096);
	munmap(pages + 4 * 4096, 2 * 4096);
	madvise(pages + 12 * 4096, 4096, MADV_DONTNEED);
	mmap(pages + 4 * 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	pages[4 * 4096] = 'N';
	printf("moved %d, discarded %d, file %d", *moved, pages[12 * 4096], fstat(file, &st));
}

static void files(void)
{
	char text[8] = "", more[8] = "";
	int n = (int)read(file, text, 3), other = open("/tmp/new", O_RDWR | O_CREAT | O_EXCL, 0600), p;

	p = (int)read(pipes[0], more, 3);
	printf("read %d %s, new %d, pipe %d %s, cwd %s", n, text, other, p, more, get_current_dir_name());
	if (write(other, "abc", 3) != 3 || write(pipes[1], "xy", 2) != 2)
		abort();
	if (unlink("/tmp/old") < 0 || chdir("/tmp") < 0 || close(file) < 0 || close(pipes[0]) < 0)
		printf("%s\n", strerror(errno));
}

static void answer(const char *what, long n)
{
	uint64_t r;

	switch (*what) {
	case 'e':
		fwrite(what, 1, (size_t)n - 1, stdout);
		printf(" %d %g", ++count, sum *= 2);
		break;
	case 'w': pause(); /* fallthrough */
	case 'a': printf("%d alarms", alarms); break;
	case 'A': setitimer(ITIMER_REAL, &(struct itimerval){{0, 1000}, {0, 1000}}, NULL); break;
	case 'C': *(volatile int *)8 = 1; break;
	case 'E': exit(7);
	case 'Z': exit(0);
	case 'S':
		for (;;)
			count++;
	case 'W': pause(); break;
	case 'm': check_pages(); break;
	case 'u': unmap(); break;
	case 'f': files(); break;
	case 'T': start(spin); break;
	case 't': start(ask); break;
	case 'U': raise(SIGUSR1); break;
	case 'r':
		if (getrandom(&r, sizeof(r), 0) != sizeof(r))
			abort();
		printf("%016llx", (unsigned long long)r);
		break;
	case 'n': printf("%ld %ld %ld", vmm_next((void *)16, 100), vmm_next(line, 0), vmm_next(line, -1UL)); break;
	case 'i': printf("%ld bytes in, %zd from stdin", n, read(0, line, 10)); break;
	case 'M':
		for (;;)
			*(volatile char *)mmap(
				NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = 1;
	default: printf("?"); break;
	}
}

/* --- For --call --------------------------------------------------------------------------------------------------- */

long add(long a, long b)
{
	return a + b;
}

long bump(void)
{
	return ++count;
}

long text(const char *from, char *to)
{
	printf("said %s\n", from);
	fflush(stdout);
	return (long)strlen(strcpy(to, from));
}

long bytes(const uint8_t *data, long n)
{
	long all = 0;

	while (n--)
		all += data[n];
	return all;
}

void break_down(void)
{
	*(volatile int *)8 = 1;
}

void leave(void)
{
	exit(9);
}

static void prepare(const char *how)
{
	signal(SIGALRM, on_alarm);
	signal(SIGUSR1, on_user);
	pages = mmap(NULL, 256 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < MANY; i++) {
		pages[i * 4096] = (char)i;
		pages[i * 4096 + 4095] = 'z';
	}
	file = open("/tmp/old", O_RDWR | O_CREAT, 0600);
	if (file >= 0 && (write(file, "0123456789", 10) != 10 || lseek(file, 2, SEEK_SET) != 2))
		abort();
	if (pipe(pipes) < 0 || write(pipes[1], "pqrst", 5) != 5)
		abort();
	gone = sbrk(0);
	if (!strcmp(how, "exit"))
		exit(3);
	if (!strcmp(how, "crash"))
		abort();
	if (!strcmp(how, "threads"))
		start(spin);
	if (!strcmp(how, "hang"))
		pause();
	if (!strcmp(how, "alarm"))
		setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 200000}}, NULL);
}

int main(int argc, char **argv)
{
	long n;

	prepare(argc > 1 ? argv[1] : "");
	printf("nobody sees this\n");
	fflush(stdout);
	while ((n = vmm_next(line, argc > 2 ? (unsigned long)atol(argv[2]) : sizeof(line))) > 0) {
		answer(line, n);
		printf("\n");
		fflush(stdout);
	}
	printf("no input: %ld\n", n);
	return n < 0;
}
