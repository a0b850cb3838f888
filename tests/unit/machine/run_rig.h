/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests of a few instructions, and machines to run them in; for what links with --wrap=seccomp_install.
 */
#ifndef TESTS_UNIT_MACHINE_RUN_RIG_H
#define TESTS_UNIT_MACHINE_RUN_RIG_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/image_kit.h"
#include "tests/support/unit.h"
#include "vmm/base/clock.h"
#include "vmm/base/le.h"
#include "vmm/machine/internal.h"

/* Ports of the board that guests and their kernels know */
#define COM1    0x3f8
#define I8042   0x64
#define PVPANIC 0x505
#define SLEEP   0x600
#define RESET   0x602
#define DEBUG   0xf4
#define MARKER  0x3d0

/* A guest that does not end by itself is ended by this, and its test fails. */
#define TIME_LIMIT (15 * NSEC_PER_SEC)

/* --- Guests ------------------------------------------------------------------------------------------------------- */

struct program {
	uint8_t code[1024];
	size_t size;
};

static inline void emit(struct program *p, const void *code, size_t size)
{
	assert_true(p->size + size <= sizeof(p->code));
	memcpy(p->code + p->size, code, size);
	p->size += size;
}

#define EMIT(p, ...) emit(p, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* mov $port, %dx */
static inline void select_port(struct program *p, uint16_t port)
{
	EMIT(p, 0x66, 0xba, (uint8_t)port, (uint8_t)(port >> 8));
}

/* mov $value, %al; out %al, %dx */
static inline void out(struct program *p, uint16_t port, uint8_t value)
{
	select_port(p, port);
	EMIT(p, 0xb0, value, 0xee);
}

static inline void print(struct program *p, const char *text)
{
	select_port(p, COM1);
	for (; *text; text++)
		EMIT(p, 0xb0, (uint8_t)*text, 0xee);
}

/* mov $count, %ecx; 1: out %al, %dx; dec %ecx; jnz 1b */
static inline void print_often(struct program *p, char c, uint32_t count)
{
	uint8_t number[4];

	le32_put(number, count);
	select_port(p, COM1);
	EMIT(p, 0xb0, (uint8_t)c, 0xb9, number[0], number[1], number[2], number[3], 0xee, 0xff, 0xc9, 0x75, 0xfb);
}

/* 1: jmp 1b */
static inline void spin(struct program *p)
{
	EMIT(p, 0xeb, 0xfe);
}

/* 1: sti; hlt; jmp 1b: waits for an interrupt that does not come, at no cost */
static inline void idle(struct program *p)
{
	EMIT(p, 0xfb, 0xf4, 0xeb, 0xfc);
}

/* 1: cli; hlt; jmp 1b */
static inline void halt(struct program *p)
{
	EMIT(p, 0xfa, 0xf4, 0xeb, 0xfc);
}

/* lidt of a limit of 0 behind the code; ud2 */
static inline void triple_fault(struct program *p)
{
	uint8_t at[4];

	le32_put(at, (uint32_t)(KIT_ENTRY + sizeof(p->code)));
	EMIT(p, 0x0f, 0x01, 0x1c, 0x25, at[0], at[1], at[2], at[3], 0x0f, 0x0b);
}

/* --- Machines ----------------------------------------------------------------------------------------------------- */

/* How the next machine is made; back to nothing by down(). */
static struct wish {
	bool devices;
	bool debugging;  /* a debugger may come, and cores are written */
	const char *gdb; /* where else than at a port that is free */
	bool initrd;
	bool no_panic_text;
	bool resets;
	bool overlay;
	unsigned cpus; /* 0: 2 */
	uint64_t timeout_ns;
	struct trace_sink *sink;
} wish;

struct rig {
	struct config config;
	struct config_disk disk;
	char kernel[64], image[64], gdb[160], core[40];
	int kernel_fd, image_fd, out_fd;
	struct trace *trace;
	struct loop *loop;
	struct sandbox_plan plan;
	struct sandbox sandbox;
	struct machine *m;
};

/* A port that was free a moment ago. */
static inline uint16_t free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static inline void configure(struct rig *r)
{
	config_init(&r->config);
	r->config.kernel = r->kernel;
	r->config.mem_bytes = CONFIG_MEM_MIN;
	r->config.cpus = wish.cpus ? wish.cpus : 2;
	r->config.debug_exit = true;
	r->config.debug_exit_port = DEBUG;
	r->config.boot_marker = MARKER;
	r->config.panic_text = !wish.no_panic_text;
	r->config.timeout_ns = wish.timeout_ns ? wish.timeout_ns : TIME_LIMIT;
	if (wish.devices) {
		r->disk = (struct config_disk){.path = r->image, .logical = 512, .queues = 2, .overlay = wish.overlay};
		r->config.disk = &r->disk;
		r->config.nr_disks = 1;
		r->config.balloon.on = true;
	}
	if (wish.debugging) {
		if (wish.gdb)
			snprintf(r->gdb, sizeof(r->gdb), "%s", wish.gdb);
		else
			snprintf(r->gdb, sizeof(r->gdb), "tcp:%u", free_port());
		r->config.gdb = r->gdb;
		snprintf(r->core, sizeof(r->core), "/tmp/vmm-run.core.%d", (int)getpid());
		r->config.core = r->core;
	}
	if (wish.initrd)
		r->config.initrd = r->image;
}

static inline void up(struct rig *r, const struct program *p)
{
	struct machine_stdio io = {.in_fd = -1};
	struct kit_elf elf;
	struct err e = {0};

	memset(r, 0, sizeof(*r));
	kit_elf(&elf);
	memcpy(elf.bytes + KIT_TEXT_OFFSET + (KIT_ENTRY - KIT_TEXT_GPA), p->code, p->size);
	memset(elf.bytes + KIT_TEXT_OFFSET + (KIT_ENTRY - KIT_TEXT_GPA) + sizeof(p->code), 0, 16);
	r->kernel_fd = kit_file(&elf, sizeof(elf));
	r->image_fd = kit_file(&elf, sizeof(elf));
	assert_int_equal(ftruncate(r->image_fd, MIB), 0);
	snprintf(r->kernel, sizeof(r->kernel), "/proc/self/fd/%d", r->kernel_fd);
	snprintf(r->image, sizeof(r->image), "/proc/self/fd/%d", r->image_fd);
	r->out_fd = io.out_fd = memfd_create("console", MFD_CLOEXEC);
	configure(r);
	assert_int_equal(trace_new(trace_now_ns(), &r->trace), 0);
	if (wish.sink)
		trace_add_sink(r->trace, wish.sink);
	assert_int_equal(loop_new(&r->loop), 0);
	if (machine_open(&r->config, &io, r->trace, r->loop, &r->m, &e) < 0)
		fail_msg("%s", e.text);
	r->m->facts.resets = wish.resets;
	if (machine_build(r->m, &e) < 0)
		fail_msg("%s", e.text);
	/* As CONFINE leaves it. The filters themselves are not installed: __wrap_seccomp_install(). */
	r->sandbox = (struct sandbox){.plan = &r->plan, .got.seccomp = true, .stage = SANDBOX_STAGE_BUILD};
	machine_set_sandbox(r->m, &r->sandbox);
}

static inline void down(struct rig *r)
{
	machine_destroy(r->m);
	loop_free(r->loop);
	trace_free(r->trace);
	close(r->kernel_fd);
	close(r->image_fd);
	close(r->out_fd);
	wish = (struct wish){0};
}

static inline struct verdict run(struct rig *r)
{
	struct verdict v = {0};
	struct err e = {0};

	if (machine_run(r->m, &v, &e) < 0)
		fail_msg("%s", e.text);
	return v;
}

static inline size_t printed(const struct rig *r)
{
	off_t size = lseek(r->out_fd, 0, SEEK_END);

	assert_true(size >= 0);
	return (size_t)size;
}

#endif
