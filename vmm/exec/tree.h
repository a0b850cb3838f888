/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in memory: the program's root directory with what leads to its mounts, its own files, devices and /proc, and
 * the contents of --tmp. All memory is reserved by tree_init(), so that the program's thread does not allocate.
 *
 * A file's pages are found by tables of 1,024 page numbers, as many levels of them as its size needs; a page that was
 * never written is 0 and reads as zeroes.
 *
 * Context of all functions: one thread at a time. Trust: names and sizes come from the program.
 */
#ifndef VMM_EXEC_TREE_H
#define VMM_EXEC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define TREE_ROOT     1u
#define TREE_NAME_MAX 255
#define TREE_SIZE_MAX (UINT64_C(1) << 40) /* of a file */
#define TREE_LINK_MAX 4095

/**
 * enum tree_kind
 * @TREE_OPENED: a file of the host that was opened at the start: @what is its number in struct libraries
 * @TREE_DEVICE: @what is an exec_device
 * @TREE_PROC: a file or link whose content is made when it is read: @what is an exec_proc
 */
enum tree_kind { TREE_FREE, TREE_DIR, TREE_FILE, TREE_LINK, TREE_OPENED, TREE_DEVICE, TREE_PROC };

/**
 * struct tree_node - of a directory: @child to @tail are its entries, in the order of @cookie
 * @next, @prev: siblings; @next of a free node: the next one in the list
 * @chain: in the bucket of its name
 * @opens: references; a node that has no name is freed with the last one
 * @data: a page, or a table of @levels levels
 * @cookie: position in the directory, from 2 on
 * @rights: permission bits
 * @writable: below --tmp
 */
struct tree_node {
	uint64_t size;
	uint64_t cookie;
	struct timespec accessed, modified, changed;
	uint32_t parent, next, prev, chain, child, tail;
	uint32_t opens, dirs, data, pages;
	int32_t what;
	uint16_t rights;
	uint8_t kind, levels, name_len;
	bool named, writable;
	char name[TREE_NAME_MAX + 1];
};

/** struct tree_counts - @fresh_page, @fresh_node: those from here on have never been used */
struct tree_counts {
	uint32_t free_node, fresh_node, live;
	uint32_t free_page, fresh_page, used;
	uint64_t cookie;
};

/** struct tree_base - what tree_return() goes back to; owned */
struct tree_base {
	struct tree_node *node;
	uint32_t *bucket;
	uint8_t *pool;
	struct tree_counts counts;
};

/**
 * struct tree - zero-initialised, then tree_init(); owns its memory
 * @pool: pages, of which number 0 is never used
 * @changed: since tree_mark(), which reading is not
 * @mode: of a new node of the guest, before its umask
 */
struct tree {
	struct tree_node *node;
	uint32_t *bucket;
	uint8_t *pool;
	uint32_t nodes, buckets, pages;
	struct tree_counts counts;
	bool changed;
	struct tree_base base;
};

/**
 * tree_init() - a root directory
 * @nodes: limit of files and directories; @pages: of pages of 4 KiB, tables included
 *
 * Return: 0 or -ENOMEM.
 */
int tree_init(struct tree *t, uint32_t nodes, uint32_t pages);

/** tree_destroy() - takes a zeroed struct */
void tree_destroy(struct tree *t);

/** tree_base_init() - reserve memory for tree_mark(). Return: 0 or -ENOMEM */
int tree_base_init(struct tree *t);

/** tree_mark() - the moment that tree_return() goes back to is now */
void tree_mark(struct tree *t);

/** tree_return() - files, names and contents as at tree_mark(); who has which node open is the caller's business */
void tree_return(struct tree *t);

/** tree_find() - the entry of a directory, 0: none */
uint32_t tree_find(const struct tree *t, uint32_t dir, const char *name, size_t len);

/**
 * tree_add() - make an entry
 *
 * Return: 0; -EEXIST, -ENAMETOOLONG, -ENOENT: the directory has been removed, -ENOSPC.
 */
int tree_add(struct tree *t, uint32_t dir, const char *name, size_t len, enum tree_kind kind, unsigned rights,
	uint32_t *ret);

/** tree_add_link() - make a symbolic link. Return: as tree_add() */
int tree_add_link(struct tree *t, uint32_t dir, const char *name, size_t len, const char *target);

/** tree_remove() - remove a file, or with @dir a directory. Return: 0, -ENOTDIR, -EISDIR, -ENOTEMPTY, -EBUSY: a root */
int tree_remove(struct tree *t, uint32_t node, bool dir);

/**
 * tree_rename() - move an entry
 * @over: the entry that has the name already; 0: none
 *
 * Return: 0; -ENOTDIR, -EISDIR, -ENOTEMPTY, -EBUSY; -EINVAL: into itself.
 */
int tree_rename(struct tree *t, uint32_t node, uint32_t dir, const char *name, size_t len, uint32_t over);

/** tree_hold(), tree_release() - count a reference */
void tree_hold(struct tree *t, uint32_t node);
void tree_release(struct tree *t, uint32_t node);

/** tree_link() - copies the target of a link with a NUL. Return: its length */
size_t tree_link(const struct tree *t, uint32_t node, char ret[static TREE_LINK_MAX + 1]);

/**
 * tree_window() - a pointer to a file's bytes
 * @write: there must be a page
 * @ret_len: bytes available, up to the end of the page; the end of the file is the caller's business
 *
 * Return: 0; -ENOSPC; -EFBIG.
 */
int tree_window(struct tree *t, uint32_t node, uint64_t offset, bool write, uint8_t **ret, size_t *ret_len);

/** tree_wrote() - @end: the offset behind what was written: the file is at least so long */
void tree_wrote(struct tree *t, uint32_t node, uint64_t end);

/** tree_truncate() - set the size. Return: 0, -EFBIG */
int tree_truncate(struct tree *t, uint32_t node, uint64_t size);

/** tree_stat() - what stat() says of a file, directory or link; the caller adds what is different with other kinds */
void tree_stat(const struct tree *t, uint32_t node, struct stat *ret);

/** tree_entry() - the first entry of a directory whose cookie is @from or more; 0: none */
uint32_t tree_entry(const struct tree *t, uint32_t dir, uint64_t from);

/** tree_path() - make directories, as far as they are missing. Return: 0, -ENOTDIR or as tree_add() */
int tree_path(struct tree *t, const char *path, uint32_t *ret);

#endif
