// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/base/assert.h"
#include "vmm/base/units.h"

bool option_load(const struct option_def *o, const void *element, size_t i, struct option_value *ret)
{
	const void *member = (const char *)element + o->offset;
	struct option_value v = {0};

	if (o->load) {
		if (!o->load(element, i, &v))
			return false;
	} else if (i) {
		return false;
	} else {
		switch (o->type) {
		case OPT_BOOL: v.n = *(const bool *)member; break;
		case OPT_CHOICE: /* an enum */
		case OPT_UINT: v.n = *(const unsigned *)member; break;
		case OPT_SIZE:
		case OPT_DURATION: v.n = *(const uint64_t *)member; break;
		case OPT_STRING:
		case OPT_PATH:
			v.text = *(char *const *)member;
			if (!v.text)
				return false;
			break;
		case OPT_FLAG:
		case OPT_LIST:
		case OPT_PORT:
		case OPT_MAC:
		case OPT_CONSOLE:
		case OPT_USER: assert(!"an option of this type needs a load function");
		}
	}
	*ret = v;
	return true;
}

bool option_same(const struct option_value *a, const struct option_value *b)
{
	return a->n == b->n && (a->text && b->text ? !strcmp(a->text, b->text) : a->text == b->text);
}

bool option_is_default(const struct option_def *o, const struct option_value *v)
{
	struct option_value deflt;

	return o->deflt && !option_parse(o, o->deflt, &deflt, NULL) && option_same(v, &deflt);
}

static char *format_console(const struct option_value *v)
{
	char *text;
	int n = asprintf(&text, "%s%s%s%s", v->n & OPTION_CONSOLE_VIRTIO ? "virtio," : "",
		option_console_name((enum console_kind)(v->n & ~(uint64_t)OPTION_CONSOLE_VIRTIO)), v->text ? "=" : "",
		v->text ? v->text : "");

	return n < 0 ? NULL : text;
}

static char *format_mac(uint64_t mac)
{
	char *text;
	int n = asprintf(&text, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(mac >> 40 & 0xff),
		(unsigned)(mac >> 32 & 0xff), (unsigned)(mac >> 24 & 0xff), (unsigned)(mac >> 16 & 0xff),
		(unsigned)(mac >> 8 & 0xff), (unsigned)(mac & 0xff));

	return n < 0 ? NULL : text;
}

char *option_format(const struct option_def *o, const struct option_value *v)
{
	char buf[UNITS_TEXT_MAX];

	switch (o->type) {
	case OPT_BOOL: return strdup(v->n ? "on" : "off");
	case OPT_CHOICE: return strdup(o->choices[v->n]);
	case OPT_SIZE: return strdup(format_size(v->n, buf));
	case OPT_DURATION: return strdup(format_duration(v->n, buf));
	case OPT_UINT: snprintf(buf, sizeof(buf), "%" PRIu64, v->n); return strdup(buf);
	case OPT_PORT: snprintf(buf, sizeof(buf), v->n ? "0x%" PRIx64 : "off", v->n); return strdup(buf);
	case OPT_USER:
		snprintf(buf, sizeof(buf), "%" PRIu64 ":%" PRIu64, v->n >> 32, v->n & UINT32_MAX);
		return strdup(buf);
	case OPT_MAC: return format_mac(v->n);
	case OPT_CONSOLE: return format_console(v);
	case OPT_STRING: return strdup(o->bare && !*v->text ? "on" : v->text);
	case OPT_PATH:
	case OPT_LIST: return strdup(v->text);
	case OPT_FLAG: break;
	}
	assert(!"a flag has no value");
	return NULL;
}
