// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/machine/virtio/kinds.h"

/* What every row has to have, whatever it is for. */
static void rows_are_whole(void **state)
{
	for_each_virtio_kind(k)
	{
		const struct virtio_kind_ops *ops = k->ops;
		bool own = k->thread == VIRTIO_OWN;

		if (!k->name || !*k->name || !k->option || strncmp(k->option, "--", 2) || !ops->count || !ops->init ||
			!ops->unit_size)
			fail_msg("%s: the row lacks something", k->name);
		if (own != !!ops->start || own != !!ops->quit || own != !!ops->stop)
			fail_msg("%s: threads of its own need start, quit and stop; others have none", k->name);
		for (const struct virtio_kind *other = k + 1; other < virtio_kinds + VIRTIO_KINDS_NR; other++)
			assert_true(strcmp(k->name, other->name) && k->ops != other->ops);
	}
}

static void nothing_asked_for(struct config *c)
{
	config_init(c);
	c->rng = false;
}

static void no_device_needs_nothing(void **state)
{
	struct virtio_needs n;
	struct config c;

	nothing_asked_for(&c);
	assert_int_equal(virtio_kinds_count(&c), 0);
	assert_false(virtio_needs(&c, 0, &n));
	config_destroy(&c);
}

static void each_device_says_what_it_needs(void **state)
{
	static char image[] = "image", other[] = "other", tap[] = "tap0", socket[] = "/run/guest";
	struct config_disk disk[] = {{.path = image}, {.path = other, .overlay = true}};
	struct config_net net[] = {
		{.kind = CONFIG_NET_FD, .fd = 7}, {.kind = CONFIG_NET_PASST}, {.kind = CONFIG_NET_TAP, .name = tap}};
	const struct virtio_needs wanted[] = {
		{.fds = 64, .fd = -1, .opens_as = "--disk path=", .opens = image},
		{.fds = 64, .fd = -1, .opens_as = "--disk path=", .opens = other, .copies = true},
		{.sandbox = SANDBOX_HAS(TAP), .fds = 16, .fd = 7},
		{.sandbox = SANDBOX_HAS(PASST), .fds = 16, .fd = -1},
		{.sandbox = SANDBOX_HAS(TAP), .fds = 16, .fd = -1},
		{.fd = -1}, /* entropy */
		{.sandbox = SANDBOX_HAS(VSOCK), .fds = 160, .fd = -1, .makes_as = "--vsock path=", .makes = socket},
		{.fd = -1}, /* console */
		{.sandbox = SANDBOX_HAS(BALLOON), .fd = -1},
	};
	struct config c;
	size_t i = 0;

	config_init(&c);
	c.disk = disk;
	c.nr_disks = ARRAY_SIZE(disk);
	c.net = net;
	c.nr_nets = ARRAY_SIZE(net);
	c.vsock = (struct config_vsock){.cid = 3, .path = socket};
	c.console_virtio = true;
	c.balloon.on = true;
	assert_int_equal(virtio_kinds_count(&c), ARRAY_SIZE(wanted));
	for (struct virtio_needs n; virtio_needs(&c, i, &n); i++) {
		const struct virtio_needs *w = &wanted[i];

		assert_in_range(i, 0, ARRAY_SIZE(wanted) - 1);
		assert_int_equal(n.sandbox, w->sandbox);
		assert_int_equal(n.fds, w->fds);
		assert_int_equal(n.fd, w->fd);
		assert_int_equal(n.copies, w->copies);
		assert_ptr_equal(n.opens, w->opens);
		assert_ptr_equal(n.makes, w->makes);
		assert_string_equal(n.opens_as ? n.opens_as : "", w->opens_as ? w->opens_as : "");
		assert_string_equal(n.makes_as ? n.makes_as : "", w->makes_as ? w->makes_as : "");
	}
	assert_int_equal(i, ARRAY_SIZE(wanted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_whole),
		cmocka_unit_test(no_device_needs_nothing),
		cmocka_unit_test(each_device_says_what_it_needs),
	};

	return run_group(tests);
}
