// SPDX-License-Identifier: Apache-2.0
/*
 * The host's side of a command, with a driver in the guest's place that says what a test likes: what it is
 * told, what its streams carry, and which ends it can cause.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/init/wire.h"
#include "devices/virtio/ports.h"
#include "tests/support/unit.h"
#include "tests/support/vq_driver.h"
#include "vmm/machine/command.h"
#include "vmm/machine/internal.h"

static const unsigned rx_of[INIT_PORTS] = {0, 4, 6}, tx_of[INIT_PORTS] = {1, 5, 7};

/** struct bench - @in, @out, @err: pipes, of which the machine has one end and the test the other */
struct bench {
	struct vq_driver d;
	struct virtio_ports ports;
	struct virtio_devices virtio;
	struct config config;
	struct machine m;
	int in[2], out[2], err[2];
	struct err e;
};

static char first_word[] = "./a test", second_word[] = "", third_word[] = "line\nbreak", root[] = "/";
static char kernel[] = "vmlinux";
static char first_variable[] = "PATH=/bin", second_variable[] = "WORD=with\nnewline";
static char old_out[] = "VMM_OUT=/elsewhere", out_dir[] = "/tmp/vmm-out-XXXXXX";
static bool with_out;
static char *variables[] = {first_variable, second_variable, old_out};
static char *words[] = {first_word, second_word, third_word};

static void open_ports(struct bench *b)
{
	for (uint32_t i = 0; i < INIT_PORTS; i++) {
		const uint16_t open[4] = {(uint16_t)i, 0, 6, 1};
		struct vqd_buf buf = {vqd_alloc(&b->d, 8, 1), 8, false};

		memcpy(vqd_ptr(&b->d, buf.gpa), open, 8);
		vqd_request(&b->d, 3, &buf, 1, false);
	}
}

/* @boots: not restored; @runs: a command */
static void up_as(struct bench *b, bool boots, bool runs)
{
	const struct virtio_port_params *p;
	struct machine_stdio stdio;
	void *archive = NULL;
	size_t size;
	unsigned nr;

	memset(b, 0, sizeof(*b));
	assert_int_equal(pipe2(b->in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b->out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b->err, O_CLOEXEC), 0);
	fcntl(b->out[0], F_SETFL, O_NONBLOCK);
	fcntl(b->err[0], F_SETFL, O_NONBLOCK);
	vqd_init(&b->d, 8 * MIB);
	config_init(&b->config);
	b->config.kernel = boots ? kernel : NULL;
	b->config.command = words;
	b->config.nr_command = runs ? ARRAY_SIZE(words) : 0;
	b->config.env = variables;
	b->config.nr_env = ARRAY_SIZE(variables);
	b->config.root = root;
	b->config.out = with_out ? out_dir : NULL;
	b->m = (struct machine){.config = &b->config, .trace = b->d.trace, .loop = b->d.loop, .virtio = &b->virtio};
	pthread_mutex_init(&b->m.end.lock, NULL);
	crew_init(&b->m.crew, &machine_crew);
	stdio = (struct machine_stdio){.in_fd = b->in[0], .out_fd = b->out[1], .err_fd = b->err[1]};
	assert_int_equal(machine_command_open(&b->m, &stdio, &b->e), 0);
	if (boots)
		assert_int_equal(machine_command_pack(&b->m, &archive, &size, &b->e), 0);
	free(archive);
	nr = machine_command_ports(&b->m, &p);
	assert_int_equal(virtio_ports_init(&b->ports, p, nr, &b->d.mem, b->d.loop, b->d.trace), 0);
	b->virtio.units[VIRTIO_KIND_ports] = (struct virtio_units){&b->ports, 1};
	assert_int_equal(machine_command_attach(&b->m, &b->e), 0);
	vqd_attach(&b->d, &b->ports.dev);
	assert_true(vqd_start(&b->d, UINT64_C(1) << 1));
	open_ports(b);
}

static void up(struct bench *b)
{
	up_as(b, true, true);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void down(struct bench *b)
{
	vqd_detach(&b->d);
	machine_command_destroy(b->m.command);
	virtio_ports_destroy(&b->ports);
	crew_destroy(&b->m.crew);
	pthread_mutex_destroy(&b->m.end.lock);
	vqd_destroy(&b->d);
	for (int i = 0; i < 2; i++) {
		close_end(&b->in[i]);
		close_end(&b->out[i]);
		close_end(&b->err[i]);
	}
}

/* The guest writes to a port. */
static void guest_writes(struct bench *b, enum init_port port, const void *data, uint32_t size)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, size, 1), size, false};

	memcpy(vqd_ptr(&b->d, buf.gpa), data, size);
	vqd_offer(&b->d, tx_of[port], vqd_add(&b->d, tx_of[port], &buf, 1, false));
	vqd_kick(&b->d, tx_of[port]);
	vqd_run(&b->d);
}

/* The guest reads from a port, with a buffer of @max bytes. Return: how many there were. */
static uint32_t guest_reads(struct bench *b, enum init_port port, uint8_t *to, uint32_t max)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, max, 1), max, true};
	uint16_t head;
	uint32_t len;

	vqd_offer(&b->d, rx_of[port], vqd_add(&b->d, rx_of[port], &buf, 1, false));
	vqd_kick(&b->d, rx_of[port]);
	vqd_run(&b->d);
	if (!vqd_used(&b->d, rx_of[port], &head, &len))
		return 0;
	memcpy(to, vqd_ptr(&b->d, buf.gpa), len);
	return len;
}

static void answers(struct bench *b, uint32_t kind, const void *data, uint32_t size)
{
	uint8_t bytes[8 + 1024];
	const uint32_t head[2] = {kind, size};

	memcpy(bytes, head, 8);
	memcpy(bytes + 8, data, size);
	guest_writes(b, INIT_PORT_CONTROL, bytes, 8 + size);
}

static void answers_number(struct bench *b, uint32_t kind, uint32_t number)
{
	answers(b, kind, &number, sizeof(number));
}

/* The records of one of the two parts of the setup, and behind them. */
static uint8_t said[65536];

static void check_part(uint32_t n)
{
	uint32_t head[2], size;

	assert_true(n >= 12);
	memcpy(head, said, 8);
	memcpy(&size, said + 8, 4);
	assert_int_equal(head[0], INIT_SETUP);
	assert_int_equal(head[1], 4);
	assert_int_equal(n, 12 + size);
}

static size_t hear_part(struct bench *b)
{
	uint32_t n = guest_reads(b, INIT_PORT_CONTROL, said, sizeof(said));

	check_part(n);
	return n;
}

/* The @nth record of @kind. */
static const uint8_t *record(size_t total, uint32_t kind, unsigned nth, uint32_t *size)
{
	for (size_t at = 12; at < total;) {
		uint32_t head[2];

		memcpy(head, said + at, 8);
		if (head[0] == kind && !nth--) {
			*size = head[1];
			return said + at + 8;
		}
		at += 8 + head[1];
	}
	return NULL;
}

/* What the machine has, and the command, which does not come before the guest is ready. */
static size_t hear_setup(struct bench *b)
{
	struct vqd_buf buf = {vqd_alloc(&b->d, sizeof(said), 1), sizeof(said), true};
	const unsigned rx = rx_of[INIT_PORT_CONTROL];
	uint32_t size, len = 0;
	uint16_t head;
	size_t n = hear_part(b);

	assert_null(record(n, INIT_ARG, 0, &size));
	assert_null(record(n, INIT_SEED, 0, &size));
	vqd_offer(&b->d, rx, vqd_add(&b->d, rx, &buf, 1, false));
	vqd_kick(&b->d, rx);
	vqd_run(&b->d);
	assert_false(vqd_used(&b->d, rx, &head, &len));
	answers(b, INIT_READY, "", 0);
	assert_true(vqd_used(&b->d, rx, &head, &len));
	memcpy(said, vqd_ptr(&b->d, buf.gpa), len);
	check_part(len);
	return len;
}

static void the_guest_is_told_what_to_run(void **state)
{
	struct bench b;
	uint64_t now = (uint64_t)time(NULL), then;
	const uint8_t *p;
	uint32_t size;
	size_t total;

	up(&b);
	total = hear_setup(&b);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		p = record(total, INIT_ARG, i, &size);
		assert_non_null(p);
		assert_int_equal(size, strlen(words[i]) + 1);
		assert_string_equal((const char *)p, words[i]);
	}
	assert_null(record(total, INIT_ARG, 3, &size));
	p = record(total, INIT_ENV, 1, &size);
	assert_non_null(p);
	assert_string_equal((const char *)p, second_variable);
	assert_int_equal(size, sizeof(second_variable));
	assert_null(record(total, INIT_ENV, 2, &size));
	assert_null(record(total, INIT_OUT, 0, &size));
	p = record(total, INIT_TIME, 0, &size);
	memcpy(&then, p, sizeof(then));
	assert_in_range(then / 1000000000, now, now + 100);
	assert_non_null(record(total, INIT_SEED, 0, &size));
	assert_int_equal(size, INIT_SEED_BYTES);
	p = record(total, INIT_IDS, 0, &size);
	assert_memory_equal(p, (&(uint32_t[]){getuid(), getgid()}), 8);
	assert_non_null(record(total, INIT_RUN, 0, &size));
	down(&b);
}

/* A machine that is to be a snapshot has no command, and gets none when it is ready. */
static void a_guest_without_a_command_waits(void **state)
{
	uint8_t none[8];
	struct bench b;

	up_as(&b, true, false);
	hear_part(&b);
	answers(&b, INIT_READY, "", 0);
	assert_int_equal(guest_reads(&b, INIT_PORT_CONTROL, none, sizeof(none)), 0);
	assert_int_equal(b.m.end.verdict.outcome, OUTCOME_NONE);
	/* Nobody has asked for what is typed. */
	assert_int_equal(write(b.in[1], "abc", 3), 3);
	assert_int_equal(guest_reads(&b, INIT_PORT_STDIO, none, sizeof(none)), 0);
	down(&b);
}

/* One that is restored was ready then: the command is all that it gets, with a seed and a time of its own. */
static void a_restored_guest_gets_its_command(void **state)
{
	uint64_t then, now = (uint64_t)time(NULL);
	uint8_t seed[INIT_SEED_BYTES];
	struct bench b;
	uint32_t size;

	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *p;
		size_t total;

		up_as(&b, false, true);
		total = hear_part(&b);
		assert_null(record(total, INIT_MOUNT, 0, &size));
		assert_string_equal((const char *)record(total, INIT_ARG, 0, &size), words[0]);
		memcpy(&then, record(total, INIT_TIME, 0, &size), sizeof(then));
		assert_in_range(then / 1000000000, now, now + 100);
		p = record(total, INIT_SEED, 0, &size);
		assert_int_equal(size, sizeof(seed));
		if (i)
			assert_memory_not_equal(p, seed, sizeof(seed));
		memcpy(seed, p, sizeof(seed));
		answers(&b, INIT_STARTED, "", 0);
		answers_number(&b, INIT_EXITED, 7);
		assert_int_equal(b.m.end.verdict.value, 7);
		down(&b);
	}
}

static void its_status_ends_the_run(void **state)
{
	static const struct {
		uint32_t kind, number;
		uint64_t status;
	} cases[] = {{INIT_EXITED, 0, 0}, {INIT_EXITED, 3, 3}, {INIT_EXITED, 255, 255}, {INIT_EXITED, 0x1234, 0x34},
		{INIT_KILLED, 9, 137}, {INIT_KILLED, 0xffffff89, 137}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bench b;

		up(&b);
		answers(&b, INIT_STARTED, "", 0);
		assert_int_equal(b.m.end.verdict.outcome, OUTCOME_NONE);
		answers_number(&b, cases[i].kind, cases[i].number);
		assert_int_equal(b.m.end.verdict.outcome, OUTCOME_COMMAND);
		assert_int_equal(b.m.end.verdict.by, DETECTOR_INIT);
		assert_int_equal(b.m.end.verdict.value, cases[i].status);
		/* The first word counts. */
		answers_number(&b, INIT_EXITED, 77);
		assert_int_equal(b.m.end.verdict.value, cases[i].status);
		assert_null(machine_command_failure(&b.m));
		down(&b);
	}
}

static void why_it_cannot_be_run(void **state)
{
	struct bench b;

	up(&b);
	answers(&b, INIT_FAILED, "no \033[31m such\nthing", 19);
	assert_int_equal(b.m.end.verdict.outcome, OUTCOME_FAILURE);
	assert_string_equal(machine_command_failure(&b.m), "no \\x1b[31m such\\x0athing");
	down(&b);
}

/* In pieces, or longer than any: what follows is understood. */
static void records_of_all_lengths(void **state)
{
	static uint8_t long_one[8 + 4000];
	const uint32_t head[2] = {99, 4000}, exited[3] = {INIT_EXITED, 4, 5};
	struct bench b;

	up(&b);
	memcpy(long_one, head, 8);
	guest_writes(&b, INIT_PORT_CONTROL, long_one, 100);
	guest_writes(&b, INIT_PORT_CONTROL, long_one + 100, sizeof(long_one) - 100);
	for (unsigned i = 0; i < sizeof(exited); i++) {
		assert_int_equal(b.m.end.verdict.outcome, OUTCOME_NONE);
		guest_writes(&b, INIT_PORT_CONTROL, (const uint8_t *)exited + i, 1);
	}
	assert_int_equal(b.m.end.verdict.outcome, OUTCOME_COMMAND);
	assert_int_equal(b.m.end.verdict.value, 5);
	down(&b);
}

static void read_all(int fd, char *to, size_t n)
{
	assert_int_equal(read(fd, to, n), n);
	to[n] = 0;
}

static void output_goes_to_its_stream(void **state)
{
	struct bench b;
	char text[16];

	up(&b);
	guest_writes(&b, INIT_PORT_STDIO, "to output", 9);
	guest_writes(&b, INIT_PORT_STDERR, "to error", 8);
	answers_number(&b, INIT_EXITED, 0);
	read_all(b.out[0], text, 9);
	assert_string_equal(text, "to output");
	read_all(b.err[0], text, 8);
	assert_string_equal(text, "to error");
	assert_int_equal(b.m.end.verdict.outcome, OUTCOME_COMMAND);
	down(&b);
}

/* A reader that is slow gets all of it, however the command ended meanwhile. */
static void the_end_waits_for_the_reader(void **state)
{
	enum { PIECE = 65536, PIECES = 24 };
	static uint8_t piece[PIECE], got[PIECE];
	struct bench b;
	size_t total = 0;
	ssize_t n;

	memset(piece, 'x', sizeof(piece));
	up(&b);
	for (unsigned i = 0; i < PIECES; i++)
		guest_writes(&b, INIT_PORT_STDIO, piece, PIECE);
	answers_number(&b, INIT_EXITED, 1);
	while (total < (size_t)PIECE * PIECES) {
		/* What is in the pipe is the reader's. */
		if ((size_t)PIECE * PIECES - total > (size_t)fcntl(b.out[0], F_GETPIPE_SZ))
			assert_int_equal(b.m.end.verdict.outcome, OUTCOME_NONE);
		n = read(b.out[0], got, sizeof(got));
		if (n > 0)
			total += (size_t)n;
		vqd_run(&b.d);
	}
	vqd_run(&b.d);
	assert_int_equal(b.m.end.verdict.outcome, OUTCOME_COMMAND);
	assert_int_equal(b.m.end.verdict.value, 1);
	down(&b);
}

/* Return: whether the next record that the guest hears after the setup is this one. */
static bool is_told(struct bench *b, uint32_t kind, const void *data, uint32_t size)
{
	uint8_t bytes[64];
	uint32_t head[2];

	if (guest_reads(b, INIT_PORT_CONTROL, bytes, sizeof(bytes)) != 8 + size)
		return false;
	memcpy(head, bytes, 8);
	return head[0] == kind && head[1] == size && !memcmp(bytes + 8, data, size);
}

static void input_and_its_end(void **state)
{
	uint8_t bytes[16];
	struct bench b;

	up(&b);
	hear_setup(&b);
	assert_int_equal(write(b.in[1], "some input", 10), 10);
	close_end(&b.in[1]);
	vqd_run(&b.d);
	assert_int_equal(guest_reads(&b, INIT_PORT_STDIO, bytes, 4), 4);
	assert_int_equal(guest_reads(&b, INIT_PORT_STDIO, bytes + 4, 12), 6);
	assert_memory_equal(bytes, "some input", 10);
	vqd_run(&b.d);
	assert_true(is_told(&b, INIT_END, &(uint64_t){10}, 8));
	down(&b);
}

static void a_reader_that_has_gone(void **state)
{
	struct bench b;

	up(&b);
	hear_setup(&b);
	close_end(&b.err[0]);
	guest_writes(&b, INIT_PORT_STDERR, "x", 1);
	vqd_run(&b.d);
	assert_true(is_told(&b, INIT_CLOSED, &(uint32_t){2}, 4));
	/* More is dropped, and holds up nothing. */
	for (unsigned i = 0; i < 100; i++)
		guest_writes(&b, INIT_PORT_STDERR, said, 20000);
	answers_number(&b, INIT_EXITED, 0);
	assert_int_equal(b.m.end.verdict.outcome, OUTCOME_COMMAND);
	down(&b);
}

static void signals_are_for_a_command_that_runs(void **state)
{
	struct bench b;
	uint32_t total;

	up(&b);
	hear_setup(&b);
	assert_false(machine_command_signal(&b.m, 15));
	answers(&b, INIT_STARTED, "", 0);
	assert_true(machine_command_signal(&b.m, 15));
	assert_true(is_told(&b, INIT_SIGNAL, &(uint32_t){15}, 4));
	/* Of a guest that takes none the latest are lost, whole ones. */
	for (unsigned i = 0; i < 1000; i++)
		assert_true(machine_command_signal(&b.m, 2));
	total = guest_reads(&b, INIT_PORT_CONTROL, said, sizeof(said));
	assert_in_range(total, 12, 1000);
	assert_int_equal(total % 12, 0);
	down(&b);
}

static void sends_file(struct bench *b, uint16_t kind, const char *name, const char *data, uint64_t size)
{
	uint8_t bytes[512];
	const struct init_file f = {kind, (uint16_t)strlen(name), 0644, size};
	size_t n = sizeof(f);

	memcpy(bytes, &f, n);
	memcpy(bytes + n, name, f.name);
	n += f.name;
	memcpy(bytes + n, data, strlen(data));
	answers(b, INIT_FILES, bytes, (uint32_t)(n + strlen(data)));
}

static void file_has(const char *name, const char *want)
{
	char path[64], text[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", out_dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, want);
}

static void out_up(struct bench *b)
{
	strcpy(out_dir + strlen(out_dir) - 6, "XXXXXX");
	assert_non_null(mkdtemp(out_dir));
	with_out = true;
	up(b);
	with_out = false;
}

static void out_down(struct bench *b)
{
	char command[64];

	down(b);
	snprintf(command, sizeof(command), "rm -r %s", out_dir);
	assert_int_equal(system(command), 0);
}

static void its_files_come_back(void **state)
{
	const char *note;
	const uint8_t *p;
	struct bench b;
	uint32_t size;
	size_t total;

	out_up(&b);
	total = hear_setup(&b);
	p = record(total, INIT_OUT, 0, &size);
	assert_non_null(p);
	assert_string_equal((const char *)p, "/run/vmm-out");
	/* The caller's own is not the guest's. */
	assert_string_equal((const char *)record(total, INIT_ENV, 2, &size), "VMM_OUT=/run/vmm-out");
	assert_null(record(total, INIT_ENV, 3, &size));
	sends_file(&b, INIT_FILE_REGULAR, "a", "some text", 9);
	sends_file(&b, INIT_FILE_DIR, "dir", "", 0);
	/* The data of a file in several records, with one of another kind between. */
	sends_file(&b, INIT_FILE_REGULAR, "b", "fir", 6);
	answers(&b, INIT_STARTED, "", 0);
	answers(&b, INIT_FILES, "st", 2);
	answers(&b, INIT_FILES, "", 0);
	answers(&b, INIT_FILES, "!", 1);
	sends_file(&b, INIT_FILE_UP, "", "", 0);
	sends_file(&b, INIT_FILE_END, "", "", 2);
	answers_number(&b, INIT_EXITED, 5);
	while (b.m.end.verdict.outcome == OUTCOME_NONE)
		vqd_run(&b.d);
	assert_int_equal(b.m.end.verdict.outcome, OUTCOME_COMMAND);
	assert_int_equal(b.m.end.verdict.value, 5);
	machine_command_finish(&b.m);
	assert_int_equal(machine_command_files(&b.m, &note), 0);
	assert_non_null(strstr(note, ": 2 left out that are neither files nor directories"));
	file_has("a", "some text");
	file_has("dir/b", "first!");
	out_down(&b);
}

/* More than the console and the pipe have room for: the guest waits, and nothing is lost. */
static void large_files_come_back(void **state)
{
	enum { PIECE = 131072, PIECES = 40 };
	static uint8_t piece[8 + PIECE];
	const struct init_file f = {INIT_FILE_REGULAR, 1, 0755, (uint64_t)PIECE * PIECES};
	const uint32_t head[2] = {INIT_FILES, PIECE};
	const char *note;
	struct bench b;
	struct stat st;
	char path[64];

	memset(piece, 'y', sizeof(piece));
	memcpy(piece, head, 8);
	out_up(&b);
	answers(&b, INIT_FILES, &f, sizeof(f));
	answers(&b, INIT_FILES, "x", 1);
	for (unsigned i = 0; i < PIECES; i++) {
		guest_writes(&b, INIT_PORT_CONTROL, piece, sizeof(piece));
		while (!virtio_port_is_empty(&b.ports.port[INIT_PORT_CONTROL]))
			vqd_run(&b.d);
	}
	sends_file(&b, INIT_FILE_END, "", "", 0);
	answers_number(&b, INIT_EXITED, 0);
	while (b.m.end.verdict.outcome == OUTCOME_NONE)
		vqd_run(&b.d);
	machine_command_finish(&b.m);
	assert_int_equal(machine_command_files(&b.m, &note), 0);
	assert_string_equal(note, "");
	snprintf(path, sizeof(path), "%s/x", out_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, (uint64_t)PIECE * PIECES);
	assert_int_equal(st.st_mode & 0111, 0111 & ~022);
	out_down(&b);
}

static void what_is_no_file_is_an_error(void **state)
{
	static const struct {
		uint16_t kind;
		const char *name;
		int r;
		const char *words;
	} rows[] = {
		{INIT_FILE_REGULAR, "../x", -EILSEQ, "no name or no file"},
		{INIT_FILE_UP, "", -EPROTO, "no name or no file"},
		{INIT_FILE_END + 1, "", -EPROTO, "no name or no file"},
		{INIT_FILE_REGULAR, "a", -ENODATA, "the guest ended before it had sent all of its files"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *note;
		struct bench b;

		out_up(&b);
		sends_file(&b, rows[i].kind, rows[i].name, "", 0);
		/* It ends as it would without. */
		answers_number(&b, INIT_EXITED, 0);
		while (b.m.end.verdict.outcome == OUTCOME_NONE)
			vqd_run(&b.d);
		machine_command_finish(&b.m);
		assert_int_equal(machine_command_files(&b.m, &note), rows[i].r);
		assert_non_null(strstr(note, rows[i].words));
		out_down(&b);
	}
}

/* A guest may send them unasked. */
static void files_that_nobody_wants_are_dropped(void **state)
{
	const char *note;
	struct bench b;

	up(&b);
	sends_file(&b, INIT_FILE_REGULAR, "a", "some text", 9);
	answers_number(&b, INIT_EXITED, 3);
	assert_int_equal(b.m.end.verdict.value, 3);
	machine_command_finish(&b.m);
	assert_int_equal(machine_command_files(&b.m, &note), 0);
	assert_string_equal(note, "");
	down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_guest_is_told_what_to_run),
		cmocka_unit_test(a_guest_without_a_command_waits),
		cmocka_unit_test(a_restored_guest_gets_its_command),
		cmocka_unit_test(its_status_ends_the_run),
		cmocka_unit_test(why_it_cannot_be_run),
		cmocka_unit_test(records_of_all_lengths),
		cmocka_unit_test(output_goes_to_its_stream),
		cmocka_unit_test(the_end_waits_for_the_reader),
		cmocka_unit_test(input_and_its_end),
		cmocka_unit_test(a_reader_that_has_gone),
		cmocka_unit_test(signals_are_for_a_command_that_runs),
		cmocka_unit_test(its_files_come_back),
		cmocka_unit_test(large_files_come_back),
		cmocka_unit_test(what_is_no_file_is_an_error),
		cmocka_unit_test(files_that_nobody_wants_are_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
