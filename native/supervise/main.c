/* The loop: wait for what happens, do it, until the program has ended. See supervise.h. */
#include "supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct program {
    pid_t pid;
    int pidfd;
    bool shares_terminal, ends_as_any;
};

static struct terminal terminal;
static struct notification notification = {-1, -1, 0};

static _Noreturn void give_up(const char *what) {
    dprintf(STDERR_FILENO, "tsrun: wait for the program: %s: %s\n", what, strerror(errno));
    terminal_close(&terminal);
    _exit(1);
}

static int sys_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* Every signal, by the raw calls: libc's own spare some. Nothing is ignored any more, so that all come here. */
static int open_signals(void) {
    uint64_t all = ~UINT64_C(0);
    struct {
        void (*handler)(int);
        unsigned long rest[7];
    } fresh = {SIG_DFL, {0}};
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
    for (int signal = 1; signal <= 64; signal++) syscall(SYS_rt_sigaction, signal, &fresh, NULL, sizeof all);
    return (int)syscall(SYS_signalfd4, -1, &all, sizeof all, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Reaps what has ended; true where the program is among it, with its exit status. */
static bool reap(const struct program *program, int *status) {
    for (;;) {
        int ended;
        pid_t pid = waitpid(-1, &ended, WNOHANG | __WALL);
        if (pid < 0 && errno == EINTR) continue;
        if (pid <= 0) return false;
        if (pid != program->pid) continue;
        *status = WIFSIGNALED(ended) ? 128 + WTERMSIG(ended) : WEXITSTATUS(ended);
        return true;
    }
}

static void send_signal(const struct program *program, int signal) {
    bool dropped = program->ends_as_any && is_dropped(program->pid, signal);
    sys_pidfd_send_signal(program->pidfd, dropped ? SIGKILL : signal);
}

static void forward(const struct program *program, int signals) {
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        int signal = (int)info.ssi_signo;
        if (signal == SIGCHLD) continue; /* about our own children */
        if (signal == SIGWINCH && terminal.master >= 0) {
            terminal_resize(&terminal); /* its driver tells the program, once the size has changed */
            continue;
        }
        /* The driver of our terminal sends these to the program itself. */
        if (program->shares_terminal && (signal == SIGINT || signal == SIGQUIT || signal == SIGTSTP)) continue;
        send_signal(program, signal);
    }
}

static int wait_for(const struct program *program, int signals) {
    int status;
    while (!reap(program, &status)) {
        /* poll(2) passes over a descriptor that is -1. */
        struct pollfd fds[6] = {{.fd = signals, .events = POLLIN},
                                {.fd = program->pidfd, .events = POLLIN},
                                {.fd = notification.from, .events = POLLIN}};
        if (terminal.master >= 0) terminal_wants(&terminal, fds + 3);
        if (poll(fds, terminal.master >= 0 ? 6 : 3, -1) < 0) {
            if (errno == EINTR) continue;
            give_up("poll");
        }
        if (terminal.master >= 0) {
            int typed = terminal_carry(&terminal, fds + 3);
            /* The terminal's driver has sent it, and the kernel has dropped it. */
            if (typed && program->ends_as_any && is_foreground(program->pid) && is_dropped(program->pid, typed))
                sys_pidfd_send_signal(program->pidfd, SIGKILL);
        }
        if (fds[0].revents) forward(program, signals);
        notification_carry(&notification);
    }
    notification_carry(&notification);
    return status;
}

/* A decimal number of the command line, which tsrun itself has written. */
static int number(const char *text) {
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end || value < 0 || value > INT32_MAX) {
        dprintf(STDERR_FILENO, "tsrun: supervise is a part of tsrun, and not called by itself\n");
        _exit(1);
    }
    return (int)value;
}

/* Becomes the program that cleans up. `words` is what came with it, and ends in NULL. */
static _Noreturn void become(int record, char **words, int count, int status) {
    static char *const environment[] = {"BUN_JSC_useJIT=0", NULL}; /* as the launcher has it */
    char text[16];
    char **argv = calloc((size_t)count + 2, sizeof *argv);
    snprintf(text, sizeof text, "%d", status);
    lseek(record, 0, SEEK_SET);
    if (argv) {
        memcpy(argv + 1, words + 1, (size_t)(count - 1) * sizeof *argv);
        argv[0] = "tsrun";
        argv[count] = text;
        execve(words[0], argv, environment);
    }
    dprintf(STDERR_FILENO, "tsrun: clean up: %s: %s\n", words[0], strerror(errno));
    _exit(1);
}

int main(int argc, char **argv) {
    if (argc < 5 || argc == 6) number("");
    struct program program = {
        .pid = number(argv[1]),
        .shares_terminal = strchr(argv[3], 's') != NULL,
        .ends_as_any = strchr(argv[3], 'e') != NULL,
    };
    char *to = strchr(argv[4], ',');
    if (to) {
        *to = '\0';
        notification = (struct notification){.from = number(argv[4]), .to = number(to + 1), .pid = program.pid};
    }
    int signals = open_signals();
    if (signals < 0) give_up("signalfd");
    program.pidfd = (int)syscall(SYS_pidfd_open, program.pid, 0);
    if (program.pidfd < 0) give_up("pidfd_open");
    terminal_open(&terminal, strcmp(argv[2], "-") ? number(argv[2]) : -1);
    int status = wait_for(&program, signals);
    terminal_close(&terminal);
    if (argc == 5) _exit(status);
    close(program.pidfd);
    close(signals);
    become(number(argv[5]), argv + 6, argc - 6, status);
}
