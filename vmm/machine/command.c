// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Two consoles are the command's streams: one has standard input and output, the other standard
 * error. The first port carries records (boot/init/wire.h): the setup goes out as the guest takes it, that of the
 * command when init says that it is ready, and short messages follow. A machine that is restored was ready when its
 * snapshot was taken; one that is to be a snapshot has no command. When init says how the command ended, all that it
 * wrote is in the rings of the ports or of the consoles; the run ends when these are empty, however slow their reader
 * is: only the time limit ends that wait.
 *
 * What the guest says is read under the lock of the device, in the loop's thread; it is acted on by @settle,
 * without it.
 */
#include "vmm/machine/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "boot/init/wire.h"
#include "boot/initramfs.h"
#include "boot/modules.h"
#include "vmm/base/file.h"
#include "vmm/base/path.h"
#include "devices/virtio/ports.h"
#include "vmm/console/printable.h"
#include "vmm/machine/internal.h"
#include "vmm/machine/outdir.h"

#define MODULES_TEXT_MAX (8 * MIB)
#define MESSAGES_MAX     256

/**
 * struct command_stream - a console of the command
 * @guest: what the console sees: @port, and us
 * @told: the guest knows that nobody reads any more
 */
struct command_stream {
	struct machine_command *command;
	struct console *console;
	struct console_watch watch;
	struct char_guest guest;
	struct virtio_port *port;
	unsigned number;
	bool told;
};

/**
 * struct machine_command
 * @control: the host end of the first port
 * @stream: standard output with the input, standard error
 * @port: the ports' parameters
 * @module, @nr_modules: files with their names, owned
 * @setup: of which @sent bytes are gone, those of the command when it is @ready; then the @nr_messages bytes of
 *	@message
 * @terminal_fd: -1: it does not run on one
 * @input: bytes of standard input that the guest has taken
 * @heard: @nr_heard bytes of a record of the guest, of which @skip bytes are still to be dropped
 * @out, @files: with --out: the process that writes files, and the console that carries them there
 * @files_left: bytes of a record of them that are still to come
 * @files_end: why they are not there, with its words in @files_words
 * @settle: called by the loop when something was heard or written
 */
struct machine_command {
	struct machine *m;
	struct char_host control;
	struct virtio_port *control_port;
	struct command_stream stream[2];
	struct virtio_port_params port[INIT_PORTS];
	struct initramfs_module module[MODULES_MAX];
	size_t nr_modules;
	struct command_setup setup;
	size_t sent;
	uint8_t message[MESSAGES_MAX];
	size_t nr_messages;
	int terminal_fd;
	uint64_t input;
	struct {
		struct init_record head;
		uint8_t bytes[INIT_ANSWER_MAX];
	} heard;
	size_t nr_heard;
	struct outdir out;
	struct console *files;
	struct console_watch files_watch;
	struct char_guest files_guest;
	uint32_t files_left;
	int files_end;
	struct err files_words;
	char files_note[128];
	bool ready;
	bool started;
	bool ended;
	uint64_t status;
	char failure[4 * INIT_ANSWER_MAX + 1];
	struct loop_timer settle;
};

_Static_assert(INIT_PORTS == VIRTIO_PORTS_MAX, "the device has as many");

/* --- What the guest is told ---------------------------------------------------------------------------------- */

static bool send_some(struct machine_command *c, const uint8_t *data, size_t n, size_t *at)
{
	struct char_guest *g = &c->control_port->guest;

	*at += g->rx(g, data + *at, n - *at);
	return *at == n;
}

static bool send_setup(struct machine_command *c)
{
	struct command_setup *s = &c->setup;

	if (c->sent < s->command && !send_some(c, s->bytes, s->command, &c->sent))
		return false;
	if (!c->ready || s->command == s->size)
		return false;
	if (c->sent == s->command)
		command_setup_now(s);
	return c->sent == s->size || send_some(c, s->bytes, s->size, &c->sent);
}

static void send(struct machine_command *c)
{
	size_t at = 0;

	if (!send_setup(c) || !c->nr_messages)
		return;
	send_some(c, c->message, c->nr_messages, &at);
	c->nr_messages -= at;
	memmove(c->message, c->message + at, c->nr_messages);
}

/* A guest that takes none misses the latest ones. */
static void tell(struct machine_command *c, enum init_kind kind, const void *data, size_t size)
{
	const struct init_record head = {kind, (uint32_t)size};

	if (c->nr_messages + sizeof(head) + size > sizeof(c->message))
		return;
	memcpy(c->message + c->nr_messages, &head, sizeof(head));
	memcpy(c->message + c->nr_messages + sizeof(head), data, size);
	c->nr_messages += sizeof(head) + size;
	send(c);
}

bool machine_command_signal(struct machine *m, int signo)
{
	const uint32_t number = (uint32_t)signo;

	if (!m->command || !m->command->started)
		return false;
	tell(m->command, INIT_SIGNAL, &number, sizeof(number));
	return true;
}

void machine_command_window(struct machine *m)
{
	struct init_window window;
	struct winsize w;

	if (!m->command || m->command->terminal_fd < 0 || ioctl(m->command->terminal_fd, TIOCGWINSZ, &w) < 0)
		return;
	window = (struct init_window){w.ws_row, w.ws_col};
	tell(m->command, INIT_WINDOW, &window, sizeof(window));
}

/* --- What it says -------------------------------------------------------------------------------------------- */

static void soon(struct machine_command *c)
{
	loop_timer_set(&c->settle, 1, 0);
}

static void hear_record(struct machine_command *c)
{
	const struct init_record *head = &c->heard.head;
	uint32_t number = 0;

	if (head->size >= sizeof(number))
		memcpy(&number, c->heard.bytes, sizeof(number));
	if (c->ended)
		return;
	switch (head->kind) {
	case INIT_READY:
		if (!c->ready)
			machine_snapshot_ready(c->m);
		c->ready = true;
		break;
	case INIT_STARTED:
		if (!c->started)
			trace_mark(c->m->trace, "command-started", "init");
		c->started = true;
		break;
	case INIT_EXITED:
	case INIT_KILLED:
		c->ended = true;
		c->status = head->kind == INIT_EXITED ? number & 0xff : 128 + (number & 0x7f);
		break;
	case INIT_FAILED:
		c->ended = true;
		printable_text(c->failure, sizeof(c->failure), c->heard.bytes, head->size, PRINTABLE_LINE);
		break;
	default: break;
	}
}

/* Return: how many bytes the console has room for; without one they are dropped. */
static size_t take_files(struct machine_command *c, const uint8_t *data, size_t n)
{
	struct char_host *h = c->files ? console_host(c->files) : NULL;

	n = MIN(n, (size_t)c->files_left);
	return h ? h->tx(h, data, n) : n;
}

/* A record that is too long is cut, and its rest is dropped. */
static void hear_byte(struct machine_command *c, uint8_t byte)
{
	const size_t head = sizeof(c->heard.head);

	if (c->nr_heard < sizeof(c->heard))
		((uint8_t *)&c->heard)[c->nr_heard] = byte;
	c->nr_heard++;
	if (c->nr_heard == head && c->heard.head.kind == INIT_FILES) {
		c->files_left = c->heard.head.size;
		c->nr_heard = 0;
		return;
	}
	if (c->nr_heard < head || c->nr_heard - head < c->heard.head.size)
		return;
	c->heard.head.size = MIN(c->heard.head.size, (uint32_t)INIT_ANSWER_MAX);
	hear_record(c);
	c->nr_heard = 0;
}

/* The device's lock is held. All is taken but for files that their console has no room for yet. */
static size_t control_tx(struct char_host *h, const uint8_t *data, size_t n)
{
	struct machine_command *c = container_of(h, struct machine_command, control);

	size_t i = 0, took;

	while (i < n) {
		if (c->files_left) {
			took = take_files(c, data + i, n - i);
			c->files_left -= (uint32_t)took;
			i += took;
			if (!took)
				break;
			continue;
		}
		hear_byte(c, data[i++]);
	}
	soon(c);
	return i;
}

static void control_rx_room(struct char_host *h)
{
	soon(container_of(h, struct machine_command, control));
}

static void control_tx_lost(struct char_host *h, size_t n)
{
}

/* --- Its streams --------------------------------------------------------------------------------------------- */

static size_t stream_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	struct command_stream *s = container_of(g, struct command_stream, guest);

	n = s->port->guest.rx(&s->port->guest, data, n);
	s->command->input += n;
	return n;
}

static void stream_tx_room(struct char_guest *g)
{
	struct command_stream *s = container_of(g, struct command_stream, guest);

	s->port->guest.tx_room(&s->port->guest);
	soon(s->command);
}

static void stream_rx_end(struct char_guest *g)
{
	struct machine_command *c = container_of(g, struct command_stream, guest)->command;

	tell(c, INIT_END, &c->input, sizeof(c->input));
}

/* The files have no input, and their room is the first port's. */
static size_t files_rx(struct char_guest *g, const uint8_t *data, size_t n)
{
	return n;
}

static void files_tx_room(struct char_guest *g)
{
	struct machine_command *c = container_of(g, struct machine_command, files_guest);

	c->control_port->guest.tx_room(&c->control_port->guest);
	soon(c);
}

static void on_files_written(struct console_watch *w)
{
	soon(container_of(w, struct machine_command, files_watch));
}

static void on_written(struct console_watch *w)
{
	soon(container_of(w, struct command_stream, watch)->command);
}

static bool is_drained(struct command_stream *s)
{
	return virtio_port_is_empty(s->port) && console_is_empty(s->console);
}

static void check_reader(struct command_stream *s)
{
	const uint32_t number = s->number;

	if (s->told || !console_is_lost(s->console))
		return;
	s->told = true;
	tell(s->command, INIT_CLOSED, &number, sizeof(number));
}

static void on_settle(struct loop_timer *t)
{
	struct machine_command *c = container_of(t, struct machine_command, settle);

	send(c);
	check_reader(&c->stream[0]);
	check_reader(&c->stream[1]);
	if (!c->ended || !is_drained(&c->stream[0]) || !is_drained(&c->stream[1]) ||
		(c->files && !console_is_empty(c->files)))
		return;
	machine_end(c->m, c->failure[0] ? OUTCOME_FAILURE : OUTCOME_COMMAND, DETECTOR_INIT, c->status);
}

/* --- Modules ------------------------------------------------------------------------------------------------- */

/** struct module_need - a driver, and the option of a kernel that has it; @must: there is no command without it */
struct module_need {
	const char *module;
	const char *option;
	bool must;
};

static const struct module_need needs[] = {
	{"virtio_mmio", "CONFIG_VIRTIO_MMIO", true},
	{"virtio_console", "CONFIG_VIRTIO_CONSOLE", true},
	{"virtiofs", "CONFIG_VIRTIO_FS", true},
	{"overlay", "CONFIG_OVERLAY_FS", true},
};

static int read_text(int dir, const char *name, char **ret, size_t *ret_size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = file_read_all(fd, MODULES_TEXT_MAX, ret, ret_size);
	close(fd);
	return r;
}

static int add_driver(struct modules_set *set, struct modules_text dep, struct modules_text builtin,
	const struct module_need *need, struct err *e)
{
	int r = modules_are_built_in(builtin, need->module) ? 0 : modules_add(set, dep, need->module, e);

	if (r != -ENOENT)
		return r;
	return need->must ? err_set(e, r, "the kernel has no %s (%s)", need->module, need->option) : 0;
}

/* The drivers of the command, and those of the machine's devices. */
static int choose(const struct config *c, struct modules_set *set, struct modules_text dep, struct modules_text builtin,
	struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(needs) && r == 0; i++)
		r = add_driver(set, dep, builtin, &needs[i], e);
	for_each_virtio_kind(k)
	{
		if (r == 0 && k->driver && k->ops->count(c))
			r = add_driver(set, dep, builtin, &(struct module_need){.module = k->driver}, e);
	}
	return r;
}

static int open_modules(struct machine_command *c, int dir, const struct modules_set *set, struct err *e)
{
	for (; c->nr_modules < set->nr; c->nr_modules++) {
		struct initramfs_module *m = &c->module[c->nr_modules];
		char path[MODULES_PATH_MAX];

		snprintf(path, sizeof(path), "%.*s", (int)set->file[c->nr_modules].len, set->file[c->nr_modules].path);
		m->fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
		if (m->fd < 0)
			return err_sys(e, -errno, "%s", path);
		m->name = strdup(path_name(path));
		if (!m->name) {
			close(m->fd);
			return err_sys(e, -ENOMEM, "%s", path);
		}
	}
	return 0;
}

static int find_modules(struct machine_command *c, int dir, struct err *e)
{
	CLEANUP_FREE char *dep = NULL, *builtin = NULL;
	CLEANUP_FREE struct modules_set *set = calloc(1, sizeof(*set));
	size_t dep_size = 0, builtin_size = 0;
	int r = set ? read_text(dir, "modules.dep", &dep, &dep_size) : -ENOMEM;

	if (r < 0)
		return err_sys(e, r, "modules.dep");
	/* Without it nothing is known to be built in. */
	r = read_text(dir, "modules.builtin", &builtin, &builtin_size);
	if (r < 0 && r != -ENOENT)
		return err_sys(e, r, "modules.builtin");
	r = choose(c->m->config, set, (struct modules_text){dep, dep_size},
		(struct modules_text){builtin, builtin_size}, e);
	return r == 0 ? open_modules(c, dir, set, e) : r;
}

static int open_tree(struct machine_command *c, struct err *e)
{
	const char *path = c->m->config->modules;
	int dir, r;

	if (!path)
		return 0;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_operator(e, err_sys(e, -errno, "--modules %s", path));
	r = find_modules(c, dir, e);
	close(dir);
	return r < 0 ? err_operator(e, err_wrap(e, r, "--modules %s", path)) : 0;
}

static void forget_modules(struct machine_command *c)
{
	for (; c->nr_modules; c->nr_modules--) {
		close(c->module[c->nr_modules - 1].fd);
		free((char *)c->module[c->nr_modules - 1].name);
	}
}

int machine_command_pack(struct machine *m, void **ret, size_t *ret_size, struct err *e)
{
	struct machine_command *c = m->command;
	int r = command_setup_end(&c->setup);

	if (r < 0)
		return err_sys(e, r, "cannot hand the command to the guest");
	r = initramfs_pack(c->module, c->nr_modules, ret, ret_size, e);
	forget_modules(c);
	return r;
}

/* --- Its life ------------------------------------------------------------------------------------------------ */

static int open_stream(struct machine_command *c, unsigned i, const struct machine_stdio *stdio, struct err *e)
{
	struct command_stream *s = &c->stream[i];
	const struct console_params p = {
		.kind = CONSOLE_STDIO,
		.in_fd = i || !c->m->config->nr_command ? -1 : stdio->in_fd,
		.out_fd = i ? stdio->err_fd : stdio->out_fd,
		.filter = i ? NULL : stdio->filter,
		.trace = c->m->trace,
	};
	static const char *const names[] = {INIT_PORT_NAMES};

	*s = (struct command_stream){
		.command = c,
		.watch = {.written = on_written},
		.guest = {.rx = stream_rx, .tx_room = stream_tx_room, .rx_end = i ? NULL : stream_rx_end},
		.number = i + 1,
	};
	int r = console_open(&p, &s->console, e);

	if (r < 0)
		return r;
	console_set_watch(s->console, &s->watch);
	c->port[INIT_PORT_STDIO + i] = (struct virtio_port_params){
		.name = names[INIT_PORT_STDIO + i], .host = console_host(s->console)};
	c->port[INIT_PORT_CONTROL] = (struct virtio_port_params){.name = names[0], .host = &c->control};
	return 0;
}

static int open_files(struct machine_command *c, struct err *e)
{
	const struct config *config = c->m->config;
	const struct sandbox_as as = config_as(config);
	struct console_params p = {.kind = CONSOLE_STDIO, .in_fd = -1, .trace = c->m->trace};
	int r;

	if (!config->out)
		return 0;
	r = outdir_open(config->out, &as, &c->out, e);
	if (r < 0)
		return r;
	p.out_fd = c->out.pipe;
	c->files_watch = (struct console_watch){.written = on_files_written};
	c->files_guest = (struct char_guest){.rx = files_rx, .tx_room = files_tx_room};
	r = console_open(&p, &c->files, e);
	if (r == 0)
		console_set_watch(c->files, &c->files_watch);
	return r;
}

int machine_command_open(struct machine *m, const struct machine_stdio *stdio, struct err *e)
{
	struct machine_command *c;
	uint32_t terminal;
	int r;

	if (!m->config->root)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_sys(e, -ENOMEM, "cannot allocate a command");
	m->command = c;
	c->m = m;
	c->out = OUTDIR_NONE;
	c->ready = !m->config->kernel;
	c->control = (struct char_host){.tx = control_tx, .rx_room = control_rx_room, .tx_lost = control_tx_lost};
	c->terminal_fd = stdio->terminal ? stdio->in_fd : -1;
	terminal = !stdio->terminal ? 0 : isatty(stdio->err_fd) ? 7 : 3;
	r = command_setup_make(m->config, terminal, stdio->in_fd, &c->setup, e);
	if (r == 0)
		r = open_tree(c, e);
	for (unsigned i = 0; i < ARRAY_SIZE(c->stream) && r == 0; i++)
		r = open_stream(c, i, stdio, e);
	return r == 0 ? open_files(c, e) : r;
}

const char *machine_command_failure(const struct machine *m)
{
	return m->command && m->command->failure[0] ? m->command->failure : NULL;
}

unsigned machine_command_ports(struct machine *m, const struct virtio_port_params **ret)
{
	*ret = m->command ? m->command->port : NULL;
	return m->command ? INIT_PORTS : 0;
}

int machine_command_attach(struct machine *m, struct err *e)
{
	struct machine_command *c = m->command;
	struct virtio_ports *ports = virtio_devices_ports(m->virtio);
	int r;

	if (!c)
		return 0;
	c->control_port = &ports->port[INIT_PORT_CONTROL];
	/* A machine that boots has done so with its initramfs. */
	r = c->ready ? command_setup_end(&c->setup) : 0;
	if (r == 0)
		r = loop_timer_init(m->loop, &c->settle, on_settle);
	for (unsigned i = 0; i < ARRAY_SIZE(c->stream) && r == 0; i++) {
		struct command_stream *s = &c->stream[i];

		s->port = &ports->port[INIT_PORT_STDIO + i];
		r = console_attach(s->console, m->loop, &s->guest);
	}
	if (r == 0 && c->files)
		r = console_attach(c->files, m->loop, &c->files_guest);
	return r < 0 ? err_sys(e, r, "cannot set up the command's streams") : 0;
}

/* The pipe is closed, which is the end of the stream, and then the process says what became of it. */
static void finish_files(struct machine_command *c)
{
	if (!c->files)
		return;
	console_finish(c->files, CONSOLE_FINISH_NS);
	console_destroy(TAKE_PTR(c->files));
	c->files_end = outdir_finish(&c->out, c->m->config->out, c->files_note, sizeof(c->files_note), &c->files_words);
}

void machine_command_finish(struct machine *m)
{
	struct machine_command *c = m->command;

	for (size_t i = 0; c && i < ARRAY_SIZE(c->stream); i++)
		console_finish(c->stream[i].console, CONSOLE_FINISH_NS);
	if (c)
		finish_files(c);
}

int machine_command_files(struct machine *m, const char **ret_words)
{
	struct machine_command *c = m->command;

	*ret_words = !c ? "" : c->files_end < 0 ? c->files_words.text : c->files_note;
	return c ? c->files_end : 0;
}

void machine_command_destroy(struct machine_command *c)
{
	if (!c)
		return;
	loop_timer_destroy(&c->settle);
	console_destroy(c->files);
	outdir_close(&c->out);
	/* The one that was opened first is closed last: vmm/host/nbio.h. */
	console_destroy(c->stream[1].console);
	console_destroy(c->stream[0].console);
	forget_modules(c);
	free(c->setup.bytes);
	free(c);
}
