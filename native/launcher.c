/*
 * tsrun's launcher: what people call `tsrun`.
 *
 * A JavaScript engine changes its process before any of our code runs: it raises the soft RLIMIT_NOFILE, ignores
 * signals, takes the first free descriptors, and obeys variables of the environment that can make it run other code.
 * A container must inherit what the caller had, so this program writes that down first and then becomes the engine.
 * It implements no command and reads no argument.
 *
 *   caller --execve--> launcher --execve--> engine, argv = { "tsrun", "<descriptor of the record>", arguments... }
 *
 * The process stays the same: pid, parent-death signal and descriptors survive. The record is a memfd; its layout is
 * struct caller_record followed by the open descriptors (u32 each, ascending) and the environment (NUL-terminated
 * strings). runtime/caller.ts reads it; both sides state the layout and test/native/launcher.test.ts compares them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define RECORD_MAGIC "tsruncal"
#define RECORD_VERSION 1u
/* Where the record's descriptor is put: beyond what callers pass with --preserve-fds or LISTEN_FDS. */
#define RECORD_FD 1000

/* Descriptors that the engine cannot start without, the record's among them: one less, and it dies with a trace. */
#define NEEDED_FDS 5

struct caller_record {
    char magic[8];
    uint32_t version;
    uint32_t closed_stdio; /* bit n: descriptor n (0-2) was closed and is now /dev/null */
    uint64_t soft_nofile;
    uint64_t ignored_signals; /* bit n-1: signal n */
    uint64_t blocked_signals;
    uint32_t fd_count;
    uint32_t env_count;
    uint32_t env_bytes;
    uint32_t reserved;
};
_Static_assert(sizeof(struct caller_record) == 56, "runtime/caller.ts reads these offsets");

/*
 * The engine's whole environment: nothing of the caller's reaches it.
 *
 * Without the just-in-time compiler, which has nothing to gain in a process of a few milliseconds, the engine starts
 * no thread. With huge pages its heap (2.7 MB, scattered over 20) takes 10 page faults in place of 680, more than half
 * of all that a command has: `exec` took 27 ms with them and 37 without where a fault is dear (a virtual machine whose
 * host was busy). The engine lives too briefly for the memory to matter. No other option made a measurable difference.
 */
static char *const engine_env[] = {
    (char[]){"BUN_JSC_useJIT=0"},
    (char[]){"MIMALLOC_ALLOW_THP=1"},
    NULL,
};

/* Ends with one sentence on standard error: "tsrun: <doing><object>: <reason>". */
static _Noreturn void fail(const char *doing, const char *object, const char *reason)
{
    const char *const texts[] = {"tsrun: ", doing, object, ": ", reason, "\n"};
    struct iovec parts[sizeof texts / sizeof *texts];
    const int count = sizeof texts / sizeof *texts;
    for (int i = 0; i < count; i++)
        parts[i] = (struct iovec){.iov_base = (void *)(uintptr_t)texts[i], .iov_len = strlen(texts[i])};
    /* One call, so that the line stays whole; if even that fails there is nobody left to tell. */
    (void)!writev(STDERR_FILENO, parts, count);
    _exit(1);
}

static _Noreturn void fail_few_fds(void)
{
    fail("too few open files are allowed", "", "raise the caller's hard limit (ulimit -Hn), or close what it has open");
}

/* The open descriptors, in the ascending order in which the kernel lists them. */
struct fd_list {
    uint32_t *fds;
    size_t count;
};

static struct fd_list list_open_fds(void)
{
    struct fd_list list = {NULL, 0};
    size_t room = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir && errno == ENOENT)
        fail("/proc is not mounted", "", "mount it (mount -t proc proc /proc) and try again");
    if (!dir && errno == EMFILE)
        fail_few_fds();
    if (!dir)
        fail("list the open descriptors in ", "/proc/self/fd", strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        uint32_t fd = (uint32_t)strtoul(entry->d_name, NULL, 10);
        if (fd == (uint32_t)dirfd(dir))
            continue;
        if (list.count == room) {
            room = room ? room * 4 : 256;
            list.fds = realloc(list.fds, room * sizeof *list.fds);
            if (!list.fds)
                fail("remember the open descriptors", "", strerror(ENOMEM));
        }
        list.fds[list.count++] = fd;
    }
    closedir(dir);
    return list;
}

/*
 * The engine would use a closed descriptor 0-2 for its own files, and a message to "standard error" would land there.
 * Returns which were closed, as bits.
 */
static uint32_t open_closed_stdio(const struct fd_list *open_fds)
{
    uint32_t closed = 7;
    for (size_t i = 0; i < open_fds->count && open_fds->fds[i] < 3; i++)
        closed &= ~(1u << open_fds->fds[i]);
    for (int fd = 0; fd < 3; fd++) {
        /* open() takes the lowest free number, and those below are in use by now. */
        if (closed & (1u << fd) && open("/dev/null", O_RDWR) != fd)
            fail("open /dev/null in place of a closed standard descriptor", "", strerror(errno));
    }
    return closed;
}

/* libc's own calls hide the real-time signals it uses itself, hence the raw ones. */
static uint64_t block_all_signals(void)
{
    uint64_t all = ~UINT64_C(0), before = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    return before;
}

static uint64_t ignored_signals(void)
{
    /* As the kernel lays it out; the handler comes first on every architecture we build for. */
    struct {
        void (*handler)(int);
        unsigned long rest[7];
    } action;
    uint64_t ignored = 0;
    for (int signal = 1; signal <= 64; signal++) {
        if (!syscall(SYS_rt_sigaction, signal, NULL, &action, sizeof(uint64_t)) && action.handler == SIG_IGN)
            ignored |= UINT64_C(1) << (signal - 1);
    }
    return ignored;
}

/* Raises the soft limit as the engine would do anyway, so that a tiny one does not stop us here; returns what was. */
static struct rlimit raise_soft_nofile(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        fail("read the limit of open files", "", strerror(errno));
    const struct rlimit raised = {limit.rlim_max, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &raised);
    return limit;
}

static void check_room(const struct fd_list *open_fds, rlim_t hard)
{
    rlim_t used = 3; /* closed standard descriptors become open ones */
    for (size_t i = 0; i < open_fds->count; i++)
        used += open_fds->fds[i] > 2 && open_fds->fds[i] < hard;
    if (hard < used + NEEDED_FDS)
        fail_few_fds();
}

static void write_all(int fd, const void *data, size_t size)
{
    for (const char *at = data; size;) {
        ssize_t n = write(fd, at, size);
        if (n < 0)
            fail("write the record of the caller's state", "", strerror(errno));
        at += n;
        size -= (size_t)n;
    }
}

/* The environment as one block; argv and envp usually are one already, but nothing promises it. */
static char *join_environment(char **envp, struct caller_record *record)
{
    size_t size = 0;
    for (char **variable = envp; *variable; variable++) {
        size += strlen(*variable) + 1;
        record->env_count++;
    }
    char *block = malloc(size + 1), *at = block;
    if (!block)
        fail("remember the environment", "", strerror(ENOMEM));
    for (char **variable = envp; *variable; variable++)
        at = stpcpy(at, *variable) + 1;
    record->env_bytes = (uint32_t)size;
    return block;
}

/* A descriptor of the record, readable from its beginning and left open across execve. */
static int write_record(struct caller_record *record, const struct fd_list *open_fds, char **envp)
{
    char *environment = join_environment(envp, record);
    int fd = memfd_create("tsrun-caller", MFD_CLOEXEC);
    if (fd < 0)
        fail("create the record of the caller's state", "", strerror(errno));
    write_all(fd, record, sizeof *record);
    write_all(fd, open_fds->fds, open_fds->count * sizeof *open_fds->fds);
    write_all(fd, environment, record->env_bytes);
    lseek(fd, 0, SEEK_SET);

    /* A hard limit below RECORD_FD refuses the number (EINVAL, or EMFILE where all above are taken): go lower. */
    int high = -1;
    for (int from = RECORD_FD; high < 0 && from > 2; from /= 2)
        high = fcntl(fd, F_DUPFD, from);
    if (high < 0)
        fail("keep the record of the caller's state open", "", strerror(errno));
    return high;
}

static void decimal(char *text, unsigned value)
{
    char digits[12], *at = digits;
    do
        *at++ = (char)('0' + value % 10);
    while (value /= 10);
    while (at > digits)
        *text++ = *--at;
    *text = 0;
}

/* Beside the launcher (dist/), or beside its directory (bin/tsrun and libexec/tsrun/engine of an installed prefix). */
static _Noreturn void exec_engine(char *const argv[])
{
    static const char *const places[] = {"/libexec/tsrun/engine", "/../libexec/tsrun/engine"};
    char path[PATH_MAX + 32];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    if (length < 0)
        fail("find tsrun's own path: readlink ", "/proc/self/exe", strerror(errno));
    path[length] = 0;
    size_t directory = (size_t)(strrchr(path, '/') - path);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        strcpy(path + directory, places[i]);
        execve(path, argv, engine_env);
        if (errno != ENOENT)
            fail("run the engine ", path, strerror(errno));
    }
    strcpy(path + directory, places[0]);
    fail("run the engine ", path, strerror(ENOENT));
}

int main(int argc, char **argv, char **envp)
{
    struct caller_record record = {.magic = RECORD_MAGIC, .version = RECORD_VERSION};
    record.blocked_signals = block_all_signals();
    record.ignored_signals = ignored_signals();
    const struct rlimit nofile = raise_soft_nofile();
    record.soft_nofile = nofile.rlim_cur;
    struct fd_list open_fds = list_open_fds();
    check_room(&open_fds, nofile.rlim_max);
    record.fd_count = (uint32_t)open_fds.count;
    record.closed_stdio = open_closed_stdio(&open_fds);
    /* An ignored SIGCHLD makes the kernel reap the engine's children before it can ask how they ended. */
    signal(SIGCHLD, SIG_DFL);

    char record_fd[12];
    decimal(record_fd, (unsigned)write_record(&record, &open_fds, envp));

    /* argv[0] is ours, not the caller's: the engine must not change its behaviour by the name it is called by. */
    char **engine_argv = calloc((size_t)argc + 3, sizeof *engine_argv);
    if (!engine_argv)
        fail("pass on the arguments", "", strerror(ENOMEM));
    engine_argv[0] = (char[]){"tsrun"};
    engine_argv[1] = record_fd;
    for (int i = 1; i < argc; i++)
        engine_argv[i + 1] = argv[i];
    exec_engine(engine_argv);
}
