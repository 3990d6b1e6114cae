/*
 * Feeds plans to init where nothing they can say reaches the machine: in a user namespace whose root is nobody outside,
 * with mount, pid, uts, ipc and net namespaces of its own and an empty tmpfs as the root. Each plan gets fresh mount, pid,
 * uts and ipc namespaces on top.
 *
 *   init-sandbox INIT [LIBRARY...] < plans > endings
 *
 * A plan is its size (u32) and its bytes. Its ending is two lines: every message that init sent, as
 * TYPE:OPERATION:VALUE:DETAIL with the detail in hexadecimal; and `exit CODE`, `signal NUMBER` or `timeout 0`.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 8000
#define ID_BASE "0 100000 65536"

enum { MESSAGE_SYNC = 1, MESSAGE_CONTINUE, MESSAGE_CONSOLE, MESSAGE_READY, MESSAGE_HANDOVER };
struct message {
    uint32_t type, op;
    int32_t value;
    uint32_t length;
    char detail[4096];
};

static _Noreturn void die(const char *what) {
    perror(what);
    exit(99);
}

static void copy(int from, const char *path, mode_t mode) {
    char buffer[65536];
    ssize_t n;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        char *directory = strndup(path, (size_t)(slash - path));
        mkdir(directory, 0755);
        free(directory);
    }
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (to < 0) die(path);
    while ((n = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, (size_t)n) != n) die(path);
    fchmod(to, mode);
    close(to);
    close(from);
}

static void text(const char *path, const char *content, mode_t mode) {
    int fds[2];
    if (pipe(fds) < 0 || write(fds[1], content, strlen(content)) < 0) die("pipe");
    close(fds[1]);
    copy(fds[0], path, mode);
}

/* The root of the sandbox, below /tmp, and then as `/`. */
static void make_root(const int *files, char **paths, int count) {
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) die("mount /");
    if (mount("tmpfs", "/tmp", "tmpfs", 0, "size=64m,mode=755") < 0) die("mount tmpfs");
    if (chdir("/tmp") < 0) die("chdir");
    mkdir("/tmp/proc", 0755);
    mount("proc", "/tmp/proc", "proc", 0, NULL); /* only the sanitizers need it */
    text("/tmp/dev/null", "", 0666);
    if (mount("/dev/null", "/tmp/dev/null", NULL, MS_BIND, NULL) < 0) die("bind /dev/null");
    for (int i = 0; i < count; i++) {
        char path[4200];
        snprintf(path, sizeof path, "/tmp%s", i == 0 ? "/init" : paths[i]);
        copy(files[i], path, 0755);
    }
    /* A root file system for the plans. */
    text("/tmp/root/etc/passwd", "root:x:0:0::/root:/bin/sh\nuser:x:7:7::/home/user:/bin/sh\nbad line\n:::::::\n", 0644);
    text("/tmp/root/dir/sub/file", "content", 0600);
    text("/tmp/root/program", "#!/nowhere\n", 0755);
    if (symlink("/dir", "/tmp/root/link") < 0 || symlink("loop", "/tmp/root/loop") < 0) die("symlink");
    if (syscall(SYS_pivot_root, ".", ".") < 0) die("pivot_root");
    if (umount2(".", MNT_DETACH) < 0) die("umount2");
    if (chdir("/") < 0) die("chdir /");
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void tell(const struct message *m) {
    printf(" %u:%u:%d:", m->type, m->op, m->value);
    for (uint32_t i = 0; i < m->length && i < sizeof m->detail; i++) printf("%02x", (unsigned char)m->detail[i]);
}

/* Plays the host for one message; false when the conversation is over. */
static int converse(int fd) {
    struct message m, answer = {0};
    char control[CMSG_SPACE(sizeof(int) * 4)];
    struct iovec data = {&m, sizeof m};
    struct msghdr header = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    if (n < 16) return 0;
    tell(&m);
    if (m.type == MESSAGE_SYNC) {
        answer.type = MESSAGE_CONTINUE;
        answer.value = m.value;
    } else if (m.type == MESSAGE_READY) {
        answer.type = MESSAGE_HANDOVER;
    } else {
        return 1;
    }
    send(fd, &answer, 16, MSG_NOSIGNAL);
    return 1;
}

static void tell_reply(int fd) {
    static char all[1 << 16];
    size_t used = 0;
    ssize_t n;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (used < sizeof all && (n = read(fd, all + used, sizeof all - used)) > 0) used += (size_t)n;
    for (size_t at = 0; at + 16 <= used;) {
        struct message m;
        memcpy(&m, all + at, 16);
        if (m.length > sizeof m.detail || m.length > used - at - 16) break;
        memcpy(m.detail, all + at + 16, m.length);
        tell(&m);
        at += 16 + m.length;
    }
}

static _Noreturn void become_init(int socket, int plan, int go, int reply) {
    /* Out of the way of their places first. */
    int fds[4] = {socket, plan, go, reply};
    for (int i = 0; i < 4; i++) fds[i] = fcntl(fds[i], F_DUPFD, 20);
    for (int i = 0; i < 4; i++) dup2(fds[i], 3 + i);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    syscall(SYS_close_range, 7u, ~0u, 0u);
    char *args[] = {(char *)(uintptr_t)"init", NULL}, *env[] = {NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execve("/init", args, env);
    _exit(98);
}

/* The first process of the plan's own pid namespace. */
static _Noreturn void supervise(const char *plan, size_t size) {
    int sockets[2], go[2], reply[2], status, last = 0, crash = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) die("socketpair");
    if (pipe2(go, O_CLOEXEC) < 0 || pipe2(reply, O_CLOEXEC) < 0) die("pipe2");
    int memory = memfd_create("plan", MFD_CLOEXEC);
    if (memory < 0 || write(memory, plan, size) != (ssize_t)size) die("memfd_create");
    if (write(go[1], "g", 1) != 1) die("write");
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) become_init(sockets[1], memory, go[0], reply[1]);
    close(sockets[1]);
    close(go[0]);
    close(go[1]);
    close(reply[1]);
    int64_t deadline = now_ms() + TIMEOUT_MS;
    int open_socket = 1;
    for (;;) {
        pid_t ended;
        while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
            if (WIFSIGNALED(status)) {
                int s = WTERMSIG(status);
                if (s != SIGKILL) crash = s;
            } else {
                last = WEXITSTATUS(status);
            }
        }
        if (ended < 0 && !open_socket) break;
        if (now_ms() > deadline) break;
        struct pollfd p = {.fd = open_socket ? sockets[0] : -1, .events = POLLIN};
        if (poll(&p, 1, open_socket ? 50 : 1) > 0 && !converse(sockets[0])) open_socket = 0;
    }
    tell_reply(reply[0]);
    if (crash)
        printf("\nsignal %d\n", crash);
    else if (now_ms() > deadline)
        printf("\ntimeout 0\n");
    else
        printf("\nexit %d\n", last);
    fflush(stdout);
    _exit(0); /* takes everything of the namespace along */
}

static int read_all(int fd, void *into, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)into + done, size - done);
        if (n <= 0) return 0;
        done += (size_t)n;
    }
    return 1;
}

static int run_plans(void) {
    uint32_t size;
    while (read_all(0, &size, sizeof size)) {
        char *plan = malloc(size ? size : 1);
        if (!plan || !read_all(0, plan, size)) return 97;
        fflush(stdout);
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0);
        if (pid < 0) die("clone");
        if (pid == 0) supervise(plan, size);
        int status;
        if (waitpid(pid, &status, 0) < 0 || status != 0) return 96;
        free(plan);
    }
    return 0;
}

static void write_map(pid_t pid, const char *name, const char *content) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_WRONLY);
    if (fd < 0 || write(fd, content, strlen(content)) < 0) die(path);
    close(fd);
}

int main(int argc, char **argv) {
    int files[32], ready[2], mapped[2], status, count = argc - 1;
    char byte;
    if (count < 1 || count > 32) return 95;
    for (int i = 0; i < count; i++)
        if ((files[i] = open(argv[i + 1], O_RDONLY | O_CLOEXEC)) < 0) die(argv[i + 1]);
    if (pipe(ready) < 0 || pipe(mapped) < 0) die("pipe");
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid > 0) {
        close(ready[1]);
        close(mapped[0]);
        if (read(ready[0], &byte, 1) != 1) return 94;
        write_map(pid, "uid_map", ID_BASE);
        write_map(pid, "gid_map", ID_BASE);
        if (write(mapped[1], "m", 1) != 1) return 93;
        if (waitpid(pid, &status, 0) < 0) return 92;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 91;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP) < 0)
        die("unshare");
    if (write(ready[1], "r", 1) != 1 || read(mapped[0], &byte, 1) != 1) return 90;
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) die("setresuid");
    pid = fork(); /* into the pid namespace */
    if (pid < 0) die("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        make_root(files, argv + 1, count);
        _exit(run_plans());
    }
    if (waitpid(pid, &status, 0) < 0) return 89;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 88;
}
