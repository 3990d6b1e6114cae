/* What the container's process is: its namespaces, kernel parameters, identity, limits and program. */
#include "init.h"
#include "sys.h"

#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>


void do_join(const struct op *op) {
    int fd = (int)(FD_FIRST + state.preserved) + (int)op->n[0];
    if (op->n[0] < 0 || op->n[0] >= state.inherited) fail_errno(EBADMSG, "plan", "descriptor index");
    if (setns(fd, (int)op->n[1]) < 0) fail("setns", NULL);
    close(fd);
    prctl(PR_SET_DUMPABLE, 0);
    follow_parent(); /* joining a user namespace changes credentials, which clears the parent-death signal */
}

void do_fork(const struct op *op) {
    struct clone_args args = {.flags = (uint64_t)op->n[0] | CLONE_PARENT};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) fail("clone3", NULL);
    if (pid > 0) {
        char text[16];
        int n = snprintf(text, sizeof text, "%d", pid);
        message_send(MESSAGE_SYNC, POINT_CHILD, text, (size_t)n, -1);
        _exit(0);
    }
    prctl(PR_SET_DUMPABLE, 0);
    follow_parent();
    message_expect(MESSAGE_CONTINUE, POINT_CHILD, NULL, 0);
}

void do_proc_handle(const struct op *op) {
    (void)op;
    struct statfs fs;
    struct stat st;
    if (state.proc >= 0) return; /* more than one part of the plan writes through it */
    int context = sys_fsopen("proc");
    if (context >= 0 && sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) == 0) state.proc = sys_fsmount(context, 0);
    if (context >= 0) close(context);
    if (state.proc >= 0) return;
    /* In a user namespace with the host's pid namespace the kernel refuses a fresh one. */
    state.proc = sys_open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (state.proc < 0 || fstatfs(state.proc, &fs) < 0 || fstat(state.proc, &st) < 0) fail("open_tree", "/proc");
    if (fs.f_type != PROC_MAGIC || st.st_ino != PROC_ROOT_INODE) fail_errno(ENODEV, "open_tree", "/proc");
}

void do_sysctl(const struct op *op) {
    const char *path = op->s[0], *value = op->s[1];
    int fd = sys_openat2(state.proc, path, O_WRONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
    if (fd < 0) fail("openat2", path);
    if (write(fd, value, strlen(value)) < 0) fail("write", path);
    close(fd);
}

void do_keyring(const struct op *op) {
    long id = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, op->s[0]);
    if (id < 0 && errno == ENOSYS) return; /* a kernel without keys has none to keep apart */
    if (id < 0) fail("keyctl", op->s[0]);
    /* The user may search it as well: the payload's sudo-like children lose possession. */
    if (syscall(SYS_keyctl, KEYCTL_SETPERM, id, 0x3f1b0000ul) < 0 && errno != EACCES) fail("keyctl", op->s[0]);
}

struct limit {
    uint64_t soft, hard;
};

void do_rlimit(const struct op *op) {
    struct limit limit = {(uint64_t)op->n[1], (uint64_t)op->n[2]};
    if (syscall(SYS_prlimit64, 0, (int)op->n[0], &limit, NULL) < 0) fail("prlimit", NULL);
}

/* Limits are set last, for init itself could not live with all of them; but raising one takes a privilege that is gone then. */
void do_raise_limit(const struct op *op) {
    struct limit limit;
    if (syscall(SYS_prlimit64, 0, (int)op->n[0], NULL, &limit) < 0) fail("prlimit", NULL);
    if ((uint64_t)op->n[1] <= limit.hard) return;
    limit.hard = (uint64_t)op->n[1];
    if (syscall(SYS_prlimit64, 0, (int)op->n[0], &limit, NULL) < 0) fail("prlimit", NULL);
}

void do_make_cwd(const struct op *op) {
    int fd = path_directory(op->s[0], false);
    if (fd < 0) fail("mkdirat", op->s[0]);
    close(fd);
}

void do_chdir(const struct op *op) {
    char where[4096];
    int fd = path_open(op->s[0], O_PATH | O_DIRECTORY, false);
    if (fd < 0) fail("openat2", op->s[0]);
    if (fchdir(fd) < 0) fail("fchdir", op->s[0]);
    close(fd);
    /* The kernel says `(unreachable)` where a directory is outside of the root. */
    long n = syscall(SYS_getcwd, where, sizeof where);
    if (n < 0 && errno != ERANGE) fail("getcwd", op->s[0]);
    if (n > 0 && where[0] != '/') fail_errno(EXDEV, "getcwd", op->s[0]);
}

/* The value of a variable of the container's environment, or NULL. */
static const char *environment(const char *name) {
    size_t length = strlen(name);
    const char *found = NULL;
    for (size_t i = 0; i < state.env_count; i++)
        if (!strncmp(state.env[i], name, length) && state.env[i][length] == '=') found = state.env[i] + length + 1;
    return found;
}

#define PASSWD_MAX (1 << 20)

/* The home directory of `uid` in an /etc/passwd of the image, which may hold anything; NULL where it tells none. */
static char *home_of(char *text, int64_t uid) {
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *field[7] = {line};
        int n = 1;
        for (char *c = line; *c && n < 7; c++) {
            if (*c != ':') continue;
            *c = '\0';
            field[n++] = c + 1;
        }
        char *end;
        if (n != 7 || *field[2] < '0' || *field[2] > '9') continue;
        unsigned long long id = strtoull(field[2], &end, 10);
        if (*end == '\0' && id == (unsigned long long)uid && *field[5] == '/') return field[5];
    }
    return NULL;
}

void do_home(const struct op *op) {
    if (!state.env) fail_errno(EBADMSG, "plan", "HOME before ENV");
    const char *present = environment("HOME");
    if (present && *present) return;
    char *text = NULL;
    const char *home = "/";
    struct stat st;
    int fd = path_open("/etc/passwd", O_RDONLY | O_NONBLOCK, false);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (text = malloc(PASSWD_MAX + 1))) {
        size_t used = 0;
        ssize_t n;
        while (used < PASSWD_MAX && (n = read(fd, text + used, PASSWD_MAX - used)) > 0) used += (size_t)n;
        text[used] = '\0';
        const char *found = home_of(text, op->n[0]);
        if (found) home = found;
    }
    if (fd >= 0) close(fd);
    char *entry = malloc(strlen(home) + 6);
    if (!entry) fail_errno(ENOMEM, "malloc", NULL);
    memcpy(entry, "HOME=", 5);
    memcpy(entry + 5, home, strlen(home) + 1);
    free(text);
    /* An empty HOME is replaced where it stands, a missing one is added. */
    for (size_t i = 0; i < state.env_count; i++) {
        if (strncmp(state.env[i], "HOME=", 5)) continue;
        state.env[i] = entry;
        return;
    }
    state.env[state.env_count++] = entry; /* ENV left room for it */
}

void do_listen_pid(void) {
    static char entry[32];
    if (!state.env) fail_errno(EBADMSG, "plan", "LISTEN_PID before ENV");
    snprintf(entry, sizeof entry, "LISTEN_PID=%d", (int)getpid());
    state.env[state.env_count++] = entry; /* as for HOME */
}

static bool is_null(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* The caller's is a file of the host's: root in the container could change its mode and owner through the descriptor. */
void do_stdio_null(void) {
    for (int fd = 0; fd < 3; fd++) {
        if (!is_null(fd)) continue;
        /* In a container that runs, anything may be in its place: nothing that blocks, and no terminal to be taken. */
        int own = open("/dev/null", O_RDWR | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (own < 0) return; /* it has brought a /dev without one */
        if (is_null(own)) {
            if (fcntl(own, F_SETFL, 0) < 0 || dup2(own, fd) < 0) fail("dup2", "/dev/null");
        }
        close(own);
    }
}

void do_stdio_owner(const struct op *op) {
    for (int fd = 0; fd < 3; fd++) {
        struct stat st;
        /* Only pipes: a device node or a file belongs to whoever passed it. */
        if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) || st.st_uid == (uid_t)op->n[0]) continue;
        if (fchown(fd, (uid_t)op->n[0], (gid_t)op->n[1]) < 0 && errno != EPERM && errno != EROFS && errno != EINVAL)
            fail("fchown", "standard input, output or error");
    }
}

void do_bounding(const struct op *op) {
    for (unsigned long capability = 0; capability < 64; capability++) {
        if ((uint64_t)op->n[0] >> capability & 1) continue;
        if (prctl(PR_CAPBSET_READ, capability) < 0) return; /* the kernel knows no more */
        if (prctl(PR_CAPBSET_DROP, capability) < 0) fail("prctl", "PR_CAPBSET_DROP");
    }
}

void do_groups(const struct op *op) {
    uint32_t count = op->list[0].count;
    uint32_t *gids = calloc(count + 1, sizeof *gids);
    if (!gids) fail_errno(ENOMEM, "calloc", NULL);
    if (count) memcpy(gids, op->list[0].data, count * sizeof *gids);
    /* A user namespace that is joined may deny it to everybody. */
    if (syscall(SYS_setgroups, (size_t)count, gids) < 0 && !(op->n[0] && errno == EPERM)) fail("setgroups", NULL);
    free(gids);
}

void do_user(const struct op *op) {
    uid_t uid = (uid_t)op->n[0];
    gid_t gid = (gid_t)op->n[1];
    if (prctl(PR_SET_KEEPCAPS, 1) < 0) fail("prctl", "PR_SET_KEEPCAPS");
    if (syscall(SYS_setresgid, gid, gid, gid) < 0) fail("setresgid", NULL);
    if (syscall(SYS_setresuid, uid, uid, uid) < 0) fail("setresuid", NULL);
    if (prctl(PR_SET_KEEPCAPS, 0) < 0) fail("prctl", "PR_SET_KEEPCAPS");
    prctl(PR_SET_DUMPABLE, 0); /* a change of credentials resets both */
    follow_parent();
}

static void set_capabilities(const struct op *op) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)((uint64_t)op->n[0] >> (32 * i));
        data[i].permitted = (uint32_t)((uint64_t)op->n[1] >> (32 * i));
        data[i].inheritable = (uint32_t)((uint64_t)op->n[2] >> (32 * i));
    }
    if (syscall(SYS_capset, &header, data) < 0) fail("capset", NULL);
}

void do_capabilities(const struct op *op) {
    set_capabilities(op);
    prctl(PR_SET_DUMPABLE, 0);
    follow_parent();
}

/* Under the filter: one system call and no more. The kernel resets neither dumpable nor anything else where sets only shrink. */
void do_last_capabilities(const struct op *op) { set_capabilities(op); }

void do_ambient(const struct op *op) {
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) fail("prctl", "PR_CAP_AMBIENT_CLEAR_ALL");
    for (unsigned long capability = 0; capability < 64; capability++)
        if (((uint64_t)op->n[0] >> capability & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
            fail("prctl", "PR_CAP_AMBIENT_RAISE");
}

/* 0, or why `path` cannot be executed. */
static int executable(const char *path) {
    struct stat st;
    if (stat(path, &st) < 0) return errno;
    if (S_ISDIR(st.st_mode)) return EISDIR;
    if (!S_ISREG(st.st_mode)) return EACCES;
    /* A link to /proc/self/exe: init without a plan would be the container's program. Nothing below has this number, while a
       security module or a file system in user space may well answer EPERM. */
    if (state.own_inode && st.st_dev == state.own_device && st.st_ino == state.own_inode) return ETXTBSY;
    /* The raw call with AT_EACCESS: musl's own forks a child for it. */
    if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) < 0) return errno;
    return 0;
}

void do_find_executable(const struct op *op) {
    (void)op;
    const char *name = state.args ? state.args[0] : NULL;
    if (!name || !*name) fail_errno(ENOENT, "find", "");
    if (strchr(name, '/')) {
        int error = executable(name);
        if (error) fail_errno(error, "stat", name);
        state.executable = strdup(name);
        return;
    }
    const char *path = environment("PATH");
    int worst = ENOENT;
    if (!path) path = "/usr/local/bin:/bin:/usr/bin"; /* execvp's own default, as POSIX leaves it to the system */
    while (*path) {
        size_t length = strcspn(path, ":");
        char *candidate = malloc(length + strlen(name) + 3);
        if (!candidate) fail_errno(ENOMEM, "malloc", NULL);
        if (length == 0) /* an empty element is the current directory */
            memcpy(candidate, ".", 1);
        else
            memcpy(candidate, path, length);
        size_t used = length ? length : 1;
        candidate[used] = '/';
        memcpy(candidate + used + 1, name, strlen(name) + 1);
        int error = executable(candidate);
        if (!error) {
            state.executable = candidate;
            return;
        }
        if (error == EACCES) worst = EACCES;
        free(candidate);
        path += length + (path[length] == ':');
    }
    fail_errno(worst, "find", name);
}

void do_affinity(const struct op *op) {
    unsigned char set[1024]; /* 8192 CPUs, the most that Linux is built for; it ignores those that are not there */
    memset(set, op->list[0].count ? 0 : 0xff, sizeof set);
    for (uint32_t i = 0; i < op->list[0].count; i++) {
        uint32_t cpu;
        memcpy(&cpu, op->list[0].data + i * sizeof cpu, sizeof cpu);
        if (cpu >= 8 * sizeof set) fail_errno(EINVAL, "sched_setaffinity", NULL);
        set[cpu / 8] |= (unsigned char)(1u << cpu % 8);
    }
    if (syscall(SYS_sched_setaffinity, 0, sizeof set, set) < 0) fail("sched_setaffinity", NULL);
}

void do_wait_start(const struct op *op) {
    (void)op;
    char byte;
    ssize_t n;
    while ((n = read(state.go, &byte, 1)) < 0 && errno == EINTR) {}
    if (n != 1) fail("read", "the go fifo");
}

/* Tells why the program did not start: its name, and its first bytes, from which the host sees the reason. */
static _Noreturn void report_exec_failure(int error) {
    char detail[4000];
    size_t used = strnlen(state.executable, 2000);
    memcpy(detail, state.executable, used);
    detail[used++] = '\n';
    if (state.filtered) message_send(MESSAGE_EXEC_FAILED, error, detail, used, -1); /* open(2) may end us: what is known goes first */
    int fd = open(state.executable, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t n = read(fd, detail + used, sizeof detail - used);
        if (n > 0) used += (size_t)n;
    }
    message_send(MESSAGE_EXEC_FAILED, error, detail, used, -1);
    _exit(error == ENOENT ? 127 : 126);
}

/* Moves a descriptor of init's own to where it is in nobody's way. */
static int move_away(int fd, const char *what) {
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, (int)(FD_FIRST + state.preserved + state.inherited));
    if (moved < 0) fail("fcntl", what);
    close(fd);
    return moved;
}

/* Before a seccomp filter may refuse it: the payload's descriptors wait in their places, and init's own behind them. */
void do_descriptors(const struct op *op) {
    (void)op;
    if (state.preserved > 0) {
        state.socket = move_away(state.socket, "the socket");
        state.go = move_away(state.go, "the go fifo");
        state.reply_fd = move_away(state.reply_fd, "the reply fifo");
    }
    for (unsigned i = 0; i < state.preserved; i++)
        if (dup2((int)(FD_FIRST + i), (int)(3 + i)) < 0) fail("dup2", "a preserved descriptor");
    if (sys_close_range(3 + state.preserved, ~0u, CLOSE_RANGE_CLOEXEC) < 0) fail("close_range", NULL);
}

_Noreturn void do_exec(const struct op *op) {
    (void)op;
    if (!state.executable || !state.env) fail_errno(EBADMSG, "plan", "EXEC before its program is known");
    message_send(MESSAGE_STARTED, 0, NULL, 0, -1);
    /* The point of no return. */
    execve(state.executable, state.args, state.env);
    report_exec_failure(errno);
}
