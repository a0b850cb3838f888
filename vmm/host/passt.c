// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation. A stream has no frame boundaries, and a socket may accept a part of a frame. The rest of such a
 * frame is kept in @out and sent before anything else: @blocked tells the device to wait. Received data is stored in
 * @in, and passed to the guest frame by frame. An invalid length means that we have lost the frame boundaries, which
 * cannot be recovered: the link is closed.
 */
#include "vmm/host/passt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "devices/virtio/virtqueue.h"
#include "vmm/base/clock.h"
#include "vmm/base/path.h"
#include "vmm/host/nbio.h"

extern char **environ;

#define LENGTH_SIZE 4
/* passt's own limit (ETH_MAX_MTU); it gives up on a longer frame. */
#define PASST_FRAME_MAX 65535
#define IN_SIZE         (128 * KIB)
#define SOCKET_BUFFER   (1 << 20)
/* The number of passt's end of the socket. */
#define PASST_FD      3
#define PASST_FD_TEXT "3"
#define READY_TRIES   5000 /* of 1 ms */
#define EXIT_TRIES    100
#define WORDS_MAX     512

/**
 * struct net_passt
 * @in, @in_start, @in_end: received and not passed on yet
 * @out, @out_start, @out_end: the rest of a frame that was sent in part
 * @length: the prefix of a frame; not on the stack, since the caller's iovec points to it after passt_send() has
 *          returned
 * @pid: of passt if we started it, else 0
 * @words: its output, one line at a time; the last line is kept until the next
 */
struct net_passt {
	struct net_backend backend;
	uint8_t in[IN_SIZE];
	size_t in_start;
	size_t in_end;
	uint8_t out[LENGTH_SIZE + PASST_FRAME_MAX];
	size_t out_start;
	size_t out_end;
	uint32_t length;
	pid_t pid;
	struct loop_source said;
	struct trace *trace;
	char words[WORDS_MAX];
	size_t words_nr;
	char last[WORDS_MAX];
};

static struct net_passt *to_passt(struct net_backend *b)
{
	return container_of(b, struct net_passt, backend);
}

static int send_failure(void)
{
	return errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN ? -ENOTCONN : -errno;
}

static int passt_flush(struct net_backend *b)
{
	struct net_passt *p = to_passt(b);

	while (p->out_start < p->out_end) {
		ssize_t r = write(b->fd, p->out + p->out_start, p->out_end - p->out_start);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
			return 0;
		if (r < 0)
			return -ENOTCONN;
		p->out_start += (size_t)r;
	}
	b->blocked = false;
	return 0;
}

static int passt_send(struct net_backend *b, struct iovec *iov, size_t nr, size_t bytes)
{
	struct net_passt *p = to_passt(b);
	size_t want = LENGTH_SIZE + bytes, sent;
	ssize_t r;

	if (bytes > PASST_FRAME_MAX)
		return -EMSGSIZE;
	/* The length replaces the header. */
	p->length = htonl((uint32_t)bytes);
	iov[0] = (struct iovec){&p->length, sizeof(p->length)};
	do {
		r = writev(b->fd, iov, (int)nr);
	} while (r < 0 && errno == EINTR);
	if (r < 0) {
		b->blocked = errno == EAGAIN;
		return send_failure();
	}
	sent = (size_t)r;
	if (sent < want) {
		p->out_start = 0;
		p->out_end = vq_read(iov, nr, sent, p->out, want - sent);
		b->blocked = true;
	}
	return 0;
}

/* The frame at the front of @in, or 0: incomplete, or -ENOTCONN: nonsense. */
static ssize_t next_frame(const struct net_passt *p)
{
	size_t have = p->in_end - p->in_start;
	uint32_t length;

	if (have < LENGTH_SIZE)
		return 0;
	memcpy(&length, p->in + p->in_start, sizeof(length));
	length = ntohl(length);
	if (length < NET_FRAME_MIN || length > NET_FRAME_MAX)
		return -ENOTCONN;
	return have - LENGTH_SIZE < length ? 0 : (ssize_t)length;
}

static int fill(struct net_passt *p)
{
	ssize_t r;

	memmove(p->in, p->in + p->in_start, p->in_end - p->in_start);
	p->in_end -= p->in_start;
	p->in_start = 0;
	do {
		r = read(p->backend.fd, p->in + p->in_end, sizeof(p->in) - p->in_end);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (r <= 0)
		return -ENOTCONN;
	p->in_end += (size_t)r;
	return 0;
}

static ssize_t passt_receive(struct net_backend *b, const struct iovec *iov, size_t nr)
{
	struct net_passt *p = to_passt(b);
	ssize_t frame;

	while ((frame = next_frame(p)) == 0) {
		int r = fill(p);

		if (r < 0)
			return r;
	}
	if (frame < 0)
		return frame;
	memset(iov[0].iov_base, 0, NET_HDR_SIZE);
	vq_write(iov + 1, nr - 1, 0, p->in + p->in_start + LENGTH_SIZE, (size_t)frame);
	p->in_start += LENGTH_SIZE + (size_t)frame;
	return NET_HDR_SIZE + frame;
}

static void nap_ms(long ms)
{
	struct timespec ts = {.tv_nsec = ms * (long)NSEC_PER_MSEC};

	/* Not nanosleep(): the sandbox already allows ppoll. */
	ppoll(NULL, 0, &ts, NULL);
}

/*
 * passt --one-off leaves when its socket closes: this only waits for it. If it takes longer it is not killed: the
 * sandbox does not allow that, and it will end by itself.
 */
static void end_child(pid_t pid)
{
	for (int i = 0; i < EXIT_TRIES; i++) {
		pid_t r = waitpid(pid, NULL, WNOHANG);

		if (r == pid || (r < 0 && errno == ECHILD))
			return;
		nap_ms(1);
	}
}

/* Lines of passt's standard error; noise about a missing syslog is left out. Return: false at the end. */
static COLD bool read_words(struct net_passt *p)
{
	ssize_t r = read(p->said.fd, p->words + p->words_nr, sizeof(p->words) - 1 - p->words_nr);
	char *nl;

	if (r <= 0)
		return r < 0 && (errno == EAGAIN || errno == EINTR);
	p->words_nr += (size_t)r;
	p->words[p->words_nr] = '\0';
	while ((nl = memchr(p->words, '\n', p->words_nr)) || p->words_nr == sizeof(p->words) - 1) {
		size_t len = nl ? (size_t)(nl - p->words) : p->words_nr, used = len + (nl ? 1 : 0);

		p->words[len] = '\0';
		if (len && strncmp(p->words, "Failed to send ", 15)) {
			memcpy(p->last, p->words, len + 1);
			trace_net_said(p->trace, p->last);
		}
		p->words_nr -= used;
		memmove(p->words, p->words + used, p->words_nr);
	}
	return true;
}

static void on_words(struct loop_source *s, uint32_t events)
{
	if (!read_words(container_of(s, struct net_passt, said)))
		loop_remove(s);
}

static int refuse_child(struct net_passt *p, struct err *e)
{
	while (p->words_nr < sizeof(p->words) - 1) {
		struct pollfd pfd = {.fd = p->said.fd, .events = POLLIN};

		/* Its messages may not have been read yet, and it may be about to end. */
		if (poll(&pfd, 1, EXIT_TRIES) <= 0 || !read_words(p))
			break;
	}
	return err_set(e, -ECONNABORTED, "passt ended while it started%s%s", *p->last ? ": " : "", p->last);
}

static COLD int passt_ready(struct net_backend *b, struct loop *loop, struct trace *trace, struct err *e)
{
	struct net_passt *p = to_passt(b);
	int r;

	if (!p->pid)
		return 0; /* somebody else's */
	p->trace = trace;
	/* It reads only after its set-up: then the probe leaves our socket's buffer. */
	for (int i = 0; i < READY_TRIES; i++) {
		struct pollfd pfd = {.fd = b->fd};
		int unread;

		if (ioctl(b->fd, SIOCOUTQ, &unread) < 0)
			return err_sys(e, -errno, "SIOCOUTQ");
		if (poll(&pfd, 1, 0) > 0)
			return refuse_child(p, e);
		if (!unread) {
			p->said.ready = on_words;
			r = loop_add(loop, &p->said, EPOLLIN);
			return r < 0 ? err_sys(e, r, "cannot watch passt") : 0;
		}
		nap_ms(1);
	}
	return err_set(e, -ETIMEDOUT, "passt did not get ready in %d seconds", READY_TRIES / 1000);
}

static COLD void passt_destroy(struct net_backend *b)
{
	struct net_passt *p = to_passt(b);

	close(b->fd);
	if (p->pid)
		end_child(p->pid);
	loop_remove(&p->said);
	if (p->said.fd >= 0)
		close(p->said.fd);
	free(p);
}

static const struct net_backend_ops passt_ops = {
	.send = passt_send,
	.receive = passt_receive,
	.flush = passt_flush,
	.ready = passt_ready,
	.destroy = passt_destroy,
};

COLD struct net_backend *net_passt_wrap(int fd)
{
	struct net_passt *p = calloc(1, sizeof(*p));
	int size = SOCKET_BUFFER;

	if (!p) {
		close(fd);
		return NULL;
	}
	/*
	 * Only our end is non-blocking, so plain read and write can be used, which the sandbox allows anyway; but they
	 * have no flag against SIGPIPE, so the signal is ignored.
	 */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		close(fd);
		free(p);
		return NULL;
	}
	nbio_ignore_signals();
	/* As large as the host allows; a smaller buffer is only slower. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	p->said.fd = -1;
	p->backend = (struct net_backend){.ops = &passt_ops, .peer = "passt", .fd = fd};
	return &p->backend;
}

static int wrap(int fd, struct net_backend **ret, struct err *e)
{
	*ret = net_passt_wrap(fd);
	return *ret ? 0 : err_sys(e, -ENOMEM, "cannot allocate a network backend");
}

int net_passt_check(const char *path, struct err *e)
{
	struct sockaddr_un addr;

	if (strlen(path) < sizeof(addr.sun_path))
		return 0;
	return err_set(e, -ENAMETOOLONG, "socket path of %zu bytes: at most %zu are possible", strlen(path),
		sizeof(addr.sun_path) - 1);
}

COLD int net_passt_connect(const char *path, struct net_backend **ret, struct err *e)
{
	CLEANUP_FD int target = -1;
	int r;

	r = net_passt_check(path, e);
	if (r < 0)
		return r;
	target = path_open(path, O_PATH, 0);
	r = target < 0 ? target : nbio_connect(target);
	if (r == -ECONNREFUSED || r == -EAGAIN)
		return err_set(e, r, "no passt accepts connections at %s", path);
	if (r < 0)
		return err_sys(e, r, "cannot connect to %s", path);
	return wrap(r, ret, e);
}

/* Parses PORT or PORT-PORT at *@at, which is advanced. Return: the number of ports, 0: invalid. */
static COLD unsigned take_ports(const char **at)
{
	unsigned long first, last;
	char *end;

	if (**at < '0' || **at > '9')
		return 0;
	first = last = strtoul(*at, &end, 10);
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		last = strtoul(end + 1, &end, 10);
	*at = end;
	return first && first <= last && last <= UINT16_MAX ? (unsigned)(last - first + 1) : 0;
}

COLD int net_passt_check_ports(const char *spec, struct err *e)
{
	const char *slash = strchr(spec, '/'), *at = slash ? slash + 1 : spec;
	size_t len = slash ? (size_t)(slash - spec) : 0;
	char address[INET6_ADDRSTRLEN];
	uint8_t binary[sizeof(struct in6_addr)];
	unsigned host, guest;

	if (slash) {
		snprintf(address, sizeof(address), "%.*s", (int)MIN(len, sizeof(address) - 1), spec);
		if (len >= sizeof(address) ||
			(inet_pton(AF_INET, address, binary) != 1 && inet_pton(AF_INET6, address, binary) != 1))
			return err_set(e, -EINVAL, "'%.60s' is no IP address", address);
	}
	host = take_ports(&at);
	guest = host;
	if (host && *at == ':') {
		at++;
		guest = take_ports(&at);
	}
	if (!host || !guest || *at)
		return err_set(e, -EINVAL, "not [ADDRESS/]PORT[:GUESTPORT], as in 2222:22 or 127.0.0.1/8000-8009");
	if (host != guest)
		return err_set(e, -EINVAL, "%u ports of the host, and %u of the guest", host, guest);
	return 0;
}

/* Its command line; the caller frees the array. NULL: no memory. */
static const char **passt_argv(const struct config_ports *tcp, const struct config_ports *udp)
{
	static const char *const fixed[] = {"passt", "--foreground", "--quiet", "--one-off", "--fd"};
	const char **argv = calloc(ARRAY_SIZE(fixed) + 2 * (tcp->nr + udp->nr) + 2, sizeof(*argv));
	size_t n = ARRAY_SIZE(fixed);

	if (!argv)
		return NULL;
	memcpy(argv, fixed, sizeof(fixed));
	argv[n++] = PASST_FD_TEXT;
	for (size_t i = 0; i < tcp->nr; i++) {
		argv[n++] = "--tcp-ports";
		argv[n++] = tcp->spec[i];
	}
	for (size_t i = 0; i < udp->nr; i++) {
		argv[n++] = "--udp-ports";
		argv[n++] = udp->spec[i];
	}
	return argv;
}

static void close_from(posix_spawn_file_actions_t *files, int first)
{
#ifdef __GLIBC__
	posix_spawn_file_actions_addclosefrom_np(files, first);
#else
	for (int fd = first; fd < sysconf(_SC_OPEN_MAX); fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			posix_spawn_file_actions_addclose(files, fd);
#endif
}

/*
 * Starts passt on one end of a pair, its standard error on a pipe, and with no other descriptor of ours: those that a
 * launcher has passed to us are not close-on-exec. Return: 0 or a negative errno.
 */
static COLD int spawn(const char *const *argv, int sock, int err_fd, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, pipe_signal;
	int r;

	sigemptyset(&none);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, err_fd, STDERR_FILENO);
	/* If both numbers are the same, this clears close-on-exec. */
	posix_spawn_file_actions_adddup2(&files, sock, PASST_FD);
	close_from(&files, PASST_FD + 1);
	/* passt must not inherit our blocked signals, nor get the signals of our process group. */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	posix_spawnattr_setpgroup(&attr, 0);
	r = posix_spawnp(ret, "passt", &files, &attr, (char *const *)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

/* A frame that passt reads and ignores: an EtherType for experiments (IEEE 802, 0x88b5). */
static int send_probe(struct net_backend *b)
{
	uint8_t frame[NET_FRAME_MIN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0, 0x88, 0xb5};
	struct iovec iov[2] = {{NULL, 0}, {frame, sizeof(frame)}};

	return passt_send(b, iov, ARRAY_SIZE(iov), sizeof(frame));
}

COLD int net_passt_start(
	const struct config_ports *tcp, const struct config_ports *udp, struct net_backend **ret, struct err *e)
{
	CLEANUP_FREE const char **argv = passt_argv(tcp, udp);
	int pair[2], words[2];
	struct net_backend *b;
	int r;

	if (!argv)
		return err_sys(e, -ENOMEM, "cannot start passt");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, -errno, "socketpair");
	if (pipe2(words, O_CLOEXEC | O_NONBLOCK) < 0) {
		r = -errno;
		close(pair[0]);
		close(pair[1]);
		return err_sys(e, r, "pipe");
	}
	b = net_passt_wrap(pair[0]);
	r = b ? 0 : err_sys(e, -ENOMEM, "cannot allocate a network backend");
	if (r == 0) {
		to_passt(b)->said.fd = words[0];
		r = spawn(argv, pair[1], words[1], &to_passt(b)->pid);
		if (r == -ENOENT)
			err_set(e, r, "passt is not installed (Debian's package passt), or not on PATH");
		else if (r < 0)
			err_sys(e, r, "cannot start passt");
	} else {
		close(words[0]);
	}
	close(pair[1]);
	close(words[1]);
	if (r == 0) {
		r = send_probe(b);
		if (r == -ENOTCONN) /* it has ended already: passt_ready() finds its words */
			r = 0;
	}
	if (r < 0) {
		net_backend_destroy(b);
		return r;
	}
	*ret = b;
	return 0;
}
