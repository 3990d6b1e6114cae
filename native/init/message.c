/* The conversation with the host: one fixed header, at most 4 KiB of detail, descriptors alongside. */
#include "init.h"
#include "sys.h"

#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define DETAIL_MAX 4096

struct message {
    uint32_t type, op;
    int32_t value;
    uint32_t length;
    char detail[DETAIL_MAX];
};

static struct message message;

/* Sends `size` bytes of the message, and a descriptor. */
static void send_with(size_t size, int fd) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec data = {&message, size};
    struct msghdr m = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    while (sendmsg(state.socket, &m, MSG_NOSIGNAL) < 0)
        if (errno != EINTR) _exit(1);
}

void message_send(uint32_t type, int32_t value, const void *detail, size_t length, int fd) {
    if (length > DETAIL_MAX) length = DETAIL_MAX;
    message.type = type;
    message.op = state.op_index;
    message.value = value;
    message.length = (uint32_t)length;
    if (length) memcpy(message.detail, detail, length);
    size_t size = offsetof(struct message, detail) + length;
    if (state.socket < 0) {
        /* A fifo takes up to PIPE_BUF at once, so the longest message is shortened to stay one. */
        if (size > 4096) {
            message.length -= (uint32_t)(size - 4096);
            size = 4096;
        }
        if (state.reply >= 0) (void)!write(state.reply, &message, size);
        return;
    }
    if (fd >= 0) send_with(size, fd);
    else
        while (write(state.socket, &message, size) < 0)
            if (errno != EINTR) _exit(1); /* the host is gone: nobody is left to tell (or SIGPIPE ends it) */
}

uint32_t message_expect(uint32_t type, int32_t value, int *fds, uint32_t max) {
    if (state.socket < 0) fail_errno(EBADMSG, "plan", "a question to the host after READY");
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * 253)];
    } control;
    struct iovec data = {&message, sizeof message};
    struct msghdr m = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got;
    while ((got = recvmsg(state.socket, &m, MSG_CMSG_CLOEXEC)) < 0)
        if (errno != EINTR) _exit(1);
    if (got == 0) _exit(1); /* end of file: the host is gone */
    if ((size_t)got < offsetof(struct message, detail) || message.type != type || message.value != value ||
        (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        fail_errno(EPROTO, "recvmsg", "the host's answer");
    uint32_t count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        uint32_t n = (uint32_t)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        if (n > max - count) fail_errno(EPROTO, "recvmsg", "more descriptors than expected");
        memcpy(fds + count, CMSG_DATA(c), n * sizeof(int));
        count += n;
    }
    return count;
}

_Noreturn void fail_errno(int error, const char *call, const char *object) {
    char detail[DETAIL_MAX];
    size_t a = strlen(call), b = object ? strlen(object) : 0;
    if (a > 256) a = 256;
    if (b > DETAIL_MAX - 257) b = DETAIL_MAX - 257;
    memcpy(detail, call, a);
    detail[a] = '\n';
    if (b) memcpy(detail + a + 1, object, b);
    message_send(MESSAGE_ERROR, error, detail, a + 1 + b, -1);
    _exit(1);
}

_Noreturn void fail(const char *call, const char *object) { fail_errno(errno, call, object); }

void follow_parent(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* It may have ended before that; getppid() tells nothing in a new pid namespace, the socket does. */
    struct pollfd p = {.fd = state.socket, .events = 0};
    if (state.socket >= 0 && poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR))) _exit(1);
}
