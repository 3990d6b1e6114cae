/* The loop: read the plan, do its operations in order, become the container's process. See init.h. */
#include "init.h"
#include "sys.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>

struct state state = {
    .socket = FD_SOCKET,
    .reply = -1,
    .reply_fd = FD_REPLY,
    .go = FD_GO,
    .root = -1,
    .host_root = -1,
    .proc = -1,
    .null = -1,
    .empty = -1,
    .hook_state = -1,
};

static void do_sync(const struct op *op) {
    int32_t point = (int32_t)op->n[0];
    int fds[253];
    /* /proc/<pid> must be the caller's. */
    if (point == POINT_MAPS || point == POINT_OFFSETS || point == POINT_OOM_SCORE) prctl(PR_SET_DUMPABLE, 1);
    message_send(MESSAGE_SYNC, point, NULL, 0, -1);
    uint32_t count = message_expect(MESSAGE_CONTINUE, point, fds, 253);
    prctl(PR_SET_DUMPABLE, 0);
    if (point == POINT_HOOKS && count == 1) {
        state.hook_state = fds[0];
    } else if (point == POINT_SOURCES) {
        /* More than one message's worth of trees comes as several SYNC operations, each adding to the table. */
        int *table = realloc(state.sources, (state.source_count + count) * sizeof *table);
        if (count && !table) fail_errno(ENOMEM, "realloc", NULL);
        if (count) state.sources = table;
        for (uint32_t i = 0; i < count; i++) state.sources[state.source_count++] = fds[i];
    } else if (count != 0) {
        fail_errno(EPROTO, "recvmsg", "descriptors that belong to no point");
    }
}

/* What was needed to make the container; nothing of it may be there while it waits, or after. */
static void close_tools(void) {
    int *const tools[] = {&state.root, &state.host_root, &state.proc, &state.null, &state.empty};
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        if (*tools[i] >= 0) close(*tools[i]);
        *tools[i] = -1;
    }
    free(state.sources);
    state.sources = NULL;
    state.source_count = 0;
    if (state.hook_state >= 0) close(state.hook_state);
    state.hook_state = -1;
}

static void do_ready(const struct op *op) {
    close_tools();
    message_send(MESSAGE_READY, 0, NULL, 0, -1);
    message_expect(MESSAGE_HANDOVER, 0, &state.hook_state, 1);
    /* Not later, for a filter may refuse it. */
    prctl(PR_SET_PDEATHSIG, 0);
    if (op->n[0]) prctl(PR_SET_DUMPABLE, 1);
}

static void do_alive(void) {
    message_send(MESSAGE_ALIVE, 0, NULL, 0, -1);
    close(state.socket);
    state.socket = -1;
    state.reply = state.reply_fd; /* from here on `start` is the one to tell */
}

static void do_op(const struct op *op) {
    switch (op->kind) {
    case OP_SYNC: do_sync(op); break;
    case OP_FORK: do_fork(op); break;
    case OP_READY: do_ready(op); break;
    case OP_ALIVE: do_alive(); break;
    case OP_WAIT_START: do_wait_start(op); break;
    case OP_HOOK: do_hook(op); break;
    case OP_EXEC: do_exec(op);
    case OP_JOIN: do_join(op); break;
    case OP_UNSHARE:
        if (unshare((int)op->n[0]) < 0) fail("unshare", NULL);
        break;
    case OP_BECOME_ROOT:
        if (setresgid(0, 0, 0) < 0) {
            if (errno == EINVAL && op->n[0]) break; /* nobody is id 0 there, and one stays who one is */
            fail("setresgid", NULL);
        }
        if (setresuid(0, 0, 0) < 0) fail("setresuid", NULL);
        prctl(PR_SET_DUMPABLE, 0);
        follow_parent(); /* a change of credentials clears the parent-death signal */
        break;
    case OP_HOSTNAME:
        if (sethostname(op->s[0], __builtin_strlen(op->s[0])) < 0) fail("sethostname", op->s[0]);
        break;
    case OP_DOMAINNAME:
        if (setdomainname(op->s[0], __builtin_strlen(op->s[0])) < 0) fail("setdomainname", op->s[0]);
        break;
    case OP_SYSCTL: do_sysctl(op); break;
    case OP_LOOPBACK_UP: do_loopback_up(op); break;
    case OP_PROPAGATION: do_propagation(op); break;
    case OP_ROOT_DIRECTORY: do_root_directory(op); break;
    case OP_ROOTFS: do_rootfs(op); break;
    case OP_MOUNT: do_mount(op); break;
    case OP_BIND: do_bind(op); break;
    case OP_MOUNT_OLD: do_mount_old(op); break;
    case OP_REMOUNT: do_remount(op); break;
    case OP_DEVICE: do_device(op); break;
    case OP_SYMLINK: do_symlink(op); break;
    case OP_MASK: do_mask(op); break;
    case OP_READONLY_PATH: do_readonly_path(op); break;
    case OP_PIVOT_ROOT: do_pivot_root(op); break;
    case OP_MOVE_ROOT: do_move_root(op); break;
    case OP_CHROOT: do_chroot(op); break;
    case OP_ROOT_PROPAGATION: do_root_propagation(op); break;
    case OP_ROOT_READONLY: do_root_readonly(op); break;
    case OP_PROC_HANDLE: do_proc_handle(op); break;
    case OP_SESSION:
        if (setsid() < 0) fail("setsid", NULL);
        break;
    case OP_CONSOLE: do_console(op); break;
    case OP_KEYRING: do_keyring(op); break;
    case OP_RLIMIT: do_rlimit(op); break;
    case OP_UMASK: umask((mode_t)op->n[0]); break;
    case OP_MAKE_CWD: do_make_cwd(op); break;
    case OP_CHDIR: do_chdir(op); break;
    case OP_ARGS: state.args = plan_vector(op, 0, 0); break;
    case OP_ENV:
        state.env = plan_vector(op, 0, 2); /* HOME and LISTEN_PID may come to it */
        state.env_count = op->list[0].count;
        break;
    case OP_HOME: do_home(op); break;
    case OP_STDIO_NULL: do_stdio_null(); break;
    case OP_STDIO_OWNER: do_stdio_owner(op); break;
    case OP_BOUNDING: do_bounding(op); break;
    case OP_GROUPS: do_groups(op); break;
    case OP_USER: do_user(op); break;
    case OP_CAPABILITIES: do_capabilities(op); break;
    case OP_AMBIENT: do_ambient(op); break;
    case OP_NO_NEW_PRIVILEGES:
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("prctl", "PR_SET_NO_NEW_PRIVS");
        break;
    case OP_FIND_EXECUTABLE: do_find_executable(op); break;
    case OP_AFFINITY: do_affinity(op); break;
    case OP_DONE: message_send(MESSAGE_DONE, 0, NULL, 0, -1); _exit(0);
    case OP_OPEN_SOURCE: do_open_source(op); break;
    case OP_UMOUNT: do_umount(op); break;
    case OP_NET_DEVICES: do_net_devices(op); break;
    case OP_SCHEDULER: do_scheduler(op); break;
    case OP_IO_PRIORITY: do_io_priority(op); break;
    case OP_PERSONALITY: do_personality(op); break;
    case OP_MEMORY_POLICY: do_memory_policy(op); break;
    case OP_LABEL: do_label(op); break;
    case OP_RAISE_LIMIT: do_raise_limit(op); break;
    case OP_DESCRIPTORS: do_descriptors(op); break;
    case OP_LISTEN_PID: do_listen_pid(); break;
    case OP_RELEASE:
        if (prctl(PR_SET_PDEATHSIG, 0) < 0) fail("prctl", "PR_SET_PDEATHSIG");
        break;
    case OP_OUTLIVE: do_outlive(op); break;
    case OP_SECCOMP: do_seccomp(op); break;
    case OP_LAST_CAPABILITIES: do_last_capabilities(op); break;
    default: fail_errno(EBADMSG, "plan", "unknown operation");
    }
}

/* Whoever names it as a program (a script's interpreter may be a link to /proc/self/exe) gives it nothing to do. */
static void refuse_to_be_a_program(void) {
    static const char said[] = "tsrun: exec: permission denied: this is the file of tsrun's init, which runs no program by "
                               "itself: look for links to /proc/self/exe\n";
    struct stat socket, plan;
    if (fstat(FD_SOCKET, &socket) == 0 && S_ISSOCK(socket.st_mode)) return;
    if (fstat(FD_PLAN, &plan) == 0 && S_ISREG(plan.st_mode)) return;
    (void)!write(2, said, sizeof said - 1);
    _exit(126);
}

/* While the host's procfs is there to tell. */
static void know_own_file(void) {
    struct stat own;
    if (stat("/proc/self/exe", &own) < 0) return;
    state.own_device = own.st_dev;
    state.own_inode = own.st_ino;
}

int main(void) {
    refuse_to_be_a_program();
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "tsrun:init");
    follow_parent();
    umask(0); /* modes in the plan are meant as they stand; the payload's mask is an operation of its own */
    const struct plan_header *plan = plan_open(FD_PLAN);
    close(FD_PLAN);
    know_own_file();
    state.preserved = plan->preserved;
    state.inherited = plan->inherited;
    for (; state.op_index < plan->op_count; state.op_index++) {
        struct op op = plan_op(state.op_index);
        do_op(&op);
    }
    fail_errno(EBADMSG, "plan", "it ends without EXEC");
}
