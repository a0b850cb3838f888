/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small encoder for AML, the byte code of ACPI's DSDT, with only the terms that a microVM's board needs. The encoding
 * is that of iasl (shortest integers, shortest package lengths), so that a table that is disassembled and compiled
 * again is identical: tests/support/acpi-iasl.sh checks that.
 *
 * Errors are sticky: after a failed allocation every call does nothing, and aml_take() returns the error. Misuse (a
 * begin without an end, a bad name) is a bug of the caller and asserts.
 *
 * Spec: ACPI 6.5, 20.2 (AML grammar) and 6.4 (resource descriptors).
 */
#ifndef BOOT_TABLES_AML_H
#define BOOT_TABLES_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AML_NEST_MAX 8

/**
 * struct aml - a growing piece of AML; zero-initialised, ended by aml_take() or aml_destroy()
 * @data: owned
 * @error: 0, or the first failure (negative errno)
 * @open: start offsets of the bodies whose length is not known yet
 */
struct aml {
	uint8_t *data;
	size_t size;
	size_t room;
	int error;
	size_t open[AML_NEST_MAX];
	unsigned depth;
};

/** aml_destroy() - free; takes a zeroed one */
void aml_destroy(struct aml *a);

/**
 * aml_take() - hand over the bytes; every begin must have had its end
 * @ret_data: the caller frees
 *
 * Return: 0; -ENOMEM; -E2BIG: a term longer than a PkgLength can express (2^28 - 1 bytes). @a is empty after success.
 */
int aml_take(struct aml *a, uint8_t **ret_data, size_t *ret_size);

/* Terms with a body: it extends to the matching aml_end(). Names are one NameSeg, 1 to 4 characters. */
void aml_scope(struct aml *a, const char *name);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, unsigned args, bool serialized);
void aml_package(struct aml *a, uint8_t elements);
void aml_if(struct aml *a);
void aml_field(struct aml *a, const char *region);
void aml_end(struct aml *a);

/** aml_name() - Name (@name, ...): the next object is its value */
void aml_name(struct aml *a, const char *name);

/** aml_int() - an integer in its shortest form */
void aml_int(struct aml *a, uint64_t value);

/** aml_string() - ASCII, without a NUL inside */
void aml_string(struct aml *a, const char *text);

/** aml_eisa_id() - EisaId (@id): three capitals and four hexadecimal digits, as PNP0501 */
void aml_eisa_id(struct aml *a, const char *id);

/** aml_port_region() - OperationRegion (@name, SystemIO, @base, @size) */
void aml_port_region(struct aml *a, const char *name, uint16_t base, uint16_t size);

/** aml_field_unit() - a named unit inside aml_field(); at most 63 bits */
void aml_field_unit(struct aml *a, const char *name, unsigned bits);

/** aml_and() - And (...): its two operands follow, the result is not stored */
void aml_and(struct aml *a);
void aml_and_end(struct aml *a);

/** aml_store_local() - Store (@name, Local0); aml_local() - Local0, as a value */
void aml_store_local(struct aml *a, const char *name);
void aml_local(struct aml *a);

/** aml_store_int() - Store (@value, @name); aml_return() - Return (...): its operand follows */
void aml_store_int(struct aml *a, uint64_t value, const char *name);
void aml_return(struct aml *a);

/** aml_notify() - Notify (@name, @value) */
void aml_notify(struct aml *a, const char *name, uint8_t value);

/* ResourceTemplate () { ... }: descriptors between begin and end. */
void aml_resources(struct aml *a);
void aml_resources_end(struct aml *a);

/** aml_res_io() - IO (Decode16, @base, @base, 1, @size) */
void aml_res_io(struct aml *a, uint16_t base, uint8_t size);

/** aml_res_irq() - Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) {@gsi} */
void aml_res_irq(struct aml *a, uint32_t gsi);

/** aml_res_mem32() - Memory32Fixed (ReadWrite, @base, @size) */
void aml_res_mem32(struct aml *a, uint32_t base, uint32_t size);

#endif
