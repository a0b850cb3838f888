// SPDX-License-Identifier: Apache-2.0
#include "vmm/machine/virtio/misc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "vmm/host/vsock.h"
#include "vmm/machine/virtio/slots.h"

/* Without a step of the operator's own, eight of them are all of RAM. */
#define BALLOON_STEPS 8

size_t virtio_misc_count(const struct config *c)
{
	return (size_t)c->rng + (c->vsock.path != NULL) + c->console_virtio + c->balloon.on;
}

int virtio_misc_check(const struct config *c, struct err *e)
{
	if (c->vsock.path && (c->vsock.cid < VIRTIO_VSOCK_CID_MIN || c->vsock.cid > VIRTIO_VSOCK_CID_MAX))
		return err_set(e, -EINVAL, "--vsock cid=%u: reserved; a guest's is %d to %" PRIu64, c->vsock.cid,
			VIRTIO_VSOCK_CID_MIN, VIRTIO_VSOCK_CID_MAX);
	if (c->vsock.path && strlen(c->vsock.path) > VSOCK_PATH_MAX)
		return err_set(e, -EINVAL,
			"--vsock path=%s: the path is %zu bytes long; with _PORT behind it, at most %d fit",
			c->vsock.path, strlen(c->vsock.path), VSOCK_PATH_MAX);
	if (c->balloon.on && c->balloon.size_bytes > c->mem_bytes)
		return err_set(e, -EINVAL, "--balloon size=%" PRIu64 "M: the guest has only %" PRIu64 "M (--mem)",
			c->balloon.size_bytes / MIB, c->mem_bytes / MIB);
	return 0;
}

int virtio_misc_open(struct virtio_misc *m, const struct config *c, struct err *e)
{
	int r;

	if (c->rng) {
		m->random_fd = open("/dev/random", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		if (m->random_fd < 0)
			return err_sys(
				e, -errno, "cannot open /dev/random for the entropy device (--no-rng does without)");
	}
	r = c->vsock.path ? err_operator(e, vsock_end_open(c->vsock.path, &m->vsock_end, e)) : 0;
	return r < 0 ? err_wrap(e, r, "--vsock") : 0;
}

static int init_vsock(struct virtio_slots *s, const struct virtio_env *env)
{
	struct virtio_misc *m = &s->misc;
	int r;

	r = virtio_vsock_init(
		&m->vsock, env->config->vsock.cid, vsock_end_host(m->vsock_end), env->mem, s->worker.loop, env->trace);
	if (r == 0)
		r = vsock_end_attach(m->vsock_end, &m->vsock, s->worker.loop);
	return r < 0 ? r : virtio_slots_add(s, &m->vsock.dev);
}

static int init_console(struct virtio_slots *s, const struct virtio_env *env)
{
	int r = virtio_console_init(&s->misc.console, env->console, env->mem, env->loop, env->trace);

	return r < 0 ? r : virtio_slots_add(s, &s->misc.console.dev);
}

static uint64_t backing_page(enum backing b)
{
	return b == BACKING_HUGE_1G ? GIB : b == BACKING_HUGE_2M ? 2 * MIB : 4 * KIB;
}

static int init_balloon(struct virtio_slots *s, const struct virtio_env *env)
{
	const struct config_balloon *c = &env->config->balloon;
	struct virtio_misc *m = &s->misc;
	int r;

	r = virtio_balloon_init(
		&m->balloon, backing_page(env->config->backing), c->stats_ns, env->mem, s->worker.loop, env->trace);
	if (r == 0)
		r = virtio_slots_add(s, &m->balloon.dev);
	if (r == 0) {
		m->balloon_target = c->size_bytes;
		virtio_balloon_set_target(&m->balloon, c->size_bytes);
	}
	return r;
}

static int init_rng(struct virtio_slots *s, const struct virtio_env *env)
{
	int r = virtio_rng_init(&s->misc.rng, s->misc.random_fd, env->mem, env->loop, env->trace);

	return r < 0 ? r : virtio_slots_add(s, &s->misc.rng.dev);
}

int virtio_misc_init(struct virtio_slots *s, const struct virtio_env *env, struct err *e)
{
	const struct config *c = env->config;
	/* In the order of the slots. */
	const struct {
		bool wanted;
		const char *name;
		int (*init)(struct virtio_slots *s, const struct virtio_env *env);
	} devices[] = {
		{c->rng, "entropy device", init_rng},
		{c->vsock.path, "socket device", init_vsock},
		{c->console_virtio, "virtio console", init_console},
		{c->balloon.on, "balloon", init_balloon},
	};

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		int r = devices[i].wanted ? devices[i].init(s, env) : 0;

		if (r < 0)
			return err_sys(e, r, "cannot set up the %s", devices[i].name);
	}
	return 0;
}

void virtio_misc_balloon(struct virtio_misc *m, const struct config *c, bool more)
{
	uint64_t step = c->balloon.step_bytes ? c->balloon.step_bytes : c->mem_bytes / BALLOON_STEPS;

	if (!c->balloon.on)
		return;
	if (more)
		m->balloon_target += MIN(step, c->mem_bytes - m->balloon_target);
	else
		m->balloon_target -= MIN(step, m->balloon_target);
	trace_balloon_target(m->balloon.dev.trace, m->balloon_target);
	virtio_balloon_set_target(&m->balloon, m->balloon_target);
}

void virtio_misc_destroy(struct virtio_misc *m)
{
	virtio_rng_destroy(&m->rng);
	if (m->random_fd >= 0)
		close(m->random_fd);
	m->random_fd = -1;
	vsock_end_close(m->vsock_end);
	virtio_vsock_destroy(&m->vsock);
	virtio_console_destroy(&m->console);
	virtio_balloon_destroy(&m->balloon);
}
