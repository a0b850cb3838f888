// SPDX-License-Identifier: Apache-2.0
/*
 * A static program for tests/integration/exec.test, run natively and by `vmm exec`: probe WHAT. Each ends in an
 * exception, a signal, or text that must be the same in both.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char *map(size_t len, int prot)
{
	char *p = mmap(NULL, len, prot, ANON | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		perror("mmap");
	return p;
}

static void null(void)
{
	*(volatile int *)0 = 1;
}
static void trap(void)
{
	__builtin_trap();
}
static void divide(void)
{
	asm volatile("xor %%ecx, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx");
}
static void int3(void)
{
	asm volatile("int3");
}
static void int1(void)
{
	asm volatile(".byte 0xf1");
}
static void hlt(void)
{
	asm volatile("hlt");
}
static void in(void)
{
	asm volatile("inb $0xf0, %%al" ::: "rax");
}
static void out(void)
{
	asm volatile("outb %%al, $0xf0" ::: "rax");
}
static void outs(void)
{
	asm volatile("outb %%al, $0xf1" ::: "rax");
}
static void cli(void)
{
	asm volatile("cli");
}
static void lret(void)
{
	asm volatile("push $0x10; push $0; lretq");
}
static void noncanonical(void)
{
	asm volatile("mov $1, %%rax; shl $63, %%rax; mov (%%rax), %%rax" ::: "rax");
}
static void step(void)
{
	asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ::: "cc", "memory");
}
static void align(void)
{
	asm volatile("pushfq; orq $0x40000, (%%rsp); popfq; mov %%rsp, %%rax; mov 1(%%rax), %%eax" ::: "rax");
}
/* In none of ours is there a kernel to be seen, and a jump to where SYSCALL goes leads nowhere. */
static void stub(void)
{
	asm volatile("mov $0xffffffff80001000, %%rax; mov (%%rax), %%rax" ::: "rax");
}
static void jump(void)
{
	asm volatile(
		"xor %%ecx, %%ecx; mov $39, %%edx; mov $0xffffffff80001000, %%rax; xchg %%rdx, %%rax; jmp *%%rdx" ::
			: "rax", "rcx", "rdx");
}
static void jump_far(void)
{
	asm volatile("mov $-1, %%rcx; mov $0xffffffff80001000, %%rdx; mov $39, %%eax; jmp *%%rdx" ::
			     : "rax", "rcx", "rdx");
}

static void int80(void)
{
	asm volatile("mov $20, %%eax; int $0x80" ::: "rax");
}
static void sysenter(void)
{
	asm volatile("sysenter" ::: "rcx", "rdx");
}
static void vmcall(void)
{
	asm volatile(".byte 0x0f, 0x01, 0xc1" ::: "rax");
}

static void recurse(volatile char *above)
{
	volatile char here[4096];

	here[0] = *above;
	recurse(here);
	here[1] = here[0];
}

/* Stacks, flags and selectors that a handler in ring 0 must not trip over. */
static void stack_high(void)
{
	asm volatile("mov $0xffffffff80002400, %%rsp; push %%rax" ::: "memory");
}
static void stack_odd(void)
{
	asm volatile("mov $1, %%eax; shl $62, %%rax; mov %%rax, %%rsp; int3" ::: "memory");
}
static void stack_none(void)
{
	asm volatile("xor %%esp, %%esp; ud2" ::: "memory");
}
/* A system call with AC, DF and NT set: AC and DF are the program's again behind it (NT not on every KVM). */
static void flags(void)
{
	unsigned long after;
	long r;

	asm volatile("pushfq; orq $0x44400, (%%rsp); popfq; mov $39, %%eax; syscall; pushfq; pop %1; cld;"
		     "pushfq; andq $~0x44000, (%%rsp); popfq"
		     : "=a"(r), "=r"(after)::"rcx", "r11", "memory", "cc");
	printf("%d %lx\n", r > 0, after & 0x40400);
}
static void step_call(void)
{
	asm volatile("mov $39, %%eax; pushfq; orq $0x100, (%%rsp); popfq; syscall; nop" ::: "rax", "rcx", "r11", "cc");
}
/* R10 of a call, and all other registers, survive it. */
static void registers(void)
{
	unsigned long r[6];

	asm volatile("mov $39, %%eax; mov $11, %%rdi; mov $12, %%rsi; mov $13, %%rdx; mov $14, %%r10; mov $15, %%r8;"
		     "mov $16, %%r9; syscall; mov %%rdi, %0; mov %%rsi, 8+%0; mov %%rdx, 16+%0; mov %%r10, 24+%0;"
		     "mov %%r8, 32+%0; mov %%r9, 40+%0"
		     : "=m"(r)::"rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
	for (int i = 0; i < 6; i++)
		printf("%lu\n", r[i]);
}
static void selector(void)
{
	asm volatile("mov $0x10, %%eax; mov %%eax, %%ds" ::: "rax");
}
/* A far jump to the selector of the TSS */
static void tss(void)
{
	asm volatile("sub $16, %%rsp; movl $0, (%%rsp); movl $0x40, 4(%%rsp); ljmp *(%%rsp)" ::: "memory");
}
static void swapgs(void)
{
	asm volatile("swapgs");
}
static void sysret(void)
{
	asm volatile("sysretq");
}
static void cr3(void)
{
	asm volatile("mov %%cr3, %%rax" ::: "rax");
}
static void wrmsr(void)
{
	asm volatile("mov $0xc0000082, %%ecx; wrmsr" ::: "rcx");
}
static void invlpg(void)
{
	asm volatile("invlpg (%rsp)");
}

/* What is not the program's is of no use as an address of a system call. */
static void tables(void)
{
	static const unsigned long at[] = {0xffffffff80000000, 0xffffffff80001000, 0xffffffff80002000,
		0xffff800000000000, 0x7ffffffff000, 0x800000000000, 0, 0x1000};
	struct timespec t = {0, 0};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct iovec v = {(void *)at[i], 8};
		struct iovec both[2] = {{"x", 0}, v};

		wrong += write(1, (void *)at[i], 8) != -1 || errno != EFAULT;
		wrong += syscall(SYS_readv, 0, &v, 1) != -1 || errno != EFAULT;
		wrong += syscall(SYS_writev, 1, both, 2) != -1 || errno != EFAULT;
		wrong += syscall(SYS_clock_gettime, CLOCK_MONOTONIC, at[i]) != -1 || errno != EFAULT;
		wrong += syscall(SYS_nanosleep, at[i], &t) != -1 || errno != EFAULT;
		wrong += syscall(SYS_mprotect, at[i], 4096, RW) != -1;
		wrong += syscall(SYS_munmap, at[i], 4096) != (at[i] < 0x10000 ? 0 : -1);
		wrong += syscall(SYS_mmap, at[i], 4096, RW, ANON | MAP_FIXED, -1, 0) != -1;
		wrong += syscall(SYS_mremap, at[i], 4096, 8192, MREMAP_MAYMOVE) != -1;
	}
	printf("%d wrong\n", wrong);
}

static void overflow(void)
{
	volatile char first = 1;

	recurse(&first);
}

static void protect(void)
{
	char *p = map(8192, RW);

	p[0] = 1;
	mprotect(p, 4096, PROT_READ);
	printf("%d\n", p[0]);
	fflush(stdout);
	p[0] = 2;
}

static void gone(void)
{
	char *p = map(8192, RW);

	p[4096] = 1;
	munmap(p + 4096, 4096);
	puts("unmapped");
	fflush(stdout);
	p[4096] = 2;
}

static void noexec(void)
{
	char *p = map(4096, RW);

	p[0] = (char)0xc3;
	((void (*)(void))p)();
}

static void exec(void)
{
	char *p = map(4096, RW);

	p[0] = (char)0xc3;
	mprotect(p, 4096, PROT_READ | PROT_EXEC);
	((void (*)(void))p)();
	puts("ran");
}

static void reserve(void)
{
	char *p = map(1ul << 42, PROT_NONE);

	mprotect(p + (1ul << 41), 4096, RW);
	p[1ul << 41] = 7;
	printf("%d %d\n", p[1ul << 41], munmap(p, 1ul << 42));
}

/* Pages that come back are zero, however often, and none is given twice. */
static void churn(void)
{
	int dirty = 0;

	for (int i = 0; i < 60; i++) {
		char *p = map(65536, RW);

		for (int j = 0; j < 65536; j += 4096) {
			dirty += p[j] != 0;
			p[j] = (char)(i + 1);
		}
		if (i & 1)
			madvise(p, 32768, MADV_DONTNEED);
		for (int j = 0; j < 65536; j += 4096)
			dirty += p[j] != (i & 1 && j < 32768 ? 0 : (char)(i + 1));
		munmap(p, 65536);
	}
	printf("%d dirty pages\n", dirty);
}

static void move(void)
{
	char *p = map(4 * 4096, RW), *q;
	int wrong = 0;

	for (int i = 0; i < 4; i++)
		p[i * 4096] = (char)(i + 1);
	q = mremap(p, 4 * 4096, 400 * 4096, MREMAP_MAYMOVE);
	for (int i = 0; i < 4; i++)
		wrong += q[i * 4096] != i + 1;
	q[399 * 4096] = 9;
	q = mremap(q, 400 * 4096, 2 * 4096, 0);
	printf("%d wrong, %d %d\n", wrong, q[0], q[4096]);
}

static void heap(void)
{
	char *p = malloc(1 << 20);

	memset(p, 7, 1 << 20);
	for (int i = 2; i < 12; i++)
		p = realloc(p, (size_t)i << 20);
	printf("%d %d\n", p[0], p[(1 << 20) - 1]);
	p = sbrk(0);
	sbrk(8192);
	p[8191] = 3;
	sbrk(-8192);
	printf("%d\n", (int)((char *)sbrk(0) - p));
}

/* Not Linux's own answers but errno values: what every argument that is wrong gives. */
static void errors(void)
{
	static const long calls[][7] = {
		{SYS_write, 1, 8, 5},
		{SYS_write, 77, 0, 0},
		{SYS_read, -1, 0, 0},
		{SYS_close, 99},
		{SYS_fstat, 1, 8},
		{SYS_mmap, 0, 0, 3, ANON, -1, 0},
		{SYS_mmap, 0, -1, 3, ANON, -1, 0},
		{SYS_mmap, 0, 4096, 3, 0, -1, 0},
		{SYS_mmap, 1, 4096, 3, ANON | MAP_FIXED, -1, 0},
		{SYS_mmap, 0, 4096, 3, MAP_PRIVATE, 99, 0},
		{SYS_mmap, 0, 4096, 3, MAP_PRIVATE, 0, 1},
		{SYS_munmap, 1, 4096},
		{SYS_munmap, 4096, 0},
		{SYS_munmap, 1l << 20, 4096},
		{SYS_mprotect, 1, 4096, 1},
		{SYS_mprotect, 1l << 20, 4096, 1},
		{SYS_mprotect, 4096, 0, 1},
		{SYS_madvise, 1, 4096, 4},
		{SYS_madvise, 1l << 20, 4096, 4},
		{SYS_madvise, 1l << 20, 4096, 12345},
		{SYS_mremap, 1l << 20, 4096, 8192, 0},
		{SYS_mremap, 1l << 20, 4096, 0, 0},
		{SYS_dup2, 1, 1},
		{SYS_dup2, 99, 1},
		{SYS_dup3, 1, 1, 0},
		{SYS_fcntl, 99, F_GETFD},
		{SYS_lseek, 99, 0, 0},
		{SYS_kill, 99999999, 0},
		{SYS_kill, 0, 0},
		{SYS_rt_sigaction, SIGKILL, 8, 0, 8},
		{SYS_rt_sigaction, 0, 0, 0, 8},
		{SYS_rt_sigaction, 1, 0, 0, 4},
		{SYS_rt_sigprocmask, 0, 8, 0, 8},
		{SYS_nanosleep, 8, 0},
		{SYS_clock_gettime, 99, 0},
		{SYS_clock_gettime, 1, 8},
		{SYS_getrandom, 8, 8, 0},
		{SYS_getrandom, 0, 0, 99},
		{SYS_uname, 8},
		{SYS_poll, 8, 1, 0},
		{SYS_readv, 0, 8, 1},
		{SYS_writev, 1, 8, 1},
		{SYS_writev, 1, 0, 2000},
		{SYS_open, 8, 0, 0},
		{SYS_readlink, 8, 8, 8},
		{SYS_getcwd, 0, 0},
		{SYS_arch_prctl, 99, 0},
		{SYS_prlimit64, 0, 99, 0, 0},
		{SYS_getrusage, 99, 0},
		{SYS_futex, 8, 0, 0, 0},
		{SYS_wait4, -1, 0, 0, 0},
		{SYS_ioctl, 99, 0x5401, 0},
		{SYS_sched_yield},
		{999},
		{-1},
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const long *c = calls[i];
		long r = syscall(c[0], c[1], c[2], c[3], c[4], c[5], c[6]);

		printf("%2zu: call %ld: %ld %s\n", i, c[0], r, r < 0 ? strerror(errno) : "");
	}
}

static void vectors(void)
{
	struct iovec out[3] = {{"one ", 4}, {"", 0}, {"two\n", 4}};
	char a[3], b[100];
	struct iovec in_[2] = {{a, 3}, {b, 100}};
	struct pollfd p = {0, POLLIN, 0};
	ssize_t n;

	printf("%d %x\n", poll(&p, 1, -1), (unsigned)p.revents);
	fflush(stdout);
	n = readv(0, in_, 2);
	writev(1, out, 3);
	printf("%zd %.3s %.4s\n", n, a, b);
}

/* Its own file: by name, at a place, in memory, and behind its end. */
static void own_file(void)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st, by_name;
	char head[4] = "", at[3] = "";
	const char *p;

	fstat(fd, &st);
	stat(name, &by_name);
	read(fd, head, 4);
	pread(fd, at, 3, 1);
	p = mmap(NULL, (size_t)st.st_size + 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	printf("%.3s %.3s %d %d %d\n", head + 1, at, memcmp(p, head, 4), (int)lseek(fd, 0, SEEK_CUR),
		st.st_size == by_name.st_size && st.st_ino == by_name.st_ino && S_ISREG(st.st_mode));
	printf("%d\n", p[st.st_size] | p[(st.st_size - 1) | 4095]);
	printf("%d %d\n", access(name, X_OK), open("/nonesuch", O_RDONLY));
	fflush(stdout);
	close(fd);
	printf("%d\n", p[((st.st_size - 1) | 4095) + 1]);
}

static void clocks(void)
{
	struct timespec a, b, t = {0, 30000000};
	long ms;

	clock_gettime(CLOCK_MONOTONIC, &a);
	nanosleep(&t, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	ms = (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
	printf("%s\n", ms >= 29 ? "slept" : "did not sleep");
	printf("%d\n", labs((long)(time(NULL) - b.tv_sec)) > 0);
}

static void pipe_gone(void)
{
	signal(SIGPIPE, SIG_IGN);
	while (write(1, "x\n", 2) == 2)
		;
	fprintf(stderr, "%s\n", strerror(errno));
}

static void yes(void)
{
	while (write(1, "y\n", 2) == 2)
		;
}

static void args(void)
{
	extern char **environ;

	for (char **e = environ; *e; e++)
		puts(*e);
	printf("%d %d %d\n", (int)getpid(), (int)getppid(), (int)getuid());
}

static void blocked(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGTERM);
	sigprocmask(SIG_BLOCK, &s, NULL);
	raise(SIGTERM);
	puts("pending");
	fflush(stdout);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	puts("not reached");
}

static void touch(void)
{
	for (size_t i = 0;; i++)
		map(1 << 20, RW)[0] = 1;
}

static void spin(void)
{
	for (;;)
		asm volatile("pause");
}

static void wait_(void)
{
	pause();
}
static void status(void)
{
	exit(125);
}

static void fork_(void)
{
	long r = syscall(SYS_fork);

	printf("%ld %s\n", r, strerror(errno));
}

static void avx(void)
{
	if (__builtin_cpu_supports("avx"))
		asm volatile("vxorps %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
	puts("ran");
}

#define ROW(name)                                                                                                      \
	{                                                                                                              \
#name, name                                                                                            \
	}
static const struct {
	const char *name;
	void (*run)(void);
} rows[] = {
	ROW(null),
	ROW(trap),
	ROW(divide),
	ROW(int3),
	ROW(int1),
	ROW(hlt),
	ROW(in),
	ROW(out),
	ROW(outs),
	ROW(cli),
	ROW(lret),
	ROW(noncanonical),
	ROW(step),
	ROW(align),
	ROW(stub),
	ROW(jump),
	ROW(jump_far),
	ROW(int80),
	ROW(sysenter),
	ROW(vmcall),
	ROW(stack_high),
	ROW(stack_odd),
	ROW(stack_none),
	ROW(flags),
	ROW(step_call),
	ROW(registers),
	ROW(selector),
	ROW(tss),
	ROW(swapgs),
	ROW(sysret),
	ROW(cr3),
	ROW(wrmsr),
	ROW(invlpg),
	ROW(tables),
	ROW(overflow),
	ROW(protect),
	ROW(gone),
	ROW(noexec),
	ROW(exec),
	ROW(reserve),
	ROW(churn),
	ROW(move),
	ROW(heap),
	ROW(errors),
	ROW(vectors),
	ROW(clocks),
	ROW(own_file),
	ROW(pipe_gone),
	ROW(yes),
	ROW(args),
	ROW(blocked),
	ROW(touch),
	ROW(spin),
	{"wait", wait_},
	ROW(status),
	{"fork", fork_},
	{"abort", abort},
	ROW(avx),
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(argv[1], rows[i].name)) {
			rows[i].run();
			return 0;
		}
	printf("hello from %s, %d arguments\n", argc > 2 ? argv[2] : "probe", argc - 1);
	return argc;
}
