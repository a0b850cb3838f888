// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/disk_format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "vmm/base/util.h"

#define PAGE UINT64_C(4096) /* reads are aligned to it, so that O_DIRECT takes them too */
#define LOOK (2 * PAGE)     /* as much at the end: the last 512 bytes can start in the last but one page */

/*
 * @at: offset from the start, or, below zero, from the end
 * @name: the format's name for qemu-img
 */
static const struct magic {
	int at;
	unsigned len;
	const char *bytes;
	const char *name;
} magics[] = {
	/* QEMU docs/interop/qcow2.txt, "Header"; version 1 has a header of its own, and a name */
	{0, 8, "QFI\xfb\0\0\0\1", "qcow"},
	{0, 4, "QFI\xfb", "qcow2"},
	/* QEMU docs/interop/qed_spec.txt, "Header" */
	{0, 4, "QED\0", "qed"},
	/* VMware "Virtual Disk Format 5.0": hosted sparse extent, ESX server sparse extent; seSparse as QEMU has it */
	{0, 4, "KDMV", "vmdk"},
	{0, 4, "COWD", "vmdk"},
	{0, 8, "\xbe\xba\xfe\xca\0\0\0\0", "vmdk"},
	/* VirtualBox src/VBox/Storage/VDICore.h: u32Signature, after 64 bytes of text */
	{0x40, 4, "\x7f\x10\xda\xbe", "vdi"},
	/* Microsoft "Virtual Hard Disk Image Format": the footer, its copy at the start of a dynamic disk, and where
	   versions before Virtual PC 2004 have it. A fixed disk has nothing but the footer. */
	{0, 8, "conectix", "vpc"},
	{-512, 8, "conectix", "vpc"},
	{-511, 8, "conectix", "vpc"},
	/* [MS-VHDX] 2.2.1 */
	{0, 8, "vhdxfile", "vhdx"},
	/* QEMU docs/interop/parallels.txt, "Header" */
	{0, 16, "WithoutFreeSpace", "parallels"},
	{0, 16, "WithouFreSpacExt", "parallels"},
	/* Bochs "bximage" growing disks; Apple's disk images end with a block of resources */
	{0, 22, "Bochs Virtual HD Image", "bochs"},
	{-512, 4, "koly", "dmg"},
};

/* A VMDK's descriptor is a text file of its own, in any case of letters. */
#define VMDK_DESCRIPTOR "# Disk DescriptorFile"

/**
 * struct look - the bytes at one end
 * @at: their offset in the image
 */
struct look {
	uint64_t at;
	uint64_t len;
	uint8_t *bytes;
};

static int look_at(int fd, struct look *l)
{
	ssize_t n;

	do
		n = pread(fd, l->bytes, LOOK, (off_t)l->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	l->len = (uint64_t)n;
	return 0;
}

static const char *name_of(const struct look *head, const struct look *tail, uint64_t size_bytes)
{
	for (const struct magic *m = magics; m < magics + ARRAY_SIZE(magics); m++) {
		const struct look *l = m->at < 0 ? tail : head;
		/* For an image that is too short this wraps, and matches nothing. */
		uint64_t at = (m->at < 0 ? size_bytes - l->at : 0) + (uint64_t)m->at;

		if (at < l->len && m->len <= l->len - at && !memcmp(l->bytes + at, m->bytes, m->len))
			return m->name;
	}
	if (head->len >= strlen(VMDK_DESCRIPTOR) &&
		!strncasecmp((const char *)head->bytes, VMDK_DESCRIPTOR, strlen(VMDK_DESCRIPTOR)))
		return "vmdk";
	return NULL;
}

int disk_format(int fd, uint64_t size_bytes, const char **ret)
{
	_Alignas(4096) uint8_t buf[2 * LOOK];
	struct look head = {.bytes = buf}, tail = {.bytes = buf + LOOK};
	int r = look_at(fd, &head);

	if (size_bytes > 512)
		tail.at = align_down(size_bytes - 512, PAGE);
	if (r == 0)
		r = look_at(fd, &tail);
	if (r == 0)
		*ret = name_of(&head, &tail, size_bytes);
	return r;
}
