/*
 * supervise: what tsrun becomes while a program runs in the foreground. The engine would take tens of megabytes for
 * waiting; this takes some dozen kilobytes. It forwards signals, carries a terminal, reaps, and ends as the program
 * ended; or it becomes what it was told to become then.
 *
 *   supervise PID TERMINAL STYLE NOTIFY [RECORD PROGRAM ARGUMENT...]
 *
 *   PID       a child
 *   TERMINAL  the descriptor of the master of its terminal, or `-`
 *   STYLE     letters: `s`, it shares our terminal and gets what is typed there by itself; `e`, what ends any program ends
 *             it too, though it is the first of its pid namespace; `-` for neither
 *   NOTIFY    two descriptors, `FROM,TO`: where the program says that it is ready, and who is told then; `-` for none
 *   RECORD    a descriptor that PROGRAM is to find open, at its beginning
 *   PROGRAM   executed at the end, with ARGUMENT... and the exit status after them
 *
 * All signals are blocked by then and stay so: what came before is pending, and is not lost.
 */
#ifndef TSRUN_SUPERVISE_H
#define TSRUN_SUPERVISE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Bytes on their way from one descriptor to another. */
struct carrier {
    size_t start, end;
    bool open; /* more may come */
    char bytes[16384];
};

struct terminal {
    int master; /* -1: there is none */
    struct carrier input, output;
};

/* --- terminal.c --- */
/* Takes over a terminal: the caller's becomes raw until terminal_close(). */
void terminal_open(struct terminal *terminal, int master);
/* Gives it the size of the caller's. */
void terminal_resize(struct terminal *terminal);
/* Descriptors and events to wait for: standard input, the master, standard output. */
void terminal_wants(const struct terminal *terminal, struct pollfd wanted[3]);
/* Carries what there is; returns which of SIGINT and SIGQUIT something typed has just sent, or 0. */
int terminal_carry(struct terminal *terminal, const struct pollfd got[3]);
/* Prints what is left, and makes the caller's terminal what it was. */
void terminal_close(struct terminal *terminal);

/* Of what a program says by sd_notify(3), this alone is passed on: that it is ready. */
struct notification {
    int from, to; /* -1: there is none, or nothing more to pass on */
    pid_t pid;
};

/* --- notify.c --- */
/* Passes on what has been said. */
void notification_carry(struct notification *notification);

/* --- dropped.c --- */
/* Whether the kernel drops a signal that would end any other process: it is the first of its pid namespace, and unprepared. */
bool is_dropped(pid_t pid, int signal);
/* Whether the process is in the foreground of its terminal. */
bool is_foreground(pid_t pid);

#endif
