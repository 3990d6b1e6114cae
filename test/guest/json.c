#include "json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char line[4 << 20];
static size_t used;
static int fresh;

static void put(const char *text, size_t length) {
  if (used + length + 2 > sizeof line) _exit(99);
  memcpy(line + used, text, length);
  used += length;
}

static void put_text(const char *text) { put(text, strlen(text)); }

static void put_escaped(const char *value, size_t length) {
  put_text("\"");
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)value[i];
    char escape[8];
    if (c == '"' || c == '\\' || c < 0x20 || c == 0x7f) {
      snprintf(escape, sizeof escape, "\\u%04x", c);
      put_text(escape);
    } else {
      put(value + i, 1);
    }
  }
  put_text("\"");
}

void json_key(const char *key) {
  if (!fresh) put_text(",");
  fresh = 0;
  if (key == NULL) return;
  put_escaped(key, strlen(key));
  put_text(":");
}

void json_begin(void) {
  used = 0;
  put_text("{");
  fresh = 1;
}

void json_bytes(const char *key, const char *value, size_t length) {
  json_key(key);
  put_escaped(value, length);
}

void json_string(const char *key, const char *value) { json_bytes(key, value, strlen(value)); }

void json_number(const char *key, long long value) {
  char digits[32];
  snprintf(digits, sizeof digits, "%lld", value);
  json_key(key);
  put_text(digits);
}

void json_exact(const char *key, unsigned long long value) {
  char digits[32];
  snprintf(digits, sizeof digits, "\"%llu\"", value);
  json_key(key);
  put_text(digits);
}

void json_bool(const char *key, int value) {
  json_key(key);
  put_text(value ? "true" : "false");
}

void json_array(const char *key) {
  json_key(key);
  put_text("[");
  fresh = 1;
}

void json_object(const char *key) {
  json_key(key);
  put_text("{");
  fresh = 1;
}

void json_close(char bracket) {
  put(&bracket, 1);
  fresh = 0;
}

void json_end(int fd) {
  put_text("}\n");
  for (size_t done = 0; done < used;) {
    ssize_t n = write(fd, line + done, used - done);
    if (n <= 0) break;
    done += (size_t)n;
  }
}
