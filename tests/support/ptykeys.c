// SPDX-License-Identifier: Apache-2.0
/*
 * ptykeys OUT STEP... -- CMD...: runs CMD on a terminal of its own, does the steps in order, and writes CMD's output to
 * OUT. A step is until:REGEX (matched already, or within 120 s), next:REGEX (the same, after the match of the last
 * next:), wait:SECONDS, or send:TEXT, where \r, \\ and \xHH are as in C.
 *
 * Exit status: that of CMD, which has 10 s to end after the last step; 98: REGEX was never seen, 99: CMD did not end.
 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNTIL_S 120
#define END_S   10

static int tty, out, status = -1;
static pid_t pid;
static struct winsize size = {.ws_row = 24, .ws_col = 80};
static char seen[1 << 20];
static size_t nr_seen, nr_next;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Reads what there is for up to 50 ms, and notices the end of CMD. */
static void look(void)
{
	struct pollfd p = {.fd = tty, .events = POLLIN};
	char buf[4096];
	int st;

	if (poll(&p, 1, 50) > 0) {
		ssize_t n = read(tty, buf, sizeof(buf));

		if (n > 0 && write(out, buf, (size_t)n) == n && nr_seen + (size_t)n < sizeof(seen)) {
			memcpy(seen + nr_seen, buf, (size_t)n);
			nr_seen += (size_t)n;
			seen[nr_seen] = '\0';
			return;
		}
		if (n <= 0)
			usleep(20000);
	}
	if (status < 0 && waitpid(pid, &st, WNOHANG) == pid)
		status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

/* Searches after the first @from bytes, and counts the bytes up to the end of the match. */
static bool until(const char *pattern, size_t *from)
{
	double end = now() + UNTIL_S;
	bool found = false;
	regmatch_t at;
	regex_t re;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NEWLINE))
		return false;
	while (!found && status < 0 && now() < end) {
		found = !regexec(&re, seen + *from, 1, &at, 0);
		if (!found)
			look();
	}
	regfree(&re);
	if (found)
		*from += (size_t)at.rm_eo;
	return found;
}

static void wait_for(double seconds)
{
	double end = now() + seconds;

	while (status < 0 && now() < end)
		look();
}

static void send_text(const char *text)
{
	for (; *text; text++) {
		char c = *text;

		if (c == '\\' && text[1] == 'x') {
			c = (char)strtol((char[]){text[2], text[3], 0}, NULL, 16);
			text += 3;
		} else if (c == '\\') {
			text++;
			c = *text == 'r' ? '\r' : *text;
		}
		if (write(tty, &c, 1) != 1)
			perror("ptykeys: write");
	}
}

int main(int argc, char **argv)
{
	int cmd = 2;

	while (cmd < argc && strcmp(argv[cmd], "--"))
		cmd++;
	if (cmd >= argc - 1)
		return 97;
	out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid = forkpty(&tty, NULL, NULL, &size);
	if (!pid) {
		execvp(argv[cmd + 1], argv + cmd + 1);
		_exit(97);
	}
	for (int i = 2; i < cmd; i++) {
		if ((!strncmp(argv[i], "until:", 6) && !until(argv[i] + 6, &(size_t){0})) ||
			(!strncmp(argv[i], "next:", 5) && !until(argv[i] + 5, &nr_next))) {
			kill(pid, SIGKILL);
			return 98;
		}
		if (!strncmp(argv[i], "wait:", 5))
			wait_for(atof(argv[i] + 5));
		if (!strncmp(argv[i], "send:", 5))
			send_text(argv[i] + 5);
	}
	wait_for(END_S);
	if (status >= 0)
		return status;
	kill(pid, SIGKILL);
	return 99;
}
