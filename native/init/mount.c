/* Mounts: everything is prepared detached, and attached by descriptor to a target that was resolved in the root. */
#include "init.h"
#include "sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

void do_propagation(const struct op *op) {
    if (sys_mount(NULL, "/", NULL, (unsigned long)op->n[0], NULL) < 0) fail("mount", "/");
}

void do_root_directory(const struct op *op) {
    state.host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (state.host_root < 0) fail("open", "/");
    state.root = open(op->s[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (state.root < 0) fail("open", op->s[0]);
}

static void set_propagation(int mount, int64_t propagation, int64_t recursive, const char *path) {
    if (propagation && sys_mount_setattr(mount, recursive ? AT_RECURSIVE : 0, 0, 0, (uint64_t)propagation) < 0)
        fail("mount_setattr", path);
}

/*
 * Where mounts of the host stay shared (rootfsPropagation says so), attaching the root would show on the host: so the
 * mounts that lie above the root become private first.
 */
static void detach_parents(const char *path) {
    char prefix[4096];
    size_t n = strlen(path);
    if (n >= sizeof prefix) fail_errno(ENAMETOOLONG, "open", path);
    memcpy(prefix, path, n + 1);
    for (;;) {
        int fd = open(*prefix ? prefix : "/", O_PATH | O_CLOEXEC);
        if (fd >= 0) {
            if (sys_mount_setattr(fd, 0, 0, 0, MS_PRIVATE) < 0 && errno != EINVAL) /* EINVAL: not a mount point */
                fail("mount_setattr", prefix);
            close(fd);
        }
        char *slash = strrchr(prefix, '/');
        if (!slash || !*prefix) return;
        *slash = '\0';
    }
}

void do_rootfs(const struct op *op) {
    const char *path = op->s[0];
    int64_t source = op->n[0];
    state.host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (state.host_root < 0) fail("open", "/");
    if (op->n[1]) detach_parents(path);
    int tree;
    if (source >= 0) {
        if ((uint64_t)source >= state.source_count) fail_errno(EBADMSG, "plan", "source index");
        tree = state.sources[source];
    } else {
        tree = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (tree < 0) fail("open_tree", path);
    }
    const char *at = op->s[1] ? op->s[1] : path;
    int target = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target < 0 && source >= 0) {
        /* The host opened the tree because this path is closed to us; any directory serves to attach it. */
        at = "/";
        target = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (target < 0) fail("open", at);
    if (sys_move_mount(tree, target) < 0) fail("move_mount", at);
    set_propagation(tree, op->n[2], 1, at);
    close(target);
    state.root = tree; /* an O_PATH descriptor of the mount's root, attached now */
}

static bool is_of(int fd, const char *path, uint32_t magic) {
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0) fail("fstatfs", path);
    return (uint32_t)fs.f_type == magic;
}

static bool is_procfs(int fd, const char *path) { return is_of(fd, path, PROC_MAGIC); }

/*
 * The descriptor of a mount point in the root, made where it is missing. A link of the image that leads into procfs would
 * cover what the kernel's parameters and labels are written through later: only a path that says so itself may go there.
 */
static int target_of(const char *path, int64_t flags, bool directory) {
    int target = directory ? path_directory(path, flags & MOUNT_NO_SYMLINKS) : path_file(path, flags & MOUNT_NO_SYMLINKS);
    if (target < 0) fail("openat2", path);
    if (!(flags & MOUNT_IN_PROC) && is_procfs(target, path)) fail_errno(EXDEV, "fstatfs", path);
    return target;
}

static void set_attributes(int mount, unsigned flags, int64_t set, int64_t clear, const char *path) {
    if ((set || clear) && sys_mount_setattr(mount, flags, (uint64_t)set, (uint64_t)clear, 0) < 0)
        fail("mount_setattr", path);
}

/* What the file system has to say about a failed option or mount, behind the path. */
static _Noreturn void fail_context(int context, const char *call, const char *object) {
    int error = errno;
    char text[1024];
    size_t used = (size_t)snprintf(text, sizeof text, "%.500s", object);
    ssize_t n = read(context, text + used + 2, sizeof text - used - 3);
    if (n > 2 && text[used + 3] == ' ') { /* "e message", "w message", "i message" */
        text[used] = ':';
        text[used + 1] = ' ';
        size_t end = used + 2 + (size_t)n;
        memmove(text + used + 2, text + used + 4, end - used - 4);
        end -= 2;
        while (end > 0 && text[end - 1] == '\n') end--;
        text[end] = '\0';
    }
    fail_errno(error, call, text);
}

/* What is mounted on the root is the root from now on: it covers the directory that paths were resolved from until now. */
static void attached(int mount, const char *path) {
    if (!strcmp(path, "/")) {
        close(state.root);
        state.root = mount;
    } else {
        close(mount);
    }
}

/* The mode of the directory that is there, in octal; false where there is none yet. */
static bool mode_below(const struct op *op, char *text, size_t size) {
    struct stat st;
    int below = path_open(op->s[2], O_PATH | O_DIRECTORY, op->n[6] & MOUNT_NO_SYMLINKS);
    if (below < 0) return false;
    if (fstat(below, &st) < 0) fail("fstat", op->s[2]);
    close(below);
    snprintf(text, size, "%o", (unsigned)(st.st_mode & 07777));
    return true;
}

/* With `mode` for its root, unless that is NULL. */
static int make_file_system(const struct op *op, const char *mode) {
    const char *type = op->s[0], *source = op->s[1];
    int context = sys_fsopen(type);
    if (context < 0) fail("fsopen", type);
    if (source && sys_fsconfig(context, FSCONFIG_SET_STRING, "source", source) < 0)
        fail_context(context, "fsconfig", "source");
    const char *option = op->list[0].data;
    for (uint32_t i = 0; i < op->list[0].count; i++, option += strlen(option) + 1) {
        const char *equals = strchr(option, '=');
        int result;
        if (equals) {
            char key[256];
            if ((size_t)(equals - option) >= sizeof key) fail_errno(ENAMETOOLONG, "fsconfig", option);
            memcpy(key, option, (size_t)(equals - option));
            key[equals - option] = '\0';
            result = sys_fsconfig(context, FSCONFIG_SET_STRING, key, equals + 1);
        } else {
            result = sys_fsconfig(context, FSCONFIG_SET_FLAG, option, NULL);
        }
        if (result < 0) fail_context(context, "fsconfig", option);
    }
    if (mode && sys_fsconfig(context, FSCONFIG_SET_STRING, "mode", mode) < 0) fail_context(context, "fsconfig", "mode");
    if (sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0) fail_context(context, "fsconfig", type);
    int mount = sys_fsmount(context, op->n[6] & MOUNT_COPY_UP ? 0 : (unsigned)op->n[0]);
    if (mount < 0) fail_context(context, "fsmount", type);
    close(context);
    return mount;
}

/* Whether the mount may be left out, and has to be: what it is made of has gone. */
static bool is_gone(const char *source, int64_t flags) {
    return (flags & MOUNT_OPTIONAL) && access(source, F_OK) < 0 && errno == ENOENT;
}

void do_mount(const struct op *op) {
    const char *path = op->s[2];
    if (is_gone(op->s[1], op->n[6])) return;
    char mode[8];
    bool has_mode = (op->n[6] & MOUNT_MODE_BELOW) && mode_below(op, mode, sizeof mode);
    int target = target_of(path, op->n[6], true);
    if (op->n[6] & (MOUNT_ADOPT | MOUNT_ADOPT_FILES)) adopt(op->s[1], target, op->n[6] & MOUNT_ADOPT_FILES);
    int mount = make_file_system(op, has_mode ? mode : NULL);
    if (op->n[6] & MOUNT_COPY_UP) { /* writable until then */
        copy_up(target, mount);
        set_attributes(mount, 0, op->n[0], op->n[1], path);
    }
    set_attributes(mount, AT_RECURSIVE, op->n[2], op->n[3], path);
    if (sys_move_mount(mount, target) < 0) fail("move_mount", path);
    set_propagation(mount, op->n[4], op->n[5], path); /* a detached mount has no peers to be made a slave of */
    close(target);
    attached(mount, path);
}

void do_mount_old(const struct op *op) {
    const char *path = op->s[2];
    if (is_gone(op->s[1], op->n[5])) return;
    int target = target_of(path, op->n[5], true);
    if (op->n[5] & (MOUNT_ADOPT | MOUNT_ADOPT_FILES)) adopt(op->s[1], target, op->n[5] & MOUNT_ADOPT_FILES);
    /* mount(2) wants a string: `.`, after entering the directory, names the descriptor's own. */
    if (fchdir(target) < 0) fail("fchdir", path);
    if (sys_mount(op->s[1] ? op->s[1] : "none", ".", op->s[0], (unsigned long)op->n[0], op->s[3]) < 0)
        fail("mount", path);
    close(target);
    int mount = path_open(path, O_PATH | O_DIRECTORY, op->n[5] & MOUNT_NO_SYMLINKS);
    if (mount < 0) fail("openat2", path);
    set_attributes(mount, AT_RECURSIVE, op->n[1], op->n[2], path);
    set_propagation(mount, op->n[3], op->n[4], path);
    close(mount);
    if (chdir("/") < 0) fail("chdir", "/");
}

static int open_source(const struct op *op) {
    int64_t index = op->n[0];
    const char *source = op->s[0];
    if (index >= 0) {
        if ((uint64_t)index >= state.source_count) fail_errno(EBADMSG, "plan", "source index");
        return state.sources[index];
    }
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
    if (op->n[7] & MOUNT_RECURSIVE) flags |= AT_RECURSIVE;
    return sys_open_tree(AT_FDCWD, source, flags);
}

void do_open_source(const struct op *op) {
    int *table = realloc(state.sources, (state.source_count + 1) * sizeof *table);
    if (!table) fail_errno(ENOMEM, "realloc", NULL);
    state.sources = table;
    int tree = sys_open_tree(AT_FDCWD, op->s[0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (op->n[0] ? AT_RECURSIVE : 0));
    if (tree < 0) fail("open_tree", op->s[0]);
    state.sources[state.source_count++] = tree;
}

void do_bind(const struct op *op) {
    const char *source = op->s[0], *path = op->s[1];
    int64_t flags = op->n[7];
    int tree = open_source(op);
    if (tree < 0) {
        if ((flags & MOUNT_OPTIONAL) && errno == ENOENT) return;
        fail("open_tree", source);
    }
    struct stat st;
    if (fstat(tree, &st) < 0) fail("fstat", source);
    if ((flags & MOUNT_DEVICE_NODE) && !S_ISCHR(st.st_mode)) fail_errno(ENODEV, "fstat", source);
    if ((flags & MOUNT_PROC_SOURCE) && !(is_procfs(tree, source) && st.st_ino == PROC_ROOT_INODE))
        fail_errno(EMEDIUMTYPE, "fstatfs", source);
    int target = target_of(path, flags, S_ISDIR(st.st_mode));
    set_attributes(tree, 0, op->n[1], op->n[2], path);
    set_attributes(tree, AT_RECURSIVE, op->n[3], op->n[4], path);
    if (sys_move_mount(tree, target) < 0) fail("move_mount", path);
    set_propagation(tree, op->n[5], op->n[6], path);
    close(target);
    attached(tree, path);
}

/* Whether a directory is in a file system, or in another one that is mounted somewhere below it. Closes the descriptor. */
static bool lies_in(uint32_t magic, int directory, const char *path) {
    for (struct stat here, above;;) {
        bool inside = is_of(directory, path, magic);
        int next = openat(directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0 || fstat(directory, &here) < 0 || fstat(next, &above) < 0) fail("open", path);
        close(directory);
        directory = next;
        if (inside || (here.st_dev == above.st_dev && here.st_ino == above.st_ino)) {
            close(directory);
            return inside;
        }
    }
}

/*
 * umount2(2) wants a path. A directory is named from within, as `.`; a file by its name in a directory that is open: whoever swaps it
 * meanwhile detaches another mount of the same namespace, which is no more than could have been done anyway.
 */
void do_umount(const struct op *op) {
    const char *path = op->s[0], *name = ".";
    struct stat st, root;
    int target = path_open(path, O_PATH, true);
    bool linked = target < 0 && errno == ELOOP;
    if (linked) target = path_open(path, O_PATH, false);
    if (target < 0) fail("openat2", path);
    if (fstat(target, &st) < 0 || fstat(state.root, &root) < 0) fail("fstat", path);
    /* A link of the container may lead anywhere, whatever the path says. */
    if (st.st_dev == root.st_dev && st.st_ino == root.st_ino) fail_errno(EBUSY, "umount2", path);
    bool is_directory = S_ISDIR(st.st_mode);
    int directory = is_directory ? target : path_parent(path, !linked, &name);
    if (directory < 0) fail("openat2", path);
    /* What hides a part of a file system has its mount point there. */
    const uint32_t kept[] = {PROC_MAGIC, SYSFS_MAGIC};
    for (size_t i = 0; i < (linked ? 2 : 1); i++) {
        int point = openat(directory, is_directory ? ".." : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (point < 0) fail("open", path);
        if (is_of(target, path, kept[i]) || lies_in(kept[i], point, path)) fail_errno(EXDEV, "fstatfs", path);
    }
    if (fchdir(directory) < 0) fail("fchdir", path);
    if (sys_umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) fail("umount2", path);
    if (directory != target) close(directory);
    close(target);
}

void do_remount(const struct op *op) {
    const char *path = op->s[0];
    int mount = path_open(path, O_PATH, false);
    if (mount < 0) fail("openat2", path);
    set_attributes(mount, 0, op->n[0], op->n[1], path);
    set_attributes(mount, AT_RECURSIVE, op->n[2], op->n[3], path);
    close(mount);
}

/* The host's /dev/null: what hides a file must be that device and nothing that an image put in its place. */
static int null_device(void) {
    if (state.null < 0) {
        struct stat st;
        state.null = open("/dev/null", O_PATH | O_CLOEXEC);
        if (state.null < 0 || fstat(state.null, &st) < 0) fail("open", "/dev/null");
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) fail_errno(ENODEV, "open", "/dev/null");
    }
    return state.null;
}

/* One empty read-only tmpfs, made once and cloned for each directory to hide. */
static int empty_directory(void) {
    if (state.empty < 0) {
        int context = sys_fsopen("tmpfs");
        if (context < 0) fail("fsopen", "tmpfs");
        sys_fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "2");
        if (sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0) fail_context(context, "fsconfig", "tmpfs");
        state.empty = sys_fsmount(context, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (state.empty < 0) fail_context(context, "fsmount", "tmpfs");
        close(context);
        return state.empty;
    }
    int clone = sys_open_tree(state.empty, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (clone < 0) fail("open_tree", "an empty directory");
    return clone;
}

void do_mask(const struct op *op) {
    const char *path = op->s[0];
    int target = path_open(path, O_PATH, false);
    if (target < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return; /* nothing is there to hide */
        fail("openat2", path);
    }
    struct stat st;
    if (fstat(target, &st) < 0) fail("fstat", path);
    int mask;
    if (S_ISDIR(st.st_mode)) {
        mask = empty_directory();
    } else {
        mask = sys_open_tree(null_device(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
        if (mask < 0) fail("open_tree", "/dev/null");
        /* It is the host's own node: its mode and owner are not for the container to change. */
        set_attributes(mask, 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, "/dev/null");
        set_propagation(mask, MS_PRIVATE, 0, "/dev/null"); /* nor to mount over */
    }
    if (sys_move_mount(mask, target) < 0) fail("move_mount", path);
    if (mask != state.empty) close(mask);
    close(target);
}

void do_readonly_path(const struct op *op) {
    const char *path = op->s[0];
    int target = path_open(path, O_PATH, false);
    if (target < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return;
        fail("openat2", path);
    }
    /* Cloned, made read-only and attached by one descriptor: nothing can be swapped in between. */
    int tree = sys_open_tree(target, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
    if (tree < 0) fail("open_tree", path);
    set_attributes(tree, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0, path);
    if (sys_move_mount(tree, target) < 0) fail("move_mount", path);
    close(tree);
    close(target);
}

void do_pivot_root(const struct op *op) {
    (void)op;
    if (fchdir(state.root) < 0) fail("fchdir", "the root file system");
    if (sys_pivot_root(".", ".") < 0) fail("pivot_root", "the root file system");
    /* The old root lies over the new one now; detaching it must not detach anything on the host. */
    if (fchdir(state.host_root) < 0) fail("fchdir", "the old root");
    if (sys_mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0) fail("mount", "the old root");
    if (sys_umount2(".", MNT_DETACH) < 0) fail("umount2", "the old root");
    if (chdir("/") < 0) fail("chdir", "/");
    close(state.host_root);
    state.host_root = -1;
}

void do_move_root(const struct op *op) {
    (void)op;
    if (fchdir(state.root) < 0) fail("fchdir", "the root file system");
    if (sys_mount(".", "/", NULL, MS_MOVE, NULL) < 0) fail("mount", "the root file system");
    if (chroot(".") < 0) fail("chroot", "the root file system");
    if (chdir("/") < 0) fail("chdir", "/");
    close(state.host_root);
    state.host_root = -1;
}

void do_chroot(const struct op *op) {
    (void)op;
    if (fchdir(state.root) < 0) fail("fchdir", "the root file system");
    if (chroot(".") < 0) fail("chroot", "the root file system");
    if (chdir("/") < 0) fail("chdir", "/");
    close(state.host_root);
    state.host_root = -1;
}

void do_root_propagation(const struct op *op) {
    set_propagation(state.root, op->n[0], op->n[1], "/");
}

void do_root_readonly(const struct op *op) {
    (void)op;
    set_attributes(state.root, 0, MOUNT_ATTR_RDONLY, 0, "/");
}
