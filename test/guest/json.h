/*
 * One JSON object per line on standard output: what both test programs speak.
 *
 * json_begin … json_end builds one line in a fixed buffer and writes it with one write(2), so that lines of several
 * processes never mix (up to PIPE_BUF) and nothing is lost when the process is killed after it.
 */
#ifndef TEST_GUEST_JSON_H
#define TEST_GUEST_JSON_H

#include <stddef.h>

void json_begin(void);
void json_key(const char *key);
void json_string(const char *key, const char *value);
void json_bytes(const char *key, const char *value, size_t length);
void json_number(const char *key, long long value);
/* 64-bit values beyond 2^53 are not numbers to every reader: a decimal string. */
void json_exact(const char *key, unsigned long long value);
void json_bool(const char *key, int value);
void json_array(const char *key);
void json_object(const char *key);
void json_close(char bracket);
void json_end(int fd);

#endif
