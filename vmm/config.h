/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a machine: plain data. cmd/ fills it from the option table, vmm/ builds the machine from it.
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "security/sandbox.h"
#include "vmm/base/err.h"
#include "vmm/base/trace.h"

#define CONFIG_MEM_MIN  (32 * MIB)
#define CONFIG_MEM_MAX  (UINT64_C(1) << 46) /* Linux with four-level page tables maps 64 TiB */
#define CONFIG_MEM_STEP (4 * KIB)

/** enum backing - the memory used for guest RAM */
enum backing { BACKING_ANON, BACKING_THP, BACKING_HUGE_2M, BACKING_HUGE_1G };

/** backing_name() - for logs and reports: `anonymous`, `2M huge pages` and so on */
const char *backing_name(enum backing b);

enum kernel_load { KERNEL_LOAD_MAP, KERNEL_LOAD_READ };

/** enum discovery - how the guest discovers its virtio devices; AUTO: by ACPI, if the guest uses it */
enum discovery { DISCOVERY_AUTO, DISCOVERY_ACPI, DISCOVERY_CMDLINE };

enum disk_cache { DISK_CACHE_WRITEBACK, DISK_CACHE_NONE };

/** enum disk_format - AUTO: raw, unless it looks like a container format, which is refused */
enum disk_format { DISK_FORMAT_AUTO, DISK_FORMAT_RAW };

/**
 * struct config_disk - one disk; strings are owned
 * @path: image file or block device
 * @id: its serial number for the guest, at most 20 bytes; NULL: disk0 and so on
 * @ro: the guest cannot write
 * @overlay: the guest's writes are stored outside the image, and discarded at the end
 * @changed: of a restored machine: the image may have changed since the snapshot
 * @format: whether a container format is detected
 * @cache: DISK_CACHE_NONE bypasses the host's page cache
 * @rate_bytes: bytes per second, 0: no limit
 * @logical: bytes of a sector as the guest sees it, 512 or 4096
 * @queues: 1 to CONFIG_DISK_QUEUES_MAX, each with a thread
 */
struct config_disk {
	char *path;
	char *id;
	bool ro;
	bool overlay;
	bool changed;
	enum disk_format format;
	enum disk_cache cache;
	uint64_t rate_bytes;
	unsigned logical;
	unsigned queues;
};

#define CONFIG_DISK_QUEUES_MAX 8
#define CONFIG_DISK_ID_MAX     20

/**
 * struct config_share - a directory that the guest may read; strings are owned
 * @tag: 1 to CONFIG_SHARE_TAG_MAX bytes; NULL: share0 and so on
 */
struct config_share {
	char *path;
	char *tag;
};

#define CONFIG_SHARE_TAG_MAX 36

/**
 * enum command_as - whose rights a command in the guest has: those of the user who started vmm, or the guest's root's
 */
enum command_as { COMMAND_AS_USER, COMMAND_AS_ROOT };

/* NONE and TWO are refused by machine_check(). */
enum config_net_kind { CONFIG_NET_NONE, CONFIG_NET_TAP, CONFIG_NET_FD, CONFIG_NET_PASST, CONFIG_NET_TWO };

/** struct config_ports - port specifications, in the order given; owned */
struct config_ports {
	char **spec;
	size_t nr;
};

/**
 * struct config_net - one network device; strings are owned
 * @name: TAP: the interface; PASST: the socket it listens on, NULL: one is started
 * @fd: FD: number of an inherited TAP descriptor
 * @mac: what the guest uses; all zero: net_default_mac()
 * @tcp, @udp: PASST that is started: ports of the host that it forwards to the guest, see net_passt_check_ports()
 */
struct config_net {
	enum config_net_kind kind;
	char *name;
	int fd;
	uint8_t mac[6];
	struct config_ports tcp;
	struct config_ports udp;
};

/** enum clock - of a restored guest: it goes on from where it was, or is right */
enum clock { CLOCK_GOES_ON, CLOCK_IS_RIGHT };

/** enum each_line - the form of the answers to the lines of --each-line */
enum each_line { EACH_LINE_OFF, EACH_LINE_TEXT, EACH_LINE_JSON };

enum console_kind { CONSOLE_STDIO, CONSOLE_PTY, CONSOLE_FILE, CONSOLE_SOCKET, CONSOLE_NULL };

/**
 * struct config_vsock - the socket device; strings are owned
 * @cid: the guest's context id
 * @path: of the socket on the host; NULL: no device
 */
struct config_vsock {
	unsigned cid;
	char *path;
};

/**
 * struct config_balloon - the memory balloon
 * @on: there is one
 * @size_bytes: initial target: memory that the guest should return
 * @step_bytes: change of the target by a signal, 0: an eighth of RAM
 * @stats_ns: interval of requests for statistics, 0: never
 */
struct config_balloon {
	bool on;
	uint64_t size_bytes;
	uint64_t step_bytes;
	uint64_t stats_ns;
};

/**
 * struct config - strings are owned; config_init() gives the defaults, config_destroy() frees
 * @kernel: path, required to run
 * @initrd: path or NULL
 * @cmdline: replaces the default command line when not NULL
 * @append: added after a blank when not NULL
 * @mem_bytes: guest RAM, a multiple of 4 KiB, at least CONFIG_MEM_MIN
 * @prefault: every page of RAM is touched before the guest starts
 * @cpus: 1 to BOARD_CPUS_MAX
 * @nested: the guest sees SVM or VMX
 * @pmu: the guest sees performance counters
 * @acpi: tables are offered (the guest can still ignore them)
 * @console: the host end of the serial port and hvc0
 * @console_virtio: there is a virtio console beside the serial port
 * @console_path: file or socket path
 * @console_cap_bytes: size cap for a console file, 0: none
 * @debug_exit: the port is there
 * @debug_exit_port, @debugcon_port: I/O ports; a debugcon port of 0 means off
 * @pvpanic: the device is there
 * @panic_text: 1: console text may decide how a run ended; 0: never
 * @rng: the virtio entropy device is there
 * @vsock: the socket device
 * @balloon: the memory balloon
 * @discovery: of virtio devices
 * @disk, @nr_disks: owned array, in the order in which the guest numbers them
 * @share, @nr_shares: owned array
 * @command, @nr_command: words of a command that the guest runs, owned; none: the guest is whatever the kernel runs
 * @env, @nr_env: with a command: its environment, owned
 * @root: with a command: the directory that is its root; its share is the first of @share
 * @as: with a command
 * @out: with a command: the directory to which its files come back, or NULL
 * @modules: with a command: the directory lib/modules/RELEASE of the kernel, or NULL: all drivers are built in
 * @net, @nr_nets: owned array, in the order in which the guest numbers them
 * @boot_marker: port (up to 0xffff) or address of the boot marker, 0: off
 * @timeout_ns: wall-clock limit from main, 0: none
 * @grace_ns: time limit for the guest after the power button
 * @log_level: events written to stderr
 * @sandbox: how much of the sandbox is mandatory
 * @user: change to @uid and @gid
 * @userns, @chroot, @netns, @cgroup: as in struct sandbox_jail, or NULL
 * @report: file for the report, or NULL
 * @trace: file for the trace, or NULL
 * @gdb: address to wait for a debugger at, see vmm/debug/gdb/address.h; or NULL
 * @core: file for a core of the guest, with %s and %n, or NULL; machine_core_check()
 * @each_line, @each_frame: each line, or frame, of standard input goes to a guest that begins at the snapshot;
 *             @line_timeout_ns: limit of each, 0: none
 * @clock: of a restored guest
 * @word: for a restored guest, or a file with it after @; or NULL
 * @working_set: file of vmm/snapshot/working_set.h, read or recorded, or NULL
 * @snapshot: file for a snapshot of the guest, and when it is written, or NULL; machine_snapshot_check()
 * @config_file: configuration file that was read, or NULL
 */
struct config {
	char *kernel;
	char *initrd;
	char *cmdline;
	char *append;
	enum kernel_load kernel_load;
	uint64_t mem_bytes;
	enum backing backing;
	bool prefault;
	unsigned cpus;
	bool nested;
	bool pmu;
	bool acpi;
	enum console_kind console;
	bool console_virtio;
	char *console_path;
	uint64_t console_cap_bytes;
	bool debug_exit;
	uint16_t debug_exit_port;
	uint16_t debugcon_port;
	bool pvpanic;
	unsigned panic_text;
	bool rng;
	struct config_vsock vsock;
	struct config_balloon balloon;
	enum discovery discovery;
	struct config_disk *disk;
	size_t nr_disks;
	struct config_share *share;
	size_t nr_shares;
	char **command;
	size_t nr_command;
	char **env;
	size_t nr_env;
	char *root;
	char *out;
	enum command_as as;
	char *modules;
	struct config_net *net;
	size_t nr_nets;
	uint64_t boot_marker;
	uint64_t timeout_ns;
	uint64_t grace_ns;
	enum trace_level log_level;
	enum sandbox_mode sandbox;
	bool user;
	uid_t uid;
	gid_t gid;
	enum sandbox_userns userns;
	char *chroot;
	char *netns;
	char *cgroup;
	char *report;
	char *trace;
	char *gdb;
	char *core;
	char *snapshot;
	enum each_line each_line;
	bool each_frame;
	uint64_t line_timeout_ns;
	enum clock clock;
	char *word;
	char *working_set;
	char *config_file;
};

#define CONFIG_DEFAULT_CMDLINE "console=ttyS0 reboot=k panic=1 pci=off"
/* The serial port is used until hvc0 exists, which replaces a boot console without repeating its output. */
#define CONFIG_DEFAULT_CMDLINE_HVC "earlycon=uart8250,io,0x3f8 console=hvc0 reboot=k panic=1 pci=off"

/* The command's output is all that its operator wants to see; a panic is printed nevertheless. */
#define CONFIG_DEFAULT_CMDLINE_COMMAND CONFIG_DEFAULT_CMDLINE " quiet"

/** config_is_each() - whether a restored machine begins anew for each line or frame of standard input */
static inline bool config_is_each(const struct config *c)
{
	return c->each_line || c->each_frame;
}

/** config_init() - set the defaults, without a kernel */
void config_init(struct config *ret);

/** config_cmdline() - the guest's command line without @append: @cmdline, or the default for its console */
const char *config_cmdline(const struct config *c);

/** config_as() - the sandbox settings of auxiliary processes */
struct sandbox_as config_as(const struct config *c);

/** config_destroy() - free the strings; takes NULL, and may be called twice */
void config_destroy(struct config *c);

#endif
