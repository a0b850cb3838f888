// SPDX-License-Identifier: Apache-2.0
#include "vmm/host/fileset.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "vmm/base/fdpath.h"

static struct file_id id_of_stat(const struct stat *st)
{
	if (S_ISBLK(st->st_mode))
		return (struct file_id){.kind = FILE_ID_BLOCK, .dev = st->st_rdev};
	if (S_ISREG(st->st_mode) || S_ISSOCK(st->st_mode))
		return (struct file_id){.kind = FILE_ID_FILE, .dev = st->st_dev, .ino = st->st_ino};
	return (struct file_id){.kind = FILE_ID_NONE};
}

/* A file that does not exist yet is identified by its directory and name. */
static struct file_id id_of_missing(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";
	struct stat st;

	if (slash && (size_t)(slash - path) + 2 > sizeof(dir))
		return (struct file_id){.kind = FILE_ID_NONE};
	if (slash) {
		memcpy(dir, path, (size_t)(slash - path) + 1);
		dir[slash - path + 1] = '\0';
	}
	if (stat(dir, &st) < 0)
		return (struct file_id){.kind = FILE_ID_NONE};
	return (struct file_id){
		.kind = FILE_ID_MISSING, .dev = st.st_dev, .ino = st.st_ino, .name = slash ? slash + 1 : path};
}

void fileset_add(struct fileset *s, const char *what, const char *path, enum file_use use)
{
	struct fileset_file *f;
	struct stat st;

	if (!path || s->nr == FILESET_MAX)
		return;
	f = &s->file[s->nr++];
	*f = (struct fileset_file){.what = what, .path = path, .use = use};
	if (stat(path, &st) == 0)
		f->id = id_of_stat(&st);
	else if (errno == ENOENT)
		f->id = id_of_missing(path);
	f->id.fd = fd_of_path(path) >= 0;
}

void fileset_add_streams(struct fileset *s)
{
	static const char *const what[] = {"standard input", "standard output", "standard error"};

	for (int fd = 0; fd < (int)ARRAY_SIZE(what) && s->nr < FILESET_MAX; fd++) {
		struct fileset_file *f = &s->file[s->nr];
		bool reads = !fd || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
		struct stat st;

		if (fstat(fd, &st) < 0)
			continue;
		*f = (struct fileset_file){
			.what = what[fd], .use = reads ? FILE_READ : FILE_WRITE, .id = id_of_stat(&st)};
		f->id.fd = true;
		s->nr++;
	}
}

static bool same(const struct file_id *a, const struct file_id *b)
{
	if (a->kind == FILE_ID_NONE || a->kind != b->kind || a->dev != b->dev || a->ino != b->ino)
		return false;
	return a->kind != FILE_ID_MISSING || !strcmp(a->name, b->name);
}

/* Whether writing to @a destroys data of @b. */
static bool clash(const struct fileset_file *a, const struct fileset_file *b)
{
	/* Descriptors that the caller has duplicated, or opened for appending, may be the same file. */
	if (a->use == FILE_READ || (!a->path && !b->path) || (b->use == FILE_WRITE && a->id.fd && b->id.fd))
		return false;
	return same(&a->id, &b->id);
}

/* The option with its value, or the stream. */
static const char *name_of(const struct fileset_file *f, char *buf, size_t size)
{
	const char *blank = f->what[strlen(f->what) - 1] == '=' ? "" : " ";

	snprintf(buf, size, "%s%s%.200s", f->what, f->path ? blank : "", f->path ? f->path : "");
	return buf;
}

static int words(const struct fileset_file *out, const struct fileset_file *other, struct err *e)
{
	char a[256], b[256];

	name_of(out, a, sizeof(a));
	name_of(other, b, sizeof(b));
	if (!out->path)
		return err_set(
			e, -EINVAL, "%s goes to the file of %s, which it would destroy; let it go to another", a, b);
	if (!other->path && other->use == FILE_WRITE)
		return err_set(e, -EINVAL, "%s: the file of %s, which it would take away; /dev/%s writes there too", a,
			b, strstr(b, "error") ? "stderr" : "stdout");
	return err_set(e, -EINVAL, "%s: the file of %s, which it would destroy; name another", a, b);
}

int fileset_check(const struct fileset *s, struct err *e)
{
	for (const struct fileset_file *a = s->file; a < s->file + s->nr; a++)
		for (const struct fileset_file *b = s->file; b < s->file + s->nr; b++)
			/* Of two outputs that have a path, the later one is at fault. */
			if (a != b && (b->use == FILE_READ || !b->path || (a->path && b < a)) && clash(a, b))
				return err_operator(e, words(a, b, e));
	return 0;
}
