// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/virtio.h"

#include <string.h>

#include "vmm/base/assert.h"

COLD int virtio_device_init(struct virtio_device *dev, const struct virtio_ops *ops, const char *name, uint32_t id,
	unsigned nr_queues, uint16_t queue_max, const struct gmem *mem, struct loop *loop, struct trace *trace)
{
	int r;

	assert(nr_queues && nr_queues <= VIRTIO_QUEUES_MAX);
	assert(queue_max && queue_max <= VQ_SIZE_MAX && !(queue_max & (queue_max - 1)));
	dev->name = name;
	dev->id = id;
	dev->nr_queues = nr_queues;
	dev->trace = trace;
	for (unsigned i = 0; i < nr_queues; i++) {
		dev->loop[i] = loop;
		dev->queue[i] = (struct virtqueue){.mem = mem, .max = queue_max};
		vq_reset(&dev->queue[i]);
	}
	r = -pthread_mutex_init(&dev->lock, NULL);
	if (r == 0)
		dev->ops = ops; /* tells virtio_device_destroy() that there is something to destroy */
	return r;
}

void virtio_device_destroy(struct virtio_device *dev)
{
	if (!dev || !dev->ops)
		return;
	pthread_mutex_destroy(&dev->lock);
	dev->ops = NULL;
}

COLD void virtio_broke(struct virtio_device *dev, const char *rule)
{
	trace_device_reset_needed(dev->trace, dev->name, rule);
	dev->driver_ok = false;
	/* Also for vq_listen(): a device that continues while it returns true would continue for ever. */
	for (unsigned i = 0; i < dev->nr_queues; i++) {
		dev->queue[i].broken = true;
		dev->queue[i].rule = rule;
	}
	dev->transport->needs_reset(dev->transport, rule);
}

bool virtio_pop(struct virtio_device *dev, unsigned queue, struct vq_chain *c)
{
	struct virtqueue *q = &dev->queue[queue];
	int r;

	if (!dev->driver_ok)
		return false;
	r = vq_pop(q, c);
	if (r < 0)
		virtio_broke(dev, q->rule);
	return r > 0;
}

void virtio_push(struct virtio_device *dev, unsigned queue, uint16_t head, uint32_t written)
{
	vq_push(&dev->queue[queue], head, written);
}

void virtio_flush(struct virtio_device *dev, unsigned queue)
{
	if (vq_wants_interrupt(&dev->queue[queue]))
		dev->transport->interrupt(dev->transport, queue);
}

void virtio_again(struct virtio_device *dev, unsigned queue)
{
	dev->transport->again(dev->transport, queue);
}

uint32_t virtio_begin(struct virtio_device *dev, unsigned queue)
{
	dev->queue[queue].working++;
	return dev->queue[queue].generation;
}

bool virtio_done(struct virtio_device *dev, unsigned queue, uint32_t generation)
{
	struct virtqueue *q = &dev->queue[queue];

	assert(q->working > 0);
	q->working--;
	if (q->generation == generation)
		return true;
	if (!q->working)
		dev->transport->work_ended(dev->transport);
	return false;
}

void virtio_quit(struct virtio_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	dev->driver_ok = false;
	pthread_mutex_unlock(&dev->lock);
}

uint32_t virtio_working(const struct virtio_device *dev)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < dev->nr_queues; i++)
		n += dev->queue[i].working;
	return n;
}

uint32_t virtio_hold(struct virtio_device *dev)
{
	uint32_t n;

	pthread_mutex_lock(&dev->lock);
	for (unsigned i = 0; i < dev->nr_queues; i++)
		dev->queue[i].held = true;
	n = virtio_working(dev);
	pthread_mutex_unlock(&dev->lock);
	return n;
}

void virtio_release(struct virtio_device *dev)
{
	pthread_mutex_lock(&dev->lock);
	for (unsigned i = 0; i < dev->nr_queues; i++) {
		if (dev->queue[i].held)
			virtio_again(dev, i);
		dev->queue[i].held = false;
	}
	pthread_mutex_unlock(&dev->lock);
}

struct virtio_payload virtio_payload(struct virtio_device *dev)
{
	struct virtio_payload p;

	pthread_mutex_lock(&dev->lock);
	p = dev->payload;
	pthread_mutex_unlock(&dev->lock);
	return p;
}

void virtio_config_copy(const void *config, uint32_t size, uint32_t offset, void *data, unsigned len)
{
	memset(data, 0, len);
	if (offset < size)
		memcpy(data, (const uint8_t *)config + offset, MIN(len, size - offset));
}
