/* Hooks that run in the container: a child with the state on its standard input and a bounded time. */
#include "init.h"
#include "sys.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define OUTPUT_MAX 3500

static _Noreturn void run(const struct op *op, char **args, char **env, int output) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    umask(022); /* init's own is 0 */
    setsid(); /* so that a hook whose time is over goes with all that it started */
    int input = state.hook_state >= 0 ? state.hook_state : open("/dev/null", O_RDONLY);
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(127);
    sys_close_range(3, ~0u, 0);
    execve(op->s[0], args, env);
    dprintf(2, "execve: %s", strerror(errno));
    _exit(127);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void do_hook(const struct op *op) {
    char output[OUTPUT_MAX];
    size_t used = 0;
    int out[2], status;
    char **args = plan_vector(op, 0, 0), **env = plan_vector(op, 1, 0);
    if (state.hook_state >= 0 && lseek(state.hook_state, 0, SEEK_SET) < 0) fail("lseek", "the container's state");
    if (pipe2(out, O_CLOEXEC) < 0) fail("pipe2", NULL);
    pid_t pid = fork();
    if (pid < 0) fail("fork", op->s[0]);
    if (pid == 0) run(op, args, env, out[1]);
    close(out[1]);
    int process = sys_pidfd_open(pid);
    if (process < 0) fail("pidfd_open", op->s[0]);
    int64_t deadline = op->n[0] > 0 ? now_ms() + op->n[0] : INT64_MAX;
    bool late = false, ended = false;
    struct pollfd fds[2] = {{.fd = process, .events = POLLIN}, {.fd = out[0], .events = POLLIN}};
    while (!ended) {
        int64_t left = deadline == INT64_MAX ? -1 : deadline - now_ms();
        int ready = left < 0 && deadline != INT64_MAX ? 0 : poll(fds, 2, left > INT32_MAX ? INT32_MAX : (int)left);
        if (ready == 0 && now_ms() >= deadline) {
            late = true;
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            break;
        }
        if (ready < 0 && errno != EINTR) fail("poll", op->s[0]);
        if (ready <= 0) continue;
        if (fds[1].revents) {
            char more[4096];
            ssize_t n = read(out[0], more, sizeof more);
            if (n <= 0) fds[1].fd = -1;
            for (ssize_t i = 0; i < n && used < OUTPUT_MAX; i++) output[used++] = more[i];
        } else if (fds[0].revents) {
            ended = true; /* output was empty; a daemon that it left may hold the pipe for ever */
        }
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) fail("waitpid", op->s[0]);
    close(process);
    close(out[0]);
    free(args);
    free(env);
    if (late || status != 0) {
        message_send(MESSAGE_HOOK_FAILED, late ? -1 : status, output, used, -1);
        _exit(1);
    }
}
