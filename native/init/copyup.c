/* tmpcopyup: what a directory holds is copied into the new file system before that is attached over it. */
#include "init.h"
#include "sys.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define DEPTH_MAX 256 /* each level holds two descriptors */

void copy_data(int from, int to, const char *name) {
    char buffer[65536];
    ssize_t n;
    while ((n = read(from, buffer, sizeof buffer)) > 0)
        for (ssize_t done = 0; done < n;) {
            ssize_t written = write(to, buffer + done, (size_t)(n - done));
            if (written < 0) fail("write", name);
            done += written;
        }
    if (n < 0) fail("read", name);
}

/* A user namespace that does not map the owner has no way to name him (EINVAL): the copy is its maker's then. */
static void keep_owner(int directory, const char *name, const struct stat *st) {
    int flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    if (fchownat(directory, name, st->st_uid, st->st_gid, flags) < 0 && errno != EINVAL) fail("fchownat", name);
}

static void copy_entries(int from, int to, int depth);

static void copy_entry(int from, int to, const char *name, int depth) {
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT) return; /* removed meanwhile */
        fail("fstatat", name);
    }
    if (S_ISLNK(st.st_mode)) {
        char target[4096];
        ssize_t n = readlinkat(from, name, target, sizeof target - 1);
        if (n < 0) fail("readlinkat", name);
        target[n] = '\0';
        if (symlinkat(target, to, name) < 0) fail("symlinkat", name);
    } else if (S_ISDIR(st.st_mode)) {
        if (mkdirat(to, name, 0700) < 0) fail("mkdirat", name);
        int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (in < 0 && errno == EACCES) return; /* an empty one stands for what may not be looked into */
        int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (in < 0 || out < 0) fail("openat", name);
        copy_entries(in, out, depth + 1);
        close(out);
    } else if (S_ISREG(st.st_mode)) {
        int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (in < 0 && errno == EACCES) return; /* what may not be read is not copied */
        int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (in < 0 || out < 0) fail("openat", name);
        copy_data(in, out, name);
        close(in);
        close(out);
    } else if (mknodat(to, name, st.st_mode, st.st_rdev) < 0) {
        fail("mknodat", name);
    }
    keep_owner(to, name, &st);
    if (!S_ISLNK(st.st_mode) && fchmodat(to, name, st.st_mode & 07777, 0) < 0) fail("fchmodat", name);
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

/* Closes `from`. */
static void copy_entries(int from, int to, int depth) {
    if (depth > DEPTH_MAX) fail_errno(ELOOP, "openat", "directories nested too deeply for tmpcopyup");
    DIR *entries = fdopendir(from);
    if (!entries) fail("fdopendir", NULL);
    struct dirent *entry;
    while ((errno = 0, entry = readdir(entries))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        copy_entry(from, to, entry->d_name, depth);
    }
    if (errno) fail("readdir", NULL);
    closedir(entries);
}

void copy_up(int from, int to) {
    struct stat st;
    int in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in < 0) fail("openat", ".");
    if (fstat(in, &st) < 0) fail("fstat", ".");
    copy_entries(in, to, 0);
    /* The directory itself keeps its owner, as its entries do; its mode is an option of the file system. */
    keep_owner(to, "", &st);
}
