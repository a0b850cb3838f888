// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A packet's name is looked up in a table, and its function gets what follows the name. A packet
 * that is not in the table has an empty reply, by which gdb learns that we do not know it.
 */
#include "vmm/debug/gdb/session.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "vmm/debug/gdb/internal.h"
#include "vmm/debug/gdb/memory.h"

#define ALL_CPUS UINT_MAX

struct gdb_session *gdb_session_new(struct gdb_target *target)
{
	struct gdb_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->target = target;
	s->how = calloc(target->nr_cpus, 1);
	if (s->how)
		return s;
	free(s);
	return NULL;
}

void gdb_session_free(struct gdb_session *s)
{
	if (s)
		free(s->how);
	free(s);
}

void gdb_session_begin(struct gdb_session *s)
{
	s->running = s->physical = s->wants_core = s->left = s->kills = false;
	s->acks = true;
	s->reg_cpu = s->step_cpu = 0;
	s->stop = (struct gdb_stop){0};
	memset(s->how, GDB_STAY, s->target->nr_cpus);
	memset(&s->in, 0, sizeof(s->in));
	s->out.len = s->out.last_len = 0;
}

/* --- Replies ------------------------------------------------------------------------------------------------- */

void gdb_reply(struct gdb_session *s, const char *text)
{
	gdb_begin(&s->out);
	gdb_put_text(&s->out, text);
	gdb_end(&s->out);
}

void gdb_reply_errno(struct gdb_session *s, int r)
{
	uint8_t number = (uint8_t)-r;

	gdb_begin(&s->out);
	gdb_put_raw(&s->out, "E", 1);
	gdb_put_hex(&s->out, &number, 1);
	gdb_end(&s->out);
}

void gdb_reply_result(struct gdb_session *s, int r)
{
	if (r < 0)
		gdb_reply_errno(s, r);
	else
		gdb_reply(s, "OK");
}

void gdb_reply_stop(struct gdb_session *s)
{
	struct gdb_writer *w = &s->out;

	gdb_begin(w);
	gdb_put_text(w, s->stop.why == GDB_WHY_INTERRUPT ? "T02thread:" : "T05thread:");
	gdb_put_number(w, s->stop.cpu + 1);
	switch (s->stop.why) {
	case GDB_WHY_SOFTWARE: gdb_put_text(w, ";swbreak:"); break;
	case GDB_WHY_HARDWARE: gdb_put_text(w, ";hwbreak:"); break;
	case GDB_WHY_WATCH:
	case GDB_WHY_ACCESS:
		gdb_put_text(w, s->stop.why == GDB_WHY_WATCH ? ";watch:" : ";awatch:");
		gdb_put_number(w, s->stop.address);
		break;
	default: break;
	}
	gdb_put_text(w, ";");
	gdb_end(w);
}

void gdb_session_stopped(struct gdb_session *s, const struct gdb_stop *stop)
{
	s->stop = *stop;
	s->reg_cpu = s->step_cpu = stop->cpu;
	if (!s->running)
		return;
	s->running = false;
	gdb_reply_stop(s);
}

void gdb_session_say(struct gdb_session *s, const char *text)
{
	if (!s->running)
		return;
	gdb_begin(&s->out);
	gdb_put_raw(&s->out, "O", 1);
	gdb_put_hex(&s->out, text, strlen(text));
	gdb_end(&s->out);
}

void gdb_session_cored(struct gdb_session *s, const char *text)
{
	if (!s->wants_core)
		return;
	s->wants_core = false;
	gdb_begin(&s->out);
	gdb_put_hex(&s->out, text, strlen(text));
	gdb_end(&s->out);
}

void gdb_session_exited(struct gdb_session *s, unsigned status)
{
	uint8_t number = (uint8_t)status;

	if (!s->running)
		return;
	s->running = false;
	gdb_begin(&s->out);
	gdb_put_raw(&s->out, "W", 1);
	gdb_put_hex(&s->out, &number, 1);
	gdb_end(&s->out);
}

/* --- Registers and memory ------------------------------------------------------------------------------------ */

int gdb_read_regs(struct gdb_session *s)
{
	return s->target->ops->read(s->target, s->reg_cpu, &s->regs);
}

const struct gmem *gdb_memory(struct gdb_session *s)
{
	return s->target->ops->memory(s->target, s->reg_cpu);
}

const struct vcpu_regs *gdb_tables(struct gdb_session *s)
{
	return s->physical ? NULL : &s->regs.v;
}

static void on_read_all(struct gdb_session *s, const char *p)
{
	uint8_t buf[GDB_REG_BYTES_MAX];
	int r = gdb_read_regs(s);

	if (r < 0) {
		gdb_reply_errno(s, r);
		return;
	}
	gdb_begin(&s->out);
	for (unsigned n = 0; n < gdb_regs_nr(); n++)
		gdb_put_hex(&s->out, buf, gdb_reg_get(&s->regs, n, buf));
	gdb_end(&s->out);
}

static void on_write_all(struct gdb_session *s, const char *p)
{
	uint8_t buf[GDB_REG_BYTES_MAX];
	int r = gdb_read_regs(s);

	for (unsigned n = 0; r == 0 && n < gdb_regs_nr(); n++) {
		if (gdb_take_hex(&p, buf, gdb_reg_bytes(n)))
			gdb_reg_set(&s->regs, n, buf);
		else
			r = -EINVAL;
	}
	if (r == 0)
		r = s->target->ops->write(s->target, s->reg_cpu, &s->regs);
	gdb_reply_result(s, r);
}

static void on_read_one(struct gdb_session *s, const char *p)
{
	uint8_t buf[GDB_REG_BYTES_MAX];
	uint64_t n;
	int r = gdb_take_number(&p, &n) && n < gdb_regs_nr() ? gdb_read_regs(s) : -EINVAL;

	if (r < 0) {
		gdb_reply_errno(s, r);
		return;
	}
	gdb_begin(&s->out);
	gdb_put_hex(&s->out, buf, gdb_reg_get(&s->regs, (unsigned)n, buf));
	gdb_end(&s->out);
}

static void on_write_one(struct gdb_session *s, const char *p)
{
	uint8_t buf[GDB_REG_BYTES_MAX];
	uint64_t n;
	int r = -EINVAL;

	if (gdb_take_number(&p, &n) && n < gdb_regs_nr() && gdb_take_char(&p, '=') &&
		gdb_take_hex(&p, buf, gdb_reg_bytes((unsigned)n)))
		r = gdb_read_regs(s);
	if (r == 0) {
		gdb_reg_set(&s->regs, (unsigned)n, buf);
		r = s->target->ops->write(s->target, s->reg_cpu, &s->regs);
	}
	gdb_reply_result(s, r);
}

/* ADDRESS,LENGTH; a length that no packet holds is cut for reads, which may be answered in part. */
static bool take_range(const char **p, uint64_t *ret_address, uint64_t *ret_len)
{
	return gdb_take_number(p, ret_address) && gdb_take_char(p, ',') && gdb_take_number(p, ret_len);
}

static void read_memory(struct gdb_session *s, const char *p, bool binary)
{
	uint64_t address, len;
	size_t done;
	int r = take_range(&p, &address, &len) ? gdb_read_regs(s) : -EINVAL;

	if (r < 0) {
		gdb_reply_errno(s, r);
		return;
	}
	len = MIN(len, GDB_PACKET_MAX / 2 - 4);
	done = gdb_memory_read(gdb_memory(s), gdb_tables(s), address, s->bytes, len);
	if (!done && len) {
		gdb_reply_errno(s, -EFAULT);
		return;
	}
	gdb_begin(&s->out);
	if (binary) {
		gdb_put_raw(&s->out, "b", 1);
		gdb_put_binary(&s->out, s->bytes, done);
	} else {
		gdb_put_hex(&s->out, s->bytes, done);
	}
	gdb_end(&s->out);
}

static void on_read_memory(struct gdb_session *s, const char *p)
{
	read_memory(s, p, false);
}

static void on_read_binary(struct gdb_session *s, const char *p)
{
	read_memory(s, p, true);
}

static int write_memory(struct gdb_session *s, uint64_t address, const void *data, size_t len)
{
	int r = gdb_read_regs(s);

	return r < 0 ? r : gdb_memory_write(gdb_memory(s), gdb_tables(s), address, data, len);
}

static void on_write_memory(struct gdb_session *s, const char *p)
{
	uint64_t address, len;
	int r = -EINVAL;

	if (take_range(&p, &address, &len) && gdb_take_char(&p, ':') && len <= sizeof(s->bytes) &&
		gdb_take_hex(&p, s->bytes, len))
		r = write_memory(s, address, s->bytes, len);
	gdb_reply_result(s, r);
}

static void on_write_binary(struct gdb_session *s, const char *p)
{
	uint64_t address, len;
	int r = -EINVAL;

	if (take_range(&p, &address, &len) && gdb_take_char(&p, ':')) {
		char *data = s->in.data + (p - s->in.data);
		int n = gdb_unescape(data, s->in.len - (size_t)(data - s->in.data));

		/* Nothing at all is how gdb asks whether there is such a packet. */
		if (n >= 0 && (uint64_t)n == len)
			r = len ? write_memory(s, address, data, len) : 0;
	}
	gdb_reply_result(s, r);
}

/* --- Breakpoints --------------------------------------------------------------------------------------------- */

static int set_software(struct gdb_session *s, uint64_t address)
{
	uint64_t gpa = 0;
	int r = gdb_read_regs(s);

	if (r == 0)
		r = gdb_translate(gdb_memory(s), gdb_tables(s), address, &gpa);
	return r < 0 ? r : gdb_set_software(&s->target->breakpoints, gdb_memory(s), address, gpa);
}

/* TYPE,ADDRESS,LENGTH; conditions and commands were not offered to gdb. */
static void change_breakpoint(struct gdb_session *s, const char *p, bool on)
{
	struct gdb_breakpoints *b = &s->target->breakpoints;
	uint64_t type, address, len;
	int r = 0;

	if (!gdb_take_number(&p, &type) || !gdb_take_char(&p, ',') || !take_range(&p, &address, &len))
		r = -EINVAL;
	else if (type > GDB_WATCH_ACCESS)
		r = -ENOTSUP;
	else if (type == GDB_SOFTWARE && on)
		r = set_software(s, address);
	else if (type == GDB_SOFTWARE)
		gdb_clear_software(b, gdb_memory(s), address);
	else if (on)
		r = gdb_set_hardware(b, (enum gdb_breakpoint)type, address, len);
	else
		gdb_clear_hardware(b, (enum gdb_breakpoint)type, address, len);
	/* Of what there is not, gdb makes something else: of a read watchpoint one of access. */
	if (r == -ENOTSUP)
		gdb_reply(s, "");
	else
		gdb_reply_result(s, r);
}

static void on_set_breakpoint(struct gdb_session *s, const char *p)
{
	change_breakpoint(s, p, true);
}

static void on_clear_breakpoint(struct gdb_session *s, const char *p)
{
	change_breakpoint(s, p, false);
}

/* --- Threads, stopping and going on -------------------------------------------------------------------------- */

/* A thread's number, 0 for any, -1 for all. */
static bool take_cpu(const struct gdb_session *s, const char **p, unsigned any, unsigned *ret)
{
	uint64_t n;

	if (!strncmp(*p, "-1", 2)) {
		*p += 2;
		*ret = ALL_CPUS;
		return true;
	}
	if (!gdb_take_number(p, &n) || n > s->target->nr_cpus)
		return false;
	*ret = n ? (unsigned)n - 1 : any;
	return true;
}

void gdb_resume(struct gdb_session *s)
{
	struct gdb_stop stop;

	s->running = true;
	if (s->target->ops->resume(s->target, s->how, &stop))
		gdb_session_stopped(s, &stop);
	memset(s->how, GDB_STAY, s->target->nr_cpus);
}

/* What an action makes of CPUs for which none before it has said something; signals mean nothing to a guest. */
static bool act(struct gdb_session *s, char action, unsigned cpu)
{
	enum gdb_how how = action == 's' || action == 'S' ? GDB_STEP : GDB_GO;

	if (!strchr("cCsS", action))
		return false;
	for (unsigned i = 0; i < s->target->nr_cpus; i++)
		if ((cpu == ALL_CPUS || cpu == i) && s->how[i] == GDB_STAY)
			s->how[i] = (uint8_t)how;
	return true;
}

/* ;ACTION[:THREAD]... */
static void on_vcont(struct gdb_session *s, const char *p)
{
	bool good = *p == ';';

	while (good && gdb_take_char(&p, ';')) {
		unsigned cpu = ALL_CPUS;
		uint64_t signal;
		char action = *p;

		p += action != '\0';
		if (action == 'C' || action == 'S')
			good = gdb_take_number(&p, &signal);
		if (good && gdb_take_char(&p, ':'))
			good = take_cpu(s, &p, s->stop.cpu, &cpu);
		good = good && action && act(s, action, cpu);
	}
	if (good && !*p) {
		gdb_resume(s);
		return;
	}
	memset(s->how, GDB_STAY, s->target->nr_cpus);
	gdb_reply_errno(s, -EINVAL);
}

/* The older packets, for clients without vCont: all go on, or one makes a step. From another address: no. */
static void on_continue(struct gdb_session *s, const char *p)
{
	if (*p) {
		gdb_reply_errno(s, -EINVAL);
		return;
	}
	act(s, 'c', ALL_CPUS);
	gdb_resume(s);
}

static void on_step(struct gdb_session *s, const char *p)
{
	if (*p) {
		gdb_reply_errno(s, -EINVAL);
		return;
	}
	act(s, 's', s->step_cpu);
	gdb_resume(s);
}

static void on_vcont_ask(struct gdb_session *s, const char *p)
{
	gdb_reply(s, "vCont;c;C;s;S");
}

static void on_why(struct gdb_session *s, const char *p)
{
	gdb_reply_stop(s);
}

static void on_select(struct gdb_session *s, const char *p)
{
	char what = *p;
	unsigned cpu;

	if ((what != 'g' && what != 'c') || (p++, !take_cpu(s, &p, s->stop.cpu, &cpu))) {
		gdb_reply_errno(s, -EINVAL);
		return;
	}
	if (cpu == ALL_CPUS)
		cpu = s->stop.cpu;
	if (what == 'g')
		s->reg_cpu = cpu;
	else
		s->step_cpu = cpu;
	gdb_reply(s, "OK");
}

static void on_alive(struct gdb_session *s, const char *p)
{
	unsigned cpu;

	gdb_reply_result(s, take_cpu(s, &p, 0, &cpu) && cpu != ALL_CPUS ? 0 : -ESRCH);
}

static void on_current(struct gdb_session *s, const char *p)
{
	gdb_begin(&s->out);
	gdb_put_text(&s->out, "QC");
	gdb_put_number(&s->out, s->stop.cpu + 1);
	gdb_end(&s->out);
}

static void on_threads(struct gdb_session *s, const char *p)
{
	gdb_begin(&s->out);
	for (unsigned i = 0; i < s->target->nr_cpus; i++) {
		gdb_put_text(&s->out, i ? "," : "m");
		gdb_put_number(&s->out, i + 1);
	}
	gdb_end(&s->out);
}

static void on_no_more_threads(struct gdb_session *s, const char *p)
{
	gdb_reply(s, "l");
}

static void on_thread_text(struct gdb_session *s, const char *p)
{
	char text[64];
	unsigned cpu;
	int n;

	if (!take_cpu(s, &p, 0, &cpu) || cpu == ALL_CPUS) {
		gdb_reply_errno(s, -ESRCH);
		return;
	}
	n = snprintf(text, sizeof(text), "CPU %u, %s", cpu, s->target->ops->state(s->target, cpu));
	gdb_begin(&s->out);
	gdb_put_hex(&s->out, text, MIN((size_t)n, sizeof(text) - 1));
	gdb_end(&s->out);
}

static void on_detach(struct gdb_session *s, const char *p)
{
	s->left = true;
	gdb_reply(s, "OK");
}

static void kill_guest(struct gdb_session *s)
{
	s->left = s->kills = true;
	s->target->ops->end(s->target, GDB_END_KILL);
}

static void on_kill(struct gdb_session *s, const char *p)
{
	kill_guest(s);
}

static void on_vkill(struct gdb_session *s, const char *p)
{
	gdb_reply(s, "OK");
	kill_guest(s);
}

/* --- What there is ------------------------------------------------------------------------------------------- */

static void on_supported(struct gdb_session *s, const char *p)
{
	gdb_begin(&s->out);
	gdb_put_text(&s->out, "PacketSize=");
	gdb_put_number(&s->out, GDB_PACKET_MAX);
	gdb_put_text(
		&s->out, ";QStartNoAckMode+;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+;binary-upload+");
	gdb_end(&s->out);
}

static void on_no_acks(struct gdb_session *s, const char *p)
{
	gdb_reply(s, "OK");
	s->acks = false;
}

static void on_attached(struct gdb_session *s, const char *p)
{
	/* So that a gdb that ends leaves the guest alone. */
	gdb_reply(s, "1");
}

static void on_description(struct gdb_session *s, const char *p)
{
	size_t size = gdb_describe(s->text), n;
	uint64_t at, len;

	if (!take_range(&p, &at, &len)) {
		gdb_reply_errno(s, -EINVAL);
		return;
	}
	at = MIN(at, size);
	n = MIN(MIN(len, size - at), GDB_PACKET_MAX / 2);
	gdb_begin(&s->out);
	gdb_put_raw(&s->out, at + n < size ? "m" : "l", 1);
	gdb_put_binary(&s->out, s->text + at, n);
	gdb_end(&s->out);
}

static void on_command(struct gdb_session *s, const char *p)
{
	size_t len = strlen(p) / 2;
	char line[256];

	if (len >= sizeof(line) || !gdb_take_hex(&p, line, len) || *p) {
		gdb_reply_errno(s, -EINVAL);
		return;
	}
	line[len] = '\0';
	gdb_monitor(s, line);
}

/* QEMU's, which scripts know: whether addresses are guest-physical. */
static void on_physical(struct gdb_session *s, const char *p)
{
	s->physical = *p == '1';
	gdb_reply(s, "OK");
}

static void on_physical_ask(struct gdb_session *s, const char *p)
{
	gdb_reply(s, s->physical ? "1" : "0");
}

/**
 * struct packet - a request
 * @whole: nothing follows the name; else what does is for @fn
 * @any_time: also while the guest runs
 */
static const struct packet {
	const char *name;
	void (*fn)(struct gdb_session *s, const char *rest);
	bool whole;
	bool any_time;
} packets[] = {
	{"?", on_why, true, false},
	{"D", on_detach, false, true},
	{"G", on_write_all, false, false},
	{"H", on_select, false, false},
	{"M", on_write_memory, false, false},
	{"P", on_write_one, false, false},
	{"QStartNoAckMode", on_no_acks, true, false},
	{"Qqemu.PhyMemMode:", on_physical, false, false},
	{"T", on_alive, false, false},
	{"X", on_write_binary, false, false},
	{"Z", on_set_breakpoint, false, false},
	{"c", on_continue, false, false},
	{"g", on_read_all, true, false},
	{"k", on_kill, true, true},
	{"m", on_read_memory, false, false},
	{"p", on_read_one, false, false},
	{"qAttached", on_attached, false, false},
	{"qC", on_current, true, false},
	{"qRcmd,", on_command, false, false},
	{"qSupported", on_supported, false, false},
	{"qThreadExtraInfo,", on_thread_text, false, false},
	{"qXfer:features:read:target.xml:", on_description, false, false},
	{"qfThreadInfo", on_threads, true, false},
	{"qqemu.PhyMemMode", on_physical_ask, true, false},
	{"qsThreadInfo", on_no_more_threads, true, false},
	{"s", on_step, false, false},
	{"vCont?", on_vcont_ask, true, false},
	{"vCont", on_vcont, false, false},
	{"vKill;", on_vkill, false, true},
	{"x", on_read_binary, false, false},
	{"z", on_clear_breakpoint, false, false},
};

static const struct packet *find_packet(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		size_t len = strlen(packets[i].name);

		if (!strncmp(text, packets[i].name, len) && (!packets[i].whole || !text[len]))
			return &packets[i];
	}
	return NULL;
}

static void on_packet(struct gdb_session *s)
{
	const struct packet *packet = find_packet(s->in.data);

	if (!packet)
		gdb_reply(s, "");
	else if ((s->running || s->wants_core) && !packet->any_time)
		gdb_reply_errno(s, -EBUSY);
	else
		packet->fn(s, s->in.data + strlen(packet->name));
}

static void on_event(struct gdb_session *s, enum gdb_event event)
{
	switch (event) {
	case GDB_PACKET:
		if (s->acks)
			gdb_put_raw(&s->out, "+", 1);
		on_packet(s);
		break;
	case GDB_TOO_LONG:
		if (s->acks)
			gdb_put_raw(&s->out, "+", 1);
		gdb_reply_errno(s, -E2BIG);
		break;
	case GDB_BAD_SUM:
		if (s->acks)
			gdb_put_raw(&s->out, "-", 1);
		break;
	case GDB_INTERRUPT:
		if (s->running)
			s->target->ops->interrupt(s->target);
		break;
	case GDB_NAK:
		if (s->acks)
			gdb_again(&s->out);
		break;
	default: break;
	}
}

size_t gdb_session_input(struct gdb_session *s, const void *data, size_t len)
{
	const uint8_t *b = data;
	size_t at = 0;

	while (at < len) {
		enum gdb_event event = gdb_read_byte(&s->in, b[at++]);

		if (event == GDB_NOTHING)
			continue;
		on_event(s, event);
		break;
	}
	return at;
}
