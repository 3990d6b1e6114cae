/* The terminal of the program: what is typed at the caller's is carried to it, and what it prints back. */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* As much as a pipe that is said to be ready takes without blocking us: the caller's descriptors stay as they are. */
#define SAFE_WRITE 4096

static struct termios saved;
static bool is_raw;

void terminal_open(struct terminal *terminal, int master) {
    terminal->master = master;
    terminal->input.open = terminal->output.open = master >= 0;
    if (master < 0) return;
    fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK); /* ours alone */
    terminal_resize(terminal);
    if (tcgetattr(STDIN_FILENO, &saved) < 0) return;
    struct termios raw = saved;
    cfmakeraw(&raw);
    /* At once: waiting for the output to drain hangs where it has been stopped. */
    is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void terminal_resize(struct terminal *terminal) {
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && (size.ws_row || size.ws_col))
        ioctl(terminal->master, TIOCSWINSZ, &size);
}

static bool is_empty(const struct carrier *carrier) { return carrier->start == carrier->end; }

static void want(struct pollfd *entry, int fd, short events) {
    /* Without a wish no descriptor: one that has hung up is always ready. */
    *entry = (struct pollfd){.fd = events ? fd : -1, .events = events};
}

void terminal_wants(const struct terminal *terminal, struct pollfd wanted[3]) {
    const struct carrier *input = &terminal->input, *output = &terminal->output;
    bool reads = output->open && is_empty(output);
    want(&wanted[0], STDIN_FILENO, input->open && is_empty(input) ? POLLIN : 0);
    want(&wanted[1], terminal->master, (short)((reads ? POLLIN : 0) | (is_empty(input) ? 0 : POLLOUT)));
    want(&wanted[2], STDOUT_FILENO, is_empty(output) ? 0 : POLLOUT);
}

/* Reads what there is; false at the end. */
static bool fill(struct carrier *carrier, int fd) {
    ssize_t n = read(fd, carrier->bytes, sizeof carrier->bytes);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    carrier->start = 0;
    carrier->end = (size_t)n;
    return n > 0;
}

/* Writes what is taken; what nobody will take is dropped. */
static void drain(struct carrier *carrier, int fd, size_t most) {
    size_t size = carrier->end - carrier->start;
    ssize_t n = write(fd, carrier->bytes + carrier->start, size < most ? size : most);
    if (n >= 0) carrier->start += (size_t)n;
    else if (errno != EAGAIN && errno != EINTR) carrier->start = carrier->end;
}

/* What Ctrl-C and Ctrl-\ send, where the program's terminal makes signals of them. */
static int typed_signal(const struct terminal *terminal) {
    const struct carrier *input = &terminal->input;
    struct termios settings;
    size_t size = input->end - input->start;
    if (tcgetattr(terminal->master, &settings) < 0 || !(settings.c_lflag & ISIG)) return 0;
    if (memchr(input->bytes + input->start, 3, size)) return SIGINT;
    return memchr(input->bytes + input->start, 28, size) ? SIGQUIT : 0;
}

int terminal_carry(struct terminal *terminal, const struct pollfd got[3]) {
    struct carrier *input = &terminal->input, *output = &terminal->output;
    int signal = 0;
    if (got[0].revents) {
        input->open = fill(input, STDIN_FILENO);
        if (!input->open && is_empty(input)) {
            /* The end of a pipe is what Ctrl-D is at a terminal: the program sees the end of its input. */
            input->bytes[0] = 4;
            input->start = 0;
            input->end = 1;
        }
        signal = typed_signal(terminal);
    }
    if (!is_empty(input) && (got[0].revents || got[1].revents & (POLLOUT | POLLHUP | POLLERR)))
        drain(input, terminal->master, sizeof input->bytes);
    /* EIO: the last process has closed it. */
    if (output->open && is_empty(output) && got[1].revents & (POLLIN | POLLHUP | POLLERR))
        output->open = fill(output, terminal->master);
    if (got[2].revents && !is_empty(output)) drain(output, STDOUT_FILENO, SAFE_WRITE);
    return signal;
}

void terminal_close(struct terminal *terminal) {
    struct carrier *output = &terminal->output;
    if (terminal->master < 0) return;
    while (output->open || !is_empty(output)) {
        struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
        if (is_empty(output)) {
            output->open = fill(output, terminal->master);
            if (is_empty(output)) break; /* others may have it open, and print later */
        }
        if (poll(&ready, 1, -1) < 0 && errno != EINTR) break;
        drain(output, STDOUT_FILENO, SAFE_WRITE);
    }
    if (is_raw) tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    is_raw = false;
    close(terminal->master);
    terminal->master = -1;
}
