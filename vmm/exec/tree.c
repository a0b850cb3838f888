// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/tree.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "vmm/base/assert.h"
#include "vmm/base/util.h"
#include "vmm/base/x86.h"

#define FANOUT_BITS 10
#define FANOUT      (1u << FANOUT_BITS)
#define DEV         0x6d /* st_dev of files in memory */
#define OWNER       65534

static const uint8_t zeroes[PAGE_4K];

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static uint8_t *page(const struct tree *t, uint32_t n)
{
	return t->pool + (size_t)n * PAGE_4K;
}

static struct timespec now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts;
}

/* --- Pages -------------------------------------------------------------------------------------------------- */

/* Return: a zeroed page, 0: there is none. */
static uint32_t page_new(struct tree *t)
{
	uint32_t n = t->counts.free_page;

	if (n) {
		memcpy(&t->counts.free_page, page(t, n), sizeof(t->counts.free_page));
		memset(page(t, n), 0, PAGE_4K);
	} else {
		if (t->counts.fresh_page > t->pages)
			return 0;
		n = t->counts.fresh_page++;
	}
	t->counts.used++;
	return n;
}

static void page_free(struct tree *t, struct tree_node *n, uint32_t at)
{
	memcpy(page(t, at), &t->counts.free_page, sizeof(t->counts.free_page));
	t->counts.free_page = at;
	t->counts.used--;
	n->pages--;
}

static uint32_t take_page(struct tree *t, struct tree_node *n)
{
	uint32_t at = page_new(t);

	n->pages += at != 0;
	return at;
}

/* One table more above what there is. */
static bool add_level(struct tree *t, struct tree_node *n)
{
	if (n->data) {
		uint32_t table = take_page(t, n);

		if (!table)
			return false;
		memcpy(page(t, table), &n->data, sizeof(n->data));
		n->data = table;
	}
	n->levels++;
	return true;
}

/* Return: the page of the file, 0: there is none */
static uint32_t find_page(struct tree *t, struct tree_node *n, uint64_t nr, bool make)
{
	uint32_t *at = &n->data;

	while (nr >> FANOUT_BITS * n->levels)
		if (!make || !add_level(t, n))
			return 0;
	for (unsigned level = n->levels;; level--) {
		if (!*at && make)
			*at = take_page(t, n);
		if (!*at || !level)
			return *at;
		at = (uint32_t *)(void *)page(t, *at) + (nr >> FANOUT_BITS * (level - 1)) % FANOUT;
	}
}

/* Frees the pages from @first on, and the tables that only they needed. */
static void free_from(struct tree *t, struct tree_node *n, uint32_t *at, unsigned level, uint64_t first)
{
	uint32_t *table = (uint32_t *)(void *)page(t, *at);
	uint64_t span = level ? UINT64_C(1) << FANOUT_BITS * (level - 1) : 0;

	if (!*at)
		return;
	for (uint64_t i = level ? first / span : FANOUT; i < FANOUT; i++)
		free_from(t, n, &table[i], level - 1, i * span < first ? first - i * span : 0);
	if (first)
		return;
	page_free(t, n, *at);
	*at = 0;
}

/* --- Nodes -------------------------------------------------------------------------------------------------- */

int tree_init(struct tree *t, uint32_t nodes, uint32_t pages)
{
	struct tree_node *root;

	t->nodes = nodes + TREE_ROOT;
	t->pages = pages;
	t->buckets = 64;
	while (t->buckets < t->nodes)
		t->buckets *= 2;
	t->node = reserve((size_t)(t->nodes + 1) * sizeof(*t->node));
	t->bucket = reserve(t->buckets * sizeof(*t->bucket));
	t->pool = reserve(((size_t)pages + 1) * PAGE_4K);
	if (!t->node || !t->bucket || !t->pool) {
		tree_destroy(t);
		return -ENOMEM;
	}
	t->counts.fresh_page = 1;
	t->counts.fresh_node = TREE_ROOT + 1;
	t->counts.cookie = 2;
	root = &t->node[TREE_ROOT];
	*root = (struct tree_node){.kind = TREE_DIR, .parent = TREE_ROOT, .rights = 0755, .named = true, .opens = 1};
	root->accessed = root->modified = root->changed = now();
	return 0;
}

void tree_destroy(struct tree *t)
{
	if (t->node)
		munmap(t->node, (size_t)(t->nodes + 1) * sizeof(*t->node));
	if (t->bucket)
		munmap(t->bucket, t->buckets * sizeof(*t->bucket));
	if (t->pool)
		munmap(t->pool, ((size_t)t->pages + 1) * PAGE_4K);
	if (t->base.node)
		munmap(t->base.node, (size_t)(t->nodes + 1) * sizeof(*t->node));
	if (t->base.bucket)
		munmap(t->base.bucket, t->buckets * sizeof(*t->bucket));
	if (t->base.pool)
		munmap(t->base.pool, ((size_t)t->pages + 1) * PAGE_4K);
	*t = (struct tree){0};
}

int tree_base_init(struct tree *t)
{
	struct tree_base *b = &t->base;

	b->node = reserve((size_t)(t->nodes + 1) * sizeof(*t->node));
	b->bucket = reserve(t->buckets * sizeof(*t->bucket));
	b->pool = reserve(((size_t)t->pages + 1) * PAGE_4K);
	return b->node && b->bucket && b->pool ? 0 : -ENOMEM;
}

static void copy(const struct tree *t, const struct tree_base *from, struct tree_base *to)
{
	memcpy(to->node, from->node, from->counts.fresh_node * sizeof(*t->node));
	memcpy(to->bucket, from->bucket, t->buckets * sizeof(*t->bucket));
	memcpy(to->pool, from->pool, (size_t)from->counts.fresh_page * PAGE_4K);
	to->counts = from->counts;
}

void tree_mark(struct tree *t)
{
	const struct tree_base now = {t->node, t->bucket, t->pool, t->counts};

	copy(t, &now, &t->base);
	t->changed = false;
}

void tree_return(struct tree *t)
{
	struct tree_base now = {t->node, t->bucket, t->pool, t->counts};
	uint32_t first = t->base.counts.fresh_page, end = t->counts.fresh_page;

	if (!t->changed)
		return;
	copy(t, &t->base, &now);
	t->counts = now.counts;
	/* A page that was never used is zero. */
	if (end > first)
		madvise(page(t, first), (size_t)(end - first) * PAGE_4K, MADV_DONTNEED);
	t->changed = false;
}

/* FNV-1a, 32 bits */
static uint32_t *bucket_of(const struct tree *t, uint32_t dir, const char *name, size_t len)
{
	uint32_t h = UINT32_C(2166136261) ^ dir * UINT32_C(2654435761);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * UINT32_C(16777619);
	return &t->bucket[(h ^ h >> 15) & (t->buckets - 1)];
}

uint32_t tree_find(const struct tree *t, uint32_t dir, const char *name, size_t len)
{
	for (uint32_t i = *bucket_of(t, dir, name, len); i; i = t->node[i].chain) {
		const struct tree_node *n = &t->node[i];

		if (n->parent == dir && n->name_len == len && !memcmp(n->name, name, len))
			return i;
	}
	return 0;
}

/* Puts a node into a directory, as the last entry. */
static void enter(struct tree *t, uint32_t at, uint32_t dir, const char *name, size_t len)
{
	struct tree_node *n = &t->node[at], *d = &t->node[dir];
	uint32_t *bucket = bucket_of(t, dir, name, len);

	t->changed = true;
	memcpy(n->name, name, len);
	n->name[len] = '\0';
	n->name_len = (uint8_t)len;
	n->parent = dir;
	n->cookie = t->counts.cookie++;
	n->chain = *bucket;
	*bucket = at;
	n->next = 0;
	n->prev = d->tail;
	if (d->tail)
		t->node[d->tail].next = at;
	else
		d->child = at;
	d->tail = at;
	d->dirs += n->kind == TREE_DIR;
	n->named = true;
	d->modified = d->changed = n->changed = now();
}

static void leave(struct tree *t, uint32_t at)
{
	struct tree_node *n = &t->node[at], *d = &t->node[n->parent];
	uint32_t *link = bucket_of(t, n->parent, n->name, n->name_len);

	t->changed = true;
	while (*link != at)
		link = &t->node[*link].chain;
	*link = n->chain;
	if (n->prev)
		t->node[n->prev].next = n->next;
	else
		d->child = n->next;
	if (n->next)
		t->node[n->next].prev = n->prev;
	else
		d->tail = n->prev;
	d->dirs -= n->kind == TREE_DIR;
	n->named = false;
	d->modified = d->changed = n->changed = now();
}

static void drop(struct tree *t, uint32_t at)
{
	struct tree_node *n = &t->node[at];

	if (n->named || n->opens)
		return;
	t->changed = true;
	free_from(t, n, &n->data, n->levels, 0);
	n->kind = TREE_FREE;
	n->next = t->counts.free_node;
	t->counts.free_node = at;
	t->counts.live--;
}

int tree_add(
	struct tree *t, uint32_t dir, const char *name, size_t len, enum tree_kind kind, unsigned rights, uint32_t *ret)
{
	struct tree_node *n;
	uint32_t at = t->counts.free_node;

	if (len > TREE_NAME_MAX)
		return -ENAMETOOLONG;
	if (!t->node[dir].named)
		return -ENOENT;
	if (tree_find(t, dir, name, len))
		return -EEXIST;
	if (at)
		t->counts.free_node = t->node[at].next;
	else if (t->counts.fresh_node > t->nodes)
		return -ENOSPC;
	else
		at = t->counts.fresh_node++;
	n = &t->node[at];
	*n = (struct tree_node){.kind = (uint8_t)kind, .rights = (uint16_t)rights, .writable = t->node[dir].writable};
	n->accessed = n->modified = now();
	enter(t, at, dir, name, len);
	t->counts.live++;
	*ret = at;
	return 0;
}

int tree_add_link(struct tree *t, uint32_t dir, const char *name, size_t len, const char *target)
{
	size_t size = strlen(target);
	uint32_t at;
	uint8_t *to;
	size_t room;
	int r = size > TREE_LINK_MAX ? -ENAMETOOLONG : tree_add(t, dir, name, len, TREE_LINK, 0777, &at);

	if (r < 0)
		return r;
	r = tree_window(t, at, 0, true, &to, &room);
	if (r < 0) {
		leave(t, at);
		drop(t, at);
		return r;
	}
	memcpy(to, target, size + 1);
	t->node[at].size = size;
	return 0;
}

/* What has no directory above it stays: the root, and that of --tmp. */
static bool is_root(const struct tree *t, uint32_t at)
{
	return at == TREE_ROOT || t->node[at].writable != t->node[t->node[at].parent].writable;
}

static int removable(const struct tree *t, uint32_t at, bool dir)
{
	const struct tree_node *n = &t->node[at];

	if (is_root(t, at))
		return -EBUSY;
	if (dir != (n->kind == TREE_DIR))
		return dir ? -ENOTDIR : -EISDIR;
	return n->child ? -ENOTEMPTY : 0;
}

int tree_remove(struct tree *t, uint32_t at, bool dir)
{
	int r = removable(t, at, dir);

	if (r < 0)
		return r;
	leave(t, at);
	drop(t, at);
	return 0;
}

static bool is_below(const struct tree *t, uint32_t at, uint32_t above)
{
	for (; at != TREE_ROOT; at = t->node[at].parent)
		if (at == above)
			return true;
	return false;
}

int tree_rename(struct tree *t, uint32_t at, uint32_t dir, const char *name, size_t len, uint32_t over)
{
	int r;

	if (len > TREE_NAME_MAX)
		return -ENAMETOOLONG;
	if (is_root(t, at))
		return -EBUSY;
	if (!t->node[dir].named)
		return -ENOENT;
	if (is_below(t, dir, at))
		return -EINVAL;
	if (at == over)
		return 0;
	r = over ? removable(t, over, t->node[at].kind == TREE_DIR) : 0;
	if (r < 0)
		return r;
	if (over) {
		leave(t, over);
		drop(t, over);
	}
	leave(t, at);
	enter(t, at, dir, name, len);
	return 0;
}

void tree_hold(struct tree *t, uint32_t at)
{
	t->node[at].opens++;
}

void tree_release(struct tree *t, uint32_t at)
{
	assert(t->node[at].opens);
	t->node[at].opens--;
	drop(t, at);
}

/* --- Contents ----------------------------------------------------------------------------------------------- */

size_t tree_link(const struct tree *t, uint32_t at, char ret[static TREE_LINK_MAX + 1])
{
	const struct tree_node *n = &t->node[at];

	memcpy(ret, page(t, n->data), n->size + 1);
	return n->size;
}

int tree_window(struct tree *t, uint32_t at, uint64_t offset, bool write, uint8_t **ret, size_t *ret_len)
{
	uint32_t p;

	if (offset >= TREE_SIZE_MAX)
		return -EFBIG;
	t->changed |= write;
	p = find_page(t, &t->node[at], offset / PAGE_4K, write);
	if (!p && write)
		return -ENOSPC;
	/* Nothing is written where nothing was asked for. */
	*ret = (p ? page(t, p) : (uint8_t *)(uintptr_t)zeroes) + offset % PAGE_4K;
	*ret_len = PAGE_4K - offset % PAGE_4K;
	return 0;
}

void tree_wrote(struct tree *t, uint32_t at, uint64_t end)
{
	struct tree_node *n = &t->node[at];

	t->changed = true;
	n->size = MAX(n->size, end);
	n->modified = n->changed = now();
}

int tree_truncate(struct tree *t, uint32_t at, uint64_t size)
{
	struct tree_node *n = &t->node[at];

	if (size > TREE_SIZE_MAX)
		return -EFBIG;
	t->changed = true;
	if (size < n->size) {
		uint64_t first = align_up(size, PAGE_4K) / PAGE_4K;
		uint32_t last = size % PAGE_4K ? find_page(t, n, size / PAGE_4K, false) : 0;

		if (last)
			memset(page(t, last) + size % PAGE_4K, 0, PAGE_4K - size % PAGE_4K);
		/* Of a file of one page the page has no table that says which it is. */
		if (!(first >> FANOUT_BITS * n->levels))
			free_from(t, n, &n->data, n->levels, first);
		if (!n->data)
			n->levels = 0;
	}
	n->size = size;
	n->modified = n->changed = now();
	return 0;
}

void tree_stat(const struct tree *t, uint32_t at, struct stat *ret)
{
	const struct tree_node *n = &t->node[at];
	static const mode_t types[] = {[TREE_DIR] = S_IFDIR,
		[TREE_FILE] = S_IFREG,
		[TREE_LINK] = S_IFLNK,
		[TREE_OPENED] = S_IFREG,
		[TREE_DEVICE] = S_IFCHR,
		[TREE_PROC] = S_IFREG};

	memset(ret, 0, sizeof(*ret));
	ret->st_dev = DEV;
	ret->st_ino = at;
	ret->st_mode = types[n->kind] | n->rights;
	ret->st_nlink = !n->named ? 0 : n->kind == TREE_DIR ? 2 + n->dirs : 1;
	ret->st_uid = ret->st_gid = n->writable ? OWNER : 0;
	ret->st_size = (off_t)n->size;
	ret->st_blksize = PAGE_4K;
	ret->st_blocks = (blkcnt_t)n->pages * (blkcnt_t)(PAGE_4K / 512);
	ret->st_atim = n->accessed;
	ret->st_mtim = n->modified;
	ret->st_ctim = n->changed;
}

uint32_t tree_entry(const struct tree *t, uint32_t dir, uint64_t from)
{
	uint32_t i = t->node[dir].child;

	while (i && t->node[i].cookie < from)
		i = t->node[i].next;
	return i;
}

int tree_path(struct tree *t, const char *path, uint32_t *ret)
{
	uint32_t at = TREE_ROOT;
	int r = 0;

	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t len = strcspn(path, "/");
		uint32_t next = tree_find(t, at, path, len);

		if (!next)
			r = tree_add(t, at, path, len, TREE_DIR, 0755, &next);
		if (r == 0 && t->node[next].kind != TREE_DIR)
			r = -ENOTDIR;
		if (r < 0)
			return r;
		at = next;
		path += len;
	}
	*ret = at;
	return 0;
}
