// SPDX-License-Identifier: Apache-2.0
#include "devices/marker.h"

#include <string.h>

#include "vmm/base/le.h"
#include "vmm/base/util.h"

static uint32_t answer_size(const struct marker *m)
{
	switch (m->regs.answer) {
	case MARKER_SEED: return MARKER_SEED_SIZE;
	case MARKER_CLONE: return MARKER_CLONE_SIZE;
	case MARKER_WORD: return (uint32_t)m->life.word_size;
	case MARKER_FRAME: return m->life.has_frame ? MARKER_FRAME_SIZE : 0;
	default: return 0;
	}
}

static uint32_t answer_left(const struct marker *m)
{
	uint32_t size = answer_size(m);

	return size > m->regs.at ? size - m->regs.at : 0;
}

static uint8_t next_byte(struct marker *m)
{
	struct marker_life *life = &m->life;
	uint8_t byte = 0;
	unsigned at;

	if (!answer_left(m))
		return 0;
	at = m->regs.at++;
	switch (m->regs.answer) {
	case MARKER_SEED:
		byte = life->seed[at];
		life->seed[at] = 0;
		break;
	case MARKER_CLONE: byte = (uint8_t)((at < 4 ? life->clone : life->clones) >> 8 * (at % 4)); break;
	case MARKER_WORD: byte = life->word[at]; break;
	case MARKER_FRAME: byte = (uint8_t)(life->frame_size >> 8 * at); break;
	}
	return byte;
}

static uint32_t status(const struct marker *m)
{
	uint32_t s = 0;

	if (m->host->busy(m->host))
		s |= MARKER_IS_BUSY;
	if (m->life.restored)
		s |= MARKER_IS_RESTORED;
	if (m->life.restored && !m->seeded)
		s |= MARKER_IS_FRESH;
	return m->regs.refused ? s | MARKER_IS_REFUSED : s;
}

static uint8_t read_reg(struct marker *m, uint64_t reg)
{
	unsigned shift = 8 * (reg % 4);

	switch (reg & ~UINT64_C(3)) {
	case MARKER_ID: return (uint8_t)(MARKER_ID_VALUE >> shift);
	case MARKER_CONTROL: return (uint8_t)(status(m) >> shift);
	case MARKER_DATA: return next_byte(m);
	case MARKER_LEFT: return (uint8_t)(answer_left(m) >> shift);
	default: return 0xff;
	}
}

static void read_regs(struct marker *m, uint64_t offset, void *data, unsigned len)
{
	uint8_t *byte = data;

	pthread_mutex_lock(&m->lock);
	for (unsigned i = 0; i < len; i++)
		byte[i] = read_reg(m, offset + i);
	pthread_mutex_unlock(&m->lock);
}

/* Return: it is a name. */
static bool mark(struct marker *m)
{
	char name[MARKER_ARGUMENT_MAX];
	unsigned n = m->regs.argument_nr;

	if (m->regs.overflow || !n || n >= sizeof(name))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (m->regs.argument[i] <= ' ' || m->regs.argument[i] >= 0x7f)
			return false;
	memcpy(name, m->regs.argument, n);
	name[n] = '\0';
	m->host->mark(m->host, name);
	return true;
}

/* Return: it is RAM. */
static bool name_buffer(struct marker *m)
{
	uint64_t at = le64_get(m->regs.argument);
	uint32_t size = le32_get(m->regs.argument + sizeof(at));

	if (m->regs.overflow || m->regs.argument_nr != MARKER_BUFFER_SIZE || !size ||
		!m->host->is_ram(m->host, at, size))
		return false;
	m->regs.buffer_at = at;
	m->regs.buffer_size = size;
	return true;
}

static bool obey(struct marker *m, uint64_t command)
{
	switch (command) {
	case MARKER_CLEAR: return true;
	case MARKER_MARK: return mark(m);
	case MARKER_SEED:
		if (!m->life.restored || m->seeded)
			return true;
		m->seeded = true;
		m->regs.answer = MARKER_SEED;
		return true;
	case MARKER_BUFFER: return name_buffer(m);
	case MARKER_CLONE:
	case MARKER_FRAME:
	case MARKER_WORD: m->regs.answer = (uint8_t)command; return true;
	default: return false;
	}
}

static void command(struct marker *m, uint64_t value)
{
	m->regs.answer = MARKER_CLEAR;
	m->regs.at = 0;
	m->regs.refused = !obey(m, value);
	m->regs.argument_nr = 0;
	m->regs.overflow = false;
}

static void add_argument(struct marker *m, uint8_t byte)
{
	if (m->regs.argument_nr == MARKER_ARGUMENT_MAX)
		m->regs.overflow = true;
	else
		m->regs.argument[m->regs.argument_nr++] = byte;
}

static void write_regs(struct marker *m, uint64_t offset, const void *data, unsigned len)
{
	uint8_t value[8] = {0};

	memcpy(value, data, len);
	pthread_mutex_lock(&m->lock);
	if (offset == MARKER_CONTROL)
		command(m, le64_get(value));
	for (unsigned i = 0; i < len; i++)
		if (offset != MARKER_CONTROL && offset + i >= MARKER_DATA && offset + i < MARKER_LEFT)
			add_argument(m, value[i]);
	pthread_mutex_unlock(&m->lock);
}

static void marker_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	read_regs(container_of(dev, struct marker, dev), offset, data, len);
}

static void marker_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	write_regs(container_of(dev, struct marker, dev), offset, data, len);
}

static void window_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	read_regs(container_of(dev, struct marker, window), offset, data, len);
}

static void window_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	write_regs(container_of(dev, struct marker, window), offset, data, len);
}

int marker_init(struct marker *m, struct marker_host *host)
{
	static const struct device_ops ports = {.read = marker_read, .write = marker_write};
	static const struct device_ops window = {.read = window_read, .write = window_write};

	*m = (struct marker){
		.dev = {.ops = &ports, .name = "marker"},
		.window = {.ops = &window, .name = "marker-window"},
		.host = host,
	};
	return -pthread_mutex_init(&m->lock, NULL);
}

void marker_destroy(struct marker *m)
{
	if (!m)
		return;
	explicit_bzero(m->life.seed, sizeof(m->life.seed));
	pthread_mutex_destroy(&m->lock);
}

COLD void marker_begin(struct marker *m, const struct marker_life *life)
{
	pthread_mutex_lock(&m->lock);
	m->life = *life;
	m->seeded = false;
	pthread_mutex_unlock(&m->lock);
}

COLD uint32_t marker_buffer(struct marker *m, uint64_t *ret_at)
{
	uint32_t size;

	pthread_mutex_lock(&m->lock);
	*ret_at = m->regs.buffer_at;
	size = m->regs.buffer_size;
	pthread_mutex_unlock(&m->lock);
	return size && m->host->is_ram(m->host, *ret_at, size) ? size : 0;
}

COLD void marker_give_frame(struct marker *m, uint32_t size)
{
	pthread_mutex_lock(&m->lock);
	m->life.has_frame = true;
	m->life.frame_size = size;
	pthread_mutex_unlock(&m->lock);
}

static const struct state_field marker_fields[] = {
	STATE_ARRAY(struct marker_regs, argument),
	STATE_UP_TO(struct marker_regs, argument_nr, MARKER_ARGUMENT_MAX),
	STATE_BOOL(struct marker_regs, overflow),
	STATE_BOOL(struct marker_regs, refused),
	STATE_UP_TO(struct marker_regs, answer, MARKER_FRAME),
	STATE_UP_TO(struct marker_regs, at, MARKER_WORD_MAX),
	STATE_FIELD(struct marker_regs, buffer_at),
	STATE_FIELD(struct marker_regs, buffer_size),
};
STATE_TABLE(marker_state, "marker", marker_fields);

COLD void marker_save(struct marker *m, struct state_writer *w)
{
	pthread_mutex_lock(&m->lock);
	state_put(w, &marker_state, 0, &m->regs);
	pthread_mutex_unlock(&m->lock);
}

COLD int marker_restore(struct marker *m, struct state_reader *r, struct err *e)
{
	struct marker_regs regs = {0};
	int ret = state_get(r, &marker_state, 0, &regs, e);

	if (ret < 0)
		return ret;
	pthread_mutex_lock(&m->lock);
	m->regs = regs;
	pthread_mutex_unlock(&m->lock);
	return 0;
}
