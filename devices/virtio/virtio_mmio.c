// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. Register accesses come from vCPU threads, kicks from the device's loop; both take the device's
 * lock, so a reset and a kick never run at once. A kick that arrives after a reset finds driver_ok clear and does
 * nothing.
 *
 * Reads have no side effects, so they need no exit: if KVM has read-only slots, the guest reads a page (@page) with the
 * value of read_register() for every register. Every change of a register is also written there, before the guest is
 * notified. A reset that waits for requests in flight changes registers when they end: work_ended().
 *
 * Errors of a driver, and their effects:
 * - a control register accessed with another width or misaligned (4.2.2.2): reads as 0, or from @page as the bytes that
 *   stand there; writes are dropped
 * - features that were not offered, or without VERSION_1: FEATURES_OK does not stick (3.1.1, 6.1)
 * - a status bit cleared other than by reset, DRIVER_OK before FEATURES_OK: the write is dropped (2.1.1, 3.1.1)
 * - queue registers written before FEATURES_OK or while the queue is ready: dropped
 * - a queue whose size or rings are impossible made ready: DEVICE_NEEDS_RESET
 * - a kick before DRIVER_OK, or of a queue that is not ready: dropped (2.1.2, 4.2.2.2)
 */
#include "devices/virtio/virtio_mmio.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vmm/base/assert.h"
#include "vmm/base/le.h"
#include "vmm/base/wake.h"

/* 4.2.2, table 4.1 */
#define REG_MAGIC               0x000
#define REG_VERSION             0x004
#define REG_DEVICE_ID           0x008
#define REG_VENDOR_ID           0x00c
#define REG_DEVICE_FEATURES     0x010
#define REG_DEVICE_FEATURES_SEL 0x014
#define REG_DRIVER_FEATURES     0x020
#define REG_DRIVER_FEATURES_SEL 0x024
#define REG_QUEUE_SEL           0x030
#define REG_QUEUE_SIZE_MAX      0x034
#define REG_QUEUE_SIZE          0x038
#define REG_QUEUE_READY         0x044
#define REG_QUEUE_NOTIFY        VIRTIO_MMIO_QUEUE_NOTIFY
#define REG_INTERRUPT_STATUS    0x060
#define REG_INTERRUPT_ACK       0x064
#define REG_STATUS              0x070
#define REG_QUEUE_DESC_LOW      0x080
#define REG_QUEUE_DESC_HIGH     0x084
#define REG_QUEUE_DRIVER_LOW    0x090
#define REG_QUEUE_DRIVER_HIGH   0x094
#define REG_QUEUE_DEVICE_LOW    0x0a0
#define REG_QUEUE_DEVICE_HIGH   0x0a4
#define REG_SHM_LEN_LOW         0x0b0
#define REG_SHM_BASE_HIGH       0x0bc
#define REG_QUEUE_RESET         0x0c0
#define REG_CONFIG_GENERATION   0x0fc
#define REG_CONFIG              0x100

#define MAGIC   0x74726976 /* "virt" */
#define VERSION 2
#define VENDOR  0x004d4d56 /* "VMM" */

/* 2.1 */
#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8
#define STATUS_NEEDS_RESET 64
#define STATUS_FAILED      128
#define STATUS_OF_DRIVER   (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | STATUS_FAILED)

/* 4.2.2, InterruptStatus */
#define INTERRUPT_VRING  1
#define INTERRUPT_CONFIG 2

#define TRANSPORT_FEATURES (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_RESET)

static uint32_t read_register(struct virtio_mmio *t, uint32_t reg);

static uint64_t offered(const struct virtio_mmio *t)
{
	return t->device->features | TRANSPORT_FEATURES;
}

static struct virtqueue *selected(struct virtio_mmio *t)
{
	return t->regs.queue_sel < t->device->nr_queues ? &t->device->queue[t->regs.queue_sel] : NULL;
}

/* --- The page that the guest reads ------------------------------------------------------------------------------ */

static void show(struct virtio_mmio *t, uint32_t reg, uint32_t value)
{
	if (t->page)
		__atomic_store_n(&t->page[reg / 4], htole32(value), __ATOMIC_RELEASE);
}

static void set_interrupt_status(struct virtio_mmio *t, uint32_t value)
{
	t->regs.interrupt_status = value;
	show(t, REG_INTERRUPT_STATUS, value);
}

/* The registers whose value changes. */
static void show_state(struct virtio_mmio *t)
{
	static const uint8_t change[] = {REG_DEVICE_FEATURES, REG_QUEUE_SIZE_MAX, REG_QUEUE_READY, REG_INTERRUPT_STATUS,
		REG_STATUS, REG_QUEUE_RESET, REG_CONFIG_GENERATION};

	for (size_t i = 0; t->page && i < ARRAY_SIZE(change); i++)
		show(t, change[i], read_register(t, change[i]));
}

/*
 * Configuration by words. A driver treats what it reads as consistent when ConfigGeneration is the same before and
 * after (2.5.2). That is correct as long as fields that change by themselves (status of a network device, target of a
 * balloon) are single words.
 */
static void show_config(struct virtio_mmio *t)
{
	const struct virtio_ops *ops = t->device->ops;

	for (uint32_t at = 0; t->page && ops->config_read && at < t->device->config_size; at += 4) {
		uint8_t word[4];

		ops->config_read(t->device, at, word, sizeof(word));
		show(t, REG_CONFIG + at, le32_get(word));
	}
}

/* --- What the device asks for (struct virtio_transport) ------------------------------------------------------- */

/*
 * A bit that is still set has an interrupt on its way whose handler has not acknowledged it yet, as it must (4.2.3.4).
 * What it checks after that includes the reason of this call, so no second interrupt is needed.
 */
static void raise(struct virtio_mmio *t, uint32_t why)
{
	if ((t->regs.interrupt_status & why) == why)
		return;
	set_interrupt_status(t, t->regs.interrupt_status | why);
	irq_raise(t->irq);
}

static void on_interrupt(struct virtio_transport *tr, unsigned queue)
{
	raise(container_of(tr, struct virtio_mmio, transport), INTERRUPT_VRING);
}

static void on_config_changed(struct virtio_transport *tr)
{
	struct virtio_mmio *t = container_of(tr, struct virtio_mmio, transport);

	t->regs.config_generation++;
	show_config(t);
	show_state(t);
	/* 2.1.2: no notification before DRIVER_OK. */
	if (t->regs.status & STATUS_DRIVER_OK)
		raise(t, INTERRUPT_CONFIG);
}

static void on_needs_reset(struct virtio_transport *tr, const char *rule)
{
	struct virtio_mmio *t = container_of(tr, struct virtio_mmio, transport);

	t->regs.status |= STATUS_NEEDS_RESET;
	on_config_changed(tr);
}

static void on_work_ended(struct virtio_transport *tr)
{
	show_state(container_of(tr, struct virtio_mmio, transport));
}

static void kick(const struct virtio_mmio *t, uint32_t queue)
{
	if (queue < t->device->nr_queues)
		wake_send(t->kick_fd[queue]);
}

static void on_again(struct virtio_transport *tr, unsigned queue)
{
	kick(container_of(tr, struct virtio_mmio, transport), queue);
}

/* --- Status ---------------------------------------------------------------------------------------------------- */

static void reset(struct virtio_mmio *t)
{
	struct virtio_device *d = t->device;

	d->driver_ok = false;
	d->driver_features = 0;
	for (unsigned i = 0; i < d->nr_queues; i++)
		vq_reset(&d->queue[i]);
	if (d->ops->reset)
		d->ops->reset(d);
	t->regs = (struct virtio_mmio_regs){.config_generation = t->regs.config_generation};
	t->regs.reset_pending = virtio_working(d) > 0;
}

static void write_status(struct virtio_mmio *t, uint32_t value)
{
	struct virtio_device *d = t->device;
	uint32_t old = t->regs.status, set;

	if (!value) {
		reset(t);
		return;
	}
	if (old & STATUS_OF_DRIVER & ~value)
		return;
	set = value & STATUS_OF_DRIVER & ~old;
	if (set & STATUS_FEATURES_OK) {
		if (!(value & STATUS_DRIVER) || (t->regs.driver_features & ~offered(t)) ||
			!(t->regs.driver_features & VIRTIO_F_VERSION_1))
			set &= ~(uint32_t)STATUS_FEATURES_OK;
		else
			d->driver_features = t->regs.driver_features;
	}
	if ((set & STATUS_DRIVER_OK) && !((old | set) & STATUS_FEATURES_OK))
		set &= ~(uint32_t)STATUS_DRIVER_OK;
	t->regs.status |= set;
	if (set)
		t->regs.reset_pending = false;
	if ((set & STATUS_DRIVER_OK) && !(old & STATUS_NEEDS_RESET)) {
		d->driver_ok = d->driven = true;
		if (d->ops->activate)
			d->ops->activate(d);
	}
}

static uint32_t read_status(struct virtio_mmio *t)
{
	if (t->regs.reset_pending) {
		if (virtio_working(t->device))
			return STATUS_NEEDS_RESET; /* anything but 0: the reset is not complete */
		t->regs.reset_pending = false;
	}
	return t->regs.status;
}

/* --- Queues ---------------------------------------------------------------------------------------------------- */

static void start_queue(struct virtio_mmio *t, struct virtqueue *q)
{
	q->event_idx = virtio_has(t->device, VIRTIO_F_EVENT_IDX);
	q->indirect = virtio_has(t->device, VIRTIO_F_INDIRECT_DESC);
	if (vq_start(q) < 0)
		virtio_broke(t->device, q->rule);
}

/* Stops one queue, by QueueReset or by QueueReady = 0. Work in flight ends unseen; the register reads 1 until then. */
static void stop_queue(struct virtio_mmio *t, struct virtqueue *q)
{
	struct virtio_device *d = t->device;

	vq_reset(q);
	if (d->ops->queue_reset)
		d->ops->queue_reset(d, (unsigned)(q - d->queue));
}

static void set_half(uint64_t *address, bool high, uint32_t value)
{
	*address = high ? (*address & UINT32_MAX) | (uint64_t)value << 32 : (*address & ~(uint64_t)UINT32_MAX) | value;
}

static void write_queue(struct virtio_mmio *t, uint32_t reg, uint32_t value)
{
	struct virtqueue *q = selected(t);

	if (!q || !(t->regs.status & STATUS_FEATURES_OK))
		return;
	if (reg == REG_QUEUE_READY) {
		/*
		 * Even with work of an earlier life in flight: a driver that does not wait for 0 here or in Status
		 * (Linux's does not) has said that the memory is no longer its own.
		 */
		if (value == 1 && !q->ready && !q->broken && !(t->regs.status & STATUS_NEEDS_RESET))
			start_queue(t, q);
		else if (!value && q->ready)
			stop_queue(t, q);
		return;
	}
	if (reg == REG_QUEUE_RESET) {
		if (value == 1 && q->ready && virtio_has(t->device, VIRTIO_F_RING_RESET))
			stop_queue(t, q);
		return;
	}
	if (q->ready || q->broken)
		return;
	switch (reg) {
	/* Stored unchecked: vq_start() checks it. */
	case REG_QUEUE_SIZE: q->size = (uint16_t)MIN(value, (uint32_t)UINT16_MAX); break;
	case REG_QUEUE_DESC_LOW:
	case REG_QUEUE_DESC_HIGH: set_half(&q->desc, reg == REG_QUEUE_DESC_HIGH, value); break;
	case REG_QUEUE_DRIVER_LOW:
	case REG_QUEUE_DRIVER_HIGH: set_half(&q->avail, reg == REG_QUEUE_DRIVER_HIGH, value); break;
	case REG_QUEUE_DEVICE_LOW:
	case REG_QUEUE_DEVICE_HIGH: set_half(&q->used, reg == REG_QUEUE_DEVICE_HIGH, value); break;
	}
}

/* --- Registers ------------------------------------------------------------------------------------------------- */

static uint32_t read_register(struct virtio_mmio *t, uint32_t reg)
{
	struct virtio_mmio_regs *r = &t->regs;
	struct virtqueue *q = selected(t);

	switch (reg) {
	case REG_MAGIC: return MAGIC;
	case REG_VERSION: return VERSION;
	case REG_DEVICE_ID: return t->device->id;
	case REG_VENDOR_ID: return VENDOR;
	case REG_DEVICE_FEATURES:
		return r->device_features_sel > 1 ? 0 : (uint32_t)(offered(t) >> (32 * r->device_features_sel));
	case REG_QUEUE_SIZE_MAX: return q ? q->max : 0;
	case REG_QUEUE_READY: return q && (q->ready || q->working);
	case REG_QUEUE_RESET: return q && !q->ready && q->working;
	case REG_INTERRUPT_STATUS: return r->interrupt_status;
	case REG_STATUS: return read_status(t);
	case REG_CONFIG_GENERATION: return r->config_generation;
	default:
		/* 4.2.2: no shared memory region has this id: its length and base read as -1. */
		return reg >= REG_SHM_LEN_LOW && reg <= REG_SHM_BASE_HIGH ? UINT32_MAX : 0;
	}
}

static void write_register(struct virtio_mmio *t, uint32_t reg, uint32_t value)
{
	struct virtio_mmio_regs *r = &t->regs;

	switch (reg) {
	case REG_DEVICE_FEATURES_SEL: r->device_features_sel = value; break;
	case REG_DRIVER_FEATURES_SEL: r->driver_features_sel = value; break;
	case REG_DRIVER_FEATURES:
		if (r->driver_features_sel <= 1 && !(r->status & STATUS_FEATURES_OK))
			set_half(&r->driver_features, r->driver_features_sel, value);
		/* Bits above 63 do not exist: setting one must make FEATURES_OK fail, so it is recorded. */
		else if (value && !(r->status & STATUS_FEATURES_OK))
			r->driver_features |= BIT(63);
		break;
	case REG_QUEUE_SEL: r->queue_sel = value; break;
	case REG_INTERRUPT_ACK: set_interrupt_status(t, r->interrupt_status & ~value); return;
	case REG_STATUS:
		write_status(t, value);
		show_config(t);
		break;
	default: write_queue(t, reg, value); break;
	}
	show_state(t);
}

static void mmio_read(struct device *dev, uint64_t offset, void *data, unsigned len)
{
	struct virtio_mmio *t = container_of(dev, struct virtio_mmio, dev);
	struct virtio_device *d = t->device;

	memset(data, 0, len);
	pthread_mutex_lock(&d->lock);
	if (offset >= REG_CONFIG && d->ops->config_read)
		d->ops->config_read(d, (uint32_t)(offset - REG_CONFIG), data, len);
	else if (offset < REG_CONFIG && len == 4 && is_aligned(offset, 4))
		le32_put(data, read_register(t, (uint32_t)offset));
	pthread_mutex_unlock(&d->lock);
}

static void mmio_write(struct device *dev, uint64_t offset, const void *data, unsigned len)
{
	struct virtio_mmio *t = container_of(dev, struct virtio_mmio, dev);
	struct virtio_device *d = t->device;

	if (offset < REG_CONFIG && (len != 4 || !is_aligned(offset, 4)))
		return;
	/* KVM's ioeventfd handles this write if one is attached; otherwise it is sent to the eventfd here. */
	if (offset == REG_QUEUE_NOTIFY) {
		kick(t, le32_get(data));
		return;
	}
	pthread_mutex_lock(&d->lock);
	if (offset < REG_CONFIG)
		write_register(t, (uint32_t)offset, le32_get(data));
	else if (d->ops->config_write)
		d->ops->config_write(d, (uint32_t)(offset - REG_CONFIG), data, len);
	if (offset >= REG_CONFIG)
		show_config(t);
	pthread_mutex_unlock(&d->lock);
}

static const struct device_ops mmio_ops = {.read = mmio_read, .write = mmio_write};

static void on_kick(struct loop_source *s, uint32_t events)
{
	struct virtio_kick *k = container_of(s, struct virtio_kick, source);
	struct virtio_device *d = k->transport->device;
	unsigned i = (unsigned)(k - k->transport->kick);

	pthread_mutex_lock(&d->lock);
	if (d->driver_ok && d->queue[i].ready && !d->queue[i].broken && !d->queue[i].held)
		d->ops->kick(d, i);
	pthread_mutex_unlock(&d->lock);
}

COLD int virtio_mmio_init(struct virtio_mmio *t, struct virtio_device *device, struct irq_line *irq)
{
	int r = 0;

	*t = (struct virtio_mmio){
		.dev = {.ops = &mmio_ops, .name = device->name},
		.transport = {.interrupt = on_interrupt,
			.config_changed = on_config_changed,
			.needs_reset = on_needs_reset,
			.work_ended = on_work_ended,
			.again = on_again},
		.device = device,
		.irq = irq,
	};
	device->transport = &t->transport;
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		t->kick_fd[i] = -1;
	for (unsigned i = 0; r == 0 && i < device->nr_queues; i++) {
		struct virtio_kick *k = &t->kick[i];

		r = wake_open();
		if (r < 0)
			break;
		t->kick_fd[i] = r;
		*k = (struct virtio_kick){.source = {.fd = t->kick_fd[i], .ready = on_kick}, .transport = t};
		/*
		 * Edge-triggered: each write is an event, so the count need not be read; it would take 2^64 kicks to
		 * overflow.
		 */
		r = loop_add(device->loop[i], &k->source, EPOLLIN | EPOLLET);
	}
	if (r < 0)
		virtio_mmio_destroy(t);
	return r;
}

COLD void virtio_mmio_show(struct virtio_mmio *t, void *page)
{
	pthread_mutex_lock(&t->device->lock);
	t->page = page;
	for (uint32_t reg = 0; reg < REG_CONFIG; reg += 4)
		show(t, reg, read_register(t, reg));
	show_config(t);
	pthread_mutex_unlock(&t->device->lock);
}

COLD void virtio_mmio_destroy(struct virtio_mmio *t)
{
	if (!t || !t->device)
		return;
	for (unsigned i = 0; i < t->device->nr_queues; i++) {
		loop_remove(&t->kick[i].source);
		wake_close(&t->kick_fd[i]);
	}
	t->device = NULL;
}

/* --- Saved and restored ------------------------------------------------------------------------------------------ */

/**
 * struct identity - which device it is: the state of another one is refused
 * @features: what it offers
 */
struct identity {
	uint32_t id;
	uint32_t nr_queues;
	uint64_t features;
};

static const struct state_field identity_fields[] = {
	STATE_FIELD(struct identity, id),
	STATE_UP_TO(struct identity, nr_queues, VIRTIO_QUEUES_MAX),
	STATE_FIELD(struct identity, features),
};
STATE_TABLE(identity_state, "virtio", identity_fields);

static const struct state_field regs_fields[] = {
	STATE_FIELD(struct virtio_mmio_regs, device_features_sel),
	STATE_FIELD(struct virtio_mmio_regs, driver_features_sel),
	STATE_FIELD(struct virtio_mmio_regs, driver_features),
	STATE_FIELD(struct virtio_mmio_regs, queue_sel),
	STATE_UP_TO(struct virtio_mmio_regs, status, UINT8_MAX),
	STATE_UP_TO(struct virtio_mmio_regs, interrupt_status, INTERRUPT_VRING | INTERRUPT_CONFIG),
	STATE_FIELD(struct virtio_mmio_regs, config_generation),
};
STATE_TABLE(regs_state, "virtio-mmio", regs_fields);

/*
 * What is not here follows from features and status. With nothing taken that has not been returned, both positions are
 * one. Whether the driver wants an interrupt is looked up anew: at worst it gets one more.
 */
static const struct state_field queue_fields[] = {
	STATE_BOOL(struct virtqueue, ready),
	STATE_FIELD(struct virtqueue, size),
	STATE_FIELD(struct virtqueue, desc),
	STATE_FIELD(struct virtqueue, avail),
	STATE_FIELD(struct virtqueue, used),
	STATE_FIELD(struct virtqueue, next_used),
};
STATE_TABLE(queue_state, "virtqueue", queue_fields);

COLD void virtio_mmio_save(struct virtio_mmio *t, uint32_t index, struct state_writer *w)
{
	struct virtio_device *d = t->device;

	pthread_mutex_lock(&d->lock);
	assert(!virtio_working(d));
	read_status(t); /* a reset that was waiting for work is over */
	state_put(w, &identity_state, index, &(struct identity){d->id, d->nr_queues, offered(t)});
	state_put(w, &regs_state, index, &t->regs);
	for (unsigned i = 0; i < d->nr_queues; i++) {
		const struct virtqueue *q = &d->queue[i];

		assert((uint16_t)(q->next_avail - q->in_flight) == q->next_used);
		state_put(w, &queue_state, i, q);
	}
	if (d->ops->state)
		state_put(w, d->ops->state, index, d);
	if (d->ops->more)
		d->ops->more->save(d, index, w);
	pthread_mutex_unlock(&d->lock);
}

/* What the status machine never lets happen. */
static const char *impossible(const struct virtio_mmio *t, const struct virtio_mmio_regs *r)
{
	if (r->status & ~(uint32_t)(STATUS_OF_DRIVER | STATUS_NEEDS_RESET))
		return "a status that no driver can set";
	if ((r->status & STATUS_DRIVER_OK) && !(r->status & STATUS_FEATURES_OK))
		return "DRIVER_OK without FEATURES_OK";
	if (!(r->status & STATUS_FEATURES_OK))
		return NULL;
	if (!(r->status & STATUS_DRIVER))
		return "FEATURES_OK without DRIVER";
	if (r->driver_features & ~offered(t))
		return "features that this device does not offer";
	return r->driver_features & VIRTIO_F_VERSION_1 ? NULL : "FEATURES_OK without VERSION_1";
}

static int restore_queue(struct virtio_mmio *t, unsigned i, struct state_reader *r, struct err *e)
{
	struct virtqueue *q = &t->device->queue[i];
	bool ready;
	int ret = state_get(r, &queue_state, i, q, e);

	if (ret < 0)
		return ret;
	ready = q->ready;
	q->ready = false;
	q->next_avail = q->next_used;
	q->event_idx = virtio_has(t->device, VIRTIO_F_EVENT_IDX);
	q->indirect = virtio_has(t->device, VIRTIO_F_INDIRECT_DESC);
	if (ready && !(t->regs.status & STATUS_FEATURES_OK))
		return state_refuse(e, &queue_state, i, "ready without FEATURES_OK");
	if (ready && vq_start(q) < 0)
		return state_refuse(e, &queue_state, i, q->rule);
	return 0;
}

/* The driver has been here: the device does what it would have done then. */
static void go_on(struct virtio_mmio *t)
{
	struct virtio_device *d = t->device;

	if (t->regs.status & STATUS_NEEDS_RESET) {
		for (unsigned i = 0; i < d->nr_queues; i++)
			d->queue[i].broken = true;
	} else if (t->regs.status & STATUS_DRIVER_OK) {
		d->driver_ok = true;
		if (d->ops->activate)
			d->ops->activate(d);
	}
	d->driven = t->regs.status & STATUS_DRIVER_OK;
	if (d->ops->restored)
		d->ops->restored(d);
	if (t->regs.interrupt_status && (t->regs.status & STATUS_DRIVER_OK))
		irq_raise(t->irq);
	for (unsigned i = 0; i < d->nr_queues; i++)
		kick(t, i);
}

static int check_identity(const struct virtio_mmio *t, uint32_t index, struct state_reader *r, struct err *e)
{
	const struct virtio_device *d = t->device;
	struct identity was = {0};
	int ret = state_get(r, &identity_state, index, &was, e);

	if (ret < 0)
		return ret;
	if (was.id != d->id || was.nr_queues != d->nr_queues)
		return state_refuse(e, &identity_state, index, "it is another device");
	return was.features == offered(t) ? 0 : state_refuse(e, &identity_state, index, "it offered other features");
}

static int restore_regs(struct virtio_mmio *t, uint32_t index, struct state_reader *r, struct err *e)
{
	struct virtio_mmio_regs regs = {0};
	int ret = state_get(r, &regs_state, index, &regs, e);
	const char *rule = ret < 0 ? NULL : impossible(t, &regs);

	if (rule)
		return state_refuse(e, &regs_state, index, rule);
	if (ret < 0)
		return ret;
	t->regs = regs;
	t->device->driver_features = regs.status & STATUS_FEATURES_OK ? regs.driver_features : 0;
	return 0;
}

COLD int virtio_mmio_restore(struct virtio_mmio *t, uint32_t index, struct state_reader *r, struct err *e)
{
	struct virtio_device *d = t->device;
	int ret;

	pthread_mutex_lock(&d->lock);
	assert(!virtio_working(d));
	ret = check_identity(t, index, r, e);
	if (ret == 0 && t->regs.status)
		reset(t);
	if (ret == 0)
		ret = restore_regs(t, index, r, e);
	for (unsigned i = 0; ret == 0 && i < d->nr_queues; i++)
		ret = restore_queue(t, i, r, e);
	if (ret == 0 && d->ops->state)
		ret = state_get(r, d->ops->state, index, d, e);
	if (ret == 0 && d->ops->more)
		ret = d->ops->more->restore(d, index, r, e);
	if (ret == 0)
		go_on(t);
	else
		reset(t);
	show_config(t);
	show_state(t);
	pthread_mutex_unlock(&d->lock);
	return ret;
}
