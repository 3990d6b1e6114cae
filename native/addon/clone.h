// clone3(2) onto a stack of its own, and system calls that touch no memory but their arguments.
//
// A child made with CLONE_VM runs in its parent's memory: it may not return into the parent's frames, take a lock of
// malloc, or write errno. glibc offers neither of these two pieces.
#pragma once

#include <linux/sched.h>
#include <sys/syscall.h>

namespace tsrun {

/** A system call by itself: a negative errno on failure. Arguments are integers or pointers. */
inline long rawSyscallOf(long number, long a, long b, long c, long d, long e) {
#if defined(__x86_64__)
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  long returned;
  asm volatile("syscall" : "=a"(returned) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return returned;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#else
#error "tsrun runs on x86-64 and arm64"
#endif
}

template <typename A = long, typename B = long, typename C = long, typename D = long, typename E = long>
inline long rawSyscall(long number, A a = 0, B b = 0, C c = 0, D d = 0, E e = 0) {
  return rawSyscallOf(number, (long)a, (long)b, (long)c, (long)d, (long)e);
}

/**
 * clone3(2); `args` must name a stack. The child calls `run(argument)` on it and ends with what that returns as its exit
 * code. The parent gets the child's pid, or a negative errno.
 */
inline long cloneOntoStack(const clone_args *args, int (*run)(void *), void *argument) {
#if defined(__x86_64__)
  register int (*r8)(void *) asm("r8") = run;
  register void *r9 asm("r9") = argument;
  long returned;
  asm volatile("syscall\n\t"
               "testq %%rax, %%rax\n\t"
               "jnz 1f\n\t"
               "xorl %%ebp, %%ebp\n\t" // the end of the frames, for debuggers
               "movq %%r9, %%rdi\n\t"
               "callq *%%r8\n\t"
               "movl %%eax, %%edi\n\t"
               "movl %[exit], %%eax\n\t"
               "syscall\n\t"
               "hlt\n"
               "1:"
               : "=a"(returned)
               : "a"(SYS_clone3), "D"(args), "S"(sizeof *args), "r"(r8), "r"(r9), [exit] "i"(SYS_exit_group)
               : "rcx", "r11", "memory");
  return returned;
#elif defined(__aarch64__)
  register long x8 asm("x8") = SYS_clone3;
  register long x0 asm("x0") = (long)args;
  register long x1 asm("x1") = sizeof *args;
  register int (*x2)(void *) asm("x2") = run;
  register void *x3 asm("x3") = argument;
  asm volatile("svc #0\n\t"
               "cbnz x0, 1f\n\t"
               "mov x29, xzr\n\t"
               "mov x30, xzr\n\t"
               "mov x0, x3\n\t"
               "blr x2\n\t"
               "mov x8, %[exit]\n\t"
               "svc #0\n\t"
               "brk #1\n"
               "1:"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), [exit] "i"(SYS_exit_group)
               : "memory");
  return x0;
#endif
}

} // namespace tsrun
