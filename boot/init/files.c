// SPDX-License-Identifier: Apache-2.0
#include "boot/init/files.h"

#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "boot/init/calls.h"
#include "boot/init/wire.h"

/** struct entry - as getdents64() has it */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

/** struct sender - @n bytes of a record that is being filled */
struct sender {
	int port;
	uint64_t skipped;
	size_t n;
	struct {
		struct init_record head;
		char bytes[BUFFER];
	} record;
};

static void flush(struct sender *s)
{
	s->record.head = (struct init_record){INIT_FILES, (uint32_t)s->n};
	if (s->n)
		write_all(s->port, &s->record, sizeof(s->record.head) + s->n);
	s->n = 0;
}

static void send(struct sender *s, const void *data, size_t n)
{
	const char *from = data;

	while (n) {
		if (s->n == BUFFER)
			flush(s);
		for (; n && s->n < BUFFER; n--)
			s->record.bytes[s->n++] = *from++;
	}
}

static void send_head(struct sender *s, enum init_file_kind kind, const char *name, uint32_t mode, uint64_t size)
{
	const struct init_file f = {(uint16_t)kind, (uint16_t)length(name), mode, size};

	send(s, &f, sizeof(f));
	send(s, name, f.name);
}

/* As many bytes as its head says: one that cannot be read has zeros. */
static void send_file(struct sender *s, int fd, uint64_t size)
{
	while (size) {
		size_t want;
		long n;

		if (s->n == BUFFER)
			flush(s);
		want = BUFFER - s->n < size ? BUFFER - s->n : size;
		n = CALL3(read, fd, s->record.bytes + s->n, want);
		if (n == -EINTR)
			continue;
		if (n <= 0) {
			memset(s->record.bytes + s->n, 0, want);
			n = (long)want;
		}
		s->n += (size_t)n;
		size -= (uint64_t)n;
	}
}

static void send_dir(struct sender *s, int dir, unsigned depth);

static void send_entry(struct sender *s, int dir, const char *name, unsigned depth)
{
	/* A FIFO is not waited for, and nothing behind a link is opened. */
	int fd = (int)CALL4(openat, dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
	struct stat st;

	if (fd < 0 || CALL2(fstat, fd, &st) < 0) {
		s->skipped++;
	} else if (S_ISREG(st.st_mode)) {
		send_head(s, INIT_FILE_REGULAR, name, st.st_mode & 0777, (uint64_t)st.st_size);
		send_file(s, fd, (uint64_t)st.st_size);
	} else if (S_ISDIR(st.st_mode) && depth < INIT_FILES_DEPTH) {
		send_head(s, INIT_FILE_DIR, name, st.st_mode & 0777, 0);
		send_dir(s, fd, depth + 1);
		send_head(s, INIT_FILE_UP, "", 0, 0);
	} else {
		s->skipped++;
	}
	CALL1(close, fd);
}

static bool is_self(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static void send_dir(struct sender *s, int dir, unsigned depth)
{
	char entries[4096] __attribute__((aligned(8)));
	long n;

	while ((n = CALL3(getdents64, dir, entries, sizeof(entries))) > 0)
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(entries + at);

			if (!is_self(e->name))
				send_entry(s, dir, e->name, depth);
			at += e->size;
		}
}

void files_make(const char *path, uint32_t uid, uint32_t gid)
{
	CALL2(mkdir, path, 0700);
	CALL3(chown, path, uid, gid);
}

void files_send(int port, const char *path)
{
	static struct sender s;
	int dir = (int)CALL3(open, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

	s.port = port;
	if (dir >= 0)
		send_dir(&s, dir, 0);
	CALL1(close, dir);
	send_head(&s, INIT_FILE_END, "", 0, s.skipped);
	flush(&s);
}
