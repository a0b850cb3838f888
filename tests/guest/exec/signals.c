// SPDX-License-Identifier: Apache-2.0
/*
 * Signal handlers, for tests/integration/exec-signals.test: signals WHAT, natively and by `vmm exec`, with the same
 * text and status.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <immintrin.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096

static sigjmp_buf back;
static volatile sig_atomic_t count;

static void on(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	if (sigaction(signal, &a, NULL) < 0)
		perror("sigaction");
}

/* --- Exceptions --------------------------------------------------------------------------------------------- */

static void tell(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	const greg_t *r = uc->uc_mcontext.gregs;

	printf("signal %d code %d errno %d trap %lld error %llx cr2 %llx cs %llx\n", signal, info->si_code,
		info->si_errno, r[REG_TRAPNO], r[REG_ERR] & ~1ull, r[REG_CR2], r[REG_CSGSFS] & 0xffff);
	if (signal == SIGSEGV || signal == SIGBUS)
		printf("address %p\n", info->si_addr);
	else
		printf("address is RIP: %d\n", (greg_t)(uintptr_t)info->si_addr == r[REG_RIP]);
	fflush(stdout);
	siglongjmp(back, 1);
}

static void attempt(const char *what, void (*fn)(void))
{
	printf("%s: ", what);
	fflush(stdout);
	if (!sigsetjmp(back, 1))
		fn();
}

static char *page;

static void read_null(void)
{
	static char *volatile null = (char *)8;

	(void)*(volatile char *)null;
}
static void write_null(void)
{
	*(volatile char *)16 = 1;
}
static void write_read_only(void)
{
	page[5] = 1;
}
static void jump_null(void)
{
	((void (*)(void))32)();
}
static void read_kernel(void)
{
	(void)*(volatile char *)0xffffffff80001000;
}
static void noncanonical(void)
{
	(void)*(volatile char *)0x8000000000000000;
}
static void divide(void)
{
	asm volatile("xor %%ecx, %%ecx; div %%ecx" ::: "rax", "rcx", "rdx");
}
static void undefined(void)
{
	asm volatile("ud2");
}
static void breakpoint(void)
{
	asm volatile("int3");
}
static void halt(void)
{
	asm volatile("hlt");
}
static void overflow(void)
{
	asm volatile(".byte 0xcd, 4");
}
static void align(void)
{
	asm volatile("pushfq; orq $0x40000, (%%rsp); popfq; mov %%rsp, %%rax; mov 1(%%rax), %%eax" ::: "rax");
}
static void step(void)
{
	asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" ::: "cc", "memory");
}
static void x87(void)
{
	unsigned short control = 0x37b;
	double one = 1, zero = 0;

	asm volatile("fninit; fldcw %0; fldl %1; fdivl %2; fwait" ::"m"(control), "m"(one), "m"(zero));
}
static void sse(void)
{
	unsigned mxcsr = 0x1d80;
	double one = 1, zero = 0;

	asm volatile("ldmxcsr %0; movsd %1, %%xmm0; divsd %2, %%xmm0" ::"m"(mxcsr), "m"(one), "m"(zero) : "xmm0");
}

static void exceptions(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

	page = mmap((void *)0x70000000, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		on(signals[i], tell, 0);
	attempt("read of null", read_null);
	attempt("write to null", write_null);
	attempt("write to a read-only page", write_read_only);
	attempt("jump to null", jump_null);
	attempt("read of the kernel", read_kernel);
	attempt("non-canonical", noncanonical);
	attempt("divide", divide);
	attempt("undefined", undefined);
	attempt("breakpoint", breakpoint);
	attempt("hlt", halt);
	attempt("int 4", overflow);
	attempt("x87", x87);
	asm volatile("fninit");
	attempt("sse", sse);
	_mm_setcsr(0x1f80);
	attempt("step", step);
}

/* Not on every KVM */
static void alignment(void)
{
	on(SIGBUS, tell, 0);
	attempt("alignment", align);
}

/* --- Registers ---------------------------------------------------------------------------------------------- */

static void change(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	/* All of them are lost unless the frame has them. */
	asm volatile("vzeroall" ::: "memory");
	asm volatile("fninit; fldz" :::);
	uc->uc_mcontext.gregs[REG_RBX] += 1;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	/* A flag that counts, and two that do not: IOPL and IF. */
	uc->uc_mcontext.gregs[REG_EFL] |= 1;
	uc->uc_mcontext.gregs[REG_EFL] ^= 0x3200;
}

/* Every register survives a handler, except those that it changes in the frame. */
static void show_registers(int floats)
{
	struct {
		uint64_t r[16], flags;
		float y[8];
		long double st;
	} s;
	float ones[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	memset(&s, 0, sizeof(s));
	on(SIGILL, change, 0);
	asm volatile("vmovups %2, %%ymm7; fninit; fldpi; mov $0x1234, %%rbx; mov $0x55, %%rcx; mov $0x66, %%r11; mov "
		     "$0x77, %%rax;"
		     "xor %%edx, %%edx; ud2; pushfq; pop 128(%1); mov %%rbx, (%1); mov %%rcx, 8(%1); mov %%r11, 16(%1);"
		     "mov %%rax, 24(%1); vmovups %%ymm7, %0; fstpt %3"
		     : "=m"(s.y), "+r"(*(void **)&(void *){&s}), "+m"(ones), "=m"(s.st)
		     :
		     : "rax", "rbx", "rcx", "rdx", "r11", "memory", "cc", "ymm7");
	printf("%lx %lx %lx %lx flags %lx\n", s.r[0], s.r[1], s.r[2], s.r[3], s.flags & 0x3f01);
	for (int i = 0; i < floats; i++)
		printf("%g ", (double)s.y[i]);
	printf("%.10Lf\n", s.st);
}

static void registers(void)
{
	show_registers(4);
}

/* With the upper halves, which the frame has if the KVM offers XSAVE. */
static void wide_registers(void)
{
	show_registers(8);
}

static void has_xsave(int signal, siginfo_t *info, void *context)
{
	count = (int)((const ucontext_t *)context)->uc_flags & 1;
}

static void xsave(void)
{
	on(SIGUSR1, has_xsave, 0);
	raise(SIGUSR1);
	printf("%d\n", (int)count);
}

/* --- Stacks ------------------------------------------------------------------------------------------------- */

static char *other;

static void on_other(int signal, siginfo_t *info, void *context)
{
	char here;
	stack_t now;
	const ucontext_t *uc = context;

	sigaltstack(NULL, &now);
	printf("signal %d on the other stack: %d, flags %d, in the frame %d %zu\n", signal,
		&here >= other && &here < other + 65536, now.ss_flags, uc->uc_stack.ss_flags, uc->uc_stack.ss_size);
	printf("a new one meanwhile: %d\n", sigaltstack(&(stack_t){other, 0, 65536}, NULL) ? errno : 0);
	if (count++ < 2)
		raise(signal);
	fflush(stdout);
}

static void recurse(volatile char *above)
{
	volatile char here[PAGE];

	here[0] = *above;
	recurse(here);
	here[1] = here[0];
}

static void overflowed(int signal, siginfo_t *info, void *context)
{
	static const char text[] = "overflow caught\n";

	if (write(1, text, sizeof(text) - 1))
		_exit(7);
}

static void stacks(void)
{
	other = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("%d\n", sigaltstack(&(stack_t){other, 0, 65536}, NULL));
	on(SIGUSR1, on_other, SA_ONSTACK | SA_NODEFER);
	raise(SIGUSR1);
	on(SIGSEGV, overflowed, SA_ONSTACK);
	fflush(stdout);
	recurse(&(char){1});
}

/* Frames that do not fit: nothing next to the stack is overwritten, and SIGSEGV ends it. */
static void small_stack(void)
{
	other = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("%d\n", sigaltstack(&(stack_t){other + 32768, 0, 2048}, NULL));
	on(SIGUSR1, on_other, SA_ONSTACK | SA_NODEFER);
	fflush(stdout);
	for (count = -1000;;)
		raise(SIGUSR1);
}

static void deeper(int signal, siginfo_t *info, void *context)
{
	raise(signal);
}

/* Handlers within handlers until the stack ends. */
static void loop(void)
{
	on(SIGUSR1, deeper, SA_NODEFER);
	raise(SIGUSR1);
}

static void stack_at(uint64_t rsp)
{
	on(SIGTRAP, tell, 0);
	asm volatile("mov %0, %%rsp; int3" ::"r"(rsp) : "memory");
}

static void stack_zero(void)
{
	stack_at(0);
}
static void stack_low(void)
{
	stack_at(64);
}
static void stack_top(void)
{
	stack_at(0x7ffffffff000);
}
static void stack_kernel(void)
{
	stack_at(0xffffffff80002400);
}
static void stack_wild(void)
{
	stack_at(0x4000000000000000);
}

/* --- The way back ------------------------------------------------------------------------------------------- */

static int forgery;

static void forge(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *r = uc->uc_mcontext.gregs;
	uint32_t *fpu = (uint32_t *)(void *)uc->uc_mcontext.fpregs;

	switch (forgery) {
	case 0: r[REG_RIP] = 0x4000000000000000; break;
	case 1: r[REG_CSGSFS] = 0x2b00000000000010; break;
	case 2: r[REG_CSGSFS] = 0x0018000000000033; break;
	case 3: r[REG_RIP] = (greg_t)0xffffffff81000000; break;
	case 4: fpu[128] |= 1u << 31; break;
	case 5: fpu[130] = 1; break;
	case 6: fpu[6] = 0xffffffff; break;
	case 7: fpu[116] = 0; break;
	case 8: fpu[120] = 0x7fffffff; break;
	case 9: uc->uc_mcontext.fpregs = (void *)0x1000; break;
	case 10: uc->uc_mcontext.fpregs = NULL; break;
	case 11: r[REG_EFL] = ~0ll & ~0x100; break;
	default: uc->uc_flags = 0;
	}
}

static void forged(int which)
{
	unsigned long flags;

	forgery = which;
	on(SIGUSR1, forge, 0);
	raise(SIGUSR1);
	asm volatile("pushfq; pop %0; push $0x202; popfq; cld" : "=r"(flags)::"cc", "memory");
	printf("came back, IOPL %lx\n", flags & 0x3000);
}

/* A stack without a frame. */
static void no_frame(void)
{
	asm volatile("xor %%esp, %%esp; mov $15, %%eax; syscall" ::: "memory");
}
static void zero_frame(void)
{
	static char zeros[PAGE];

	asm volatile("lea 2048(%0), %%rsp; mov $15, %%eax; syscall" ::"r"(zeros) : "memory");
}
static void bad_handler(void)
{
	on(SIGUSR1, (void (*)(int, siginfo_t *, void *))0x4000000000000000, 0);
	raise(SIGUSR1);
}
static void no_restorer(void)
{
	const uint64_t action[4] = {(uint64_t)(uintptr_t)deeper, SA_SIGINFO, 0, 0};

	syscall(SYS_rt_sigaction, SIGUSR1, action, NULL, 8);
	raise(SIGUSR1);
}
/* A blocked or ignored exception ends the program. */
static void blocked_fault(void)
{
	sigset_t set;

	on(SIGSEGV, tell, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_BLOCK, &set, NULL);
	write_null();
}
static void ignored_fault(void)
{
	signal(SIGSEGV, SIG_IGN);
	write_null();
}
static void again(int signal, siginfo_t *info, void *context)
{
	write_null();
}
static void fault_in_handler(void)
{
	on(SIGSEGV, again, 0);
	write_null();
}

/* --- Masks and queues --------------------------------------------------------------------------------------- */

static void note(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	printf("signal %d code %d pid is mine: %d value %d; blocked now %d, in the frame %d\n", signal, info->si_code,
		info->si_pid == getpid(), info->si_value.sival_int, sigismember(&now, signal),
		sigismember(&uc->uc_sigmask, signal));
	fflush(stdout);
}

static void queues(void)
{
	const int signals[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGRTMIN, SIGRTMIN + 1};
	const struct timespec none = {0, 0}, little = {0, 20000000};
	siginfo_t info;
	sigset_t set, old, pending;

	sigemptyset(&set);
	for (int i = 0; i < 5; i++) {
		on(signals[i], note, i == 1 ? SA_NODEFER : i == 2 ? SA_RESETHAND : 0);
		sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, &old);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGUSR1);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR2);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 100 + i});
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 9});
	sigpending(&pending);
	printf("pending %d %d %d %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGHUP),
		sigismember(&pending, SIGRTMIN), sigismember(&pending, SIGRTMIN + 1));
	sigemptyset(&pending);
	sigaddset(&pending, SIGRTMIN);
	printf("taken %d value", sigtimedwait(&pending, &info, &none));
	printf(" %d\n", info.si_value.sival_int);
	fflush(stdout);
	sigprocmask(SIG_SETMASK, &old, NULL);
	printf("nothing is left: %d %d\n", sigtimedwait(&set, &info, &none), errno);
	printf("still: %d %d\n", sigtimedwait(&set, &info, &little), errno);
	printf("one that was reset: ");
	fflush(stdout);
	raise(SIGTERM);
}

static void suspended(void)
{
	sigset_t set, empty;

	on(SIGUSR1, note, 0);
	sigemptyset(&empty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	printf("%d", sigsuspend(&empty));
	printf(" %d\n", errno);
	raise(SIGUSR1);
	printf("%d", ppoll(NULL, 0, NULL, &empty));
	printf(" %d\n", errno);
	sigprocmask(SIG_BLOCK, NULL, &set);
	printf("blocked again: %d\n", sigismember(&set, SIGUSR1));
}

static void broken_pipe(int signal, siginfo_t *info, void *context)
{
	printf("signal %d code %d\n", signal, info->si_code);
}

static void pipes(void)
{
	int ends[2];

	on(SIGPIPE, broken_pipe, 0);
	if (pipe(ends) == 0)
		close(ends[0]);
	printf("%zd", write(ends[1], "x", 1));
	printf(" %d\n", errno);
}

/* As many frames as there are signals: one a turn, none lost. */
static void counted(int signal, siginfo_t *info, void *context)
{
	count++;
}

static void many(void)
{
	on(SIGUSR1, counted, 0);
	for (int i = 0; i < 2000; i++)
		raise(SIGUSR1);
	printf("%d\n", (int)count);
}

/* --- */

static const struct {
	const char *name;
	void (*fn)(void);
} tests[] = {
	{"exceptions", exceptions},
	{"alignment", alignment},
	{"registers", registers},
	{"wide_registers", wide_registers},
	{"xsave", xsave},
	{"stacks", stacks},
	{"small_stack", small_stack},
	{"loop", loop},
	{"stack_zero", stack_zero},
	{"stack_low", stack_low},
	{"stack_top", stack_top},
	{"stack_kernel", stack_kernel},
	{"stack_wild", stack_wild},
	{"no_frame", no_frame},
	{"zero_frame", zero_frame},
	{"bad_handler", bad_handler},
	{"no_restorer", no_restorer},
	{"blocked_fault", blocked_fault},
	{"ignored_fault", ignored_fault},
	{"fault_in_handler", fault_in_handler},
	{"queues", queues},
	{"suspended", suspended},
	{"pipes", pipes},
	{"many", many},
};

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "forged")) {
		forged(atoi(argv[2]));
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(tests) / sizeof(*tests); i++)
		if (!strcmp(argv[1], tests[i].name))
			tests[i].fn();
	return 0;
}
