// SPDX-License-Identifier: Apache-2.0
#include "vmm/exec/pipe.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "vmm/base/util.h"

ssize_t exec_pipe_read(struct exec_pipe *p, uint8_t *buf, size_t len)
{
	size_t n = MIN(len, p->used), first = MIN(n, EXEC_PIPE_SIZE - p->at);

	if (!p->used)
		return p->writers && len ? -EAGAIN : 0;
	memcpy(buf, p->data + p->at, first);
	memcpy(buf + first, p->data, n - first);
	p->at = (uint32_t)((p->at + n) % EXEC_PIPE_SIZE);
	p->used -= (uint32_t)n;
	return (ssize_t)n;
}

ssize_t exec_pipe_write(struct exec_pipe *p, const uint8_t *buf, size_t len)
{
	size_t room = EXEC_PIPE_SIZE - p->used, n = MIN(len, room), to = (p->at + p->used) % EXEC_PIPE_SIZE;
	size_t first = MIN(n, EXEC_PIPE_SIZE - to);

	if (!p->readers)
		return -EPIPE;
	if (!room)
		return len ? -EAGAIN : 0;
	memcpy(p->data + to, buf, first);
	memcpy(p->data, buf + first, n - first);
	p->used += (uint32_t)n;
	return (ssize_t)n;
}

short exec_pipe_events(const struct exec_pipe *p, bool out)
{
	if (out)
		return (short)((EXEC_PIPE_SIZE - p->used >= PIPE_BUF ? POLLOUT | POLLWRNORM : 0) |
			(p->readers ? 0 : POLLERR));
	return (short)((p->used ? POLLIN | POLLRDNORM : 0) | (p->writers ? 0 : POLLHUP));
}

ssize_t exec_event_read(uint64_t *counter, bool semaphore, uint8_t *buf, size_t len)
{
	uint64_t value = semaphore ? 1 : *counter;

	if (len < sizeof(value))
		return -EINVAL;
	if (!*counter)
		return -EAGAIN;
	memcpy(buf, &value, sizeof(value));
	*counter -= value;
	return sizeof(value);
}

ssize_t exec_event_write(uint64_t *counter, const uint8_t *buf, size_t len)
{
	uint64_t value;

	if (len < sizeof(value))
		return -EINVAL;
	memcpy(&value, buf, sizeof(value));
	if (value == UINT64_MAX)
		return -EINVAL;
	if (value > EXEC_EVENT_MAX - *counter)
		return -EAGAIN;
	*counter += value;
	return sizeof(value);
}
