// SPDX-License-Identifier: Apache-2.0
/*
 * A client of gdb's protocol that sends anything, at a guest whose registers and RAM are anything. The input is a
 * `struct choice`, then what the client sends: one byte value is replaced by the correct checksum in hexadecimal
 * digits, so that the fuzzer need not find it. RAM lies between inaccessible pages, so that an access outside of it
 * ends the process; the session itself is on the heap, for AddressSanitizer.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/support/fuzz.h"
#include "tests/support/gdb_target.h"
#include "vmm/base/x86.h"

#define RAM_SIZE (8 * PAGE_4K)

/**
 * struct choice - @cr and so on: of all CPUs; @pending: the guest stops at once when it goes on
 */
struct choice {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t ram_gpa;
	uint16_t cs;
	uint8_t pending;
	uint8_t fill;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What holds of everything that is said: packets are whole, and nothing is written past the room. */
static void check(const struct gdb_session *s)
{
	const struct gdb_writer *w = &s->out;

	must(w->len <= sizeof(w->data) && w->last + w->last_len <= sizeof(w->data));
	must(s->in.len <= GDB_PACKET_MAX);
	must(s->reg_cpu < GDB_TEST_CPUS && s->step_cpu < GDB_TEST_CPUS);
	for (size_t i = 0; i < w->len; i++)
		if (w->data[i] == '#')
			must(i + 3 <= w->len && gdb_hex_digit(w->data[i + 1]) >= 0 &&
				gdb_hex_digit(w->data[i + 2]) >= 0);
}

static void send_bytes(struct gdb_session *s, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size && !s->left;) {
		at += gdb_session_input(s, data + at, size - at);
		check(s);
		/* It may have been NAKed: what was sent last is still there. */
		s->out.len = 0;
	}
}

/* Lines of the input become packets with the right sum; a line that begins with ! is sent as it is. */
static void send_lines(struct gdb_session *s, struct gdb_test *guest, const uint8_t *data, size_t size)
{
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;
		uint8_t sum = 0;
		char tail[4];

		if (len && *data == '!') {
			send_bytes(s, data + 1, len - 1);
		} else {
			for (size_t i = 0; i < len; i++)
				sum = (uint8_t)(sum + data[i]);
			snprintf(tail, sizeof(tail), "#%02x", sum);
			send_bytes(s, (const uint8_t *)"$", 1);
			send_bytes(s, data, len);
			send_bytes(s, (const uint8_t *)tail, 3);
		}
		if (s->running && guest->nr_interrupted) {
			guest->nr_interrupted = 0;
			gdb_session_stopped(s, &(struct gdb_stop){.cpu = 1, .why = GDB_WHY_INTERRUPT});
			s->out.len = 0;
		}
		len += end != NULL;
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gdb_test guest;
	struct gdb_session *s;
	struct choice c;
	uint8_t *map;

	if (size <= sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	map = mmap(NULL, RAM_SIZE + 2 * PAGE_4K, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(map != MAP_FAILED && mprotect(map + PAGE_4K, RAM_SIZE, PROT_READ | PROT_WRITE) == 0);
	memset(map + PAGE_4K, c.fill, RAM_SIZE);
	c.ram_gpa &= ~(uint64_t)(PAGE_4K - 1) & (BIT(52) - 1);
	gdb_test_init(&guest, map + PAGE_4K, RAM_SIZE, c.ram_gpa);
	for (unsigned i = 0; i < GDB_TEST_CPUS; i++) {
		struct kvm_sregs *r = &guest.regs[i].v.system;

		r->cr0 = c.cr0;
		r->cr3 = c.cr3;
		r->cr4 = c.cr4;
		r->efer = c.efer;
		r->cs.selector = c.cs;
	}
	guest.pending = (struct gdb_stop){
		.cpu = 2, .why = (enum gdb_why)(c.pending % (GDB_WHY_STEP + 1)), .address = c.cr3};
	s = gdb_session_new(&guest.target);
	must(s);
	gdb_session_begin(s);
	send_lines(s, &guest, data + sizeof(c), size - sizeof(c));
	gdb_place(&guest.target.breakpoints);
	gdb_lift(&guest.target.breakpoints);
	gdb_session_free(s);
	munmap(map, RAM_SIZE + 2 * PAGE_4K);
	return 0;
}
