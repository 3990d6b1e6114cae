/* The verbs of the guest program; guest.c holds the table. */
#ifndef TEST_GUEST_GUEST_H
#define TEST_GUEST_GUEST_H

#include <stddef.h>

/* What the program was started with. */
extern int guest_argc;
extern char **guest_argv;
extern char **environ;

/* Reads a whole file of any size procfs may report; the length, or a negative errno. */
long slurp(const char *path, char *buffer, size_t size);
/* Reports the errno by name and number (`errno`, `error`), 0 as success. */
void report_errno(int error);
/* Cuts `arg` at the next `separator` and returns the rest (NULL where there is none). */
char *cut(char *arg, char separator);

/* facts about the process */
void fact_hostname(char *);
void fact_domainname(char *);
void fact_ids(char *);
void fact_caps(char *);
void fact_status(char *);
void fact_pids(char *);
void fact_ns(char *);
void fact_umask(char *);
void fact_rlimits(char *);
void fact_env(char *);
void fact_args(char *);
void fact_cwd(char *);
void fact_fds(char *);
void fact_stdio(char *);
void fact_tty(char *);
void fact_keyring(char *);
void fact_affinity(char *);
void fact_priority(char *);
void fact_clock(char *);
void fact_prctl(char *);

/* facts about when and where it runs */
void fact_scheduler(char *);
void fact_placement(char *);

/* facts about files */
void fact_stat(char *);
void fact_read(char *);
void fact_ls(char *);
void fact_mounts(char *);
void fact_statfs(char *);
void try_write(char *);
void try_open(char *);
void try_mknod(char *);
void try_mkdir(char *);
void try_nest(char *);
void try_fan(char *);
void try_chmod(char *);
void try_chown(char *);
void try_unlink(char *);
void try_symlink(char *);
void try_connect(char *);
void try_notify(char *);
void try_mount(char *);
void try_umount(char *);
void try_chroot(char *);
void try_sethostname(char *);
void try_setuid(char *);
void try_nofile(char *);
void try_kill(char *);

/* extended attributes */
void fact_xattr(char *);
void try_setxattr(char *);

/* system calls by number */
void try_syscall(char *);
void try_syscall32(char *);

/* what can be seen of a runtime */
void act_watch(char *);

/* acts */
void act_spawn(char *);
void act_children(char *);
void act_orphans(char *);
void act_zombies(char *);
void act_daemon(char *);
void act_exit(char *);
void act_raise(char *);
void act_sleep(char *);
void act_pause(char *);
void act_until(char *);
void act_print(char *);
void act_stderr(char *);
void act_flood(char *);
void act_stdin(char *);
void act_line(char *);
void act_signals(char *);
void act_ignore(char *);
void act_handle(char *);
void act_handled(char *);
void act_winch(char *);
void act_hook(char *);
void act_pass(char *);

/* loads */
void act_allocate(char *);
void act_huge(char *);
void act_forks(char *);
void act_bomb(char *);
void act_spin(char *);
void act_ticks(char *);
void act_direct(char *);

#endif
