/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside boot/: the formats of kernel images. Each checks the image as a whole before it writes RAM.
 */
#ifndef BOOT_FORMAT_H
#define BOOT_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot.h"
#include "boot/source.h"

/**
 * struct format - a format of kernel images
 * @probe: these first bytes of an image are its magic number
 * @load: put the image into RAM. @l is zeroed on entry; the format sets all of it except the byte counters, which @src
 *        maintains. Same errors as boot_load().
 */
struct format {
	bool (*probe)(const uint8_t *head, uint64_t len);
	int (*load)(struct source *src, struct gmem *mem, struct loaded *l, struct err *e);
};

bool elf_probe(const uint8_t *head, uint64_t len);
int elf_load(struct source *src, struct gmem *mem, struct loaded *l, struct err *e);

bool bzimage_probe(const uint8_t *head, uint64_t len);
int bzimage_load(struct source *src, struct gmem *mem, struct loaded *l, struct err *e);

bool gzip_probe(const uint8_t *head, uint64_t len);
int gzip_load(struct source *src, struct gmem *mem, struct loaded *l, struct err *e);

/**
 * gzip_load_elf() - inflate an ELF that is part of an image, and load it
 * @at, @len: offset and length of the gzip stream in @src
 *
 * Return: 1: loaded; 0: the stream does not contain an ELF; else as boot_load().
 */
int gzip_load_elf(struct source *src, uint64_t at, uint64_t len, struct gmem *mem, struct loaded *l, struct err *e);

#endif
