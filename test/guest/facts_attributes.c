/* Extended attributes: ACLs and file capabilities, as the bytes that the kernel shows to this process. */
#define _GNU_SOURCE
#include "guest.h"
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define VALUE_MAX 1024

/* xattr=PATH=NAME: its value in hexadecimal digits. */
void fact_xattr(char *path) {
  char *name = cut(path, '=');
  unsigned char value[VALUE_MAX];
  char digits[2 * VALUE_MAX + 1] = "";
  ssize_t size = getxattr(path, name == NULL ? "" : name, value, sizeof value);
  int error = size < 0 ? errno : 0;
  for (ssize_t i = 0; i < size; i++) sprintf(digits + 2 * i, "%02x", value[i]);
  json_begin();
  json_string("verb", "xattr");
  json_string("arg", path);
  json_string("name", name == NULL ? "" : name);
  report_errno(error);
  json_string("value", digits);
  json_end(1);
}

/* setxattr=PATH=NAME=DIGITS */
void try_setxattr(char *path) {
  char *name = cut(path, '=');
  char *digits = name == NULL ? NULL : cut(name, '=');
  unsigned char value[VALUE_MAX];
  size_t size = digits == NULL ? 0 : strlen(digits) / 2;
  if (size > sizeof value) size = sizeof value;
  for (size_t i = 0; i < size; i++) {
    char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};
    value[i] = (unsigned char)strtoul(pair, NULL, 16);
  }
  int error = setxattr(path, name == NULL ? "" : name, value, size, 0) == 0 ? 0 : errno;
  json_begin();
  json_string("verb", "setxattr");
  json_string("arg", path);
  json_string("name", name == NULL ? "" : name);
  report_errno(error);
  json_end(1);
}
