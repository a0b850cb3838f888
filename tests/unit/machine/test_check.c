// SPDX-License-Identifier: Apache-2.0
/*
 * machine_check() for callers that fill a struct config without the option table.
 */
#include <errno.h>
#include <string.h>

#include "tests/support/unit.h"
#include "vmm/base/board.h"
#include "vmm/machine/machine.h"

static void check(const struct config *c, int code, const char *words)
{
	struct err e = {0};

	assert_int_equal(machine_check(c, &e), code);
	assert_int_equal(machine_check(c, NULL), code);
	if (words && !strstr(e.text, words))
		fail_msg("no \"%s\" in \"%s\"", words, e.text);
}

static void defaults_are_valid(void **state)
{
	struct config c;

	config_init(&c);
	check(&c, 0, NULL);
	assert_null(c.kernel);
	config_destroy(&c);
}

static void memory(void **state)
{
	struct config c;

	config_init(&c);
	c.mem_bytes = CONFIG_MEM_MIN;
	check(&c, 0, NULL);
	c.mem_bytes = CONFIG_MEM_MIN - CONFIG_MEM_STEP;
	check(&c, -EINVAL, "at least 32M");
	c.mem_bytes = 0;
	check(&c, -EINVAL, "--mem 0");
	c.mem_bytes = CONFIG_MEM_MAX + CONFIG_MEM_STEP;
	check(&c, -EINVAL, "at most 64T");
	c.mem_bytes = UINT64_MAX;
	check(&c, -EINVAL, "at most 64T");
	c.mem_bytes = CONFIG_MEM_MAX;
	check(&c, -EINVAL, "this host has");
	c.mem_bytes = CONFIG_MEM_MIN + 1;
	check(&c, -EINVAL, "not a multiple of 4K");
	c.mem_bytes = CONFIG_MEM_MIN + CONFIG_MEM_STEP;
	check(&c, 0, NULL);
	c.backing = BACKING_THP;
	check(&c, 0, NULL);
	c.backing = BACKING_HUGE_2M;
	check(&c, -EINVAL, "not a multiple of 2M");
	c.mem_bytes = CONFIG_MEM_MIN + 2 * MIB;
	check(&c, 0, NULL);
	c.backing = BACKING_HUGE_1G;
	check(&c, -EINVAL, "not a multiple of 1G");
}

static void cpus(void **state)
{
	struct config c;

	config_init(&c);
	c.cpus = 0;
	check(&c, -EINVAL, "--cpus 0");
	c.cpus = BOARD_CPUS_MAX + 1;
	check(&c, -EINVAL, "1 to 254");
	c.cpus = BOARD_CPUS_MAX;
	check(&c, 0, NULL);
}

static void console_paths(void **state)
{
	struct config c;

	config_init(&c);
	c.console = CONSOLE_FILE;
	check(&c, -EINVAL, "needs a path");
	c.console = CONSOLE_SOCKET;
	c.console_path = strdup("");
	check(&c, -EINVAL, "needs a path");
	free(c.console_path);
	c.console_path = strdup("x");
	check(&c, 0, NULL);
	free(c.console_path);
	c.console_path = calloc(1, 109);
	assert_non_null(c.console_path);
	memset(c.console_path, 'x', 107);
	check(&c, 0, NULL);
	c.console_path[107] = 'x';
	check(&c, -EINVAL, "the path is 108 bytes long, a socket's has at most 107");
	config_destroy(&c);
	assert_null(c.console_path);
}

static void ports(void **state)
{
	struct config c;

	config_init(&c);
	c.debugcon_port = 0xe9;
	c.debug_exit = true;
	c.debug_exit_port = 0xe6;
	check(&c, -EEXIST, "debug");
	c.debug_exit_port = 0xe5;
	check(&c, 0, NULL);
	/* The port of a disabled device does not count. */
	c.debug_exit_port = 0xe6;
	c.debug_exit = false;
	check(&c, 0, NULL);
}

/* What two devices cannot have both. */
static void nets(void **state)
{
	struct config_net net[2] = {{.kind = CONFIG_NET_TAP, .name = (char *)"tap0", .fd = -1},
		{.kind = CONFIG_NET_TAP, .name = (char *)"tap1", .fd = -1}};
	struct config c;

	config_init(&c);
	c.net = net;
	c.nr_nets = 2;
	check(&c, 0, NULL);
	net[1].name = (char *)"tap0";
	check(&c, -EINVAL, "--net tap=tap0: given for two devices");
	net[0] = (struct config_net){.kind = CONFIG_NET_FD, .fd = 5};
	check(&c, 0, NULL);
	net[1] = net[0];
	check(&c, -EINVAL, "--net fd=5: given for two devices");
	net[1].fd = 6;
	check(&c, 0, NULL);
	net[0].mac[0] = net[1].mac[0] = 2;
	check(&c, -EINVAL, "two devices have the same mac=");
	net[1].mac[5] = 1;
	check(&c, 0, NULL);
	net[1].kind = CONFIG_NET_NONE;
	check(&c, -EINVAL, "connected to nothing");
	net[1].kind = CONFIG_NET_TWO;
	check(&c, -EINVAL, "connected twice");
}

static void sockets(void **state)
{
	char path[200];
	struct config c;

	config_init(&c);
	memset(path, 'x', sizeof(path));
	path[199] = '\0';
	c.vsock.cid = 3;
	c.vsock.path = path;
	check(&c, -EINVAL, "the path is 199 bytes long");
	/* 107 bytes of a socket's address, less _ and ten digits. */
	path[97] = '\0';
	check(&c, -EINVAL, "the path is 97 bytes long; with _PORT behind it, at most 96 fit");
	path[96] = '\0';
	check(&c, 0, NULL);
	c.vsock.cid = 2;
	check(&c, -EINVAL, "--vsock cid=2: reserved");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_valid),
		cmocka_unit_test(memory),
		cmocka_unit_test(cpus),
		cmocka_unit_test(console_paths),
		cmocka_unit_test(ports),
		cmocka_unit_test(nets),
		cmocka_unit_test(sockets),
	};

	return run_group(tests);
}
