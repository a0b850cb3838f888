// SPDX-License-Identifier: Apache-2.0
#include "cmd/options/options.h"

#include <errno.h>
#include <string.h>

#include "cmd/options/device_keys.h"
#include "cmd/options/options_bench.h"
#include "cmd/options/options_exec.h"
#include "cmd/options/options_restore.h"
#include "cmd/options/options_test.h"
#include "vmm/base/board.h"
#include "vmm/base/clock.h"

#define FIELD(ctype, member) OPTION_FIELD(struct config, ctype, member)

#define DAY_NS (24 * 3600 * NSEC_PER_SEC)

static const char *const kernel_loads[] = {
	[KERNEL_LOAD_MAP] = "map",
	[KERNEL_LOAD_READ] = "read",
	NULL,
};

static const char *const hugepages[] = {"off", "2M", "1G", NULL};

static const char *const off_or_on[] = {"off", "on", NULL};
static const char *const discoveries[] = {
	[DISCOVERY_AUTO] = "auto",
	[DISCOVERY_ACPI] = "acpi",
	[DISCOVERY_CMDLINE] = "cmdline",
	NULL,
};

/* As enum ini_extent has them. */
static const char *const command_as[] = {
	[COMMAND_AS_USER] = "user",
	[COMMAND_AS_ROOT] = "root",
	NULL,
};

static const char *const extents[] = {"changed", "all", NULL};

static const char *const resets[] = {"always", "never", NULL};
static const char *const each_lines[] = {"off", "text", "json", NULL};
static const char *const clocks[] = {[CLOCK_GOES_ON] = "monotonic", [CLOCK_IS_RIGHT] = "realtime", NULL};
static const char *const raw_choices[] = {"host", "guest", NULL};

static const char *const log_levels[] = {
	[TRACE_ERROR] = "error",
	[TRACE_WARN] = "warn",
	[TRACE_INFO] = "info",
	[TRACE_DEBUG] = "debug",
	[TRACE_TRACE] = "trace",
	NULL,
};

static const char *const sandbox_modes[] = {
#define X(id, name) [SANDBOX_##id] = name,
	/* clang-format off */
	SANDBOX_MODES(X)
#undef X
	NULL,
	/* clang-format on */
};

static const char *const userns_modes[] = {
#define X(id, name) [SANDBOX_USERNS_##id] = name,
	/* clang-format off */
	SANDBOX_USERNS(X)
#undef X
	NULL,
	/* clang-format on */
};

/* One member holds both settings, in the order of the table; that not both are on has been checked. */
static int store_hugepages(void *config, const struct option_value *v)
{
	struct config *c = config;
	static const enum backing backings[] = {BACKING_ANON, BACKING_HUGE_2M, BACKING_HUGE_1G};

	c->backing = backings[v->n];
	return 0;
}

static bool load_hugepages(const void *config, size_t i, struct option_value *ret)
{
	enum backing b = ((const struct config *)config)->backing;

	ret->n = b == BACKING_HUGE_2M ? 1 : b == BACKING_HUGE_1G ? 2 : 0;
	return i == 0;
}

static int store_thp(void *config, const struct option_value *v)
{
	struct config *c = config;
	if (v->n)
		c->backing = BACKING_THP;
	return 0;
}

static bool load_thp(const void *config, size_t i, struct option_value *ret)
{
	ret->n = ((const struct config *)config)->backing == BACKING_THP;
	return i == 0;
}

static int store_console(void *config, const struct option_value *v)
{
	struct config *c = config;
	char *path = NULL;

	if (v->text) {
		path = strdup(v->text);
		if (!path)
			return -ENOMEM;
	}
	free(c->console_path);
	c->console_path = path;
	c->console = (enum console_kind)(v->n & ~OPTION_CONSOLE_VIRTIO);
	c->console_virtio = v->n & OPTION_CONSOLE_VIRTIO;
	return 0;
}

static bool load_console(const void *config, size_t i, struct option_value *ret)
{
	const struct config *c = config;

	ret->n = c->console | (c->console_virtio ? OPTION_CONSOLE_VIRTIO : 0);
	ret->text = c->console_path;
	return i == 0;
}

static int store_debug_exit(void *config, const struct option_value *v)
{
	struct config *c = config;
	c->debug_exit = v->n != 0;
	c->debug_exit_port = (uint16_t)v->n;
	return 0;
}

static bool load_debug_exit(const void *config, size_t i, struct option_value *ret)
{
	const struct config *c = config;

	ret->n = c->debug_exit ? c->debug_exit_port : 0;
	return i == 0;
}

static int store_debugcon(void *config, const struct option_value *v)
{
	struct config *c = config;
	c->debugcon_port = (uint16_t)v->n;
	return 0;
}

static bool load_debugcon(const void *config, size_t i, struct option_value *ret)
{
	ret->n = ((const struct config *)config)->debugcon_port;
	return i == 0;
}

static int store_boot_marker(void *config, const struct option_value *v)
{
	struct config *c = config;
	c->boot_marker = v->n;
	return 0;
}

static bool load_boot_marker(const void *config, size_t i, struct option_value *ret)
{
	ret->n = ((const struct config *)config)->boot_marker;
	return i == 0;
}

static int store_user(void *config, const struct option_value *v)
{
	struct config *c = config;
	c->user = true;
	c->uid = (uid_t)(v->n >> 32);
	c->gid = (gid_t)v->n;
	return 0;
}

static bool load_user(const void *config, size_t i, struct option_value *ret)
{
	const struct config *c = config;

	ret->n = (uint64_t)c->uid << 32 | c->gid;
	return i == 0 && c->user;
}

/* Alone, the option means one that is new and empty. */
static int store_new_or(char **member, const char *text)
{
	char *copy = strdup(strcmp(text, "new") ? text : "");

	if (!copy)
		return -ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

static bool load_new_or(const char *member, size_t i, struct option_value *ret)
{
	ret->text = member && !*member ? "new" : member;
	return i == 0 && member;
}

static int store_chroot(void *config, const struct option_value *v)
{
	struct config *c = config;
	return store_new_or(&c->chroot, v->text);
}

static bool load_chroot(const void *config, size_t i, struct option_value *ret)
{
	return load_new_or(((const struct config *)config)->chroot, i, ret);
}

static int store_netns(void *config, const struct option_value *v)
{
	struct config *c = config;
	return store_new_or(&c->netns, v->text);
}

static bool load_netns(const void *config, size_t i, struct option_value *ret)
{
	return load_new_or(((const struct config *)config)->netns, i, ret);
}

const struct option_def options[] = {
	{
		.name = "kernel",
		.saved = OPTION_OF_BOOT,
		.common = true,
		.section = SECTION_BOOT,
		.type = OPT_PATH,
		FIELD(char *, kernel),
		.help = "kernel to boot: vmlinux (ELF), the same gzipped, or bzImage",
		.man = OPTION_MAN(
			"The kernel to boot; also without the name of the option.\n"
			"Its format is detected from its content: an ELF64 vmlinux, a vmlinux compressed with gzip, or "
			"a bzImage of boot protocol 2.12 or later.\n"
			"A machine cannot run without one."),
	},
	{
		.name = "initrd",
		.saved = OPTION_OF_BOOT,
		.common = true,
		.section = SECTION_BOOT,
		.type = OPT_PATH,
		FIELD(char *, initrd),
		.help = "initial RAM disk, given to the kernel as is",
		.man = OPTION_MAN("A file that is handed to the kernel as its initial RAM disk, unchanged."),
	},
	{
		.name = "cmdline",
		.saved = OPTION_SAVED,
		.section = SECTION_BOOT,
		.type = OPT_STRING,
		FIELD(char *, cmdline),
		.help = "kernel command line, in place of the default one",
		.man = OPTION_MAN("Replaces the default kernel command line, which is\n"
				  "\"" CONFIG_DEFAULT_CMDLINE "\".\n"
				  "An empty string is allowed."),
	},
	{
		.name = "append",
		.saved = OPTION_SAVED,
		.common = true,
		.section = SECTION_BOOT,
		.type = OPT_STRING,
		.repeatable = true,
		.joined = true,
		FIELD(char *, append),
		.help = "words to add to the kernel command line; repeatable",
		.man = OPTION_MAN("Words added to the end of the kernel command line, be it the default one or that of "
				  "*cmdline*.\n"
				  "May be given more than once: all are added, in order, with a blank between.\n"
				  "If the command line has any, those of the configuration file do not count."),
	},
	{
		.name = "root",
		.saved = OPTION_SAVED,
		.section = SECTION_BOOT,
		.type = OPT_PATH,
		FIELD(char *, root),
		.help = "root directory of a command: --root / -- COMMAND",
		.man = OPTION_MAN(
			"Run one command in the guest, as in *vmm --kernel bzImage --root / -- ./test.sh*: the words "
			"behind "
			"*--*.\n"
			"The directory is the command's root, read-only, with an overlay in memory on top: what the "
			"command "
			"writes is gone afterwards.\n"
			"It has the caller's environment, working directory and user, and its standard input, output "
			"and "
			"error are those of vmm.\n"
			"If these are a terminal, so are the command's.\n"
			"What is mounted below the directory is not in it: each *share* is mounted at its own path, "
			"too.\n"
			"There is no initrd to make: vmm packs an init of its own with the drivers from *modules*.\n"
			"The console is *null* unless it is a file, a socket or a pty."),
	},
	{
		.name = "as",
		.section = SECTION_BOOT,
		.type = OPT_CHOICE,
		.choices = command_as,
		.metavar = "user|root",
		.deflt = "user",
		FIELD(enum command_as, as),
		.help = "user of the command in the guest",
		.man = OPTION_MAN(
			"Who the command of *root* is in the guest: the user who runs vmm, or the guest's root.\n"
			"Neither has more rights on the host than vmm has."),
	},
	{
		.name = "out",
		.section = SECTION_BOOT,
		.type = OPT_PATH,
		.metavar = "DIR",
		FIELD(char *, out),
		.help = "directory for the files of a command: its $VMM_OUT",
		.man = OPTION_MAN(
			"Where the files come back to that the command of *root* leaves in the directory $VMM_OUT, "
			"which "
			"is in the guest's memory.\n"
			"They are sent when the command has ended: after a panic or at the time limit there are none.\n"
			"Files of the same name are replaced.\n"
			"Only files and directories come back, not links, FIFOs or devices; at most 1 GiB, 65536 "
			"entries, 32 directories in each other.\n"
			"What cannot be written is an error of vmm, status 125."),
	},
	{
		.name = "modules",
		.saved = OPTION_OF_BOOT,
		.section = SECTION_BOOT,
		.type = OPT_PATH,
		FIELD(char *, modules),
		.help = "the kernel's lib/modules/RELEASE, for --root",
		.man = OPTION_MAN(
			"Where the kernel's modules are, for *root*: a directory with modules.dep.\n"
			"Without it, lib/modules/RELEASE is looked for beside the directory of the kernel, and "
			"in /.\n"
			"What is not built into the kernel is loaded from there, compressed or not."),
	},
	{
		.name = "kernel-load",
		.saved = OPTION_OF_BOOT,
		.section = SECTION_BOOT,
		.type = OPT_CHOICE,
		.choices = kernel_loads,
		.metavar = "map|read",
		.deflt = "read",
		FIELD(enum kernel_load, kernel_load),
		.help = "how an uncompressed kernel gets into RAM",
		.man = OPTION_MAN(
			"How an uncompressed kernel gets into guest RAM.\n"
			"read copies it: the guest reaches its first line sooner, since its RAM keeps large pages.\n"
			"Holes of a sparse file need no copying, and a third of a kernel is zeroes: *fallocate "
			"--dig-holes* makes them holes.\n"
			"map maps the file privately: the guest starts at once and takes less memory, which machines "
			"with the same kernel share; but a file that is rewritten in place changes under the guest."),
	},
	{
		.name = "mem",
		.saved = OPTION_SAVED,
		.common = true,
		.section = SECTION_MACHINE,
		.type = OPT_SIZE,
		.deflt = "128M",
		.min = CONFIG_MEM_MIN,
		.max = CONFIG_MEM_MAX,
		.multiple = CONFIG_MEM_STEP,
		FIELD(uint64_t, mem_bytes),
		.help = "RAM of the guest",
		.man = OPTION_MAN(
			"RAM of the guest.\n"
			"It is taken from the host only as the guest touches it, unless *prefault* or *hugepages* is "
			"on.\n"
			"More than the host has, RAM and swap together, is refused."),
	},
	{
		.name = "cpus",
		.saved = OPTION_SAVED,
		.common = true,
		.section = SECTION_MACHINE,
		.type = OPT_UINT,
		.deflt = "1",
		.min = 1,
		.max = BOARD_CPUS_MAX,
		FIELD(unsigned, cpus),
		.help = "CPUs of the guest",
		.man = OPTION_MAN("CPUs of the guest, each a thread of the host."),
	},
	{
		.name = "hugepages",
		.saved = OPTION_OF_BOOT,
		.section = SECTION_MACHINE,
		.type = OPT_CHOICE,
		.choices = hugepages,
		.metavar = "2M|1G",
		.deflt = "off",
		.bare = "2M",
		.excludes = "thp",
		.store = store_hugepages,
		.load = load_hugepages,
		.help = "RAM from the host's reserved huge pages",
		.man = OPTION_MAN("Take guest RAM from the host's reserved huge pages of this size.\n"
				  "*mem* has to be a multiple of it, and enough pages have to be reserved (sysctl "
				  "vm.nr_hugepages)."),
	},
	{
		.name = "thp",
		.saved = OPTION_OF_BOOT,
		.section = SECTION_MACHINE,
		OPTION_SWITCH("off"),
		.excludes = "hugepages",
		.store = store_thp,
		.load = load_thp,
		.help = "ask for transparent huge pages",
		.man = OPTION_MAN("Ask the host to back guest RAM with transparent huge pages where it can."),
	},
	{
		.name = "prefault",
		.section = SECTION_MACHINE,
		OPTION_SWITCH("off"),
		FIELD(bool, prefault),
		.help = "take all RAM from the host before the start",
		.man = OPTION_MAN(
			"Take all of the guest's RAM from the host before the guest starts, so that none can be "
			"missing later."),
	},
	{
		.name = "nested",
		.saved = OPTION_SAVED,
		.section = SECTION_MACHINE,
		OPTION_SWITCH("off"),
		FIELD(bool, nested),
		.help = "let the guest see VMX or SVM",
		.man = OPTION_MAN(
			"Let the guest see VMX or SVM, so that it can run virtual machines of its own where the host "
			"allows it."),
	},
	{
		.name = "pmu",
		.saved = OPTION_SAVED,
		.section = SECTION_MACHINE,
		OPTION_SWITCH("off"),
		FIELD(bool, pmu),
		.help = "let the guest see performance counters",
		.man = OPTION_MAN("Let the guest see the host's performance counters."),
	},
	{
		.name = "acpi",
		.saved = OPTION_SAVED,
		.section = SECTION_MACHINE,
		OPTION_SWITCH("on"),
		FIELD(bool, acpi),
		.help = "offer ACPI tables",
		.man = OPTION_MAN("Offer ACPI tables to the guest.\n"
				  "An MP table is there either way.\n"
				  "Without ACPI the guest has no power button and cannot switch itself off."),
	},
	{
		.name = "console",
		.saved = OPTION_MERGED,
		.common = true,
		.section = SECTION_CONSOLE,
		.type = OPT_CONSOLE,
		.deflt = "stdio",
		.store = store_console,
		.load = load_console,
		.help = "where the serial port goes: [virtio,] stdio, pty, file=PATH, socket=PATH or null",
		.man = OPTION_MAN(
			"Where the guest's serial port goes.\n"
			"With *virtio*, alone or in front of one of these and a comma, the guest has a virtio console "
			"(hvc0) as well, which takes an exit a line where the serial port takes one a byte: both print "
			"to the same place, and input goes to hvc0 once its driver is there.\n"
			"The default kernel command line then is\n"
			"\"" CONFIG_DEFAULT_CMDLINE_HVC "\".\n"
			"*stdio*: standard input and output; a terminal is put into raw mode, and Ctrl-A X ends the "
			"machine.\n"
			"*pty*: a new pseudo-terminal, whose name is printed on standard error.\n"
			"*file=PATH*: output only, to a file, up to *console-cap*.\n"
			"It is emptied when the guest starts; a path that names a descriptor, as /dev/fd/3, is written "
			"behind what is there.\n"
			"*socket=PATH*: a Unix socket on which one client at a time is served.\n"
			"*null*: nowhere.\n"
			"While nobody is connected to a pty or a socket, 1 MiB is kept for whoever comes, then the "
			"guest waits."),
	},
	{
		.name = "console-cap",
		.section = SECTION_CONSOLE,
		.type = OPT_SIZE,
		.deflt = "256M",
		.max = UINT64_C(1) << 50,
		FIELD(uint64_t, console_cap_bytes),
		.help = "largest size of a console file, 0 for no limit",
		.man = OPTION_MAN(
			"How large the file of *console=file* may become; what the guest writes beyond is counted "
			"and dropped.\n"
			"0 means that there is no limit: the guest can then fill the file system.\n"
			"Other consoles ignore it."),
	},
	{
		.name = "debug-exit",
		.saved = OPTION_SAVED,
		.common = true,
		.section = SECTION_DEVICES,
		.type = OPT_PORT,
		.deflt = "off",
		.bare = "0xf4",
		.min = 1,
		.max = UINT16_MAX,
		.store = store_debug_exit,
		.load = load_debug_exit,
		.help = "I/O port with which the guest ends the run with a status",
		.man = OPTION_MAN(
			"An I/O port with which the guest ends the run: after writing N, the exit status is 2N+1.\n"
			"It behaves as QEMU's isa-debug-exit."),
	},
	{
		.name = "debugcon",
		.saved = OPTION_SAVED,
		.section = SECTION_DEVICES,
		.type = OPT_PORT,
		.deflt = "off",
		.bare = "0xe9",
		.min = 1,
		.max = UINT16_MAX,
		.store = store_debugcon,
		.load = load_debugcon,
		.help = "I/O port whose bytes go to the console",
		.man = OPTION_MAN("An I/O port whose bytes go to the console, as the debug console of Bochs and QEMU.\n"
				  "It has no flow control: what the console cannot take is lost, and counted."),
	},
	{
		.name = "boot-marker",
		.saved = OPTION_SAVED,
		.section = SECTION_DEVICES,
		.type = OPT_PORT,
		.metavar = "PORT|ADDRESS",
		.deflt = "off",
		.bare = "0x500",
		.min = 1,
		.max = BOARD_IOAPIC_ADDR - 8,
		.store = store_boot_marker,
		.load = load_boot_marker,
		.help = "I/O port or address where a write marks a moment",
		.man = OPTION_MAN("An I/O port, or from 0xc0000000 on a memory address, where the guest marks a moment "
				  "of its own on the timeline with one write: the number written becomes the name of "
				  "the mark.\n"
				  "A line vmm-mark=NAME on the console does the same without a device."),
	},
	{
		.name = "pvpanic",
		.saved = OPTION_SAVED,
		.section = SECTION_DEVICES,
		OPTION_SWITCH("on"),
		FIELD(bool, pvpanic),
		.help = "device through which the guest tells that it panicked",
		.man = OPTION_MAN("The device through which a guest kernel tells that it panicked.\n"
				  "Without it (or its driver) a panic is recognised by the text on the console, "
				  "see *panic-text*."),
	},
	{
		.name = "panic-text",
		.section = SECTION_CONSOLE,
		.type = OPT_CHOICE,
		.choices = off_or_on,
		.metavar = "on|off",
		.deflt = "on",
		FIELD(unsigned, panic_text),
		.help = "what the kernel says on the console may decide how the run ended",
		.man = OPTION_MAN("Whether text on the console may decide how the run ended, where no device tells.\n"
				  "A kernel's panic followed by a reset, a triple fault or a second of silence is then "
				  "a panic (34), and a triple fault right behind \"reboot: Restarting system\" "
				  "(*reboot=t* or *reboot=p*) is a reset (32).\n"
				  "Any program in the guest can print these lines.\n"
				  "With *off* the text decides nothing: what follows a panic counts as what it is, a "
				  "reset (32) or a crash (36), a guest that stays panicked runs on, and *reboot=t* is "
				  "a crash."),
	},
	{
		.name = "disk",
		.saved = OPTION_MERGED,
		.common = true,
		.section = SECTION_DEVICES,
		OPTION_LIST(disk),
		.metavar = "path=FILE[,KEY...]",
		.repeatable = true,
		.help = "a disk; keys: ro, overlay, format=, id=, cache=, rate=, logical=, queues=; repeatable",
		.man = OPTION_MAN("A disk, which the guest finds as /dev/vda, /dev/vdb and so on, in this order."),
	},
	{
		.name = "share",
		.saved = OPTION_SAVED,
		.section = SECTION_DEVICES,
		OPTION_LIST(share),
		.metavar = "PATH[,tag=NAME]",
		.repeatable = true,
		.help = "a directory that the guest can read; repeatable",
		.man = OPTION_MAN(
			"A directory of the host, which the guest can mount and read: mount -t virtiofs -o ro NAME "
			"DIR.\n"
			"It reads what the user who runs the machine may read; who a file belongs to is shown as on "
			"the host.\n"
			"Nothing outside of the directory can be reached, by links or otherwise, and another file "
			"system that is mounted below it is an empty directory: share that by an option of its own.\n"
			"FIFOs, sockets and devices are seen and never opened.\n"
			"proc, sysfs, cgroups and their like cannot be shared.\n"
			"What changes on the host is seen after a second at the latest, when a file is opened "
			"again."),
	},
	{
		.name = "net",
		.saved = OPTION_MERGED,
		.common = true,
		.section = SECTION_DEVICES,
		OPTION_LIST(net),
		.metavar = "tap=NAME|fd=N|passt[=SOCKET][,mac=MAC]",
		.repeatable = true,
		.help = "a network device; keys: mac=, and for passt tcp= and udp=; repeatable",
		.man = OPTION_MAN("A network device, which the guest finds as eth0, eth1 and so on, in this order.\n"
				  "One of *tap*, *fd* and *passt* says what it is connected to."),
	},
	{
		.name = "discovery",
		.saved = OPTION_SAVED,
		.section = SECTION_DEVICES,
		.type = OPT_CHOICE,
		.choices = discoveries,
		.metavar = "auto|acpi|cmdline",
		.deflt = "auto",
		FIELD(enum discovery, discovery),
		.help = "how the guest learns of virtio devices",
		.man = OPTION_MAN(
			"How the guest learns where its virtio devices are.\n"
			"acpi: from the ACPI tables.\n"
			"cmdline: from virtio_mmio.device= on the kernel command line, which not every kernel reads; "
			"ACPI is off then.\n"
			"auto: from ACPI, unless *acpi* is off or the kernel command line says acpi=off.\n"
			"It is never both, since the guest would probe each device twice."),
	},
	{
		.name = "rng",
		.saved = OPTION_SAVED,
		.section = SECTION_DEVICES,
		OPTION_SWITCH("on"),
		FIELD(bool, rng),
		.help = "virtio entropy device",
		.man = OPTION_MAN(
			"A virtio entropy device, which hands random bytes of the host to the guest, at most 4 MiB a "
			"second."),
	},
	{
		.name = "vsock",
		.saved = OPTION_MERGED,
		.section = SECTION_DEVICES,
		OPTION_LIST(vsock),
		.metavar = "cid=N,path=SOCKET",
		.help = "sockets between guest and host",
		.man = OPTION_MAN(
			"A virtio socket device: stream connections between programs of the guest and of the host.\n"
			"A program of the host connects to *path*, writes the line \"CONNECT PORT\" and reads \"OK "
			"HOSTPORT\"; from then on it is connected to the program of the guest that listens on that "
			"port.\n"
			"A program of the guest that connects to CID 2 and a port is connected to the program of the "
			"host that listens on the Unix socket *path*_PORT; a symbolic link there is not followed.\n"
			"At most 128 connections are open at a time."),
	},
	{
		.name = "balloon",
		.saved = OPTION_SAVED,
		.section = SECTION_DEVICES,
		OPTION_LIST(balloon),
		.metavar = "[size=SIZE][,KEY...]",
		.bare = "size=0",
		.help = "a memory balloon; keys: size=, step=, poll=",
		.man = OPTION_MAN(
			"A virtio memory balloon: the guest gives pages back, and they leave the memory of this "
			"process.\n"
			"Free pages come back of their own accord when the guest's kernel reports them.\n"
			"More is asked for with *size* and at run time: SIGUSR1 asks for *step* more, SIGUSR2 for "
			"*step* less.\n"
			"A guest that runs out of memory takes back what it needs.\n"
			"With *hugepages*, only whole free huge pages can be given back; another machine may then take "
			"them from the host's pool, and this one ends when it wants them again."),
	},
	{
		.name = "timeout",
		.common = true,
		.section = SECTION_RUN,
		.type = OPT_DURATION,
		.deflt = "0",
		.max = 365 * DAY_NS,
		FIELD(uint64_t, timeout_ns),
		.help = "end the run after this time with status 124, 0 for never",
		.man = OPTION_MAN(
			"End the run after this time, with exit status 124 and the state of every CPU on standard "
			"error.\n"
			"0 means never."),
	},
	{
		.name = "grace",
		.section = SECTION_RUN,
		.type = OPT_DURATION,
		.deflt = "5s",
		.max = DAY_NS,
		FIELD(uint64_t, grace_ns),
		.help = "time to power off after SIGTERM",
		.man = OPTION_MAN(
			"How long the guest has to power off after SIGTERM has pressed its power button.\n"
			"The button is pressed again until the guest reacts, since one that is still booting\n"
			"loses a press.\n"
			"After that time, or on a second SIGTERM, the run ends at once.\n"
			"A guest without ACPI (acpi=off) has no such button: only the time ends it, or itself."),
	},
	{
		.name = "gdb",
		.section = SECTION_RUN,
		.type = OPT_STRING,
		.metavar = "unix:PATH|tcp:[ADDRESS:]PORT[,wait]",
		FIELD(char *, gdb),
		.help = "wait for gdb at a socket; with wait, before the first instruction",
		.man = OPTION_MAN(
			"Wait for gdb at a Unix socket, which is made with mode 0600, or at a TCP port, of the\n"
			"loopback address unless another one is given.\n"
			"In gdb, `target remote PATH` or `target remote :PORT` stops the guest; `monitor help`\n"
			"lists what can be asked for besides.\n"
			"With *,wait* the guest does not start before gdb lets it.\n"
			"While it is stopped, *timeout* stands still.\n"
			"`kill` in gdb ends the run with exit status 143, `monitor reset` with 32; when gdb\n"
			"detaches, or its connection is lost, breakpoints are removed and the guest goes on.\n"
			"Who can connect can do with the guest what they like, and a TCP port has no other lock\n"
			"than its address."),
	},
	{
		.name = "log-level",
		.common = true,
		.section = SECTION_RUN,
		.type = OPT_CHOICE,
		.choices = log_levels,
		.metavar = "LEVEL",
		.deflt = "warn",
		FIELD(enum trace_level, log_level),
		.help = "log on stderr: error, warn, info, debug or trace",
		.man = OPTION_MAN("What is logged on standard error; each level includes those before it.\n"
				  "*trace* tells the phases of the start with their times."),
	},
	{
		.name = "sandbox",
		.section = SECTION_SANDBOX,
		.type = OPT_CHOICE,
		.choices = sandbox_modes,
		.metavar = "MODE",
		.deflt = "strict",
		FIELD(enum sandbox_mode, sandbox),
		.help = "strict, best-effort or off",
		.man = OPTION_MAN(
			"How the program locks itself up before the guest runs.\n"
			"*strict* ends with an error where the host lacks Landlock or seccomp filters.\n"
			"*best-effort* takes what there is, and says on standard error what is missing.\n"
			"*off* leaves the guest to do whatever it can make this program do; only to find out whether "
			"the sandbox is in the way of something."),
	},
	{
		.name = "user",
		.section = SECTION_SANDBOX,
		.type = OPT_USER,
		.store = store_user,
		.load = load_user,
		.help = "become this user and group once everything is open",
		.man = OPTION_MAN(
			"Become this user and this group, two numbers, and leave all other groups, once everything is "
			"open.\n"
			"Needs root, and is recommended when started as root: without it a note says so, once, on a "
			"terminal."),
	},
	{
		.name = "userns",
		.section = SECTION_SANDBOX,
		.type = OPT_CHOICE,
		.choices = userns_modes,
		.metavar = "auto|on|off",
		.deflt = "auto",
		FIELD(enum sandbox_userns, userns),
		.help = "run in a user namespace with an empty root directory",
		.man = OPTION_MAN(
			"Run in a user namespace of our own once everything is open, and in it with an empty root "
			"directory that nobody can write.\n"
			"*auto*: where the host lets us and the sandbox is not *off*; `vmm check` says whether it "
			"does.\n"
			"*on*: it is an error where the host does not.\n"
			"In it an ordinary user may use *--chroot* and *--netns* without a value, too."),
	},
	{
		.name = "chroot",
		.section = SECTION_SANDBOX,
		.type = OPT_PATH,
		.metavar = "DIR",
		.bare = "new",
		.store = store_chroot,
		.load = load_chroot,
		.help = "change to this root directory, or to a new and empty one",
		.man = OPTION_MAN(
			"Make this directory the root once everything is open.\n"
			"Without a value: an empty directory that nobody can write, in a mount namespace of its own.\n"
			"Needs root, or *--userns*."),
	},
	{
		.name = "netns",
		.section = SECTION_SANDBOX,
		.type = OPT_PATH,
		.metavar = "NAME",
		.bare = "new",
		.store = store_netns,
		.load = load_netns,
		.help = "enter this network namespace, or a new and empty one",
		.man = OPTION_MAN(
			"Enter this network namespace, a path or a name as of *ip-netns*(8), before anything is "
			"opened.\n"
			"Without a value: a new and empty one, once everything is open.\n"
			"Needs root; without a value *--userns* will do."),
	},
	{
		.name = "cgroup",
		.section = SECTION_SANDBOX,
		.type = OPT_PATH,
		.metavar = "DIR",
		FIELD(char *, cgroup),
		.help = "enter this control group",
		.man = OPTION_MAN("Enter the control group of this directory, below /sys/fs/cgroup, before anything "
				  "else: what is used from then on is on its account."),
	},
	{
		.name = "report",
		.common = true,
		.section = SECTION_RUN,
		.type = OPT_PATH,
		FIELD(char *, report),
		.help = "write a report of the run, as JSON, for `vmm report`",
		.man = OPTION_MAN(
			"Write a report of the run to a file, as JSON: how it ended, every phase with its time, exits, "
			"memory.\n"
			"See *vmm-report*(1)."),
	},
	{
		.name = "trace",
		.section = SECTION_RUN,
		.type = OPT_PATH,
		FIELD(char *, trace),
		.help = "write the timeline with every exit, for Perfetto or Chrome",
		.man = OPTION_MAN(
			"Write the timeline of the run to a file, with every stay in the guest and every exit, in the "
			"form that the trace viewers of Perfetto and Chrome read.\n"
			"See *vmm-report*(1)."),
	},
	{
		.name = "core",
		.section = SECTION_RUN,
		.type = OPT_PATH,
		FIELD(char *, core),
		.help = "write a core of a guest that ends badly, or on request",
		.man = OPTION_MAN(
			"Write a core of the guest to a file when it panics, crashes, halts for good or runs into the "
			"time limit, and whenever Ctrl-A D is typed or *SIGRTMIN+2* comes.\n"
			"In the name of the file, *%s* is the reason (panic, crash, internal-error, halt, timeout, "
			"request), *%n* the number of the core in this run, from 1, and *%%* a percent sign.\n"
			"See *CORES*."),
	},
	{
		.name = "snapshot",
		.section = SECTION_RUN,
		.type = OPT_STRING,
		.metavar = "FILE[,on=WHEN][,every][,then=exit]",
		FIELD(char *, snapshot),
		.help = "write a snapshot of the guest, for `vmm restore`",
		.man = OPTION_MAN(
			"Write a snapshot of the guest to a file, from which *vmm restore* makes the same guest "
			"again.\n"
			"It is written whenever Ctrl-A S is typed or *SIGRTMIN+1* comes; with *on=mark* also when "
			"the guest first sets a mark of its timeline, with *on=mark:NAME* that one, with "
			"*on=console:TEXT* when it first prints this text.\n"
			"With *on=ready*, for *root* without a command, it is written when the guest is ready for "
			"one, which *vmm restore* gives to it, and the run ends.\n"
			"With *every*, each time; *%n* in the name of the file is then the number of the snapshot, "
			"from 1.\n"
			"The guest stands still meanwhile and goes on; with *then=exit* the run ends with status "
			"0.\n"
			"Two commas stand for one in file and text.\n"
			"See *vmm-snapshot*(1)."),
	},
	{
		.name = "print-config",
		.section = SECTION_ONLY_RUN,
		.type = OPT_CHOICE,
		.choices = extents,
		.metavar = "changed|all",
		.bare = "changed",
		.help = "print the settings as a file for --config, and exit",
		.man = OPTION_MAN("Print a configuration file for *--config* that describes the machine of this "
				  "command line and its configuration file, and exit without running it.\n"
				  "With changed, it has the settings that are not at their defaults; with all, every "
				  "one, and as a comment those that have no value.\n"
				  "What a file cannot say, such as a blank at the end of a file name, is an error.\n"
				  "No kernel has to be given, and no file but that of *--config* is opened."),
	},
	{
		.name = "each-line",
		.section = SECTION_RESTORE,
		.excludes = "each-frame",
		.type = OPT_CHOICE,
		.choices = each_lines,
		.metavar = "text|json",
		.bare = "text",
		.deflt = "off",
		FIELD(enum each_line, each_line),
		.help = "a fresh guest or program for each line of stdin",
		.man = OPTION_MAN(
			"Give each line of standard input to the console of a guest that begins at the snapshot, or to "
			"a program that begins at its first call of vmm_next, and write what it answers to standard "
			"output: "
			"up to a mark or the next call, or to its end.\n"
			"With json, each answer is an object in a line of its own.\n"
			"See *vmm-snapshot*(1) and *vmm-exec*(1)."),
	},
	{
		.name = "each-frame",
		.section = SECTION_RESTORE,
		OPTION_SWITCH("off"),
		.excludes = "each-line",
		FIELD(bool, each_frame),
		.help = "a fresh guest or program for each frame",
		.man = OPTION_MAN(
			"Give each frame of standard input, a length of 32 bits and so many bytes, to a guest that "
			"begins at the snapshot, or to a program that begins at its first call of vmm_next, in the "
			"buffer "
			"that it has named, and write its answer as a frame.\n"
			"See *vmm-snapshot*(1) and *vmm-exec*(1)."),
	},
	{
		.name = "line-timeout",
		.section = SECTION_RESTORE,
		.type = OPT_DURATION,
		.deflt = "10s",
		.max = 365 * DAY_NS,
		FIELD(uint64_t, line_timeout_ns),
		.help = "limit of a line or frame, 0 for none",
		.man = OPTION_MAN(
			"End the guest or program of a line of *--each-line*, or of a frame of *--each-frame*, after "
			"this time, with status 124.\n"
			"0 means never."),
	},
	{
		.name = "raw",
		.section = SECTION_CPUID,
		.type = OPT_CHOICE,
		.choices = raw_choices,
		.metavar = "host|guest",
		.bare = "host",
		.help = "print only the registers, as --from reads them",
		.man = OPTION_MAN(
			"Print only the registers, of the host or of the guest, in the form that *--from* reads."),
	},
	{
		.name = "from",
		.section = SECTION_CPUID,
		.type = OPT_PATH,
		.help = "take the host's registers from a file",
		.man = OPTION_MAN(
			"Take the registers of the host from a file that *--raw* printed there, not from this one."),
	},
	{
		.name = "isolate",
		.section = SECTION_FLAT,
		OPTION_SWITCH("off"),
		.help = "a virtual machine for each program",
		.man = OPTION_MAN("Gives each program a virtual machine of its own.\n"
				  "A program in real mode has one anyhow."),
	},
	{
		.name = "stats",
		.section = SECTION_FLAT,
		OPTION_SWITCH("off"),
		.help = "say what each program took: exits and times",
		.man = OPTION_MAN("Prints on standard error what a program took: its exits, the time in the guest and "
				  "in the VMM, "
				  "and the time per exit.\n"
				  "Of a flat program also its exits by reason, and the time to make its vCPU; of a "
				  "Linux program its "
				  "system calls, page faults and memory."),
	},
	{
		.name = "call",
		.section = SECTION_EXEC,
		.type = OPT_STRING,
		.metavar = "NAME[,ARG...]",
		.repeatable = true,
		.help = "call a function of the program; repeatable",
		.man = OPTION_MAN("Call a function that the program exports, once it has called vmm_next or its "
				  "main function has returned, and print what it returns; may be given again.\n"
				  "An argument is i:NUMBER, s:TEXT, b:HEX for the address of bytes, or o:SIZE for that "
				  "of a buffer that is printed afterwards; at most six.\n"
				  "After each call the program is taken back."),
	},
	{
		.name = "reset",
		.section = SECTION_EXEC,
		.type = OPT_CHOICE,
		.choices = resets,
		.metavar = "always|never",
		.deflt = "always",
		.help = "undo what each line or call did",
		.man = OPTION_MAN(
			"With *--each-line*, *--each-frame* or *--call*: take the program back to its first "
			"call of vmm_next after each input or call (always), or leave it as it is when it has "
			"answered (never).\n"
			"If it ended, or was ended, it is taken back in any case."),
	},
	{
		.name = "env",
		.section = SECTION_EXEC,
		.type = OPT_STRING,
		.metavar = "NAME=VALUE",
		.repeatable = true,
		.help = "a variable of its environment; repeatable",
		.man = OPTION_MAN("Gives the program a variable of its environment; may be given again.\n"
				  "It has PATH, HOME=/ and LANG=C.UTF-8 already, and nothing of the caller's."),
	},
	{
		.name = "cwd",
		.section = SECTION_EXEC,
		.type = OPT_STRING,
		.metavar = "DIRECTORY",
		.deflt = "/",
		.help = "the program's working directory",
		.man = OPTION_MAN("The program's working directory.\n"
				  "Below *ro* and *rw* it has to exist; elsewhere it is made, and empty."),
	},
	EXEC_FILES_TABLE,
	{
		.name = "trace-calls",
		.section = SECTION_EXEC,
		OPTION_SWITCH("off"),
		.help = "print its system calls as strace does",
		.man = OPTION_MAN("Prints each system call of the program with its result on standard error, as "
				  "*strace*(1) does."),
	},
	BENCH_OPTIONS,
	BENCH_BOOT_OPTIONS,
	TEST_TABLE,
	RESTORE_TABLE,
	{
		.name = "clock",
		.section = SECTION_RESTORE,
		.type = OPT_CHOICE,
		.choices = clocks,
		.metavar = "CLOCK",
		.deflt = "monotonic",
		FIELD(enum clock, clock),
		.help = "monotonic: they go on; realtime: they are right",
		.man = OPTION_MAN(
			"monotonic: a restored guest's clocks go on from where the snapshot has them, and its time of "
			"day is behind by the time between.\n"
			"realtime: all of them are advanced by the time that has passed, so that its time of day is "
			"right; to the guest it is as if it had not run meanwhile."),
	},
	{
		.name = "word",
		.section = SECTION_RESTORE,
		.type = OPT_STRING,
		.metavar = "TEXT|@FILE",
		FIELD(char *, word),
		.help = "what vmm-mark prints in a restored guest",
		.man = OPTION_MAN("What the program vmm-mark prints in a restored guest, and what any program can ask "
				  "the marker for: at most 4096 bytes, or what a file has after an @.\n"
				  "See *vmm-snapshot*(1)."),
	},
	{
		.name = "working-set",
		.section = SECTION_RESTORE,
		.type = OPT_PATH,
		FIELD(char *, working_set),
		.help = "pages that the first run used; later ones have them at once",
		.man = OPTION_MAN(
			"If there is no such file, write down in it which pages of memory the guest has of its "
			"own at the end of the run.\n"
			"If there is, copy these pages from the snapshot before the guest starts, so that it "
			"does not have to wait for them one by one.\n"
			"See *vmm-snapshot*(1)."),
	},
	{
		.name = "config",
		.saved = OPTION_OF_BOOT,
		.common = true,
		.section = SECTION_GENERAL,
		.type = OPT_PATH,
		.help = "read settings from a file; the command line overrides it",
		.man = OPTION_MAN("Read settings from a file, see *vmm.conf*(5).\n"
				  "What is also given on the command line overrides the file."),
	},
	{
		.name = "help",
		.common = true,
		.letter = 'h',
		.section = SECTION_GENERAL,
		.type = OPT_FLAG,
		.help = "print this and exit",
		.man = OPTION_MAN("Print a summary of the options and exit."),
	},
	{
		.name = "version",
		.common = true,
		.letter = 'V',
		.section = SECTION_GENERAL,
		.type = OPT_FLAG,
		.help = "print the version and how it was built, and exit",
		.man = OPTION_MAN("Print the version and how the program was built, and exit."),
	},
};

const size_t options_nr = ARRAY_SIZE(options);

_Static_assert(ARRAY_SIZE(options) <= OPTIONS_MAX, "struct settings is sized by OPTIONS_MAX");
