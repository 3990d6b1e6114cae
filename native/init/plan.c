/* The plan is input, even from ourselves: every offset is checked before it is followed. */
#include "init.h"
#include "sys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const char *plan;
static const char *pool;
static struct plan_header header;

static _Noreturn void malformed(const char *what) { fail_errno(EBADMSG, "plan", what); }

const struct plan_header *plan_open(int fd) {
    struct stat st;
    if (fstat(fd, &st) < 0) fail("fstat", "the plan");
    if (st.st_size < (off_t)sizeof header || st.st_size > INT32_MAX) malformed("size");
    plan = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (plan == MAP_FAILED) fail("mmap", "the plan");
    memcpy(&header, plan, sizeof header);
    if (header.magic != PLAN_MAGIC) malformed("magic");
    if (header.version != PLAN_VERSION) malformed("version");
    if (header.size != (uint64_t)st.st_size) malformed("total size");
    if (header.pool_offset != sizeof header + (uint64_t)header.op_count * sizeof(struct plan_record))
        malformed("pool offset");
    if (header.pool_offset > header.size || header.size - header.pool_offset != header.pool_size)
        malformed("pool size");
    pool = plan + header.pool_offset;
    /* The terminator makes every string that starts in the pool end in it. */
    if (header.pool_size == 0 || pool[header.pool_size - 1] != '\0') malformed("pool terminator");
    if (header.op_count == 0) malformed("no operations");
    if (header.preserved > 65536 || header.inherited > 64) malformed("descriptor count");
    return &header;
}

static const char *string_at(uint32_t offset) {
    if (offset == NO_STRING) return NULL;
    if (offset >= header.pool_size) malformed("string offset");
    return pool + offset;
}

/* How many strings and lists of which sort an operation must bring: a missing one must not be a NULL dereference. */
enum list_sort { SORT_NONE, SORT_STRINGS, SORT_NUMBERS };
struct shape {
    uint32_t kind;
    const char *strings, *numbers, *lists;
};
static const struct shape shapes[] = {
#define OP(name, number, call, strings, numbers, lists) {number, #strings, #numbers, #lists},
#define POINT(name, number)
#define MESSAGE(name, number)
#define DESCRIPTOR(name, number)
#define MOUNT_FLAG(name, number)
#include "../plan.def"
};

/* The `index`-th name of a parenthesised list of plan.def, as its last character and whether it exists. */
static char name_end(const char *names, int index) {
    char last = 0;
    for (const char *c = names + 1;; c++) {
        if (*c == ',' || *c == ')' || *c == '\0') {
            if (index-- == 0) return last;
            if (*c != ',') return 0;
            last = 0;
        } else if (*c != ' ') {
            last = *c;
        }
    }
}

static void check_list(const struct plan_list *list, const char *names, int index) {
    char end = name_end(names, index);
    if (list->count == 0) return;
    if (end != ']') malformed("unexpected list");
    if (list->offset >= header.pool_size) malformed("list offset");
    const char *data = pool + list->offset, *limit = pool + header.pool_size;
    /* `gids[u32]` against `args[]`: the only list of numbers is told by its name in plan.def. */
    if (strstr(names, "[u32]")) {
        if ((uint64_t)list->count * 4 > (uint64_t)(limit - data)) malformed("list size");
        return;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (data >= limit) malformed("list size");
        data += strlen(data) + 1;
    }
}

struct op plan_op(uint32_t index) {
    struct plan_record record;
    struct op op = {0};
    if (index >= header.op_count) malformed("operation index");
    memcpy(&record, plan + sizeof header + (size_t)index * sizeof record, sizeof record);
    const struct shape *shape = NULL;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].kind == record.kind) shape = &shapes[i];
    if (!shape) malformed("unknown operation");
    if (record.reserved != 0) malformed("reserved field");
    op.kind = record.kind;
    for (int i = 0; i < OP_STRINGS; i++) {
        op.s[i] = string_at(record.strings[i]);
        char end = name_end(shape->strings, i);
        if (end == 0 ? op.s[i] != NULL : end != '?' && op.s[i] == NULL) malformed("strings of an operation");
    }
    for (int i = 0; i < OP_NUMBERS; i++) {
        op.n[i] = record.numbers[i];
        if (name_end(shape->numbers, i) == 0 && op.n[i] != 0) malformed("numbers of an operation");
    }
    for (int i = 0; i < OP_LISTS; i++) {
        check_list(&record.lists[i], shape->lists, i);
        op.list[i].data = record.lists[i].count ? pool + record.lists[i].offset : pool;
        op.list[i].count = record.lists[i].count;
    }
    return op;
}

char **plan_vector(const struct op *op, int list, size_t spare) {
    uint32_t count = op->list[list].count;
    char **vector = calloc(count + spare + 1, sizeof *vector);
    if (!vector) fail_errno(ENOMEM, "calloc", NULL);
    char *data = (char *)(uintptr_t)op->list[list].data; /* execve wants char *, and does not write */
    for (uint32_t i = 0; i < count; i++) {
        vector[i] = data;
        data += strlen(data) + 1;
    }
    return vector;
}
