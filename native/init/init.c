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
    if (point == POINT_MAPS || point == POINT_OFFSETS) prctl(PR_SET_DUMPABLE, 1); /* /proc/<pid> must be the caller's */
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

static void do_ready(void) {
    close_tools();
    message_send(MESSAGE_READY, 0, NULL, 0, -1);
    message_expect(MESSAGE_HANDOVER, 0, &state.hook_state, 1);
    prctl(PR_SET_PDEATHSIG, 0);
    message_send(MESSAGE_ALIVE, 0, NULL, 0, -1);
    close(state.socket);
    state.socket = -1;
    state.reply = state.reply_fd; /* from here on `start` is the one to tell */
}

static void do_op(const struct op *op) {
    switch (op->kind) {
    case OP_SYNC: do_sync(op); break;
    case OP_FORK: do_fork(op); break;
    case OP_READY: do_ready(); break;
    case OP_WAIT_START: do_wait_start(op); break;
    case OP_HOOK: do_hook(op); break;
    case OP_EXEC: do_exec(op);
    case OP_JOIN: do_join(op); break;
    case OP_UNSHARE:
        if (unshare((int)op->n[0]) < 0) fail("unshare", NULL);
        break;
    case OP_BECOME_ROOT:
        if (setresgid(0, 0, 0) < 0) fail("setresgid", NULL);
        if (setresuid(0, 0, 0) < 0) fail("setresuid", NULL);
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
        state.env = plan_vector(op, 0, 1);
        state.env_count = op->list[0].count;
        break;
    case OP_HOME: do_home(op); break;
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
    case OP_RAISE_LIMIT: do_raise_limit(op); break;
    case OP_DESCRIPTORS: do_descriptors(op); break;
    default: fail_errno(EBADMSG, "plan", "unknown operation");
    }
}

int main(void) {
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "tsrun:init");
    follow_parent();
    umask(0); /* modes in the plan are meant as they stand; the payload's mask is an operation of its own */
    const struct plan_header *plan = plan_open(FD_PLAN);
    close(FD_PLAN);
    state.preserved = plan->preserved;
    state.inherited = plan->inherited;
    if (state.preserved > FD_REPLY - 3) { /* the payload's descriptors will need that number */
        state.reply_fd = fcntl(FD_REPLY, F_DUPFD_CLOEXEC, (int)(FD_FIRST + state.preserved + state.inherited));
        if (state.reply_fd < 0) fail("fcntl", "the reply fifo");
    }
    for (; state.op_index < plan->op_count; state.op_index++) {
        struct op op = plan_op(state.op_index);
        do_op(&op);
    }
    fail_errno(EBADMSG, "plan", "it ends without EXEC");
}
