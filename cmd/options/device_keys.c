// SPDX-License-Identifier: Apache-2.0
/*
 * The keys of devices that a machine may have several of: a table for each kind. A new kind is a table and an add
 * function here, and a row of type OPT_LIST in cmd/options/options.c.
 */
#include "cmd/options/device_keys.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "vmm/base/clock.h"

/* One more element at the end of an array of the configuration, all zero; NULL when memory ran out. */
#define APPEND(array, nr)                                                                                              \
	({                                                                                                             \
		__typeof__(array) grown_ = reallocarray((array), (nr) + 1, sizeof(*(array)));                          \
		if (grown_) {                                                                                          \
			(array) = grown_;                                                                              \
			grown_ += (nr)++;                                                                              \
			memset(grown_, 0, sizeof(*grown_));                                                            \
		}                                                                                                      \
		grown_;                                                                                                \
	})

/* --- --disk, [disk] ---------------------------------------------------------------------------------------------- */

#define DISK_FIELD(ctype, member) OPTION_FIELD(struct config_disk, ctype, member)

static const char *const caches[] = {
	[DISK_CACHE_WRITEBACK] = "writeback",
	[DISK_CACHE_NONE] = "none",
	NULL,
};

static const char *const formats[] = {
	[DISK_FORMAT_AUTO] = "auto",
	[DISK_FORMAT_RAW] = "raw",
	NULL,
};

static const char *const sectors[] = {"512", "4096", NULL};

static int store_logical(void *item, const struct option_value *v)
{
	((struct config_disk *)item)->logical = v->n ? 4096 : 512;
	return 0;
}

static bool load_logical(const void *item, size_t i, struct option_value *ret)
{
	ret->n = ((const struct config_disk *)item)->logical == 4096;
	return i == 0;
}

static const struct option_def disk_keys[] = {
	{
		.name = "path",
		.type = OPT_PATH,
		.required = true,
		DISK_FIELD(char *, path),
		.man = OPTION_MAN(
			"The image: a raw file, or a block device.\n"
			"Its size is the size of the disk, and has to be a multiple of *logical*.\n"
			"It is locked while the machine runs: an image has one machine that writes, or any number that "
			"read."),
	},
	{
		.name = "ro",
		OPTION_SWITCH("off"),
		DISK_FIELD(bool, ro),
		.man = OPTION_MAN("The guest cannot write, and the image is opened for reading only."),
	},
	{
		.name = "overlay",
		OPTION_SWITCH("off"),
		DISK_FIELD(bool, overlay),
		.man = OPTION_MAN(
			"The guest can write, and the image stays as it is: changes are kept in a temporary file "
			"without a name, and are gone with the machine.\n"
			"It lies in the directory that TMPDIR names, which has to be usable then, else in /var/tmp or "
			"/tmp.\n"
			"A snapshot has these changes."),
	},
	{
		.name = "changed",
		OPTION_SWITCH("off"),
		DISK_FIELD(bool, changed),
		.man = OPTION_MAN("For *vmm restore*: take the image even if it has changed since the snapshot was "
				  "written.\n"
				  "What the guest remembers of its file systems is then wrong."),
	},
	{
		.name = "format",
		.type = OPT_CHOICE,
		.choices = formats,
		.metavar = "auto|raw",
		.deflt = "auto",
		DISK_FIELD(enum disk_format, format),
		.man = OPTION_MAN(
			"With auto, an image that begins or ends like a container format (qcow2, VMDK, VDI, VHD, VHDX "
			"and others) is refused, since a guest would see the container and destroy it; "
			"*qemu-img*(1) makes a raw copy of one.\n"
			"With raw, the image is attached as it is.\n"
			"A guest can make its raw disk look like a container: say raw for a disk that guests have "
			"written, and do not convert it, since what a container names as its backing file is a file "
			"of the host."),
	},
	{
		.name = "id",
		.type = OPT_STRING,
		DISK_FIELD(char *, id),
		.man = OPTION_MAN("The serial number that the guest reads, of at most 20 characters.\n"
				  "Without one it is disk0, disk1 and so on."),
	},
	{
		.name = "cache",
		.type = OPT_CHOICE,
		.choices = caches,
		.metavar = "writeback|none",
		.deflt = "writeback",
		DISK_FIELD(enum disk_cache, cache),
		.man = OPTION_MAN(
			"With writeback, the host's page cache holds what the guest writes until the guest flushes; "
			"with none, reads and writes go past it (O_DIRECT).\n"
			"A flush makes everything durable with either."),
	},
	{
		.name = "rate",
		.type = OPT_SIZE,
		.deflt = "0",
		.max = UINT64_C(1) << 50,
		DISK_FIELD(uint64_t, rate_bytes),
		.man = OPTION_MAN(
			"How many bytes a second the guest may read and write in all; 0 means any number.\n"
			"Write-zeroes counts by its length, a discard 4 KiB for each range and as much for each MiB of "
			"it, a flush 16 KiB, and so does each write that is made durable at once."),
	},
	{
		.name = "logical",
		.type = OPT_CHOICE,
		.choices = sectors,
		.metavar = "512|4096",
		.deflt = "512",
		.store = store_logical,
		.load = load_logical,
		.man = OPTION_MAN(
			"Bytes of a sector, as the guest sees it.\n"
			"A block device of the host with larger ones serves smaller ones from the page cache; "
			"with cache=none this has to be 4096 there."),
	},
	{
		.name = "queues",
		.type = OPT_UINT,
		.deflt = "1",
		.min = 1,
		.max = CONFIG_DISK_QUEUES_MAX,
		DISK_FIELD(unsigned, queues),
		.man = OPTION_MAN(
			"Request queues, each served by a thread of its own (an overlay has one thread for all).\n"
			"The guest uses one for each of its CPUs at most."),
	},
};

static void *disk_add(struct config *c)
{
	return APPEND(c->disk, c->nr_disks);
}

static const void *disk_at(const struct config *c, size_t i)
{
	return i < c->nr_disks ? &c->disk[i] : NULL;
}

const struct option_list disk_list = {disk_keys, ARRAY_SIZE(disk_keys), disk_add, disk_at, false};

/* --- --share, [share] -------------------------------------------------------------------------------------------- */

#define SHARE_FIELD(ctype, member) OPTION_FIELD(struct config_share, ctype, member)

static const struct option_def share_keys[] = {
	{
		.name = "path",
		.type = OPT_PATH,
		.metavar = "PATH",
		.required = true,
		SHARE_FIELD(char *, path),
		.man = OPTION_MAN("The directory.\nAs the first word it needs no path= in front of it."),
	},
	{
		.name = "tag",
		.type = OPT_STRING,
		.metavar = "NAME",
		SHARE_FIELD(char *, tag),
		.man = OPTION_MAN("What the guest mounts it by, of at most 36 bytes.\n"
				  "Without one it is share0, share1 and so on."),
	},
};

static void *share_add(struct config *c)
{
	return APPEND(c->share, c->nr_shares);
}

static const void *share_at(const struct config *c, size_t i)
{
	return i < c->nr_shares ? &c->share[i] : NULL;
}

const struct option_list share_list = {share_keys, ARRAY_SIZE(share_keys), share_add, share_at, true};

/* --- --net, [net] ------------------------------------------------------------------------------------------------ */

#define NET_FIELD(ctype, member) OPTION_FIELD(struct config_net, ctype, member)

/* What it connects to; machine_check() wants exactly one. */
static void connect_to(struct config_net *n, enum config_net_kind kind)
{
	n->kind = n->kind == CONFIG_NET_NONE ? kind : CONFIG_NET_TWO;
}

static int store_name(struct config_net *n, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	free(n->name);
	n->name = copy;
	return 0;
}

static int store_tap(void *item, const struct option_value *v)
{
	connect_to(item, CONFIG_NET_TAP);
	return store_name(item, v->text);
}

static bool load_tap(const void *item, size_t i, struct option_value *ret)
{
	const struct config_net *n = item;

	ret->text = n->name;
	return i == 0 && n->kind == CONFIG_NET_TAP;
}

static int store_fd(void *item, const struct option_value *v)
{
	connect_to(item, CONFIG_NET_FD);
	((struct config_net *)item)->fd = (int)v->n;
	return 0;
}

static bool load_fd(const void *item, size_t i, struct option_value *ret)
{
	const struct config_net *n = item;

	ret->n = (uint64_t)n->fd;
	return i == 0 && n->kind == CONFIG_NET_FD;
}

static int store_passt(void *item, const struct option_value *v)
{
	connect_to(item, CONFIG_NET_PASST);
	return *v->text ? store_name(item, v->text) : 0;
}

static bool load_passt(const void *item, size_t i, struct option_value *ret)
{
	const struct config_net *n = item;

	ret->text = n->name ? n->name : "";
	return i == 0 && n->kind == CONFIG_NET_PASST;
}

static int store_ports(struct config_ports *p, const char *spec)
{
	char **added = APPEND(p->spec, p->nr);

	if (!added)
		return -ENOMEM;
	*added = strdup(spec);
	return *added ? 0 : -ENOMEM;
}

static bool load_ports(const struct config_ports *p, size_t i, struct option_value *ret)
{
	if (i < p->nr)
		ret->text = p->spec[i];
	return i < p->nr;
}

static int store_tcp(void *item, const struct option_value *v)
{
	return store_ports(&((struct config_net *)item)->tcp, v->text);
}

static bool load_tcp(const void *item, size_t i, struct option_value *ret)
{
	return load_ports(&((const struct config_net *)item)->tcp, i, ret);
}

static int store_udp(void *item, const struct option_value *v)
{
	return store_ports(&((struct config_net *)item)->udp, v->text);
}

static bool load_udp(const void *item, size_t i, struct option_value *ret)
{
	return load_ports(&((const struct config_net *)item)->udp, i, ret);
}

static int store_mac(void *item, const struct option_value *v)
{
	struct config_net *n = item;

	for (unsigned i = 0; i < sizeof(n->mac); i++)
		n->mac[i] = (uint8_t)(v->n >> (8 * (sizeof(n->mac) - 1 - i)));
	return 0;
}

static bool load_mac(const void *item, size_t i, struct option_value *ret)
{
	const struct config_net *n = item;

	for (unsigned k = 0; k < sizeof(n->mac); k++)
		ret->n = ret->n << 8 | n->mac[k];
	return i == 0 && ret->n;
}

static const struct option_def net_keys[] = {
	{
		.name = "tap",
		.type = OPT_STRING,
		.metavar = "NAME",
		.store = store_tap,
		.load = load_tap,
		.man = OPTION_MAN(
			"Connect to the TAP interface NAME of the host, with checksum and segmentation offloads.\n"
			"It is best made before, for the user who runs the machine: ip tuntap add dev NAME mode tap "
			"user USER.\n"
			"One that does not exist is made where that is permitted, and is gone with the machine."),
	},
	{
		.name = "fd",
		.type = OPT_UINT,
		.min = 3,
		.max = INT_MAX,
		.store = store_fd,
		.load = load_fd,
		.man = OPTION_MAN(
			"Connect to a TAP interface that is open already, as the file descriptor N that a service "
			"manager or launcher passed in.\n"
			"It has to have been opened with IFF_TAP and IFF_NO_PI, and for offloads with IFF_VNET_HDR."),
	},
	{
		.name = "passt",
		.type = OPT_STRING,
		.metavar = "SOCKET",
		.bare = "",
		.store = store_passt,
		.load = load_passt,
		.man = OPTION_MAN(
			"Connect through *passt*(1), which needs no privileges: the guest's connections become sockets "
			"of the user who runs the machine, and it offers an address by DHCP.\n"
			"With a socket, connect to the passt that listens there; without, start one, which ends with "
			"the machine and forwards to the guest the ports that *tcp* and *udp* name."),
	},
	{
		.name = "tcp",
		.type = OPT_STRING,
		.metavar = "[ADDRESS/]PORT[:GUESTPORT]",
		.repeatable = true,
		.store = store_tcp,
		.load = load_tcp,
		.man = OPTION_MAN(
			"Forward connections to a TCP port of the host to the guest: tcp=2222:22 reaches its port 22, "
			"tcp=8080 its port 8080, tcp=9000-9009:80-89 ten of them.\n"
			"They are open on all addresses of the host unless one is named, as in tcp=127.0.0.1/2222:22.\n"
			"Only for a passt that is started; may be given several times."),
	},
	{
		.name = "udp",
		.type = OPT_STRING,
		.metavar = "[ADDRESS/]PORT[:GUESTPORT]",
		.repeatable = true,
		.store = store_udp,
		.load = load_udp,
		.man = OPTION_MAN("The same for a UDP port of the host."),
	},
	{
		.name = "mac",
		.type = OPT_MAC,
		.store = store_mac,
		.load = load_mac,
		.man = OPTION_MAN(
			"The MAC address of the guest's side.\n"
			"Without one it is locally administered, and made from the name of the interface (or the word "
			"passt) and the number of the device, so that it is the same each time."),
	},
};

static void *net_add(struct config *c)
{
	return APPEND(c->net, c->nr_nets);
}

static const void *net_at(const struct config *c, size_t i)
{
	return i < c->nr_nets ? &c->net[i] : NULL;
}

const struct option_list net_list = {net_keys, ARRAY_SIZE(net_keys), net_add, net_at, false};

/* --- --vsock, [vsock] -------------------------------------------------------------------------------------------- */

#define VSOCK_FIELD(ctype, member) OPTION_FIELD(struct config_vsock, ctype, member)

static const struct option_def vsock_keys[] = {
	{
		.name = "path",
		.type = OPT_PATH,
		.required = true,
		VSOCK_FIELD(char *, path),
		.man = OPTION_MAN("The Unix socket to make, of at most 96 bytes, with mode 0600.\n"
				  "A stale one is replaced, and it is removed at the end."),
	},
	{
		.name = "cid",
		.type = OPT_UINT,
		.required = true,
		.min = 3,
		.max = 0xfffffffe,
		VSOCK_FIELD(unsigned, cid),
		.man = OPTION_MAN("The context id of the guest; 0, 1 and 2 are reserved.\n"
				  "Machines do not share a network of sockets, so two may have the same."),
	},
};

static void *vsock_add(struct config *c)
{
	return &c->vsock;
}

static const void *vsock_at(const struct config *c, size_t i)
{
	return i == 0 && c->vsock.path ? &c->vsock : NULL;
}

const struct option_list vsock_list = {vsock_keys, ARRAY_SIZE(vsock_keys), vsock_add, vsock_at, false};

/* --- --balloon, [balloon] ---------------------------------------------------------------------------------------- */

#define BALLOON_FIELD(ctype, member) OPTION_FIELD(struct config_balloon, ctype, member)

static const struct option_def balloon_keys[] = {
	{
		.name = "size",
		.type = OPT_SIZE,
		.deflt = "0",
		.max = CONFIG_MEM_MAX,
		.multiple = CONFIG_MEM_STEP,
		BALLOON_FIELD(uint64_t, size_bytes),
		.man = OPTION_MAN("How much memory the guest is asked to give back at first."),
	},
	{
		.name = "step",
		.type = OPT_SIZE,
		.deflt = "0",
		.max = CONFIG_MEM_MAX,
		.multiple = CONFIG_MEM_STEP,
		BALLOON_FIELD(uint64_t, step_bytes),
		.man = OPTION_MAN(
			"How much a SIGUSR1 asks for in addition, and a SIGUSR2 lets go again; 0 means an eighth of "
			"*mem*."),
	},
	{
		.name = "poll",
		.type = OPT_DURATION,
		.deflt = "0",
		.max = 24 * 3600 * NSEC_PER_SEC,
		BALLOON_FIELD(uint64_t, stats_ns),
		.man = OPTION_MAN(
			"How often the guest is asked for its memory statistics, which are logged at level info; "
			"0 means never."),
	},
};

static void *balloon_add(struct config *c)
{
	c->balloon.on = true;
	return &c->balloon;
}

static const void *balloon_at(const struct config *c, size_t i)
{
	return i == 0 && c->balloon.on ? &c->balloon : NULL;
}

const struct option_list balloon_list = {balloon_keys, ARRAY_SIZE(balloon_keys), balloon_add, balloon_at, false};
