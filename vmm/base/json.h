/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON as a stream: only the current nesting is kept. The output is always well-formed.
 *
 *	json_begin(&j, out);
 *	json_object(&j, NULL);
 *	json_string(&j, "host", name);
 *	json_array(&j, "runs");
 *	json_u64(&j, NULL, 42);
 *	json_end(&j);
 *	json_end(&j);
 *	r = json_finish(&j);
 */
#ifndef VMM_BASE_JSON_H
#define VMM_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 16
#define JSON_BYTE_NUL  0x100 /* in json_bytes() */

/**
 * struct json - a document that is being written
 * @out: borrowed
 * @depth: objects and arrays that are open
 * @object: per level: an object (its members have names) or an array (they have none)
 * @some: per level: it has a member already
 * @line_depth: deeper levels are written on one line; json_begin() sets JSON_DEPTH_MAX, the caller may lower it
 */
struct json {
	FILE *out;
	unsigned depth;
	bool object[JSON_DEPTH_MAX + 1];
	bool some[JSON_DEPTH_MAX + 1];
	unsigned line_depth;
};

/** json_begin() - start a document with one value; @out is borrowed until json_finish() */
void json_begin(struct json *j, FILE *out);

/**
 * json_object(), json_array() - open one; json_end() closes it
 * @key: its name in the object around it; NULL in an array and at the top. The same for every function below.
 */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);

/** json_end() - close the innermost object or array */
void json_end(struct json *j);

/**
 * json_string() - a string; NULL is written as null
 * @text: any bytes: what text_is_hidden() is escaped, and what is not UTF-8 becomes U+FFFD
 */
void json_string(struct json *j, const char *key, const char *text);

/**
 * json_bytes() - @size bytes, of which any may be NUL or no UTF-8, as a string that json_bytes_copy() turns into the
 * same bytes again: a character for each, U+0100 for a NUL. What is ASCII reads as it is.
 */
void json_bytes(struct json *j, const char *key, const char *data, size_t size);

/** json_u64() - all digits; readers that only support doubles round numbers above 2^53 */
void json_u64(struct json *j, const char *key, uint64_t n);

/** json_i64() - as json_u64() */
void json_i64(struct json *j, const char *key, int64_t n);

/** json_double() - 15 significant digits; infinity and NaN are written as null, since JSON cannot express them */
void json_double(struct json *j, const char *key, double x);

/** json_bool() */
void json_bool(struct json *j, const char *key, bool b);

/** json_null() */
void json_null(struct json *j, const char *key);

/**
 * json_finish() - end the document, with a newline, and flush
 *
 * Return: 0, or a negative errno when a write failed. All objects and arrays must be closed (assert).
 */
int json_finish(struct json *j);

#endif
