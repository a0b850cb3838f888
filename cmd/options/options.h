/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every setting, declared once. The command line, the configuration file (read and printed), the report's
 * configuration, --help, the manual pages and the completion are all views of this table, so none of them can disagree
 * with another. A new setting is one row here and one member of struct config.
 */
#ifndef CMD_OPTIONS_OPTIONS_H
#define CMD_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/base/err.h"
#include "vmm/config.h"

/*
 * SECTION(id, INI name, title, subcommand): the order of --help and the manual. A section without an INI name is for
 * the command line only; one with a subcommand, for that subcommand only.
 */
#define OPTION_SECTIONS(X)                                                                                             \
	X(BOOT, "boot", "Boot", NULL)                                                                                  \
	X(MACHINE, "machine", "Machine", NULL)                                                                         \
	X(CONSOLE, "console", "Console", NULL)                                                                         \
	X(DEVICES, "devices", "Devices", NULL)                                                                         \
	X(RUN, "run", "Run", NULL)                                                                                     \
	X(SANDBOX, "sandbox", "Sandbox", NULL)                                                                         \
	X(ONLY_RUN, NULL, "Only for run", "run")                                                                       \
	X(CPUID, NULL, "Only for cpuid", "cpuid")                                                                      \
	X(FLAT, NULL, "Only for flat", "flat")                                                                         \
	X(EXEC, NULL, "Only for exec", "exec")                                                                         \
	X(BENCH, NULL, "Only for bench", "bench")                                                                      \
	X(TEST, NULL, "Only for test", "test")                                                                         \
	X(RESTORE, NULL, "Only for restore", "restore")                                                                \
	X(GENERAL, NULL, "General", NULL)

enum option_section {
#define X(id, name, title, command) SECTION_##id,
	OPTION_SECTIONS(X)
#undef X
		SECTIONS
};

enum option_type {
	OPT_FLAG, /* an action such as --help: no value, command line only */
	OPT_BOOL, /* on or off; --NAME and --no-NAME */
	OPT_UINT,
	OPT_SIZE,
	OPT_DURATION,
	OPT_CHOICE,
	OPT_STRING, /* may be empty */
	OPT_PATH,
	OPT_PORT, /* an I/O port, on (the bare value) or off */
	OPT_CONSOLE,
	OPT_MAC,  /* six pairs of hexadecimal digits with colons between: an address of one device */
	OPT_LIST, /* KEY=VALUE,KEY,...: a device with keys of its own (device_list.h); a section in a file */
	OPT_USER, /* UID:GID */
};

/**
 * struct option_value - a value that has been parsed
 * @n: BOOL 0 or 1; UINT; SIZE in bytes; DURATION in ns; CHOICE its index; PORT, 0 when off; CONSOLE enum console_kind,
 *     with OPTION_CONSOLE_VIRTIO; MAC its 48 bits, the first byte highest; USER the uid in the upper 32 bits, the gid
 *     in the lower
 * @text: STRING, PATH: all of it; CONSOLE: the path or NULL. Borrowed from the text that was parsed.
 */
struct option_value {
	uint64_t n;
	const char *text;
};

/** enum option_saved - what becomes of a setting in a snapshot */
enum option_saved {
	OPTION_OF_RUN,  /* a restored machine may have another one */
	OPTION_OF_BOOT, /* it means nothing to a restored machine */
	OPTION_SAVED,   /* a restored machine has that of its snapshot */
	OPTION_MERGED,  /* the same, but for what is on the host's side of it */
};

/**
 * struct option_def - one setting
 * @name: long option and configuration key
 * @letter: short option, 0: none
 * @metavar: what --help calls the value; NULL: from the type
 * @deflt: default, in the words of a user; NULL: unset
 * @bare: value of the option when it is given without one; NULL: it needs one
 * @min, @max: range of a number, both included
 * @multiple: of which a number is a multiple, 0: any
 * @choices: CHOICE: NULL-terminated
 * @excludes: name of a setting that cannot be on together with this one
 * @repeatable: each occurrence adds; those of the command line replace those of a file. Also for a key of a list.
 * @common: one of the dozen that `vmm --help` shows
 * @joined: STRING: the occurrences make one string, with a blank between them
 * @offset: of the member in struct config, or for a key of a list in the list's element; used when @store or @load is
 *          NULL
 * @store: puts a value there, once per occurrence; 0 or -ENOMEM
 * @load: the inverse: occurrence @i of the setting there; false: there is none. Text is borrowed from there, or static
 * @list: LIST: what it is made of
 * @required: key of a list: has to be there
 * @saved: whether a snapshot has the setting, and `vmm restore` takes it
 * @help: half a line for --help, without the default
 * @man: OPTION_MAN(sentences for the manual, one per line; *NAME* stands out); the generator adds range and default
 */
struct option_def {
	const char *name;
	char letter;
	enum option_section section : 8;
	enum option_type type : 8;
	bool repeatable;
	bool joined;
	bool common;
	bool required;
	enum option_saved saved : 8;
	uint16_t offset;
	uint32_t multiple;
	const char *metavar;
	const char *deflt;
	const char *bare;
	uint64_t min;
	uint64_t max;
	union {
		const char *const *choices;
		const struct option_list *list;
	};
	const char *excludes;
	int (*store)(void *element, const struct option_value *v);
	bool (*load)(const void *element, size_t i, struct option_value *ret);
	const char *help;
	const char *man;
};

/**
 * struct option_list - what a setting of type LIST is made of
 * @keys, @nr: its keys; a first one of type PATH is what a word without a key must have been meant for
 * @add: appends an element of zeroes to the configuration, which owns it; NULL when memory ran out
 * @at: element @i of a configuration; NULL: there is none
 * @plain: the first word may be the value of the first key, without the key in front of it
 */
struct option_list {
	const struct option_def *keys;
	size_t nr;
	void *(*add)(struct config *c);
	const void *(*at)(const struct config *c, size_t i);
	bool plain;
};

/* The manual is made while vmm is built: only what makes or checks it has its sentences, the program a NULL. */
#ifdef OPTIONS_WITH_MAN
#define OPTION_MAN(text) (text)
#else
#define OPTION_MAN(text) NULL
#endif

/* What most settings of type BOOL have in common. */
#define OPTION_SWITCH(deflt_) .type = OPT_BOOL, .deflt = deflt_, .bare = "on"

#define OPTIONS_MAX 112

#define OPTION_CONSOLE_VIRTIO 0x100

/* The offset of a member, and an error at compile time when it is not of the type that the option writes. */
#define OPTION_FIELD(type, ctype, member)                                                                              \
	.offset = __builtin_choose_expr(__builtin_types_compatible_p(__typeof__(((type *)0)->member), ctype),          \
		offsetof(type, member), "not of this type")

extern const struct option_def options[];
extern const size_t options_nr;

#define for_each_option(o) for (const struct option_def *o = options; o < options + options_nr; o++)

/** option_find() - by name (not NUL-terminated, @len bytes), or NULL */
const struct option_def *option_find(const char *name, size_t len);

/** option_section_name() - in a configuration file; NULL: command line only */
const char *option_section_name(enum option_section s);

/** option_section_title() - for --help and the manual */
const char *option_section_title(enum option_section s);

/** option_section_command() - the subcommand that alone takes these options; NULL: all take them */
const char *option_section_command(enum option_section s);

/** option_metavar() - "SIZE", "on|off", ...; NULL for OPT_FLAG */
const char *option_metavar(const struct option_def *o);

/** option_takes_off() - whether `off` is a value, and with it --no-NAME */
bool option_takes_off(const struct option_def *o);

/**
 * option_valid() - what a value may be: "32M to 64T, a multiple of 4K", "one of map, read"
 * @buf: at least OPTION_VALID_MAX bytes
 *
 * Return: @buf; empty when anything goes (strings, paths).
 */
#define OPTION_VALID_MAX 160
const char *option_valid(const struct option_def *o, char *buf);

/**
 * option_parse() - check one value
 * @text: from the operator; `on` means the bare value where there is one
 * @ret: untouched on failure
 * @e: why not, and what is valid; without option and value, which the caller puts in front
 *
 * Return: 0 or -EINVAL.
 * Trust: operator.
 */
int option_parse(const struct option_def *o, const char *text, struct option_value *ret, struct err *e);

/**
 * option_store() - put a value into a configuration; takes a copy of strings
 *
 * Return: 0 or -ENOMEM.
 */
int option_store(const struct option_def *o, const struct option_value *v, struct config *c);

/** option_store_at() - the same for a key of a list; @element is what the list's add() returned */
int option_store_at(const struct option_def *key, const struct option_value *v, void *element);

/** option_console_name() - "stdio" and so on */
const char *option_console_name(enum console_kind kind);

/**
 * option_nearest() - the option whose name a mistyped one most resembles, or NULL when none is close
 * @name: @len bytes; "no-NAME" is understood
 */
const struct option_def *option_nearest(const char *name, size_t len);

/** edit_distance() - insertions, deletions, substitutions and swaps of neighbours; at most @limit + 1 is returned */
unsigned edit_distance(const char *a, size_t alen, const char *b, size_t blen, unsigned limit);

#endif
