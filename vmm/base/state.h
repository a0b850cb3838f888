/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serialises the state of a part of a machine, for snapshots.
 *
 * A table lists the fields of a struct to be saved; saving, restoring and checking all use it. Each struct becomes a
 * section: a header of STATE_HEADER bytes, the fields one after the other in the table's order, little-endian and
 * without padding, and a CRC-32C of all of it. The header holds the struct's name and index, and a CRC-32C of its
 * table: a section that another version of vmm wrote, with other fields, is refused and never misread.
 *
 * A restored state is no more trusted than a guest: each field has a maximum, and the owner must check the invariants
 * between fields before it uses any.
 */
#ifndef VMM_BASE_STATE_H
#define VMM_BASE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"

#define STATE_NAME_MAX 16 /* with its NUL */
#define STATE_HEADER   (STATE_NAME_MAX + 3 * 4)
#define STATE_TRAILER  4

/**
 * struct state_field - a number, or an array of numbers of the same size
 * @name: for errors
 * @at: its offset in the struct
 * @size: of one number: 1, 2, 4 or 8 bytes
 * @nr: how many numbers
 * @max: the largest value of each
 */
struct state_field {
	char name[20];
	uint16_t at;
	uint8_t size;
	uint8_t nr;
	uint64_t max;
};

/** struct state_table - the fields of a struct, @nr of them, at least 1; without fields: @nr bytes as they are */
struct state_table {
	char name[STATE_NAME_MAX];
	const struct state_field *field;
	size_t nr;
};

#define STATE_MEMBER(type, member) (((type *)NULL)->member)
#define STATE_ANY(type, member)    (UINT64_MAX >> (64 - 8 * sizeof(STATE_MEMBER(type, member))))

/* A row: a number up to @max, a number of any value, a boolean, an array of such up to @max each. */
#define STATE_UP_TO(type, member, max)                                                                                 \
	{                                                                                                              \
#member, offsetof(type, member), sizeof(STATE_MEMBER(type, member)), 1, max                            \
	}
#define STATE_FIELD(type, member) STATE_UP_TO(type, member, STATE_ANY(type, member))
#define STATE_BOOL(type, member)  STATE_UP_TO(type, member, 1)
#define STATE_ARRAY(type, member)                                                                                      \
	{                                                                                                              \
#member, offsetof(type, member), sizeof(STATE_MEMBER(type, member)[0]),                                \
			sizeof(STATE_MEMBER(type, member)) / sizeof(STATE_MEMBER(type, member)[0]),                    \
			STATE_ANY(type, member[0])                                                                     \
	}

#define STATE_TABLE(table, name, rows) static const struct state_table table = {name, rows, ARRAY_SIZE(rows)}

/* The bytes of an ABI's struct, which are checked elsewhere. */
#define STATE_BYTES(name, size) (&(const struct state_table){name, NULL, size})

/**
 * struct state_writer - the output buffer for sections
 * @data, @size: borrowed memory
 * @used: bytes of it; larger than @size if it was too small: then its contents are unusable
 */
struct state_writer {
	uint8_t *data;
	size_t size;
	size_t used;
};

/** struct state_reader - the input of sections; @at of @size bytes have been read */
struct state_reader {
	const uint8_t *data;
	size_t size;
	size_t at;
};

/** state_size() - bytes of a section of @table */
size_t state_size(const struct state_table *table);

/**
 * state_put() - append a section
 * @index: number of the struct, among several of this kind
 * @from: the struct
 */
void state_put(struct state_writer *w, const struct state_table *table, uint32_t index, const void *from);

/**
 * state_get() - read the next section into a struct
 * @to: its other members are unchanged; on failure all are
 *
 * Return: 0; -EINVAL: it is another section, truncated, damaged, of another version, or a field is too large, with a
 * message in @e.
 * Trust: guest.
 */
int state_get(struct state_reader *r, const struct state_table *table, uint32_t index, void *to, struct err *e);

/** state_refuse() - report contradictory fields. Return: -EINVAL, with @rule and the section's name in @e */
int state_refuse(struct err *e, const struct state_table *table, uint32_t index, const char *rule);

#endif
