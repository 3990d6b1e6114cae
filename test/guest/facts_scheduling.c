/* Facts about when and where the process runs. */
#define _GNU_SOURCE
#include "guest.h"
#include "json.h"

#include <stdint.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

struct scheduling {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
};

void fact_scheduler(char *argument) {
  struct scheduling attributes = {0};
  (void)argument;
  json_begin();
  json_string("verb", "scheduler");
  syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0);
  json_number("policy", attributes.policy);
  json_number("flags", (long)attributes.flags);
  json_number("nice", attributes.nice);
  json_number("priority", attributes.priority);
  json_number("runtime", (long)attributes.runtime);
  json_number("deadline", (long)attributes.deadline);
  json_number("period", (long)attributes.period);
  json_end(1);
}

void fact_placement(char *argument) {
  unsigned long nodes[16] = {0};
  int mode = -1;
  struct utsname names;
  (void)argument;
  json_begin();
  json_string("verb", "placement");
  long priority = syscall(SYS_ioprio_get, 1, 0);
  json_number("ioClass", priority >> 13);
  json_number("ioLevel", priority & 7);
  syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, NULL, 0);
  json_number("memoryPolicy", mode);
  json_number("nodes", (long)nodes[0]);
  json_number("personality", personality(0xffffffff));
  uname(&names);
  json_string("machine", names.machine);
  json_end(1);
}
