/*
 * x-tsrun.adopt: the directories of a tree of the host are made again where an overlay keeps what is written. An overlay shows a directory
 * with the owner that it has there; so whoever is root of the user namespace can write to it, whomever the host's belongs to. Empty files
 * are made again, too, for most of them are there to be locked.
 */
#include "init.h"
#include "sys.h"

#include <dirent.h>
#include <string.h>
#include <sys/xattr.h>

#define DEPTH_MAX 100 /* each level holds two descriptors */

/* Whether an overlay shows nothing of the host's directory there: it was removed, and made anew. */
static bool is_opaque(int directory) {
    char value;
    return fgetxattr(directory, "user.overlay.opaque", &value, 1) > 0 || fgetxattr(directory, "trusted.overlay.opaque", &value, 1) > 0;
}

static void adopt_entries(int from, int to, int depth, bool files);

static void adopt_file(int from, int to, const char *name, bool files) {
    struct stat st;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) || (st.st_size > 0 && !files)) return;
    int in = st.st_size > 0 ? openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (in < 0 && st.st_size > 0) return;
    int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0 && errno != EEXIST) fail("openat", name);
    if (out >= 0) {
        if (in >= 0) copy_data(in, out, name);
        struct timespec times[2] = {st.st_atim, st.st_mtim};
        if (fchmod(out, st.st_mode & 0777) < 0 || futimens(out, times) < 0) fail("fchmod", name);
        close(out);
    }
    if (in >= 0) close(in);
}

/* What cannot be read is left as it is, and so is what was removed from the overlay, where something else has the name. */
static void adopt_directory(int from, int to, const char *name, int depth, bool files) {
    struct stat st;
    int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0) return;
    if (fstat(in, &st) < 0) fail("fstat", name);
    bool made = mkdirat(to, name, 0700) == 0;
    if (!made && errno != EEXIST) fail("mkdirat", name);
    if (made && fchmodat(to, name, (st.st_mode & 01777) | 0700, 0) < 0) fail("fchmodat", name);
    int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out < 0 || depth == DEPTH_MAX || (!made && is_opaque(out))) close(in);
    else adopt_entries(in, out, depth + 1, files);
    if (out >= 0) close(out);
}

/* Closes `from`. */
static void adopt_entries(int from, int to, int depth, bool files) {
    DIR *entries = fdopendir(from);
    if (!entries) fail("fdopendir", NULL);
    struct dirent *entry;
    while ((errno = 0, entry = readdir(entries))) {
        if (entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN) adopt_file(from, to, entry->d_name, files);
        if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) continue;
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) adopt_directory(from, to, entry->d_name, depth, files);
    }
    if (errno) fail("readdir", NULL);
    closedir(entries);
}

void adopt(const char *source, int target, bool files) {
    int from = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int to = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0 || to < 0) fail("open", source);
    if (is_opaque(to)) close(from);
    else adopt_entries(from, to, 0, files);
    close(to);
}
