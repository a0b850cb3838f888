// SPDX-License-Identifier: Apache-2.0
/*
 * tap-launch FD NAME UID CMD [ARG...]: attaches to the TAP interface NAME as a launcher would, and runs CMD with it as
 * descriptor FD, as the user UID (and the group of the same number).
 *
 * tap-launch make NAME UID: makes a TAP interface that stays, for the user UID. (busybox's tunctl knows no user.)
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int tun, fd;
	unsigned uid;

	bool make = argc == 4 && !strcmp(argv[1], "make");

	if (argc < 5 && !make) {
		fprintf(stderr, "usage: tap-launch FD NAME UID CMD [ARG...]\n       tap-launch make NAME UID\n");
		return 2;
	}
	fd = atoi(argv[1]);
	uid = (unsigned)atoi(argv[3]);
	tun = open("/dev/net/tun", O_RDWR);
	strncpy(ifr.ifr_name, argv[2], sizeof(ifr.ifr_name) - 1);
	if (tun < 0 || ioctl(tun, TUNSETIFF, &ifr) < 0) {
		perror(argv[2]);
		return 125;
	}
	if (make) {
		if (ioctl(tun, TUNSETOWNER, (unsigned long)uid) < 0 || ioctl(tun, TUNSETPERSIST, 1UL) < 0) {
			perror(argv[2]);
			return 125;
		}
		return 0;
	}
	if (tun != fd && (dup2(tun, fd) < 0 || close(tun) < 0)) {
		perror("dup2");
		return 125;
	}
	if (setgroups(0, NULL) < 0 || setgid(uid) < 0 || setuid(uid) < 0) {
		perror("setuid");
		return 125;
	}
	execvp(argv[4], argv + 4);
	perror(argv[4]);
	return 127;
}
