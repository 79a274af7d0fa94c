/*
 * What a random client asks of containers.
 * Touches the world. One thread.
 */
#include "box_draw.h"

#include <ipc/method.h>

enum { RECENT = 10, FULL = 44 };

/* ---- values ---- */

static const box_value *draw_reference(void)
{
    box_value *value = box_value_new(BOX_REFERENCE);
    unsigned among = box.object_count < RECENT || box_draw(4) == 0 ? box.object_count : RECENT;
    value->to = &box.objects[box.object_count - 1 - box_draw(among)];
    return value;
}

static const box_value *draw_key(void)
{
    const box_value *key = box_draw_scalar(box_draw);
    return box_is_key(key) ? key : box_int(7);
}

static const box_value *draw_map(unsigned depth)
{
    box_value *map = box_value_new(BOX_MAP);
    uint32_t pairs = (uint32_t)box_draw(BOX_INSIDE / 2 + 1);
    for (uint32_t i = 0; i < pairs; i++) {
        const box_value *key = draw_key();
        bool there = false;
        for (uint32_t at = 0; at < map->count; at += 2) {
            there = there || box_equal(map->inside[at], key);
        }
        if (!there) {
            map->inside[map->count] = key;
            map->inside[map->count + 1] = box_draw_value(depth);
            map->count += 2;
        }
    }
    return map;
}

static const box_value *draw_sequence(unsigned depth, uint32_t count)
{
    box_value *sequence = box_value_new(BOX_SEQUENCE);
    for (; sequence->count < count && sequence->count < BOX_INSIDE; sequence->count++) {
        sequence->inside[sequence->count] = box_draw_value(depth);
    }
    return sequence;
}

const box_value *box_draw_value(unsigned depth)
{
    uint64_t choice = box_draw(10);
    if (choice < 3 && !box.flavour.terse && box.object_count) {
        return draw_reference();
    }
    if (choice < 5 && depth) {
        return draw_sequence(depth - 1, (uint32_t)box_draw(4));
    }
    if (choice == 5 && depth) {
        return draw_map(depth - 1);
    }
    return box_draw_scalar(box_draw);
}

/* ---- arguments ---- */

/*
 * A method's arguments, a letter each: k key, v value, i index, n number, m what may be absent, s a part of a slice, q a sequence, K
 * one of keys, u a map, b a truth, t how often; behind ? they may be left away.
 */
typedef struct box_method {
    unsigned number;
    const char *shape;
} box_method;

static const box_method dict_methods[] = {
    {IPC_METHOD_LENGTH, ""},         {IPC_METHOD_GET, "k?v"},  {IPC_METHOD_GET, "k?v"},
    {IPC_METHOD_SET, "kv"},          {IPC_METHOD_SET, "kv"},   {IPC_METHOD_SET, "kv"},
    {IPC_METHOD_SET, "kv"},          {IPC_METHOD_DELETE, "k"}, {IPC_METHOD_CONTAINS, "k"},
    {IPC_METHOD_CLEAR, ""},          {IPC_METHOD_POP, "k?v"},  {IPC_METHOD_INCREMENT, "kn?n"},
    {IPC_METHOD_COMPARE_SET, "kmm"}, {IPC_METHOD_COPY, ""},    {IPC_METHOD_KEYS, ""},
    {IPC_METHOD_VALUES, ""},         {IPC_METHOD_ITEMS, ""},   {IPC_METHOD_POP_ITEM, ""},
    {IPC_METHOD_SET_DEFAULT, "kv"},  {IPC_METHOD_UPDATE, "u"}, {IPC_METHOD_UPDATE, "u"},
    {IPC_METHOD_GET_MANY, "K?v"},
};
static const box_method list_methods[] = {
    {IPC_METHOD_LENGTH, ""},        {IPC_METHOD_GET, "i"},          {IPC_METHOD_SET, "iv"},
    {IPC_METHOD_DELETE, "i"},       {IPC_METHOD_CONTAINS, "v"},     {IPC_METHOD_CLEAR, ""},
    {IPC_METHOD_POP, "?i"},         {IPC_METHOD_INCREMENT, "in"},   {IPC_METHOD_COMPARE_SET, "imm"},
    {IPC_METHOD_COPY, ""},          {IPC_METHOD_GET_SLICE, "sss"},  {IPC_METHOD_SET_SLICE, "sssq"},
    {IPC_METHOD_SET_SLICE, "sssq"}, {IPC_METHOD_SET_SLICE, "sssq"}, {IPC_METHOD_DELETE_SLICE, "sss"},
    {IPC_METHOD_APPEND, "v"},       {IPC_METHOD_APPEND, "v"},       {IPC_METHOD_APPEND, "v"},
    {IPC_METHOD_EXTEND, "q"},       {IPC_METHOD_EXTEND, "q"},       {IPC_METHOD_INSERT, "iv"},
    {IPC_METHOD_INSERT, "iv"},      {IPC_METHOD_REMOVE, "v"},       {IPC_METHOD_INDEX, "v?ii"},
    {IPC_METHOD_COUNT, "v"},        {IPC_METHOD_REVERSE, ""},       {IPC_METHOD_SORT, "b"},
    {IPC_METHOD_REPEAT, "t"},
};
static const box_method array_methods[] = {
    {IPC_METHOD_LENGTH, ""},        {IPC_METHOD_GET, "i"},         {IPC_METHOD_SET, "in"},
    {IPC_METHOD_SET, "in"},         {IPC_METHOD_INCREMENT, "in"},  {IPC_METHOD_COMPARE_SET, "imm"},
    {IPC_METHOD_COPY, ""},          {IPC_METHOD_GET_SLICE, "sss"}, {IPC_METHOD_SET_SLICE, "sssq"},
    {IPC_METHOD_SET_SLICE, "sssq"},
};

static const box_method *methods_of(const box_object *object, size_t *count)
{
    if (object->type <= BOX_NAMESPACE) {
        *count = sizeof dict_methods / sizeof dict_methods[0];
        return dict_methods;
    }
    if (object->type == BOX_LIST) {
        *count = sizeof list_methods / sizeof list_methods[0];
        return list_methods;
    }
    *count = sizeof array_methods / sizeof array_methods[0];
    return array_methods;
}

void box_method_arguments(const box_object *object, unsigned method, uint32_t *least, uint32_t *most)
{
    size_t count;
    const box_method *methods = methods_of(object, &count);
    size_t at = 0;
    while (methods[at].number != method) {
        at++;
    }
    const char *optional = strchr(methods[at].shape, '?');
    *most = (uint32_t)strlen(methods[at].shape) - (optional != NULL);
    *least = optional ? (uint32_t)(optional - methods[at].shape) : *most;
}

bool box_method_stores(unsigned method)
{
    switch (method) {
    case IPC_METHOD_SET:
    case IPC_METHOD_SET_DEFAULT:
    case IPC_METHOD_INCREMENT:
    case IPC_METHOD_COMPARE_SET:
    case IPC_METHOD_UPDATE:
    case IPC_METHOD_SET_SLICE:
    case IPC_METHOD_APPEND:
    case IPC_METHOD_EXTEND:
    case IPC_METHOD_INSERT:
    case IPC_METHOD_REPEAT:
        return true;
    default:
        return false;
    }
}

static const box_value *some_value(const box_object *object)
{
    return object->count && box_draw(2) ? object->values[box_draw(object->count)] : box_draw_value(1);
}

/* Mostly one that is there; of a namespace a text. */
static const box_value *some_key(const box_object *object)
{
    if (object->count && box_draw(2)) {
        return object->keys[box_draw(object->count)];
    }
    const box_value *key = box_draw_scalar(box_draw);
    for (int i = 0; i < 12 && object->type == BOX_NAMESPACE && !box_is_text(key); i++) {
        key = box_draw_scalar(box_draw);
    }
    return key;
}

static const box_value *some_bound(const box_object *object)
{
    uint64_t choice = box_draw(12);
    static const box_value null = {.kind = BOX_ATOM, .hex = "c0", .family = '0'};
    if (choice < 4) {
        return &null;
    }
    return choice == 4 ? box_draw_scalar(box_draw)
                       : box_int((int64_t)box_draw(2 * object->count + 5) - object->count - 2);
}

static const box_value *some_sequence(const box_object *object, uint32_t count)
{
    if (object->type >= BOX_ARRAY && box_draw(8)) {
        box_value *sequence = box_value_new(BOX_SEQUENCE);
        for (; sequence->count < count && sequence->count < BOX_INSIDE; sequence->count++) {
            sequence->inside[sequence->count] = box_int((int64_t)box_draw(9));
        }
        return sequence;
    }
    return draw_sequence(1, count);
}

/* As many as the slice has, mostly. */
static const box_value *values_for_slice(const box_call *call)
{
    box_slice slice;
    uint32_t count = (uint32_t)box_draw(4);
    if (box_draw(3) && box_argument_slice(call, &slice) == IPC_OK) {
        count = slice.count;
    }
    return some_sequence(call->object, count);
}

static const box_value *some_keys(const box_object *object)
{
    box_value *keys = box_value_new(BOX_SEQUENCE);
    for (uint32_t count = (uint32_t)box_draw(5); keys->count < count; keys->count++) {
        keys->inside[keys->count] = some_key(object);
    }
    return keys;
}

static const box_value *some_map(const box_object *object)
{
    if (object->type == BOX_DICT || box_draw(4) == 0) {
        return draw_map(1);
    }
    box_value *map = box_value_new(BOX_MAP);
    const box_value *key = some_key(object);
    if (box_is_key(key)) {
        map->inside[0] = key;
        map->inside[1] = box_draw_value(1);
        map->count = 2;
    }
    return map;
}

static const box_value *some_maybe(const box_object *object)
{
    box_value *maybe = box_value_new(BOX_SEQUENCE);
    if (box_draw(4)) {
        maybe->inside[maybe->count++] = some_value(object);
    }
    return maybe;
}

/* How often a list is repeated, so that the model has room for it. */
static const box_value *some_times(const box_object *object)
{
    static const box_value huge = {.kind = BOX_NUMBER, .hex = "cf7fffffffffffffff", .number = 0x7fffffffffffffffL};
    uint64_t choice = box_draw(10);
    if (choice == 0) {
        return &huge;
    }
    return box_int(choice < 3 ? (int64_t)choice - 2 : object->count * 3 > 2 * FULL ? 2 : (int64_t)choice % 2 + 2);
}

static const box_value *draw_argument(const box_call *call, char letter)
{
    const box_object *object = call->object;
    switch (letter) {
    case 'k':
        return some_key(object);
    case 'v':
        return some_value(object);
    case 'i':
        return box_draw(16) ? box_int((int64_t)box_draw(2 * object->count + 3) - object->count - 1)
                            : box_draw_scalar(box_draw);
    case 'n':
        return box_draw(3) ? box_int((int64_t)box_draw(300) - 100) : some_value(object);
    case 'm':
        return some_maybe(object);
    case 's':
        return some_bound(object);
    case 'q':
        return call->count == 3 ? values_for_slice(call) : some_sequence(object, (uint32_t)box_draw(6));
    case 'K':
        return some_keys(object);
    case 'u':
        return some_map(object);
    case 't':
        return some_times(object);
    default: {
        box_value *truth = box_value_new(BOX_NUMBER);
        bool is = box_draw(2);
        *truth = (box_value){.kind = BOX_NUMBER, .form = BOX_BOOL, .hex = is ? "c3" : "c2", .number = is};
        return truth;
    }
    }
}

bool box_draw_call(box_call *call, box_object *object)
{
    size_t count;
    const box_method *methods = methods_of(object, &count);
    const box_method *method = &methods[box_draw(count)];
    if (method->number == IPC_METHOD_CLEAR && box_draw(4)) {
        return false; /* something has to become long */
    }
    bool grows = object->count > FULL && object->type == BOX_LIST && box_method_stores(method->number);
    if (grows || (method->number == IPC_METHOD_SORT && box_can_sort(object->values, object->count) == BOX_EITHER)) {
        return false;
    }
    call->object = object;
    call->method = method->number;
    call->count = 0;
    call->told_count = 0;
    ipc__buf_reset(&call->result);
    bool optional = false;
    for (const char *letter = method->shape; *letter; letter++) {
        optional = optional || *letter == '?';
        if (optional && *letter != '?' && box_draw(2)) {
            break;
        }
        if (*letter != '?') {
            bool odd = *letter != 't' && box_draw(40) == 0;
            const box_value *argument = odd ? box_draw_value(1) : draw_argument(call, *letter);
            call->arguments[call->count++] = argument;
        }
    }
    return true;
}
