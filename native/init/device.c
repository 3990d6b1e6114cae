/* Device nodes, symbolic links and the terminal of the container's /dev. */
#include "init.h"
#include "sys.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif
#define SYS_FCHMODAT2 452 /* the same on every architecture; newer than musl's headers */
#define DEVPTS_MAGIC 0x1cd1

/* chmod(2) of an O_PATH descriptor: Linux 6.6 has a call for it, before that /proc names the descriptor. */
static void change_mode(int node, mode_t mode, const char *path) {
    char link[64];
    if (syscall(SYS_FCHMODAT2, node, "", mode, AT_EMPTY_PATH) == 0) return;
    if (errno != ENOSYS) fail("fchmodat2", path);
    snprintf(link, sizeof link, "/proc/self/fd/%d", node);
    if (chmod(link, mode) < 0) fail("chmod", path);
}

void do_device(const struct op *op) {
    const char *path = op->s[0], *name;
    mode_t mode = (mode_t)op->n[0];
    dev_t device = makedev((unsigned)op->n[1], (unsigned)op->n[2]);
    int parent = path_parent(path, false, &name);
    if (parent < 0) fail("openat2", path);
    if (mknodat(parent, name, mode, device) < 0 && errno != EEXIST) fail("mknodat", path);
    /* Whoever shares the directory may have put something else there: from here on it is looked at by descriptor. */
    struct stat st;
    int node = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (node < 0 || fstat(node, &st) < 0) fail("openat", path);
    /* "If a file already exists at path that does not match the requested device, the runtime MUST error." */
    if ((st.st_mode & S_IFMT) != (mode & S_IFMT) || (!S_ISFIFO(mode) && st.st_rdev != device))
        fail_errno(EEXIST, "mknodat", path);
    if ((st.st_mode & 07777) != (mode & 07777)) change_mode(node, mode & 07777, path);
    if (fchownat(node, "", (uid_t)op->n[3], (gid_t)op->n[4], AT_EMPTY_PATH) < 0) fail("fchownat", path);
    close(node);
    close(parent);
}

void do_symlink(const struct op *op) {
    const char *target = op->s[0], *path = op->s[1], *name;
    int parent = path_parent(path, false, &name);
    if (parent < 0) fail("openat2", path);
    if (op->n[0]) unlinkat(parent, name, 0); /* what cannot be removed makes the next call say why */
    if (symlinkat(target, parent, name) < 0 && (errno != EEXIST || op->n[0])) fail("symlinkat", path);
    close(parent);
}

static void attach_terminal(int terminal, const char *path) {
    int target = path_file(path, true);
    if (target < 0) fail("openat2", path);
    int tree = sys_open_tree(terminal, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (tree < 0) fail("open_tree", "the terminal");
    if (sys_move_mount(tree, target) < 0) fail("move_mount", path);
    close(tree);
    close(target);
}

void do_console(const struct op *op) {
    const char *path = op->s[0];
    struct stat st;
    struct statfs fs;
    /* Through devpts itself: /dev/ptmx is a name that an image can point elsewhere. */
    int master = path_open("/dev/pts/ptmx", O_RDWR | O_NOCTTY, true);
    if (master < 0) fail("openat2", "/dev/pts/ptmx");
    if (fstat(master, &st) < 0 || fstatfs(master, &fs) < 0) fail("fstat", "/dev/pts/ptmx");
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) || fs.f_type != DEVPTS_MAGIC)
        fail_errno(ENODEV, "openat2", "/dev/pts/ptmx");
    int unlock = 0;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0) fail("ioctl", "TIOCSPTLCK");
    int terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) fail("ioctl", "TIOCGPTPEER");
    if (fchown(terminal, (uid_t)op->n[2], (gid_t)-1) < 0) fail("fchown", "the terminal");
    struct termios settings;
    if (tcgetattr(terminal, &settings) < 0) fail("tcgetattr", "the terminal");
    settings.c_oflag &= ~(tcflag_t)ONLCR; /* callers add the carriage return themselves, or do not want it */
    if (tcsetattr(terminal, TCSANOW, &settings) < 0) fail("tcsetattr", "the terminal");
    if (op->n[0] || op->n[1]) {
        struct winsize size = {.ws_row = (unsigned short)op->n[0], .ws_col = (unsigned short)op->n[1]};
        if (ioctl(terminal, TIOCSWINSZ, &size) < 0) fail("ioctl", "TIOCSWINSZ");
    }
    if (path) attach_terminal(terminal, path);
    message_send(MESSAGE_CONSOLE, 0, NULL, 0, master);
    close(master);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(terminal, fd) < 0) fail("dup2", "the terminal");
    close(terminal);
    if (ioctl(0, TIOCSCTTY, 0) < 0) fail("ioctl", "TIOCSCTTY");
}
