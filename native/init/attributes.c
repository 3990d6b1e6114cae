/* When and where the process runs, and under which label: what the kernel keeps of a process beside its identity. */
#include "init.h"
#include "sys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/statfs.h>

/* linux/sched/types.h, which does not go together with musl's <sched.h>. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void do_scheduler(const struct op *op) {
    struct scheduling attributes = {
        .size = sizeof attributes,
        .policy = (uint32_t)op->n[0],
        .flags = (uint64_t)op->n[1],
        .nice = (int32_t)op->n[2],
        .priority = (uint32_t)op->n[3],
        .runtime = (uint64_t)op->n[4],
        .deadline = (uint64_t)op->n[5],
        .period = (uint64_t)op->n[6],
    };
    if (syscall(SYS_sched_setattr, 0, &attributes, 0u) < 0) fail("sched_setattr", NULL);
}

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_SHIFT 13

void do_io_priority(const struct op *op) {
    if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, (int)op->n[0] << IOPRIO_CLASS_SHIFT | (int)op->n[1]) < 0)
        fail("ioprio_set", NULL);
}

void do_personality(const struct op *op) {
    if (personality((unsigned long)op->n[0]) < 0) fail("personality", NULL);
}

#define NODES_MAX 1024 /* the most that Linux is built for */
#define WORD_BITS (8 * sizeof(unsigned long))

void do_memory_policy(const struct op *op) {
    unsigned long mask[NODES_MAX / WORD_BITS] = {0};
    for (uint32_t i = 0; i < op->list[0].count; i++) {
        uint32_t node;
        memcpy(&node, op->list[0].data + i * sizeof node, sizeof node);
        if (node >= NODES_MAX) fail_errno(EINVAL, "set_mempolicy", NULL);
        mask[node / WORD_BITS] |= 1ul << node % WORD_BITS;
    }
    /* The kernel takes one bit less than it is told. */
    unsigned long bits = op->list[0].count ? NODES_MAX + 1 : 0;
    if (syscall(SYS_set_mempolicy, (int)op->n[0], bits ? mask : NULL, bits) < 0) fail("set_mempolicy", NULL);
}

/* A label that was taken but is not kept would be missed by nobody, least of all by what it is to confine. */
static void see_label(int fd, const char *path, const char *kept) {
    char text[4096];
    size_t length = strlen(kept);
    ssize_t n = pread(fd, text, sizeof text, 0);
    if (n < 0) fail("read", path);
    /* AppArmor appends the mode. */
    bool ends = (size_t)n == length || ((size_t)n > length && strchr(" \n", text[length]));
    if (n == 0 || (length && (!ends || memcmp(text, kept, length)))) fail_errno(ENODATA, "read", path);
}

/*
 * Writes to a file of /proc/self/attr. `self` is a link of procfs's own; that nothing else is followed, and that the file is one of
 * procfs, keeps the label from going to a file that somebody put there.
 */
void do_label(const struct op *op) {
    const char *path = op->s[0], *label = op->s[1], *kept = op->s[2];
    struct statfs fs;
    int fd = sys_openat2(state.proc, path, kept ? O_RDWR : O_WRONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
    if (fd < 0) fail("openat2", path);
    if (fstatfs(fd, &fs) < 0) fail("fstatfs", path);
    if (fs.f_type != PROC_MAGIC) fail_errno(ENODEV, "fstatfs", path);
    if (write(fd, label, strlen(label)) < 0) fail("write", path);
    if (kept) see_label(fd, path, kept);
    close(fd);
}
