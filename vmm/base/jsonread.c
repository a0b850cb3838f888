// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. One pass with an explicit stack of open arrays and objects. The text ends in a NUL, which is not
 * a character of JSON, so every look-ahead stops there; a NUL inside the text is detected since the end is known.
 */
#include "vmm/base/jsonread.h"

#include <errno.h>
#include <string.h>

#include "vmm/base/json.h"
#include "vmm/base/text.h"

struct reader {
	char *p;
	char *end;
	struct json_doc doc;
	size_t open[JSON_READ_DEPTH_MAX];
	unsigned depth;
	unsigned line;
	const char *wrong;
};

static int wrong(struct reader *r, const char *what)
{
	r->wrong = what;
	return -EINVAL;
}

static void skip_blanks(struct reader *r)
{
	/* Lines can only end between values. */
	for (; *r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'; r->p++)
		r->line += *r->p == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex4(const char *p)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = is_digit(c)            ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;

		if (d < 0)
			return -1;
		v = 16 * v + d;
	}
	return v;
}

static char *put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* After "\u": four digits, or a pair of surrogates. Its UTF-8 is shorter, so it is written in place. */
static int read_unicode(struct reader *r, char **to)
{
	int c = hex4(r->p), low;

	if (c < 0)
		return wrong(r, "four hexadecimal digits have to follow \\u");
	r->p += 4;
	if (c >= 0xd800 && c < 0xdc00) {
		low = r->p[0] == '\\' && r->p[1] == 'u' ? hex4(r->p + 2) : -1;
		if (low < 0xdc00 || low > 0xdfff)
			return wrong(r, "half of a pair of surrogates");
		r->p += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c < 0xe000) {
		return wrong(r, "half of a pair of surrogates");
	}
	if (!c)
		return wrong(r, "a NUL in a string");
	*to = put_utf8(*to, (unsigned)c);
	return 0;
}

static int read_escape(struct reader *r, char **to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (*r->p == 'u') {
		r->p++;
		return read_unicode(r, to);
	}
	at = *r->p ? strchr(from, *r->p) : NULL;
	if (!at)
		return wrong(r, "no such escape");
	*(*to)++ = into[at - from];
	r->p++;
	return 0;
}

/* Starts at the quote. *ret ends in a NUL, at the closing quote or before. */
static int read_string(struct reader *r, const char **ret)
{
	char *to = ++r->p, *start = to;

	while (*r->p != '"') {
		int n;

		if ((unsigned char)*r->p < ' ')
			return wrong(r, r->p == r->end ? "a string without an end" : "a control character in a string");
		if (*r->p == '\\') {
			r->p++;
			n = read_escape(r, &to);
			if (n < 0)
				return n;
			continue;
		}
		n = text_length(r->p);
		if (!n)
			return wrong(r, "bytes that are no UTF-8");
		memmove(to, r->p, (size_t)n);
		to += n;
		r->p += n;
	}
	r->p++;
	*to = '\0';
	*ret = start;
	return 0;
}

static int read_number(struct reader *r, struct json_node *node)
{
	const char *start = r->p;
	char *end;

	node->type = JSON_NUMBER;
	r->p += *r->p == '-';
	if (!is_digit(*r->p) || (*r->p == '0' && is_digit(r->p[1])))
		return wrong(r, "no value");
	while (is_digit(*r->p))
		r->p++;
	node->whole = *start != '-';
	if (*r->p == '.') {
		node->whole = false;
		if (!is_digit(*++r->p))
			return wrong(r, "digits have to follow the point");
		while (is_digit(*r->p))
			r->p++;
	}
	if (*r->p == 'e' || *r->p == 'E') {
		node->whole = false;
		r->p++;
		r->p += *r->p == '+' || *r->p == '-';
		if (!is_digit(*r->p))
			return wrong(r, "digits have to follow the e");
		while (is_digit(*r->p))
			r->p++;
	}
	node->number = strtod(start, &end);
	errno = 0;
	if (node->whole)
		node->n = strtoull(start, NULL, 10);
	if (errno)
		node->whole = false, node->n = 0;
	return 0;
}

static int read_word(struct reader *r, struct json_node *node)
{
	static const struct {
		const char *word;
		enum json_type type;
		double number;
	} words[] = {{"null", JSON_NULL, 0}, {"true", JSON_BOOL, 1}, {"false", JSON_BOOL, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i].word);

		if (strncmp(r->p, words[i].word, n))
			continue;
		node->type = words[i].type;
		node->number = words[i].number;
		r->p += n;
		return 0;
	}
	return wrong(r, "no value");
}

static int new_node(struct reader *r, struct json_node **ret)
{
	struct json_doc *d = &r->doc;

	if (d->nr == JSON_READ_NODES_MAX)
		return wrong(r, "too many values");
	if (d->nr == d->room) {
		size_t room = d->room ? 2 * d->room : 256;
		struct json_node *more = reallocarray(d->node, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		d->node = more;
		d->room = room;
	}
	*ret = &d->node[d->nr++];
	**ret = (struct json_node){0};
	return 0;
}

/* Parses the start of a value: all of it, or the opening bracket of an array or object. */
static int read_value(struct reader *r, const char *key)
{
	struct json_node *node;
	int code = new_node(r, &node);

	if (code < 0)
		return code;
	node->key = key;
	node->end = r->doc.nr;
	if (*r->p == '"') {
		node->type = JSON_STRING;
		return read_string(r, &node->text);
	}
	if (*r->p == '-' || is_digit(*r->p))
		return read_number(r, node);
	if (*r->p != '[' && *r->p != '{')
		return read_word(r, node);
	node->type = *r->p++ == '[' ? JSON_ARRAY : JSON_OBJECT;
	if (r->depth == JSON_READ_DEPTH_MAX)
		return wrong(r, "too deep");
	r->open[r->depth++] = r->doc.nr - 1;
	return 0;
}

static int read_member(struct reader *r, bool object)
{
	const char *key = NULL;
	int code;

	if (object) {
		if (*r->p != '"')
			return wrong(r, "no name of a member");
		code = read_string(r, &key);
		if (code < 0)
			return code;
		skip_blanks(r);
		if (*r->p != ':')
			return wrong(r, "no colon behind a name");
		r->p++;
		skip_blanks(r);
	}
	return read_value(r, key);
}

/* Parses what may follow inside the innermost bracket: its end, or a comma (not before the first) and a member. */
static int read_inside(struct reader *r)
{
	size_t at = r->open[r->depth - 1];
	bool object = r->doc.node[at].type == JSON_OBJECT, first = r->doc.nr == at + 1;

	if (*r->p == (object ? '}' : ']')) {
		r->p++;
		r->doc.node[at].end = r->doc.nr;
		r->depth--;
		return 0;
	}
	if (!first) {
		if (*r->p != ',')
			return wrong(r, "no comma between members");
		r->p++;
		skip_blanks(r);
	}
	return read_member(r, object);
}

static int read_document(struct reader *r)
{
	int code;

	skip_blanks(r);
	code = read_value(r, NULL);
	while (code == 0 && r->depth) {
		skip_blanks(r);
		code = read_inside(r);
	}
	if (code < 0)
		return code;
	skip_blanks(r);
	return r->p == r->end ? 0 : wrong(r, "something behind the end");
}

int json_read(char *text, size_t size, struct json_doc *ret, struct err *e)
{
	struct reader r = {.p = text, .end = text + size, .line = 1};
	int code;

	code = read_document(&r);
	if (code == 0) {
		*ret = r.doc;
		return 0;
	}
	json_doc_destroy(&r.doc);
	if (code == -ENOMEM)
		return err_sys(e, code, "cannot read JSON");
	return err_set(e, code, "no JSON: line %u: %s", r.line, r.wrong);
}

void json_doc_destroy(struct json_doc *d)
{
	free(d->node);
	*d = (struct json_doc){0};
}

const struct json_node *json_first(const struct json_doc *d, const struct json_node *in)
{
	if (!in || (in->type != JSON_ARRAY && in->type != JSON_OBJECT) || (size_t)(in - d->node) + 1 == in->end)
		return NULL;
	return in + 1;
}

const struct json_node *json_next(const struct json_doc *d, const struct json_node *in, const struct json_node *at)
{
	return at->end < in->end ? &d->node[at->end] : NULL;
}

const struct json_node *json_get(const struct json_doc *d, const struct json_node *at, const char *key)
{
	if (!at || at->type != JSON_OBJECT)
		return NULL;
	for (const struct json_node *m = json_first(d, at); m; m = json_next(d, at, m))
		if (!strcmp(m->key, key))
			return m;
	return NULL;
}

const char *json_text(const struct json_node *at, const char *other)
{
	return at && at->type == JSON_STRING ? at->text : other;
}

uint64_t json_count(const struct json_node *at)
{
	return at && at->type == JSON_NUMBER && at->whole ? at->n : 0;
}

int json_bytes_copy(const struct json_node *at, char **ret, size_t *ret_size)
{
	CLEANUP_FREE char *copy = NULL;
	size_t nr = 0;

	if (!at || at->type != JSON_STRING)
		return -EINVAL;
	copy = malloc(strlen(at->text) + 1);
	if (!copy)
		return -ENOMEM;
	for (const char *s = at->text; *s;) {
		int n = text_length(s);
		uint32_t c = text_value(s, n);

		if (c > JSON_BYTE_NUL)
			return -EINVAL;
		copy[nr++] = (char)(c & 0xff);
		s += n;
	}
	copy[nr] = '\0';
	*ret = TAKE_PTR(copy);
	*ret_size = nr;
	return 0;
}
