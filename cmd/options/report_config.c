// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/report_config.h"

#include <string.h>

#include "cmd/options/format.h"
#include "vmm/base/assert.h"

struct list {
	struct report_setting *setting;
	size_t nr;
};

/* One more member, null until it is filled in. JSON's names have no dashes here, so that jq and Python take them. */
static struct report_setting *add(struct list *l, const char *name, const char *suffix)
{
	struct report_setting *s = &l->setting[l->nr++];
	size_t n;

	assert(l->nr <= REPORT_CONFIG_MAX);
	*s = (struct report_setting){.kind = REPORT_NULL};
	n = (size_t)snprintf(s->name, sizeof(s->name), "%s%s", name, suffix);
	assert(n < sizeof(s->name));
	for (char *p = s->name; *p; p++)
		if (*p == '-')
			*p = '_';
	return s;
}

static void put_number(struct report_setting *s, enum report_kind kind, uint64_t n)
{
	s->kind = kind;
	s->n = n;
}

static void put_text(struct report_setting *s, const char *text)
{
	s->kind = text ? REPORT_TEXT : REPORT_NULL;
	s->text = text;
}

static bool is_switch(const struct option_def *o)
{
	return !strcmp(o->choices[0], "off") && !strcmp(o->choices[1], "on");
}

static void put_choice(struct list *l, const struct option_def *o, const char *name, uint64_t n)
{
	if (is_switch(o))
		put_number(add(l, name, ""), REPORT_BOOL, n);
	else
		put_text(add(l, name, ""), o->choices[n]);
}

static void put_console(struct list *l, const char *name, const struct option_value *v)
{
	enum console_kind kind = (enum console_kind)(v->n & ~(uint64_t)OPTION_CONSOLE_VIRTIO);

	put_text(add(l, name, ""), option_console_name(kind));
	put_number(add(l, name, "-virtio"), REPORT_BOOL, v->n & OPTION_CONSOLE_VIRTIO ? 1 : 0);
	put_text(add(l, name, "-path"), v->text);
}

static void put_user(struct list *l, const char *name, bool set, uint64_t n)
{
	struct report_setting *user = add(l, name, ""), *group = add(l, "group", "");

	if (!set)
		return;
	put_number(user, REPORT_NUMBER, n >> 32);
	put_number(group, REPORT_NUMBER, n & UINT32_MAX);
}

static void put_devices(struct list *l, const struct option_def *o, const struct config *c)
{
	size_t n = 0;

	while (o->list->at(c, n))
		n++;
	if (o->repeatable)
		put_number(add(l, o->name, "s"), REPORT_NUMBER, n);
	else
		put_number(add(l, o->name, ""), REPORT_BOOL, n);
}

static const char *backing_of(const struct config *c)
{
	return backing_name(c->backing);
}

/* Settings of which the report tells what became of them. */
static const struct {
	const char *option;
	const char *member; /* NULL: none of its own */
	const char *(*text)(const struct config *c);
} effects[] = {
	{"cmdline", "cmdline", config_cmdline},
	{"hugepages", "backing", backing_of},
	{"thp", NULL, NULL},
};

static bool put_effect(struct list *l, const char *name, const struct config *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(effects); i++) {
		if (strcmp(name, effects[i].option))
			continue;
		if (effects[i].member)
			put_text(add(l, effects[i].member, ""), effects[i].text(c));
		return true;
	}
	return false;
}

static void put_setting(struct list *l, const struct option_def *o, const struct config *c)
{
	const char *name = o->name;
	struct option_value v = {0};
	bool set = option_load(o, c, 0, &v);

	switch (o->type) {
	case OPT_BOOL: put_number(add(l, name, ""), REPORT_BOOL, v.n); break;
	case OPT_UINT: put_number(add(l, name, ""), REPORT_NUMBER, v.n); break;
	case OPT_SIZE: put_number(add(l, name, "_bytes"), REPORT_NUMBER, v.n); break;
	case OPT_DURATION: put_number(add(l, name, "_ns"), REPORT_NUMBER, v.n); break;
	case OPT_PORT: put_number(add(l, name, ""), v.n ? REPORT_NUMBER : REPORT_NULL, v.n); break;
	case OPT_CHOICE: put_choice(l, o, name, v.n); break;
	case OPT_STRING:
	case OPT_PATH: put_text(add(l, name, ""), v.text); break;
	case OPT_CONSOLE: put_console(l, name, &v); break;
	case OPT_USER: put_user(l, name, set, v.n); break;
	case OPT_FLAG:
	case OPT_LIST:
	case OPT_MAC: assert(!"no setting of a machine has this type"); break;
	}
}

size_t report_config(const struct config *c, struct report_setting *ret)
{
	struct list l = {.setting = ret};

	for_each_option(o) {
		if (!option_section_name(o->section) || put_effect(&l, o->name, c))
			continue;
		if (o->type == OPT_LIST)
			put_devices(&l, o, c);
		else
			put_setting(&l, o, c);
	}
	return l.nr;
}
