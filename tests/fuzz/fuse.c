// SPDX-License-Identifier: Apache-2.0
/*
 * The FUSE server of a share with arbitrary drivers: requests of any size and content, with valid and invalid nodes.
 * Asserted in addition to the sanitizers' checks: nothing outside of the tree is named, described or read, the limit of
 * open descriptors is kept, the tree does not change, and a correct driver is served afterwards.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fuse_client.h"
#include "tests/support/fuzz.h"

#define FDS    6
#define NODES  32
#define SECRET "this is outside of the share"

static char top[] = "/tmp/fuzz-fuse.XXXXXX";
static ino_t inode[32];
static unsigned inodes;

static void put(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static void remember(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		abort();
	inode[inodes++] = st.st_ino;
}

static void remove_tree(void)
{
	static const char *const names[] = {"share/a/b/c", "share/a/b", "share/a/f", "share/a", "share/f", "share/link",
		"share/up", "share/fifo", "share", "secret", ""};
	int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(names) - 1; i++)
		if (unlinkat(dir, names[i], 0) < 0)
			unlinkat(dir, names[i], AT_REMOVEDIR);
	close(dir);
	rmdir(top);
}

static int make_tree(void)
{
	static const char *const names[] = {"", "a", "a/b", "a/b/c", "a/f", "f", "link", "up", "fifo"};
	int dir, share;

	if (!mkdtemp(top))
		abort();
	atexit(remove_tree);
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(dir, "secret", SECRET);
	mkdirat(dir, "share", 0755);
	share = openat(dir, "share", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(share, "a", 0755);
	mkdirat(share, "a/b", 0755);
	put(share, "a/b/c", "inner");
	put(share, "a/f", "a file");
	put(share, "f", "a file");
	if (symlinkat("../secret", share, "link") < 0 || symlinkat("..", share, "up") < 0 ||
		mkfifoat(share, "fifo", 0600) < 0)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		remember(share, *names[i] ? names[i] : ".");
	close(dir);
	return share;
}

static bool is_ours(uint64_t ino)
{
	for (unsigned i = 0; i < inodes; i++)
		if (inode[i] == ino)
			return true;
	return false;
}

/* Remembers the nodes that the driver has got, and asserts that it may have them. */
static void look(struct fuse_client *c, uint32_t opcode, uint64_t *node, unsigned *nr)
{
	struct fuse_entry_out e;
	struct fuse_dirent d;

	if (c->out.error)
		return;
	assert(c->len < strlen(SECRET) || !memmem(c->data, c->len, SECRET, strlen(SECRET)));
	if (opcode == FUSE_LOOKUP) {
		memcpy(&e, c->data, sizeof(e));
		assert(is_ours(e.attr.ino));
		node[(*nr)++ % NODES] = e.nodeid;
	}
	if (opcode == FUSE_GETATTR) {
		struct fuse_attr_out a;

		memcpy(&a, c->data, sizeof(a));
		assert(is_ours(a.attr.ino));
	}
	for (size_t at = 0; (opcode == FUSE_READDIR || opcode == FUSE_READDIRPLUS) && at < c->len;) {
		e.nodeid = 0;
		if (opcode == FUSE_READDIRPLUS) {
			memcpy(&e, c->data + at, sizeof(e));
			at += sizeof(e);
		}
		assert(at + sizeof(d) <= c->len);
		memcpy(&d, c->data + at, sizeof(d));
		at += sizeof(d) + (d.namelen + 7) / 8 * 8;
		assert(at <= c->len && is_ours(d.ino));
		if (e.nodeid)
			node[(*nr)++ % NODES] = e.nodeid;
	}
}

static void honest(struct fuse_client *c)
{
	struct fuse_entry_out a, b, f;

	c->room = 4096;
	assert(client_init(c, 7, 37) == 0);
	assert(client_lookup(c, FUSE_ROOT, "a", &a) == 0 && client_lookup(c, a.nodeid, "b", &b) == 0);
	assert(client_lookup(c, b.nodeid, "c", &f) == 0);
	assert(client_open(c, f.nodeid, false, O_RDONLY) == 0);
	assert(client_read(c, FUSE_READ, f.nodeid, 0, 100) == 0 && c->len == 5 && !memcmp(c->data, "inner", 5));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int tree = -1;
	static struct fuse_client c;
	struct fuse_params p = {.nodes = 4096, .fds = FDS};
	uint64_t node[NODES] = {FUSE_ROOT};
	unsigned nr = 1, fds;
	uint32_t live;

	if (tree < 0)
		tree = make_tree();
	p.root = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fuse_new(&p, &c.f) < 0)
		abort();
	/* A request: opcode (0x80: with a wrong length), which node, room, bytes of arguments, and these. */
	while (size >= 4) {
		size_t len = MIN((size_t)data[3], size - 4);
		struct fuse_in head = {.opcode = data[0] & 0x7f, .unique = size, .nodeid = node[data[1] % NODES]};

		head.len = (uint32_t)(sizeof(head) + len);
		if (data[0] & 0x80)
			head.len ^= data[1];
		if (data[1] & 0x80)
			head.nodeid ^= UINT64_C(1) << (data[1] & 0x3f);
		c.room = (size_t)data[2] * 8;
		if (client_send(&c, head, data + 4, len) == 0)
			look(&c, head.opcode, node, &nr);
		fuse_counts(c.f, &live, &fds);
		assert(fds <= FDS && live <= 4096);
		data += 4 + len;
		size -= 4 + len;
	}
	honest(&c);
	fuse_free(c.f);
	return 0;
}
