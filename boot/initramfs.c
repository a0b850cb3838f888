// SPDX-License-Identifier: Apache-2.0
#include "boot/initramfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/cpio.h"
#include "boot/init/init.h"
#include "boot/init/wire.h"
#include "vmm/base/util.h"

/** struct pack - @size: of each module's file */
struct pack {
	const struct initramfs_module *module;
	size_t nr;
	size_t *size;
};

static int read_module(int fd, void *to, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t r = pread(fd, (char *)to + at, n - at, (off_t)at);

		if (r == 0)
			return -EIO;
		if (r < 0 && errno != EINTR)
			return -errno;
		at += r > 0 ? (size_t)r : 0;
	}
	return 0;
}

static int add_module(struct cpio *c, const struct initramfs_module *m, size_t size, struct err *e)
{
	char name[CPIO_NAME_MAX];
	struct cpio_entry entry = {.name = name, .mode = S_IFREG | 0600, .size = size};
	void *data;
	int r;

	snprintf(name, sizeof(name), "%s/%s", &INIT_MODULES[1], m->name);
	r = cpio_add(c, &entry, &data, e);
	if (r < 0 || !data)
		return r;
	r = read_module(m->fd, data, size);
	return r < 0 ? err_sys(e, r, "module %s", m->name) : 0;
}

/* The names, a line each. */
static int add_list(struct cpio *c, const struct pack *p, struct err *e)
{
	struct cpio_entry entry = {.name = &INIT_MODULES_LIST[1], .mode = S_IFREG | 0600};
	void *data;
	char *to;
	int r;

	for (size_t i = 0; i < p->nr; i++)
		entry.size += strlen(p->module[i].name) + 1;
	r = cpio_add(c, &entry, &data, e);
	to = data;
	for (size_t i = 0; r == 0 && to && i < p->nr; i++) {
		to = stpcpy(to, p->module[i].name);
		*to++ = '\n';
	}
	return r;
}

static int add_all(struct cpio *c, const struct pack *p, struct err *e)
{
	const struct cpio_entry dev = {.name = "dev", .mode = S_IFDIR | 0755},
				console = {.name = "dev/console", .mode = S_IFCHR | 0600, .major = 5, .minor = 1},
				modules = {.name = &INIT_MODULES[1], .mode = S_IFDIR | 0700},
				init = {.name = "init", .mode = S_IFREG | 0700, .size = init_program_size};
	int r = cpio_add(c, &dev, &(void *){NULL}, e);

	if (r == 0)
		r = cpio_add(c, &console, &(void *){NULL}, e);
	if (r == 0)
		r = cpio_add_bytes(c, &init, init_program, e);
	if (r == 0)
		r = cpio_add(c, &modules, &(void *){NULL}, e);
	if (r == 0)
		r = add_list(c, p, e);
	for (size_t i = 0; i < p->nr && r == 0; i++)
		r = add_module(c, &p->module[i], p->size[i], e);
	return r;
}

static int sizes_of(const struct pack *p, struct err *e)
{
	size_t sum = 0;

	for (size_t i = 0; i < p->nr; i++) {
		struct stat st;

		if (fstat(p->module[i].fd, &st) < 0)
			return err_sys(e, -errno, "module %s", p->module[i].name);
		p->size[i] = (size_t)st.st_size;
		sum += p->size[i];
		if (p->size[i] > INITRAMFS_MAX || sum > INITRAMFS_MAX)
			return err_set(e, -EFBIG, "module %s: too large", p->module[i].name);
	}
	return 0;
}

int initramfs_pack(const struct initramfs_module *module, size_t nr, void **ret, size_t *ret_size, struct err *e)
{
	CLEANUP_FREE size_t *size = calloc(nr + 1, sizeof(*size));
	const struct pack p = {.module = module, .nr = nr, .size = size};
	void *buf = NULL;
	struct cpio c;
	size_t bytes;
	int r;

	if (!size)
		return err_sys(e, -ENOMEM, "cannot pack an initramfs");
	r = sizes_of(&p, e);
	/* Counted, then written. */
	for (int round = 0; round < 2 && r == 0; round++) {
		cpio_begin(&c, buf, round ? bytes : 0);
		r = add_all(&c, &p, e);
		if (r == 0)
			r = cpio_end(&c, &bytes, e);
		if (r == 0 && !round && !(buf = malloc(bytes)))
			r = err_sys(e, -ENOMEM, "cannot pack an initramfs of %zu bytes", bytes);
	}
	if (r < 0) {
		free(buf);
		return r;
	}
	*ret = buf;
	*ret_size = bytes;
	return 0;
}
