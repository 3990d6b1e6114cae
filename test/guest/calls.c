/* System calls by number, as a seccomp filter sees them. */
#define _GNU_SOURCE
#include "guest.h"
#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* NUMBER,ARGUMENT…: all of 64 bits; the number is taken off. */
static long numbers(char *text, long values[7]) {
  int count = 0;
  memset(values, 0, 7 * sizeof *values);
  for (char *word = text; word != NULL && count < 7;) {
    char *next = cut(word, ',');
    values[count++] = (long)strtoull(word, NULL, 0);
    word = next;
  }
  return values[0];
}

static void report(const char *verb, const char *arg, long result) {
  json_begin();
  json_string("verb", verb);
  json_string("arg", arg);
  json_number("value", result);
  report_errno(result < 0 && result > -4096 ? (int)-result : 0);
  json_end(1);
}

/* syscall=NUMBER[,ARGUMENT…]: a system call with these arguments; 0 stands for those that are not given. */
void try_syscall(char *text) {
  char arg[256];
  long a[7];
  strncpy(arg, text, sizeof arg - 1);
  arg[sizeof arg - 1] = '\0';
  long number = numbers(text, a);
  long result = syscall(number, a[1], a[2], a[3], a[4], a[5], a[6]);
  report("syscall", arg, result < 0 ? -errno : result);
}

/* syscall32=NUMBER[,ARGUMENT…]: the same by the 32-bit gate of x86; `"value":-1` on other machines. */
void try_syscall32(char *text) {
  char arg[256];
  long a[7];
  strncpy(arg, text, sizeof arg - 1);
  arg[sizeof arg - 1] = '\0';
  numbers(text, a);
  long result = -1;
#ifdef __x86_64__
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(a[0]), "b"(a[1]), "c"(a[2]), "d"(a[3]), "S"(a[4]), "D"(a[5])
                   : "memory", "r8", "r9", "r10", "r11");
  result = (int)result;
#endif
  report("syscall32", arg, result);
}
