/*
 * What a container sees of itself, as a table: the program of bundles/hello, run by `npm run hello`.
 * It asks the kernel and shows the answers; static, because the bundle's root file system holds nothing else.
 * Limits it shows by running into them: on a host with cgroup v1 a container cannot read them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the kernel's order: the number of a capability is its place. */
static const char *const capability_names[] = {
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
};

static void row(const char *what, const char *value)
{
    printf("  %-14s %s\n", what, value);
}

/* The value of "name:" in /proc/self/status; a static buffer. */
static const char *status_of(const char *name)
{
    static char line[4096];
    size_t length = strlen(name);
    FILE *file = fopen("/proc/self/status", "r");
    if (!file)
        return strerror(errno);
    const char *value = "not told";
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, name, length) || line[length] != ':')
            continue;
        line[strcspn(line, "\n")] = 0;
        value = line + length + 1 + strspn(line + length + 1, " \t");
        break;
    }
    fclose(file);
    return value;
}

static void show_process(void)
{
    char text[256], name[64] = "?";
    int comm = open("/proc/1/comm", O_RDONLY | O_CLOEXEC);
    if (comm >= 0) {
        ssize_t n = read(comm, name, sizeof name - 1);
        name[n > 0 ? n - 1 : 0] = 0;
        close(comm);
    }
    snprintf(text, sizeof text, "%s (this process is %d)", name, (int)getpid());
    row("pid 1", text);
    snprintf(text, sizeof text, "%u:%u", (unsigned)getuid(), (unsigned)getgid());
    row("user", text);
    const char *groups = status_of("Groups");
    row("groups", *groups ? groups : "none");
    char *directory = getcwd(text, sizeof text);
    row("directory", directory ? directory : strerror(errno));
    row("no new privs", status_of("NoNewPrivs")[0] == '1' ? "yes" : "no");
}

static void show_capabilities(void)
{
    uint64_t held = strtoull(status_of("CapEff"), NULL, 16);
    const char *what = "capabilities";
    for (size_t i = 0; i < sizeof capability_names / sizeof *capability_names; i++) {
        if (!(held & (UINT64_C(1) << i)))
            continue;
        row(what, capability_names[i]);
        what = "";
    }
    if (!held)
        row(what, "none");
}

static void show_namespaces(void)
{
    static const char *const kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    const char *what = "namespaces";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[64], link[128];
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        ssize_t n = readlink(path, link, sizeof link - 1);
        if (n < 0)
            continue;
        link[n] = 0;
        row(what, link);
        what = "";
    }
}

/* Of each line of mountinfo: where, of which type, and whether it can be written. */
static void show_mounts(void)
{
    char line[4096];
    const char *what = "mounts";
    FILE *file = fopen("/proc/self/mountinfo", "r");
    if (!file) {
        row(what, strerror(errno));
        return;
    }
    while (fgets(line, sizeof line, file)) {
        char at[1024], options[1024], text[2200];
        char *type = strstr(line, " - ");
        if (!type || sscanf(line, "%*s %*s %*s %*s %1023s %1023s", at, options) != 2)
            continue;
        type += 3;
        type[strcspn(type, " ")] = 0;
        snprintf(text, sizeof text, "%-24s %-8s %s", at, type, options);
        row(what, text);
        what = "";
    }
    fclose(file);
}

/* A child takes memory until the kernel ends it; this process, which is small, lives on and tells. */
static void show_memory_limit(void)
{
    enum { most = 256 };
    const size_t mib = 1024 * 1024;
    char text[128];
    volatile int *taken = mmap(NULL, sizeof *taken, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = taken == MAP_FAILED ? -1 : fork();
    if (child == 0) {
        for (; *taken < most; ++*taken) {
            char *more = mmap(NULL, mib, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (more == MAP_FAILED)
                _exit(errno);
            memset(more, 1, mib);
        }
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        snprintf(text, sizeof text, "memory: %s", strerror(errno));
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        snprintf(text, sizeof text, "memory: a process was killed after %d MiB", *taken);
    else if (WIFEXITED(status) && WEXITSTATUS(status))
        snprintf(text, sizeof text, "memory: %d MiB, then: %s", *taken, strerror(WEXITSTATUS(status)));
    else
        snprintf(text, sizeof text, "memory: none up to %d MiB", most);
    row("limits", text);
}

/* Children that wait to be killed, as many as there may be. */
static void show_process_limit(void)
{
    enum { most = 256 };
    pid_t children[most];
    char text[128];
    int count = 0;
    while (count < most && (children[count] = fork()) > 0)
        count++;
    if (count < most && children[count] == 0)
        for (;;)
            pause();
    if (count < most)
        snprintf(text, sizeof text, "processes: %d and this one, then: %s", count, strerror(errno));
    else
        snprintf(text, sizeof text, "processes: none up to %d", most);
    row("", text);
    while (count > 0)
        kill(children[--count], SIGKILL);
    while (wait(NULL) > 0)
        ;
}

int main(void)
{
    struct utsname names;
    uname(&names);
    printf("Hello from inside a container.\n\n");
    row("host name", names.nodename);
    row("kernel", names.release);
    show_process();
    show_namespaces();
    show_mounts();
    show_capabilities();
    fflush(stdout); /* a child would write it once more */
    show_memory_limit();
    fflush(stdout);
    show_process_limit();
    return 0;
}
