// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/libraries.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "boot/format_program.h"
#include "vmm/base/file.h"
#include "vmm/base/path.h"
#include "vmm/exec/space.h"

#define ORIGIN "$ORIGIN"

/* What the loaders of Debian and Fedora search last. */
static const char system_dirs[] = "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64:/lib:/usr/lib";

/* Which of these it takes depends on the guest's processor. */
static const char *const variants[] = {
	"glibc-hwcaps/x86-64-v4/", "glibc-hwcaps/x86-64-v3/", "glibc-hwcaps/x86-64-v2/", ""};

/* Return: 0, -ENOMEM; @fd is taken */
static int add(struct libraries *l, int fd, const char *path, struct err *e)
{
	struct library *new = &l->of[l->nr];
	int r = 0;

	if (l->nr == LIBRARIES_MAX) {
		close(fd);
		return err_set(e, -ENOTSUP, "more than %u libraries", LIBRARIES_MAX - 2);
	}
	if (fstat(fd, &new->st) < 0)
		r = -errno;
	else if (!(new->path = strdup(path)))
		r = -ENOMEM;
	if (r < 0) {
		close(fd);
		return err_sys(e, r, "%s", path);
	}
	new->fd = fd;
	new->name = path_name(new->path);
	l->nr++;
	return 0;
}

/* Non-blocking, so that a FIFO is an error instead of blocking. Return: a descriptor of a regular file, or -errno. */
static int open_regular(const char *path)
{
	int fd = path_open(path, O_RDONLY | O_NONBLOCK, 0), r = 0;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	else if (fd >= 0 && !S_ISREG(st.st_mode))
		r = -ENOENT;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* An error that says nothing about the file: another one in its place would be the wrong one. */
static bool is_shortage(int r)
{
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EIO;
}

/* Is it there under that name already? musl's loader is its C library, too. */
static bool is_there(const struct libraries *l, const char *name)
{
	if (l->loader && !strncmp(l->of[1].name, "ld-musl-", 8) && !strncmp(name, "libc.", 5))
		return true;
	for (unsigned i = 1; i < l->nr; i++)
		if (!strcmp(l->of[i].name, name))
			return true;
	return false;
}

/**
 * struct search - for one name
 * @by: the file that needs it
 */
struct search {
	struct libraries *l;
	const struct library *by;
	const char *name;
	bool found;
};

static int try(struct search *s, const char *dir, int len, struct err *e)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		int n = snprintf(path, sizeof(path), "%.*s/%s%s", len, dir, variants[i], s->name), fd, r;

		if (n < 0 || (size_t)n >= sizeof(path))
			continue;
		fd = open_regular(path);
		if (fd < 0 && !is_shortage(fd))
			continue;
		r = fd < 0 ? err_sys(e, fd, "%s", path) : add(s->l, fd, path, e);
		if (r < 0)
			return r;
		s->found = true;
	}
	return 0;
}

/* $ORIGIN is where the file is that names the directory; other variables, and relative ones, are left out. */
static int try_element(struct search *s, const char *dir, int len, struct err *e)
{
	char path[PATH_MAX];
	int before = len > 0 && !strncmp(dir, ORIGIN, sizeof(ORIGIN) - 1)   ? (int)sizeof(ORIGIN) - 1
		: len > 0 && !strncmp(dir, "${ORIGIN}", sizeof(ORIGIN) + 1) ? (int)sizeof(ORIGIN) + 1
									    : 0;

	if (!before)
		return len > 0 && *dir == '/' && !memchr(dir, '$', (size_t)len) ? try(s, dir, len, e) : 0;
	if (before > len || memchr(dir + before, '$', (size_t)(len - before)))
		return 0;
	len = snprintf(path, sizeof(path), "%.*s%.*s", MAX((int)(s->by->name - s->by->path) - 1, 0), s->by->path,
		len - before, dir + before);
	return len > 0 && (size_t)len < sizeof(path) ? try(s, path, len, e) : 0;
}

static int try_list(struct search *s, const char *list, struct err *e)
{
	int r = 0;

	while (r == 0 && !s->found && list && *list) {
		int len = (int)strcspn(list, ":;");

		r = try_element(s, list, len, e);
		list += len + (list[len] != '\0');
	}
	return r;
}

static int find(struct search *s, const struct program_needs *needs, const char *rpath, const char *dirs, struct err *e)
{
	int r = 0;

	if (strchr(s->name, '/'))
		return err_set(
			e, -ENOTSUP, "%s needs the library %s by its path: not supported yet", s->by->path, s->name);
	if (!*needs->runpath)
		r = try_list(s, needs->rpath, e);
	/* That of the program counts for its libraries, too. */
	if (r == 0 && !*needs->runpath) {
		struct search of_program = *s;

		of_program.by = &s->l->of[0];
		r = try_list(&of_program, rpath, e);
		s->found = of_program.found;
	}
	if (r == 0)
		r = try_list(s, dirs, e);
	if (r == 0)
		r = try_list(s, needs->runpath, e);
	if (r == 0)
		r = try_list(s, system_dirs, e);
	if (r == 0 && !s->found)
		r = err_set(e, -ENOENT,
			"%s needs the library %s, which is in none of the directories where its loader looks; --env "
			"LD_LIBRARY_PATH=DIRECTORY names another",
			s->by->path, s->name);
	return r;
}

static int find_all(struct libraries *l, const struct program_needs *needs, unsigned by, const char *rpath,
	const char *dirs, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < needs->nr; i++) {
		struct search s = {.l = l, .by = &l->of[by], .name = needs->name[i]};

		if (!is_there(l, s.name))
			r = find(&s, needs, rpath, dirs, e);
	}
	return r;
}

/* The loader has to be there before libraries that need it by its name. */
static int add_loader(struct libraries *l, const char *path, struct err *e)
{
	int fd = open_regular(path), r;

	if (fd < 0)
		return err_sys(e, fd, "%s needs the loader %s", l->of[0].path, path);
	r = add(l, fd, path, e);
	l->loader = r == 0;
	return r;
}

int libraries_open(struct libraries *l, int fd, const char *path, const char *dirs, struct err *e)
{
	CLEANUP_FREE struct program_needs *needs = malloc(sizeof(*needs));
	CLEANUP_FREE struct program_image *img = malloc(sizeof(*img));
	char rpath[PROGRAM_PATHS_MAX] = "";
	int r = add(l, fd, path, e);

	if (r == 0 && (!needs || !img))
		r = err_sys(e, -ENOMEM, "cannot set up");
	for (unsigned i = 0; r == 0 && i < l->nr; i++) {
		r = program_image_read(l->of[i].fd, SPACE_LOW, SPACE_HIGH, img, i ? e : NULL);
		/* What is wrong with the program itself is said when it is loaded. */
		if (!i && (r < 0 || !*img->interpreter))
			return 0;
		if (r == 0 && !i)
			r = add_loader(l, img->interpreter, e);
		if (r == 0)
			r = program_needs_read(img, needs, e);
		if (r < 0)
			return i ? err_wrap(e, r, "%s", l->of[i].path) : r;
		if (!i && !*needs->runpath)
			memcpy(rpath, needs->rpath, sizeof(rpath));
		r = find_all(l, needs, i, rpath, dirs, e);
	}
	return r;
}

void libraries_close(struct libraries *l)
{
	for (unsigned i = 0; i < l->nr; i++) {
		close(l->of[i].fd);
		free(l->of[i].path);
	}
	l->nr = 0;
}
