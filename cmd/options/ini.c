// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation: inih asks a reader for line after line and calls back with section, key and value. It keeps a
 * line in a buffer whose size is fixed when the library is built (200 bytes in Debian); a longer line would come back
 * in pieces, the second of which looks like a line of its own. It also treats an indented line as a further value of
 * the last key, cuts comments off values, accepts a colon for an equals sign and text after "]", and these habits are
 * settings of each distribution's build.
 *
 * Hence the reader hands inih only lines of which it is sure: a section header, or "KEY=" without the value, or an
 * empty line in place of blanks and comments, so that line numbers stay in step. The value is kept beside, whole, and
 * the callback picks it up there. All else is refused here, with its line number.
 */
#include "cmd/options/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/options/device_list.h"
#include "vmm/base/fdpath.h"
#include "vmm/base/file.h"
#include "vmm/base/path.h"

#define BLANKS    " \t"
#define KEY_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

/**
 * struct ini_source - a file while it is read
 * @next: what has not been handed out yet; lines are cut off in place
 * @value: of the line handed out last
 * @section: where keys go, SECTIONS before the first header
 * @seen: line of each section's header, 0: not yet
 * @list, @list_line: the device whose section is open, and its header's line; NULL: another section
 * @list_seen: its keys so far, a bit each
 * @list_text: owned; what it said so far, as the command line would say it
 * @result: 0, or the first error, after which inih gets no more lines
 */
struct ini_source {
	char *next;
	const char *end;
	const char *value;
	unsigned line;
	enum option_section section;
	unsigned seen[SECTIONS];
	const struct option_def *list;
	unsigned list_line;
	uint32_t list_seen;
	char *list_text;
	struct settings *ret;
	struct err *e;
	int result;
};

#define REFUSE(s, fmt, ...)                                                                                            \
	((s)->result = err_set((s)->e, -EINVAL, "%s:%u: " fmt, (s)->ret->file, (s)->line, ##__VA_ARGS__))

/* Cuts blanks off both ends, in place. */
static char *trim(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	len = strlen(text);
	while (len && strchr(BLANKS, text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* The next line without its end; NULL at the end or when it is no text. */
static char *cut_line(struct ini_source *s)
{
	char *line = s->next, *nl;
	size_t len;

	if (s->result < 0 || s->next == s->end)
		return NULL;
	s->line++;
	nl = memchr(line, '\n', (size_t)(s->end - line));
	len = (size_t)((nl ? nl : s->end) - line);
	s->next = line + len + (nl ? 1 : 0);
	if (len && line[len - 1] == '\r')
		len--;
	line[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			REFUSE(s, "not a text file: byte 0x%02x in column %zu", c, i + 1);
			return NULL;
		}
	}
	return line;
}

/* The end of a device's section: what it said becomes one occurrence of the setting. */
static void close_list(struct ini_source *s)
{
	const struct option_def *o = s->list, *missing;
	int r;

	if (!o || s->result < 0)
		return;
	s->list = NULL;
	missing = device_list_missing(o, s->list_seen);
	if (missing)
		s->result = err_set(s->e, -EINVAL, "%s:%u: [%s]: %s is missing", s->ret->file, s->list_line, o->name,
			missing->name);
	if (s->result < 0)
		return;
	r = settings_add(s->ret, o, s->list_text ? s->list_text : "", s->list_line, s->e);
	if (r < 0)
		s->result = r;
}

static void unknown_section(struct ini_source *s, const char *line)
{
	char names[256] = "";
	size_t n = 0;

	for (enum option_section i = 0; i < SECTIONS; i++)
		if (option_section_name(i))
			n += (size_t)snprintf(names + n, sizeof(names) - n, "[%s], ", option_section_name(i));
	for_each_option(o)
		if (o->type == OPT_LIST)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "[%s], ", o->name);
	REFUSE(s, "%.200s: unknown section; the sections are %.*s", line, (int)n - 2, names);
}

static void open_section(struct ini_source *s, const char *line)
{
	const char *name = line + 1;
	size_t len = strcspn(name, "]");

	close_list(s);

	if (!name[len])
		REFUSE(s, "%.200s: the closing ] is missing", line);
	else if (name[len + 1])
		REFUSE(s, "%.200s: text after the closing ]; a comment needs a line of its own", line);
	if (s->result < 0)
		return;
	for (enum option_section i = 0; i < SECTIONS; i++) {
		const char *known = option_section_name(i);

		if (!known || strlen(known) != len || memcmp(known, name, len))
			continue;
		if (s->seen[i]) {
			REFUSE(s, "[%s]: already begun on line %u", known, s->seen[i]);
			return;
		}
		s->seen[i] = s->line;
		s->section = i;
		return;
	}
	s->list = device_list_setting(name, len);
	if (!s->list) {
		unknown_section(s, line);
		return;
	}
	s->list_line = s->line;
	s->list_seen = 0;
	free(s->list_text);
	s->list_text = NULL;
}

/* "KEY=VALUE" at the end of what the device's section said so far. A comma in a value is written twice there. */
static int append_pair(struct ini_source *s, const char *key, const char *value)
{
	size_t have = s->list_text ? strlen(s->list_text) : 0, n;
	size_t size = have + strlen(key) + 2 * strlen(value) + 3;
	char *grown = realloc(s->list_text, size);

	if (!grown)
		return -ENOMEM;
	s->list_text = grown;
	n = have + (size_t)snprintf(grown + have, size - have, "%s%s=", have ? "," : "", key);
	for (; *value; value++) {
		if (*value == ',')
			grown[n++] = ',';
		grown[n++] = *value;
	}
	grown[n] = '\0';
	return 0;
}

static void comment_hint(struct ini_source *s, int r)
{
	s->result = r;
	if (s->e && (strstr(s->value, " #") || strstr(s->value, " ;"))) {
		struct err words = *s->e;

		err_set(s->e, r, "%s (a comment needs a line of its own)", words.text);
	}
}

/* A key in the section of a device. */
static void take_list_pair(struct ini_source *s, const char *key)
{
	const struct option_def *o = s->list, *k = device_list_find(o, key, strlen(key)),
				*other = option_find(key, strlen(key));
	struct option_value v;
	int r;

	if (!k && other && option_section_name(other->section))
		REFUSE(s, "%s: not a key of [%s]; it belongs into [%s]", key, o->name,
			option_section_name(other->section));
	else if (!k)
		REFUSE(s, "%s: not a key of [%s]; vmm.conf(5) lists all", key, o->name);
	else if ((s->list_seen & BIT(k - o->list->keys)) && !k->repeatable)
		REFUSE(s, "%s: already set in this [%s]", key, o->name);
	if (s->result < 0)
		return;
	s->list_seen |= (uint32_t)BIT(k - o->list->keys);
	r = option_parse(k, s->value, &v, s->e);
	if (r < 0) {
		err_wrap(s->e, r, "%s:%u: %s = %s", s->ret->file, s->line, key, s->value);
		comment_hint(s, r);
	} else if (append_pair(s, key, s->value) < 0) {
		s->result = err_set(s->e, -ENOMEM, "out of memory");
	}
}

/* A line with a key: finds its end and the value. Return: the length of the key. */
static size_t split_key(struct ini_source *s, char *line)
{
	char *eq = strchr(line, '=');
	size_t len = strcspn(line, BLANKS "=");

	if (!eq) {
		const struct option_def *o = s->list ? device_list_find(s->list, line, strlen(line))
						     : option_find(line, strlen(line));

		if (o && o->bare)
			REFUSE(s, "%s: needs a value: %s = on", line, o->name);
		else
			REFUSE(s, "%.200s: neither [SECTION] nor KEY = VALUE", line);
		return 0;
	}
	if (!len || strspn(line + len, BLANKS) != (size_t)(eq - line) - len) {
		REFUSE(s, "%.200s: not a key in front of the =", line);
		return 0;
	}
	s->value = trim(eq + 1);
	return len;
}

static char *read_line(char *buf, int size, void *stream)
{
	struct ini_source *s = stream;
	char *line = cut_line(s);
	size_t len = 0;

	if (!line)
		return NULL;
	if (*line == '[') {
		line = trim(line);
		open_section(s, line);
		len = strlen(line);
	} else if (line[strspn(line, BLANKS)] && !strchr("#;", line[strspn(line, BLANKS)])) {
		if (strchr(BLANKS, *line))
			REFUSE(s,
				"an indented line; a value cannot be continued, and a key starts in the first column");
		else
			len = split_key(s, line);
		if (s->result == 0 && strspn(line, KEY_CHARS) < len)
			REFUSE(s, "%.*s: not a key; keys are letters, digits and dashes", (int)MIN(len, 200), line);
		line[len] = '=';
		len += s->result == 0;
	}
	if (s->result < 0)
		return NULL;
	/* inih wants room for a line end as well. Known names are far shorter. */
	if (len + 2 > (size_t)size) {
		REFUSE(s, "%.*s...: unknown key", 40, line);
		return NULL;
	}
	memcpy(buf, line, len);
	memcpy(buf + len, "\n", 2);
	return buf;
}

static void unknown_key(struct ini_source *s, const char *key)
{
	const struct option_def *near = option_nearest(key, strlen(key));

	if (near && option_section_name(near->section))
		REFUSE(s, "%s: unknown key; did you mean %s (in [%s])?", key, near->name,
			option_section_name(near->section));
	else
		REFUSE(s, "%s: unknown key; vmm.conf(5) lists all", key);
}

/* Called by inih. Return: non-zero to go on. */
static int take_pair(void *user, const char *section, const char *key, const char *value)
{
	struct ini_source *s = user;
	const struct option_def *o = option_find(key, strlen(key));
	int r;

	if (s->list) {
		take_list_pair(s, key);
		return s->result == 0;
	}
	if (!o)
		unknown_key(s, key);
	else if (o->type == OPT_LIST)
		REFUSE(s, "%s: is a section, [%s], with keys of its own", key, key);
	else if (!option_section_name(o->section))
		REFUSE(s, "%s: is for the command line only", key);
	else if (s->section == SECTIONS)
		REFUSE(s, "%s: stands before the first section; it belongs into [%s]", key,
			option_section_name(o->section));
	else if (o->section != s->section)
		REFUSE(s, "%s: not a key of [%s]; it belongs into [%s]", key, section, option_section_name(o->section));
	if (s->result < 0)
		return 0;
	r = settings_add(s->ret, o, s->value, s->line, s->e);
	if (r < 0)
		comment_hint(s, r);
	return r == 0;
}

int ini_read_text(const char *data, size_t size, struct settings *ret, struct err *e)
{
	static const char bom[] = "\xef\xbb\xbf";
	CLEANUP_FREE char *text = malloc(size + 1);
	struct ini_source s = {.section = SECTIONS, .ret = ret, .e = e};
	int r;

	if (!text)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(text, data, size);
	s.next = text;
	s.end = text + size;
	if (size >= 3 && !memcmp(text, bom, 3))
		s.next += 3;
	r = ini_parse_stream(read_line, &s, take_pair, &s);
	close_list(&s);
	free(s.list_text);
	/*
	 * The reader hands out nothing that inih could object to; were it wrong there, this must not pass for success.
	 */
	if (s.result == 0 && r)
		s.result = err_set(
			e, r == -2 ? -ENOMEM : -EINVAL, "%s:%d: inih does not accept this line", ret->file, r);
	return s.result;
}

int ini_read(const char *path, struct settings *ret, struct err *e)
{
	/* Not to hang on a FIFO, and not to make a terminal ours; but a pipe that the caller has opened is written. */
	int number = fd_of_path(path);
	CLEANUP_FD int fd = number >= 0 ? fcntl(number, F_DUPFD_CLOEXEC, 3)
					: path_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	CLEANUP_FREE char *data = NULL;
	struct stat st;
	size_t size = 0;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, -errno, "--config %s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "--config %s: a directory; name the file in it", path);
	if (!S_ISREG(st.st_mode) && !(S_ISFIFO(st.st_mode) && number >= 0))
		return err_set(e, -EINVAL, "--config %s: not a regular file", path);
	r = file_read_all(fd, INI_FILE_MAX, &data, &size);
	if (r == -EFBIG)
		return err_set(e, r, "--config %s: larger than 1 MiB; is it a configuration file?", path);
	if (r < 0)
		return err_sys(e, r, "--config %s: cannot read", path);
	return ini_read_text(data, size, ret, e);
}
