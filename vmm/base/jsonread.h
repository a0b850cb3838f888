/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads JSON strictly according to RFC 8259: what this reader accepts, every reader accepts. The document
 * is an array of nodes in the order of the text; strings stay in the text, which is unescaped in place.
 */
#ifndef VMM_BASE_JSONREAD_H
#define VMM_BASE_JSONREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/base/util.h"

#define JSON_READ_DEPTH_MAX 32
#define JSON_READ_NODES_MAX (512 * KIB) /* values; twice those of the largest report */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/**
 * struct json_node - a value
 * @key: its name in the object around it, else NULL
 * @text: of a string; UTF-8 without a NUL in it
 * @number: of a number or a boolean
 * @n: its exact value if it is a whole number from 0 to 2^64 - 1; @whole is then true
 * @end: index of the first node after it and its members
 */
struct json_node {
	enum json_type type;
	bool whole;
	const char *key;
	const char *text;
	double number;
	uint64_t n;
	size_t end;
};

/**
 * struct json_doc - owns its nodes; borrows the text
 * @node: @nr of them, the first is the document
 */
struct json_doc {
	struct json_node *node;
	size_t nr;
	size_t room;
};

/**
 * json_read() - read a document
 * @text: @size bytes and a NUL; modified, and borrowed until json_doc_destroy()
 * @ret: owned by the caller; untouched on failure
 *
 * Return: 0, -EINVAL with the line and the fault in @e, -ENOMEM.
 * Trust: operator (a file of unknown origin).
 */
int json_read(char *text, size_t size, struct json_doc *ret, struct err *e);

/** json_doc_destroy() - takes a zeroed struct */
void json_doc_destroy(struct json_doc *d);

/**
 * json_get() - the member @key of an object; NULL when @at is NULL or not an object, or has no such member. Of several,
 * the first.
 */
const struct json_node *json_get(const struct json_doc *d, const struct json_node *at, const char *key);

/** json_first(), json_next() - iterate over the members of @in; NULL at the end, and for a value without members */
const struct json_node *json_first(const struct json_doc *d, const struct json_node *in);
const struct json_node *json_next(const struct json_doc *d, const struct json_node *in, const struct json_node *at);

/** json_text() - of a string, else @other */
const char *json_text(const struct json_node *at, const char *other);

/**
 * json_bytes_copy() - the bytes that json_bytes() wrote
 * @ret: owned by the caller, followed by a NUL; untouched on failure
 *
 * Return: 0, -EINVAL: not a string, or not one of bytes; -ENOMEM.
 */
int json_bytes_copy(const struct json_node *at, char **ret, size_t *ret_size);

/** json_count() - of a whole number, else 0 */
uint64_t json_count(const struct json_node *at);

#endif
