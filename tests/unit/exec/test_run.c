// SPDX-License-Identifier: Apache-2.0
/*
 * Programs of a few instructions on a vCPU without a kernel: what they print, how they end, and what the stack, the
 * segment bases and the registers are that they begin with.
 */
#include <asm/prctl.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/tiny_program.h"
#include "tests/support/with_kvm.h"
#include "vmm/base/clock.h"
#include "vmm/cpuid/cpuid.h"
#include "vmm/exec/exec.h"
#include "vmm/exec/image.h"

static struct kvm kvm;

struct rig {
	struct exec_config config;
	struct exec_result result;
	char words[256]; /* a copy of the result's, which ends with the program */
	char path[40];
	char out[128 * 1024];
	ssize_t nr_out;
	int status;
};

static const char *const argv_of_all[] = {"program", "one", "two", NULL};
static const char *const envp_of_all[] = {"A=1", "B=2", NULL};

static int make(struct rig *r, const uint8_t *code, size_t size)
{
	return tiny_program(code, size, r->path, sizeof(r->path));
}

/* Return: as exec_open(), exec_build() or exec_run(), whichever fails first. */
static int run_file(struct rig *r, struct err *e)
{
	int out = memfd_create("out", MFD_CLOEXEC), code;
	struct trace *trace = NULL;
	struct loop *loop = NULL;
	struct exec *x = NULL;

	assert_int_equal(trace_new(trace_now_ns(), &trace), 0);
	assert_int_equal(loop_new(&loop), 0);
	r->config.path = r->path;
	r->config.argv = argv_of_all;
	r->config.envp = envp_of_all;
	r->config.cwd = "/";
	r->config.mem_bytes = 16 * MIB;
	r->config.trace_fd = -1;
	r->config.host[0] = -1;
	r->config.host[1] = out;
	r->config.host[2] = -1;
	if (!r->config.deadline_ns)
		r->config.deadline_ns = trace_now_ns() + 20 * NSEC_PER_SEC;
	code = exec_open(&r->config, trace, loop, &x, e);
	if (code == 0)
		code = exec_build(x, e);
	if (code == 0)
		code = exec_run(x, e);
	if (code == 0) {
		exec_result(x, &r->result);
		snprintf(r->words, sizeof(r->words), "%s", r->result.words);
		r->status = exec_exit_status(x);
	}
	r->nr_out = pread(out, r->out, sizeof(r->out) - 1, 0);
	exec_destroy(x);
	loop_free(loop);
	trace_free(trace);
	close(out);
	return code;
}

static void run(struct rig *r, const uint8_t *code, size_t size)
{
	struct err e = {};
	int fd;

	memset(r, 0, sizeof(*r));
	fd = make(r, code, size);
	if (run_file(r, &e) < 0)
		fail_msg("%s", e.text);
	close(fd);
}

#define RUN(r, ...) run(r, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void exits(const struct rig *r, unsigned status)
{
	if (r->result.how != EXEC_EXITED)
		fail_msg("ended by %d, value %u: %s", r->result.how, r->result.value, r->words);
	assert_int_equal(r->result.value, status);
	assert_int_equal(r->status, status);
}

static struct rig rig;

static void it_prints_and_exits(void **state)
{
	/* write(1, message, 6); exit_group(argc) */
	RUN(&rig, EDI(1), ESI(BASE + START + 0x30), EDX(6), SYSCALL(SYS_write), 0x8b, 0x3c, 0x24, EXIT_EDI, 0x90, 0x90,
		0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 'h', 'e', 'l', 'l',
		'o', '\n');
	exits(&rig, 3);
	assert_int_equal(rig.nr_out, 6);
	assert_memory_equal(rig.out, "hello\n", 6);
	assert_int_equal(rig.result.calls, 2);
	assert_true(rig.result.pages > 0);
}

/* The data segment has its bytes, zeroes behind them up to its end, and can be written; the heap and stack grow. */
static void its_memory(void **state)
{
	/* mov DATA, %edi; add DATA + 0x4000, %edi; incl DATA + 0x3ffc; add DATA + 0x3ffc, %edi; exit_group(%edi) */
	RUN(&rig, 0x8b, 0x3c, 0x25, LE32(DATA), 0x03, 0x3c, 0x25, LE32(DATA + 0x4000), 0xff, 0x04, 0x25,
		LE32(DATA + 0x3ffc), 0x03, 0x3c, 0x25, LE32(DATA + 0x3ffc), EXIT_EDI);
	exits(&rig, 43);
	/* movl $7, -0x100000(%rsp); mov -0x100000(%rsp), %edi: a page of the stack that was never touched */
	RUN(&rig, 0xc7, 0x84, 0x24, LE32(-0x100000), LE32(7), 0x8b, 0xbc, 0x24, LE32(-0x100000), EXIT_EDI);
	exits(&rig, 7);
	assert_true(rig.result.faults > 0);
	/* Code cannot be written: movl $0, BASE + START */
	RUN(&rig, 0xc7, 0x04, 0x25, LE32(BASE + START), LE32(0), EXIT_EDI);
	assert_int_equal(rig.result.how, EXEC_SIGNALED);
	assert_int_equal(rig.result.value, SIGSEGV);
	/* Data cannot be run: mov DATA, %eax; jmp *%rax */
	RUN(&rig, 0xb8, LE32(DATA), 0xff, 0xe0);
	assert_int_equal(rig.result.how, EXEC_SIGNALED);
	assert_int_equal(rig.result.value, SIGSEGV);
	assert_non_null(strstr(rig.words, "jump to address 0x500000"));
}

/* As the guest's CPUID has it. */
static bool has_fsgsbase(void)
{
	static struct cpuid_set host, guest;
	const struct cpuid_opts opts = {.cpus = 1};
	struct err e = {};

	if (cpuid_supported(&kvm, &host, &e) < 0 || cpuid_policy(&host, &opts, &guest, &e) < 0)
		fail_msg("%s", e.text);
	return cpuid_find(&guest, 7, 0) && cpuid_find(&guest, 7, 0)->ebx & 1;
}

/* The words at the start of its stack: argc, argv, envp, auxv (psABI 3.4.1), and the texts that they point to. */
static void its_stack(void **state)
{
	const uint64_t *word = (const uint64_t *)rig.out;
	uint64_t rsp, aux[64] = {0}, *at;

	/* push %rsp; write(1, %rsp, 128 KiB): up to the end of the stack */
	RUN(&rig, 0x54, 0x48, 0x89, 0xe6, EDI(1), EDX(0x20000), SYSCALL(SYS_write), EDI(0), EXIT_EDI);
	exits(&rig, 0);
	rsp = word[0];
	assert_int_equal(rsp % 16, 0);
#define TEXT(pointer) (rig.out + 8 + ((pointer)-rsp))
	assert_int_equal(word[1], 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_in_range(word[2 + i], rsp, rsp + (uint64_t)rig.nr_out);
		assert_string_equal(TEXT(word[2 + i]), argv_of_all[i]);
	}
	assert_int_equal(word[5], 0);
	for (unsigned i = 0; i < 2; i++)
		assert_string_equal(TEXT(word[6 + i]), envp_of_all[i]);
	assert_int_equal(word[8], 0);
	for (at = (uint64_t *)word + 9; at[0] != AT_NULL; at += 2)
		if (at[0] < ARRAY_SIZE(aux))
			aux[at[0]] = at[1];
	assert_int_equal(aux[AT_PAGESZ], 4096);
	assert_int_equal(aux[AT_ENTRY], BASE + START);
	assert_int_equal(aux[AT_PHDR], BASE + sizeof(Elf64_Ehdr));
	assert_int_equal(aux[AT_PHENT], sizeof(Elf64_Phdr));
	assert_int_equal(aux[AT_PHNUM], 2);
	assert_int_equal(aux[AT_SECURE], 0);
	assert_int_equal(aux[AT_HWCAP2], has_fsgsbase() ? 2 : 0);
	assert_string_equal(TEXT(aux[AT_EXECFN]), rig.path);
	assert_memory_not_equal(TEXT(aux[AT_RANDOM]), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void its_segment_bases(void **state)
{
	/* arch_prctl(ARCH_SET_FS, DATA); mov %fs:0, %edi */
	RUN(&rig, EDI(ARCH_SET_FS), ESI(DATA), SYSCALL(SYS_arch_prctl), 0x64, 0x8b, 0x3c, 0x25, LE32(0), EXIT_EDI);
	exits(&rig, 42);
	RUN(&rig, EDI(ARCH_SET_GS), ESI(DATA), SYSCALL(SYS_arch_prctl), 0x65, 0x8b, 0x3c, 0x25, LE32(0), EXIT_EDI);
	exits(&rig, 42);
	/* ARCH_GET_FS to DATA + 0x100, and its middle byte: 0x50 */
	RUN(&rig, EDI(ARCH_SET_FS), ESI(DATA), SYSCALL(SYS_arch_prctl), EDI(ARCH_GET_FS), ESI(DATA + 0x100),
		SYSCALL(SYS_arch_prctl), 0x0f, 0xb6, 0x3c, 0x25, LE32(DATA + 0x102), EXIT_EDI);
	exits(&rig, 0x50);
}

/* What a call leaves: only RAX, RCX and R11 change (psABI A.2.1). */
static void its_registers(void **state)
{
	/* %ebx, %r15d, %edi = 5, 6, 20; getpid(); %edi += %ebx + %r15d */
	RUN(&rig, 0xbb, LE32(5), 0x41, 0xbf, LE32(6), EDI(20), SYSCALL(SYS_getpid), 0x01, 0xdf, 0x44, 0x01, 0xff,
		EXIT_EDI);
	exits(&rig, 31);
	/* movups %xmm0, (%rsp) with a value of 1.0 in between: SSE is on, and kept over a call */
	RUN(&rig, EDI(9), 0xf3, 0x0f, 0x2a, 0xc7 /* cvtsi2ss %edi, %xmm0 */, SYSCALL(SYS_getpid), EDI(0), 0xf3, 0x0f,
		0x2c, 0xf8 /* cvttss2si %xmm0, %edi */, EXIT_EDI);
	exits(&rig, 9);
}

static void what_ends_it(void **state)
{
	static const struct {
		uint8_t code[16];
		int signal;
		const char *words;
	} rows[] = {
		{{0x0f, 0x0b}, SIGILL, "invalid opcode"},
		{{0xcc}, SIGTRAP, "breakpoint"},
		{{0x31, 0xc9, 0xf7, 0xf1}, SIGFPE, "divide error"},
		{{0xf4}, SIGSEGV, "general protection fault"},
		{{0x8b, 0x04, 0x25, LE32(0x10)}, SIGSEGV, "read of address 0x10"},
		{{0xa2, 0, 0, 0, 0, 0, 0, 0, 0x80}, SIGSEGV, ""}, /* not canonical */
		/* mov EXEC_STUB, %rax; mov -1, %rcx; jmp *%rax: as if a call were to return into the upper half */
		{{0x48, 0xc7, 0xc0, 0x00, 0x10, 0x00, 0x80, 0x48, 0xc7, 0xc1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe0},
			SIGSEGV, ""},
	};
	struct err e = {};
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		run(&rig, rows[i].code, sizeof(rows[i].code));
		assert_int_equal(rig.result.how, EXEC_SIGNALED);
		assert_int_equal(rig.result.value, rows[i].signal);
		assert_int_equal(rig.status, 128 + rows[i].signal);
		if (!strstr(rig.words, rows[i].words))
			fail_msg("row %zu: %s", i, rig.words);
	}
	/* A loop ends with its time. */
	memset(&rig, 0, sizeof(rig));
	rig.config.deadline_ns = trace_now_ns() + 100 * NSEC_PER_MSEC;
	fd = make(&rig, (const uint8_t[]){0xeb, 0xfe}, 2);
	assert_int_equal(run_file(&rig, &e), 0);
	close(fd);
	assert_int_equal(rig.result.how, EXEC_TIMEOUT);
	assert_int_equal(rig.status, 124);
}

static void what_is_no_program(void **state)
{
	struct err e = {};
	int fd;

	memset(&rig, 0, sizeof(rig));
	snprintf(rig.path, sizeof(rig.path), "/proc/self/nowhere");
	assert_int_equal(run_file(&rig, &e), -ENOENT);
	fd = make(&rig, (const uint8_t[]){0x90}, 1);
	assert_int_equal(pwrite(fd, "x", 1, 1), 1);
	e = (struct err){};
	assert_int_equal(run_file(&rig, &e), -ENOEXEC);
	assert_true(strlen(e.text) > 10);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_prints_and_exits),
		cmocka_unit_test(its_memory),
		cmocka_unit_test(its_stack),
		cmocka_unit_test(its_segment_bases),
		cmocka_unit_test(its_registers),
		cmocka_unit_test(what_ends_it),
		cmocka_unit_test(what_is_no_program),
	};

	return run_with_kvm(&kvm, tests);
}
