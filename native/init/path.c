/*
 * Paths inside the container's root. The container's image, and every process that shares a volume with it, may change
 * what lies on a path at any moment: so a path is resolved once, by openat2(2) with the root as its `/`, and everything
 * after that goes through the descriptor.
 */
#include "init.h"
#include "sys.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINKS 40 /* as the kernel's own limit */

int path_open(const char *path, uint64_t flags, bool no_symlinks) {
    if (!*path) path = "/"; /* the parent of `/proc`, after splitting */
    uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (no_symlinks ? RESOLVE_NO_SYMLINKS : 0);
    for (int attempt = 0;; attempt++) {
        int fd = sys_openat2(state.root, path, flags, 0, resolve);
        /* EAGAIN: something on the path was renamed while the kernel looked. An attacker must not keep us here. */
        if (fd >= 0 || errno != EAGAIN || attempt == 128) return fd;
    }
}

/* Splits `path` (no trailing slash) at its last component. */
static char *split(char *path) {
    char *slash = strrchr(path, '/');
    if (!slash) return path;
    *slash = '\0';
    return slash + 1;
}

/* A copy of `path` without slashes at its end. */
static char *copy_of(const char *path) {
    char *copy = strdup(path);
    if (!copy) fail_errno(ENOMEM, "strdup", NULL);
    for (size_t n = strlen(copy); n > 0 && copy[n - 1] == '/'; n--) copy[n - 1] = '\0';
    return copy;
}

/* Opens `path`, and makes what is missing of it. */
typedef int maker(const char *path, bool no_symlinks, int *links);

/*
 * `name` is a symbolic link that leads nowhere: has `make` make what it names, inside the root. EINVAL: it is no link.
 * Not inlined, for its buffers would be in the frame of each step down a long path.
 */
__attribute__((noinline)) static int through_link(int parent, const char *parent_path, const char *name, int *links,
                                                  maker *make) {
    char target[PATH_MAX], joined[2 * PATH_MAX];
    ssize_t n = readlinkat(parent, name, target, sizeof target - 1);
    if (n < 0) return -1;
    target[n] = '\0';
    if (++*links > MAX_LINKS) {
        errno = ELOOP;
        return -1;
    }
    size_t prefix = target[0] == '/' ? 0 : strlen(parent_path);
    if (prefix + 1 + (size_t)n >= sizeof joined) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(joined, parent_path, prefix);
    joined[prefix] = '/';
    memcpy(joined + prefix + 1, target, (size_t)n + 1);
    return make(joined, false, links);
}

static int directory(const char *path, bool no_symlinks, int *links) {
    int fd = path_open(path, O_PATH | O_DIRECTORY, no_symlinks);
    if (fd >= 0 || errno != ENOENT) return fd;
    char *copy = copy_of(path);
    if (*copy == '\0') { /* the root itself cannot be missing */
        free(copy);
        errno = ENOENT;
        return -1;
    }
    char *name = split(copy);
    int parent = directory(name == copy ? "" : copy, no_symlinks, links);
    if (parent >= 0) {
        if (!strcmp(name, "..") || !strcmp(name, ".")) {
            /* Below something that did not exist until now, so the parent is what it says. */
            fd = sys_openat2(parent, name, O_PATH | O_DIRECTORY, 0, RESOLVE_BENEATH);
        } else if (mkdirat(parent, name, 0755) == 0) {
            fd = sys_openat2(parent, name, O_PATH | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
        } else if (errno == EEXIST) {
            fd = no_symlinks ? path_open(path, O_PATH | O_DIRECTORY, true)
                             : through_link(parent, name == copy ? "" : copy, name, links, directory);
            /* Not a link: made by someone else meanwhile. */
            if (fd < 0 && errno == EINVAL) fd = path_open(path, O_PATH | O_DIRECTORY, no_symlinks);
        }
        int saved = errno;
        close(parent);
        errno = saved;
    }
    int saved = errno;
    free(copy);
    errno = saved;
    return fd;
}

int path_directory(const char *path, bool no_symlinks) {
    int links = 0;
    return directory(path, no_symlinks, &links);
}

int path_parent(const char *path, bool no_symlinks, const char **base) {
    char *copy = copy_of(path);
    char *name = split(copy);
    int links = 0;
    int parent = directory(name == copy ? "" : copy, no_symlinks, &links);
    if (parent >= 0) *base = path + (name - copy);
    int saved = errno;
    free(copy);
    errno = saved;
    return parent;
}

static int file(const char *path, bool no_symlinks, int *links) {
    int fd = path_open(path, O_PATH, no_symlinks);
    if (fd >= 0 || errno != ENOENT) return fd;
    char *copy = copy_of(path);
    char *name = split(copy);
    int parent = directory(name == copy ? "" : copy, no_symlinks, links);
    fd = -1;
    if (parent >= 0) {
        /* mknodat() never follows a link and never opens a device or a fifo that someone put there. */
        if (mknodat(parent, name, S_IFREG | 0644, 0) == 0) {
            fd = sys_openat2(parent, name, O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
        } else if (errno == EEXIST && !no_symlinks) {
            fd = through_link(parent, name == copy ? "" : copy, name, links, file);
            /* Not a link: made by someone else meanwhile. */
            if (fd < 0 && errno == EINVAL) fd = path_open(path, O_PATH, false);
        }
        int saved = errno;
        close(parent);
        errno = saved;
    }
    int saved = errno;
    free(copy);
    errno = saved;
    return fd;
}

int path_file(const char *path, bool no_symlinks) {
    int links = 0;
    return file(path, no_symlinks, &links);
}
