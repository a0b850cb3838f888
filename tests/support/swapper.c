// SPDX-License-Identifier: Apache-2.0
/*
 * swapper UID NAME LINK TARGET: as that user, makes NAME and LINK, a symbolic link to TARGET, change places until it is
 * killed or its parent has ended. What others put in the place of the link is a link again a moment later.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_link(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0 && S_ISLNK(st.st_mode);
}

int main(int argc, char **argv)
{
	const char *name, *link, *target;
	uid_t uid;

	if (argc != 5)
		return 2;
	uid = (uid_t)atoi(argv[1]);
	name = argv[2];
	link = argv[3];
	target = argv[4];
	if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0) {
		perror("swapper");
		return 1;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (!is_link(name) && !is_link(link) && unlink(link) == 0 && symlink(target, link) < 0)
			perror("swapper: symlink");
		if (syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, link, RENAME_EXCHANGE) < 0) {
			perror("swapper: renameat2");
			return 1;
		}
	}
}
