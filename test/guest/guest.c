/*
 * The guest: a static program that runs as the container's process (and as hooks), one verb per fact.
 *
 *   guest VERB[=ARGUMENT] ...
 *
 * Each verb prints one JSON object `{"verb":…,"arg":…,…}` on a line of its own, in order. A test so reads as its
 * requirement: `guest hostname caps stat=/dev/null exit=3`. Failing system calls are facts too: they are printed as
 * `"errno":"EPERM"`, never an end of the program. An unknown verb ends it with status 98.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int guest_argc;
char **guest_argv;

static const struct verb {
  const char *name;
  void (*run)(char *argument);
} verbs[] = {
    {"hostname", fact_hostname},   {"domainname", fact_domainname},
    {"ids", fact_ids},             {"caps", fact_caps},
    {"status", fact_status},       {"pids", fact_pids},
    {"ns", fact_ns},               {"umask", fact_umask},
    {"rlimits", fact_rlimits},     {"env", fact_env},
    {"args", fact_args},           {"cwd", fact_cwd},
    {"fds", fact_fds},             {"stdio", fact_stdio},
    {"tty", fact_tty},             {"keyring", fact_keyring},
    {"affinity", fact_affinity},   {"priority", fact_priority},
    {"clock", fact_clock},         {"prctl", fact_prctl},
    {"scheduler", fact_scheduler}, {"placement", fact_placement},
    {"stat", fact_stat},           {"read", fact_read},
    {"ls", fact_ls},               {"mounts", fact_mounts},
    {"statfs", fact_statfs},       {"write", try_write},
    {"open", try_open},            {"mknod", try_mknod},
    {"mkdir", try_mkdir},          {"unlink", try_unlink},
    {"nest", try_nest},            {"fan", try_fan},
    {"chmod", try_chmod},          {"chown", try_chown},
    {"symlink", try_symlink},      {"connect", try_connect},
    {"mount", try_mount},          {"umount", try_umount},
    {"chroot", try_chroot},        {"sethostname", try_sethostname},
    {"setuid", try_setuid},        {"setnofile", try_nofile},
    {"kill", try_kill},            {"spawn", act_spawn},
    {"children", act_children},    {"orphans", act_orphans},
    {"zombies", act_zombies},      {"daemon", act_daemon},
    {"exit", act_exit},            {"raise", act_raise},
    {"sleep", act_sleep},          {"pause", act_pause},
    {"until", act_until},          {"print", act_print},
    {"stderr", act_stderr},        {"flood", act_flood},
    {"stdin", act_stdin},          {"line", act_line},
    {"signals", act_signals},      {"ignore", act_ignore},
    {"handle", act_handle},        {"handled", act_handled},
    {"winch", act_winch},          {"hook", act_hook},
    {"pass", act_pass},            {"allocate", act_allocate},
    {"huge", act_huge},            {"forks", act_forks},
    {"bomb", act_bomb},            {"spin", act_spin},
    {"ticks", act_ticks},          {"direct", act_direct},
    {"xattr", fact_xattr},         {"setxattr", try_setxattr},
    {"watch", act_watch},          {"notify", try_notify},
    {"syscall", try_syscall},      {"syscall32", try_syscall32},
};

char *cut(char *arg, char separator) {
  char *at = arg == NULL ? NULL : strchr(arg, separator);
  if (at == NULL) return NULL;
  *at = '\0';
  return at + 1;
}

int main(int argc, char **argv) {
  guest_argc = argc;
  guest_argv = argv;
  for (int i = 1; i < argc; i++) {
    /* A copy: the argument vector itself is a fact that stays as it was. */
    static char copy[1 << 16];
    if (strlen(argv[i]) >= sizeof copy) return 97;
    strcpy(copy, argv[i]);
    char *argument = cut(copy, '=');
    size_t v = 0, count = sizeof verbs / sizeof *verbs;
    while (v < count && strcmp(verbs[v].name, copy) != 0) v++;
    if (v == count) {
      dprintf(2, "guest: unknown verb %s\n", copy);
      return 98;
    }
    verbs[v].run(argument);
  }
  return 0;
}
