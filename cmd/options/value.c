// SPDX-License-Identifier: Apache-2.0
/*
 * Values of the option table: from text, into a configuration, and as text. The defaults take the same way.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "cmd/options/device_list.h"
#include "cmd/options/options.h"
#include "vmm/base/assert.h"
#include "vmm/base/units.h"

static const char *const console_kinds[] = {
	[CONSOLE_STDIO] = "stdio",
	[CONSOLE_PTY] = "pty",
	[CONSOLE_FILE] = "file",
	[CONSOLE_SOCKET] = "socket",
	[CONSOLE_NULL] = "null",
};

static const struct {
	const char *name;
	const char *title;
	const char *command;
} sections[] = {
#define X(id, name_, title_, command_) [SECTION_##id] = {name_, title_, command_},
	OPTION_SECTIONS(X)
#undef X
};

const char *option_console_name(enum console_kind kind)
{
	return console_kinds[kind];
}

const char *option_section_name(enum option_section s)
{
	return sections[s].name;
}

const char *option_section_title(enum option_section s)
{
	return sections[s].title;
}

const char *option_section_command(enum option_section s)
{
	return sections[s].command;
}

const struct option_def *option_find(const char *name, size_t len)
{
	for_each_option(o)
		if (strlen(o->name) == len && !memcmp(o->name, name, len))
			return o;
	return NULL;
}

const char *option_metavar(const struct option_def *o)
{
	static const char *const metavars[] = {
		[OPT_BOOL] = "on|off",
		[OPT_UINT] = "N",
		[OPT_SIZE] = "SIZE",
		[OPT_DURATION] = "TIME",
		[OPT_CHOICE] = "WORD",
		[OPT_STRING] = "STRING",
		[OPT_PATH] = "FILE",
		[OPT_PORT] = "PORT",
		[OPT_CONSOLE] = "WHERE",
		[OPT_MAC] = "MAC",
		[OPT_LIST] = "KEY=VALUE,...",
		[OPT_USER] = "UID:GID",
	};

	return o->metavar || o->type == OPT_FLAG ? o->metavar : metavars[o->type];
}

bool option_takes_off(const struct option_def *o)
{
	return o->type == OPT_BOOL || o->type == OPT_PORT || (o->type == OPT_CHOICE && !strcmp(o->choices[0], "off"));
}

static void valid_choices(const struct option_def *o, char *buf)
{
	size_t n = 0;

	for (const char *const *c = o->choices; *c; c++) {
		n += (size_t)snprintf(buf + n, OPTION_VALID_MAX - n, "%s%s", c == o->choices ? "one of " : ", ", *c);
		assert(n < OPTION_VALID_MAX);
	}
}

const char *option_valid(const struct option_def *o, char *buf)
{
	char a[UNITS_TEXT_MAX], b[UNITS_TEXT_MAX], c[UNITS_TEXT_MAX];

	buf[0] = '\0';
	switch (o->type) {
	case OPT_FLAG:
	case OPT_STRING:
	case OPT_LIST:
	case OPT_PATH: break;
	case OPT_BOOL: strcpy(buf, "on or off"); break;
	case OPT_UINT: snprintf(buf, OPTION_VALID_MAX, "%" PRIu64 " to %" PRIu64, o->min, o->max); break;
	case OPT_SIZE:
		snprintf(buf, OPTION_VALID_MAX, "%s to %s%s%s", format_size(o->min, a), format_size(o->max, b),
			o->multiple ? ", a multiple of " : "", o->multiple ? format_size(o->multiple, c) : "");
		break;
	case OPT_DURATION:
		snprintf(buf, OPTION_VALID_MAX, "%s to %s", format_duration(o->min, a), format_duration(o->max, b));
		break;
	case OPT_PORT:
		snprintf(buf, OPTION_VALID_MAX, "0x%" PRIx64 " to 0x%" PRIx64 ", on or off", o->min, o->max);
		break;
	case OPT_CHOICE: valid_choices(o, buf); break;
	case OPT_MAC: strcpy(buf, "an address such as 02:00:00:00:00:01"); break;
	case OPT_CONSOLE:
		strcpy(buf,
			"one of stdio, pty, file=PATH, socket=PATH, null, or virtio, or virtio and one of these "
			"(virtio,pty)");
		break;
	case OPT_USER: strcpy(buf, "two numbers, UID:GID"); break;
	}
	return buf;
}

/* `why`, then what is valid. */
static int refuse(const struct option_def *o, const char *why, struct err *e)
{
	char valid[OPTION_VALID_MAX];

	option_valid(o, valid);
	return err_set(e, -EINVAL, "%s%s%s", why, *valid ? "; valid is " : "", valid);
}

/* `r` is what a parser of units.h said about the form. */
static int check_number(const struct option_def *o, int r, uint64_t v, const char *form, struct err *e)
{
	char why[96];

	if (r == -ERANGE)
		return refuse(o, "out of range", e);
	if (r < 0)
		return refuse(o, form, e);
	if (v < o->min)
		return refuse(o, "too small", e);
	if (v > o->max)
		return refuse(o, "too large", e);
	if (o->multiple && v % o->multiple) {
		char step[UNITS_TEXT_MAX];

		snprintf(why, sizeof(why), "not a multiple of %s", format_size(o->multiple, step));
		return refuse(o, why, e);
	}
	return 0;
}

static int parse_bool(const struct option_def *o, const char *text, uint64_t *ret, struct err *e)
{
	if (!strcasecmp(text, "on"))
		*ret = 1;
	else if (!strcasecmp(text, "off"))
		*ret = 0;
	else
		return refuse(o, "neither on nor off", e);
	return 0;
}

static int parse_choice(const struct option_def *o, const char *text, uint64_t *ret, struct err *e)
{
	for (size_t i = 0; o->choices[i]; i++) {
		if (!strcasecmp(o->choices[i], text)) {
			*ret = i;
			return 0;
		}
	}
	return refuse(o, *text ? "not known" : "empty", e);
}

static int parse_console(const struct option_def *o, const char *text, struct option_value *ret, struct err *e)
{
	static const char virtio[] = "virtio";
	uint64_t flags = 0;

	if (!strncmp(text, virtio, strlen(virtio)) && (!text[strlen(virtio)] || text[strlen(virtio)] == ',')) {
		flags = OPTION_CONSOLE_VIRTIO;
		text = text[strlen(virtio)] ? text + strlen(virtio) + 1 : console_kinds[CONSOLE_STDIO];
	}
	for (size_t i = 0; i < ARRAY_SIZE(console_kinds); i++) {
		size_t len = strlen(console_kinds[i]);
		bool path = i == CONSOLE_FILE || i == CONSOLE_SOCKET;

		if (strncmp(text, console_kinds[i], len) || (text[len] && text[len] != '='))
			continue;
		if (!path && text[len])
			return refuse(o, "takes no path", e);
		if (path && (!text[len] || !text[len + 1]))
			return refuse(o, "needs a path", e);
		ret->n = i | flags;
		ret->text = path ? text + len + 1 : NULL;
		return 0;
	}
	return refuse(o, *text ? "not known" : "empty", e);
}

static int parse_mac(const struct option_def *o, const char *text, uint64_t *ret, struct err *e)
{
	uint64_t mac = 0;

	for (unsigned i = 0; i < 6; i++, text += 3) {
		char pair[3] = {text[0], text[0] ? text[1] : '\0', '\0'};

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]) ||
			text[2] != (i < 5 ? ':' : '\0'))
			return refuse(o, "not six pairs of hexadecimal digits with colons between", e);
		mac = mac << 8 | strtoul(pair, NULL, 16);
	}
	if (mac >> 40 & 1)
		return refuse(o, "an address of a group (the first byte is odd)", e);
	if (!mac)
		return refuse(o, "no address", e);
	*ret = mac;
	return 0;
}

static int parse_user(const struct option_def *o, const char *text, uint64_t *ret, struct err *e)
{
	const char *colon = strchr(text, ':');
	uint64_t uid, gid;
	char first[16];

	if (!colon || (size_t)(colon - text) >= sizeof(first))
		return refuse(o, "not a user and a group", e);
	memcpy(first, text, (size_t)(colon - text));
	first[colon - text] = '\0';
	/* The largest number means "leave it as it is" to the system call. */
	if (parse_u64(first, &uid) < 0 || parse_u64(colon + 1, &gid) < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return refuse(o, "not a user and a group", e);
	*ret = uid << 32 | gid;
	return 0;
}

/* Digits alone, which are right with the unit that nearly everybody means. */
static void hint_unit(const struct option_def *o, const char *text, char unit, struct err *e)
{
	char with[32];
	size_t len = strlen(text);
	struct option_value v;
	struct err words;

	if (!e || !len || len > 20 || strspn(text, "0123456789") != len)
		return;
	snprintf(with, sizeof(with), "%s%c", text, unit);
	if (option_parse(o, with, &v, NULL) < 0)
		return;
	words = *e;
	err_set(e, -EINVAL, "%.400s; did you mean %s?", words.text, with);
}

int option_parse(const struct option_def *o, const char *text, struct option_value *ret, struct err *e)
{
	struct option_value v = {0};
	int r = 0;

	if (o->bare && !strcasecmp(text, "on"))
		text = o->bare;
	switch (o->type) {
	case OPT_FLAG: break;
	case OPT_BOOL: r = parse_bool(o, text, &v.n, e); break;
	case OPT_UINT:
		r = parse_u64(text, &v.n);
		r = check_number(o, r, v.n, "not a number", e);
		break;
	case OPT_SIZE:
		r = parse_size(text, &v.n);
		r = check_number(o, r, v.n, "not a size (" UNITS_SIZE ")", e);
		if (r < 0)
			hint_unit(o, text, 'M', e);
		break;
	case OPT_DURATION:
		r = parse_duration(text, &v.n);
		r = check_number(o, r, v.n, "not a time (" UNITS_TIME ")", e);
		if (r < 0)
			hint_unit(o, text, 's', e);
		break;
	case OPT_PORT:
		if (!strcasecmp(text, "off"))
			break;
		r = parse_u64(text, &v.n);
		r = check_number(o, r, v.n, "not a port", e);
		break;
	case OPT_CHOICE: r = parse_choice(o, text, &v.n, e); break;
	case OPT_PATH:
		if (!*text)
			r = err_set(e, -EINVAL, "an empty file name");
		v.text = text;
		break;
	case OPT_STRING: v.text = text; break;
	case OPT_MAC: r = parse_mac(o, text, &v.n, e); break;
	case OPT_CONSOLE: r = parse_console(o, text, &v, e); break;
	case OPT_LIST:
		r = device_list_check(o, text, e);
		v.text = text;
		break;
	case OPT_USER: r = parse_user(o, text, &v.n, e); break;
	}
	if (r < 0)
		return -EINVAL;
	*ret = v;
	return 0;
}

int option_store(const struct option_def *o, const struct option_value *v, struct config *c)
{
	if (o->type == OPT_LIST)
		return device_list_store(o, v->text, c);
	return option_store_at(o, v, c);
}

/* A copy of @text in place of what is there, or behind it. */
static int store_text(const struct option_def *o, const char *text, char **member)
{
	char *copy;

	if (!o->joined || !*member)
		copy = strdup(text);
	else if (asprintf(&copy, "%s %s", *member, text) < 0)
		copy = NULL;
	if (!copy)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

int option_store_at(const struct option_def *o, const struct option_value *v, void *element)
{
	void *member = (char *)element + o->offset;

	if (o->store)
		return o->store(element, v);
	switch (o->type) {
	case OPT_BOOL: *(bool *)member = v->n != 0; return 0;
	case OPT_CHOICE: /* an enum */
	case OPT_UINT: *(unsigned *)member = (unsigned)v->n; return 0;
	case OPT_SIZE:
	case OPT_DURATION: *(uint64_t *)member = v->n; return 0;
	case OPT_STRING:
	case OPT_PATH: return store_text(o, v->text, member);
	case OPT_FLAG:
	case OPT_LIST:
	case OPT_PORT:
	case OPT_MAC:
	case OPT_CONSOLE:
	case OPT_USER: break;
	}
	assert(!"an option of this type needs a store function");
	return 0;
}
