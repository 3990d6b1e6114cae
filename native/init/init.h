/*
 * init: the process that becomes a container.
 *
 * It is started from a sealed memfd with an empty environment, holds nothing of the host but the descriptors of
 * plan.def, and executes a plan, operation by operation (the loop is in init.c). It decides nothing: what the user
 * wanted is in the plan. All errors leave through fail(), which names the system call and the object; the host knows
 * the operation by its index and words the message.
 */
#ifndef TSRUN_INIT_H
#define TSRUN_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The numbers of plan.def. */
enum {
#define OP(name, number, call, strings, numbers, lists) OP_##name = number,
#define POINT(name, number) POINT_##name = number,
#define MESSAGE(name, number) MESSAGE_##name = number,
#define DESCRIPTOR(name, number) FD_##name = number,
#define MOUNT_FLAG(name, number) MOUNT_##name = number,
#include "../plan.def"
};

#define PLAN_MAGIC 0x4c504354u /* "TCPL", little endian */
#define PLAN_VERSION 1u
#define OP_STRINGS 4
#define OP_NUMBERS 8
#define OP_LISTS 2
#define NO_STRING 0xffffffffu

/* The plan as it lies in the memfd: this header, `op_count` records, then a pool of bytes to the end. */
struct plan_header {
    uint32_t magic, version;
    uint32_t size; /* of everything */
    uint32_t op_count;
    uint32_t pool_offset, pool_size;
    uint32_t preserved; /* descriptors from FD_FIRST on that the payload gets as 3, 4, … */
    uint32_t inherited; /* descriptors after those, for operations that name one by index */
};

struct plan_list {
    uint32_t offset, count;
};

struct plan_record {
    uint32_t kind;
    uint32_t strings[OP_STRINGS];
    uint32_t reserved;
    int64_t numbers[OP_NUMBERS];
    struct plan_list lists[OP_LISTS];
};

/* An operation after its offsets were checked: pointers into the plan. */
struct op {
    uint32_t kind;
    const char *s[OP_STRINGS]; /* NULL where absent */
    int64_t n[OP_NUMBERS];
    struct {
        const char *data;
        uint32_t count;
    } list[OP_LISTS];
};

/* What operations leave for each other. */
struct state {
    int socket;      /* to the host, or -1 after the handover */
    int reply;       /* the reply fifo, once errors go there; -1 before */
    int reply_fd;    /* where it waits until then */
    int go;          /* the fifo that `start` writes to */
    int root;        /* O_PATH: the root of the container's file system */
    int host_root;   /* O_PATH: the host's root, until the pivot */
    int proc;        /* a procfs of our own */
    int null;        /* O_PATH: the host's /dev/null, verified */
    int empty;       /* an empty read-only tmpfs, detached: the mask of directories */
    int hook_state;  /* a memfd with the container's state, for hooks */
    int *sources;    /* mount trees that the host sent */
    uint32_t source_count;
    uint32_t op_index;
    bool filtered;   /* by seccomp: a system call may be the last one */
    uint64_t own_device, own_inode; /* the file that this process executes; zero where that is not known */
    uint32_t preserved, inherited;
    char **args, **env;
    size_t env_count;
    char *executable; /* what FIND_EXECUTABLE found */
};
extern struct state state;

/* --- plan.c --- */
/* Maps and checks the plan; ends the process with a message where anything is out of bounds. */
const struct plan_header *plan_open(int fd);
/* Record `index`, checked. */
struct op plan_op(uint32_t index);
/* A list of strings as a NULL-terminated vector; `spare` more entries are left at the end. */
char **plan_vector(const struct op *op, int list, size_t spare);

/* --- message.c --- */
_Noreturn void fail_errno(int error, const char *call, const char *object);
_Noreturn void fail(const char *call, const char *object); /* with errno */
/* With write(2) alone, unless a descriptor goes along: a seccomp filter may refuse all else. */
void message_send(uint32_t type, int32_t value, const void *detail, size_t length, int fd);
/* Waits for a message of `type` and `value`; takes over the descriptors that came along (at most `max`). */
uint32_t message_expect(uint32_t type, int32_t value, int *fds, uint32_t max);
/* Asks to be killed when the parent ends, and ends at once where it is gone already. */
void follow_parent(void);

/* --- path.c --- */
int path_open(const char *path, uint64_t flags, bool no_symlinks);    /* O_PATH in the root; -1 with errno */
int path_directory(const char *path, bool no_symlinks);               /* makes what is missing; O_PATH */
int path_file(const char *path, bool no_symlinks);                    /* an empty file where there is none; O_PATH */
int path_parent(const char *path, bool no_symlinks, const char **base); /* the directory of a path, made if missing */

/* --- the operations --- */
void do_propagation(const struct op *op);
void do_root_directory(const struct op *op);
void do_rootfs(const struct op *op);
void do_mount(const struct op *op);
void do_mount_old(const struct op *op);
void do_bind(const struct op *op);
void do_remount(const struct op *op);
void do_mask(const struct op *op);
void do_readonly_path(const struct op *op);
void do_pivot_root(const struct op *op);
void do_move_root(const struct op *op);
void do_chroot(const struct op *op);
void do_root_propagation(const struct op *op);
void do_root_readonly(const struct op *op);
void do_device(const struct op *op);
void do_symlink(const struct op *op);
void do_console(const struct op *op);
void do_proc_handle(const struct op *op);
void do_sysctl(const struct op *op);
void do_loopback_up(const struct op *op);
void do_join(const struct op *op);
void do_fork(const struct op *op);
void do_keyring(const struct op *op);
void do_rlimit(const struct op *op);
void do_make_cwd(const struct op *op);
void do_chdir(const struct op *op);
void do_home(const struct op *op);
void do_stdio_null(void);
void do_stdio_owner(const struct op *op);
void do_bounding(const struct op *op);
void do_groups(const struct op *op);
void do_user(const struct op *op);
void do_capabilities(const struct op *op);
void do_ambient(const struct op *op);
void do_find_executable(const struct op *op);
void do_affinity(const struct op *op);
void do_open_source(const struct op *op);
void do_umount(const struct op *op);
void do_net_devices(const struct op *op);
void do_scheduler(const struct op *op);
void do_io_priority(const struct op *op);
void do_personality(const struct op *op);
void do_memory_policy(const struct op *op);
void do_label(const struct op *op);
void do_raise_limit(const struct op *op);
void do_descriptors(const struct op *op);
void do_listen_pid(void);
void do_seccomp(const struct op *op);
void do_last_capabilities(const struct op *op);
void do_hook(const struct op *op);
void do_wait_start(const struct op *op);
_Noreturn void do_exec(const struct op *op);

/* --- tool.c --- */
void do_outlive(const struct op *op);

/* --- copyup.c --- */
void copy_up(int from, int to); /* copies a directory's content; fails through fail() */
void copy_data(int from, int to, const char *name);

/* --- adopt.c --- */
void adopt(const char *source, int target, bool files); /* makes the directories of a host's path again, and empty files or all */

#endif
